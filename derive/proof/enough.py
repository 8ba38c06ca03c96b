"""Under which conditions it is tried to count in short: that a window is whole, or the grid large."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Any

from sympy import And, Ge, Le, S, Symbol, true

from derive.forms.conditions import split
from derive.forms.count import condition_for_full
from derive.forms.form import Form, Param, Role
from derive.forms.polyhedron import Polyhedron
from derive.proof.ends import free_at_ends
from derive.proof.reach import large_enough

__all__ = ["all_free", "chambers", "far_smaller", "large_grids", "stated_sizes"]

_MOST = 12  # how much larger a grid is asked to be
_LARGER = (16, 32, 64, 128)


def large_grids(form: Form, full: tuple[Param, ...], given: Polyhedron) -> Iterator[Any]:
    """None; that the window's ends are free; that the grid exceeds stated sizes by 1, 2, ...; that it is at least 2, 3, ..."""
    yield true
    yield from free_at_ends(((p, whole.free) for p, whole in zip(form.params, full, strict=True)), given)
    yield from (_smaller_by(form, slack) for slack in range(1, _MOST))
    yield from large_enough(form, _MOST)


def _smaller_by(form: Form, slack: int) -> Any:
    """That the grid exceeds each stated size, or 0, by as much."""
    stated, sizes = stated_sizes(form)
    return And(*(Le(s, size - slack) for s in stated or [S.Zero] for size in sizes))


def far_smaller(form: Form, holds: Callable[[Any], bool]) -> Any:
    """The same by the least number that it takes, of larger ones; None where none is found."""
    reached = next((slack for slack in _LARGER if holds(_smaller_by(form, slack))), None)
    if reached is None:
        return None
    least = bisect_left(range(reached), True, lo=_MOST, key=lambda slack: holds(_smaller_by(form, slack)))
    return _smaller_by(form, least)


def chambers(form: Form, given: Polyhedron) -> Iterator[Any]:
    """Conditions to count under: stated sizes, or the window's sides, are less than the grid's; whole arrays free; large grids."""
    stated, grid = stated_sizes(form)
    yield And(*(Le(s, size - 1) for s in stated for size in grid))
    ends = {end for p in form.params for a in p.array.axes for end in (a.upper, -a.lower) if end.free_symbols}
    sides = sorted((e for e in ends if e.free_symbols <= set(stated)), key=str)
    if not set(sides) <= set(stated):
        yield And(*(Le(side, size - 1) for side in sides for size in grid))
    yield And(*(all_free(p, given) for p in form.params))
    for least in range(2, _MOST):
        yield And(*(Ge(size, least) for size in grid))
        yield And(*(Le(s, size - least) for s in stated for size in grid))


def stated_sizes(form: Form) -> tuple[list[Symbol], list[Symbol]]:
    """Sizes that are no extent of a grid or of channels, such as a radius; and the sizes of the grid."""
    axes = (*form.input.axes, *form.output.axes)
    features = [a for p in form.params for a in p.array.axes if a.role is Role.CHANNEL]
    extents = {s for axis in (*axes, *features) for s in axis.upper.free_symbols}
    grid = {s for axis in axes if axis.role is Role.GRID for s in axis.upper.free_symbols}
    return [s for s in form.sizes if s not in extents], sorted(grid, key=str)


def all_free(param: Param, given: Polyhedron) -> Any:
    """When every entry of the array is free; true where the array's box alone isn't the count anyway."""
    if param.free is true:
        return true
    (box, _), (inside, _) = split(param.array.holds()), split(param.free)
    return condition_for_full(box, inside, given, param.array.symbols)
