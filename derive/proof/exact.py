"""Exact linear algebra of the checker's own: products of whole numbers, and ranks modulo a prime and over the rationals."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from derive.forms.modular import kernel

__all__ = ["PRIMES", "independent", "largest", "product", "rank", "rank_modulo", "times"]

PRIMES = (2147483647, 2147483629, 2147483587)
_ROOM, _FLOATS = 1 << 62, 1 << 53
_LITTLE, _DENOMINATORS, _SMALL = 1 << 12, 64, 1 << 20


def largest(values: Any) -> int:
    """The largest magnitude."""
    return max((abs(int(v)) for v in (values.min(), values.max())), default=0) if values.size else 0


def times(one: Any, other: Any) -> Any:
    """A product entry by entry, in Python's integers where 64 bits are too few."""
    if largest(one) * largest(other) < _ROOM:
        return one * other
    return one.astype(object) * other.astype(object)


def product(one: Any, other: Any) -> Any:
    """A product of matrices of whole numbers."""
    bounds = largest(one), largest(other)
    if bounds[0] * bounds[1] * max(1, one.shape[-1]) < _FLOATS and one.size > _LITTLE:
        return (one.astype(np.float64) @ other.astype(np.float64)).astype(
            np.int64
        )  # every sum is a whole number that floats hold
    if bounds[0] * bounds[1] * max(1, one.shape[-1]) < _ROOM and max(bounds) < _ROOM:
        return one.astype(np.int64) @ other.astype(np.int64)
    return one.astype(object) @ other.astype(object)


def rank_modulo(matrix: Any, p: int, enough: int | None = None) -> int:
    """The rank modulo a prime below 2³¹, never more than that over the rationals; elimination ends where it is `enough`."""
    rows = (matrix % p).astype(np.int64)
    found = 0
    for column in range(rows.shape[1]):
        if found == len(rows) or found == enough:
            break
        candidates = np.flatnonzero(rows[found:, column]) + found
        if not candidates.size:
            continue
        first = min(candidates, key=lambda r: int(np.count_nonzero(rows[r]))) if candidates.size < 16 else candidates[0]
        rows[[found, first]] = rows[[first, found]]
        rows[found] = rows[found] * pow(int(rows[found, column]), -1, p) % p
        others = np.flatnonzero(rows[found + 1 :, column]) + found + 1
        cells = np.flatnonzero(rows[found])
        block = np.ix_(others, cells)
        rows[block] = (rows[block] - rows[others, column][:, None] * rows[found, cells]) % p
        found += 1
    return found


def rank(matrix: Any) -> int:
    """The rank over the rationals.

    At least that modulo a prime, and no more if as many vectors of whole numbers as that leaves are found that it sends to 0.
    """
    if matrix.size > _LITTLE:
        for side in sorted((matrix, matrix.T), key=lambda side: int(side.shape[1])):
            vectors = kernel(side % PRIMES[0], PRIMES[0]).T
            lifted = _lifted(vectors, PRIMES[0])
            if lifted is not None and not np.any(product(side, lifted)):
                return int(side.shape[1] - vectors.shape[1])
    return len(independent(matrix))


def _lifted(vectors: Any, p: int) -> Any | None:
    """Each column times the least number that leaves small whole entries, counted from -p/2 on; None where none does."""
    lifted = np.zeros_like(vectors)
    left = np.ones(vectors.shape[1], bool)
    for times_ in range(1, _DENOMINATORS):
        entries = (vectors[:, left] * times_ + p // 2) % p - p // 2
        small = np.abs(entries).max(axis=0, initial=0) < _SMALL
        places = np.flatnonzero(left)[small]
        lifted[:, places] = entries[:, small]
        left[places] = False
        if not left.any():
            return lifted
    return None


def independent(matrix: Any) -> list[int]:
    """Which rows aren't spanned by those before them, by elimination with fractions of the entries that aren't 0."""
    pivots: dict[int, dict[int, Fraction]] = {}
    found = []
    for place, line in enumerate(matrix):
        row = {int(c): Fraction(int(line[c])) for c in np.flatnonzero(line)}
        while row:
            lead = min(row)
            if lead not in pivots:
                pivots[lead] = {c: v / row[lead] for c, v in row.items()}
                found.append(place)
                break
            factor = row[lead]
            for c, v in pivots[lead].items():
                left = row.get(c, Fraction(0)) - factor * v
                if left:
                    row[c] = left
                else:
                    row.pop(c, None)
    return found
