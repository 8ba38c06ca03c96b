"""A number that has cases, on some of the sizes only: without the cases that make no difference there.

Min(2Δ + 1, 2n - 1) where Δ < n   ⟶   2Δ + 1
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sympy import Expr, Ge, Integer, Max, Min, Or, Piecewise, Symbol, expand, true

from derive.forms.conditions import split
from derive.forms.polyhedron import NotAffine, Polyhedron

__all__ = ["narrowed"]

_ZERO = Integer(0)
_FEW = 4  # values of a size that are put in one by one


def narrowed(number: Expr, sizes: Polyhedron) -> Expr:
    """The same number on these sizes; a case stays unless inequalities rule it out, or another says the same there.

    >>> from sympy import symbols
    >>> n, Delta = symbols("n Delta", integer=True)
    >>> narrowed(3 * Min(2*Delta + 1, 2*n - 1), Polyhedron.of(Delta < n))
    6*Delta + 3
    >>> narrowed(Piecewise((2, (n > 2) | (Delta > 2)), (1, n > 1), (0, True)), Polyhedron.of(Delta > 3))
    2
    """
    if not number.has(Piecewise, Min, Max):
        return number
    if isinstance(number, Piecewise):
        return _of_cases(number, sizes)
    args = [narrowed(arg, sizes) for arg in number.args]
    if isinstance(number, (Min, Max)):
        sign = 1 if isinstance(number, Min) else -1
        return next((x for x in args if all(_first(x, y, sign, sizes) for y in args)), number)
    return number.func(*args)


def _of_cases(number: Piecewise, sizes: Polyhedron) -> Expr:
    kept: list[tuple[Expr, list[Polyhedron]]] = []
    left = [sizes]
    for value, condition in number.args:
        parts = [split(option) for option in Or.make_args(condition)]
        regions = [r for affine, _ in parts for one in left if not (r := one & affine).is_empty()]
        if regions:
            kept.append((narrowed(value, regions[0] if len(regions) == 1 else sizes), regions))
        for affine in (affine for affine, rest in parts if rest == true):
            left = [part for one in left for part in _without(one, affine)]
        if not left:
            break
    for value, _ in kept:
        if all(_agree(value, other, region) for other, regions in kept for region in regions):
            return value
    return number


def _without(sizes: Polyhedron, affine: Polyhedron) -> Iterator[Polyhedron]:
    """What is left of the sizes: for each inequality the part where it fails."""
    for e in affine.expressions:
        part = sizes & Polyhedron.of(Ge(-e, 1))
        if not part.is_empty():
            yield part


def _agree(one: Expr, other: Expr, sizes: Polyhedron) -> bool:
    """Whether two numbers are the same on these sizes, of which some may have few values in terms of the others."""
    difference = expand(one - other)
    if difference == 0:
        return True
    return any(all(_agree(difference.xreplace(at), _ZERO, sizes.substitute(at)) for at in few) for few in _few(sizes))


def _few(sizes: Polyhedron) -> Iterator[list[Mapping[Symbol, Expr]]]:
    """For each size with few values between a lower and an upper bound all of these."""
    for s in sizes.names:
        lower, upper = sizes.bounds(s)
        for low in lower:
            spans = [gap for high in upper if (gap := expand(high - low)).is_Integer and gap < _FEW]
            if spans:
                yield [{s: low + k} for k in range(int(min(spans)) + 1)]
                break


def _first(one: Expr, other: Expr, sign: int, sizes: Polyhedron) -> bool:
    """Whether sign·one ≤ sign·other on all of these sizes."""
    try:
        return one == other or sizes.implies(Ge(sign * (other - one), 0))
    except NotAffine:
        return False
