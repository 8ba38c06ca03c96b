"""The points of Toom-Cook algorithms, chosen by the derived error bound.

The amplification α of `error.py` depends on the n = m + r - 1 points only, not on how rows are scaled nor on how n is
split into m and r. With homogeneous points p : q, and L_t and N_t as in `toom_cook.py`,

    α = max(E_0, E_{n-1}),        E_e = Σ_t |p_t|^e·|q_t|^(n-1-e)·‖L_t‖₁ / |N_t|,        e = i + a

as E is convex in e: each term is c·ρ^e (at 0 and ∞, where it is c at one end and 0 elsewhere, too). Scaling a row of G by s, and
that of Bᵀ by 1/s, changes no term, and no count of roundings where s is a power of two: `balanced` does that for the range.
Negating all points, or taking 1/p for each, gives the same α.

>>> for m, r in (2, 3), (4, 3), (6, 3), (2, 5), (4, 5):
...     print(f"F({m}, {r})", *best_points(m, r), float(worst(best_points(m, r))))
F(2, 3) 0 1 -1 4.0
F(4, 3) 0 3/2 -3/2 2/3 -2/3 12.333333333333334
F(6, 3) 0 1 -1 2 -2 1/2 -1/2 39.55555555555556
F(2, 5) 0 3/2 -3/2 2/3 -2/3 12.333333333333334
F(4, 5) 0 1 -1 2 -2 1/2 -1/2 39.55555555555556
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import combinations, islice
from math import comb

import numpy as np
from numpy.typing import NDArray

from derive.algorithms._bilinear.algorithm import require_positive
from derive.errors import UsageRefused

__all__ = ["CANDIDATES", "best_points", "least", "worst"]

Points = tuple[Fraction, ...]

_POSITIVE = ("1", "2", "1/2", "3", "1/3", "3/2", "2/3", "4", "1/4", "3/4", "4/3")
CANDIDATES: Points = (Fraction(0), *(sign * Fraction(text) for text in _POSITIVE for sign in (1, -1)))

_MOST = 250_000
_CHUNK = 20_000


def best_points(m: int, r: int, candidates: Points = CANDIDATES) -> Points:
    """The m + r - 2 candidates that, with ∞, have the least α; of equal ones, those with the fewest N_t that aren't ±2^k.

    Up to 250 000 sets are all compared, and beyond that the answer is one that no exchange of a single point makes better.
    """
    require_positive(m, r)
    count = m + r - 2
    if count > len(candidates):
        raise UsageRefused(f"F({m}, {r}) takes {count} finite points beside ∞; there are {len(candidates)} candidates.")
    return tuple(candidates[k] for k in _chosen(count, candidates))


@lru_cache
def _chosen(count: int, candidates: Points) -> tuple[int, ...]:
    if comb(len(candidates), count) <= _MOST:
        return least(combinations(range(len(candidates)), count), candidates)
    return _exchanged(count, candidates)


def worst(points: Sequence[Fraction]) -> Fraction:
    """α of Toom-Cook at these finite points and ∞, exactly."""
    terms = _terms(points)
    last = len(terms) - 1
    return max(sum((Fraction(t[end] ** last * t[2], t[3]) for t in terms), Fraction(0)) for end in (0, 1))


def _terms(points: Sequence[Fraction]) -> list[tuple[int, int, int, int]]:
    """|p|, |q|, ‖L‖₁ and |N| of each point."""
    pairs = [(p.numerator, p.denominator) for p in points] + [(1, 0)]
    made = []
    for t, (p, q) in enumerate(pairs):
        row, apart = [1], 1
        for p_s, q_s in (pair for s, pair in enumerate(pairs) if s != t):
            row = [q_s * below - p_s * here for here, below in zip([*row, 0], [0, *row], strict=True)]
            apart *= q_s * p - p_s * q
        made.append((abs(p), abs(q), sum(map(abs, row)), abs(apart)))
    return made


def least(sets: Iterator[tuple[int, ...]], candidates: Points) -> tuple[int, ...]:
    """The set of the least α, then of the fewest N that aren't powers of two, then of the least heights |p| + q, then the first.

    Floating point only discards, and only where it holds the integers. ‖L‖₁ ≤ Π (|p| + q) is exact then and all terms are positive,
    so that a sum of n quotients by products of n - 1 integers has fewer than 3n roundings. With γ = γ_{3n}, a set that is worse
    than another by more than a factor of (1 + γ)/(1 - γ) < 1 + 3γ isn't the least.
    """
    kept: list[tuple[int, ...]] = []
    height = max((abs(p.numerator) + p.denominator for p in candidates), default=1)
    smallest = np.inf
    while chunk := list(islice(sets, _CHUNK)):
        count = len(chunk[0])
        if height**count < 2**53:
            slack = 1 + 3 * 3 * (count + 1) * float(np.finfo(np.float64).eps)
            scores = _scores(np.array(chunk, np.intp).reshape(len(chunk), count), candidates)
            smallest = min(smallest, float(scores.min()))
            chunk = [chunk[k] for k in np.flatnonzero(scores <= smallest * slack)]
        kept += chunk

    def key(chosen: tuple[int, ...]) -> tuple[Fraction, int, int, tuple[int, ...]]:
        points = tuple(candidates[k] for k in chosen)
        rounded = sum(apart & (apart - 1) != 0 for *_, apart in _terms(points))
        return worst(points), rounded, sum(abs(p.numerator) + p.denominator for p in points), chosen

    return min(kept, key=key)


def _scores(sets: NDArray[np.intp], candidates: Points) -> NDArray[np.float64]:
    """α of many sets of candidates with ∞ at once, in float64 on exact integers.

    L_t is the product of all q_s·x - p_s but its own, which is divided out: its quotient, and what is divided, are whole as well.
    """
    count, many = sets.shape[1], len(sets)
    tops, bottoms = ([float(e) for e in ends] for ends in zip(*(p.as_integer_ratio() for p in candidates), strict=True))
    p = [*np.array(tops)[sets.T], np.ones(many)]
    q = [*np.array(bottoms)[sets.T], np.zeros(many)]
    whole = [np.ones(many)]
    for p_s, q_s in zip(p[:-1], q[:-1], strict=True):
        whole = [q_s * below - p_s * here for here, below in zip([*whole, 0], [0, *whole], strict=True)]
    low, high = np.zeros(many), np.zeros(many)
    for t in range(count + 1):
        size, row, apart = np.zeros(many), np.zeros(many), np.ones(many)
        for coefficient in whole[::-1] if t == count else whole[:0:-1]:
            row = coefficient if t == count else (coefficient + p[t] * row) / q[t]
            size += abs(row)
        for s in (s for s in range(count + 1) if s != t):
            apart *= q[s] * p[t] - p[s] * q[t]
        size /= abs(apart)
        low += q[t] ** count * size
        high += abs(p[t]) ** count * size
    return np.maximum(low, high)


def _exchanged(count: int, candidates: Points) -> tuple[int, ...]:
    """A set that no exchange of one of its points makes better."""
    chosen = tuple(range(count))
    while True:
        others = [k for k in range(len(candidates)) if k not in chosen]
        near = [tuple(sorted({*chosen, k} - {gone})) for gone in chosen for k in others]
        better = least(iter([chosen, *near]), candidates)
        if better == chosen:
            return chosen
        chosen = better
