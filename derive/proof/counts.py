"""How many numbers a form has to learn: exactly, and in short under a stated condition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sympy import And, Expr, Le, Max, Min, Piecewise, S, true

from derive.forms.conditions import pieces, split
from derive.forms.count import condition_for_full, count, count_disjoint
from derive.forms.form import Form, Param, Role
from derive.forms.piecewise import with_min
from derive.forms.polyhedron import Polyhedron

__all__ = ["Counts"]


@dataclass(frozen=True, slots=True)
class Counts:
    """Exact numbers of free parameters, and the short ones with their condition."""

    exact_weight: Expr
    exact_bias: Expr
    weight: Expr
    bias: Expr
    when: Any

    @classmethod
    def of(cls, form: Form) -> Counts:
        """Counted from the domains that the obligation 'free' is about."""
        given = Polyhedron.of(form.given)
        exact = _number(form.weights, given), _number(form.biases, given)
        when = true
        if any(e.has(Min, Max, Piecewise) for e in exact):
            when = next(
                (c for c in _chambers(form, given) if not _number_under(form, c).has(Min, Max, Piecewise)),
                true,
            )
        context = Polyhedron.of(And(form.given, when))
        return cls(*exact, _number(form.weights, context), _number(form.biases, context), with_min(when, given))


def _number_under(form: Form, when: Any) -> Expr:
    context = Polyhedron.of(And(form.given, when))
    return _number(form.weights, context) + _number(form.biases, context)


def _chambers(form: Form, given: Polyhedron) -> Iterator[Any]:
    """Conditions to count under: that stated sizes are smaller than the grid; that whole arrays are free."""
    axes = (*form.input.axes, *form.output.axes)
    extents = {s for axis in axes for s in axis.upper.free_symbols}
    grid = {s for axis in axes if axis.role is Role.GRID for s in axis.upper.free_symbols}
    stated = [s for s in form.sizes if s not in extents]
    yield And(*(Le(s, size - 1) for s in stated for size in sorted(grid, key=str)))
    yield And(*(_full(p, given) for p in form.params))


def _full(param: Param, given: Polyhedron) -> Any:
    """When every entry of the array is free; true where the array's box alone isn't the count anyway."""
    if param.free is true:
        return true
    box, (inside, _) = Polyhedron.of(param.array.holds()), split(param.free)
    return condition_for_full(box, inside, given, param.array.symbols)


def _number(params: tuple[Param, ...], given: Polyhedron) -> Expr:
    return sum((_entries(p, given) for p in params), start=S.Zero)


def _entries(param: Param, given: Polyhedron) -> Expr:
    parts = pieces(param.domain)
    if len(parts) == 1:
        return count(parts[0], param.array.symbols, given)
    return count_disjoint(parts, param.array.symbols, given)
