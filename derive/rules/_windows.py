"""What a window is, apart from the grid that it lies in: few places make some of it redundant, and none of it wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sympy import And, Eq, Expr, Integer, Or, Symbol

from derive.forms.conditions import regardless, simplified, split
from derive.forms.evaluate import evaluate, grid
from derive.forms.expr import Where, reads
from derive.forms.form import Array, Axis, Form, Param, Role
from derive.remembered import both, replaced, text
from derive.rules._known import implied

__all__ = ["apart_from_grid", "first_case", "in_window", "simplified_terms", "whole_window", "widened"]

_MOST = 1 << 16  # offsets of a window that are gone through


def simplified_terms(condition: Any, output: Array, reduction: tuple[Axis, ...], given: Any, *known: Any) -> Any:
    """The condition on the terms of such a sum without what is known; a window's own parts stay, whatever a small grid implies."""
    ranges = tuple(axis.holds() for axis in reduction)
    own = simplified(_tying(condition, output, reduction), given, *ranges)
    return both(simplified(condition, output.holds(), given, *ranges, *known), own)


def _tying(condition: Any, output: Array, reduction: tuple[Axis, ...]) -> Any:
    """The parts of a condition on terms that tie several offsets to each other, as those of a diamond do: no grid ties them."""
    offsets = {a.symbol for a in reduction if a.role is Role.GRID}
    parts = (p for p in And.make_args(condition) if not p.free_symbols & {*output.symbols})
    return both(*(p for p in parts if len(p.free_symbols & offsets) > 1))


def whole_window(form: Form) -> Any:
    """The conditions on terms beside the ranges, and beside that the read is inside."""
    return simplified_terms(form.domain, form.output, form.reduction, form.given, form.input.holds(form.read))


def widened(param: Param, form: Form) -> Param:
    """The array with room for all of the window, however few places the grid has: what none of them reads is not free."""
    entry = next((r for r in reads(form.weight) if r.array == param.name), None)
    window = None if entry is None else _window(form)
    if entry is None:
        return param
    axes, more = [], []
    for axis, subscript in zip(param.array.axes, entry.subscripts, strict=True):
        ends = _named_ends(axis, subscript, form) if window is None else _image(axis, subscript, window)
        axes.append(axis if ends is None else replace(axis, lower=ends[0], upper=ends[1]))
        more.append(axes[-1] == axis or axis.holds())
    array = replace(param.array, axes=tuple(axes))
    if array == param.array:
        return param
    return replace(param, array=array, free=simplified(both(param.free, *more), array.holds(), form.given))


def apart_from_grid(param: Param, form: Form) -> Param | None:
    """The entries that some offset of the window reads, whether or not so few places have it inside.

    None on a grid of sizes by name, of which they are those already, and for entries of single places.
    """
    entry = next((r for r in reads(form.weight) if r.array == param.name), None)
    places = {form.output.symbols[p] for p in form.grid(form.output)}
    if entry is None or not _has_numbers(form) or any(e.free_symbols & places for e in entry.subscripts):
        return None
    room = widened(param, form)
    named = {s for q in form.grid(form.input) for s in form.input.axes[q].upper.free_symbols}
    return replace(room, free=in_window(regardless(param.free, named), room, form))


def in_window(named: Any, param: Param, form: Form) -> Any:
    """What makes an entry one that some offset of the window reads, of the conditions on it: no number of places is among them.

    On a grid of sizes by name the conditions are those already.
    """
    entry = next((r for r in reads(form.weight) if r.array == param.name), None)
    if entry is None or not _has_numbers(form):
        return named
    whole = both(whole_window(form), *(axis.holds() for axis in form.reduction))
    known = both(form.output.holds(), form.given, whole)
    at = dict(zip(param.array.symbols, entry.subscripts, strict=True))
    held = both(*(p for p in And.make_args(named) if implied(known, replaced(p, at))))
    tap = {s: e for s, e in param.reader if s in form.reduction_symbols}
    own, plain = (replaced(whole, t) for t in (tap, {s: first_case(e) for s, e in tap.items()}))
    same = own == plain or implied(both(param.array.holds(), form.given, held), _alike(own, plain))
    found = simplified(both(held, plain if same else own), param.array.holds(), form.given)
    return _lean(found, param.array.holds(), form.given)


def _lean(condition: Any, *known: Any) -> Any:
    """Without alternatives that the other conditions leave anyway."""
    parts = list(And.make_args(condition))
    for part in sorted((p for p in parts if isinstance(p, Or)), key=lambda p: (-p.count_ops(), text(p))):
        others = [p for p in parts if p != part]
        parts = others if implied(both(*known, *others), part) else parts
    return both(*parts)


def _alike(one: Any, other: Any) -> Any:
    return Eq(Where(one, 1, 0), Where(other, 1, 0))


def first_case(e: Expr) -> Expr:
    """Without the cases that small grids make: a window is whole at the place that an entry is called by."""
    return e.replace(lambda part: isinstance(part, Where), lambda part: part.args[1])


def _window(form: Form) -> Mapping[Symbol, np.ndarray] | None:
    """The offsets of a window of numbers; None for another one."""
    axes = [a for a in form.reduction if a.role is Role.GRID]
    if not axes or not all(a.lower.is_Integer and a.upper.is_Integer for a in axes):
        return None
    if np.prod([int(a.extent) for a in axes], dtype=object) > _MOST:
        return None
    at = grid({a.symbol: (int(a.lower), int(a.upper)) for a in axes})
    affine, _ = split(whole_window(form))
    own = both(*(p for p in And.make_args(affine.conditions) if p.free_symbols <= set(at)))
    return {s: values[np.broadcast_to(evaluate(own, at), values.shape)] for s, values in at.items()}


def _named_ends(axis: Axis, subscript: Expr, form: Form) -> tuple[Expr, Expr] | None:
    """The ends of an offset's letter in the sum, on a grid of numbers that implies others; None for no such letter."""
    summed = next((a for a in form.reduction if a.symbol == subscript and a.role is Role.GRID), None)
    if summed is None or not _has_numbers(form):
        return None
    wider = implied(both(form.given, axis.holds()), summed.holds(axis.symbol))
    return (summed.lower, summed.upper) if wider else None


def _has_numbers(form: Form) -> bool:
    """Whether the grid has an axis of so many places, which may imply some of a window."""
    return any(a.extent.is_Integer for a in form.input.axes if a.role is Role.GRID)


def _image(axis: Axis, subscript: Expr, window: Mapping[Symbol, np.ndarray]) -> tuple[Integer, Integer] | None:
    """The ends of what a subscript is in the window, with the axis's own; None where these are enough, or it is no offset."""
    if not (axis.lower.is_Integer and axis.upper.is_Integer and subscript.free_symbols <= set(window)):
        return None
    if not subscript.free_symbols:
        return None
    values = evaluate(subscript, window)
    if not values.size:
        return None
    low, high = min(int(axis.lower), int(values.min())), max(int(axis.upper), int(values.max()))
    return None if (low, high) == (axis.lower, axis.upper) else (Integer(low), Integer(high))
