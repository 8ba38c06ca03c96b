"""How far a bilinear algorithm in floating point can be from the exact sums: the derived forward error bound.

Let y[i] = Σ_c Σ_a g_c[a]·d_c[i + a] over C channels be computed as Aᵀ·Σ_c [(G·g_c) ⊙ (Bᵀ·d_c)] by one algorithm an axis, axis
after axis, in any order of each sum, with or without fused products. Then, componentwise,

    |error| ≤ γ_q·M + (1 + γ_q)·L·η        M = |Aᵀ|·Σ_c (|G|·|g_c|) ⊙ (|Bᵀ|·|d_c|)        γ_q = q·ε/(1 - q·ε)

and, as a multiple of sizes that are known sooner, without the term of underflow,

    |error| ≤ γ_q·α·Σ_c Σ_a |g_c[a]|·max|d|        α = max_{i, a} Σ_t |Aᵀ[i, t]|·|G[t, a]|·Σ_k |Bᵀ[t, k]|

(Higham, Accuracy and Stability of Numerical Algorithms, lemma 3.1 and section 2.8, on each path from an entry to a result;
Barabasz, Anderson, Soodhalter and Gregg, ACM Trans. Math. Softw. 46(4), 2020, who bound norms.)

q is the most roundings on any path. A row of n constants that aren't 0 makes n - 1 sums; a constant makes no rounding if
it is ±2^k, one if the format holds it, in the product, and two if not, in the constant as well; then there are the product
itself and the C - 1 sums over channels. As exact zeros add nothing, a contraction that multiplies by zeros has no more. On
several axes the paths follow one another, and α is the product of theirs; where all axes are one matrix, pass `nested(...)`.

L·η is what underflow adds: each product by a constant that isn't ±2^k with k ≥ 0, and each of the C products, loses at most
half the smallest subnormal, η, and later constants and factors multiply it.

No multiple of max Σ|g||d| bounds the error: with g = (0, 0, 1) and d = (0, 1, 0, 0) every output of F(2, 3) is a sum of zeros, but
d[1] and g[2] meet in a product. Hence max|d|, over the inputs of one block.

>>> from derive.algorithms._bilinear.toom_cook import toom_cook
>>> f = toom_cook(2, 3)
>>> amplification(f), amplification(f, f), roundings(f), roundings(f, f, channels=64)
(Fraction(4, 1), Fraction(16, 1), 6, 74)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from derive.algorithms._bilinear.algorithm import Bilinear, Matrix, array
from derive.errors import UsageRefused
from derive.ir.rounding import Roundings, error_bound

__all__ = ["Estimate", "amplification", "componentwise", "constant_roundings", "losses", "normwise", "roundings"]

Fractions = NDArray[Any]


def amplification(*axes: Bilinear) -> Fraction:
    """α, exactly."""
    return prod((_amplified(axis) for axis in axes), start=Fraction(1))


def _amplified(axis: Bilinear) -> Fraction:
    read = abs(array(axis.data)).sum(axis=1)
    met = abs(array(axis.output)) @ (abs(array(axis.weight)) * read[:, None])
    return Fraction(met.max())


def losses(axis: Bilinear) -> tuple[int, int, int, int]:
    """l, m, x and w with L ≤ l + C·(m + x·max|d|) + w·Σ_c Σ_a |g_c[a]|: how many η the outputs lose at most, in integers.

    Each number is the largest over the outputs, and η itself counts as 1 where it multiplies.
    """
    output, weight, data = (abs(array(matrix)) for matrix in (axis.output, axis.weight, axis.data))
    after, missed, lost = (
        np.array([sum(map(_underflows, row)) for row in matrix], object)
        for matrix in (axis.output, axis.weight, axis.data)
    )
    found = (
        after.max(),
        (output @ (missed * lost + 1)).max(),
        (output @ (missed * data.sum(axis=1))).max(),
        (output @ (weight.max(axis=1) * lost)).max(),
    )
    first, each, read, met = (int(-(-Fraction(value) // 1)) for value in found)
    return first, each, read, met


def constant_roundings(constant: Fraction, bits: int) -> int:
    """How many roundings a product by the constant adds, in a format of that many bits: 0, 1 or 2."""
    odd = abs(constant.numerator) >> max(0, (constant.numerator & -constant.numerator).bit_length() - 1)
    dyadic = constant.denominator & (constant.denominator - 1) == 0
    if not dyadic or odd.bit_length() > bits:
        return 2
    return int(odd > 1)


def roundings(*axes: Bilinear, channels: int = 1, dtype: DTypeLike = np.float32, prepared: bool = False) -> int:
    """q, for one result entry.

    `prepared` weights were transformed exactly, or in a format so precise that all its roundings are less than one here, and stored
    in this one: two roundings in place of theirs. float16 is computed in float32.
    """
    if channels < 1:
        raise UsageRefused(f"A sum over {channels} channels has no terms; there must be at least 1.")
    bits = _bits(dtype)
    return channels + sum(_path(axis, bits, prepared) for axis in axes) + (2 if prepared else 0)


def _bits(dtype: DTypeLike) -> int:
    half = np.dtype(dtype) == np.dtype(np.float16)
    return int(np.finfo(np.float32 if half else np.dtype(dtype)).nmant) + 1


def _path(axis: Bilinear, bits: int, prepared: bool) -> int:
    """The most roundings in the three transforms on the way through one product to one output."""
    weight, data = ([_row(row, bits) for row in matrix] for matrix in (axis.weight, axis.data))
    most = 0
    for row in axis.output:
        sums = sum(e != 0 for e in row) - 1
        for t, e in enumerate(row):
            if e:
                here = sums + constant_roundings(e, bits) + data[t]
                most = max(most, here + (0 if prepared else weight[t]))
    return most


def _row(row: Sequence[Fraction], bits: int) -> int:
    kept = [constant_roundings(e, bits) for e in row if e]
    return len(kept) - 1 + max(kept) if kept else 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """M and L of every output, the largest intermediate magnitude `peak`, and q."""

    magnitude: Fractions
    lost: Fractions
    peak: Fraction
    q: int
    dtype: np.dtype[Any]

    def bound(self) -> Fractions:
        """How far each output may be from the exact one; claimed where `in_range`."""
        counted = Roundings(self.q, 1)
        made = np.empty(self.magnitude.shape, object)
        for at, (magnitude, lost) in enumerate(zip(self.magnitude.flat, self.lost.flat, strict=True)):
            made.flat[at] = error_bound(counted, magnitude, self.dtype, amplified=lost)
        return made

    def in_range(self) -> bool:
        """Whether the algorithm on absolute values stays below overflow."""
        most = self.peak + error_bound(Roundings(self.q, 1), self.peak, self.dtype, amplified=self.lost.max())
        return bool(most <= Fraction(*np.finfo(self.dtype).max.as_integer_ratio()))


def componentwise(
    axes: Sequence[Bilinear], g: NDArray[Any], d: NDArray[Any], dtype: DTypeLike = np.float32, prepared: bool = False
) -> Estimate:
    """The estimate for weights g[c, a₁, …] and inputs d[c, k₁, …], both in the format `dtype`; channels first."""
    channels, weights, inputs = len(g), [axis.weight for axis in axes], [axis.data for axis in axes]
    kept, reads = _blocked(g, weights), _blocked(d, inputs)
    seen, lost = _through(inputs, reads, np.full_like(reads, Fraction(0)))
    met, missed = _through(weights, kept, np.full_like(kept, Fraction(0)))
    missed = np.full_like(missed, Fraction(2)) if prepared else missed
    products = (met * seen).sum(axis=0)
    gone = (missed * seen + met * lost + _eta(dtype) * missed * lost + 1).sum(axis=0)
    q = roundings(*axes, channels=channels, dtype=dtype, prepared=prepared)
    return _estimate(axes, products, gone, max(seen.max(), met.max()), q, dtype)


def normwise(
    axes: Sequence[Bilinear],
    total: Fraction,
    largest: Fraction,
    channels: int = 1,
    dtype: DTypeLike = np.float32,
    prepared: bool = False,
) -> Estimate:
    """The estimate that holds for all weights with Σ_c Σ_a |g_c[a]| ≤ total and inputs with max|d| ≤ largest, as one entry."""
    weights, inputs = [axis.weight for axis in axes], [axis.data for axis in axes]
    reads = np.full((1, *(len(m[0]) for m in inputs)), largest, object)
    seen, lost = _through(inputs, reads, np.full_like(reads, Fraction(0)))
    none = np.full((1, *(len(m[0]) for m in weights)), Fraction(0), object)
    _, missed = _through(weights, none, none)
    missed = np.full_like(missed, Fraction(2)) if prepared else missed
    met = total * reduce(np.multiply.outer, (abs(array(m)).max(axis=1) for m in weights))
    gone = channels * (missed[0] * seen[0] + _eta(dtype) * missed[0] * lost[0] + 1) + met * lost[0]
    q = roundings(*axes, channels=channels, dtype=dtype, prepared=prepared)
    made = _estimate(axes, met * seen[0], gone, max(seen.max(), met.max()), q, dtype)
    magnitude = np.array([amplification(*axes) * total * largest], object)
    return Estimate(magnitude, np.array([made.lost.max()], object), made.peak, q, np.dtype(dtype))


def _estimate(
    axes: Sequence[Bilinear], products: Fractions, gone: Fractions, peak: Fraction, q: int, dtype: DTypeLike
) -> Estimate:
    summed, lost = _through([axis.output for axis in axes], products[None], gone[None])
    shape = sum((axis.outputs for axis in axes), ())
    peak = max(peak, products.max(), summed.max())
    return Estimate(summed.reshape(shape), lost.reshape(shape), peak, q, np.dtype(dtype))


def _blocked(entries: NDArray[Any], matrices: Sequence[Matrix]) -> Fractions:
    """The absolute values as Fractions, one axis of blocks for each matrix."""
    made = np.empty(entries.size, object)
    made[:] = [abs(Fraction(*e.as_integer_ratio())) for e in entries.reshape(-1).tolist()]
    return made.reshape(len(entries), *(len(m[0]) for m in matrices))


def _through(matrices: Sequence[Matrix], sizes: Fractions, lost: Fractions) -> tuple[Fractions, Fractions]:
    """Absolute values through the absolute values of the matrices, axis by axis, and how many η they may have lost."""
    for axis, matrix in enumerate(matrices, start=1):
        dense = abs(array(matrix))
        counted = np.array([sum(_underflows(e) for e in row) for row in matrix], object)
        sizes, lost = (np.moveaxis(np.tensordot(dense, part, (1, axis)), 0, axis) for part in (sizes, lost))
        lost = lost + counted.reshape(-1, *[1] * (lost.ndim - axis - 1))
    return sizes, lost


def _underflows(constant: Fraction) -> bool:
    """Whether a product by the constant may be inexact for being small."""
    size = abs(constant.numerator)
    return constant != 0 and (constant.denominator > 1 or size & (size - 1) != 0)


def _eta(dtype: DTypeLike) -> Fraction:
    half = np.dtype(dtype) == np.dtype(np.float16)
    least = np.finfo(np.float32 if half else np.dtype(dtype)).smallest_subnormal
    return Fraction(*least.as_integer_ratio()) / 2
