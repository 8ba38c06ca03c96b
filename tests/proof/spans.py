"""Dimensions by definition: a constraint's clauses, or a form's entries, as vectors over the rationals.

Every entry of a form's parameters is a label; a coefficient or a clause is then a combination of labels, made by the forms' own
meaning. The dimension of what the clauses leave is the number of labels less their rank; that of a form is the rank of its map.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import islice, product
from typing import Any

import numpy as np
from sympy import Symbol

from derive.derivation import Derivation
from derive.forms.denote import denote, entry_reader, matrix
from derive.forms.evaluate import evaluate, grid
from derive.forms.form import Form, Param, Table
from derive.proof.step import ArrayMap, Kind, Step, substitute

__all__ = [
    "Combination",
    "Elimination",
    "constrained",
    "free_labels",
    "labelled",
    "layers_of",
    "odd_ones",
    "points_of",
    "relations",
    "stated",
]

Sizes = Mapping[Symbol, int]
_MOST_ENTRIES, _MOST_POINTS = 1500, 30_000


class Combination:
    """A finite sum of rational multiples of labels, which an object array can hold."""

    __slots__ = ("terms",)

    def __init__(self, terms: Mapping[Hashable, Any]) -> None:
        self.terms = {label: value for label, value in terms.items() if value}

    def __add__(self, other: Any) -> Combination:
        if not isinstance(other, Combination):
            return self if other == 0 else NotImplemented
        terms = dict(self.terms)
        for label, value in other.terms.items():
            terms[label] = terms.get(label, 0) + value
        return Combination(terms)

    def __mul__(self, factor: Any) -> Combination:
        if isinstance(factor, np.ndarray):
            return NotImplemented
        return Combination({label: value * factor for label, value in self.terms.items()} if factor else {})

    def monomials(self) -> dict[tuple[Hashable, ...], Any]:
        """The sum over products of labels: a combination of combinations, with labels in one order."""
        found: dict[tuple[Hashable, ...], Any] = {}
        for label, value in self.terms.items():
            for rest, factor in (value.monomials() if isinstance(value, Combination) else {(): value}).items():
                key = tuple(sorted((label, *rest), key=str))
                found[key] = found.get(key, 0) + factor
        return {key: value for key, value in found.items() if value}

    def __sub__(self, other: Any) -> Combination:
        return self + other * -1

    def __rsub__(self, other: Any) -> Combination:
        return self * -1 + other

    __radd__ = __add__
    __rmul__ = __mul__


class Elimination:
    """Vectors taken in one by one; `rank` is how many of them were independent."""

    def __init__(self, vectors: Iterable[Any] = ()) -> None:
        self.rows: dict[Hashable, dict[Hashable, Fraction]] = {}
        for vector in vectors:
            self.take(vector)

    @property
    def rank(self) -> int:
        return len(self.rows)

    def reduced(self, vector: Any) -> dict[Hashable, Fraction]:
        """What is left of the vector modulo those taken in."""
        left = dict(vector.terms) if isinstance(vector, Combination) else {}
        while pivot := next((label for label in left if label in self.rows), None):
            factor = left.pop(pivot)
            for label, value in self.rows[pivot].items():
                left[label] = left.get(label, 0) + factor * value
                if not left[label]:
                    del left[label]
        return left

    def take(self, vector: Any) -> None:
        left = self.reduced(vector)
        if left:
            pivot, factor = left.popitem()
            self.rows[pivot] = {label: -Fraction(value) / factor for label, value in left.items()}

    def spans(self, other: Elimination) -> bool:
        """Whether every vector of the other is a combination of these."""
        rows = (Combination({pivot: 1} | {k: -v for k, v in row.items()}) for pivot, row in other.rows.items())
        return not any(map(self.reduced, rows))


def _box(param: Param, sizes: Sizes) -> tuple[int, ...]:
    return tuple(int(evaluate(extent, sizes)) for extent in param.array.shape)


def _held(param: Param, shape: tuple[int, ...]) -> np.ndarray:
    """The numbers that a form brings along."""
    array = np.empty(len(param.values or ()), dtype=object)
    array[:] = [Fraction(int(v.p), int(v.q)) for v in param.values or ()]
    return array.reshape(shape)


def labelled(form: Form, sizes: Sizes) -> dict[str, np.ndarray]:
    """Every parameter with an entry's own label at each place; arrays of data hold numbers."""
    arrays = {}
    for param in form.params:
        shape = _box(param, sizes)
        if param.values is not None:
            arrays[param.name] = _held(param, shape)
            continue
        array = np.empty(shape, dtype=object)
        if param.values is not None:
            array.ravel()[:] = [Fraction(int(v.p), int(v.q)) for v in param.values]
            arrays[param.name] = array
            continue
        for place in np.ndindex(*shape):
            array[place] = Combination({(param.name, *place): 1})
        arrays[param.name] = array
    return arrays


def free_labels(form: Form, sizes: Sizes) -> list[tuple[Any, ...]]:
    """The labels of the entries that the form calls free."""
    found: list[tuple[Any, ...]] = []
    for param in (p for p in form.params if p.values is None):
        ranges = {a.symbol: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for a in param.array.axes}
        free = np.broadcast_to(np.asarray(evaluate(param.free, dict(sizes) | grid(ranges))), _box(param, sizes))
        found += [(param.name, *map(int, place)) for place in np.argwhere(free)]
    return found


def layers_of(form: Form, sizes: Sizes) -> Elimination:
    """The space of maps (weights and biases) that the form's parameters make, as its rows over the entries of W and U."""
    arrays = labelled(form, sizes)
    nothing = np.zeros(tuple(int(evaluate(e, sizes)) for e in form.input.shape), dtype=object)
    biases = denote(form, arrays | {form.input.name: nothing}, sizes)
    parts = {"W": matrix(form, arrays, sizes), "U": biases}
    rows: dict[Hashable, dict[Hashable, Any]] = {}
    for name, values in parts.items():
        for place, value in np.ndenumerate(values):
            for label, factor in getattr(value, "terms", {}).items():
                rows.setdefault(label, {})[name, *place] = factor
    return Elimination(map(Combination, rows.values()))


def _binders(step: Step, position: int, sizes: Sizes, reach: int) -> dict[Symbol, tuple[int, int]]:
    """Every letter of a clause with its range; a letter that is no place runs through twice the largest extent."""
    axes = {axis.symbol: axis for array in (step.before.input, step.before.output) for axis in array.axes}
    extents = [int(evaluate(axis.extent, sizes)) for axis in axes.values()]
    wide = reach * max(extents) if extents else reach
    return {
        s: (int(evaluate(axes[s].lower, sizes)), int(evaluate(axes[s].upper, sizes))) if s in axes else (-wide, wide)
        for s in step.clauses[position].binders
    }


def points_of(layer: Derivation, sizes: Sizes, reach: int = 1) -> int:
    """How many points the clauses of a layer's restrictions are evaluated at."""
    total = 0
    for proved in layer.steps:
        for position in range(len(proved.step.clauses)):
            ranges = _binders(proved.step, position, sizes, reach).values()
            total += int(np.prod([high - low + 1 for low, high in ranges]))
    return total


def relations(
    step: Step,
    form: Form,
    maps: Iterable[ArrayMap],
    sizes: Sizes,
    reach: int = 1,
    earlier: tuple[Table, ...] = (),
) -> Iterator[Combination]:
    """Left side less right side of every clause, at every value of its letters, in entries of an earlier form.

    `maps` are the parameters before the step in terms of those of `form`.
    """
    held = tuple(p for p in step.before.params if p.values is not None and p not in form.params)
    whole = replace(form, tables=form.tables + earlier + step.tables, weights=form.weights + held)
    read = entry_reader(whole, labelled(whole, sizes), sizes)
    for position, clause in enumerate(step.clauses):
        at = dict(sizes) | grid(_binders(step, position, sizes, reach))
        shape = np.broadcast_shapes(*(np.shape(v) for v in at.values()))
        holds = np.broadcast_to(evaluate(clause.given, at), shape)
        sides = (np.broadcast_to(evaluate(substitute(s, maps), at, read), shape) for s in (clause.left, clause.right))
        left, right = (side[holds] for side in sides)
        for one, other in zip(left, right, strict=True):
            if isinstance(one, Combination) or isinstance(other, Combination):
                yield one - other


def stated(layer: Derivation, sizes: Sizes, reach: int = 1) -> Iterator[Combination]:
    """Every clause of every restriction of a layer, in entries of its dense form: sections, composed back to it."""
    first = max((p + 1 for p, s in enumerate(layer.steps) if s.kind is Kind.EXTENSION), default=0)
    steps = [proved.step for proved in layer.steps[first:]]
    for position, step in enumerate(steps):
        maps = []
        for param in (p for p in step.before.params if p.values is None):
            value = param.array.entry()
            for earlier in reversed(steps[:position]):
                value = substitute(value, earlier.sections)
            maps.append(ArrayMap(param.name, param.array.symbols, value))
        earlier = tuple(t for s in steps[:position] for t in s.tables)
        yield from relations(step, layer.dense, maps, sizes, reach, earlier)


def constrained(layer: Derivation, sizes: Sizes, reach: int = 1) -> tuple[int, int]:
    """Dimensions of the weights and of the biases that the clauses leave of the dense layer."""
    weights, biases = [p.name for p in layer.dense.weights], [p.name for p in layer.dense.biases]
    entries = free_labels(layer.dense, sizes)
    rows = Elimination(stated(layer, sizes, reach)).rows
    left = [label for label in entries if label not in rows]
    return sum(label[0] in weights for label in left), sum(label[0] in biases for label in left)


def odd_ones(layer: Derivation, most: int | None = None) -> Iterator[dict[Symbol, int]]:
    """Small sizes at which both definitions are quick: drawn, but always the same ones; with `most` None all of them."""
    symbols = layer.form.sizes
    choices = list(product((1, 3, 4, 2, 0), repeat=len(symbols)))
    random.Random(str(layer)).shuffle(choices)
    found = (dict(zip(symbols, values, strict=True)) for values in choices)
    return islice((s for s in found if evaluate(layer.form.given, s) and _quick(layer, s)), most)


def _quick(layer: Derivation, sizes: Sizes) -> bool:
    entries = int(np.prod([evaluate(axis.extent, sizes) for p in layer.dense.weights for axis in p.array.axes]))
    return entries <= _MOST_ENTRIES and points_of(layer, sizes) <= _MOST_POINTS
