"""Which bounds make the range of a new letter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from sympy import Expr, Ge, Le, Max, Min, Symbol

from derive.forms.form import Axis, Form, Role
from derive.rules._known import implied

__all__ = ["stated_axis", "union_axis"]

Bounds = tuple[tuple[Expr, ...], tuple[Expr, ...]]


def stated_axis(symbol: Symbol, bounds: Bounds, form: Form) -> Axis:
    """The letter's range. A bound that the user stated, such as a radius, says more than the grid's size does."""
    lower, upper = bounds
    return Axis(symbol, Max(*_stated(lower, form)), Min(*_stated(upper, form)), Role.GRID)


def union_axis(symbol: Symbol, parts: Sequence[Bounds], form: Form, role: Role) -> Axis:
    """The smallest range that holds all parts, each given by its bounds."""
    axes = [stated_axis(symbol, bounds, form) for bounds in parts]
    lower = _outermost([axis.lower for axis in axes], Le, Min, form.given)
    return Axis(symbol, lower, _outermost([axis.upper for axis in axes], Ge, Max, form.given), role)


def _stated(bounds: tuple[Expr, ...], form: Form) -> tuple[Expr, ...]:
    """Those without the grid's sizes, where there are some."""
    sizes = {s for axis in form.output.axes for s in axis.upper.free_symbols}
    own = tuple(e for e in bounds if not e.free_symbols & sizes)
    return own or bounds


def _outermost(
    ends: Iterable[Expr], beyond: Callable[..., object], extreme: Callable[..., Expr], given: object
) -> Expr:
    """The end that lies beyond all others for all sizes, where there is one."""
    found = list(dict.fromkeys(ends))
    for end in found:
        if all(end == other or implied(given, beyond(end, other)) for other in found):
            return end
    return extreme(*found)
