"""How many layers a window of numbers has that is no box, or is tied, where its places read beyond an edge: in cases of sizes.

    V[max(|a|, |b|)], |a|, |b| ≤ 1, on a torus of n by m places   ⟶   1 where n = m = 1, 2 elsewhere

A term t reads e(s·o + δ(t)) along every axis by itself, so that W = (M₁ ⊗ M₂ ⊗ ...)·T. T adds each entry to the shifts δ of
its terms. M says along one axis which shifts are read together, Σ_δ [e(s·o + δ) = k] for places o and k; the rank depends on these
sums' span alone. Where some place o has every shift inside, the span is all; so it is on all larger grids, and the rank no longer
depends on their size. Smaller ones are gone through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

import numpy as np
from sympy import And, Eq, Expr, Ge, Integer, Le, Mul, Or, Piecewise, S, Symbol, expand, false

from derive.forms.denote import entry_reader
from derive.forms.evaluate import evaluate
from derive.forms.evaluate import grid as grid_of
from derive.forms.expr import index, reads
from derive.forms.extension import extended
from derive.forms.form import Axis, Edge, Form, Param
from derive.proof.exact import PRIMES, independent, rank, rank_modulo
from derive.proof.ways import Way, ways

__all__ = ["layers_of_numbers"]

_MOST_PLACES, _MOST_CASES, _MOST_TERMS, _MOST_CELLS = 64, 256, 1 << 18, 1 << 25


@dataclass(frozen=True, slots=True)
class _Line:
    """One axis of places, read at e(stride·o + shift)."""

    edge: str
    stride: int
    extent: Expr
    shifts: tuple[int, ...]

    @property
    def enough(self) -> int:
        """From so many places on there is one that has every shift inside."""
        first = self.stride * max(0, -(min(self.shifts) // self.stride))
        return first + max(0, *self.shifts) + 1

    def span(self, places: int) -> Any:
        """Sums that span what is seen, each a number for every shift."""
        many = min(places, self.enough)
        at, axis = index("x"), Axis(index("k"), Integer(0), Integer(many - 1))
        before = np.arange(0, many, self.stride)[:, None] + np.array(self.shifts)
        read = np.broadcast_to(evaluate(extended(self.edge, axis, at), {at: before}), before.shape)
        seen = read[:, None, :] == np.arange(many)[:, None]
        rows = np.unique(seen.reshape(-1, len(self.shifts)), axis=0).astype(np.int64)
        return rows[independent(rows)]


@dataclass(frozen=True, slots=True)
class _Terms:
    """Of every term the shift along each axis and the entry, both counted through, its factor, and which sums it belongs to."""

    shifts: tuple[Any, ...]
    entries: Any
    factors: Any
    sums: Any

    @property
    def apart(self) -> bool:
        """Whether every term is seen by itself where all shifts are told apart, so that all entries are."""
        rows = np.stack([self.sums, *self.shifts])
        return np.unique(rows, axis=1).shape == rows.shape

    def rank(self, spans: Sequence[Any]) -> int:
        """How many numbers of the entries the sums tell, given what is seen along each axis."""
        seen = np.ones((1, len(self.entries)), np.int64)
        for span, shift in zip(spans, self.shifts, strict=True):
            seen = (seen[:, None, :] * span[None][:, :, shift]).reshape(-1, len(self.entries))
        entries, sums = int(self.entries.max()) + 1, int(self.sums.max()) + 1
        matrix = np.zeros((sums, entries, len(seen)), np.int64)
        np.add.at(matrix, (self.sums, self.entries), (seen * self.factors).T)
        rows = np.unique(matrix.swapaxes(1, 2).reshape(-1, entries), axis=0)
        return entries if rank_modulo(rows, PRIMES[0], entries) == entries else rank(rows)


def layers_of_numbers(form: Form) -> tuple[Expr | None, Expr, Any] | None:
    """How many numbers W determines of a window of numbers, how many it reads, and the exact condition that these are as many.

    Where small grids are too many to go through there is no first number, and the condition is that the grid is large. None for a
    window of symbolic sides, several learned arrays, and sides of the grid that are no multiple of a size and a number.
    """
    (param,) = form.weights if len(form.weights) == 1 else (None,)
    read = () if form.edge is Edge.ZERO else ways(form)
    if param is None or param.data or not read or form.vanishes:
        return None
    copied = _copied(form, param, read)
    found = _terms(form, read, copied)
    if found is None:
        return None
    lines, terms = found
    values, most = _values(lines), int(terms.entries.max()) + 1
    if values is None:
        return None
    copies = Mul(*(axis.extent for axis in copied.values()))
    if prod(map(len, values.values())) > _MOST_CASES or _is_large(lines, terms):
        large = And(*(Ge(size, known[-1]) for size, known in values.items()))
        small = any(line.extent.is_Integer and line.extent < line.enough for line in lines)
        return (None, most * copies, large) if terms.apart and not small else None
    told = _told(lines, terms, values)
    regions = {number: _region(told, number, values) for number in sorted(set(told.values()))}
    pairs = [(Integer(number), where) for number, where in regions.items()]
    number = pairs[0][0] if len(pairs) == 1 else Piecewise(*pairs[:-1], (pairs[-1][0], True), evaluate=False)
    return number * copies, most * copies, regions.get(most, false)


def _is_large(lines: Sequence[_Line], terms: _Terms) -> bool:
    """Whether there are too many small grids, or too many places on the one that there is, to go through."""
    many = [min(line.enough, int(line.extent)) if line.extent.is_Integer else line.enough for line in lines]
    told = all(line.extent.is_Integer for line in lines)
    return prod(many) * len(terms.entries) > _MOST_CELLS or (not told and max(many) > _MOST_PLACES)


def _copied(form: Form, param: Param, read: Sequence[Way]) -> dict[Symbol, Axis]:
    """Letters by which entries, outputs or inputs are told apart and nothing else: so many windows, each by itself."""
    entries = reads(form.weight)
    features = {form.output.symbols[p] for p in _features(form.output, form)} | {
        form.read[q] for q in _features(form.input, form)
    }
    found: dict[Symbol, Axis] = {}
    for k, axis in enumerate(param.array.axes):
        letters = {entry.subscripts[k] for entry in entries} & features
        others = [e for entry in entries for j, e in enumerate(entry.subscripts) if j != k]
        spoken = {s for e in (*others, *_factors(form), form.domain, *(w.shift for w in read)) for s in e.free_symbols}
        found |= {
            s: axis for s in letters - spoken if len({entry.subscripts[k] for entry in entries}) == 1 and s.is_Symbol
        }
    return found


def _features(array: Any, form: Form) -> list[int]:
    """The positions of an array's axes without places."""
    return [p for p in range(len(array.axes)) if p not in form.grid(array)]


def _factors(form: Form) -> list[Expr]:
    """What each entry is multiplied by."""
    entries = reads(form.weight)
    return [form.weight.xreplace({e: S.One if e == entry else S.Zero for e in entries}) for entry in entries]


def _terms(form: Form, read: Sequence[Way], copied: Mapping[Symbol, Axis]) -> tuple[list[_Line], _Terms] | None:
    """The axes and all terms; None where a letter that these depend on goes between symbolic ends."""
    entries = reads(form.weight)
    own = [[e for e in entry.subscripts if e not in copied] for entry in entries]
    kinds = [form.read[q] for q in _features(form.input, form) if form.read[q] not in copied]
    features = [form.output.axes[p] for p in _features(form.output, form)]
    axes = [a for a in (*features, *form.reduction) if a.symbol not in copied]
    numbers = {a.symbol: (int(a.lower), int(a.upper)) for a in axes if a.lower.is_Integer and a.upper.is_Integer}
    spoken = (form.domain, *kinds, *(w.shift for w in read), *_factors(form), *(e for line in own for e in line))
    summed = {a.symbol for a in form.reduction} - set(copied)
    shape = tuple(high - low + 1 for low, high in numbers.values())
    if not summed.union(*(e.free_symbols for e in spoken)) <= set(numbers) or prod(shape) > _MOST_TERMS:
        return None
    at, tables = grid_of(numbers), entry_reader(form, {}, {})

    def values(expression: Any) -> Any:
        return np.broadcast_to(evaluate(expression, at, tables), shape)[live]

    live: Any = ...
    live = values(form.domain).astype(bool)
    outputs = [a.symbol for a in features if a.symbol in numbers]
    each = [(values(factor), *map(values, line)) for factor, line in zip(_factors(form), own, strict=True)]
    places = [np.tile(values(w.shift), len(each)) for w in read]
    told = [np.tile(values(e), len(each)) for e in (*outputs, *kinds)]
    named = [np.concatenate(parts) for parts in zip(*(line[1:] for line in each), strict=True)]
    factors = np.concatenate([line[0] for line in each])
    kept = factors != 0
    shifts = [np.unique(place[kept], return_inverse=True) for place in places]
    lines = [_Line(w.edge, w.stride, w.extent, tuple(map(int, s[0]))) for w, s in zip(read, shifts, strict=True)]
    return lines, _Terms(tuple(s[1] for s in shifts), _counted(named, kept), factors[kept], _counted(told, kept))


def _counted(columns: list[Any], kept: Any) -> Any:
    """Which of the different rows each row is."""
    rows = np.stack([np.zeros(len(kept), np.int64), *columns], axis=1)[kept]
    return np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)


def _values(lines: list[_Line]) -> dict[Symbol, range] | None:
    """The values of every size at which it matters, the last of them for all larger ones; None for extents of other kinds."""
    found: dict[Symbol, range] = {}
    for line in lines:
        for size in line.extent.free_symbols:
            rate = expand(line.extent).coeff(size)
            rest = expand(line.extent - rate * size)
            if not (rate.is_Integer and rest.is_Integer and rate > 0):
                return None
            first = max(1, -((int(rest) - 1) // int(rate)))
            last = max(first, -((int(rest) - line.enough) // int(rate)))
            known = found.get(size, range(first, first + 1))
            found[size] = range(max(known.start, first), max(known.stop, last + 1))
    return found


def _told(lines: list[_Line], terms: _Terms, values: Mapping[Symbol, range]) -> dict[tuple[int, ...], int]:
    """The rank at every choice of the sizes' values."""
    spans = [lru_cache(maxsize=None)(line.span) for line in lines]
    found = {}
    for choice in product(*values.values()):
        at = dict(zip(values, choice, strict=True))
        found[choice] = terms.rank([span(int(line.extent.subs(at))) for span, line in zip(spans, lines, strict=True)])
    return found


def _region(told: Mapping[tuple[int, ...], int], number: int, values: Mapping[Symbol, range]) -> Any:
    """Where the rank is this number: as few boxes as joining neighbours along one size after the other leaves."""
    boxes = [tuple((v, v) for v in choice) for choice, found in told.items() if found == number]
    for k in range(len(values)):
        boxes = list(_joined(sorted(boxes, key=lambda box: (box[:k], box[k + 1 :], box[k])), k))
    return Or(*(And(*_inside(box, values)) for box in boxes))


def _joined(boxes: list[Any], k: int) -> Iterator[Any]:
    """Boxes that differ along one size alone, and follow each other along it, as one."""
    last: Any = None
    for box in boxes:
        follows = (
            last is not None and last[k][1] + 1 == box[k][0] and (last[:k], last[k + 1 :]) == (box[:k], box[k + 1 :])
        )
        if last is not None and not follows:
            yield last
        last = (*box[:k], (last[k][0], box[k][1]), *box[k + 1 :]) if follows else box
    if last is not None:
        yield last


def _inside(box: Any, values: Mapping[Symbol, range]) -> Iterator[Any]:
    """That each size is in its interval, which has no end above where it has the last value."""
    for (size, known), (low, high) in zip(values.items(), box, strict=True):
        if low == high != known[-1]:
            yield Eq(size, low)
            continue
        if low > 1:
            yield Ge(size, low)
        if high != known[-1]:
            yield Le(size, high)
