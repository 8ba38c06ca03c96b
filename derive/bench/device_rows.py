"""What is timed on a device, against whom, and the goals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from derive.bench.problem import Arrays, Problem

__all__ = ["ROWS", "DeviceRow", "participants"]

Call = Callable[[], Any]
_IMAGE = (4096, 4096)


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A line: `limit` is what a device gives at most, "copy" or "gemm", and `share` the part of it that is the goal.

    `faster` is how many times faster than `peer` the goal is. `by` names an array for the gradient by which is timed.
    """

    name: str
    problem: Problem
    limit: str
    share: float | None = None
    peer: str = ""
    faster: float | None = None
    by: str = ""


def _channels(name: str, layer: str, side: int, channels: tuple[int, int], batch: int, window: int = 3) -> DeviceRow:
    posed = Problem(layer, (side, side), (window, window), channels=channels, batch=batch)
    return DeviceRow(name, posed, "gemm", 0.5, "torch", 0.8)


ROWS: tuple[DeviceRow, ...] = (
    *(
        DeviceRow(f"{k}x{k}", Problem("conv2d", _IMAGE, (k, k)), "copy", share, "cupyx.scipy.ndimage", 3.0)
        for k, share in ((3, 0.8), (5, 0.8), (7, 0.6), (9, 0.6))
    ),
    *(
        DeviceRow(f"separable-{k}", Problem("separable2d", _IMAGE, (k, k), separable=True), "copy", 0.7)
        for k in (5, 11)
    ),
    DeviceRow("volume-3x3x3", Problem("conv3d", (256, 256, 256), (3, 3, 3)), "copy", None, "cupyx.scipy.ndimage"),
    _channels("64to64-56x56", "conv2d_channels", 56, (64, 64), 32),
    _channels("128to128-28x28", "conv2d_channels", 28, (128, 128), 32),
    _channels("256to256-14x14", "conv2d_channels", 14, (256, 256), 32),
    _channels("1x1-64to256", "pointwise2d", 56, (64, 256), 32, window=1),
    DeviceRow("gradient-by-V-3x3", Problem("conv2d", _IMAGE, (3, 3)), "copy", 0.6, by="V"),
)


def participants(row: DeviceRow, cupy: Any, given: Arrays, sets: int) -> Iterator[tuple[str, Any]]:
    """Each by its name with its calls, one a set of arrays, or with the reason why there are none."""
    data = [cupy.asarray(given.X) for _ in range(sets)]
    yield "derive", _ours(row, cupy, given, data)
    if row.by:
        return
    single = row.problem.channels is None and not row.problem.separable
    if single:
        yield "cupyx.scipy.ndimage", _ndimage(cupy, given, data)
        yield "cupyx.scipy.signal", _signal(cupy, given, data)
    if not row.problem.separable:
        for name, allowed in (("torch", False), ("torch TF32", True)):
            yield name, _torch(row.problem, given, data, allowed)


def _ours(row: DeviceRow, cupy: Any, given: Arrays, data: list[Any]) -> list[Call]:
    problem = row.problem
    layer = str(problem.layer)
    kernel = getattr(import_module(f"generated.cupy.{layer}"), layer)
    pointwise = problem.channels is not None and set(problem.window) == {1}
    weights = (
        (factor[None] for factor in given.factors) if problem.separable else [given.V[0, 0] if pointwise else given.V]
    )
    rest = [cupy.asarray(np.asarray(w, problem.dtype)) for w in (*weights, given.u)]
    results = [cupy.empty(problem.result_shape, problem.dtype) for _ in data]
    if not row.by:
        return [_bound(kernel, X, *rest, out=H) for X, H in zip(data, results, strict=True)]
    gradient = kernel.gradients[row.by]
    shapes = {"X": data[0], "V": rest[0], "u": rest[-1]}
    made = cupy.empty(shapes[row.by].shape, problem.dtype)
    known = [{"X": X, "G": H, "V": rest[0]} for X, H in zip(data, results, strict=True)]
    for H in results:
        H[...] = 1
    plan = kernel.plan(data[0].shape, *rest)
    runtime = import_module("generated._runtime.designs")
    chosen = runtime.choose_design(gradient, plan.sizes, plan.types)
    told = (made, plan.sizes, plan.types)
    return [_bound(runtime.run_chosen, kernel, gradient, row.by, chosen, own, *told) for own in known]


def _bound(function: Any, *arguments: Any, **named: Any) -> Call:
    return lambda: function(*arguments, **named)


def _ndimage(cupy: Any, given: Arrays, data: list[Any]) -> Any:
    try:
        ndimage = import_module("cupyx.scipy.ndimage")
    except ImportError:
        return "cupyx is not installed"
    V = cupy.asarray(given.V)
    return [_bound(ndimage.correlate, X, V, output=cupy.empty_like(X), mode="constant") for X in data]


def _signal(cupy: Any, given: Arrays, data: list[Any]) -> Any:
    try:
        signal = import_module("cupyx.scipy.signal")
    except ImportError:
        return "cupyx is not installed"
    V = cupy.asarray(given.V)
    return [_bound(signal.correlate, X, V, mode="same") for X in data]


def _torch(problem: Problem, given: Arrays, data: list[Any], allowed: bool) -> Any:
    """cuDNN's choice, channels first, for float32 with and without tensor cores that round to TF32."""
    try:
        torch: Any = import_module("torch")
    except ImportError:
        return "torch is not installed"
    if not torch.cuda.is_available():
        return "torch finds no device"
    rank = len(problem.grid)
    torch.backends.cudnn.benchmark = True
    V = given.V if problem.channels is not None else given.V[..., None, None]
    order = (V.ndim - 1, V.ndim - 2, *range(V.ndim - 2))
    v = torch.from_numpy(np.ascontiguousarray(V.transpose(order))).cuda()
    u = None if problem.channels is None else torch.from_numpy(np.ascontiguousarray(given.u)).cuda()
    tensors = [torch.from_dlpack(X) for X in data]
    tensors = [x if problem.channels is not None else x[..., None] for x in tensors]
    tensors = [(x if problem.batch is not None else x[None]).movedim(-1, 1).contiguous() for x in tensors]
    convolve, padding = getattr(torch, f"conv{rank}d"), tuple(side // 2 for side in problem.window)

    def call(x: Any) -> Any:
        torch.backends.cudnn.allow_tf32 = allowed
        with torch.no_grad():
            return convolve(x, v, u, padding=padding)

    return [_bound(call, x) for x in tensors]
