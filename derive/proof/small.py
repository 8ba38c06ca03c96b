"""Claims about forms whose coefficients are sums of several terms: refuted at small sizes, by what the form means there.

Such a form has no formula for c(o, k), as behind a reflecting edge, but at numeric sizes its dense W and U follow from the
definition, for every entry of its parameters at once: they are linear in it. A clause about W and U that fails there is false,
with these sizes, indices and entries as its counterexample. One that doesn't fail at these sizes is not proved by that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import prod
from typing import Any

import numpy as np
from sympy import And, Integer, Rational, Symbol, true

from derive.errors import ObligationFailed
from derive.forms.denote import denote, matrix
from derive.forms.evaluate import evaluate, grid
from derive.forms.expr import index
from derive.forms.form import Array, Edge, Form, Param, Table
from derive.forms.products import weighted
from derive.forms.text import show
from derive.proof.counterexample import Counterexample, boxes
from derive.proof.larger import at_random, larger
from derive.proof.pasted import results, shown_by_law
from derive.proof.step import Clause

__all__ = [
    "LARGEST",
    "Arrays",
    "admits",
    "dense_like",
    "dense_of",
    "difference",
    "differing_at_small_sizes",
    "drawn",
    "numbered",
    "refute_at_small_sizes",
    "sides_at",
    "sizes_of",
]

LARGEST = 7  # the largest sum of sizes that is tried: seconds on two axes

Arrays = dict[str, np.ndarray]
Made = Callable[[Arrays, Mapping[Symbol, int]], Arrays]


def dense_like(form: Form) -> Form:
    """The form with one free weight W for each pair of places, and one bias U for each place."""
    W = Array("W", (*form.output.axes, *form.input.axes))
    U = Array("U", form.output.axes)
    return Form(
        output=form.output,
        input=form.input,
        reduction=form.input.axes,
        domain=true,
        weight=W.entry(),
        read=form.input.symbols,
        bias=U.entry(),
        weights=(Param(W, true, tuple((s, s) for s in W.symbols)),),
        biases=(Param(U, true, tuple((s, s) for s in U.symbols)),),
        given=form.given,
        edge=Edge.INSIDE,
    )


def refute_at_small_sizes(form: Form, clauses: tuple[Clause, ...], tables: tuple[Table, ...] = ()) -> bool:
    """Raise ObligationFailed for the first clause about `dense_like(form)` that fails, at the smallest sizes.

    Otherwise whether all sizes were tried, and for all values of the parameters: where every size is a number.
    """
    tried = list(sizes_of(form, clauses))
    for sizes in tried:
        _refute(form, clauses, tables, sizes)
    for sizes in larger(form, tried):
        dense = dense_of(form, at_random(form, sizes), sizes)
        if any(_failing(form, clause, dense, sizes, tables) is not None for clause in clauses):
            _refute(form, clauses, tables, sizes)
    return len(tried) == 1 and not tried[0] and _by_units(form)


def _refute(form: Form, clauses: tuple[Clause, ...], tables: tuple[Table, ...], sizes: Mapping[Symbol, int]) -> None:
    for said, arrays in drawn(form, sizes):
        dense = dense_of(form, arrays, sizes)
        for clause in clauses:
            if (found := _failing(form, clause, dense, sizes, tables)) is not None:
                indices, residue, place = found
                entries = (*said, (place, 1)) if place else said
                letters = {index(name): value for name, value in indices} | dict(sizes)
                known, more, sides = shown_by_law(form, clause, dense, letters, tables)
                model = Counterexample(
                    tuple((s.name, v) for s, v in sizes.items()),
                    indices,
                    residue,
                    entries,
                    place,
                    (*boxes(form, sizes), *known),
                    sides,
                    more,
                )
                where = ", ".join(f"{name} = {value}" for name, value in entries)
                at = ", ".join(f"{name} = {value}" for name, value in (*model.sizes, *indices))
                raise ObligationFailed(
                    f"{clause.says} fails at {at}: where {where} and 0 elsewhere, the two sides differ by {residue}.",
                    model,
                )


def differing_at_small_sizes(one: Form, other: Form, made: Made | None = None) -> Counterexample | None:
    """The smallest sizes at which two forms differ, with one entry of each array of the one as 1.

    The parameters of the other one are the same, or are made of them.
    """
    both = replace(one, given=And(one.given, other.given))
    tried = list(sizes_of(both, ()))
    for sizes in (*tried, *larger(both, tried)):
        if not all(evaluate(e, sizes) > 0 for e in _extents(other)):
            continue
        apart = _apart(one, sizes) if sum(sizes.values()) <= LARGEST else at_random(one, sizes)
        first, second = matrix(one, apart, sizes), matrix(other, _theirs(other, apart, sizes, made), sizes)
        if first.shape == second.shape and (first == second).all():
            continue
        shapes = None
        for said, arrays in _one_of_each(one, sizes):
            found = _differing(one, other, sizes, said, arrays, made)
            if found is not None and found.residue != 0:
                return found
            shapes = shapes or found
        if shapes is not None:
            return shapes
    return None


def _differing(
    one: Form,
    other: Form,
    sizes: Mapping[Symbol, int],
    said: tuple[tuple[str, int], ...],
    arrays: Arrays,
    made: Made | None,
) -> Counterexample | None:
    """Where two forms differ with these entries."""
    first, second = matrix(one, arrays, sizes), matrix(other, _theirs(other, arrays, sizes, made), sizes)
    if first.shape == second.shape and (first == second).all():
        return None
    return difference(one, sizes, said, (first, second))


def difference(
    one: Form, sizes: Mapping[Symbol, int], said: tuple[tuple[str, int], ...], dense: tuple[np.ndarray, np.ndarray]
) -> Counterexample:
    """Where two dense layers differ first: an entry of the output that only one of them has is 0 in the other."""
    shape = tuple(map(max, zip(*(W.shape for W in dense), strict=True)))
    first, second = (np.pad(W, [(0, e - d) for e, d in zip(shape, W.shape, strict=True)]) for W in dense)
    missing = np.zeros(shape, bool)
    for W in dense:
        inside = np.zeros(shape, bool)
        inside[tuple(map(slice, W.shape))] = True
        missing |= ~inside
    gap = first - second
    at = tuple(int(p) for p in np.argwhere(gap != 0 if gap.any() else missing)[0])
    axes = (*one.output.axes, *one.input.axes)
    values = [p + int(evaluate(axis.lower, sizes)) for p, axis in zip(at, axes, strict=True)]
    rank = len(one.output.axes)
    place = show(one.input.entry(map(Integer, values[rank:])))
    indices = tuple((axis.symbol.name, v) for axis, v in zip(axes[:rank], values, strict=False))
    stated = tuple((s.name, v) for s, v in sizes.items())
    own = boxes(one, sizes)
    known, more, sides = results(dense, at[:rank], (box.name for box in own), one.input.name)
    return Counterexample(stated, indices, Integer(gap[at]), (*said, (place, 1)), place, (*own, *known), sides, more)


def _theirs(other: Form, arrays: Arrays, sizes: Mapping[Symbol, int], made: Made | None) -> Arrays:
    return numbered(other, sizes) | (arrays if made is None else made(arrays, sizes))


def _apart(form: Form, sizes: Mapping[Symbol, int]) -> Arrays:
    """Powers of a number that no coefficient reaches, another for each product of entries: they tell all coefficients apart."""
    numbers = numbered(form, sizes)
    values = [Fraction(v) for held in numbers.values() for v in held.ravel()]
    terms = prod(int(evaluate(a.extent, sizes)) for a in form.reduction)
    parts = (terms, *(v.numerator for v in values), *(v.denominator for v in values))
    bits, count, arrays = 16 + sum(part.bit_length() for part in parts), 1, dict(numbers)
    for param in form.params:
        if param.values is None:
            shape = [int(evaluate(e, sizes)) for e in param.array.shape]
            powers = np.array([1 << (bits * count * p) for p in range(prod(shape))], dtype=object)
            arrays[param.name] = powers.reshape(shape)
            count *= prod(shape)
    return arrays


def numbered(form: Form, sizes: Mapping[Symbol, int]) -> Arrays:
    return {p.name: _numbers(p, sizes) for p in form.params if p.values is not None}


def _one_of_each(form: Form, sizes: Mapping[Symbol, int]) -> Iterator[tuple[tuple[tuple[str, int], ...], Arrays]]:
    learned = [p for p in form.params if p.values is None]
    numbers = numbered(form, sizes)
    shapes = {p.name: [int(evaluate(e, sizes)) for e in p.array.shape] for p in learned}
    for places in product(*(np.ndindex(*shape) for shape in shapes.values())):
        arrays = {name: np.zeros(shape, dtype=object) for name, shape in shapes.items()}
        for name, place in zip(shapes, places, strict=True):
            arrays[name][place] = 1
        yield tuple((_entry(p.array, at, sizes), 1) for p, at in zip(learned, places, strict=True)), arrays | numbers


def _entry(array: Array, place: tuple[int, ...], sizes: Mapping[Symbol, int]) -> str:
    """The entry at these positions in memory, as the formula calls it."""
    lower = (int(evaluate(axis.lower, sizes)) for axis in array.axes)
    return show(array.entry([Integer(p + low) for p, low in zip(place, lower, strict=True)]))


def sizes_of(form: Form, clauses: tuple[Clause, ...], largest: int = LARGEST) -> Iterator[dict[Symbol, int]]:
    """Values of the sizes of the form, which it admits, and of the clauses; those with the smallest sum first."""
    own = {s for c in clauses for e in (c.given, c.left, c.right) for s in e.free_symbols.difference(c.binders)}
    names = (*form.sizes, *sorted(own.difference(form.sizes), key=str))
    tuples = product(range(largest + 1), repeat=len(names))
    for values in sorted((t for t in tuples if sum(t) <= largest), key=lambda t: (sum(t), t[::-1])):
        sizes = dict(zip(names, values, strict=True))
        if admits(form, sizes):
            yield sizes


def admits(form: Form, sizes: Mapping[Symbol, int]) -> bool:
    """Whether the form has these sizes, and arrays that aren't empty."""
    return bool(evaluate(form.given, sizes)) and all(evaluate(e, sizes) > 0 for e in _extents(form))


def _extents(form: Form) -> list[Any]:
    return [e for array in (form.output, form.input, *(p.array for p in form.params)) for e in array.shape]


def drawn(form: Form, sizes: Mapping[Symbol, int]) -> Iterator[tuple[tuple[tuple[str, int], ...], Arrays]]:
    """Entries to try: each by itself as 1; of a product of arrays one entry of each; else all of them as 1, 2, ..."""
    learned = [p for p in form.params if p.values is None]
    numbers = numbered(form, sizes)
    empty = numbers | {
        p.name: np.zeros([int(evaluate(e, sizes)) for e in p.array.shape], dtype=object) for p in learned
    }
    entries = {p.name: [(p.array, place) for place in np.ndindex(*empty[p.name].shape)] for p in learned}
    factors = [p.name for p in learned if p in form.weights]
    groups: Iterable[Any] = [[entry for part in entries.values() for entry in part]]
    single: Iterable[Any] = ()
    if _by_units(form):
        groups = product(*(entries[name] for name in factors))
        single = ([entry] for p in learned if p in form.biases for entry in entries[p.name])
    for group in (*groups, *single):
        arrays = {name: values.copy() for name, values in empty.items()}
        said = []
        for value, (array, place) in enumerate(group, start=1):
            arrays[array.name][place] = 1 if _by_units(form) else value
            said.append((_entry(array, place, sizes), int(arrays[array.name][place])))
        yield tuple(said), arrays


def _by_units(form: Form) -> bool:
    """Whether the coefficients are linear in every array that they read, and the biases in theirs: then units are enough."""
    tables = tuple(t.name for t in form.tables)
    weight = weighted(form.weight, (*tables, *(p.name for p in form.params if p.values is not None)))
    learned = [p.name for p in form.weights if p.values is None]
    return weight is not None and sorted(f.array for f in weight.factors) == sorted(learned)


def _numbers(param: Param, sizes: Mapping[Symbol, int]) -> np.ndarray:
    """The entries of an array of numbers."""
    values = [int(v) if v.is_Integer else Fraction(int(v.p), int(v.q)) for v in param.values or ()]
    filled = np.empty(len(values), dtype=object)
    filled[:] = values
    return filled.reshape([int(evaluate(e, sizes)) for e in param.array.shape])


def dense_of(form: Form, arrays: Arrays, sizes: Mapping[Symbol, int]) -> Arrays:
    nothing = np.zeros([int(evaluate(e, sizes)) for e in form.input.shape], dtype=object)
    return {"W": matrix(form, arrays, sizes), "U": denote(form, arrays | {form.input.name: nothing}, sizes)}


def sides_at(
    form: Form, clause: Clause, dense: Arrays, sizes: Mapping[Symbol, int], tables: tuple[Table, ...]
) -> tuple[np.ndarray, np.ndarray, Any, Any]:
    """The least value of each of the clause's letters, where it speaks of their values, and its two sides there."""
    axes = {axis.symbol: axis for axis in (*form.output.axes, *form.input.axes)}
    reach = max(dense["W"].shape, default=1)
    ends = {
        s: (int(evaluate(axes[s].lower, sizes)), int(evaluate(axes[s].upper, sizes))) if s in axes else (-reach, reach)
        for s in clause.binders
    }
    points = dict(sizes) | grid(ends)
    read = _reader(form, dense, sizes, tables)
    given = np.broadcast_to(evaluate(clause.given, points), [high - low + 1 for low, high in ends.values()])
    lows = np.array([low for low, _ in ends.values()], int)
    return lows, given, evaluate(clause.left, points, read), evaluate(clause.right, points, read)


def _failing(
    form: Form, clause: Clause, dense: Arrays, sizes: Mapping[Symbol, int], tables: tuple[Table, ...]
) -> tuple[tuple[tuple[str, int], ...], Rational, str] | None:
    """Indices at which the clause fails, nearest to 0, by how much, and the input's entry that shows it."""
    lows, given, left, right = sides_at(form, clause, dense, sizes, tables)
    gap = np.broadcast_to(left - right, given.shape)
    if not (wrong := given & (gap != 0)).any():
        return None
    failing = np.argwhere(wrong)
    at = failing[np.abs(failing + lows).sum(1).argmin()]
    values = dict(zip(clause.binders, (at + lows).tolist(), strict=True))
    inputs = form.input.symbols
    place = show(form.input.entry([Integer(values[s]) for s in inputs])) if set(inputs) <= set(values) else ""
    residue = gap[tuple(at)]
    return (
        tuple((s.name, v) for s, v in values.items()),
        Rational(int(residue.numerator), int(residue.denominator)),
        place,
    )


def _reader(form: Form, dense: Arrays, sizes: Mapping[Symbol, int], tables: tuple[Table, ...]) -> Callable[..., Any]:
    """Entries of W and U; where the clause doesn't speak of a point, its subscripts may lie outside, and any entry will do."""
    boxes = {"W": (*form.output.axes, *form.input.axes), "U": form.output.axes} | {t.name: t.array.axes for t in tables}
    dense = dense | {t.name: np.array(t.values).reshape([int(e) for e in t.array.shape]) for t in tables}

    def read(name: str, *subscripts: Any) -> Any:
        values = dense[name]
        if not subscripts:
            return values[()]
        places = [np.asarray(s) - int(evaluate(a.lower, sizes)) for s, a in zip(subscripts, boxes[name], strict=True)]
        clipped = (np.clip(p, 0, e - 1) for p, e in zip(places, values.shape, strict=True))
        return values[tuple(np.broadcast_arrays(*clipped))]

    return read
