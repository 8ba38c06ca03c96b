"""Seconds of a regeneration, cold and when nothing has changed, and of the imports, each in a process of its own.

    python benchmarks/startup.py [--runs 5] [--write]

Goals: 60 s of CPU for the whole catalogue and 1.5 s a layer, processes and proofs shared between them included; 2 s from start to
end when nothing has changed; `import generated` 0.05 s beyond NumPy; `import derive` 1 s. `--write` keeps the figures in
docs/performance/startup.json, and as a page beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "performance"
ROWS = {
    "cold, one process": "everything made by one process",
    "cold": "everything made, one process a processor",
    "a layer": "the same, divided by the number of layers",
    "one layer changed": "one layer to be made, all others remembered",
    "unchanged": "nothing changed",
    "import numpy": "`import numpy`",
    "import generated": "`import numpy, generated`",
    "import derive": "`import derive`, and all its names",
}


def seconds(*arguments: str, **variables: str) -> tuple[float, float]:
    """CPU seconds of one Python process and its children, and seconds from start to end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment, cwd=ROOT)
    after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, ended - begun


def layers() -> list[str]:
    """The names in the catalogue."""
    return sorted(p.stem for p in (ROOT / "derive" / "catalogue").glob("*.py") if not p.stem.startswith("_"))


def regenerations() -> Iterator[tuple[str, tuple[float, float]]]:
    """Into an empty folder with an empty cache, and again."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache:
        run = ("-m", "derive", "--to", folder)
        yield "cold, one process", seconds(*run, "--no-cache", "--jobs", "1")
        cold = seconds(*run, DERIVE_CACHE_DIR=cache)
        yield "cold", cold
        yield "a layer", (cold[0] / len(layers()), cold[1] / len(layers()))
        yield "unchanged", seconds(*run, DERIVE_CACHE_DIR=cache)
        newest = max(Path(cache).iterdir(), key=lambda p: p.stat().st_mtime)
        newest.unlink()
        yield "one layer changed", seconds(*run, DERIVE_CACHE_DIR=cache)


def imports() -> Iterator[tuple[str, tuple[float, float]]]:
    """Loading the packages."""
    for name in ("numpy", "generated"):
        yield f"import {name}", seconds("-c", "import numpy" if name == "numpy" else f"import numpy, {name}")
    yield "import derive", seconds("-c", "from derive import *")


def measured(runs: int) -> dict[str, Any]:
    """Interleaved, so that a slow minute of the machine falls on all of them."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ROWS}
    for _ in range(runs):
        for name, pair in (*regenerations(), *imports()):
            found[name].append(pair)
    return {
        "machine": machine(),
        "runs": runs,
        "layers": len(layers()),
        "seconds": {
            name: {"cpu": spread(p[0] for p in pairs), "wall": spread(p[1] for p in pairs)}
            for name, pairs in found.items()
        },
    }


def spread(values: Iterator[float]) -> dict[str, float]:
    """Median, least and most."""
    all_of_them = sorted(values)
    median = statistics.median(all_of_them)
    return {"median": round(median, 3), "least": round(all_of_them[0], 3), "most": round(all_of_them[-1], 3)}


def machine() -> str:
    """What the figures were taken on, and how busy it was."""
    name = platform.machine()
    if Path("/proc/cpuinfo").is_file():
        models = [
            line for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if "model name" in line
        ]
        name = models[0].partition(":")[2].strip() if models else name
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return f"{name}, {cores} processors, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"


def page(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        "<!-- Made by `python benchmarks/startup.py --write` from startup.json. Do not edit. -->",
        "",
        "# Starting and regenerating",
        "",
        f"{figures['layers']} layers; medians of {figures['runs']} runs, least to most in brackets, in seconds.",
        f"Machine: {figures['machine']}.",
        "They are of that machine, as busy as it was; `--write` measures another one.",
        "",
        "| | CPU | start to end |",
        "|---|---|---|",
    ]
    for name, says in ROWS.items():
        cells = [figures["seconds"][name][kind] for kind in ("cpu", "wall")]
        text = " | ".join(f"{c['median']:.2f} ({c['least']:.2f} to {c['most']:.2f})" for c in cells)
        lines.append(f"| {says} | {text} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="keep the figures in docs/performance")
    options = parser.parse_args()
    figures = measured(options.runs)
    print(json.dumps(figures, indent=2))
    if options.write:
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / "startup.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        (FOLDER / "startup.md").write_text(page(figures), encoding="utf-8")
