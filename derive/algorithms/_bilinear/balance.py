"""Rows scaled by powers of two: the same algorithm with transformed numbers of one size.

    Aᵀ[:, t], G[t, :], Bᵀ[t, :]   ⟶   2^x·Aᵀ[:, t], 2^y·G[t, :], 2^z·Bᵀ[t, :]        x + y + z = 0

The identity, α and the count of roundings stay as they are; what changes is how near intermediate results come to the ends of a
format's range, which matters to float16, and how many ±1 there are, which matters to passes that add.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from derive.algorithms._bilinear.algorithm import Bilinear

__all__ = ["balanced"]


def balanced(algorithm: Bilinear) -> Bilinear:
    """The largest entry of each column of Aᵀ is in [1, 2); those of a row of G and of Bᵀ differ by less than a factor of 8.

    A product without a column of Aᵀ, a row of G or one of Bᵀ that isn't zero is left alone.
    """
    output, weight, data = tuple(zip(*algorithm.output, strict=True)), algorithm.weight, algorithm.data
    rows = [_row(*parts) for parts in zip(output, weight, data, strict=True)]
    columns, weights, inputs = zip(*rows, strict=True)
    return Bilinear(algorithm.outputs, algorithm.taps, tuple(zip(*columns, strict=True)), weights, inputs)


Row = tuple[Fraction, ...]


def _row(output: Row, weight: Row, data: Row) -> tuple[Row, Row, Row]:
    if not (any(output) and any(weight) and any(data)):
        return output, weight, data
    x = -_exponent(output)
    y = (_exponent(data) - _exponent(weight) - x) // 2
    return _scaled(output, x), _scaled(weight, y), _scaled(data, -x - y)


def _exponent(row: Iterable[Fraction]) -> int:
    """The exponent of the largest entry: the e with 2^e ≤ |entry| < 2^(e+1)."""
    largest = max(map(abs, row))
    e = largest.numerator.bit_length() - largest.denominator.bit_length()
    return e if Fraction(2) ** e <= largest else e - 1


def _scaled(row: Row, exponent: int) -> Row:
    return tuple(e * Fraction(2) ** exponent for e in row)
