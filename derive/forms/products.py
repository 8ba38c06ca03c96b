"""Coefficients that are products of entries, one of each array, with a number in front: -P[r, a]·Q[r, b]·X[i + a, j + b]."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sympy import And, Eq, Expr, Mul, Rational, S, Sum

from derive.forms.expr import Read, Where
from derive.forms.form import Axis, Role
from derive.remembered import built

__all__ = ["Product", "product_of", "same_product", "sums", "weighted"]


@dataclass(frozen=True, slots=True)
class Product:
    """`times`·Π `factors`, where `times` is a number that may depend on the place and reads tables alone."""

    times: Expr
    factors: tuple[Read, ...]


def weighted(expression: Expr, tables: Iterable[str] = ()) -> Product | None:
    """A product of entries of arrays with its number; None for anything else.

    Cases of products of the same arrays are one product, whose number and subscripts have the cases:

    >>> from derive.forms.text import parse
    >>> weighted(parse("Where(a < 0, -V[a], V[a])"))
    Product(times=Where(a < 0, -1, 1), factors=(V[a],))
    """
    known = frozenset(tables)
    if isinstance(expression, Read) and expression.array not in known:
        return Product(S.One, (expression,))
    if isinstance(expression, Where):
        return _cases(expression, known)
    times: Expr = S.One
    factors: list[Read] = []
    for factor in expression.as_ordered_factors() if isinstance(expression, Mul) else (expression,):
        if isinstance(factor, Rational) or (isinstance(factor, Read) and factor.array in known):
            times = times * factor
            continue
        part = weighted(factor, known) if isinstance(factor, (Read, Where)) else None
        if part is None:
            return None
        times, factors = times * part.times, [*factors, *part.factors]
    return Product(times, tuple(factors))


def _cases(expression: Where, tables: frozenset[str]) -> Product | None:
    condition, *options = expression.args
    one, other = (weighted(option, tables) for option in options)
    if one is None or other is None:
        return None
    if other.times == 0 or one.times == 0:
        return Product(Where(condition, one.times, other.times), one.factors or other.factors)
    if [f.array for f in one.factors] != [f.array for f in other.factors]:
        return None
    merged = (
        Read(f.array, *(Where(condition, x, y) for x, y in zip(f.subscripts, g.subscripts, strict=True)))
        for f, g in zip(one.factors, other.factors, strict=True)
    )
    return Product(Where(condition, one.times, other.times), tuple(merged))


def product_of(expression: Expr) -> dict[str, Read] | None:
    """The entries by array; None for anything but a product of entries of different arrays."""
    factors = Mul.make_args(expression) if expression != 1 else ()
    found = {f.array: f for f in factors if isinstance(f, Read)}
    return found if len(found) == len(factors) else None


def same_product(left: Expr, right: Expr) -> Any:
    """The condition that two coefficients are equal: for products of the same arrays, that they read the same entries.

    Their numbers are equal too, or are numbers of equal cases.
    """
    one, other = weighted(left), weighted(right)
    if one is None or other is None:
        return built(Eq, left, right)
    names = [sorted(f.array for f in part.factors) for part in (one, other)]
    if names[0] != names[1] or len(set(names[0])) < len(names[0]):
        return built(Eq, left, right)
    at = {f.array: f for f in other.factors}
    pairs = [(f, at[f.array]) for f in one.factors]
    same = (built(Eq, x, y) for a, b in pairs for x, y in zip(a.subscripts, b.subscripts, strict=True))
    return And(built(Eq, one.times, other.times), *same)


def sums(expression: Any) -> tuple[Axis, ...]:
    """The letters that its sums bind, with their ranges, each once: of Σ_s C[i, s]·u[s] the letter s."""
    found = {limits: None for e in sorted(expression.atoms(Sum), key=str) for limits in e.limits}
    return tuple(Axis(letter, low, high, Role.CHANNEL) for letter, low, high in found)
