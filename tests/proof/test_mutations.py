"""Break a step in any one way and its own obligations refuse it, whatever the rule says of it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from sympy import Eq, Integer, Max, false, oo, true

from derive.errors import DeriveError, ObligationFailed
from derive.forms.dense import dense_form
from derive.forms.expr import Where, index, map_reads
from derive.forms.form import Form
from derive.forms.text import parse
from derive.proof.goal import Status
from derive.proof.obligations import form_obligations, step_obligations
from derive.proof.solver import discharge
from derive.proof.step import Kind, Step
from derive.rules import strided
from tests.lazily import CATALOGUE
from tests.proof.mutations import mutants

RULES = (
    "reindex()",
    "equivariant(Translations())",
    'local("Delta")',
    'boundary("zero")',
    "channels()",
)


@cache
def steps():
    return {p.rule: p.step for p in (*CATALOGUE["conv2d"].steps, CATALOGUE["conv2d_channels"].steps[0])}


CAUGHT = {
    "nothing done": {"restricted"},
    "a tap dropped": {"sound"},
    "bias dropped": {"sound"},
    "input read with swapped axes": {"sound"},
    "contradictory precondition": {"preconditions"},
    "no precondition": {"preconditions"},
    "precondition on a size that was there": {"preconditions"},
    "precondition on an index": {"well formed"},
    "too few entries called free": {"free"},
    "too many entries called free": {"once"},
    "a reader that reads another entry": {"free"},
    "a parameter that nothing reads": {"once"},
    "window narrower by one": {"sound"},
    "window wider by one": {"sound"},
    "embedding of V: narrower by one": {"sound"},
    "embedding of V: wider by one": {"sound"},
    "one tap too many": {"restricted"},
    "one tap too few": {"complete"},
    "clause 0: contradictory": {"complete"},
    "clause 0: false": {"restricted"},
    "clause 1: too strong": {"restricted"},
    "clause 0: beyond its range": {"stated"},
    "no instances": {"complete"},
    "edge forgotten": {"sound", "in bounds"},
    "called equivalence": {"well formed"},
    "an assumption that never holds": {"well formed", "preconditions"},
    "no special case": {"sound"},
    "half of the special case": {"sound"},
}


def caught_by(step: Step) -> str:
    """The first obligation that the step breaks; '' for none."""
    try:
        obligations = step_obligations(step)
    except ObligationFailed:
        return "well formed"
    for obligation in obligations:
        verdict = discharge(obligation)
        assert verdict.status is not Status.UNKNOWN, obligation.name
        if not verdict.proved:
            return obligation.name
    return ""


@pytest.mark.parametrize("rule", RULES)
def test_the_step_itself_is_proved(rule):
    assert caught_by(steps()[rule]) == ""


@pytest.mark.parametrize("rule", RULES)
def test_every_mutant_is_refused(rule):
    names = []
    for name, mutant in mutants(steps()[rule]):
        caught = caught_by(mutant)
        assert caught, f"{rule}: {name} was accepted"
        assert caught in CAUGHT.get(name, {caught}), f"{rule}: {name} was caught by '{caught}'"
        names.append(name)
    assert len(names) == len(set(names)) > 50


def test_every_expected_mutant_exists():
    assert tuple(steps()) == RULES
    made = {name for step in steps().values() for name, _ in mutants(step)}
    assert set(CAUGHT) <= made


def test_a_wrong_representative_is_caught():
    """V[0, 0, a, b] and V[1 + Max(0, -a), ...] are read where no term is live."""
    step = steps()["equivariant(Translations())"]
    section = step.sections[0]
    assert section.value.has(Max)
    for change in (lambda e: Integer(0) if e.has(Max) else e, lambda e: e + 1 if e.has(Max) else e):
        value = map_reads(section.value, lambda r, c=change: r.func(r.array, *map(c, r.subscripts)))
        wrong = replace(step, sections=(replace(section, value=value), *step.sections[1:]))
        assert caught_by(wrong) in {"complete", "once"}


def test_a_clause_that_a_size_makes_vacuous_ties_nothing():
    """With its condition false the clause gives no fact, and what the step drops is not accounted for."""
    step = steps()['local("Delta")']
    clause = replace(step.clauses[0], given=parse("(Delta >= 0) & (n <= 0)"))
    assert caught_by(replace(step, clauses=(clause,))) == "complete"


def broken(form: Form) -> set[str]:
    return {o.name for o in form_obligations(form) if not discharge(o).proved}


def test_what_a_form_states_of_itself():
    form = dense_form(rank=1)
    k, n = index("k"), index("n")
    assert broken(form) == set()
    assert broken(replace(form, read=(index("i"),))) == {"injective"}
    assert broken(replace(form, read=(k + 1,))) == {"in bounds"}
    assert broken(replace(form, domain=Eq(k, 0))) == {"free"}
    assert broken(replace(form, given=parse("(n >= 1) & (n <= 0)"))) == {"preconditions"}
    assert broken(replace(form, given=parse("(n >= 7) & (n <= 9)"))) == set()
    assert broken(replace(form, bias=form.bias.func("U", index("i") + n))) == {"in bounds", "free"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"weight": parse("W[i, k]*W[i, k]")}, "is not one free entry"),
        ({"weight": Where(parse("k <= 0"), parse("W[i, k]"), 0)}, "is not one free entry"),
        ({"weight": parse("X[k]")}, "reads X, which is none of W"),
        ({"weight": parse("W[i]")}, "wrong number of subscripts"),
        ({"weight": parse("W[i, W[i, k]]")}, "a place that is read itself"),
        ({"weight": parse("W[i, q]")}, "mentions q"),
        ({"weight": parse("Where(W[0, 0] > 0, W[i, k], 0)")}, "depends on whether"),
        ({"bias": parse("W[i, i]")}, "reads W, which is none of U"),
        ({"bias": parse("U[k]")}, "mentions k"),
        ({"domain": parse("W[i, k] > 0")}, "reads an array"),
        ({"given": parse("k <= 0")}, "is an index and a size"),
        ({"read": ()}, "wrong number of subscripts"),
    ],
)
def test_a_form_that_mixes_up_its_letters_is_refused(change, reason):
    with pytest.raises(ObligationFailed, match=reason):
        form_obligations(replace(dense_form(rank=1), **change))


def test_an_array_has_an_end():
    form = dense_form(rank=1)
    (weight,) = form.weights
    first, second = weight.array.axes
    endless = replace(weight, array=replace(weight.array, axes=(first, replace(second, upper=oo))))
    with pytest.raises(ObligationFailed, match=r"^The form is not well formed: a range to oo has no end\.$"):
        form_obligations(replace(form, weights=(endless,)))


def test_places_that_are_kept_are_some_of_those_selected():
    step = strided.EXAMPLE.application.apply(strided.EXAMPLE.form)
    assert caught_by(step) == ""
    assert caught_by(replace(step, selected=false)) == "biases"


def test_what_is_no_expression_is_refused_in_a_sentence():
    step, i = steps()["reindex()"], index("i")
    tie = next(s for s in steps().values() if s.instances)
    (first, *_) = tie.instances
    with pytest.raises(ObligationFailed, match=r"^The step is not well formed: the value of i, 0, is no expression\.$"):
        step_obligations(replace(step, to_before=step.to_before | {i: 0}, kind=Kind.TRANSFORMATION))
    with pytest.raises(ObligationFailed, match=r"an instance is not a value for each letter of its clause\.$"):
        step_obligations(replace(tie, instances=(replace(first, values=((i,),)),)))


def test_names_of_arrays_and_letters_are_distinct():
    form = dense_form(rank=1)
    (weight,) = form.weights
    twice = replace(form, weights=(weight, weight))
    as_input = replace(form, input=replace(form.input, name="W"))
    one_letter = replace(form, reduction=(replace(form.reduction[0], symbol=index("i")),))
    for wrong in (twice, as_input, one_letter):
        with pytest.raises(ObligationFailed, match="stands for two"):
            form_obligations(wrong)


def test_a_first_form_without_bias_is_one():
    form = replace(dense_form(rank=1), bias=Integer(0), biases=())
    assert broken(form) == set()


def test_a_refusal_is_one_of_ours():
    assert issubclass(ObligationFailed, DeriveError)
    assert steps()["reindex()"].assume == true
