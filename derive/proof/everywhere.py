"""Goals at numeric sizes that read tables: decided by evaluating them at every point, exactly.

An array that isn't a table stands for all its values. What is compared is therefore a whole number times one of its entries,
kept as the pair of the two; two such sides agree for all values of the arrays if number and entry agree. Equations that are
known of the entries (`laws`) tie them up to sign: entries are equal if a chain of these equations leads from one to the other.

An axis of a size that is no number, such as channels, is left out where every read of the array has one and the same letter along
it: the goal then says the same of each slice, whatever the size, and one slice is evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import And, Eq, Expr, Ge, Gt, Integer, Le, Lt, Mul, Not, Or, Pow, Rational, Symbol, ceiling, floor
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

from derive.errors import TextError
from derive.forms.evaluate import evaluate
from derive.forms.expr import Read, Where, reads
from derive.forms.form import Array, Table
from derive.forms.text import show
from derive.proof.goal import Goal, Status
from derive.proof.smt import in_fixed_order
from derive.proof.step import Clause

__all__ = ["Everywhere", "at_every_point"]

Ints = NDArray[np.int64]
At = Mapping[Symbol, Ints]
_MOST, _LARGEST = 1 << 24, 1 << 62


def at_every_point(
    goal: Goal, tables: tuple[Table, ...], arrays: tuple[Array, ...] = (), laws: tuple[Clause, ...] = ()
) -> tuple[Goal, ...]:
    """A goal in parts: those that read tables, or need laws, decided at every point, the others by the solver, without tables."""
    names = {t.name for t in tables}

    def reading(part: Any) -> bool:
        return bool(names & {r.array for r in reads(part)})

    if not laws and not any(map(reading, (*goal.given, goal.show))):
        return (goal,)
    plain = tuple(fact for fact in goal.facts if not reading(fact))
    rest, tabled = [], []
    for part in in_fixed_order(And.make_args(goal.show)):
        whole = Everywhere(goal.given, part, tables, arrays, laws)
        options = [option for option in Or.make_args(part) if not reading(option)]
        if not laws and options and not whole.numeric:
            rest.append(Or(*options))  # enough, and of letters without numbers the solver knows more
        else:
            tabled.append(whole)
    return (*([Goal(plain, And(*rest))] if rest else []), *tabled)


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

    @property
    def numeric(self) -> bool:
        """Whether every letter runs between two numbers."""
        letters = self.show.free_symbols.union(*(f.free_symbols for f in self.facts))
        return bool(letters <= set(_ranges(self.facts)))

    def decide(self) -> Status:
        """EXHAUSTIVE if the goal holds at every point, REFUTED if it fails at one, UNKNOWN if that can't be evaluated."""
        try:
            holds = _Points(self).holds()
        except (_Undecided, TextError):
            return Status.UNKNOWN
        known = _ranges(self.facts)
        told = all(fact.free_symbols <= set(known) for fact in self.facts)
        return Status.EXHAUSTIVE if holds else Status.REFUTED if told else Status.UNKNOWN


class _Points:
    """Evaluation of one goal; every array has its entries' numbers, from 1 on, in a common numbering."""

    def __init__(self, goal: Everywhere) -> None:
        self.goal = goal
        self.tables = {
            t.name: (np.array(t.values, np.int64).reshape(_shape(t.array)), _lower(t.array)) for t in goal.tables
        }
        self.first: dict[str, int] = {}
        self.boxes = {a.name: _box(a) for a in goal.arrays}
        self.still: dict[tuple[str, int], Expr] = {}
        total = 1
        for name, (shape, _) in self.boxes.items():
            self.first[name] = total
            total += prod(shape)
        if total > _MOST:
            raise _Undecided
        self.total = total

    def holds(self) -> bool:
        at = self.inside(self.goal.facts)
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
            if self.reads_arrays(fact) or not fact.free_symbols <= set(at):  # to leave a fact out is safe
                continue
            true = np.broadcast_to(self.truth(fact, at, None), (size,))
            if not true.all():
                at, size = {s: v[true] for s, v in at.items()}, int(true.sum())
        return at

    def whole(self, expression: Expr, at: At) -> Any:
        """A whole number at every point; reads are of tables. Raises _Undecided for a letter without values."""
        if not expression.free_symbols <= set(at):
            raise _Undecided
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
        places = [self.along(read, axis, low, at) for axis, low in enumerate(lower)]
        flat: Any = np.zeros((), np.int64)
        for place, side in zip(places, shape, strict=True):
            if np.any((place < 0) | (place >= side)):
                raise _Undecided
            flat = flat * side + place
        return self.first[read.array] + flat

    def along(self, read: Read, axis: int, lower: int | None, at: At) -> Any:
        """The position along one axis; 0 where the axis has no numeric size and the same letter in every read."""
        subscript = read.subscripts[axis]
        if lower is not None:
            return np.asarray(self.whole(subscript, at)) - lower
        known = self.still.setdefault((read.array, axis), subscript)
        if known != subscript or not isinstance(subscript, Symbol) or subscript in at:
            raise _Undecided
        return np.zeros((), np.int64)

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
        met = {r.array for r in reads(self.goal.show)}
        laws = [law for law in self.goal.laws if met & {r.array for r in (*reads(law.left), *reads(law.right))}]
        if not laws:
            return None
        ends = [self.edge(law) for law in laws]
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
        conditions = tuple(And.make_args(law.given))
        at = self.inside(conditions)
        if any(not c.free_symbols <= set(at) and c not in self.goal.facts for c in conditions):
            raise _Undecided  # of letters without values the goal must know what the law asks
        sides = []
        for side in (law.left, law.right):
            coefficient, number = np.broadcast_arrays(*self.monomial(side, at))
            sides.append((coefficient, number))
        (c, x), (d, y) = (np.broadcast_arrays(*side) for side in sides)
        c, x, d, y = np.broadcast_arrays(c, x, d, y)
        kept = (abs(c) == 1) & (abs(d) == 1) & (x > 0) & (y > 0)
        zero = (abs(c) == 1) & (x > 0) & (d == 0)
        ends = (2 * x + (c < 0))[kept], (2 * y + (d < 0))[kept]
        return np.concatenate([ends[0], 2 * x[zero]]), np.concatenate([ends[1], 2 * x[zero] + 1])


def _box(array: Array) -> tuple[tuple[int, ...], tuple[int | None, ...]]:
    """Sides and least places; 1 and None along an axis whose size is no number."""
    numeric = [isinstance(a.lower, Integer) and isinstance(a.upper, Integer) for a in array.axes]
    sides = (int(a.extent) if known else 1 for a, known in zip(array.axes, numeric, strict=True))
    return tuple(sides), tuple(int(a.lower) if known else None for a, known in zip(array.axes, numeric, strict=True))


def _shape(array: Array) -> tuple[int, ...]:
    return tuple(_integer(e) for e in array.shape)


def _lower(array: Array) -> tuple[int, ...]:
    return tuple(_integer(axis.lower) for axis in array.axes)


def _integer(e: Expr) -> int:
    if not isinstance(e, Integer):
        raise _Undecided
    return int(e)


def _ranges(facts: tuple[Any, ...]) -> dict[Symbol, tuple[int, int]]:
    """For each letter that facts hold between two numbers, those numbers."""
    low: dict[Symbol, int] = {}
    high: dict[Symbol, int] = {}
    for fact in facts:
        if isinstance(fact, (Le, Ge, Lt, Gt)):
            small, large = fact.args if isinstance(fact, (Le, Lt)) else fact.args[::-1]
            gap = int(isinstance(fact, (Lt, Gt)))
            if isinstance(small, Integer) and isinstance(large, Symbol):
                low[large] = max(int(small) + gap, low.get(large, int(small) + gap))
            if isinstance(small, Symbol) and isinstance(large, Integer):
                high[small] = min(int(large) - gap, high.get(small, int(large) - gap))
    letters = sorted(low.keys() & high.keys(), key=str)
    return {s: (low[s], max(high[s], low[s] - 1)) for s in letters}
