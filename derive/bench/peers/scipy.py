"""SciPy: ndimage into a reused `output`; signal, which allocates its results."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from derive.bench.peers._family import Family, Participant
from derive.bench.problem import Arrays, Problem, empty

__all__ = ["scipy"]

_ALLOCATES = "allocates its result"


def _start(threads: int) -> None:
    """There is nothing to tell: it has one thread."""


def _correlate(problem: Problem, given: Arrays, threads: int) -> Participant:
    ndimage: Any = import_module("scipy.ndimage")
    out = empty(problem.result_shape, problem.dtype)

    def call() -> np.ndarray:
        ndimage.correlate(given.X, given.V, output=out, mode="constant", cval=0.0)
        return out

    return Participant(call, lambda made: made)


def _correlate1d(problem: Problem, given: Arrays, threads: int) -> Participant:
    """One pass an axis; between passes in an array of the results' type."""
    ndimage: Any = import_module("scipy.ndimage")
    passes = given.factors or (given.V,)
    outs = [empty(problem.result_shape, problem.dtype) for _ in passes]

    def call() -> np.ndarray:
        source = given.X
        for axis, (factor, out) in enumerate(zip(passes, outs, strict=True)):
            ndimage.correlate1d(source, factor, axis=axis, output=out, mode="constant", cval=0.0)
            source = out
        return source

    return Participant(call, lambda made: made)


def _signal(problem: Problem, given: Arrays, threads: int) -> Participant:
    """With the method that the library itself takes to be faster, chosen beforehand."""
    signal: Any = import_module("scipy.signal")
    flipped = np.flip(given.V)
    method = signal.choose_conv_method(given.X, flipped, mode="same")

    def call() -> Any:
        return signal.correlate(given.X, given.V, mode="same", method=method)

    return Participant(call, lambda made: made, fourier=method == "fft", note=f"{_ALLOCATES}; method {method}")


def _oaconvolve(problem: Problem, given: Arrays, threads: int) -> Participant:
    signal: Any = import_module("scipy.signal")
    flipped = np.ascontiguousarray(np.flip(given.V))
    return Participant(
        lambda: signal.oaconvolve(given.X, flipped, mode="same"), lambda made: made, fourier=True, note=_ALLOCATES
    )


scipy = Family(
    "scipy",
    "scipy",
    _start,
    {
        "scipy.ndimage.correlate": _correlate,
        "scipy.ndimage.correlate1d": _correlate1d,
        "scipy.signal.correlate": _signal,
        "scipy.signal.oaconvolve": _oaconvolve,
    },
)
