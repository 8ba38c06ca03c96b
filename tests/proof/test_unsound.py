"""A rule of the user's own that is wrong is refused with layers in numbers, which fail when they are pasted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import derive
from derive.errors import ObligationFailed
from derive.forms.expr import Read
from derive.forms.text import parse
from derive.proof.step import ArrayMap, Kind
from derive.proof.unsound import unsound
from derive.rules._rule import rule
from derive.rules.equivariant import equivariant
from derive.rules.reindex import reindex


@rule(Kind.EQUIVALENCE)
def turned_back(form):
    """W[i, j] is called by j - i.

    wrong ⟶ by the offset with the wrong sign
    """
    step = reindex().apply(form)
    wrong = tuple(replace(m, value=m.value.xreplace({parse("-i + k"): parse("i - k")})) for m in step.embeddings)
    return replace(step, embeddings=wrong)


@rule(Kind.RESTRICTION)
def forgetful(form):
    """Nothing is tied."""
    step = equivariant(derive.Translations()).apply(form)
    same = tuple(ArrayMap(p.name, p.array.symbols, p.array.entry()) for p in form.params)
    return replace(step, after=form, embeddings=same, sections=same)


@rule(Kind.RESTRICTION)
def greedy(form):
    """More is tied than the law says: one weight for all pairs."""
    step = equivariant(derive.Translations()).apply(form)
    weight = step.after.weights[0]
    one = replace(
        weight,
        array=replace(weight.array, axes=()),
        free=parse("0 <= 0"),
        reader=tuple((s, e.xreplace({weight.array.symbols[0]: parse("0")})) for s, e in weight.reader),
    )
    after = replace(step.after, weight=Read("V"), weights=(one,))
    tied = tuple(replace(m, value=Read("V")) if m.array == form.weights[0].name else m for m in step.embeddings)
    back = tuple(
        replace(m, binders=(), value=form.weights[0].array.entry((parse("0"), parse("0")))) if m.array == "V" else m
        for m in step.sections
    )
    return replace(step, after=after, embeddings=tied, sections=back)


@pytest.mark.parametrize(("wrong", "name"), [(turned_back, "sound"), (forgetful, "restricted"), (greedy, "complete")])
def test_what_is_pasted_fails(wrong, name):
    with pytest.raises(ObligationFailed, match=f"its obligation '{name}' is refuted") as caught:
        derive.dense(1).then(wrong())
    shown = caught.value.counterexample
    scope = {}
    exec(shown.python, scope)  # ends in `assert left != right`
    assert scope["left"] != scope["right"] and "= -" not in shown.python
    assert all(isinstance(v, (int, np.ndarray)) for k, v in scope.items() if k in ("W", "Z", "X", "n"))


def test_a_sound_step_has_nothing_to_show():
    step = derive.dense(1).then(equivariant(derive.Translations())).steps[-1].step
    assert all(unsound(step, name) is None for name in ("sound", "restricted", "complete", "once"))
