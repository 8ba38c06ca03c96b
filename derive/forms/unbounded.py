"""A layer on the grid of all integers: no edge, so nothing is said about one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sympy import And, Expr, Symbol, oo

from derive.errors import RuleRefused
from derive.forms.conditions import simplified
from derive.forms.form import Array, Axis, Form, Param, Role

__all__ = ["unbounded"]


def unbounded(form: Form) -> Form:
    """The form with all integers as places of input and output, and the whole window at each.

    Raises RuleRefused for a window, weights or sizes that depend on the grid's.
    """
    sizes = {
        s for array in (form.input, form.output) for p in form.grid(array) for s in array.axes[p].upper.free_symbols
    }
    output, source = (Array(a.name, tuple(map(_endless, a.axes))) for a in (form.output, form.input))
    ranges = [axis.holds() for axis in form.reduction]
    domain = simplified(form.domain, form.output.holds(), form.given, form.input.holds(form.read), *ranges)
    given = And(*(part for part in And.make_args(form.given) if not part.free_symbols & sizes))
    params = tuple(replace(p, free=_without(p.free, sizes), reader=_at_origin(p, form)) for p in form.params)
    count = len(form.weights)
    after = replace(form, output=output, input=source, domain=domain, given=given)
    after = replace(after, weights=params[:count], biases=params[count:])
    bounds = [e for p in after.params for a in p.array.axes for e in (a.lower, a.upper)]
    left = {s for e in (*bounds, after.domain, *(p.free for p in params)) for s in e.free_symbols} & sizes
    if left:
        names = ", ".join(sorted(s.name for s in left))
        raise RuleRefused(f"On the grid of all integers there is no {names}: state locality and equivariance first.")
    return after


def _endless(axis: Axis) -> Axis:
    return replace(axis, lower=-oo, upper=oo) if axis.role is Role.GRID else axis


def _without(condition: Any, sizes: set[Symbol]) -> Any:
    return And(*(part for part in And.make_args(condition) if not part.free_symbols & sizes))


def _at_origin(param: Param, form: Form) -> tuple[tuple[Symbol, Expr], ...]:
    """A term that reads an entry is one at place 0."""
    places = {form.output.symbols[p] for p in form.grid(form.output)}
    return tuple((s, 0 * s if s in places else e) for s, e in param.reader)
