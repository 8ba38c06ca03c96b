"""What strict accuracy costs a plan, and what a first plan and a first call take, one thread by CPU time.

    OPENBLAS_NUM_THREADS=1 python benchmarks/calls.py [--seconds 1.5] [--where MACHINE] [--write]

A strict plan is timed in turns with the default one and with a strict plan of the default's algorithm where that is admitted: what
the second takes longer is the test of each tile for numbers that aren't finite. `--write` keeps docs/performance/calls.json and
its page.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import generated

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "performance"

# a layer, the shape of X, and of the window
ROWS: dict[str, tuple[str, tuple[int, ...], tuple[int, ...]]] = {
    "3×3 on 1000×1000": ("conv2d", (1000, 1000), (3, 3)),
    "7×7 on 1000×1000": ("conv2d", (1000, 1000), (7, 7)),
    "31×31 on 1000×1000": ("conv2d", (1000, 1000), (31, 31)),
    "9 taps on 10⁶": ("conv1d", (10**6,), (9,)),
    "5×5 reflected on 1000×1000": ("reflect2d", (1000, 1000), (5, 5)),
    "3×3, 64→64 on 56×56": ("conv2d_channels", (1, 56, 56, 64), (3, 3, 64, 64)),
    "3×3, 128 channels of their own on 56×56": ("depthwise2d", (1, 56, 56, 128), (3, 3, 128)),
}
_COLD = """
import json, time
import numpy as np
import generated
layer, X = generated.{layer}, np.ones({shape}, np.float32)
V, u = np.ones({window}, np.float32), np.zeros({biases}, np.float32)
taken = []
for make in (lambda: layer.plan(X.shape, V, u), lambda: layer(X, V, u), lambda: layer(X, V, u)):
    began = time.process_time()
    made = make()
    taken.append(1e3 * (time.process_time() - began))
print(json.dumps(taken))
"""


def _biases(window: tuple[int, ...]) -> tuple[int, ...]:
    return window[-1:] if len(window) > 2 else ()


def _timed(calls: list[Callable[[], Any]], seconds: float) -> list[float]:
    """Medians of CPU time in milliseconds; the calls take turns."""
    taken: list[list[float]] = [[] for _ in calls]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(taken[0]) < 5:
        for call, times in zip(calls, taken, strict=True):
            began = time.process_time()
            call()
            times.append(1e3 * (time.process_time() - began))
    return [statistics.median(times[1:]) for times in taken]


def _strict(seconds: float) -> list[dict[str, Any]]:
    draw, rows = np.random.default_rng(0), []
    for name, (layer, shape, window) in ROWS.items():
        X, V = (np.asarray(draw.standard_normal(s), np.float32) for s in (shape, window))
        rows.append({"name": name, **_compared(getattr(generated, layer).numpy, X, V, seconds)})
        print(rows[-1], flush=True)
    return rows


def _compared(kernel: Any, X: Any, V: Any, seconds: float) -> dict[str, Any]:
    """The default plan, a strict one of its algorithm where that is admitted, and a strict one of its own choice."""
    u = np.zeros(_biases(V.shape), np.float32)
    default, strict = kernel.plan(X.shape, V, u), kernel.plan(X.shape, V, u, accuracy="strict")
    admitted = default.algorithm == "direct" or {a.name: a.strict for a in kernel.algorithms}.get(default.algorithm)
    same = kernel.plan(X.shape, V, u, accuracy="strict", algorithm=default.algorithm) if admitted else strict
    plans, out = (default, same, strict), np.empty_like(default(X))
    for plan in plans:
        assert (abs(plan(X) - default(X)) <= plan.error_bound(X) + default.error_bound(X)).all(), plan
    ms = _timed([partial(plan, X, out=out) for plan in plans], seconds)
    return {"algorithms": [plan.algorithm for plan in plans], "ms": ms, "admitted": bool(admitted)}


def _cold(runs: int = 3) -> list[dict[str, Any]]:
    """Medians over fresh processes: the first plan, the first call after it, and the second call."""
    rows = []
    for name, (layer, shape, window) in ROWS.items():
        text = _COLD.format(layer=layer, shape=shape, window=window, biases=_biases(window))
        told = [
            subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
            for _ in range(runs)
        ]
        taken = zip(*(json.loads(run.stdout) for run in told), strict=True)
        rows.append({"name": name, "ms": [statistics.median(times) for times in taken]})
        print(rows[-1], flush=True)
    return rows


def page(held: dict[str, Any]) -> str:
    """The figures in words."""
    lines = [
        "# What strict accuracy and first calls cost",
        "",
        f"Medians in milliseconds of CPU, one thread, float32, on {held['machine']}, {held['where']}, {held['date']}",
        "(`python benchmarks/calls.py --write`). A strict plan tests each tile of results for numbers that aren't finite, and",
        "takes no algorithm whose bound is larger than that of direct sums.",
        "",
        "| layer | default | ms | the same, strict | ÷ default | strict's own choice | ÷ default |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in held["strict"]:
        default, same, strict = row["ms"]
        test = (f"{same:.2f}", f"{same / default:.2f}") if row["admitted"] else ("not admitted", "-")
        first, _, last = row["algorithms"]
        own = f"`{last}` {strict:.2f} | {strict / default:.2f}"
        lines.append(f"| {row['name']} | `{first}` | {default:.2f} | {test[0]} | {test[1]} | {own} |")
    lines += [
        "",
        "In a fresh process, after `import generated`: the first plan, the first call of the layer after it, and the second call.",
        "",
        "| layer | first plan | first call | second call |",
        "|---|---|---|---|",
    ]
    lines += [f"| {row['name']} | " + " | ".join(f"{ms:.2f}" for ms in row["ms"]) + " |" for row in held["cold"]]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Time, print, and keep where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=1.5, help="how long a row is timed")
    parser.add_argument("--where", default="a processor that isn't named", help="the machine, in words")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    machine = f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}"
    today = datetime.now(UTC).date().isoformat()
    held = {"date": today, "machine": machine, "where": asked.where, "strict": _strict(asked.seconds), "cold": _cold()}
    if asked.write:
        (FOLDER / "calls.json").write_text(json.dumps(held, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (FOLDER / "calls.md").write_text(page(held), encoding="utf-8")


if __name__ == "__main__":
    main()
