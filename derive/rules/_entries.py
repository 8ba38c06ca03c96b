"""A form whose weights are coordinates in a basis, seen entry by entry: what a constraint is stated of.

Σ_t B[p, t]·V[q, t]·X[k]   is   W[p, q]·X[k]   with   W[p, q] = Σ_t B[p, t]·V[q, t]
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sympy import Expr, Symbol

from derive.forms.expr import Read, map_reads
from derive.forms.form import Array, Axis, Form, Param
from derive.forms.spans import Span, span_of, span_of_terms
from derive.proof.step import Clause

__all__ = ["Entrywise", "entrywise"]


@dataclass(frozen=True, slots=True)
class Entrywise:
    """The form with one array of weights and at most one of biases, and for each of them the sum that an entry is, if it is one."""

    form: Form
    spans: tuple[tuple[str, Span | None], ...]

    def sums(self, expression: Expr, letter: Symbol) -> Expr:
        """An expression in entries in terms of the coordinates, each sum over this letter."""
        spans = dict(self.spans)
        axes = {p.name: p.array.symbols for p in self.form.params}

        def value(read: Read) -> Expr:
            span = spans.get(read.array)
            return (
                read if span is None else span.sum_at(dict(zip(axes[read.array], read.subscripts, strict=True)), letter)
            )

        return map_reads(expression, value)

    def of(self, clause: Clause, letter: Symbol) -> Clause:
        """A clause about entries as one about the coordinates."""
        return replace(clause, left=self.sums(clause.left, letter), right=self.sums(clause.right, letter))


def entrywise(form: Form) -> Entrywise | None:
    """The form seen entry by entry; None for one whose weights are no coordinates in a basis,
    or whose entries are sums of several of them.
    """
    weight = span_of_terms(form)
    if weight is None or form.tables or len(form.biases) > 2:
        return None
    bias = span_of(form.bias, form.biases)
    if bias is None and not (isinstance(form.bias, Read) or not form.biases):
        return None
    order = (*form.output.symbols, *form.reduction_symbols)
    taken = {p.name for p in form.params} | {form.input.name, form.output.name}
    column = weight.column
    W, read = _entries(_new("W", taken), weight, order)
    whole = replace(
        form,
        reduction=tuple(a for a in form.reduction if a.symbol != column),
        weight=read,
        weights=(_param(W, read, weight.learned, {column}),),
        shared=False,
    )
    if bias is None:
        return Entrywise(whole, ((W.name, weight), *((p.name, None) for p in form.biases)))
    U, place = _entries(_new("U", taken), bias, order)
    whole = replace(whole, bias=place, biases=(_param(U, place, bias.learned, {bias.column}),))
    return Entrywise(whole, ((W.name, weight), (U.name, bias)))


def _entries(name: str, span: Span, order: Iterable[Symbol]) -> tuple[Array, Read]:
    """The array of entries, and the one that a term reads: letters in the order of the places that they are read at."""
    rank = {s: n for n, s in enumerate(order)}
    axes: list[tuple[Axis, Expr]] = []
    for array, read in ((span.numbers.array, span.basis), (span.learned.array, span.coordinates)):
        axes += zip(array.axes[:-1], read.subscripts[:-1], strict=True)
    axes.sort(key=lambda pair: min((rank.get(s, len(rank)) for s in pair[1].free_symbols), default=-1))
    return Array(name, tuple(a for a, _ in axes)), Read(name, *(e for _, e in axes))


def _param(array: Array, read: Read, learned: Param, without: set[Symbol]) -> Param:
    """The entries as parameters: at a letter of its own, the term that reads one has that letter's value."""
    own = {e: s for s, e in zip(array.symbols, read.subscripts, strict=True) if isinstance(e, Symbol)}
    reader = tuple((s, own.get(s, e)) for s, e in learned.reader if s not in without)
    return Param(array, learned.free, reader)


def _new(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
