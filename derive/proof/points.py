"""Whole numbers and conditions at all points of numeric ranges at once, with entries of tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import (
    And,
    Eq,
    Expr,
    Ge,
    Gt,
    Integer,
    Le,
    Lt,
    Max,
    Min,
    Mul,
    Not,
    Or,
    Pow,
    Rational,
    Sum,
    Symbol,
    ceiling,
    floor,
)
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

from derive.forms.evaluate import evaluate
from derive.forms.expr import Read
from derive.forms.form import Array, Table
from derive.remembered import fraction

__all__ = ["MOST", "At", "Ints", "Points", "Undecided", "integer", "lower", "ranges_in", "shape"]

Ints = NDArray[np.int64]
At = Mapping[Symbol, Ints]
MOST, _LARGEST = 1 << 24, 1 << 62


class Undecided(Exception):
    """Something that can't be evaluated point by point."""


class Points:
    """Evaluation with these tables; every other array stands for all its values."""

    def __init__(self, tables: tuple[Table, ...]) -> None:
        self.tables = {t.name: (np.array(t.values, np.int64).reshape(shape(t.array)), lower(t.array)) for t in tables}

    def points(self, facts: tuple[Any, ...], ranges: Mapping[Symbol, tuple[int, int]]) -> tuple[At, int]:
        """The points of the ranges at which the facts hold, and how many there are."""
        if prod(high - low + 1 for low, high in ranges.values()) > MOST:
            raise Undecided
        axes = [np.arange(low, high + 1) for low, high in ranges.values()]
        mesh = [m.ravel() for m in np.meshgrid(*axes, indexing="ij")] if axes else []
        at = dict(zip(ranges, mesh, strict=True))
        size = len(mesh[0]) if mesh else 1
        for fact in sorted(facts, key=lambda f: bool(f.has(Read))):
            if self.reads_arrays(fact):  # a fact about all arrays; to leave one out is safe
                continue
            true = np.broadcast_to(self.truth(fact, at), (size,))
            if not true.all():
                at, size = {s: v[true] for s, v in at.items()}, int(true.sum())
        return at, size

    def reads_arrays(self, expression: Any) -> bool:
        """Whether anything but tables is read."""
        return any(read.array not in self.tables for read in expression.atoms(Read))

    def truth(self, condition: Any, at: At) -> Any:
        """Whether a condition holds at each point."""
        if isinstance(condition, (BooleanTrue, BooleanFalse)):
            return bool(condition)
        if isinstance(condition, And):
            return np.logical_and.reduce(np.broadcast_arrays(*(self.truth(c, at) for c in condition.args)))
        if isinstance(condition, Or):
            return np.logical_or.reduce(np.broadcast_arrays(*(self.truth(c, at) for c in condition.args)))
        if isinstance(condition, Not) and self.reads_arrays(condition):
            raise Undecided
        return self.whole(condition, at)

    def whole(self, expression: Any, at: At) -> Any:
        """A whole number, or whether a comparison holds, at every point; reads are of tables.

        Raises Undecided for a letter without values.
        """
        if not expression.free_symbols <= set(at):
            raise Undecided
        if expression.has(Sum) or self.bound(expression, at) > _LARGEST:
            raise Undecided
        return evaluate(expression, at, self.entry)

    def bound(self, e: Any, at: At) -> int:
        """What no number within an expression exceeds, so that 64 bits hold all of them. Raises Undecided for powers."""
        if isinstance(e, Symbol):
            return max((abs(int(v)) for v in (at[e].min(), at[e].max())), default=0) if at[e].size else 0
        if isinstance(e, Rational):
            return max(abs(int(e.p)), int(e.q))
        if isinstance(e, (floor, ceiling)):
            return max(self.bound(part, at) for part in fraction(e.args[0]))
        if isinstance(e, Read):
            values = self.tables[e.array][0] if e.array in self.tables else np.zeros(1)
            return max([*(self.bound(s, at) for s in e.subscripts), int(np.abs(values).max())])
        if isinstance(e, Pow):
            raise Undecided
        parts = [self.bound(part, at) for part in e.args]
        return prod(max(p, 1) for p in parts) if isinstance(e, Mul) else sum(parts)

    def entry(self, name: str, *places: Any) -> Any:
        """A table's entry. Raises Undecided for a read outside it."""
        if name not in self.tables:
            raise Undecided
        values, low = self.tables[name]
        at = tuple(np.asarray(p) - first for p, first in zip(places, low, strict=True))
        if any(np.any((p < 0) | (p >= side)) for p, side in zip(at, values.shape, strict=True)):
            raise Undecided
        return values[at]


def shape(array: Array) -> tuple[int, ...]:
    """How many entries along each axis. Raises Undecided where that is no number."""
    return tuple(integer(e) for e in array.shape)


def lower(array: Array) -> tuple[int, ...]:
    """Where each axis begins. Raises Undecided where that is no number."""
    return tuple(integer(axis.lower) for axis in array.axes)


def integer(e: Expr) -> int:
    """A number of the language as Python's. Raises Undecided for anything else."""
    if not isinstance(e, Integer):
        raise Undecided
    return int(e)


def ranges_in(facts: tuple[Any, ...]) -> dict[Symbol, tuple[int, int]]:
    """For each letter that the facts bound on both sides, by numbers or by letters so bounded, those numbers."""
    low: dict[Symbol, int] = {}
    high: dict[Symbol, int] = {}
    left = []
    for fact in facts:
        for small, large, gap in _ordered(fact):
            if isinstance(small, Integer) and isinstance(large, Symbol):
                low[large] = max(int(small) + gap, low.get(large, int(small) + gap))
            elif isinstance(small, Symbol) and isinstance(large, Integer):
                high[small] = min(int(large) - gap, high.get(small, int(large) - gap))
            else:
                left.append(large - small - gap)
    while any(_bounded(e, low, high) for e in left):
        pass
    return {s: (low[s], max(high[s], low[s] - 1)) for s in sorted(low, key=str) if s in high}


def _ordered(fact: Any) -> Iterator[tuple[Expr, Expr, int]]:
    """The inequalities small + gap ≤ large that a fact says, extremes taken apart."""
    if isinstance(fact, Eq):
        yield from ((fact.lhs, fact.rhs, 0), (fact.rhs, fact.lhs, 0))
    if isinstance(fact, (Le, Ge, Lt, Gt)):
        small, large = fact.args if isinstance(fact, (Le, Lt)) else fact.args[::-1]
        for s in small.args if isinstance(small, Max) else (small,):
            yield from (
                (s, e, int(isinstance(fact, (Lt, Gt)))) for e in (large.args if isinstance(large, Min) else (large,))
            )


def _bounded(least: Expr, low: dict[Symbol, int], high: dict[Symbol, int]) -> bool:
    """Add a bound of a letter that has none, which an expression of at least 0 and bounds of the others tell; whether it does."""
    rates = least.expand().as_coefficients_dict()
    if not all(rate.is_Integer and (part == 1 or isinstance(part, Symbol)) for part, rate in rates.items()):
        return False
    for letter, rate in rates.items():
        ends = low if rate > 0 else high
        if letter == 1 or letter in ends:
            continue
        most = {p: 1 if p == 1 else (high if r > 0 else low).get(p) for p, r in rates.items() if p != letter}
        if None not in most.values():
            rest = sum(int(rates[p]) * int(bound) for p, bound in most.items() if bound is not None)
            ends[letter] = -(rest // int(rate)) if rate > 0 else rest // -int(rate)
            return True
    return False
