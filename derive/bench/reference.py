"""The right answer in float64, and how far from it rounding may lead.

Sums in any order satisfy |error| ≤ γ_q·(Σ|w||x| + |u|) + the underflow term, entry by entry, with q from the number of terms:
derive/ir/rounding.py. The reference is a sum in float64 with a bound of the same kind, which is added; products of float32
entries are exact in it, but nothing rests on that.

A library that transforms is not a sum of so many terms. With t = log₂ N the relative error of one transform of N points in the
2-norm is at most f = t·η/(1 - t·η), η = μ + γ₄·(√2 + μ) (Higham, Accuracy and Stability of Numerical Algorithms, theorem
24.2; μ, the error of the roots of unity, is taken as one unit). Transforms of x and v, their product (√2·γ₂) and the transform
back then err in the 2-norm by

    ‖Δy‖ ≤ (2·f + √2·γ₂)·‖x‖·‖v‖₁ + f·√N·‖x‖·‖v‖,        to first order, doubled here for the rest,

and the root of the mean square of the error is held to that, with N for the whole image: tiles, which overlap by no more than half,
have a smaller N, and √N falls faster than their overlap grows.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import log2, prod, sqrt

import numpy as np

from derive.bench.problem import Arrays, Problem
from derive.ir.rounding import error_bound

__all__ = ["Agreement", "Reference", "agreement", "reference"]

_CHUNK = 1 << 16  # results that are summed together: a few arrays of them stay in cache


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """H in float64, and Σ|w||x| + |u| entry by entry."""

    H: np.ndarray
    magnitude: np.ndarray


@dataclass(frozen=True, slots=True)
class Agreement:
    """The largest error, as a share of the largest result, and of what the bound allows: above 1 it is refused."""

    error: float
    share: float


def reference(problem: Problem, given: Arrays) -> Reference:
    """By shifted sums in float64."""
    return Reference(
        _correlated(problem, given.X, given.V, given.u),
        _correlated(problem, np.abs(given.X), np.abs(given.V), np.abs(given.u)),
    )


def _correlated(problem: Problem, X: np.ndarray, V: np.ndarray, u: np.ndarray) -> np.ndarray:
    single = problem.batch is None
    shape = problem.result_shape if not single else (1, *problem.result_shape)
    H = np.empty(shape, np.float64)
    weights, images = V.astype(np.float64), X[None] if single else X
    rows = max(1, _CHUNK // max(1, prod(shape[2:])))
    for index in range(shape[0]):
        padded = _padded(problem, images[index])
        for start in range(0, shape[1], rows):
            part = H[index, start : start + rows]
            part[...] = u
            for tap in np.ndindex(*problem.window):
                part += _tap(problem, padded, start, part.shape, tap, weights)
    return H[0] if single else H


def _padded(problem: Problem, image: np.ndarray) -> np.ndarray:
    margins = [(side // 2, side // 2) for side in problem.window]
    margins += [(0, 0)] * (image.ndim - len(margins))
    return np.pad(image.astype(np.float64), margins)


def _tap(
    problem: Problem, padded: np.ndarray, start: int, shape: tuple[int, ...], tap: tuple[int, ...], V: np.ndarray
) -> np.ndarray:
    """One tap's contribution to the results from row `start`."""
    s = problem.stride
    begins = [tap[0] + start * s, *tap[1:]]
    where = tuple(slice(b, b + (n - 1) * s + 1, s) for b, n in zip(begins, shape[: len(tap)], strict=True))
    read, weight = padded[where], V[tap]
    made: np.ndarray = read * weight if problem.channels is None or problem.depthwise else read @ weight
    return made


def agreement(
    problem: Problem,
    given: Arrays,
    made: Reference,
    result: np.ndarray,
    fourier: bool = False,
    multiple: float | None = None,
) -> Agreement:
    """How well a result agrees. `multiple` is an algorithm's own bound, as a multiple of max(Σ|w||x| + |u|)."""
    if result.shape != made.H.shape:
        return Agreement(float("inf"), float("inf"))
    error = np.abs(result.astype(np.float64) - made.H)
    largest = float(np.abs(made.H).max())
    worst = float(error.max()) / largest if largest else float(error.max())
    if fourier:
        share = sqrt(float(np.mean(error**2))) / _transformed(problem, given, made)
    else:
        slope, lost = _coefficients(problem, problem.dtype)
        own_slope, own_lost = _coefficients(problem, "float64")
        allowed = (slope + own_slope) * made.magnitude + (lost + own_lost)
        if multiple is not None:
            allowed += multiple * float(made.magnitude.max())
        share = float((error / allowed).max())
    return Agreement(worst, float("inf") if np.isnan(share) else share)


def _coefficients(problem: Problem, dtype: str) -> tuple[float, float]:
    """The bound as an affine function of Σ|w||x| + |u|."""
    lost = error_bound(problem.roundings, Fraction(0), dtype)
    return float(error_bound(problem.roundings, Fraction(1), dtype) - lost), float(lost)


def _transformed(problem: Problem, given: Arrays, made: Reference) -> float:
    """The root of the mean square that transforms may err by."""
    unit = float(np.finfo(problem.dtype).eps) / 2
    points = prod(2.0 ** np.ceil(np.log2(2 * np.array(problem.grid))))
    eta = unit + 4 * unit / (1 - 4 * unit) * (sqrt(2) + unit)
    f = log2(points) * eta / (1 - log2(points) * eta)
    V = given.V.astype(np.float64)
    rms, one, two = (
        sqrt(float(np.mean(given.X.astype(np.float64) ** 2))),
        float(np.abs(V).sum()),
        sqrt(float((V**2).sum())),
    )
    once = rms * ((2 * f + sqrt(2) * 2 * unit) * one + f * sqrt(points) * two)
    return 2 * once + float(np.finfo(np.float64).eps) * float(made.magnitude.max())
