"""What the machine can do at most with one thread, measured in the same run: operations of a matrix product, and bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from derive.bench.problem import Problem
from derive.calibration import per_call

__all__ = ["limits", "share_of_limit"]

_SIDE = 1024
_BYTES = 128 * 1024 * 1024  # far more than any cache
_SAMPLE = 0.1


def limits(sample: float = _SAMPLE, size: int = _BYTES) -> dict[str, float]:
    """Operations and bytes a second; a copy's bytes are those read and those written."""
    found = {}
    for bits in (32, 64):
        x = np.ones((_SIDE, _SIDE), f"f{bits // 8}")
        out = np.empty_like(x)
        found[f"gemm_float{bits}"] = 2 * _SIDE**3 / per_call(lambda x=x, out=out: np.matmul(x, x, out=out), sample)  # type: ignore[misc]
    source = np.ones(size // 4, np.float32)
    target = np.empty_like(source)
    found["copy_bytes"] = 2 * source.nbytes / per_call(lambda: np.copyto(target, source), sample)
    found["read_bytes"] = source.nbytes / per_call(lambda: np.dot(source, source), sample)
    return found


def share_of_limit(problem: Problem, seconds: float, measured: dict[str, Any]) -> float:
    """The least time that operations, as written, and bytes would take, divided by these seconds.

    Above 1 where an algorithm needs fewer operations than the sums as written, or where the arrays stay in cache.
    """
    least = max(problem.operations / measured[f"gemm_{problem.dtype}"], problem.bytes / measured["copy_bytes"])
    return float(least / seconds)
