"""A rewrite whose obligation is refused, shown at the smallest sizes by layers in numbers, entry by entry.

    sound        parameters after the step, and what the embedding makes of them before it: two layers that are not one
    restricted   what the embedding makes of parameters after the step breaks the law that is stated
    complete     a layer that satisfies the law, and the one that the step makes of it: not the same
    once         parameters after the step that their layer doesn't tell: the sections make others of it
    free         an entry that is called free and changes no layer, or one that changes it and isn't called so

What is refused of sizes and places is shown by `misplaced`.

All of it is evaluated from the two forms and the maps between them, so that any rule has it, one of the user's own too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from math import lcm
from typing import Any

import numpy as np
from sympy import And, Integer, Matrix, Symbol

from derive.forms.denote import entry_reader
from derive.forms.evaluate import evaluate, grid
from derive.forms.form import Array, Form, Param
from derive.forms.text import show
from derive.proof.counterexample import Counterexample, boxes, in_python
from derive.proof.misplaced import misplaced
from derive.proof.pasted import layers, settled
from derive.proof.small import Arrays, admits, dense_of, difference, differing_at_small_sizes, drawn, numbered, sizes_of
from derive.proof.step import ArrayMap, Clause, Kind, Step

__all__ = ["misread", "unsound"]

_MOST = 40  # entries of a layer whose laws are solved
Sizes = Mapping[Symbol, int]


def unsound(step: Step, obligation: str) -> Counterexample | None:
    """The smallest layers that show why a step's obligation of that name is refused; None where none are found."""
    if obligation == "free":
        return misread(step.after)
    if (place := misplaced(step, obligation)) is not None:
        return place
    if step.kind is Kind.TRANSFORMATION:
        return None
    if obligation == "sound":
        given = And(step.after.given, step.assume)
        return differing_at_small_sizes(
            replace(step.after, given=given), step.before, lambda a, at: _before(step, a, at)
        )
    show_it = {"restricted": _breaking, "complete": _missed, "once": _untold}.get(obligation)
    if show_it is None:
        return None
    both = replace(step.after, given=And(step.after.given, step.before.given, step.assume))
    found = (show_it(step, sizes) for sizes in sizes_of(both, step.clauses) if admits(step.before, sizes))
    return next((one for one in found if one is not None), None)


def _made(maps: Iterable[ArrayMap], into: Form, of: Form, arrays: Arrays, sizes: Sizes) -> Arrays:
    """The parameters of one form that maps make of those of another; what is outside an array that they read is 0."""
    read, table = entry_reader(of, arrays, sizes), {m.array: m for m in maps}
    found = numbered(into, sizes)
    for param in into.params:
        if param.values is None:
            made, ends = table[param.name], _ends(param.array, sizes)
            at = dict(zip(made.binders, grid(ends).values(), strict=True))
            values = evaluate(made.value, dict(sizes) | at, read)
            shape = [high - low + 1 for low, high in ends.values()]
            found[param.name] = np.array(np.broadcast_to(values, shape), dtype=object)
    return found


def _ends(array: Array, sizes: Sizes) -> dict[Symbol, tuple[int, int]]:
    return {a.symbol: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for a in array.axes}


def _before(step: Step, arrays: Arrays, sizes: Sizes) -> Arrays:
    return _made(step.embeddings, step.before, step.after, arrays, sizes)


def _breaking(step: Step, sizes: Sizes) -> Counterexample | None:
    """Parameters before the step that the embedding makes and a law forbids."""
    for _, arrays in drawn(step.after, sizes):
        old = _before(step, arrays, sizes)
        for law in step.clauses:
            if (at := _failing(step, law, old, sizes)) is not None:
                return _broken(step, law, old, at, sizes)
    return None


def _points(step: Step, law: Clause, sizes: Sizes) -> dict[Symbol, np.ndarray]:
    """All values of a law's letters that can matter."""
    ends = _ends(step.before.output, sizes) | _ends(step.before.input, sizes)
    reach = max((high for _, high in ends.values()), default=1) + 1
    return grid({s: ends.get(s, (-reach, reach)) for s in law.binders})


def _gaps(step: Step, law: Clause, arrays: Arrays, sizes: Sizes) -> tuple[np.ndarray, np.ndarray]:
    """Where a law speaks, and by how much its sides differ."""
    points = _points(step, law, sizes)
    shape = np.broadcast_shapes(*(p.shape for p in points.values()))
    form = replace(step.before, tables=tuple(dict.fromkeys((*step.before.tables, *step.tables))))
    read, at = entry_reader(form, arrays, sizes), dict(sizes) | points
    given = np.broadcast_to(evaluate(law.given, at, read), shape)
    gap = np.broadcast_to(evaluate(law.left, at, read) - evaluate(law.right, at, read), shape)
    return given, gap


def _failing(step: Step, law: Clause, arrays: Arrays, sizes: Sizes) -> dict[Symbol, int] | None:
    """The values of a law's letters, those nearest to 0, at which it fails."""
    given, gap = _gaps(step, law, arrays, sizes)
    wrong = np.argwhere(given & (gap != 0))
    if not len(wrong):
        return None
    letters = _points(step, law, sizes).values()
    values = [[int(v[tuple(place)]) for v in letters] for place in wrong]
    return dict(zip(law.binders, min(values, key=lambda v: (sum(map(abs, v)), v)), strict=True))


def _broken(step: Step, law: Clause, arrays: Arrays, at: Mapping[Symbol, int], sizes: Sizes) -> Counterexample:
    """The entries before the step, and both sides of the law at these letters."""
    form = step.before
    known = boxes(form, sizes)
    numbers = {s: Integer(v) for s, v in (*sizes.items(), *at.items())}
    sides = [settled(side, numbers, (*form.tables, *step.tables)) for side in (law.left, law.right)]
    whole = set(form.input.symbols) <= set(at)
    place = show(form.input.entry(Integer(at[s]) for s in form.input.symbols)) if whole else ""
    entries = tuple(_entries(form, arrays, sizes))
    return Counterexample(
        tuple((s.name, v) for s, v in sizes.items()),
        tuple((s.name, v) for s, v in at.items()),
        sides[0] - sides[1],
        (*entries, (place, 1)) if place else entries,
        place,
        known,
        tuple(in_python(side, known) for side in sides),
    )


def _entries(form: Form, arrays: Arrays, sizes: Sizes) -> Iterator[tuple[str, int]]:
    """What isn't 0, as the formula calls it."""
    for param in form.params:
        if param.values is None:
            lows = [low for low, _ in _ends(param.array, sizes).values()]
            for spot in np.argwhere(arrays[param.name] != 0).tolist():
                places = [Integer(p + low) for p, low in zip(spot, lows, strict=True)]
                yield show(param.array.entry(places)), int(arrays[param.name][tuple(spot)])


def _missed(step: Step, sizes: Sizes) -> Counterexample | None:
    """A layer before the step that satisfies the laws and isn't what the step makes of it."""
    for old in _lawful(step, sizes):
        new = _made(step.sections, step.after, step.before, old, sizes)
        again = _made(step.embeddings, step.before, step.after, new, sizes)
        if any((old[name] != again[name]).any() for name in old):
            first, second = (dense_of(step.before, arrays, sizes)["W"] for arrays in (old, again))
            if (first != second).any():
                return difference(step.before, sizes, tuple(_entries(step.before, old, sizes)), (first, second))
    return None


def _untold(step: Step, sizes: Sizes) -> Counterexample | None:
    """Parameters after the step that are others once they are read off the free entries of the layer that they make."""
    for said, arrays in drawn(step.after, sizes):
        old = _before(step, arrays, sizes)
        free = {p.name: np.where(_free(p, sizes), old[p.name], 0) for p in _learned(step.before)}
        again = _made(step.sections, step.after, step.before, old | free, sizes)
        for param in _learned(step.after):
            wrong = np.argwhere(_free(param, sizes) & (arrays[param.name] != again[param.name]))
            if len(wrong):
                return _same_layer(step.after, param, tuple(wrong[0]), (arrays, again), said, sizes)
    return None


def misread(form: Form) -> Counterexample | None:
    """The smallest sizes at which an entry called free changes no layer, or one that isn't called free changes it."""
    start = 0 if len(form.weights) == 1 else 1
    for sizes in sizes_of(form, ()):
        ends = {p.name: _ends(p.array, sizes) for p in _learned(form)}
        base = numbered(form, sizes) | {
            name: np.full([high - low + 1 for low, high in ends[name].values()], start, object) for name in ends
        }
        plain = dense_of(form, base, sizes)
        for param in _learned(form):
            free = _free(param, sizes)
            for place in np.ndindex(*free.shape):
                changed = base | {param.name: base[param.name].copy()}
                changed[param.name][place] += 1
                dense = dense_of(form, changed, sizes)
                if any((dense[name] != plain[name]).any() for name in dense) != bool(free[place]):
                    said = tuple(_entries(form, changed, sizes))
                    return _same_layer(form, param, place, (changed, base), said, sizes)
    return None


def _learned(form: Form) -> list[Param]:
    return [p for p in form.params if p.values is None and not p.data]


def _free(param: Param, sizes: Sizes) -> np.ndarray:
    """Which entries in an array's box are called free."""
    ends = _ends(param.array, sizes)
    shape = [high - low + 1 for low, high in ends.values()]
    return np.array(np.broadcast_to(evaluate(param.free, dict(sizes) | grid(ends)), shape), dtype=bool)


def _same_layer(
    form: Form,
    param: Param,
    place: tuple[int, ...],
    values: tuple[Arrays, Arrays],
    said: tuple[tuple[str, int], ...],
    sizes: Sizes,
) -> Counterexample:
    """The two layers of an entry with two values, which are called one; where they are one, the entry."""
    one, other = (dense_of(form, arrays, sizes)["W"] for arrays in values)
    if (one != other).any():
        return difference(form, sizes, said, (one, other))
    known = boxes(form, sizes)
    at = {s: int(p) + low for p, (s, (low, _)) in zip(place, _ends(param.array, sizes).items(), strict=True)}
    first, second = (int(arrays[param.name][place]) for arrays in values)
    own, entries = layers([one], (box.name for box in known))
    return Counterexample(
        tuple((s.name, v) for s, v in sizes.items()),
        tuple((s.name, v) for s, v in at.items()),
        Integer(first - second),
        said,
        "",
        (*known, *own),
        (in_python(param.array.entry(map(Integer, at.values())), known), str(second)),
        entries,
    )


def _lawful(step: Step, sizes: Sizes) -> Iterator[Arrays]:
    """A basis of all parameters before the step that satisfy its laws, in whole numbers."""
    learned = [p for p in step.before.params if p.values is None]
    shapes = {p.name: [high - low + 1 for low, high in _ends(p.array, sizes).values()] for p in learned}
    counts = {name: int(np.prod(shape)) for name, shape in shapes.items()}
    total, numbers = sum(counts.values()), numbered(step.before, sizes)
    if total > _MOST:
        return

    def arrays(values: Iterable[Any]) -> Arrays:
        flat, found, start = np.array([*values, None], dtype=object)[:-1], dict(numbers), 0
        for name, shape in shapes.items():
            found[name] = flat[start : start + counts[name]].reshape(shape)
            start += counts[name]
        return found

    columns = []
    for k in range(total):
        unit = arrays(int(k == p) for p in range(total))
        gaps = (_gaps(step, law, unit, sizes) for law in step.clauses)
        columns.append(np.concatenate([np.zeros(1, object), *(gap[given] for given, gap in gaps)]))
    rows = {tuple(map(int, row)) for row in np.array(columns).T}
    for vector in Matrix(sorted(rows)).nullspace():
        scale = lcm(*(int(v.q) for v in vector))
        yield arrays(int(v * scale) for v in vector)
