"""Restrictions to a vector space: a weight is a sum over the columns of a basis, W[p] = Σ_t B[p, t]·V[t].

Soundness is that of a factorisation: an old term is the sum over t of the new ones with its letters. That the space is the one that
the constraint leaves, with no column too few or too many, is said by 'restricted', 'complete' and 'once', as of any restriction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sympy import And, Eq, Expr, Sum

from derive.errors import ObligationFailed
from derive.forms.expr import Read
from derive.forms.form import Axis, Form, equal_places
from derive.forms.products import same_product
from derive.forms.spans import span_of
from derive.proof.goal import Goal
from derive.proof.step import ArrayMap, Step

__all__ = ["SUMMED", "summed"]

SUMMED = "An old term is the sum over the columns of the new ones, with the same entry of the input."


def summed(
    step: Step,
    embeddings: tuple[ArrayMap, ...],
    before: Callable[[Any], Any],
    after: Callable[[Any], Any],
    biases: Goal,
) -> tuple[Goal, ...]:
    """The goals of soundness, with the two forms' arrays told apart. Raises ObligationFailed for weights that are no such sum."""
    old, new = step.before, step.after
    if not isinstance(old.weight, Read):
        return _again(step, before, after, biases)
    extra = [axis for axis in new.reduction if axis not in old.reduction]
    _demand(isinstance(old.weight, Read) and len(old.weights) == 1 and len(extra) == 1)
    assert isinstance(old.weight, Read)
    value = step_value(step, embeddings)
    _demand(isinstance(value, Sum) and len(value.limits) == 1)
    letter, low, high = value.limits[0]
    (column,) = extra
    _demand((low, high) == (column.lower, column.upper))
    binders = step.embeddings[_place(step)].binders
    places = dict(zip(binders, old.weight.subscripts, strict=True)) | {letter: column.symbol}
    facts = (new.given, old.given)
    product = same_product(after(new.weight), value.function.xreplace(places))
    same = And(equal_places(old.read, new.read), product)
    return (
        Goal((*facts, new.live), And(old.live, column.holds(), same)),
        Goal((*facts, old.live, column.holds()), new.live),
        biases,
    )


def _again(step: Step, before: Callable[[Any], Any], after: Callable[[Any], Any], biases: Goal) -> tuple[Goal, ...]:
    """Of a weight that is such a sum already: both sums have the same value, wherever their other letters are."""
    (old, one), (new, other) = map(_without_columns, (step.before, step.after))
    _demand(old.reduction == new.reduction)
    facts = (step.after.given, step.before.given)
    sums = (_total(before, step.before, one), _total(after, step.after, other))
    return (
        Goal((*facts, new.live), And(old.live, equal_places(old.read, new.read))),
        Goal((*facts, old.live), new.live),
        Goal((*facts, new.live), Eq(*sums)),
        biases,
    )


def _without_columns(form: Form) -> tuple[Form, Axis]:
    """The form without the letter of the columns, and its axis; nothing but the weight mentions it."""
    span = span_of(form.weight, form.weights)
    _demand(span is not None)
    assert span is not None
    found = [a for a in form.reduction if a.symbol == span.column]
    mentioned = form.domain.free_symbols.union(*(e.free_symbols for e in form.read))
    _demand(len(found) == 1 and span.column not in mentioned)
    axis, last = found[0], span.numbers.array.axes[-1]
    _demand((axis.lower, axis.upper) == (last.lower, last.upper))
    return replace(form, reduction=tuple(a for a in form.reduction if a is not axis)), axis


def _total(named: Callable[[Any], Any], form: Form, axis: Axis) -> Expr:
    return Sum(named(form.weight), (axis.symbol, axis.lower, axis.upper))


def step_value(step: Step, embeddings: tuple[ArrayMap, ...]) -> Any:
    """What the embedding writes for an old weight."""
    return embeddings[_place(step)].value


def _place(step: Step) -> int:
    names = [m.array for m in step.embeddings]
    _demand(step.before.weights[0].name in names)
    return names.index(step.before.weights[0].name)


def _demand(right: bool) -> None:
    if not right:
        raise ObligationFailed("The step is not well formed: its weights are no sum over the columns of one array.")
