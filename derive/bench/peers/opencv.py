"""OpenCV's linear filters, into a reused `dst`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from derive.bench.peers._family import Family, Participant
from derive.bench.problem import Arrays, Problem, empty

__all__ = ["opencv"]

_TRANSFORMED = 50  # taps from which the library may transform


def _start(threads: int) -> None:
    import_module("cv2").setNumThreads(threads)


def _filter2d(problem: Problem, given: Arrays, threads: int) -> Participant:
    cv2: Any = import_module("cv2")
    X, V = np.atleast_2d(given.X), np.atleast_2d(given.V)
    out = empty(X.shape, X.dtype)

    def call() -> Any:
        return cv2.filter2D(X, -1, V, dst=out, borderType=cv2.BORDER_CONSTANT)

    return Participant(call, lambda made: made.reshape(problem.result_shape), fourier=problem.taps >= _TRANSFORMED)


def _sep_filter2d(problem: Problem, given: Arrays, threads: int) -> Participant:
    cv2: Any = import_module("cv2")
    X, (P, Q) = given.X, given.factors
    out = empty(X.shape, X.dtype)

    def call() -> Any:
        return cv2.sepFilter2D(X, -1, Q, P, dst=out, borderType=cv2.BORDER_CONSTANT)

    return Participant(call, lambda made: made)


opencv = Family("cv2", "opencv-python-headless", _start, {"cv2.filter2D": _filter2d, "cv2.sepFilter2D": _sep_filter2d})
