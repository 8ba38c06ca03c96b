"""Break a rule's source in any one place, and its own obligations refuse what it then makes.

A mutant whose step is proved all the same must be the rule's own step in other words: the same claim and the same layers, computed
from their definitions at every small size.
"""

from __future__ import annotations

import random
from importlib import import_module

import pytest

from derive.registry import names
from tests.rules.judged import cases, own_step
from tests.rules.judging import Fate, caught_by, judge
from tests.rules.source_mutants import SourceMutant, source_mutants
from tests.rules.worlds import FINITE, MODULAR, MODULES, World

# What makes a function a rule rewrites nothing; a group's protocol is no code; groups that are joined are one statement, which its
# step names and tests/groups/test_joined.py holds against both; what is said of a mask that cuts orbits makes no step.
_NO_REWRITE = {"derive.rules._rule", "derive.rules._cut", "derive.groups._group", "derive.groups._joined"}
REWRITING = tuple(name for name in MODULES if name not in _NO_REWRITE and not name.startswith(FINITE))
# What finds orbits and solves equations for the rules; see test_lattice_mutations.py for what only states a group.
SOLVING = (*(f"{FINITE}.{name}" for name in ("codes", "components", "matrix_groups", "orbits")), MODULAR)
# Wrong products generate no finite group, and wrong axes don't fit the matrices: there is no step to refuse.
_NO_STEP = {"derive.groups._matrices", "derive.groups.matrix_group"}
# Lines whose mutants may be proved, as what they change is the claim itself, or a name.
_CLAIMS = {
    "derive.rules.boundary": "given = And(given, axes[p].extent >= 1)",  # for fewer sizes; the theorem says for which
    "derive.rules.fixed": "values = [Fraction(v) * factor for v in given.ravel()]",  # other numbers; it shows them
    "derive.rules.separable": "given = And(form.given, Ge(size, 1))",  # for fewer factors, likewise
    "derive.rules.compose": 'first = renamed(source, form, weights or ("Q" if "T" in tables else "T"))',  # Q for T
}
SAMPLE = 2


def drawn(name: str, most: int | None = None) -> list[SourceMutant]:
    """A module's mutants, or as many drawn ones, always the same."""
    import_module(name)
    found = list(source_mutants(name))
    return found if most is None or len(found) <= most else random.Random(name).sample(found, most)


@pytest.mark.parametrize("name", REWRITING)
def test_no_mutant_is_accepted(name: str) -> None:
    mutants = drawn(name, SAMPLE)
    if not mutants:
        pytest.skip(f"{name} only hands its arguments on: no expression of it can be changed")
    assert [str(m) for m in mutants if judge(m).fate is Fate.ACCEPTED and m.source != _CLAIMS.get(name)] == []


@pytest.mark.nightly
@pytest.mark.parametrize("name", REWRITING)
def test_no_mutant_at_all_is_accepted(name: str) -> None:
    """And some are refused by obligations: a rule's own guards and crashes don't answer for them."""
    fates = [(m, judge(m).fate) for m in drawn(name)]
    if not fates:
        pytest.skip(f"{name} only hands its arguments on: no expression of it can be changed")
    proved = [m for m, fate in fates if fate is Fate.ACCEPTED]
    assert [str(m) for m in proved if m.source != _CLAIMS.get(name)] == []
    assert bool(proved) == (name in _CLAIMS)
    assert any(fate is Fate.REFUSED for _, fate in fates) != (name in _NO_STEP)
    for shown in (Fate.SAME_LAYERS, Fate.UNUSED):
        print(f"{name}: {shown.value}:", *(m for m, fate in fates if fate is shown), sep="\n    ")


@pytest.mark.parametrize("name", SOLVING)
def test_no_mutant_of_what_solves_is_accepted(name: str) -> None:
    assert [str(m) for m in drawn(name, SAMPLE) if judge(m).fate is Fate.ACCEPTED] == []


@pytest.mark.nightly
@pytest.mark.parametrize("name", SOLVING)
def test_no_mutant_at_all_of_what_solves_is_accepted(name: str) -> None:
    """Wrong orbits and wrong bases are refused by the obligations of the step that they stand in."""
    fates = [(m, judge(m).fate) for m in drawn(name)]
    assert [str(m) for m, fate in fates if fate is Fate.ACCEPTED] == []
    assert any(fate is Fate.REFUSED for _, fate in fates)


@pytest.mark.parametrize("rule", names("derive.rules"))
def test_the_rule_itself_is_proved_on_every_case(rule: str) -> None:
    assert [caught_by(own_step(rule, position)) for position in range(len(cases(rule)))] == [""] * len(cases(rule))


@pytest.mark.parametrize("group", names("derive.groups"))
def test_every_group_is_in_a_case(group: str) -> None:
    """A group that no rule's case uses would have mutants that nothing judges."""
    used = {type(a).__module__ for rule in names("derive.rules") for c in cases(rule) for a in c.application.args}
    assert f"derive.groups.{group}" in used


def _first(name: str, *words: str) -> SourceMutant:
    return next(m for m in drawn(name) if all(w in str(m) for w in words))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("derive.rules.local", ("bound turned", "Le(d, low)")),
        ("derive.groups.translations", ("other function", "Min(")),
    ],
    ids=["a bound the other way round", "a representative outside the box"],
)
def test_these_are_refused_by_name(name: str, words: tuple[str, ...]) -> None:
    judgement = judge(_first(name, *words))
    assert judgement.fate is Fate.REFUSED and judgement.by not in ("", "well formed")


def test_without_an_obligation_a_mutant_gets_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that keeps too few terms is caught by 'complete' and 'sound' alone; blind there, the judge must say 'accepted'."""
    mutant = _first("derive.rules.local", "bound turned", "Le(d, low)")
    assert judge(mutant).fate is Fate.REFUSED
    monkeypatch.setattr("tests.rules.judging.step_obligations", lambda step: ())
    assert judge(mutant).fate is Fate.ACCEPTED


def test_a_mutant_changes_one_place_and_no_module() -> None:
    before = import_module("derive.rules.local").local
    texts = [str(m) for m in drawn("derive.rules.local")]
    assert len(set(texts)) > 40
    mutant = _first("derive.rules.local", "bound turned")
    assert World(mutant).module("derive.rules.local").local is not before
    assert import_module("derive.rules.local").local is before
    assert texts == [str(m) for m in drawn("derive.rules.local")]
    assert not World(mutant).touches("derive.rules.reindex")
