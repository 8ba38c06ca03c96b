"""When a layer whose terms share inputs determines its weights: the rank of V ↦ W is the number of entries.

Beyond an edge several terms of one output read one input, so W may hold sums of entries only. Where some place reads a
different input by each entry, W shows them all, and so it does where some input is read by a different output for each. Terms that
read one input must have one sign there, since an entry and its opposite leave nothing. Such a place, and how large the grid must
be, are found and proved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any

import numpy as np
from sympy import And, Eq, Expr, Ge, Integer, Mul, Symbol, ceiling, expand

from derive.forms.denote import entry_reader
from derive.forms.evaluate import evaluate
from derive.forms.evaluate import grid as grid_of
from derive.forms.expr import Read, index, reads
from derive.forms.form import Array, Axis, Form, Role, equal_places
from derive.forms.products import weighted
from derive.proof.exact import PRIMES, rank, rank_modulo
from derive.proof.goal import Goal, Status
from derive.proof.reach import reaches
from derive.proof.solver import decide

__all__ = ["determined_when", "rank_of_numbers"]

_MOST = 12
_MOST_CELLS = 1 << 21


def determined_when(form: Form, stated: list[Symbol], grid: list[Symbol]) -> Any | None:
    """A condition on the sizes under which W determines every free weight; None where none is found."""
    for when in _candidates(form, stated, grid):
        for line in _lines(form, stated):
            if _seems_determined(form, when, line) and all(
                decide(goal.smt) is Status.PROVED for goal in _determined(form, when, line)
            ):
                return when
    return None


def rank_of_numbers(form: Form) -> Expr | None:
    """The rank of V ↦ W where all sizes but those of channels are numbers: of W's entries for each entry of V by itself.

    Entries of other channels are seen at places of their own, so that there are as many times more as there are of these. None
    for other sizes, for weights that aren't one array's entries, and where that is too much to go through.
    """
    if (channels := _channels(form)) is None:
        return None
    found = _rank_of_numbers(form.at(dict.fromkeys(form.sizes, Integer(1))) if form.sizes else form)
    return None if found is None else expand(Mul(found, *channels))


def _channels(form: Form) -> tuple[Expr, ...] | None:
    """The sizes by name of the weights' channels; None where another size has a name, or a channel isn't seen as it is."""
    if not form.sizes:
        return ()
    if len(form.weights) != 1 or not isinstance(form.weight, Read):
        return None
    arrays = (*form.output.axes, *form.input.axes, *form.reduction, *form.weights[0].array.axes)
    if not all(a.role is Role.CHANNEL or a.extent.is_Integer for a in arrays):
        return None
    places = zip((*form.output.axes, *form.input.axes), (*form.output.symbols, *form.read), strict=True)
    seen = {place for axis, place in places if axis.role is Role.CHANNEL} - form.domain.free_symbols
    pairs = zip(form.weights[0].array.axes, form.weight.subscripts, strict=True)
    named = [(axis.extent, s) for axis, s in pairs if not axis.extent.is_Integer]
    return tuple(extent for extent, _ in named) if {s for _, s in named} <= seen else None


def _rank_of_numbers(form: Form) -> int | None:
    """The same of numbers alone."""
    if not isinstance(form.weight, Read) or len(form.weights) != 1 or form.weights[0].data:
        return None
    ends = {a.symbol: (int(a.lower), int(a.upper)) for a in (*form.output.axes, *form.reduction)}
    shape = tuple(high - low + 1 for low, high in ends.values())
    sides = [int(e) for e in form.weights[0].array.shape]
    inputs = [int(e) for e in form.input.shape]
    places = prod(shape[: len(form.output.axes)]) * prod(inputs)
    if max(prod(shape), places * prod(sides)) > _MOST_CELLS:
        return None
    at, tables = grid_of(ends), entry_reader(replace(form, weights=(), biases=()), {}, {})
    live = np.broadcast_to(evaluate(form.live, at, tables), shape)

    def numbers(array: Array, subscripts: Sequence[Expr]) -> Any:
        """Which entry each live term reads, counted through the array."""
        found = (np.broadcast_to(evaluate(e, at, tables), shape)[live] for e in array.storage(subscripts))
        return np.ravel_multi_index(tuple(found), [int(e) for e in array.shape])

    outputs = np.ravel_multi_index(np.nonzero(live)[: len(form.output.axes)], shape[: len(form.output.axes)])
    entries = numbers(form.weights[0].array, form.weight.subscripts)
    cells = outputs * prod(inputs) + numbers(form.input, form.read)
    seen = np.zeros((places, prod(sides)), np.int64)
    np.add.at(seen, (cells, entries), 1)
    rows = np.unique(seen, axis=0)
    most = int(np.count_nonzero(rows.any(axis=0)))
    return most if rank_modulo(rows, PRIMES[0], most) == most else rank(rows)


def _candidates(form: Form, stated: list[Symbol], grid: list[Symbol]) -> Iterator[Any]:
    """The grid's sizes are at least 1, 2, ... or a multiple of each stated size and more, or hold a window and a step."""
    if not stated:
        for slack in range(1, _MOST):
            yield And(*(Ge(size, slack) for size in grid))
    for factor, slack in product((1, 2, 4, 6, 8), (1, 2, 3)):
        if stated:
            yield And(*(Ge(size, factor * s + slack) for s in stated for size in grid))
    ways = reaches(form)
    for slack in range(3 if ways else 0):
        yield And(*(Ge(w.extent, expand(w.upper - w.lower + w.step + slack)) for w in ways))


@dataclass(frozen=True, slots=True)
class _Line:
    """A row of W, or a column: letters that are held, what tells its entries apart, and letters that the others determine."""

    at: Mapping[Symbol, Expr]
    seen: tuple[Expr, ...]
    told: Mapping[Symbol, Expr]
    swept: tuple[Axis, ...]


def _lines(form: Form, stated: list[Symbol]) -> Iterator[_Line]:
    """Rows at some places of the output; columns at places of the input that are letters of the sum, as in an adjoint."""
    for place in (*_places(form, stated), *_in_the_middle(form)):
        yield _Line(place, form.read, {}, form.reduction)
    read = {form.read[q] for q in form.grid(form.input)}
    equations = [e for e in And.make_args(form.domain) if isinstance(e, Eq)]
    told = {x: y for e in equations for x, y in (e.args, e.args[::-1]) if x in form.output.symbols}
    axes = (*form.output.axes, *form.reduction)
    if told and read <= set(form.reduction_symbols):
        for value in _values(stated):
            swept = tuple(axis for axis in axes if axis.symbol not in read)
            yield _Line(dict.fromkeys(read, value), (*form.output.symbols, *form.read), told, swept)


def _values(stated: list[Symbol]) -> Iterator[Expr]:
    yield from (*stated, *(2 * s for s in stated), *map(Integer, range(_MOST)))


def _in_the_middle(form: Form) -> Iterator[dict[Symbol, Expr]]:
    """The first place that has its whole window inside of the grid."""
    if ways := reaches(form):
        yield {w.place: ceiling(-w.lower / w.step) for w in ways}


def _places(form: Form, stated: list[Symbol]) -> Iterator[dict[Symbol, Expr]]:
    letters = [axis.symbol for axis in form.output.axes if axis.role is Role.GRID]
    for value in _values(stated):
        yield dict.fromkeys(letters, value)


def _seems_determined(form: Form, when: Any, line: _Line) -> bool:
    """Whether it is so on the smallest grid for each of a few values of the other sizes."""
    for value in (1, 2):
        sizes = dict.fromkeys(form.sizes, value)
        grid = [s for axis in form.input.axes if axis.role is Role.GRID for s in axis.upper.free_symbols]
        sizes |= {
            s: next((v for v in range(1, 4 * _MOST) if evaluate(when, sizes | dict.fromkeys(grid, v))), 1) for s in grid
        }
        if evaluate(form.given, sizes) and not _tells_apart(form, sizes, line):
            return False
    return True


def _tells_apart(form: Form, sizes: dict[Symbol, int], line: _Line) -> bool:
    """At these sizes: every input is read by one entry of each array, and no entry of the window is missing.

    So it seems where that is too much to go through.
    """
    at: dict[Symbol, Any] = dict(sizes)
    at |= {axis.symbol: int(evaluate(axis.lower, sizes)) for axis in form.output.axes}
    at |= {s: int(evaluate(e, sizes)) for s, e in line.at.items()}
    ends = {a.symbol: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for a in line.swept}
    shape = tuple(high - low + 1 for low, high in ends.values())
    if prod(shape) > _MOST_CELLS:
        return True
    at |= grid_of(ends)
    live = np.broadcast_to(evaluate(form.live, at), shape).ravel()
    columns = [np.broadcast_to(evaluate(e, at), shape).ravel()[live] for e in line.seen]
    entries = [e for r in reads(form.weight) for e in r.subscripts] + list(_multiples(form))
    named = [np.broadcast_to(evaluate(e, at), shape).ravel()[live] for e in entries]
    inputs = set(zip(*columns, strict=True))
    return bool(live.any()) and len(set(zip(*columns, *named, strict=True))) == len(inputs)


def _multiples(form: Form) -> tuple[Expr, ...]:
    """What tells how often a term has its entry; of weights that are no multiples of entries, the term itself."""
    product = weighted(form.weight)
    if product is None:
        return form.reduction_symbols
    return () if product.times.is_number else (product.times,)


def _determined(form: Form, when: Any, line: _Line) -> Iterator[Goal]:
    """On the line every free entry is read, and entries that are read at one place of it are the same."""
    facts = (form.given, when)
    held = dict(line.at)
    away = {s: index(f"{s.name}_") for s in form.reduction_symbols if s not in held}
    live = form.live.xreplace(held)
    seen = tuple(e.xreplace(held) for e in line.seen)
    twins = (*facts, live, live.xreplace(away), equal_places(seen, (e.xreplace(away) for e in seen)))
    for entry in reads(form.weight.xreplace(held)):
        yield Goal(twins, And(*(Eq(s, s.xreplace(away)) for s in entry.subscripts)))
    for number in (e.xreplace(held) for e in _multiples(form)):
        yield Goal(twins, Eq(number, number.xreplace(away), evaluate=False))
    for param in form.weights:
        if not param.data:
            term = {s: held.get(s, e) for s, e in param.reader}
            term |= {s: e.xreplace(term) for s, e in line.told.items()}
            yield Goal((*facts, param.domain), form.live.xreplace(term))
