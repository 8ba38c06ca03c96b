"""Goals at numeric sizes that read tables: decided by evaluating them at every point, exactly.

An array that isn't a table stands for all its values. What is compared is therefore a whole number times one of its entries,
kept as the pair of the two; two such sides agree for all values of the arrays if number and entry agree. Equations that are
known of the entries (`laws`) tie them up to sign: entries are equal if a chain of these equations leads from one to the other.

An axis of a size that is no number, such as channels, is left out where every read of the array has one and the same letter along
it: the goal then says the same of each slice, whatever the size, and one slice is evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from sympy import And, Eq, Expr, Integer, Mul, Or, Symbol

from derive.errors import TextError
from derive.forms.expr import Read, Where, reads
from derive.forms.form import Array, Table
from derive.forms.text import show
from derive.proof.goal import Goal, Status
from derive.proof.points import MOST, At, Ints, Points, Undecided, ranges_in
from derive.proof.smt import in_fixed_order
from derive.proof.step import Clause

__all__ = ["Everywhere", "at_every_point"]


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
    for stated in in_fixed_order(And.make_args(goal.show)):
        part = _without(stated, goal.facts)
        whole = Everywhere(goal.given, part, tables, arrays, laws)
        options = [option for option in Or.make_args(part) if not reading(option)]
        letters = {s for option in options for s in option.free_symbols}
        if not laws and options and not whole.numeric and not letters <= set(ranges_in(goal.facts)):
            rest.append(Or(*options))  # enough, and of letters without numbers the solver knows more
        else:
            tabled.append(whole)
    return (*([Goal(plain, And(*rest))] if rest else []), *tabled)


def _without(claim: Any, facts: tuple[Any, ...]) -> Any:
    """A claim of options without the parts of them that are facts."""
    known = set(facts)
    options = Or.make_args(claim)
    return claim if len(options) == 1 else Or(*(And(*(p for p in And.make_args(o) if p not in known)) for o in options))


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
        return bool(letters <= set(ranges_in(self.facts)))

    def decide(self) -> Status:
        """EXHAUSTIVE if the goal holds at every point, REFUTED if it fails at one, UNKNOWN if that can't be evaluated."""
        try:
            holds = _Entries(self).holds()
        except (Undecided, TextError):
            return Status.UNKNOWN
        known = ranges_in(self.facts)
        told = all(fact.free_symbols <= set(known) for fact in self.facts)
        return Status.EXHAUSTIVE if holds else Status.REFUTED if told else Status.UNKNOWN


class _Entries(Points):
    """Evaluation of one goal; every array has its entries' numbers, from 1 on, in a common numbering."""

    def __init__(self, goal: Everywhere) -> None:
        super().__init__(goal.tables)
        self.goal = goal
        self.first: dict[str, int] = {}
        self.boxes = {a.name: _box(a) for a in goal.arrays}
        self.still: dict[tuple[str, int], Expr] = {}
        self.roots: Ints | None = None
        total = 1
        for name, (sides, _) in self.boxes.items():
            self.first[name] = total
            total += prod(sides)
        if total > MOST:
            raise Undecided
        self.total = total

    def holds(self) -> bool:
        at = self.inside(self.goal.facts)
        self.roots = self.tied()
        return bool(np.all(self.truth(self.goal.show, at)))

    def inside(self, facts: tuple[Any, ...]) -> At:
        """The points at which the facts hold; facts about letters that they don't bound are left out, which is safe."""
        ranges = ranges_in(facts)
        return self.points(tuple(f for f in facts if f.free_symbols <= set(ranges)), ranges)[0]

    def truth(self, condition: Any, at: At) -> Any:
        if isinstance(condition, Eq) and self.reads_arrays(condition):
            return self.equal(self.monomial(condition.lhs, at), self.monomial(condition.rhs, at))
        return super().truth(condition, at)

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
        raise Undecided

    def number(self, read: Read, at: At) -> Any:
        """The number of an array's entry; one outside its box has none that another could equal."""
        if read.array not in self.boxes:
            raise Undecided
        sides, least = self.boxes[read.array]
        places = [self.along(read, axis, low, at) for axis, low in enumerate(least)]
        flat: Any = np.zeros((), np.int64)
        for place, side in zip(places, sides, strict=True):
            if np.any((place < 0) | (place >= side)):
                raise Undecided
            flat = flat * side + place
        return self.first[read.array] + flat

    def along(self, read: Read, axis: int, least: int | None, at: At) -> Any:
        """The position along one axis; 0 where the axis has no numeric size and the same letter in every read."""
        subscript = read.subscripts[axis]
        if least is not None:
            return np.asarray(self.whole(subscript, at)) - least
        known = self.still.setdefault((read.array, axis), subscript)
        if known != subscript or not isinstance(subscript, Symbol) or subscript in at:
            raise Undecided
        return np.zeros((), np.int64)

    def equal(self, left: tuple[Any, Any], right: tuple[Any, Any]) -> Any:
        """Whether two monomials agree for all values of the arrays that the laws admit."""
        (c, x), (d, y) = (self.settled(*side) for side in (left, right))
        return (c == d) & ((c == 0) | (x == y))

    def settled(self, coefficient: Any, number: Any) -> tuple[Any, Any]:
        """The same monomial in the entry that stands for all that are tied to this one."""
        if self.roots is None:
            return coefficient, number
        roots = self.roots
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
            raise Undecided  # of letters without values the goal must know what the law asks
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
