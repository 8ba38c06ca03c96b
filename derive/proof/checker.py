"""Refusals of data of which obligations would not mean what they say: which letters and arrays an expression may mention."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sympy import Basic, Integer, Sum, Symbol

from derive.errors import ObligationFailed
from derive.forms.expr import Read, Where, index, reads
from derive.forms.form import Array, Table

__all__ = ["Checker", "Symbols", "check_bound"]

Symbols = frozenset[Symbol]


class Checker:
    """Refusals that begin with what is being read."""

    def __init__(self, subject: str, sizes: Symbols, tables: Iterable[Table] = ()) -> None:
        self.subject, self.sizes = subject, sizes
        self.tables = {t.name: len(t.array.axes) for t in tables}

    def demand(self, holds: bool, why: str) -> None:
        if not holds:
            raise ObligationFailed(f"{self.subject} is not well formed: {why}.")

    def distinct(self, names: Iterable[Any], what: str) -> None:
        listed = [str(name) for name in names]
        twice = sorted({name for name in listed if listed.count(name) > 1})
        self.demand(not twice, f"{', '.join(twice)} stands for two of {what}")

    def integers(self, expression: Any, letters: Iterable[Symbol], what: str) -> None:
        """An expression or a condition in these letters and the sizes, which reads no array."""
        self._is_one(expression, what)
        if expression.has(Read):
            self.demand(False, f"{what}, {expression}, reads an array")
        self._mentions(expression, letters, what)

    def tabled(self, expression: Any, letters: Iterable[Symbol], what: str) -> None:
        """An expression in these letters, the sizes and entries of tables."""
        if self.tables:
            self.entries(expression, (), letters, what)
        else:
            self.integers(expression, letters, what)

    def entries(self, expression: Any, arrays: Iterable[Array], letters: Iterable[Symbol], what: str) -> None:
        """An expression in entries of these arrays, at subscripts in these letters and the sizes."""
        ranks = {a.name: len(a.axes) for a in arrays} | self.tables
        self._is_one(expression, what)
        self._mentions(expression, letters, what)
        for read in reads(expression):
            name, known = read.array, ", ".join(ranks) or "its arrays"
            self.demand(name in ranks, f"{what} reads {name}, which is none of {known}")
            fits = len(read.subscripts) == ranks[name]
            self.demand(fits, f"{what} reads {name} with a wrong number of subscripts")
            nested = any(r.array not in self.tables for s in read.subscripts for r in reads(s))
            self.demand(not nested, f"{what} reads {name} at a place that is read itself")
        for case in expression.atoms(Where):
            if case.condition.has(Read):
                self.demand(False, f"{what} depends on whether {case.condition}")

    def _is_one(self, expression: Any, what: str) -> None:
        if not isinstance(expression, Basic):
            self.demand(False, f"{what}, {expression!r}, is no expression")

    def _mentions(self, expression: Any, letters: Iterable[Symbol], what: str) -> None:
        known = self.sizes.union(letters)
        strange = sorted(s.name for s in expression.free_symbols if s not in known)
        self.demand(not strange, f"{what} mentions {', '.join(strange)}, no index or size there")


def check_bound(expression: Any, known: Iterable[Symbol], check: Checker) -> tuple[Symbol, ...]:
    """The letters that sums bind: each by one sum within another, over numbers, and a letter of nothing else."""
    found = [limits for e in sorted(expression.atoms(Sum), key=str) for limits in e.limits]
    letters = tuple(dict.fromkeys(letter for letter, *_ in found))
    for letter, low, high in found:
        numeric = isinstance(low, Integer) and isinstance(high, Integer)
        check.demand(numeric and letter == index(letter.name), f"a sum over {letter} has a range that is no number")
    taken = sorted(s.name for s in set(letters) & set(known))
    check.demand(not taken, f"a sum binds {', '.join(taken)}, which means something else")
    for e in expression.atoms(Sum):
        own = {letter for letter, *_ in e.limits}
        inner = {limits[0] for f in e.function.atoms(Sum) for limits in f.limits}
        check.demand(
            len(own) == len(e.limits) and not own & inner, f"a sum binds {', '.join(sorted(map(str, own)))} twice"
        )
    return letters
