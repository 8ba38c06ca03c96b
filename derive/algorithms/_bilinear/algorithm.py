"""Bilinear algorithms for sliding sums of products, and the proof that one is right.

    y[i] = Σ_a g[a]·d[i + a]   ⟶   y = Aᵀ·[(G·g) ⊙ (Bᵀ·d)]                  i < m,  a < r,  in one or more dimensions

The algorithm has t products, the rows of G. It is right for all g and d if and only if the coefficients of g[a]·d[k] agree:

    Σ_t Aᵀ[i, t]·G[t, a]·Bᵀ[t, k] = [k = i + a]                              for all i, a, k

>>> both = nested(schoolbook(1, 2), schoolbook(2, 1))
>>> both.outputs, both.taps, both.products
((1, 2), (2, 1), 4)
>>> set(identity(both))
{0}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import lcm, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import Add, Expr, IndexedBase, Rational

from derive.errors import ObligationFailed, UsageRefused

__all__ = [
    "Bilinear",
    "Matrix",
    "array",
    "identity",
    "nested",
    "prove",
    "require_positive",
    "schoolbook",
    "split",
    "transposed",
]

Matrix = tuple[tuple[Fraction, ...], ...]


@dataclass(frozen=True, slots=True)
class Bilinear:
    """F(m, r), or F(m₁×m₂×…, r₁×r₂×…) on blocks laid out in row-major order; nothing is assumed of the entries.

    `output` is Aᵀ, `weight` is G and `data` is Bᵀ; a row of G and one of Bᵀ make one product.
    """

    outputs: tuple[int, ...]
    taps: tuple[int, ...]
    output: Matrix
    weight: Matrix
    data: Matrix

    def __post_init__(self) -> None:
        shapes = {
            "Aᵀ": (self.output, prod(self.outputs), self.products),
            "G": (self.weight, self.products, prod(self.taps)),
            "Bᵀ": (self.data, self.products, prod(self.window)),
        }
        for name, (matrix, rows, columns) in shapes.items():
            if len(matrix) != rows or any(len(row) != columns for row in matrix):
                raise UsageRefused(f"{self}: {name} must have {rows} rows of {columns} entries.")

    @property
    def products(self) -> int:
        """t, how many products of a transformed weight and a transformed input there are."""
        return len(self.weight)

    @property
    def window(self) -> tuple[int, ...]:
        """How many inputs the outputs read: m + r - 1 along each axis."""
        return tuple(m + r - 1 for m, r in zip(self.outputs, self.taps, strict=True))

    @property
    def dyadic(self) -> bool:
        """Whether every constant is an integer over a power of two, so that floats compute small integers exactly."""
        constants = (e for matrix in (self.output, self.weight, self.data) for row in matrix for e in row)
        return all(e.denominator & (e.denominator - 1) == 0 for e in constants)

    def __str__(self) -> str:
        return f"F({'×'.join(map(str, self.outputs))}, {'×'.join(map(str, self.taps))})"


def array(matrix: Matrix) -> NDArray[Any]:
    """The matrix as an array of Fractions."""
    made = np.empty((len(matrix), len(matrix[0])), object)
    made[...] = matrix
    return made


def _matrix(entries: NDArray[Any]) -> Matrix:
    return tuple(tuple(Fraction(e) for e in row) for row in entries)


def identity(algorithm: Bilinear) -> tuple[Expr, ...]:
    """Aᵀ[(G g) ⊙ (Bᵀ d)] - Σ_a g[a]·d[i + a] for each output: polynomials in g and d, all 0 if the algorithm is right."""
    (output, below), (weight, beside), (data, beyond) = (
        _integers(m) for m in (algorithm.output, algorithm.weight, algorithm.data)
    )
    pairs = (output[:, None, :] * weight.T[None, :, :]).reshape(-1, algorithm.products)
    found = (pairs @ data).reshape(len(output), weight.shape[1], data.shape[1])
    scale = below * beside * beyond
    places, offsets, reads = (tuple(product(*map(range, s))) for s in _extents(algorithm))
    at = {read: k for k, read in enumerate(reads)}
    for (i, place), (a, offset) in product(enumerate(places), enumerate(offsets)):
        found[i, a, at[tuple(p + o for p, o in zip(place, offset, strict=True))]] -= scale
    g, d = IndexedBase("g"), IndexedBase("d")
    return tuple(
        Add(*(Rational(part[a, k], scale) * g[offsets[a]] * d[reads[k]] for a, k in np.argwhere(part != 0)))
        for part in found
    )


def _extents(algorithm: Bilinear) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    return algorithm.outputs, algorithm.taps, algorithm.window


def _integers(matrix: Matrix) -> tuple[NDArray[Any], int]:
    """A matrix of integers and what to divide it by."""
    below = lcm(*(e.denominator for row in matrix for e in row))
    return array(tuple(tuple(e * below for e in row) for row in matrix)) // 1, below


def prove(algorithm: Bilinear) -> Bilinear:
    """The algorithm itself, once its identity holds. Raises ObligationFailed with the first residue."""
    for place, residue in zip(product(*map(range, algorithm.outputs)), identity(algorithm), strict=True):
        if residue != 0:
            where = ", ".join(map(str, place))
            raise ObligationFailed(f"{algorithm} does not compute y[{where}]: it differs from Σ g·d by {residue}.")
    return algorithm


def transposed(outputs: int, taps: int, evaluate: tuple[Matrix, Matrix], interpolate: Matrix) -> Bilinear:
    """The sliding sums that belong to an algorithm for products of polynomials.

    s = R·[(P·a) ⊙ (Q·b)] for s(x) = a(x)·b(x)   ⟶   y = Pᵀ·[(Q·g) ⊙ (Rᵀ·d)]      evaluate = (P, Q), interpolate = R

    Both say Σ_t P[t, i]·Q[t, a]·R[k, t] = [k = i + a] (Winograd, Arithmetic Complexity of Computations, 1980).
    """
    left, right = evaluate
    return Bilinear((outputs,), (taps,), tuple(zip(*left, strict=True)), right, tuple(zip(*interpolate, strict=True)))


def schoolbook(m: int, r: int) -> Bilinear:
    """F(m, r) by its definition: m·r products, and no other operation than their sums."""
    require_positive(m, r)
    pairs = tuple(product(range(m), range(r)))

    def units(places: Sequence[int], size: int) -> Matrix:
        return tuple(tuple(Fraction(int(k == place)) for k in range(size)) for place in places)

    evaluate = units([i for i, _ in pairs], m), units([a for _, a in pairs], r)
    return transposed(m, r, evaluate, tuple(zip(*units([i + a for i, a in pairs], m + r - 1), strict=True)))


def require_positive(m: int, r: int) -> None:
    """Raises UsageRefused where F(m, r) computes nothing."""
    if m < 1 or r < 1:
        raise UsageRefused(f"F({m}, {r}) has no outputs or no taps; both must be at least 1.")


def nested(first: Bilinear, second: Bilinear) -> Bilinear:
    """One algorithm along the first axes and another along the next: the Kronecker products of their matrices."""
    output, weight, data = (
        _matrix(np.kron(array(a), array(b)))
        for a, b in zip(
            (first.output, first.weight, first.data), (second.output, second.weight, second.data), strict=True
        )
    )
    return Bilinear(first.outputs + second.outputs, first.taps + second.taps, output, weight, data)


def split(outer: Bilinear, inner: Bilinear) -> Bilinear:
    """F(m·s, r·s) from F(m, r) on blocks and F(s, s) inside them, with as many products as both together.

    y[s·i + i'] = Σ_{a, a'} g[s·a + a']·d[s·(i + a) + (i' + a')]

    It is the nested algorithm on two axes, reading D[k, k'] = d[s·k + k']; only with as many outputs as taps inside do
    the pairs (i, i') and (a, a') run over all outputs and taps once. Raises UsageRefused otherwise.
    """
    if len(outer.outputs) != 1 or len(inner.outputs) != 1 or inner.outputs != inner.taps:
        raise UsageRefused(
            f"{outer} cannot be split by {inner}: that takes an F(s, s) on one axis inside an F(m, r) on one."
        )
    (s,), both = inner.taps, nested(outer, inner)
    (m,), (r,) = outer.outputs, outer.taps
    reads = [s * k + inside for k in range(m + r - 1) for inside in range(2 * s - 1)]
    data = np.full((both.products, s * (m + r) - 1), Fraction(0))
    for column, k in enumerate(reads):
        data[:, k] += array(both.data)[:, column]
    return Bilinear((m * s,), (r * s,), both.output, both.weight, _matrix(data))
