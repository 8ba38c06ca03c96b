"""A rule of the user's own that is wrong is refused with layers in numbers, which fail when they are pasted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sympy import Integer

import derive
from derive.derivation import Derivation
from derive.errors import ObligationFailed
from derive.forms.expr import Read, index
from derive.forms.form import Axis
from derive.forms.text import parse
from derive.proof.step import ArrayMap, Kind
from derive.proof.unsound import misread, unsound
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


def with_weight(step, **changes):
    """The step with another parameter after it."""
    return replace(step, after=replace(step.after, weights=(replace(step.after.weights[0], **changes),)))


@rule(Kind.RESTRICTION)
def doubled(form):
    """A second letter, of which only the entries at 0 are read, and which the sections leave out.

    wrong ⟶ twice as many parameters
    """
    step = equivariant(derive.Translations()).apply(form)
    weight = step.after.weights[0]
    array = replace(weight.array, axes=(*weight.array.axes, Axis(index("r"), Integer(0), Integer(1))))
    step = with_weight(step, array=array)
    at = (step.after.weight.subscripts[0], 0)
    tied = tuple(
        replace(
            m,
            value=m.value.replace(
                lambda e: isinstance(e, Read) and e.array == "V", lambda e: Read("V", *e.subscripts, 0)
            ),
        )
        for m in step.embeddings
    )
    back = tuple(replace(m, binders=array.symbols) if m.array == "V" else m for m in step.sections)
    return replace(step, after=replace(step.after, weight=Read("V", *at)), embeddings=tied, sections=back)


@rule(Kind.RESTRICTION)
def reversed_section(form):
    """Offsets are read at the mirrored pair.

    wrong ⟶ parameters that are others once they are read
    """
    step = equivariant(derive.Translations()).apply(form)
    back = tuple(replace(m, value=m.value.xreplace({parse("a"): parse("-a")})) for m in step.sections)
    return replace(step, sections=back)


@rule(Kind.RESTRICTION)
def half_called_free(form):
    """Offsets to the right alone are called free.

    wrong ⟶ entries that are read and aren't free
    """
    return with_weight(equivariant(derive.Translations()).apply(form), free=parse("a >= 0"))


WRONG = [
    (turned_back, "sound"),
    (forgetful, "restricted"),
    (greedy, "complete"),
    (doubled, "once"),
    (reversed_section, "complete"),
    (half_called_free, "free"),
]


@pytest.mark.parametrize(("wrong", "name"), WRONG)
def test_what_is_pasted_fails(wrong, name):
    with pytest.raises(ObligationFailed, match=f"its obligation '{name}' is refuted") as caught:
        derive.dense(1).then(wrong())
    shown = caught.value.counterexample
    scope = {}
    exec(shown.python, scope)  # ends in `assert left != right`
    assert scope["left"] != scope["right"] and "= -" not in shown.python
    assert all(isinstance(v, (int, np.ndarray)) for k, v in scope.items() if k in ("W", "Z", "X", "n"))


def test_what_an_entry_that_is_called_free_wrongly_does_is_shown():
    """One that no term reads changes no layer; a first form's own is shown too."""
    step = equivariant(derive.Translations()).apply(derive.dense(1).form)
    axes = (replace(step.after.weights[0].array.axes[0], upper=parse("n")),)
    wide = with_weight(step, array=replace(step.after.weights[0].array, axes=axes)).after
    found = misread(wide)
    assert (found.sizes, found.indices, found.entries) == ((("n", 1),), (("a", 1),), (("V[1]", 1),))
    assert found.python.endswith("left = V[1]\nright = 0\nassert left != right")
    with pytest.raises(ObligationFailed, match=r"The form's obligation 'free' is refuted") as caught:
        Derivation.begin(wide)
    assert caught.value.counterexample == found


def test_parameters_that_are_read_wrongly_are_shown():
    """Sections that no law lets one see: what they make of a layer's parameters is another layer."""
    step = equivariant(derive.Translations()).apply(derive.dense(1).form)
    back = tuple(replace(m, value=2 * m.value) if m.array == "V" else m for m in step.sections)
    found = unsound(replace(step, sections=back), "once")
    assert found.python.endswith("right = np.tensordot(Z, X, 1)[0]\nassert left != right")


def test_a_sound_step_has_nothing_to_show():
    step = derive.dense(1).then(equivariant(derive.Translations())).steps[-1].step
    assert all(unsound(step, name) is None for name in ("sound", "restricted", "complete", "once", "free"))
