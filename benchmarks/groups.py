"""Seconds of CPU that finite groups take: orbits of pairs, and layers derived with their proofs; each in a process of its own.

    python benchmarks/groups.py [--runs 5] [--write]

Goals: the invariants of S6 on T² -> T² (15) and of the 48-sticker cube on V -> V (9) within 0.1 s each, the layers derived
and proved too, p4 on a 64×64 torus from regular to regular within 2 s, and p4 of a 256×256 torus as permutations of 65 536
points within 10 s and 1 GB. What is timed is the computation after the imports. `--write` keeps the figures in
docs/performance/groups.json, and as a page beside it.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "performance"
_FINITE = "from derive.groups._finite import cyclic, defining, p4, pair_orbits, regular, rubiks_cube, symmetric"
# Public names load when they are asked for, and the solver when it is first used.
_LAYER = "import z3; from derive import Permutations, dense, equivariant, rubiks_cube, symmetric; from derive.rules import _tabled"
_TURNED = "defining(p4(64)) * regular(cyclic(4)).inflate(before=2)"

# What is imported, what is timed, the number that must come out of it, and the goal in seconds.
ROWS: dict[str, tuple[str, str, int, float | None]] = {
    "S6 on T² → T², orbits of pairs": (
        _FINITE,
        "T = defining(symmetric(6)).power(2); found = pair_orbits(T, T).count",
        15,
        0.1,
    ),
    "Rubik's cube on V → V, orbits of pairs": (
        _FINITE,
        "V = defining(rubiks_cube()); found = pair_orbits(V, V).count",
        9,
        0.1,
    ),
    "p4 on a 64×64 torus, regular to regular": (_FINITE, f"G = {_TURNED}; found = pair_orbits(G, G).count", 16384, 2.0),
    "p4 of a 256×256 torus, as permutations": (
        _FINITE,
        "G = defining(p4(256)); found = pair_orbits(G, G).count",
        (65_536 + 2 + 4 + 2) // 4,
        10.0,
    ),
    "S6 on T² → T², a layer derived and proved": (
        _LAYER,
        "T = Permutations(symmetric(6), axes=(0, 1)); "
        "L = dense(outputs=(6, 6), inputs=(6, 6)).then(equivariant(T)); "
        "assert all(v.proved for v in L.verdicts); found = int(L.free_parameters['weight'])",
        15,
        0.1,
    ),
    "Rubik's cube on V → V, a layer derived and proved": (
        _LAYER,
        "C = Permutations(rubiks_cube()); "
        "L = dense(outputs=48, inputs=48).then(equivariant(C)); "
        "assert all(v.proved for v in L.verdicts); found = int(L.free_parameters['weight'])",
        9,
        0.1,
    ),
}
_RUN = """
import json, resource, time
{imports}
begun = time.process_time()
{work}
spent = time.process_time() - begun
assert found == {wanted}, found
print(json.dumps([spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def measured(imports: str, work: str, wanted: int) -> tuple[float, float]:
    """CPU seconds of the work, and the most megabytes that the process held."""
    text = _RUN.format(imports=imports, work=work, wanted=wanted)
    ran = subprocess.run([sys.executable, "-c", text], check=True, capture_output=True, text=True, cwd=ROOT)
    spent, held = json.loads(ran.stdout)
    return float(spent), float(held)


def figures(runs: int) -> dict[str, Any]:
    """Medians of several runs of each row."""
    rows = {}
    for name, (imports, work, wanted, goal) in ROWS.items():
        found = [measured(imports, work, wanted) for _ in range(runs)]
        rows[name] = {
            "seconds": statistics.median(s for s, _ in found),
            "slowest": max(s for s, _ in found),
            "megabytes": max(m for _, m in found),
            "goal": goal,
            "orbits": wanted,
        }
        print(f"{name}: {rows[name]['seconds']:.3f} s", flush=True)
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    return {"date": datetime.now(UTC).date().isoformat(), "machine": machine, "runs": runs, "rows": rows}


def page(held: dict[str, Any]) -> str:
    """The figures in words."""
    lines = [
        "# How long finite groups take",
        "",
        f"Medians of {held['runs']} runs on {held['machine']}, {held['date']}: seconds of CPU after the imports, each in a process",
        "of its own, and the most memory that it held (`python benchmarks/groups.py --write`). Each result is compared with the",
        "number that it must be.",
        "",
        "| work | orbits | seconds | slowest | goal | MB held |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in held["rows"].items():
        goal = "" if row["goal"] is None else f"{row['goal']:g}"
        lines.append(
            f"| {name} | {row['orbits']} | {row['seconds']:.3f} | {row['slowest']:.3f} | {goal} | {row['megabytes']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Time, print, and keep where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    held = figures(asked.runs)
    if asked.write:
        (FOLDER / "groups.json").write_text(json.dumps(held, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (FOLDER / "groups.md").write_text(page(held), encoding="utf-8")


if __name__ == "__main__":
    main()
