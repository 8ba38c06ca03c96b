"""Exact sparse polynomials over numbered variables, and sums of them over an interval.

    Σ_{x=L}^{U} x^d = F_d(U) - F_d(L - 1),      F_d(x) = 1/(d+1)·Σ_j C(d+1, j)·B_j·x^(d+1-j),  B_1 = +1/2

(Faulhaber). F_d(x) - F_d(x-1) = x^d for every integer x, so the formula
holds for negative bounds too and gives 0 at U = L - 1.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache
from math import comb, prod

__all__ = [
    "Polynomial",
    "add",
    "affine",
    "at_point",
    "compose",
    "degree_one",
    "faulhaber",
    "multiply",
    "scale",
    "sum_between",
]

Polynomial = dict[tuple[int, ...], Fraction]  # exponents -> coefficient, no zero coefficients


def add(*polynomials: Polynomial) -> Polynomial:
    total: Polynomial = {}
    for polynomial in polynomials:
        for exponents, value in polynomial.items():
            total[exponents] = total.get(exponents, Fraction(0)) + value
    return {exponents: value for exponents, value in total.items() if value}


def scale(polynomial: Polynomial, factor: Fraction | int) -> Polynomial:
    return {exponents: value * factor for exponents, value in polynomial.items()} if factor else {}


def multiply(left: Polynomial, right: Polynomial) -> Polynomial:
    total: Polynomial = {}
    for p, x in left.items():
        for q, y in right.items():
            exponents = tuple(map(int.__add__, p, q))
            total[exponents] = total.get(exponents, Fraction(0)) + x * y
    return {exponents: value for exponents, value in total.items() if value}


def at_point(polynomial: Polynomial, place: Sequence[int]) -> Fraction:
    """The value there."""
    powers = ((value, zip(place, exponents, strict=True)) for exponents, value in polynomial.items())
    return sum((value * prod(x**e for x, e in pairs) for value, pairs in powers), Fraction(0))


def affine(row: Sequence[Fraction | int]) -> Polynomial:
    """c₁·x₁ + … + c_k·x_k + d from (c₁, …, c_k, d)."""
    width = len(row) - 1
    units = [tuple(int(column == c) for c in range(width)) for column in range(width + 1)]
    return {unit: Fraction(value) for unit, value in zip(units, row, strict=True) if value}


def degree_one(polynomial: Polynomial, width: int) -> list[Fraction] | None:
    """The inverse of `affine`; None for higher degrees."""
    if any(sum(exponents) > 1 for exponents in polynomial):
        return None
    units = [tuple(int(column == c) for c in range(width)) for column in range(width + 1)]
    return [polynomial.get(unit, Fraction(0)) for unit in units]


def _by_power(polynomial: Polynomial, column: int) -> dict[int, Polynomial]:
    """The coefficients of x_column's powers."""
    parts: dict[int, Polynomial] = {}
    for exponents, value in polynomial.items():
        rest = (*exponents[:column], 0, *exponents[column + 1 :])
        parts.setdefault(exponents[column], {})[rest] = value
    return parts


def _evaluate(coefficients: Iterable[tuple[int, Polynomial]], at: Polynomial, width: int) -> Polynomial:
    """Σ coefficient·at^power, powers built once in rising order."""
    total: Polynomial = {}
    power, reached = affine([0] * width + [1]), 0
    for exponent, coefficient in sorted(coefficients, key=lambda pair: pair[0]):
        while reached < exponent:
            power, reached = multiply(power, at), reached + 1
        total = add(total, multiply(coefficient, power))
    return total


def compose(polynomial: Polynomial, column: int, row: Sequence[Fraction | int]) -> Polynomial:
    """The affine expression `row` in place of x_column."""
    return _evaluate(_by_power(polynomial, column).items(), affine(row), len(row) - 1)


@cache
def faulhaber(d: int) -> tuple[Fraction, ...]:
    """The coefficients of F_d, lowest power first.

    >>> [str(c) for c in faulhaber(2)]
    ['0', '1/6', '1/2', '1/3']
    """
    bernoulli: list[Fraction] = []
    for t in range(d + 1):
        bernoulli.append(1 - sum((comb(t, j) * bernoulli[j] / (t - j + 1) for j in range(t)), Fraction(0)))
    rising = [Fraction(0)] * (d + 2)
    for j in range(d + 1):
        rising[d + 1 - j] = comb(d + 1, j) * bernoulli[j] / (d + 1)
    return tuple(rising)


def sum_between(polynomial: Polynomial, column: int, low: Sequence[int], high: Sequence[int]) -> Polynomial:
    """Σ of the polynomial for x_column from the affine `low` to the affine `high`."""
    width = len(low) - 1
    summed: dict[int, Polynomial] = {}
    for d, coefficient in _by_power(polynomial, column).items():
        for power, factor in enumerate(faulhaber(d)):
            if factor:
                summed[power] = add(summed.get(power, {}), scale(coefficient, factor))
    before = (*low[:-1], low[-1] - 1)
    above = _evaluate(summed.items(), affine(high), width)
    return add(above, scale(_evaluate(summed.items(), affine(before), width), -1))
