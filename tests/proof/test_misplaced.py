"""A rule of the user's own that is wrong about sizes or places is refused with a term, a place or an entry to be pasted."""

from __future__ import annotations

from dataclasses import replace

from sympy import true

import derive
from derive.forms.expr import Read
from derive.forms.form import Edge
from derive.forms.text import parse
from derive.proof.goal import Status
from derive.proof.obligations import step_obligations
from derive.proof.solver import discharge_all
from derive.proof.step import ArrayMap, Kind
from derive.proof.unsound import unsound
from derive.rules._rule import rule
from derive.rules.equivariant import equivariant
from derive.rules.local import local
from derive.rules.reindex import reindex


@rule(Kind.EQUIVALENCE)
def nowhere(form):
    """Terms are called by offsets, and the reads aren't kept inside.

    wrong ⟶ places beyond the ends
    """
    step = reindex().apply(form)
    return replace(step, after=replace(step.after, domain=true, edge=Edge.INSIDE))


@rule(Kind.EQUIVALENCE)
def halved(form):
    """Every second place is read twice.

    wrong ⟶ two terms that read one input
    """
    same = tuple(ArrayMap(p.name, p.array.symbols, p.array.entry()) for p in form.params)
    step = reindex().apply(form)
    after = replace(form, read=(parse("floor(k/2)"),))
    letters = {s: s for s in (*form.output.symbols, *form.reduction_symbols)}
    return replace(
        step, before=form, after=after, embeddings=same, sections=same, to_before=letters, to_after=letters, argument=()
    )


@rule(Kind.RESTRICTION)
def of_all_offsets(form):
    """The law speaks of offsets that no place has.

    wrong ⟶ a law on entries that aren't free
    """
    step = equivariant(derive.Translations()).apply(form)
    beyond = replace(step.clauses[0], given=form.output.holds(), left=Read("W", parse("i"), parse("i + 1")))
    return replace(step, clauses=(*step.clauses, beyond))


@rule(Kind.RESTRICTION)
def of_the_last_offset(form):
    """The law speaks of an offset that only the first place has.

    wrong ⟶ a law on entries that aren't free
    """
    step = equivariant(derive.Translations()).apply(form)
    beyond = replace(step.clauses[0], given=form.output.holds(), left=Read("V", parse("i"), parse("n - 1")))
    return replace(step, clauses=(*step.clauses, beyond))


@rule(Kind.RESTRICTION)
def of_no_place(form):
    """Windows at sizes that the layer doesn't have.

    wrong ⟶ preconditions that say less than those before
    """
    step = local(1).apply(form)
    return replace(step, after=replace(step.after, given=parse("n >= 0")))


def shown(start, wrong, name):
    """What is shown of an obligation that the solver refutes."""
    step = wrong().apply(start.form)
    (verdict,) = (v for v in discharge_all(step_obligations(step)) if v.obligation.name == name)
    assert verdict.status is Status.REFUTED
    found = unsound(step, name)
    scope = {}
    exec(found.python, scope)  # ends in `assert left != right`
    return found, scope


def offsets():
    return derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Translations()))


def test_a_read_beyond_an_end_is_shown_with_the_nearest_place():
    found, scope = shown(derive.dense(1), nowhere, "in bounds")
    assert (dict(found.sizes), dict(found.indices)) == ({"n": 2}, {"i": 0, "a": -1})
    assert scope["X"].shape == (2,) and (scope["left"], scope["right"]) == ((-1,), (0,))


def test_two_terms_of_one_input_are_shown_with_what_only_one_of_them_has():
    found, scope = shown(derive.dense(1), halved, "injective")
    assert dict(found.indices) == {"i": 0} and (scope["left"], scope["right"]) == ((0,), (1,))
    assert scope["W"].tolist() == [[0, 1], [0, 0]] and scope["X"].tolist() == [1, 0]


def test_a_law_on_what_is_no_entry_is_shown_with_its_letters():
    found, scope = shown(derive.dense(1), of_all_offsets, "stated")
    assert dict(found.sizes) == {"n": 1} and (scope["left"], scope["right"]) == ((0, 1), (0, 0))


def test_a_law_on_an_entry_that_is_not_free_is_shown_with_it_as_one():
    found, scope = shown(derive.dense(1).then(derive.reindex()), of_the_last_offset, "stated")
    assert dict(found.sizes) == {"n": 2} and dict(found.indices)["i"] == 1
    assert found.entries == (("V[1, 1]", 1),) and (scope["left"], scope["right"]) == (1, 0)


def test_sizes_that_the_layer_does_not_have_are_shown():
    found, scope = shown(offsets(), of_no_place, "preconditions")
    assert dict(found.sizes)["n"] == 0 and (scope["left"], scope["right"]) == (True, False)


def test_what_is_right_shows_nothing():
    step = equivariant(derive.Translations()).apply(derive.dense(1).form)
    assert {unsound(step, name) for name in ("preconditions", "in bounds", "injective", "stated")} == {None}
