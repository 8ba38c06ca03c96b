"""PyTorch's convolutions on the CPU, in both memory layouts; they allocate their results."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from derive.bench.peers._family import Family, Participant
from derive.bench.problem import Arrays, Problem

__all__ = ["torch"]


def _start(threads: int) -> None:
    torch: Any = import_module("torch")
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)


def _convolution(last: bool, problem: Problem, given: Arrays, threads: int) -> Participant:
    torch: Any = import_module("torch")
    rank = len(problem.grid)
    x, v = _tensors(problem, given)
    groups = problem.channels[0] if problem.channels is not None and problem.depthwise else 1
    if last:
        layout = torch.channels_last if rank == 2 else torch.channels_last_3d
        x, v = x.contiguous(memory_format=layout), v.contiguous(memory_format=layout)
    u = None if problem.channels is None else torch.from_numpy(given.u.copy())
    function = getattr(torch, f"conv{rank}d")
    padding = tuple(side // 2 for side in problem.window)

    def call() -> Any:
        return function(x, v, u, stride=problem.stride, padding=padding, groups=groups)

    def read(made: Any) -> np.ndarray:
        array: np.ndarray = np.moveaxis(made.numpy(), 1, -1)
        return array.reshape(problem.result_shape)

    return Participant(call, read, note="allocates its result")


def _tensors(problem: Problem, given: Arrays) -> tuple[Any, Any]:
    """X as N, C, places and V as D, C, window, contiguous."""
    torch: Any = import_module("torch")
    X, V = given.X, given.V
    if problem.channels is None:
        X, V = X[..., None], V[..., None, None]
    elif problem.depthwise:
        V = V[..., None, :]
    if problem.batch is None:
        X = X[None]
    places = range(V.ndim - 2)
    x = np.ascontiguousarray(np.moveaxis(X, -1, 1))
    return torch.from_numpy(x), torch.from_numpy(np.ascontiguousarray(V.transpose(V.ndim - 1, V.ndim - 2, *places)))


torch = Family(
    "torch",
    "torch",
    _start,
    {"torch": partial(_convolution, False), "torch channels-last": partial(_convolution, True)},
)
