"""What laws leave of weights that are entries, or coordinates of entries in a basis: exactly, as a basis again."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from sympy import And, Integer, Symbol

from derive.errors import RuleRefused, StatedLate
from derive.forms.expr import Read, index, reads
from derive.forms.form import Axis, Form, Param, Table
from derive.forms.spans import Span
from derive.groups._finite import Basis, null_space
from derive.proof.combinations import Combinations
from derive.proof.goal import Goal
from derive.proof.points import Undecided, ranges_in
from derive.proof.step import Clause
from derive.rules._entries import Entrywise
from derive.rules._names import Names

__all__ = ["Solved", "shape"]

_MOST = 1 << 26


@dataclass(frozen=True)
class Solved:
    """The unknown array of weights, or of biases: coordinates of entries or the entries themselves, and what laws leave of it."""

    form: Form
    seen: Entrywise
    name: str
    span: Span | None
    held: tuple[Clause, ...]
    given_tables: tuple[Table, ...]
    names: Names

    @cached_property
    def laws(self) -> tuple[Clause, ...]:
        """Those that speak of this array. Raises RuleRefused for one that speaks of another besides."""
        found = tuple(c for c in self.held if self.name in _arrays(c))
        mixed = [c for c in found if not _arrays(c) - {t.name for t in self.given_tables} <= {self.name}]
        if mixed:
            raise RuleRefused(
                f"A law of weights alone, or of biases alone, is one on their space; '{mixed[0].says}' is on both."
            )
        return found

    @cached_property
    def entries(self) -> Param:
        """The array seen entry by entry."""
        return next(p for p in self.seen.form.params if p.name == self.name)

    @property
    def is_weight(self) -> bool:
        return self.entries in self.seen.form.weights

    @property
    def old(self) -> Param:
        """The unknown array."""
        return self.entries if self.span is None else self.span.learned

    @property
    def entry(self) -> Read:
        return self.old.array.entry()

    @property
    def column(self) -> Symbol | None:
        """The letter of the columns so far, in the form's sum."""
        return None if self.span is None else self.span.column

    @cached_property
    def _last(self) -> Symbol | None:
        """The letter of the columns so far, in the unknown array."""
        return None if self.span is None else self.old.array.symbols[-1]

    @cached_property
    def still(self) -> frozenset[Symbol]:
        """The letters of the entries that every law leaves as they are."""
        own = self.old.array.symbols
        found = {s for s in self.entries.array.symbols if s in own}
        for law in self.laws:
            found &= _unmoved(law, self.entries)
        return frozenset(found)

    @cached_property
    def acted(self) -> tuple[Axis, ...]:
        """The axes of the basis but its columns: those of the basis so far, and those that a law moves along."""
        axes = tuple(a for a in self.entries.array.axes if a.symbol not in self.still)
        here = dict(zip(self.entries.array.symbols, self.read.subscripts, strict=True))
        for axis in axes:
            if not (isinstance(axis.lower, Integer) and isinstance(axis.upper, Integer)):
                raise StatedLate(
                    f"The weights are sums over a basis, and this constraint ties them along {axis.symbol}, which runs from "
                    f"{axis.lower} to {axis.upper}; state sizes as numbers, or the constraint before the matrices."
                )
            if not isinstance(here[axis.symbol], Symbol):
                raise RuleRefused(
                    f"This constraint ties entries along {here[axis.symbol]}, which is no letter of its own."
                )
        return axes

    @property
    def read(self) -> Read:
        """The entry that a term reads."""
        source = self.seen.form.weight if self.is_weight else self.seen.form.bias
        assert isinstance(source, Read)
        return source

    @cached_property
    def unknowns(self) -> tuple[Axis, ...]:
        """The axes of the unknown array that the equations are along, in its own order."""
        moved = {a.symbol for a in self.acted} | {self._last}
        return tuple(a for a in self.old.array.axes if a.symbol in moved)

    @property
    def size(self) -> int:
        """How many unknowns."""
        return int(np.prod(shape(self.unknowns), dtype=int))

    @cached_property
    def leading(self) -> np.ndarray:
        """For each column so far the place, along the axes of the basis so far, of its leading 1."""
        assert self.span is not None
        B = _numbers(self.span.numbers)
        return np.array([int(np.flatnonzero(B[:, t])[0]) for t in range(B.shape[1])], int)

    @cached_property
    def order(self) -> np.ndarray:
        """The unknowns in the order of the entries that they are."""
        at = self._entry_places(np.indices(shape(self.unknowns)).reshape(len(self.unknowns), self.size))
        return np.argsort(np.ravel_multi_index(at, shape(self.acted)) if at else np.zeros(1, int), kind="stable")

    def _entry_places(self, at: np.ndarray) -> list[np.ndarray]:
        """The places, from 0, of the entries that unknowns at these places are, along the acted axes."""
        own = {a.symbol: row for a, row in zip(self.unknowns, at, strict=True)}
        if self.span is not None:
            axes = self.span.numbers.array.axes[:-1]
            places = np.unravel_index(self.leading[own[self.old.array.symbols[-1]]], shape(axes)) if axes else ()
            own |= {a.symbol: row for a, row in zip(axes, places, strict=True)}
        return [own[a.symbol] for a in self.acted]

    @cached_property
    def free(self) -> np.ndarray:
        """Which unknowns are free. Raises RuleRefused where that depends on a letter that stays."""
        condition, letters = self.old.free, {a.symbol for a in self.unknowns}
        own = [c for c in And.make_args(condition) if c.free_symbols & letters]
        if any(c.free_symbols - letters for c in own):
            raise StatedLate(f"This constraint ties entries along letters of which {own[0]} lets only some entries be.")
        if not own:
            return np.ones(self.size, bool)
        ranges = {a.symbol: (int(a.lower), int(a.upper)) for a in self.unknowns}
        within = Combinations((), (), ())
        at, _ = within.points((), {s: ranges[s] for s in sorted(ranges, key=str)})
        flat = np.ravel_multi_index([at[a.symbol] - int(a.lower) for a in self.unknowns], shape(self.unknowns))
        found = np.zeros(self.size, bool)
        found[flat] = np.broadcast_to(within.truth(And(*own), at), (self.size,))
        return found

    @cached_property
    def basis(self) -> Basis:
        """The solutions, as vectors of unknowns in the order of their entries."""
        rows = [np.eye(self.size, dtype=object)[~self.free]]
        try:
            rows += [self._equations(law) for law in self.laws]
        except Undecided as cause:
            raise RuleRefused(
                "What this constraint says can't be written out for every entry at these sizes."
            ) from cause
        return null_space(np.concatenate(rows)[:, self.order])

    def _equations(self, law: Clause) -> Any:
        """What one law says, a row an equation in the unknowns."""
        numbers = tuple(p for p in self.form.params if p.values is not None)
        within = Combinations(self.given_tables, numbers, (self.old.array,))
        letters = {
            s: r for s, r in ranges_in(Goal((law.given,), law.given).facts).items() if s not in _staying(law, self)
        }
        own = tuple(f for f in Goal((law.given,), law.given).facts if f.free_symbols <= set(letters))
        at, count = within.points(own, letters)
        letter = index(self.names.fresh("r"))
        both = self.seen.sums(law.left - law.right, letter)
        found = within.combination(both, at, count)
        if count * self.size > _MOST or len(within.bases) > 1:
            raise Undecided
        if np.any(found.columns == 0):
            raise RuleRefused(f"'{law.says}' demands a number that isn't 0, so it leaves no vector space.")
        matrix = np.zeros((count, self.size), object)
        matrix[found.rows, found.columns - next(iter(within.bases.values()), 1)] = found.values
        small = np.array(list({tuple(r) for r in matrix.tolist() if any(r)}), object)
        return small.reshape(-1, self.size)

    @cached_property
    def count(self) -> int:
        """The dimension; of an array that no law speaks of, 1 for 'it stays'."""
        return self.basis.count if self.laws else 1

    @cached_property
    def values(self) -> np.ndarray:
        """The new basis, an entry a row: the basis so far times the solutions."""
        solutions = np.zeros((self.order.size, self.count), object)
        solutions[self.order] = self.basis.fractions().reshape(self.count, -1).T
        if self.span is None:
            return solutions
        B, names = _numbers(self.span.numbers), self.old.array.symbols[-1]
        tensor = solutions.reshape(*shape(self.unknowns), self.count)
        place = [a.symbol for a in self.unknowns].index(names)
        product = np.tensordot(B, np.moveaxis(tensor, place, 0), axes=(1, 0))
        axes = [*self.span.numbers.array.axes[:-1], *(a for a in self.unknowns if a.symbol != names)]
        spread = product.reshape(*shape(axes), self.count)
        order = [[a.symbol for a in axes].index(a.symbol) for a in self.acted]
        return spread.transpose(*order, len(order)).reshape(-1, self.count)


def _arrays(law: Clause) -> set[str]:
    return {r.array for side in (law.left, law.right) for r in reads(side)}


def _unmoved(law: Clause, param: Param) -> set[Symbol]:
    """The letters of an array at which every read in a law has one letter that means nothing else there."""
    found = [r for side in (law.left, law.right) for r in reads(side) if r.array == param.name]
    kept = set()
    for place, axis in enumerate(param.array.axes):
        here = {r.subscripts[place] for r in found}
        if len(here) == 1 and isinstance(letter := next(iter(here)), Symbol) and letter in law.binders:
            kept |= {axis.symbol} if _apart(law, letter, param, place) else set()
    return kept


def _apart(law: Clause, letter: Symbol, param: Param, place: int) -> bool:
    """Whether a law has a letter there alone, for all values at which entries are free."""
    axis = param.array.axes[place]
    known = set(And.make_args(axis.holds(letter)))
    known |= set(And.make_args(param.free)) if letter == axis.symbol else set()
    if any(letter in c.free_symbols and c not in known for c in And.make_args(law.given)):
        return False

    def elsewhere(e: Any) -> bool:
        if isinstance(e, Read) and e.array == param.name:
            return any(letter in s.free_symbols for p, s in enumerate(e.subscripts) if p != place)
        return e == letter or any(map(elsewhere, e.args))

    return not elsewhere(law.left) and not elsewhere(law.right)


def _staying(law: Clause, part: Solved) -> set[Any]:
    """The letters by which a law calls those that stay."""
    places = [p for p, s in enumerate(part.entries.array.symbols) if s in part.still]
    found = [r for side in (law.left, law.right) for r in reads(side) if r.array == part.name]
    return {r.subscripts[p] for r in found for p in places}


def shape(axes: Any) -> tuple[int, ...]:
    return tuple(int(a.extent) for a in axes)


def _numbers(param: Param) -> np.ndarray:
    """The basis so far as fractions, an entry a row."""
    values = np.empty(len(param.values or ()), object)
    values[:] = [Fraction(int(v.p), int(v.q)) for v in param.values or ()]
    return values.reshape(-1, int(param.array.axes[-1].extent))
