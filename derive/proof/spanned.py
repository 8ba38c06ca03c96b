"""Restrictions to a vector space: a weight is a sum over the columns of a basis, W[p] = Σ_t B[p, t]·V[t].

Soundness is that of a factorisation: an old term is the sum over t of the new ones with its letters. That the space is the one that
the constraint leaves, with no column too few or too many, is said by 'restricted', 'complete' and 'once', as of any restriction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import And, Sum

from derive.errors import ObligationFailed
from derive.forms.expr import Read
from derive.forms.form import equal_places
from derive.forms.products import same_product
from derive.proof.goal import Goal
from derive.proof.step import ArrayMap, Step

__all__ = ["SUMMED", "summed"]

SUMMED = "An old term is the sum over the columns of the new ones, with the same entry of the input."


def summed(step: Step, embeddings: tuple[ArrayMap, ...], after: Callable[[Any], Any], biases: Goal) -> tuple[Goal, ...]:
    """The goals of soundness, with the new form's arrays told apart. Raises ObligationFailed for weights that are no such sum."""
    old, new = step.before, step.after
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
