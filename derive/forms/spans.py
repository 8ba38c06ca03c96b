"""Weights and biases in a vector space: Σ_t B[p, t]·V[q, t], with numbers B that the form brings along."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sympy import Expr, Integer, Mul, Sum, Symbol

from derive.errors import RuleRefused
from derive.forms.expr import Read
from derive.forms.form import Array, Form, Param

__all__ = ["Span", "span_of", "span_of_terms"]


@dataclass(frozen=True, slots=True)
class Span:
    """One term B[p, t]·V[q, t] of the sum over the columns: the two arrays, and how they are read."""

    numbers: Param
    learned: Param
    basis: Read
    coordinates: Read

    @property
    def column(self) -> Symbol:
        """The letter t, as the sum calls it."""
        return Symbol(self.basis.subscripts[-1].name, integer=True)

    @property
    def places(self) -> dict[Symbol, Expr]:
        """Where the entry is: for each letter of either array, but the columns, its subscript."""
        pairs = ((self.numbers.array, self.basis), (self.learned.array, self.coordinates))
        return {s: e for a, r in pairs for s, e in zip(a.symbols[:-1], r.subscripts[:-1], strict=True)}

    @property
    def count(self) -> int:
        """How many columns."""
        return int(self.numbers.array.axes[-1].extent)

    def sum_at(self, places: dict[Symbol, Expr], letter: Symbol) -> Expr:
        """The whole sum at these places, over this letter."""
        at = places | {a.axes[-1].symbol: letter for a in (self.numbers.array, self.learned.array)}
        product = self.numbers.array.entry().xreplace(at) * self.learned.array.entry().xreplace(at)
        return Sum(product, (letter, Integer(0), Integer(self.count - 1)))


def span_of(value: Expr, params: tuple[Param, ...]) -> Span | None:
    """How a weight, or a bias, is a sum over columns that both its arrays have last; None for one that isn't."""
    term = value.function if isinstance(value, Sum) and len(value.limits) == 1 else value
    if not isinstance(term, Mul) or len(term.args) != 2 or len(params) != 2:
        return None
    found = {r.array: r for r in term.args if isinstance(r, Read)}
    held = {p.name: p for p in params}
    numbers = [p for p in params if p.values is not None]
    if set(found) != set(held) or len(numbers) != 1:
        return None
    (basis,) = numbers
    (learned,) = (p for p in params if p is not basis)
    one, other = found[basis.name], found[learned.name]
    fits = all(len(r.subscripts) == len(p.array.axes) for r, p in ((one, basis), (other, learned)))
    if not fits or not one.subscripts or not other.subscripts or not _same_columns(basis.array, learned.array):
        return None
    letter = one.subscripts[-1]
    others = {s for r in (one, other) for e in r.subscripts[:-1] for s in e.free_symbols}
    if not isinstance(letter, Symbol) or letter != other.subscripts[-1] or letter in others:
        return None
    return Span(basis, learned, one, other)


def _same_columns(one: Array, other: Array) -> bool:
    """Whether two arrays have the same numeric range last, from 0 on, and no other letter in common."""
    ends: list[Any] = [(a.axes[-1].lower, a.axes[-1].upper) for a in (one, other)]
    numeric = ends[0] == ends[1] and ends[0][0] == 0 and isinstance(ends[0][1], Integer)
    return numeric and not set(one.symbols[:-1]) & set(other.symbols[:-1])


def span_of_terms(form: Form) -> Span | None:
    """How the weight is a sum over columns, which alone tell terms of one input apart; None where an edge adds up others."""
    span = span_of(form.weight, form.weights)
    if span is None:
        return None
    entries = replace(form, reduction=tuple(a for a in form.reduction if a.symbol != span.column), shared=False)
    try:
        entries.solve_read(form.input.symbols)
    except RuleRefused:
        return None
    return span
