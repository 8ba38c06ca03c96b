"""Coefficients that are products of entries, one of each array: P[r, a]·Q[r, b]·X[i + a, j + b]."""

from __future__ import annotations

from typing import Any

from sympy import And, Eq, Expr, Mul, Sum

from derive.forms.expr import Read
from derive.forms.form import Axis, Role

__all__ = ["product_of", "same_product", "sums"]


def product_of(expression: Expr) -> dict[str, Read] | None:
    """The entries by array; None for anything but a product of entries of different arrays."""
    factors = Mul.make_args(expression) if expression != 1 else ()
    found = {f.array: f for f in factors if isinstance(f, Read)}
    return found if len(found) == len(factors) else None


def same_product(left: Expr, right: Expr) -> Any:
    """The condition that two coefficients are equal: for products of the same arrays, that they read the same entries."""
    one, other = product_of(left), product_of(right)
    if one is None or other is None or set(one) != set(other):
        return Eq(left, right)
    pairs = ((one[name], other[name]) for name in one)
    return And(*(Eq(x, y) for a, b in pairs for x, y in zip(a.subscripts, b.subscripts, strict=True)))


def sums(expression: Any) -> tuple[Axis, ...]:
    """The letters that its sums bind, with their ranges, each once: of Σ_s C[i, s]·u[s] the letter s."""
    found = {limits: None for e in sorted(expression.atoms(Sum), key=str) for limits in e.limits}
    return tuple(Axis(letter, low, high, Role.CHANNEL) for letter, low, high in found)
