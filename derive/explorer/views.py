"""W and the filter at given sizes, as numbers of the weights that stand there: what the page colours.

A weight's number is its place among all weights, the nearest offsets first, so that it keeps its colour when sizes change.
Where an entry of W adds up several weights, as behind an edge that mirrors, the sum has a number of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
from sympy import Symbol

from derive.derivation import Derivation
from derive.forms.denote import entry_reader
from derive.forms.evaluate import evaluate, grid
from derive.forms.form import Axis, Form, Param, Role
from derive.proof.exact import rank
from derive.proof.transform import EDGES

__all__ = ["Views", "views"]

Sizes = Mapping[Symbol, int]
_BASE = 1 << 16  # a power of it stands for a weight where entries add some up: digits say how often each
_MOST_NAMES = 1000


@dataclass(frozen=True, eq=False)
class Views:
    """Two matrices of numbers, 0 where nothing stands; what numbers are called, how many there may be, and how many are free."""

    matrix: np.ndarray
    filter: np.ndarray
    low: tuple[int, ...]
    blocks: tuple[int, int]
    names: dict[int, str]
    colours: int
    free: int

    @property
    def different(self) -> int:
        """How many different numbers stand in W."""
        return len(np.unique(self.matrix[self.matrix > 0]))


def views(derivation: Derivation, sizes: Sizes) -> Views:
    """What stands in the dense matrix W, and in the filter at the place in the middle."""
    form = derivation.form
    weights = [p for p in form.weights if not p.data]
    summed = any(step.step.view in EDGES for step in derivation.steps)
    first, arrays, places = 1, {}, []
    for param in weights:
        arrays[param.name] = _numbered(param, sizes, first, summed)
        own = _subscripts(param, sizes)
        places += [(param.name, at) for at in own]
        first += len(own)
    W = _dense(derivation, arrays, sizes)
    seen = _filter(form, arrays, sizes)
    names = _Names(places, summed)
    shape = derivation.form.output.axes, derivation.form.input.axes
    rows, columns = (tuple(int(evaluate(a.extent, sizes)) for a in axes) for axes in shape)
    return Views(
        matrix=names.numbers(W.reshape(prod(rows), prod(columns))),
        filter=names.numbers(seen[0]),
        low=seen[1],
        blocks=(prod(rows[1:]), prod(columns[1:])),
        names=names.said(),
        colours=names.count,
        free=names.rank(W),
    )


def _box(axes: tuple[Axis, ...], sizes: Sizes) -> dict[Symbol, tuple[int, int]]:
    return {a.symbol: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for a in axes}


def _subscripts(param: Param, sizes: Sizes) -> list[tuple[int, ...]]:
    """All subscripts of an array, the nearest to 0 first."""
    ranges = [range(low, high + 1) for low, high in _box(param.array.axes, sizes).values()]
    return sorted(product(*ranges), key=lambda at: (max(map(abs, at), default=0), at))


def _numbered(param: Param, sizes: Sizes, first: int, summed: bool) -> np.ndarray:
    box = _box(param.array.axes, sizes)
    numbers = np.zeros([high - low + 1 for low, high in box.values()], dtype=object if summed else np.int64)
    lows = [low for low, _ in box.values()]
    for number, at in enumerate(_subscripts(param, sizes), start=first):
        numbers[tuple(p - low for p, low in zip(at, lows, strict=True))] = _BASE**number if summed else number
    return numbers


def _dense(derivation: Derivation, arrays: Mapping[str, np.ndarray], sizes: Sizes) -> np.ndarray:
    form, start = derivation.form, derivation.dense
    biases = {p.name: np.zeros([int(evaluate(e, sizes)) for e in p.array.shape], int) for p in form.biases}
    shape = tuple(int(evaluate(start.input.axes[p].extent, sizes)) for p in start.grid(start.input))
    told = {
        s.name: sizes[s] for s in form.sizes if s not in {e for a in start.input.axes for e in a.extent.free_symbols}
    }
    W, _ = derivation.reference(shape=shape, **arrays, **biases, **told)
    return W


def _filter(form: Form, arrays: Mapping[str, np.ndarray], sizes: Sizes) -> tuple[np.ndarray, tuple[int, ...]]:
    """The weights by offset at the place in the middle, between the first channels, and the lowest offset along each axis."""
    middle: dict[Symbol, Any] = dict(sizes)
    for axis, (low, high) in zip(form.output.axes, _box(form.output.axes, sizes).values(), strict=True):
        middle[axis.symbol] = (low + high + 1) // 2 if axis.role is Role.GRID else low
    box: dict[Symbol, tuple[int, int]] = {}
    for axis in form.reduction:
        low, high = int(evaluate(axis.lower, middle)), int(evaluate(axis.upper, middle))
        box[axis.symbol] = (low, high) if axis.role is Role.GRID else (low, low)
    places = middle | grid(box)
    read = entry_reader(form, dict(arrays), sizes)
    shape = tuple(high - low + 1 for low, high in box.values())
    cells = np.where(evaluate(form.terms, places, read), evaluate(form.weight, places, read), 0)
    kept = [p for p, axis in enumerate(form.reduction) if axis.role is Role.GRID]
    cells = np.broadcast_to(cells, shape).reshape([shape[p] for p in kept])
    return np.atleast_2d(cells), tuple(
        low for (low, _), axis in zip(box.values(), form.reduction, strict=True) if axis.role is Role.GRID
    )


class _Names:
    """Numbers for what stands in the pictures, and what they are called."""

    def __init__(self, places: list[tuple[str, tuple[int, ...]]], summed: bool) -> None:
        self.places, self.summed = places, summed
        self.sums: dict[int, int] = {}
        self.met: set[int] = set()

    @property
    def count(self) -> int:
        """How many numbers there may be."""
        return len(self.places) + len(self.sums)

    def numbers(self, cells: np.ndarray) -> np.ndarray:
        """The cells with a number for each weight, or sum of some."""
        if not self.summed:
            found = np.abs(cells.astype(np.int64))
        else:
            found = np.array([self._of_sum(value) for value in cells.flat], dtype=np.int64).reshape(cells.shape)
        self.met |= set(np.unique(found).tolist())
        return found

    def _of_sum(self, value: int) -> int:
        number, rest = 0, int(value)
        while rest and rest % _BASE == 0:
            rest //= _BASE
            number += 1
        if rest in (0, 1):
            return number if rest else 0
        return self.sums.setdefault(int(value), len(self.places) + len(self.sums) + 1)

    def rank(self, W: np.ndarray) -> int:
        """How many numbers determine W: the rank of the map from the weights to it."""
        if not self.summed:
            return len(set(np.unique(np.abs(W.astype(np.int64))).tolist()) - {0})
        different = {int(value) for value in W.flat} - {0}
        return rank(np.array([_digits(value, len(self.places)) for value in sorted(different)], dtype=object))

    def said(self) -> dict[int, str]:
        """The names of the numbers that stand somewhere, unless these are very many."""
        if len(self.met) > _MOST_NAMES:
            return {}
        named = {number: self._name(number) for number in sorted(self.met) if 0 < number <= len(self.places)}
        return named | {number: self._sum(value) for value, number in self.sums.items()}

    def _name(self, number: int) -> str:
        array, at = self.places[number - 1]
        return f"{array}[{', '.join(map(str, at))}]" if at else array

    def _sum(self, value: int) -> str:
        parts, number = [], 0
        while value:
            value, times = divmod(value, _BASE)
            if times:
                parts.append(f"{f'{times}·' if times > 1 else ''}{self._name(number)}")
            number += 1
        return " + ".join(parts)


def _digits(value: int, count: int) -> list[int]:
    """How often each of so many weights is added."""
    return [value // _BASE**number % _BASE for number in range(1, count + 1)]
