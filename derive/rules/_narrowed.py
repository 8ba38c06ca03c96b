"""A further constraint on weights in a vector space: an exact null space of what it says of the coordinates.

    Σ_t B[p, t]·V[q, t]·X[k]   ⟶   Σ_s B'[p, q', s]·V'[q″, s]·X[k]

The constraint is a system of equations in the entries Σ_t B[p, t]·V[q, t]. The letters q″ that it leaves alone stay letters of V',
the other ones, which have numeric ranges, and t become s. B' is in reduced row echelon form, whatever the order of constraints.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from sympy import And, Expr, Integer, Rational, Sum, Symbol, false, true

from derive.forms.expr import index
from derive.forms.form import Array, Axis, Form, Param, Table
from derive.proof.step import ArrayMap, Clause, Kind, Step, SubStep, View
from derive.rules._entries import Entrywise
from derive.rules._maps import same_letters
from derive.rules._names import Names
from derive.rules._plain import plain
from derive.rules._solved import Solved, shape

__all__ = ["narrowed"]


def narrowed(form: Form, seen: Entrywise, laws: tuple[Clause, ...], tables: tuple[Table, ...], statement: str) -> Step:
    """One free weight a dimension of what the laws leave. Raises RuleRefused for laws along letters of symbolic ranges."""
    held = tuple(plain(law, form) for law in laws)
    inner = {letter.name for c in held for e in (c.left, c.right) for s in e.atoms(Sum) for letter, *_ in s.limits}
    names = Names(form, *inner, *(s.name for c in held for s in c.binders), *(t.name for t in tables))
    letter = index(names.fresh("r"))
    parts = [_Part(form, seen, name, span, held, tables, names) for name, span in seen.spans]
    weight, biases = parts[0], parts[1:]
    stated = tuple(seen.of(c, letter) for c in held)
    after = replace(
        form,
        reduction=(*weight.summed, *(a for a in form.reduction if a.symbol != weight.column))
        if weight.laws
        else form.reduction,
        domain=form.domain if weight.count else false,
        weight=weight.term,
        weights=weight.params,
        bias=biases[0].term if biases else form.bias,
        biases=tuple(p for b in biases for p in b.params),
        shared=bool(weight.count),
    )
    if not weight.count:
        after = replace(after, reduction=form.reduction)
    same = same_letters(form)
    return Step(
        rule="",
        kind=Kind.RESTRICTION,
        statement=statement,
        reason="The constraint is linear in the coordinates: one free weight for each vector of a basis of what it leaves.",
        before=form,
        after=after,
        embeddings=tuple(p.embedding for p in parts),
        sections=tuple(p.section for p in parts if p.count),
        to_before=same,
        to_after=same,
        clauses=stated,
        argument=_argument(held[0], stated[0], parts),
        view=View.SPANNED if weight.laws and weight.count else View.SELECTED,
        tables=tuple(dict.fromkeys((*tables, *(t for p in parts for t in p.tables)))),
    )


def _argument(law: Clause, stated: Clause, parts: list[_Part]) -> tuple[SubStep, ...]:
    lines = [SubStep("What the constraint says of an entry", law.left, law.right)]
    lines.append(SubStep("Every entry is a sum over the columns", stated.left, stated.right))
    named = [
        SubStep("Name the coordinates in the basis of its solutions", p.entry, p.embedding.value)
        for p in parts
        if p.laws
    ]
    return (*lines, *named)


@dataclass(frozen=True)
class _Part(Solved):
    """The arrays before and after, and the maps between them."""

    @cached_property
    def columns(self) -> Axis:
        """The letter that numbers the new columns."""
        return Axis(index(self.names.fresh("t")), Integer(0), Integer(self.count - 1))

    @cached_property
    def bound(self) -> Symbol:
        """The same letter where a sum binds it."""
        return index(self.names.fresh("s"))

    @cached_property
    def numbers(self) -> Array:
        """The array of the new basis."""
        return Array(self.names.fresh("B" if self.is_weight else "C"), (*self.acted, self.columns))

    @cached_property
    def learned(self) -> Array:
        """The array of coordinates."""
        axes = tuple(a for a in self.old.array.axes if a.symbol in self.still)
        name = self.old.name if self.is_weight else self.old.name.lower()
        return Array(name, (*axes, self.columns))

    def _product(self, places: dict[Symbol, Expr], letter: Symbol) -> Expr:
        at = places | {self.columns.symbol: letter}
        return self.numbers.entry().xreplace(at) * self.learned.entry().xreplace(at)

    def _sum(self, places: dict[Symbol, Expr]) -> Expr:
        return Sum(self._product(places, self.bound), (self.bound, Integer(0), Integer(self.count - 1)))

    @cached_property
    def term(self) -> Expr:
        """The new form's weight, or bias."""
        if not self.laws:
            return self.form.weight if self.is_weight else self.form.bias
        if not self.count:
            return Integer(0)
        places = dict(zip(self.entries.array.symbols, self.read.subscripts, strict=True))
        return self._product(places, self.columns.symbol) if self.is_weight else self._sum(places)

    @property
    def summed(self) -> tuple[Axis, ...]:
        """What the new form's sum runs through besides."""
        return (self.columns,) if self.count else ()

    @cached_property
    def params(self) -> tuple[Param, ...]:
        """The numbers of the basis, and the coordinates; none where the space is 0."""
        if not self.laws:
            return self.form.weights if self.is_weight else self.form.biases
        if not self.count:
            return ()
        values = tuple(Rational(v.numerator, v.denominator) for v in self.values.flat)
        still = And(
            *(c for c in And.make_args(self.old.free) if not c.free_symbols & {a.symbol for a in self.unknowns})
        )
        return (
            Param(self.numbers, true, (), data=True, values=values),
            Param(self.learned, still, self._reader()),
        )

    def _reader(self) -> tuple[tuple[Symbol, Expr], ...]:
        """A term that reads a coordinate: at the first free place along the letters that were."""
        first = np.unravel_index(int(np.flatnonzero(self.free)[0]), shape(self.unknowns))
        at: dict[Any, Expr] = {a.symbol: a.lower + int(v) for a, v in zip(self.unknowns, first, strict=True)}
        gone = {self.column} if self.is_weight else set()
        own = self.columns.symbol if self.is_weight else self.bound
        old = {s: e.xreplace(at) for s, e in self.old.reader}
        if not self.is_weight:
            old = {s: e for s, e in old.items() if s in self.form.output.symbols}
        return ((own, self.columns.symbol), *((s, e) for s, e in old.items() if s not in gone))

    @cached_property
    def embedding(self) -> ArrayMap:
        """Every unknown in terms of the coordinates: it is the entry at its column's leading 1."""
        if not self.laws:
            return ArrayMap(self.old.name, self.old.array.symbols, self.entry)
        places: dict[Symbol, Expr] = {s: s for s in self.old.array.symbols} | {
            s: t.array.entry() for s, t in self._leads
        }
        return ArrayMap(self.old.name, self.old.array.symbols, self._sum(places) if self.count else Integer(0))

    @cached_property
    def section(self) -> ArrayMap:
        """Every coordinate is the unknown at which its basis vector is 1 and the others are 0."""
        if not self.laws:
            return ArrayMap(self.old.name, self.old.array.symbols, self.entry)
        back = {s: t.array.entry() for s, t in self._back}
        return ArrayMap(
            self.learned.name,
            self.learned.symbols,
            self.old.array.entry([back.get(s, s) for s in self.old.array.symbols]),
        )

    @cached_property
    def _leads(self) -> tuple[tuple[Symbol, Table], ...]:
        """For each letter of the basis so far the place of a column's leading 1."""
        if self.span is None or not self.count:
            return ()
        axes, last = self.span.numbers.array.axes[:-1], self.old.array.axes[-1]
        places = np.unravel_index(self.leading, shape(axes)) if axes else ()
        mark = "P" if self.is_weight else "O"
        return tuple((a.symbol, self._table(mark, a, last, at)) for a, at in zip(axes, places, strict=True))

    @cached_property
    def _back(self) -> tuple[tuple[Symbol, Table], ...]:
        """For each letter of the equations the place of a new column's leading 1."""
        found = self.order[np.array(self.basis.free, int)]
        at = np.unravel_index(found, shape(self.unknowns)) if self.unknowns else ()
        mark = "R" if self.is_weight else "Q"
        return tuple(
            (a.symbol, self._table(mark, a, self.columns, row)) for a, row in zip(self.unknowns, at, strict=True)
        )

    def _table(self, mark: str, axis: Axis, along: Axis, places: Any) -> Table:
        name = self.names.fresh(f"{mark}_{axis.symbol.name}")
        return Table(Array(name, (along,)), tuple(int(v) + int(axis.lower) for v in places))

    @property
    def tables(self) -> tuple[Table, ...]:
        """The places of leading ones, those so far and the new ones."""
        return tuple(t for _, t in (*self._leads, *self._back)) if self.laws and self.count else ()
