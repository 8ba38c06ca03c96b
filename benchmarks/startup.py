"""CPU seconds of a cold regeneration and of the imports, each in a process of its own: medians with their spread.

    python benchmarks/startup.py [--runs 5]

Goals: regeneration of the textbook chain 15 s; `import generated` 0.05 s beyond NumPy; `import derive` 1 s.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile


def cpu(*arguments: str) -> float:
    """User and system seconds of one Python process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def regeneration() -> float:
    with tempfile.TemporaryDirectory() as folder:
        return cpu("-m", "derive", "--to", folder)


def measured(runs: int) -> dict[str, dict[str, float]]:
    """Interleaved, so that a slow minute of the machine falls on all of them."""
    rows: dict[str, list[float]] = {"regeneration": [], "numpy": [], "generated": [], "derive": []}
    for _ in range(runs):
        rows["regeneration"].append(regeneration())
        for name in ("numpy", "generated", "derive"):
            code = "import numpy" if name == "numpy" else f"import numpy, {name}"
            rows[name].append(cpu("-c", code))
    return {
        name: {"median": statistics.median(seconds), "least": min(seconds), "most": max(seconds)}
        for name, seconds in rows.items()
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    found = measured(parser.parse_args().runs)
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    print(json.dumps({"machine": machine, "cpu_seconds": found}, indent=2))
