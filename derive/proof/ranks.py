"""When a layer whose terms share inputs determines its weights: the rank of V ↦ W is the number of entries.

Beyond an edge several terms of one output read one input, so W may hold sums of entries only. Where some place reads a
different input by each entry, W shows them all. Such a place, and how large the grid must be, are found and proved.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from sympy import And, Eq, Expr, Ge, Integer, Symbol, ceiling, expand

from derive.forms.evaluate import evaluate
from derive.forms.evaluate import grid as grid_of
from derive.forms.expr import index, reads
from derive.forms.form import Form, Role, equal_places
from derive.proof.goal import Goal, Status
from derive.proof.reach import reaches
from derive.proof.solver import decide

__all__ = ["determined_when"]

_MOST = 12


def determined_when(form: Form, stated: list[Symbol], grid: list[Symbol]) -> Any | None:
    """A condition on the sizes under which W determines every free weight; None where none is found."""
    for when in _candidates(form, stated, grid):
        for place in (*_places(form, stated), *_in_the_middle(form)):
            if _seems_determined(form, when, place) and all(
                decide(goal.smt) is Status.PROVED for goal in _determined(form, when, place)
            ):
                return when
    return None


def _candidates(form: Form, stated: list[Symbol], grid: list[Symbol]) -> Iterator[Any]:
    """The grid's sizes are at least 1, 2, ... or a multiple of each stated size and more, or hold a window and a step."""
    if not stated:
        for slack in range(1, _MOST):
            yield And(*(Ge(size, slack) for size in grid))
    for factor, slack in product((1, 2, 4), (1, 2, 3)):
        if stated:
            yield And(*(Ge(size, factor * s + slack) for s in stated for size in grid))
    ways = reaches(form)
    for slack in range(3 if ways else 0):
        yield And(*(Ge(w.extent, expand(w.upper - w.lower + w.step + slack)) for w in ways))


def _in_the_middle(form: Form) -> Iterator[dict[Symbol, Expr]]:
    """The first place that has its whole window inside of the grid."""
    if ways := reaches(form):
        yield {w.place: ceiling(-w.lower / w.step) for w in ways}


def _places(form: Form, stated: list[Symbol]) -> Iterator[dict[Symbol, Expr]]:
    letters = [axis.symbol for axis in form.output.axes if axis.role is Role.GRID]
    for value in (*stated, *(2 * s for s in stated), *map(Integer, range(_MOST))):
        yield dict.fromkeys(letters, value)


def _seems_determined(form: Form, when: Any, place: dict[Symbol, Expr]) -> bool:
    """Whether it is so on the smallest grid for each of a few values of the other sizes."""
    for value in (1, 2):
        sizes = dict.fromkeys(form.sizes, value)
        grid = [s for axis in form.input.axes if axis.role is Role.GRID for s in axis.upper.free_symbols]
        sizes |= {
            s: next((v for v in range(1, 4 * _MOST) if evaluate(when, sizes | dict.fromkeys(grid, v))), 1) for s in grid
        }
        if evaluate(form.given, sizes) and not _tells_apart(form, sizes, place):
            return False
    return True


def _tells_apart(form: Form, sizes: dict[Symbol, int], place: dict[Symbol, Expr]) -> bool:
    """At these sizes: every input is read by one entry of each array, and no entry of the window is missing."""
    at: dict[Symbol, Any] = dict(sizes)
    at |= {axis.symbol: int(evaluate(axis.lower, sizes)) for axis in form.output.axes}
    at |= {s: int(evaluate(e, sizes)) for s, e in place.items()}
    ends = {a.symbol: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for a in form.reduction}
    at |= grid_of(ends)
    shape = tuple(high - low + 1 for low, high in ends.values())
    live = np.broadcast_to(evaluate(form.live, at), shape).ravel()
    columns = [np.broadcast_to(evaluate(e, at), shape).ravel()[live] for e in form.read]
    entries = [e for r in reads(form.weight) for e in r.subscripts]
    named = [np.broadcast_to(evaluate(e, at), shape).ravel()[live] for e in entries]
    inputs = set(zip(*columns, strict=True))
    return bool(live.any()) and len(set(zip(*columns, *named, strict=True))) == len(inputs)


def _determined(form: Form, when: Any, place: dict[Symbol, Expr]) -> Iterator[Goal]:
    """At the place every free entry is read, and entries that read one input are the same."""
    facts = (form.given, when)
    away = {s: index(f"{s.name}_") for s in form.reduction_symbols}
    live = form.live.xreplace(place)
    read = tuple(e.xreplace(place) for e in form.read)
    twins = (facts[0], when, live, live.xreplace(away), equal_places(read, (e.xreplace(away) for e in read)))
    for entry in reads(form.weight.xreplace(place)):
        yield Goal(twins, And(*(Eq(s, s.xreplace(away)) for s in entry.subscripts)))
    for param in form.weights:
        if not param.data:
            term = {s: place.get(s, e) for s, e in param.reader}
            yield Goal((*facts, param.domain), form.live.xreplace(term))
