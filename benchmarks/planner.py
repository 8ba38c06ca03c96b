"""How well plans choose: every candidate of random problems timed beside the one that was chosen.

    python benchmarks/planner.py [--problems 200] [--seed 0] [--write] [--as NAME]

Goals: the chosen algorithm within 10 % of the quickest candidate in the median, and never 1.5 times as slow. The problems are drawn
from shipped layers, with sizes, windows, channels, batches and types that no table names. One thread, CPU time, candidates timed in
turns; so is what a machine that was never calibrated would choose. `--write` keeps the figures in docs/performance/planner.json, or
in planner-NAME.json those of another machine, and makes the page of all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

import generated
from generated._runtime import machine as runtime
from generated._runtime.plan import make_plan

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "performance"
BUDGET = 0.25  # seconds a candidate
COMMAND = "(`python benchmarks/planner.py --write`)"

Problem = dict[str, Any]


def _plain(draw: random.Random, rank: int, largest: int) -> tuple[tuple[int, ...], int]:
    """Sides of an image of about `largest` cells at most, and an odd window."""
    side = (largest ** (1 / rank)) * draw.uniform(0.1, 1.0)
    shape = tuple(max(4, int(side * draw.uniform(0.5, 1.5))) for _ in range(rank))
    return shape, draw.choice([0, 1, 1, 1, 2, 2, 3, 4, 5, 7] if rank < 3 else [1, 1, 2])


def _single(name: str, rank: int) -> Callable[[random.Random], Problem]:
    def problem(draw: random.Random) -> Problem:
        shape, radius = _plain(draw, rank, draw.choice([1_000, 30_000, 300_000, 2_000_000]))
        batch = draw.choice([(), (), (3,)])
        return {"layer": name, "X": (*batch, *shape), "weights": [(2 * radius + 1,) * rank]}

    return problem


def _channels(draw: random.Random) -> Problem:
    side, radius = draw.choice([5, 9, 17, 33, 60]), draw.choice([0, 1, 1, 1, 2, 3])
    c, d = (draw.choice([1, 3, 8, 20, 48, 100, 200]) for _ in range(2))
    batch = draw.choice([(), (2,), (5,)])
    return {"layer": "conv2d_channels", "X": (*batch, side, side + 2, c), "weights": [(2 * radius + 1,) * 2 + (c, d)]}


def _depthwise(draw: random.Random) -> Problem:
    side, radius, d = draw.choice([7, 20, 50, 90]), draw.choice([1, 1, 2]), draw.choice([2, 16, 50, 130])
    return {"layer": "depthwise2d", "X": (side, side + 3, d), "weights": [(2 * radius + 1,) * 2 + (d,)]}


def _separable(draw: random.Random) -> Problem:
    shape, radius = _plain(draw, 2, draw.choice([10_000, 1_000_000]))
    return {"layer": "separable2d", "X": shape, "weights": [(1, 2 * radius + 1)] * 2}


KINDS: tuple[Callable[[random.Random], Problem], ...] = (
    *(_single(name, 2) for name in ("conv2d", "strided2d", "dilated2d", "convolution2d")),
    *(_single("conv1d", 1), _single("conv3d", 3), _channels, _channels, _depthwise, _separable),
)


def problems(count: int, seed: int) -> Iterator[Problem]:
    """The same for the same seed. A full-offset layer gets its window from the image."""
    draw = random.Random(seed)
    for _ in range(count):
        problem = draw.choice(KINDS)(draw)
        if problem["layer"] == "convolution2d":
            n, m = (min(e, 40) for e in problem["X"][-2:])
            problem |= {"X": (n, m), "weights": [(2 * n - 1, 2 * m - 1)]}
        yield {**problem, "dtype": draw.choice(["float32", "float32", "float64"])}


def timed(plans: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Median CPU seconds of each, in turns; the slow ones a few times."""
    found: dict[str, list[float]] = {name: [] for name in plans}
    for run in plans.values():
        run()
    spent = 0.0
    while spent < BUDGET * len(plans) and min(map(len, found.values())) < 40:
        for name, run in plans.items():
            begun = time.thread_time()
            run()
            found[name].append(time.thread_time() - begun)
        spent = sum(map(sum, found.values()))
    return {name: statistics.median(times) for name, times in found.items()}


def figures(problem: Problem) -> dict[str, Any]:
    """What was chosen, calibrated and not, and how long each candidate took."""
    kernel = getattr(generated, problem["layer"]).numpy
    draw, kind = np.random.default_rng(0), np.dtype(problem["dtype"])
    weights = [draw.standard_normal(shape).astype(kind) for shape in problem["weights"]]
    X = draw.standard_normal(problem["X"]).astype(kind)
    chosen = kernel.plan(X.shape, *weights, dtype=kind)
    given = (*weights, *(None for _ in kernel.arguments[1 + len(weights) :]))
    guessed = make_plan(kernel, X.shape, given, kind, held=uncalibrated())
    names = [c.choice.name for c in chosen.explain().candidates]
    predicted = {c.choice.name: c.seconds for c in chosen.explain().candidates}
    near = [n for n in names if predicted[n] < 20 * min(predicted.values())]
    plans = {n: kernel.plan(X.shape, *weights, dtype=kind, algorithm=n) for n in near}
    knobs = {c.choice.name: c.choice.knobs for c in chosen.explain().candidates}
    plans = {n: p for n, p in plans.items() if p.choice.knobs == knobs[n]}  # by name, bounds of errors may be larger
    plans[chosen.algorithm] = chosen
    same = plans.get(guessed.algorithm)
    where = guessed.algorithm if same is not None and same.choice.knobs == guessed.choice.knobs else "guessed"
    plans.setdefault(where, guessed)
    out = np.empty(chosen.result, kind)
    times = timed({n: (lambda p=p: p(X, out=out)) for n, p in plans.items()})
    least = min(times.values())
    supposing = {"chosen": guessed.algorithm, "ratio": times[where] / least}
    ratio = times[chosen.algorithm] / least
    found = {"chosen": chosen.algorithm, "ratio": ratio, "seconds": times, "predicted": predicted}
    return {**problem, **found, "guessed": supposing}


def uncalibrated() -> runtime.Machine:
    """What is supposed of this machine without a calibration."""
    return runtime.guess("never calibrated", runtime.features(), os.environ.get("OPENBLAS_CORETYPE", ""))


def page(every: list[dict[str, Any]]) -> str:
    """The figures in words."""
    lines = ["# How well plans choose", ""]
    for number, held in enumerate(every):
        kernels = f" with kernels for {held['kernels']}" if held.get("kernels") else ""
        load = f", load {held['load']:.0f}" if "load" in held else ""
        where = f"{held['machine']}{kernels}{load}, {held['date']}, NumPy {held['numpy']}"
        told = f"{len(held['problems'])} random problems on {where}"
        if number == 0:
            lines += [
                f"{told}: for each, every candidate was timed beside the one that",
                f"the plan chose {COMMAND}. The",
            ]
            lines[-1] += " chosen one took, as a multiple of the quickest:"
        else:
            lines += ["", f"The same for {told}:"]
        lines += ["", *_spread(held["problems"])]
    return "\n".join([*lines, "", *_worst(every[0]["problems"])]) + "\n"


def _spread(rows: list[dict[str, Any]]) -> list[str]:
    """The chosen one's times as multiples of the quickest's; and what would be chosen without calibration."""
    lines = _told([r["ratio"] for r in rows])
    if all("guessed" in r for r in rows):
        lines += ["", "Without calibration:", "", *_told([r["guessed"]["ratio"] for r in rows])]
    return lines


def _told(found: list[float]) -> list[str]:
    ratios = sorted(found)
    return [
        f"- median {statistics.median(ratios):.3f} (goal 1.10), nine in ten below {ratios[int(0.9 * len(ratios))]:.2f},"
        f" worst {ratios[-1]:.2f} (goal 1.5);",
        f"- {sum(r > 1.5 for r in ratios)} of {len(ratios)} above 1.5, {sum(r < 1.001 for r in ratios)} chose the quickest.",
    ]


def _worst(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "The worst of the first:",
        "",
        "| layer | X | window | type | chosen | times the quickest |",
        "|---|---|---|---|---|---|",
    ]
    for r in sorted(rows, key=lambda r: -r["ratio"])[:8]:
        lines.append(
            f"| {r['layer']} | {'×'.join(map(str, r['X']))} | {'×'.join(map(str, r['weights'][0]))} | {r['dtype']} "
            f"| {r['chosen']} | {r['ratio']:.2f} |"
        )
    return lines


def kept() -> list[dict[str, Any]]:
    """What was measured, on the first machine and on others."""
    files = [FOLDER / "planner.json", *sorted(FOLDER.glob("planner-*.json"))]
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def main() -> None:
    """Time, print, and keep where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--problems", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--as", dest="name", default="")
    asked = parser.parse_args()
    with threadpool_limits(1):
        rows = [figures(problem) for problem in problems(asked.problems, asked.seed)]
    held = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {runtime.processor()}, {os.cpu_count()} processors",
        "kernels": ", ".join(
            str(found.get("architecture")) for found in threadpool_info() if found["user_api"] == "blas"
        ),
        "load": os.getloadavg()[0],
        "constants": runtime.machine().source,
        "numpy": np.__version__,
        "problems": rows,
    }
    print(page([held]))
    if asked.write:
        file = f"planner-{asked.name}.json" if asked.name else "planner.json"
        (FOLDER / file).write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")
        (FOLDER / "planner.md").write_text(page(kept()), encoding="utf-8")


if __name__ == "__main__":
    main()
