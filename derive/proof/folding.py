"""Sums over the columns of a basis read back as the entries that they are, so that a theorem speaks of those.

A step writes W[p, q] = Σ_t B[p, t]·V[q, t], and by 'complete' that holds of all W that satisfy the constraints so far. A further
step gives the same sums by another basis, which its 'sound' says of every entry that a term reads. What is no such sum stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sympy import And, Expr, Sum

from derive.forms.expr import Read, rename_arrays
from derive.forms.form import Array, Axis, Form
from derive.forms.spans import Span, span_of
from derive.proof.step import Step, substitute

__all__ = ["Whole", "carried", "folded", "named_again", "wholes_after"]


@dataclass(frozen=True, slots=True)
class Whole:
    """The array whose entries are the sums, and how many steps with parameters of their own come before it."""

    array: Array
    depth: int

    @property
    def mark(self) -> str:
        """A name that no array has."""
        return f"{self.array.name}@{self.depth}"


Wholes = Mapping[str, Whole]


def wholes_after(step: Step, known: Wholes, depth: int) -> dict[str, Whole]:
    """What the sums of the form after the step are, by the name of their coordinates."""
    before, after = step.before, step.after
    pairs = (
        (before.weight, before.weights, after.weight, after.weights),
        (before.bias, before.biases, after.bias, after.biases),
    )
    found = {}
    for old, own, new, params in pairs:
        span = span_of(new, params)
        if span is None or not _everywhere(after, span):
            continue
        letters = set(span.places)
        if isinstance(old, Read):
            array = next(p.array for p in own if p.name == old.array)
            if letters == set(array.symbols) and _is(step, array, span):
                found[span.learned.name] = Whole(array, depth)
        elif (last := span_of(old, own)) is not None and last.learned.name in known:
            whole = known[last.learned.name]
            if letters == set(last.places) == set(whole.array.symbols):
                found[span.learned.name] = whole
    return found


def folded(expression: Expr, form: Form, wholes: Wholes) -> Any:
    """An expression in entries of a form, each sum over columns as the entry that it is, under a mark."""
    if not wholes:
        return expression
    for total in sorted(expression.atoms(Sum), key=str):
        for params in (form.weights, form.biases):
            span = span_of(total, params)
            whole = None if span is None else wholes.get(span.learned.name)
            if span is None or whole is None or span.sum_at(span.places, total.limits[0][0]) != total:
                continue
            places = span.places
            expression = expression.xreplace({total: Read(whole.mark, *(places[s] for s in whole.array.symbols))})
    return expression


def carried(value: Expr, step: Step) -> Any:
    """What was written in the parameters before a step in those after it: a sum over columns is the one over the new columns."""
    before, after = step.before, step.after
    pairs = (
        (span_of(before.weight, before.weights), span_of(after.weight, after.weights)),
        (span_of(before.bias, before.biases), span_of(after.bias, after.biases)),
    )
    known = [(one, other) for one, other in pairs if one is not None and other is not None and one != other]
    for total in sorted(value.atoms(Sum), key=str):
        for one, other in known:
            span = span_of(total, (one.numbers, one.learned))
            if span is None or set(one.places) != set(other.places):
                continue
            bound = [x[0] for m in step.embeddings if m.array == one.learned.name for x in _limits(m.value)]
            return value.xreplace({total: other.sum_at(span.places, bound[0])}) if bound else value
    return substitute(value, step.embeddings)


def _limits(value: Expr) -> list[Any]:
    return list(value.limits) if isinstance(value, Sum) else []


def named_again(expression: Expr, wholes: Wholes, depth: int) -> Any:
    """The entries of arrays of this depth by their own names."""
    names = {w.mark: w.array.name for w in wholes.values() if w.depth == depth}
    return rename_arrays(expression, names) if names else expression


def _is(step: Step, array: Array, span: Span) -> bool:
    """Whether the step writes an entry of the array as the sum, at its own letters."""
    value = next(m.value for m in step.embeddings if m.array == array.name)
    own = {s: s for s in array.symbols}
    return isinstance(value, Sum) and value == span.sum_at(dict(own), value.limits[0][0])


def _everywhere(form: Form, span: Span) -> bool:
    """Whether terms read every entry of the basis beside each coordinate that any term reads: letters with ranges of their own."""
    letters = span.basis.subscripts[:-1]
    axes: dict[Any, Axis] = {a.symbol: a for a in (*form.output.axes, *form.reduction)}
    bounds: set[Any] = set()
    for letter, axis in zip(letters, span.numbers.array.axes, strict=False):
        own = axes.get(letter)
        if own is None or (own.lower, own.upper) != (axis.lower, axis.upper):
            return False
        bounds |= set(And.make_args(own.holds()))
    elsewhere = {s for e in span.coordinates.subscripts[:-1] for s in e.free_symbols}
    conditions = [c for c in And.make_args(form.live) if c not in bounds]
    tied = elsewhere.union(*(c.free_symbols for c in conditions))
    return len(set(letters)) == len(letters) and not tied & set(letters)
