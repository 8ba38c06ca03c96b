"""NumPy's own correlation in one dimension, which allocates its result."""

from __future__ import annotations

import numpy as np

from derive.bench.peers._family import Family, Participant
from derive.bench.problem import Arrays, Problem

__all__ = ["numpy"]


def _start(threads: int) -> None:
    """BLAS was told by the environment."""


def _correlate(problem: Problem, given: Arrays, threads: int) -> Participant:
    return Participant(
        lambda: np.correlate(given.X, given.V, mode="same"), lambda made: made, note="allocates its result"
    )


numpy = Family("numpy", "numpy", _start, {"np.correlate": _correlate})
