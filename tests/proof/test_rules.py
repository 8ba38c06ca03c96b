"""Every rule: its EXAMPLE is proved, its COUNTEREXAMPLE refused with the residue that it names."""

from __future__ import annotations

from importlib import import_module

import pytest

from derive.errors import DeriveError
from derive.proof.goal import Status
from derive.proof.obligations import step_obligations
from derive.proof.solver import discharge_all
from derive.proof.step import Kind
from derive.registry import discover

RULES = dict(discover("derive.rules"))


def cases(name):
    module = import_module(f"derive.rules.{name}")
    return module.EXAMPLE, module.COUNTEREXAMPLE


@pytest.mark.parametrize("name", RULES)
def test_every_rule_says_what_it_is(name):
    rule = RULES[name]
    assert rule.name == name and isinstance(rule.kind, Kind)
    before, arrow, after = rule.statement.partition("⟶")
    assert before.strip() and arrow and after.strip()
    assert rule.headline.endswith(".") and rule.__doc__


@pytest.mark.parametrize("name", RULES)
def test_every_rule_proves_its_example(name):
    example, _ = cases(name)
    step = example.application.apply(example.form)
    assert step.kind in RULES[name].kinds and step.rule.startswith(f"{name}(")
    verdicts = discharge_all(step_obligations(step))
    assert {v.status for v in verdicts} == {Status.PROVED}
    assert ("restricted" in {v.obligation.name for v in verdicts}) == (step.kind is Kind.RESTRICTION)
    assert step.after != step.before


@pytest.mark.parametrize("name", RULES)
def test_every_rule_refuses_its_counterexample(name):
    _, counterexample = cases(name)
    assert counterexample.residue
    with pytest.raises(DeriveError) as refused:
        counterexample.application.apply(counterexample.form)
    message = str(refused.value)
    assert counterexample.residue in message and message.endswith(".")
    assert f"'{name}'" in message
