"""Loops in Python as Numba compiles them: a row of results at a time, tap by tap, into a reused array."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from derive.bench.peers._family import Family, Participant
from derive.bench.problem import Arrays, Problem, empty

__all__ = ["numba"]

Loops = Callable[[np.ndarray, np.ndarray, np.ndarray], None]


def _start(threads: int) -> None:
    import_module("numba").set_num_threads(threads)


def _loops(problem: Problem, given: Arrays, threads: int) -> Participant:
    if problem.grid[-1] < problem.window[-1]:
        raise ValueError("these loops need rows no shorter than the window.")
    compiler: Any = import_module("numba")
    lift = (1,) * (3 - len(problem.grid))
    X, V = given.X.reshape(lift + problem.grid), given.V.reshape(lift + problem.window)
    rows = compiler.prange if threads > 1 else range
    run = compiler.njit(parallel=threads > 1)(_in_space(rows, *V.shape))
    out = empty(X.shape, X.dtype)

    def call() -> np.ndarray:
        run(X, V, out)
        return out

    return Participant(call, lambda made: made.reshape(problem.result_shape))


def _in_space(rows: Any, A: int, B: int, C: int) -> Loops:
    """Loops for a window of this shape, which the compiler takes as constants: it unrolls the taps of a row."""
    r = C // 2

    def run(X: np.ndarray, V: np.ndarray, H: np.ndarray) -> None:
        n, m, p = X.shape
        for place in rows(n * m):
            i, j = place // m, place % m
            row = H[i, j]
            row[:] = 0
            middle = row[r:]
            for a in range(max(0, A // 2 - i), min(A, n + A // 2 - i)):
                for b in range(max(0, B // 2 - j), min(B, m + B // 2 - j)):
                    source, weights = X[i + a - A // 2, j + b - B // 2], V[a, b]
                    for k in range(p - 2 * r):
                        total = middle[k]
                        for c in range(C):
                            total += weights[c] * source[k + c]
                        middle[k] = total
                    for k in range(r):
                        last = p - 1 - k
                        for c in range(r - k, C):
                            row[k] += weights[c] * source[k + c - r]
                        for c in range(C - r + k):
                            row[last] += weights[c] * source[last + c - r]

    return run


numba = Family("numba", "numba", _start, {"numba loops": _loops})
