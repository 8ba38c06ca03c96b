"""How long gradients of layers take on NumPy, beside sums as they are written and torch, one thread each by CPU time.

Torch comes with the extra `bench`. Results are compared before they are timed; all take turns. Set OPENBLAS_NUM_THREADS=1 for it.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

import derive
from derive.runtime.planning import candidates, places_of, run_staged

FOLDER = Path(__file__).parents[1] / "docs" / "performance"

# what a layer is told, the shape of X, and of the window
ROWS: dict[str, tuple[dict[str, Any], tuple[int, ...], tuple[int, ...]]] = {
    "9 taps on 10⁶": ({"kernel": 9, "rank": 1, "channels": False}, (10**6,), (9,)),
    "3×3 on 1024×1024": ({"channels": False}, (1024, 1024), (3, 3)),
    "7×7 on 1024×1024": ({"kernel": 7, "channels": False}, (1024, 1024), (7, 7)),
    "7×7 on 1024×1024, stride 2": ({"kernel": 7, "stride": 2, "channels": False}, (1024, 1024), (7, 7)),
    "3×3, 64→64 on 56×56, stride 2": ({"stride": 2}, (1, 56, 56, 64), (3, 3, 64, 64)),
    "7×7, 3→64 on 224×224, stride 2": ({"kernel": 7, "stride": 2}, (1, 224, 224, 3), (7, 7, 3, 64)),
    "3×3, 128 channels of their own on 56×56": ({"groups": "depthwise"}, (1, 56, 56, 128), (3, 3, 128)),
    "3×3, 128 channels of their own, stride 2": ({"groups": "depthwise", "stride": 2}, (1, 56, 56, 128), (3, 3, 128)),
}


def _torch(told: dict[str, Any], X: Any, V: Any, G: Any) -> dict[str, Callable[[], Any]]:
    """Torch's gradients, as arrays of the shapes of X and V."""
    channels, stride = told.get("channels", True), told.get("stride", 1)
    alone = told.get("groups") == "depthwise"
    if channels:
        x, g = (np.ascontiguousarray(a.transpose(0, 3, 1, 2)) for a in (X, G))
        v = V.transpose(2, 0, 1)[:, None] if alone else V.transpose(3, 2, 0, 1)
    else:
        x, v, g = (a[None, None] for a in (X, V, G))
    x, v, g = (torch.from_numpy(np.ascontiguousarray(a)) for a in (x, v, g))
    x.requires_grad_(True)
    v.requires_grad_(True)
    convolve = torch.nn.functional.conv1d if X.ndim == 1 else torch.nn.functional.conv2d
    h = convolve(x, v, stride=stride, padding=V.shape[0] // 2, groups=X.shape[-1] if alone else 1)

    def found(by: Any, shape: Callable[[Any], Any]) -> Callable[[], Any]:
        return lambda: shape(torch.autograd.grad(h, [by], g, retain_graph=True)[0].numpy())

    if not channels:
        return {"X": found(x, lambda a: a[0, 0]), "V": found(v, lambda a: a[0, 0])}
    weights = (lambda a: a[:, 0].transpose(1, 2, 0)) if alone else (lambda a: a.transpose(2, 3, 1, 0))
    return {"X": found(x, lambda a: a.transpose(0, 2, 3, 1)), "V": found(v, weights)}


def _ours(kernel: Any, by: str, arrays: dict[str, Any], u: Any) -> tuple[str, Callable[[], Any], Callable[[], Any]]:
    """The algorithm that a call takes, that gradient alone, and the same as sums that are written out."""
    made, result = kernel.gradients[by], np.empty_like(arrays[by])
    signature = kernel._with_cotangent()
    _, _, fit = kernel._read(signature, (arrays["X"], arrays["V"], u, arrays["G"]), {})
    sizes = kernel.sizes_of(fit)
    found = candidates(made.algorithms, made.work, sizes, 4, strict=False, fixed=True)
    flat = {name: kernel.flat(name, array) for name, array in arrays.items()}
    out = kernel.flat(by, result)

    def direct() -> Any:
        made.body(*(arrays[name] for name in made.arrays), result, lambda shape: np.empty(shape, result.dtype))
        return result

    if not found or found[0].choice.algorithm is None:
        return "direct", direct, direct
    choice = found[0].choice

    def quick() -> Any:
        run_staged(choice, flat, out, sizes, places_of(choice, out))
        return result

    return choice.name, quick, direct


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


def figures(seconds: float) -> dict[str, Any]:
    """Every row, by both arrays."""
    torch.set_num_threads(1)
    draw, rows = np.random.default_rng(0), []
    for name, (told, shape, window) in ROWS.items():
        kernel = derive.convolution(**told).compile().kernel
        X, V = (np.asarray(draw.standard_normal(s), np.float32) for s in (shape, window))
        u = np.zeros(window[-1] if told.get("channels", True) else (), np.float32)
        G = np.asarray(draw.standard_normal(kernel(X, V, u).shape), np.float32)
        peers = _torch(told, X, V, G)
        for by in ("X", "V"):
            algorithm, ours, direct = _ours(kernel, by, {"X": X, "V": V, "G": G}, u)
            wanted = peers[by]()
            for call in (ours, direct):
                assert np.abs(call() - wanted).max() <= 1e-3 * np.abs(wanted).max(), (name, by)
            mine, plain, torchs = _timed([ours, direct, peers[by]], seconds)
            rows.append({"name": name, "by": by, "algorithm": algorithm, "ms": mine, "direct": plain, "torch": torchs})
            print(rows[-1], flush=True)
    machine = (
        f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}, torch {torch.__version__}"
    )
    return {"date": datetime.now(UTC).date().isoformat(), "machine": machine, "rows": rows}


def page(held: dict[str, Any]) -> str:
    """The figures in words."""
    lines = [
        "# How long gradients take on NumPy",
        "",
        f"Medians in milliseconds of CPU, one thread, float32, on {held['machine']}, {held['where']}, {held['date']}",
        "(`python benchmarks/gradients.py --write`). 'Written out' are the sums of the formula, slice by slice; torch's layout is",
        "channels first. Results of all three are compared before they are timed.",
        "",
        "| layer | by | algorithm | ms | written out | torch | ours ÷ torch |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in held["rows"]:
        ratio = row["ms"] / row["torch"]
        figures = " | ".join(f"{row[key]:.2f}" for key in ("ms", "direct", "torch"))
        lines.append(f"| {row['name']} | {row['by']} | `{row['algorithm']}` | {figures} | {ratio:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Time, print, and keep where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=1.5, help="how long a row is timed")
    parser.add_argument("--where", default="a processor that isn't named", help="the machine, in words")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    held = {"where": asked.where, **figures(asked.seconds)}
    if asked.write:
        (FOLDER / "gradients.json").write_text(json.dumps(held, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (FOLDER / "gradients.md").write_text(page(held), encoding="utf-8")


if __name__ == "__main__":
    main()
