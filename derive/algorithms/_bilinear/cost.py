"""What a bilinear algorithm costs, counted off its matrices.

A row with n constants that aren't 0 makes n - 1 sums, and a product for each that isn't ±1; nothing is shared between rows.
On several axes the passes follow one another from the first axis to the last:

    data, weights   axis j runs once for every product of the axes before it and every input of the axes after it
    output          axis j runs once for every output of the axes before it and every product of the axes after it

>>> from derive.algorithms._bilinear.toom_cook import toom_cook
>>> f = toom_cook(2, 3)
>>> both = cost(f, f)
>>> both.products, both.definition, both.data, both.output
(16, 36, Operations(sums=32, scalings=0), Operations(sums=24, scalings=0))
>>> both.products_per_output
Fraction(4, 1)
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod

from derive.algorithms._bilinear.algorithm import Bilinear, Matrix

__all__ = ["Cost", "Operations", "cost"]


@dataclass(frozen=True, slots=True)
class Operations:
    """Sums of two numbers, and products of a number and a constant."""

    sums: int
    scalings: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.sums + self.scalings


@dataclass(frozen=True, slots=True)
class Cost:
    """For one block of one channel: the products, the passes on data, weights and products, and what the definition takes."""

    outputs: int
    products: int
    data: Operations
    weight: Operations
    output: Operations
    definition: int

    @property
    def products_per_output(self) -> Fraction:
        """Products of a transformed weight and a transformed input for each output."""
        return Fraction(self.products, self.outputs)

    @property
    def saving(self) -> Fraction:
        """How many times fewer products than by the definition."""
        return Fraction(self.definition, self.products)

    def per_output(self, inputs: int, results: int) -> Fraction:
        """Operations an output, from C input channels to D results: a product and its sum count as two, weights are prepared."""
        summed = 2 * self.products * inputs * results
        passes = self.data.total * inputs + self.output.total * results
        return Fraction(summed + passes, self.outputs * results)


def cost(*axes: Bilinear) -> Cost:
    """The cost of one algorithm an axis, or of one algorithm."""
    outputs = [prod(axis.outputs) for axis in axes]
    products = [axis.products for axis in axes]
    taps = [prod(axis.taps) for axis in axes]
    windows = [prod(axis.window) for axis in axes]
    return Cost(
        prod(outputs),
        prod(products),
        _passes([axis.data for axis in axes], products, windows),
        _passes([axis.weight for axis in axes], products, taps),
        _passes([axis.output for axis in axes], outputs, products),
        prod(outputs) * prod(taps),
    )


def _passes(matrices: list[Matrix], after: list[int], before: list[int]) -> Operations:
    """`before` and `after` are the extents of each axis before and after its own pass."""
    sums = scalings = 0
    for j, matrix in enumerate(matrices):
        times = prod(after[:j]) * prod(before[j + 1 :])
        sums += times * sum(max(0, sum(e != 0 for e in row) - 1) for row in matrix)
        scalings += times * sum(abs(e) not in (0, 1) for row in matrix for e in row)
    return Operations(sums, scalings)
