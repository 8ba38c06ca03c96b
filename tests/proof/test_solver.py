"""A goal that z3's core leaves open goes to its full strategy; goals of several obligations are asked for together."""

import pytest
import z3
from sympy import And, Eq, Ge, Le, Lt, Mod, Or, true

from derive.forms.expr import Read, indices
from derive.proof import solver
from derive.proof.goal import Goal, Obligation, Status
from derive.proof.smt import joint_script
from derive.proof.solver import decide, discharge, discharge_all

_TEXT = "(declare-const i Int)\n(assert (> i {0}))\n(assert (< i {0}))\n(check-sat)\n"


class Undecided:
    """A solver that answers nothing."""

    def set(self, name, value):
        """Any option is fine."""

    def from_string(self, text):
        """Any text is fine."""

    def check(self):
        """Always open."""
        return z3.unknown


def test_the_full_strategy_answers_where_the_core_does_not(monkeypatch):
    monkeypatch.setattr(z3, "SimpleSolver", Undecided)
    assert decide(_TEXT.format(42)) is Status.PROVED


def test_a_goal_that_neither_decides_is_not_decided(monkeypatch):
    monkeypatch.setattr(z3, "SimpleSolver", Undecided)
    monkeypatch.setattr(z3, "Solver", Undecided)
    assert decide(_TEXT.format(43)) is Status.UNKNOWN


i, j, n = indices("i j n")
BOX = (Ge(n, 1), And(Le(0, i), Lt(i, n)))
TRUE = (Goal(BOX, Le(i, n - 1)), Goal((*BOX, Le(0, j), Lt(j, i)), Lt(j, n)), Goal((Le(j, i), *BOX), Lt(j, n + 1)))
FALSE = Goal((*BOX, Le(0, j)), Lt(j, n))
READ = Goal((Eq(i, j),), Eq(Read("V", i), Read("V", j)))


@pytest.fixture
def asked(monkeypatch):
    """The texts that the solver gets, with nothing known from before."""
    texts = []
    quick = solver._quick
    monkeypatch.setattr(solver, "_known", {})
    monkeypatch.setattr(solver, "_quick", lambda text: texts.append(text) or quick(text))
    decide.cache_clear()
    return texts


def test_goals_of_one_obligation_are_one_text(asked):
    goals = (*TRUE, READ)
    assert discharge(Obligation("several", "", goals)).proved
    assert asked == [joint_script([(g.facts, g.show) for g in goals])]
    assert discharge(Obligation("again", "", goals[::-1])).proved
    assert len(asked) == 1


@pytest.mark.parametrize("place", range(4))
def test_a_false_goal_among_true_ones_is_named(asked, place):
    goals = (*TRUE[:place], FALSE, *TRUE[place:])
    verdict = discharge(Obligation("several", "", goals))
    assert (verdict.status, verdict.goal) == (Status.REFUTED, FALSE)
    assert not solver._known


def test_goals_of_several_obligations_are_one_text(asked):
    stated = [Obligation(str(k), "", (goal,)) for k, goal in enumerate((*TRUE, READ))]
    assert all(verdict.proved for verdict in discharge_all(stated))
    assert asked == [joint_script([(g.facts, g.show) for g in (*TRUE, READ)])]


@pytest.mark.parametrize("place", range(4))
def test_an_obligation_that_fails_is_named_among_others(asked, place):
    goals = (*TRUE[:place], FALSE, *TRUE[place:])
    verdicts = discharge_all(Obligation(str(k), "", (goal,)) for k, goal in enumerate(goals))
    assert [v.status for v in verdicts] == [Status.REFUTED if g is FALSE else Status.PROVED for g in goals]
    assert [v.goal for v in verdicts] == [g if g is FALSE else None for g in goals]


REMAINDERS = (
    Goal((Ge(n, 1), Le(0, i)), Lt(Mod(i, n), n)),
    Goal((*BOX,), Eq(Mod(i, n), i)),
    Goal((*BOX, Eq(j, i)), Eq(Mod(j, n), Mod(i, n))),
)


def test_goals_with_remainders_by_a_size_are_one_text(asked):
    assert discharge(Obligation("several", "", (*TRUE, *REMAINDERS))).proved
    assert len(asked) == 1


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize(
    "false", [Goal((*BOX, Ge(j, 0)), Eq(Mod(j, n), Mod(i, n))), Goal((Ge(n, 1), Ge(i, 0)), Eq(Mod(i, n), i))], ids=str
)
def test_what_is_known_of_a_remainder_proves_nothing_false_of_others(asked, place, false):
    goals = (*REMAINDERS[:place], false, *REMAINDERS[place:])
    verdict = discharge(Obligation("several", "", goals))
    assert (verdict.status, verdict.goal) == (Status.UNKNOWN, false)
    assert not solver._known


@pytest.mark.parametrize(
    ("given", "show", "evident"),
    [
        (BOX, And(Lt(i, n), Ge(n, 1)), True),
        (BOX, true, True),
        (BOX, And(Lt(i, n), Le(i, n - 1)), False),
        ((Or(Lt(i, n), Lt(n, i)),), Lt(i, n), False),
        ((), Lt(i, n), False),
    ],
)
def test_what_is_given_needs_no_solver(asked, given, show, evident):
    assert Goal(given, show).evident is evident
    discharge(Obligation("one", "", (Goal(given, show),)))
    assert bool(asked) is not evident


@pytest.mark.parametrize(
    "other",
    [
        Goal((Le(i * j, n),), Le(i * j, n + 1)),
        Goal((Eq(Read("i", j), 0),), Eq(Read("i", j), Read("i", j + 0))),
    ],
    ids=["a product", "a name of two things"],
)
def test_goals_of_other_kinds_are_asked_for_alone(other):
    assert joint_script([(g.facts, g.show) for g in (*TRUE, other)]) is None


def test_a_product_leaves_the_other_goals_together(asked):
    product = Goal((Le(i * j, n),), Le(i * j, n + 1))
    assert discharge(Obligation("several", "", (product, *TRUE))).proved
    assert asked == [joint_script([(g.facts, g.show) for g in TRUE]), product.smt]


def test_no_more_goals_are_remembered_than_there_is_room_for(asked, monkeypatch):
    monkeypatch.setattr(solver, "_MOST", 2)
    assert discharge(Obligation("several", "", TRUE)).proved
    assert list(solver._known) == list(TRUE[1:])
