"""Goals at numeric sizes that read tables: decided by evaluating them at every point, exactly.

An array that isn't a table stands for all its values. What is compared is therefore a whole number times one of its entries,
kept as the pair of the two; two such sides agree for all values of the arrays if number and entry agree. Equations that are
known of the entries (`laws`) tie them up to sign: entries are equal if a chain of these equations leads from one to the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import And, Eq, Expr, Ge, Integer, Le, Mul, Not, Or, Pow, Rational, Symbol, ceiling, floor
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

from derive.errors import TextError
from derive.forms.evaluate import evaluate
from derive.forms.expr import Read, Where
from derive.forms.form import Array, Table
from derive.forms.text import show
from derive.proof.goal import Goal, Status
from derive.proof.step import Clause

__all__ = ["Everywhere"]

Ints = NDArray[np.int64]
At = Mapping[Symbol, Ints]
_MOST, _LARGEST = 1 << 24, 1 << 62


class _Undecided(Exception):
    """Something that can't be evaluated point by point."""


@dataclass(frozen=True)
class Everywhere(Goal):
    """A goal whose letters run over numeric ranges, with the tables and arrays that it reads, and equations known of entries."""

    tables: tuple[Table, ...] = ()
    arrays: tuple[Array, ...] = ()
    laws: tuple[Clause, ...] = ()

    @cached_property
    def smt(self) -> str:
        """The goal in the formula language: text for readers, which no solver takes."""
        lines = ["; checked at every point of its ranges, with the tables that the forms and the step hold"]
        lines += [f"; law: {show(law.left)} = {show(law.right)} where {show(law.given)}" for law in self.laws]
        lines += [f"; given: {text}" for text in sorted(map(show, self.facts))]
        return "\n".join([*lines, f"; show: {show(self.show)}", ""])

    def decide(self) -> Status:
        """EXHAUSTIVE if the goal holds at every point, REFUTED if it fails at one, UNKNOWN if that can't be evaluated."""
        try:
            holds = _Points(self).holds()
        except (_Undecided, TextError):
            return Status.UNKNOWN
        return Status.EXHAUSTIVE if holds else Status.REFUTED


class _Points:
    """Evaluation of one goal; every array has its entries' numbers, from 1 on, in a common numbering."""

    def __init__(self, goal: Everywhere) -> None:
        self.goal = goal
        self.tables = {
            t.name: (np.array(t.values, np.int64).reshape(_shape(t.array)), _lower(t.array)) for t in goal.tables
        }
        self.first: dict[str, int] = {}
        self.boxes = {a.name: (_shape(a), _lower(a)) for a in goal.arrays}
        total = 1
        for name, (shape, _) in self.boxes.items():
            self.first[name] = total
            total += prod(shape)
        if total > _MOST:
            raise _Undecided
        self.total = total

    def holds(self) -> bool:
        at = self.inside(self.goal.facts)
        if not self.goal.show.free_symbols <= set(at):
            raise _Undecided
        roots = self.tied()
        return bool(np.all(self.truth(self.goal.show, at, roots)))

    def inside(self, facts: tuple[Any, ...]) -> At:
        """The points at which the facts hold."""
        ranges = _ranges(facts)
        if prod(high - low + 1 for low, high in ranges.values()) > _MOST:
            raise _Undecided
        axes = [np.arange(low, high + 1) for low, high in ranges.values()]
        mesh = [m.ravel() for m in np.meshgrid(*axes, indexing="ij")] if axes else []
        at = dict(zip(ranges, mesh, strict=True))
        size = len(mesh[0]) if mesh else 1
        for fact in sorted(facts, key=lambda f: bool(f.has(Read))):
            if self.reads_arrays(fact):  # a fact about all arrays; to leave one out is safe
                continue
            true = np.broadcast_to(self.truth(fact, at, None), (size,))
            if not true.all():
                at, size = {s: v[true] for s, v in at.items()}, int(true.sum())
        return at

    def whole(self, expression: Expr, at: At) -> Any:
        """A whole number at every point; reads are of tables."""
        if self.bound(expression, at) > _LARGEST:
            raise _Undecided
        return evaluate(expression, at, self.entry)

    def bound(self, e: Any, at: At) -> int:
        """What no number within an expression exceeds, so that 64 bits hold all of them. Raises _Undecided for powers."""
        if isinstance(e, Symbol):
            return max((abs(int(v)) for v in (at[e].min(), at[e].max())), default=0) if at[e].size else 0
        if isinstance(e, Rational):
            return max(abs(int(e.p)), int(e.q))
        if isinstance(e, (floor, ceiling)):
            return max(self.bound(part, at) for part in e.args[0].together().as_numer_denom())
        if isinstance(e, Read):
            values = self.tables[e.array][0] if e.array in self.tables else np.zeros(1)
            return max([*(self.bound(s, at) for s in e.subscripts), int(np.abs(values).max())])
        if isinstance(e, Pow):
            raise _Undecided
        parts = [self.bound(part, at) for part in e.args]
        return prod(max(p, 1) for p in parts) if isinstance(e, Mul) else sum(parts)

    def entry(self, name: str, *places: Any) -> Any:
        """A table's entry. Raises _Undecided for a read outside it."""
        if name not in self.tables:
            raise _Undecided
        values, lower = self.tables[name]
        at = tuple(np.asarray(p) - low for p, low in zip(places, lower, strict=True))
        if any(np.any((p < 0) | (p >= side)) for p, side in zip(at, values.shape, strict=True)):
            raise _Undecided
        return values[at]

    def truth(self, condition: Any, at: At, roots: Ints | None) -> Any:
        """Whether a condition holds at each point."""
        if isinstance(condition, (BooleanTrue, BooleanFalse)):
            return bool(condition)
        if isinstance(condition, And):
            return np.logical_and.reduce(np.broadcast_arrays(*(self.truth(c, at, roots) for c in condition.args)))
        if isinstance(condition, Or):
            return np.logical_or.reduce(np.broadcast_arrays(*(self.truth(c, at, roots) for c in condition.args)))
        if isinstance(condition, Eq) and self.reads_arrays(condition):
            return self.equal(self.monomial(condition.lhs, at), self.monomial(condition.rhs, at), roots)
        if isinstance(condition, Not) and self.reads_arrays(condition):
            raise _Undecided
        return self.whole(condition, at)

    def reads_arrays(self, expression: Any) -> bool:
        return any(read.array not in self.tables for read in expression.atoms(Read))

    def monomial(self, e: Expr, at: At) -> tuple[Any, Any]:
        """A whole number and an entry's number; 0 and 0 for nothing, 1 for the entry's number where there is none."""
        if not self.reads_arrays(e):
            number = self.whole(e, at)
            return number, np.zeros_like(number)
        if isinstance(e, Read):
            return 1, self.number(e, at)
        if isinstance(e, Where):
            condition = self.whole(e.condition, at)
            (c, x), (d, y) = (self.monomial(part, at) for part in e.args[1:])
            return np.where(condition, c, d), np.where(condition, x, y)
        if isinstance(e, Mul):
            numbers = [a for a in e.args if not self.reads_arrays(a)]
            entries = [a for a in e.args if self.reads_arrays(a)]
            if len(entries) == 1:
                coefficient, number = self.monomial(entries[0], at)
                return coefficient * self.whole(Mul(*numbers), at), number
        raise _Undecided

    def number(self, read: Read, at: At) -> Any:
        """The number of an array's entry; one outside its box has none that another could equal."""
        if read.array not in self.boxes:
            raise _Undecided
        shape, lower = self.boxes[read.array]
        places = [np.asarray(self.whole(s, at)) - low for s, low in zip(read.subscripts, lower, strict=True)]
        flat: Any = np.zeros((), np.int64)
        for place, side in zip(places, shape, strict=True):
            if np.any((place < 0) | (place >= side)):
                raise _Undecided
            flat = flat * side + place
        return self.first[read.array] + flat

    def equal(self, left: tuple[Any, Any], right: tuple[Any, Any], roots: Ints | None) -> Any:
        """Whether two monomials agree for all values of the arrays that the laws admit."""
        (c, x), (d, y) = (self.settled(*side, roots) for side in (left, right))
        return (c == d) & ((c == 0) | (x == y))

    def settled(self, coefficient: Any, number: Any, roots: Ints | None) -> tuple[Any, Any]:
        """The same monomial in the entry that stands for all that are tied to this one."""
        if roots is None:
            return coefficient, number
        codes, minus = roots[2 * np.asarray(number)], roots[2 * np.asarray(number) + 1]
        zero = (codes == minus) & (np.asarray(number) > 0)
        return np.where(zero, 0, coefficient * (1 - 2 * (codes & 1))), codes >> 1

    def tied(self) -> Ints | None:
        """For each entry, plain (2·number) and negated (2·number + 1), the least one that the laws lead to; None without laws."""
        if not self.goal.laws:
            return None
        ends = [self.edge(law) for law in self.goal.laws]
        x, y = (np.concatenate([end[side] for end in ends]) for side in (0, 1))
        x, y = np.concatenate([x, x ^ 1]), np.concatenate([y, y ^ 1])
        roots = np.arange(2 * self.total)
        while True:
            before = roots.copy()
            np.minimum.at(roots, x, roots[y])
            np.minimum.at(roots, y, roots[x])
            roots = roots[roots]
            if np.array_equal(roots, before):
                return roots

    def edge(self, law: Clause) -> tuple[Ints, Ints]:
        """The pairs of entries, plain or negated, that a law calls equal. Equations of any other shape are not used."""
        at = self.inside(tuple(And.make_args(law.given)))
        sides = []
        for side in (law.left, law.right):
            coefficient, number = np.broadcast_arrays(*self.monomial(side, at))
            sides.append((coefficient, number))
        (c, x), (d, y) = (np.broadcast_arrays(*side) for side in sides)
        c, x, d, y = np.broadcast_arrays(c, x, d, y)
        kept = (abs(c) == 1) & (abs(d) == 1) & (x > 0) & (y > 0)
        return (2 * x + (c < 0))[kept], (2 * y + (d < 0))[kept]


def _shape(array: Array) -> tuple[int, ...]:
    return tuple(_integer(e) for e in array.shape)


def _lower(array: Array) -> tuple[int, ...]:
    return tuple(_integer(axis.lower) for axis in array.axes)


def _integer(e: Expr) -> int:
    if not isinstance(e, Integer):
        raise _Undecided
    return int(e)


def _ranges(facts: tuple[Any, ...]) -> dict[Symbol, tuple[int, int]]:
    """For each letter the numbers between which the facts say that it lies. Raises _Undecided where they don't."""
    low: dict[Symbol, int] = {}
    high: dict[Symbol, int] = {}
    for fact in facts:
        if isinstance(fact, (Le, Ge)):
            small, large = fact.args if isinstance(fact, Le) else fact.args[::-1]
            if isinstance(small, Integer) and isinstance(large, Symbol):
                low[large] = max(int(small), low.get(large, int(small)))
            if isinstance(small, Symbol) and isinstance(large, Integer):
                high[small] = min(int(large), high.get(small, int(large)))
    letters = sorted(frozenset().union(*(f.free_symbols for f in facts)), key=str)
    if any(s not in low or s not in high for s in letters):
        raise _Undecided
    return {s: (low[s], max(high[s], low[s] - 1)) for s in letters}
