"""Linear algebra modulo primes below 2³¹, where a product of two residues fits in 64 bits."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from itertools import islice
from math import isqrt

import numpy as np
from numpy.typing import NDArray

__all__ = ["kernel", "multiply", "primes", "rational", "reduced"]

Ints = NDArray[np.int64]


@lru_cache
def primes(count: int) -> tuple[int, ...]:
    """The largest primes below 2³¹, from the largest down."""
    divisors = np.arange(3, isqrt(1 << 31) + 1, 2)
    candidates = range((1 << 31) - 1, 0, -2)
    return tuple(islice((n for n in candidates if (n % divisors).all()), count))


def reduced(matrix: Ints, p: int) -> tuple[Ints, Ints]:
    """The nonzero rows of the reduced row echelon form of residues, and the pivots' columns."""
    rows = matrix.astype(np.int64)
    pivots: list[int] = []
    for column in range(rows.shape[1]):
        top = len(pivots)
        if top == len(rows):
            break
        candidates = np.flatnonzero(rows[top:, column])
        if not candidates.size:
            continue
        rows[[top, top + candidates[0]]] = rows[[top + candidates[0], top]]
        rows[top] = rows[top] * pow(int(rows[top, column]), -1, p) % p
        others = np.flatnonzero(rows[:, column])
        others = others[others != top]
        cells = np.flatnonzero(rows[top])
        block = np.ix_(others, cells)
        rows[block] = (rows[block] - rows[others, column][:, None] * rows[top, cells]) % p
        pivots.append(column)
    return rows[: len(pivots)], np.array(pivots, np.int64)


def kernel(matrix: Ints, p: int) -> Ints:
    """A basis of {x: matrix·x = 0 mod p}, one row a vector."""
    rows, pivots = reduced(matrix, p)
    free = np.setdiff1d(np.arange(matrix.shape[1]), pivots)
    basis = np.zeros((len(free), matrix.shape[1]), np.int64)
    basis[np.arange(len(free)), free] = 1
    basis[:, pivots] = -rows[:, free].T % p
    return basis


def multiply(a: Ints, b: Ints, p: int) -> Ints:
    """a·b for matrices of residues mod p, with a in halves of 16 bits: exact for inner lengths below 2¹⁵."""
    high, low = (a >> 16) @ b % p, (a & 0xFFFF) @ b % p
    product: Ints = (high * (1 << 16) + low) % p
    return product


def rational(residue: int, modulus: int) -> Fraction | None:
    """The fraction n/d = residue mod modulus with |n|, d ≤ √(modulus/2), if there is one (Wang, 1981)."""
    bound = isqrt(modulus // 2)
    n, last, d, before = residue % modulus, modulus, 1, 0
    while n > bound:
        quotient = last // n
        n, last, d, before = last - quotient * n, n, before - quotient * d, d
    return Fraction(n, d) if 0 < abs(d) <= bound else None
