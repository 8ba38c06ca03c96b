"""How far from an output's place a form reads, along each axis of the grid: what "the grid is large enough" is said with.

X[3i + 2a], |a| ≤ Δ   ⟶   from -2Δ to 2Δ, in steps of 3
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sympy import And, Expr, Le, Max, Min, Mod, Symbol, ceiling, expand, floor

from derive.forms.form import Axis, Form

__all__ = ["Reach", "large_enough", "reaches"]


@dataclass(frozen=True, slots=True)
class Reach:
    """Reads lie between `lower` and `upper` from `step` times the place; quotients in the ends are not rounded."""

    place: Symbol
    step: Expr
    lower: Expr
    upper: Expr
    extent: Expr


def reaches(form: Form) -> tuple[Reach, ...]:
    """One for each axis of places; none where a read is not a multiple of the place and a window beside it.

    What an edge does to a read is left out: it is asked how far the window is.
    """
    axes = {axis.symbol: axis for axis in form.reduction}
    found = []
    for p, q in zip(form.grid(form.output), form.grid(form.input), strict=False):
        place = form.output.symbols[p]
        read = _inside(form.read[q], place)
        step = read.coeff(place)
        rest = expand(read - step * place)
        if not (step.is_Integer and step > 0) or not rest.free_symbols <= {*axes, *form.sizes}:
            return ()
        lower, upper = (_end(rest, axes, side) for side in (False, True))
        found.append(Reach(place, step, lower, upper, form.input.axes[q].extent))
    return tuple(found)


def _inside(read: Expr, place: Symbol) -> Expr:
    """The place that is continued beyond an edge: k in k mod n, in Min(n - 1, Max(0, k)) and the like."""
    while isinstance(read, (Mod, Min, Max)):
        inner = [e for e in read.args if place in e.free_symbols]
        read = inner[0] if inner else read.args[0]
    return expand(read)


def _end(rest: Expr, axes: dict[Symbol, Axis], upper: bool) -> Expr:
    """The least or the largest value over the letters' ranges."""
    for letter, axis in axes.items():
        rate = rest.coeff(letter)
        rest = rest.xreplace({letter: axis.upper if (rate > 0) == upper else axis.lower}) if rate != 0 else rest
    return expand(rest.replace(floor, lambda e: e).replace(ceiling, lambda e: e))


def large_enough(form: Form, most: int) -> Iterator[object]:
    """Conditions that the grid exceeds how far a place reads by 1, 2, ... on either side."""
    ways = reaches(form)
    for slack in range(1, most if ways else 1):
        yield And(*(Le(end, w.extent - slack) for w in ways for end in (-w.lower, w.upper)))
