"""Whatever its letters and arrays are called, a true step is proved and a false one refused.

z3 takes `sin` for the sine whatever a script declares, and `mod`, `abs`, `let` are words of SMT-LIB.
"""

from __future__ import annotations

import json
import re
from functools import cache

import pytest
from sympy import Eq, Integer

import derive
from derive.derivation import dense
from derive.errors import ObligationFailed, RuleRefused, TextError
from derive.forms.expr import Read, index
from derive.groups.translations import Translations
from derive.proof.encoding import read_step, write_step
from derive.proof.goal import Goal, Status
from derive.proof.obligations import step_obligations
from derive.proof.smt import smt_name
from derive.proof.solver import decide, discharge
from derive.proof.step import Step
from derive.rules.equivariant import equivariant
from derive.rules.reindex import reindex


@cache
def chain():
    return dense(rank=1).then(reindex()).then(equivariant(Translations()))


WORDS = [
    "abs",
    "mod",
    "div",
    "let",
    "sin",
    "pi",
    "rem",
    "true_",
    "select",
    "ite",
    "Int",
    "Real",
    "exists",
    "is_int",
    "λ",
    "é",
]


def renamed(step: Step, names: dict[str, str]) -> Step:
    """The step with letters and arrays called otherwise."""
    pattern = re.compile(rf"\b({'|'.join(names)})\b")
    data = write_step(step) | {"rule": "r", "statement": "s"}
    text = pattern.sub(lambda m: names[m.group()], json.dumps(data, ensure_ascii=False))
    return read_step(json.loads(text), "A step")


def statuses(step: Step) -> set[Status]:
    return {discharge(o).status for o in step_obligations(step)}


@pytest.mark.parametrize(
    ("letter", "word"), [*zip("anV" * 6, WORDS, strict=False), ("V", "mod"), ("a", "abs"), ("V", "abs")]
)
def test_a_true_step_is_proved_under_any_name(letter, word):
    for proved in chain().steps:
        assert statuses(renamed(proved.step, {letter: word})) == {Status.PROVED}


@pytest.mark.parametrize(
    "names", [{"V": "V0"}, {"V": "V1"}, {"U": "W0", "W": "W00"}, {"i": "a_"}, {"i": "a_", "n": "a__"}]
)
def test_names_that_look_like_twins_are_kept_apart(names):
    for proved in chain().steps:
        assert statuses(renamed(proved.step, names)) == {Status.PROVED}


@pytest.mark.parametrize("word", WORDS)
def test_an_array_is_never_the_solvers_own_function(word):
    goal = Goal((), ~Eq(Read(word, Integer(1)), 77))
    assert decide(goal.smt) is Status.REFUTED


def test_the_sine_would_be_trusted_otherwise():
    """The reason for the dot: without it z3 proves that an array called sin never holds 77."""
    assert decide("(declare-fun sin (Int) Real)(assert (= (sin 1) 77.0))") is Status.PROVED


def test_one_name_for_two_things_is_refused():
    with pytest.raises(TextError, match="'V' names two things"):
        _ = Goal((), Eq(Read("V", index("V")), 0)).smt
    with pytest.raises(TextError, match="'V' names two things"):
        _ = Goal((), Eq(Read("V", index("i")), Read("V", index("i"), index("i")))).smt
    with pytest.raises(ObligationFailed, match="a is an index and a size"):
        step_obligations(renamed(chain().steps[0].step, {"n": "a"}))


@pytest.mark.parametrize(
    ("layer", "subject", "name"),
    [
        (lambda: derive.convolution(derive.Cross("q"), rank=3), "Rule 'local(Cross(\"q\"))' refused: ", "q"),
        (lambda: derive.convolution("2*q", rank=3), "Rule 'local(\"2*q\")' refused: ", "q"),
        (lambda: derive.convolution(3, factors="a"), "Rule 'separable(\"a\")' refused: ", "a"),
        (lambda: derive.convolution(3, groups="f"), "Rule 'channels(groups=\"f\")' refused: ", "f"),
        (lambda: dense(rank=2).then(derive.channels("i", "j")), 'Rule \'channels("i", "j")\' refused: ', "i"),
        (lambda: dense(outputs="i", inputs="n"), "", "i"),
    ],
)
def test_a_size_that_is_called_like_an_index_is_to_be_called_otherwise(layer, subject, name):
    sentence = (
        f"{name} is the letter of an index of the layer, and a size can't be called so too; "
        f'call the size otherwise, such as "{name}_".'
    )
    with pytest.raises(RuleRefused) as refusal:
        layer()
    assert str(refusal.value) == subject + sentence


@pytest.mark.parametrize(
    "layer",
    [
        lambda: derive.convolution("q_", rank=3, channels=False),
        lambda: derive.convolution("s", symmetry=derive.PointGroup("D4")),
        lambda: derive.convolution(derive.Cross("w"), rank=3, symmetry=derive.PointGroup("D2", axes=(0, 1))),
        lambda: derive.convolution("r", factors="R"),
        lambda: derive.convolution(3, factors="r"),
        lambda: dense(outputs="a", inputs="a").then(reindex()).then(equivariant(Translations())),
    ],
)
def test_letters_that_a_rule_brings_along_are_none_of_the_sizes(layer):
    assert all(verdict.proved for verdict in layer().verdicts)


def test_a_rank_is_no_size_of_the_layer():
    with pytest.raises(RuleRefused, match="Rule 'separable' needs a rank of its own; R is a size of the layer"):
        derive.convolution("R", factors="R")


def test_different_names_stay_different():
    names = ["sin", "sin_", "a", "a_", "Δ", "δ", "_a", "aa", "a1", "A", "AA", "Aa"]
    assert len({smt_name(name) for name in names}) == len(names)
    assert smt_name("Delta") == "Delta" and smt_name("V0") == "V0" and smt_name("sin") == "sin."


def test_division_by_what_is_not_positive_is_refused():
    with pytest.raises(TextError, match="not a positive number"):
        _ = Goal((), Eq(index("i") % -2, 0)).smt
