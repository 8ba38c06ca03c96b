"""Goals about linear combinations with rational coefficients: decided exactly, at every value of the letters with numeric ranges.

An array that is neither a table nor numbers stands for all its values, so two sides agree if each entry has the same coefficient
in both. Letters without a numeric range, such as an offset in a window of any size, may only name entries, as they stand: what
holds of entries at any places holds at these.

What follows from linear laws is a claim P·w = w for all w with L·w = 0. It holds if L·P = 0, P·P = P, and no more than rank(P)
dimensions satisfy the laws, which a rank of L modulo one prime shows: that is never more than the rank over the rationals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sympy import And, Eq, Expr, Symbol

from derive.errors import TextError
from derive.forms.expr import Read
from derive.forms.form import Param
from derive.forms.text import show
from derive.proof.combinations import Combination, Combinations
from derive.proof.everywhere import Everywhere
from derive.proof.exact import PRIMES, product, rank, rank_modulo
from derive.proof.goal import Goal, Status
from derive.proof.points import At, Undecided, ranges_in
from derive.proof.step import Clause

__all__ = ["Decision", "Linear"]

_EXACTLY = 400


@dataclass(frozen=True)
class Linear(Everywhere):
    """A goal with the arrays of numbers that it reads besides tables, and with linear laws."""

    numbers: tuple[Param, ...] = ()

    @cached_property
    def smt(self) -> str:
        """The goal in the formula language: text for readers, which no solver takes."""
        lines = ["; decided exactly over the rationals, with the numbers and tables that the forms and the step hold"]
        lines += [f"; law: {show(law.left)} = {show(law.right)} where {show(law.given)}" for law in self.laws]
        lines += [f"; given: {text}" for text in sorted(map(show, self.facts))]
        return "\n".join([*lines, f"; show: {show(self.show)}", ""])

    def decide(self) -> Status:
        """EXHAUSTIVE if the goal holds, REFUTED if it fails for some values of the arrays, UNKNOWN if neither is shown."""
        try:
            return Decision(self).status()
        except (Undecided, TextError):
            return Status.UNKNOWN


class Decision:
    """One goal at work."""

    def __init__(self, goal: Linear, standing: frozenset[Symbol] = frozenset()) -> None:
        """`standing` are letters to be left as they stand, whatever their ranges."""
        self.goal, self.standing = goal, standing
        self.within = Combinations(goal.tables, goal.numbers, goal.arrays)
        self.letters = {s: ends for s, ends in ranges_in(goal.facts).items() if s not in standing}
        own = tuple(f for f in goal.facts if not self.passive(f) and not self.within.reads_arrays(f))
        self.at, self.size = self.within.points(own, self.letters)

    def passive(self, expression: Any) -> bool:
        """Whether an expression mentions a letter without a numeric range."""
        return bool(expression.free_symbols - set(self.letters))

    def status(self) -> Status:
        found = [self.part(part) for part in And.make_args(self.goal.show)]
        if Status.REFUTED in found:
            return Status.REFUTED
        return Status.UNKNOWN if Status.UNKNOWN in found else Status.EXHAUSTIVE

    def part(self, part: Any) -> Status:
        if self.within.reads_arrays(part):
            if not isinstance(part, Eq):
                raise Undecided
            return self.follows(part) if self.goal.laws else self.identity(part)
        if not self.passive(part):
            return Status.EXHAUSTIVE if np.all(self.within.truth(part, self.at)) else Status.REFUTED
        return self.by_solver(part)

    def by_solver(self, part: Any) -> Status:
        from derive.proof.solver import decide

        found = decide(Goal(self.goal.given, part).smt)
        return Status.EXHAUSTIVE if found is Status.PROVED else found

    def identity(self, part: Any) -> Status:
        """Whether the two sides have the same coefficients; other letters may make entries equal that seem to differ."""
        if not self.difference(part.lhs, part.rhs, self.at, self.size).columns.size:
            return Status.EXHAUSTIVE
        return Status.UNKNOWN if self.passive(part) else Status.REFUTED

    def difference(self, left: Expr, right: Expr, at: At, size: int) -> Combination:
        return self.within.combination(left - right, at, size)

    def follows(self, part: Any) -> Status:
        """Whether an equation rebuilt = entry, at all entries of a block, follows from the laws."""
        rebuilt, entry = (part.lhs, part.rhs) if isinstance(part.rhs, Read) else (part.rhs, part.lhs)
        if not isinstance(entry, Read):
            raise Undecided
        if mixed := {s for f in self.goal.facts if self.passive(f) for s in f.free_symbols & set(self.letters)}:
            return Decision(self.goal, self.standing | mixed).follows(part)
        entries = self.within.combination(entry, self.at, self.size)
        order = np.argsort(entries.rows)
        columns = entries.columns[order]
        if len(np.unique(columns)) != self.size or len(columns) != self.size or np.any(entries.values != 1):
            raise Undecided
        places = {int(c): p for p, c in enumerate(columns)}
        P, scale, used = self.projection(rebuilt, places)
        L = self.laws(places, entry.array)
        back = P[used]
        kept = not np.any(L.times(P))
        if np.any(product(P, back) != scale * P):
            return Status.REFUTED if kept and L.all else Status.UNKNOWN
        wanted = self.size - rank_modulo(back, PRIMES[0])
        if kept and any(L.rank_modulo(p, wanted) >= wanted for p in PRIMES):
            return Status.EXHAUSTIVE
        few = L.all and self.size <= _EXACTLY
        return Status.REFUTED if few and L.rank() < self.size - rank(back) else Status.UNKNOWN

    def projection(self, rebuilt: Expr, places: Mapping[int, int]) -> tuple[Any, int, Any]:
        """P as whole numbers over one denominator, in those columns that it has, and which these are."""
        found = self.within.combination(rebuilt, self.at, self.size)
        if any(int(c) not in places for c in found.columns):
            raise Undecided
        at = np.array([places[int(c)] for c in found.columns], np.int64)
        used, inside = np.unique(at, return_inverse=True)
        P = np.zeros((self.size, len(used)), object)
        P[found.rows, inside] = found.values
        return P, found.denominator, used

    def laws(self, places: Mapping[int, int], array: str) -> _Laws:
        """The laws that speak of the block's entries alone, one row an equation. To use fewer proves no more."""
        none = np.zeros(0, np.int64)
        rows, columns, values, count, complete = [none], [none], [none], 0, True
        for law in self.goal.laws:
            at = self.known(law)
            if at is None:
                complete &= all(r.array != array for side in (law.left, law.right) for r in side.atoms(Read))
                continue
            found = self.difference(law.left, law.right, *at)
            rows.append(found.rows + count)
            columns.append(np.array([places.get(int(c), -1) for c in found.columns], np.int64))
            values.append(found.values)
            count += at[1]
        row, column = np.concatenate(rows), np.concatenate(columns)
        kept = ~np.isin(row, row[column < 0])
        complete &= not np.any(~kept & (column >= 0))
        return _Laws(row[kept], column[kept], np.concatenate(values)[kept], self.size, bool(complete))

    def known(self, law: Clause) -> tuple[At, int] | None:
        """The points of a law's letters with numeric ranges; None where what it needs of the other letters isn't known."""
        facts = Goal((law.given,), law.given).facts
        letters = {s: ends for s, ends in ranges_in(facts).items() if s not in self.standing}
        own = tuple(f for f in facts if not f.free_symbols - set(letters))
        for fact in (f for f in facts if f not in own and f not in self.goal.facts):
            if fact.free_symbols & set(letters) or self.by_solver(fact) is not Status.EXHAUSTIVE:
                return None
        return self.within.points(own, letters)


@dataclass(frozen=True, slots=True)
class _Laws:
    """L as triplets: equation, entry, whole coefficient; `all` says that no law was left out."""

    rows: Any
    columns: Any
    values: Any
    size: int
    all: bool

    def times(self, matrix: Any) -> Any:
        """The rows of L·matrix, of whole numbers."""
        _, row = np.unique(self.rows, return_inverse=True)
        total = np.zeros((int(row.max()) + 1 if row.size else 0, matrix.shape[1]), object)
        np.add.at(total, row, self.values.astype(object)[:, None] * matrix[self.columns])
        return total

    def dense(self) -> Any:
        """L as a matrix of Python integers, without rows of zeros."""
        _, row = np.unique(self.rows, return_inverse=True)
        found = np.zeros((int(row.max()) + 1 if row.size else 0, self.size), object)
        found[row, self.columns] = self.values
        return found

    def rank_modulo(self, p: int, enough: int) -> int:
        """The rank modulo a prime, or some number from `enough` on that it has at least."""
        _, row = np.unique(self.rows, return_inverse=True)
        found = np.zeros((int(row.max()) + 1 if row.size else 0, self.size), np.int64)
        found[row, self.columns] = (self.values % p).astype(np.int64)
        return rank_modulo(found, p, enough)

    def rank(self) -> int:
        """The rank over the rationals."""
        return rank(self.dense())
