"""A rewrite whose obligation about places or sizes is refused, shown at the smallest sizes by a place, a term or an entry.

preconditions   sizes that the step admits and that the form before it doesn't
in bounds       a term, and the place beyond an array's ends that it reads
injective       two terms of one output that read one input, and entries that only one of them has
stated          a law about an entry that isn't free
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from sympy import And, Expr, Integer, Symbol, true

from derive.forms.denote import entry_reader
from derive.forms.evaluate import evaluate, grid
from derive.forms.expr import Read, Where, reads
from derive.forms.form import Array, Axis, Form
from derive.forms.products import sums
from derive.forms.text import show
from derive.proof.counterexample import Counterexample, Entries, boxes, in_python
from derive.proof.small import LARGEST, numbered, sizes_of
from derive.proof.step import Clause, Step

__all__ = ["misplaced"]

Sizes = Mapping[Symbol, int]


def misplaced(step: Step, obligation: str) -> Counterexample | None:
    """The smallest sizes and places that show why a step's obligation of that name is refused; None where none are found."""
    if obligation == "preconditions":
        return _unadmitted(step)
    find = {"in bounds": _outside, "injective": _twice, "stated": _unfree}.get(obligation)
    if find is None:
        return None
    found = (find(step, sizes) for sizes in sizes_of(step.after, step.clauses))
    return next((one for one in found if one is not None), None)


def _unadmitted(step: Step) -> Counterexample | None:
    names = tuple(dict.fromkeys((*step.after.sizes, *step.before.sizes)))
    every = (t for t in product(range(LARGEST + 1), repeat=len(names)) if sum(t) <= LARGEST)
    for values in sorted(every, key=lambda t: (sum(t), t[::-1])):
        sizes = dict(zip(names, values, strict=True))
        if not evaluate(step.after.given, sizes):
            continue
        for part in And.make_args(step.before.given):
            if not evaluate(part, sizes):
                return _shown(sizes, (), ("True", show(part)))
    return None


def _outside(step: Step, sizes: Sizes) -> Counterexample | None:
    """The first term that reads beyond the ends of an array."""
    form = step.after
    arrays = {a.name: a for a in (form.input, *(p.array for p in form.params), *(t.array for t in form.tables))}
    summed = (*form.output.axes, *form.reduction), form.live, (form.input.entry(form.read), *reads(form.weight))
    for axes, live, found in (summed, ((*form.output.axes, *sums(form.bias)), true, reads(form.bias))):
        letters = [a.symbol for a in axes]
        for at in _points(form, axes, live, sizes):
            for read in found:
                place = _places(read.subscripts, {**sizes, **dict(zip(letters, at, strict=True))})
                nearest = _nearest(place, arrays[read.array], sizes)
                if place != nearest:
                    return _shown(sizes, zip(letters, at, strict=True), _tuples(place, nearest), form)
    return None


def _twice(step: Step, sizes: Sizes) -> Counterexample | None:
    """Two terms of one output that read one input."""
    form = step.after
    axes = (*form.output.axes, *form.reduction)
    letters, rank = [a.symbol for a in axes], len(form.output.axes)
    seen: dict[tuple[int, ...], list[int]] = {}
    for at in _points(form, axes, form.live, sizes):
        here = {**sizes, **dict(zip(letters, at, strict=True))}
        place = _places(form.read, here)
        if (other := seen.setdefault((*at[:rank], *place), at)) != at:
            input_entry = show(form.input.entry(map(Integer, place)))
            own = [show(Read(r.array, *map(Integer, _places(r.subscripts, here)))) for r in reads(form.weight)]
            entries = (*((name, 1) for name in own), (input_entry, 1))
            out = zip(letters[:rank], at[:rank], strict=True)
            return _shown(sizes, out, _tuples(other[rank:], at[rank:]), form, entries, input_entry)
    return None


def _unfree(step: Step, sizes: Sizes) -> Counterexample | None:
    """An entry before the step that a law speaks of and that isn't free, with the law's letters."""
    form = step.before
    params = {p.name: p for p in form.params}
    for law in step.clauses:
        for values in _letters_of(step, law, sizes):
            at = dict(sizes) | dict(zip(law.binders, values, strict=True))
            for read in (r for side in (law.left, law.right) for r in _met(side, at) if r.array in params):
                places = _places(read.subscripts, at)
                if evaluate(law.given, at) and not evaluate(params[read.array].domain_at(map(Integer, places)), sizes):
                    entry = params[read.array].array.entry(map(Integer, places))
                    nearest = _nearest(places, params[read.array].array, sizes)
                    inside = places == nearest
                    sides = (in_python(entry, boxes(form, sizes)), "0") if inside else _tuples(places, nearest)
                    found = zip(law.binders, values, strict=True)
                    return _shown(sizes, found, sides, form, ((show(entry), 1),) if inside else ())
    return None


def _letters_of(step: Step, law: Clause, sizes: Sizes) -> list[tuple[int, ...]]:
    """The values of a law's letters that can matter, those nearest to 0 first."""
    axes = {a.symbol: a for a in (*step.before.output.axes, *step.before.input.axes)}
    ends = {s: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for s, a in axes.items()}
    reach = max((high for _, high in ends.values()), default=1) + 1
    ranges = (ends.get(s, (-reach, reach)) for s in law.binders)
    every = product(*(range(low, high + 1) for low, high in ranges))
    return sorted(every, key=lambda v: (sum(map(abs, v)), v))


def _met(side: Any, at: Sizes) -> Iterator[Read]:
    """What a side of a law reads at these letters."""
    if isinstance(side, Read):
        yield side
    elif isinstance(side, Where):
        yield from _met(side.args[1] if evaluate(side.condition, at) else side.args[2], at)
    else:
        for part in sorted(side.args, key=str):
            yield from _met(part, at)


def _points(form: Form, axes: Sequence[Axis], live: Any, sizes: Sizes) -> list[list[int]]:
    """The letters of all terms, those nearest to 0 first."""
    ends = {a.symbol: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for a in axes}
    shape = [high - low + 1 for low, high in ends.values()]
    held = evaluate(live, dict(sizes) | grid(ends), entry_reader(form, numbered(form, sizes), sizes))
    lows = np.array([low for low, _ in ends.values()], int)
    found = (np.argwhere(np.broadcast_to(held, shape)) + lows).tolist()
    return sorted(found, key=lambda v: (sum(map(abs, v)), v))


def _places(subscripts: Sequence[Expr], at: Sizes, form: Form | None = None) -> list[int]:
    """Subscripts as numbers; those that are read from a form's tables need that."""
    read = None if form is None else entry_reader(form, numbered(form, at), at)
    return [int(evaluate(s, at, read)) for s in subscripts]


def _nearest(place: Sequence[int], array: Array, sizes: Sizes) -> list[int]:
    """The place of an array next to one that may lie beyond its ends."""
    shape, first = _places(array.shape, sizes), _places([a.lower for a in array.axes], sizes)
    return [min(max(p, low), low + e - 1) for p, low, e in zip(place, first, shape, strict=True)]


def _tuples(one: Sequence[int], other: Sequence[int]) -> tuple[str, str]:
    return str(tuple(one)), str(tuple(other))


def _shown(
    sizes: Sizes,
    letters: Any,
    sides: tuple[str, str],
    form: Form | None = None,
    entries: Entries = (),
    place: str = "",
) -> Counterexample:
    stated = tuple((s.name, v) for s, v in sizes.items())
    at = tuple((s.name, int(v)) for s, v in letters)
    known = () if form is None else boxes(form, sizes)
    return Counterexample(stated, at, Integer(1), entries, place, known, sides)
