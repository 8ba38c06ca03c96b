"""Which bounds make the range of a new letter."""

from __future__ import annotations

from sympy import Expr, Max, Min, Symbol

from derive.forms.form import Axis, Form, Role

__all__ = ["stated_axis"]


def stated_axis(symbol: Symbol, bounds: tuple[tuple[Expr, ...], tuple[Expr, ...]], form: Form) -> Axis:
    """The letter's range. A bound that the user stated, such as a radius, says more than the grid's size does."""
    lower, upper = bounds
    return Axis(symbol, Max(*_stated(lower, form)), Min(*_stated(upper, form)), Role.GRID)


def _stated(bounds: tuple[Expr, ...], form: Form) -> tuple[Expr, ...]:
    sizes = {s for axis in form.output.axes for s in axis.upper.free_symbols}
    own = tuple(e for e in bounds if not e.free_symbols & sizes)
    return own or bounds
