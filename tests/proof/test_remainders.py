"""Remainders by a size: what follows is proved by both solvers, and a model of the abstraction proves nothing."""

from __future__ import annotations

import pytest
from sympy import And, Eq, Ge, Le, Lt, Max, Min, Mod, Ne

from derive.forms.expr import Read, indices
from derive.forms.extension import EXTENSIONS, extended
from derive.forms.form import Axis
from derive.proof.goal import Goal, Status
from derive.proof.remainders import abstracted
from derive.proof.solver import decide, decide_with_cvc5

i, j, n, x = indices("i j n x")
BOTH = (decide, decide_with_cvc5)


@pytest.mark.parametrize("solver", BOTH)
def test_what_follows_is_proved(solver):
    inside, positive = And(Le(0, i), Lt(i, n)), Ge(n, 1)
    assert solver(Goal((inside,), Eq(Mod(i, n), i)).smt) is Status.PROVED
    assert solver(Goal((positive,), And(Le(0, Mod(x, n)), Lt(Mod(x, n), n))).smt) is Status.PROVED
    assert solver(Goal((inside,), Eq(Mod(i - 1, n), i + 5)).smt) is Status.UNKNOWN
    assert solver(Goal((positive, Eq(i, j)), Eq(Mod(i, n), Mod(j, n))).smt) is Status.PROVED
    assert solver(Goal((Eq(i, n), positive), Eq(Read("X", Mod(i, n)), Read("X", 0))).smt) is Status.PROVED


@pytest.mark.parametrize("solver", BOTH)
def test_a_model_proves_nothing(solver):
    """Remainders of 3n are 0, which the abstraction doesn't know: neither proved nor refuted."""
    assert solver(Goal((Ge(n, 1), Eq(x, 3 * n)), Eq(Mod(x, n), 0)).smt) is Status.UNKNOWN
    assert solver(Goal((Ge(n, 1),), Ne(Mod(x, n), 0)).smt) is Status.UNKNOWN


def test_every_stated_fact_is_true_of_remainders():
    one, other = Mod(i, n), Mod(j, n)
    (claim,), facts = abstracted([Le(one + 2 * other, 9)])
    letters = {int(claim.lhs.coeff(s)): s for s in claim.lhs.free_symbols}
    for size in (-2, 1, 2, 3):
        for x in range(-4, 7):
            for y in range(-4, 7):
                at = {n: size, i: x, j: y, letters[1]: x % size, letters[2]: y % size}
                assert all(fact.xreplace(at) == True for fact in facts)  # noqa: E712


@pytest.mark.parametrize("edge", sorted(EXTENSIONS))
def test_extensions_stay_inside_and_leave_the_inside_alone(edge):
    axis = Axis(i, 0 * n, n - 1)
    place = extended(edge, axis, x)
    goals = (
        Goal((Ge(n, 1),), And(Le(0, place), Lt(place, n))),
        Goal((Le(0, x), Lt(x, n)), Eq(place, x)),
    )
    for goal in goals:
        assert [solver(goal.smt) for solver in BOTH] == [Status.PROVED] * 2


@pytest.mark.parametrize(
    ("edge", "mode"), [("periodic", "wrap"), ("nearest", "edge"), ("reflect", "reflect"), ("symmetric", "symmetric")]
)
def test_extensions_are_those_of_numpy_pad(edge, mode):
    np = pytest.importorskip("numpy")
    for extent in range(1, 6):
        padded = np.pad(np.arange(extent), 7, mode=mode)
        place = extended(edge, Axis(i, 0 * n, n - 1), x)
        assert [int(place.subs({n: extent, x: at})) for at in range(-7, extent + 7)] == padded.tolist()


def test_numbers_stay_plain():
    assert "rem" not in Goal((), Eq(Mod(i, 3), Min(Max(i, 0), 2))).smt
