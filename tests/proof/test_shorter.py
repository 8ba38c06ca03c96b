"""A goal made shorter is worth the same: where it fails the whole fails, and what goes is only what binds nothing."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import And, Eq, Ge, Gt, Le, Lt, Max, Mod, Or, true

from derive.forms.expr import Read, indices
from derive.pipeline import layer
from derive.proof.goal import Goal, Status
from derive.proof.shorter import shorter
from derive.proof.solver import decide

a, i, j, n, s = indices("a i j n s")


@pytest.mark.parametrize(
    ("facts", "show", "kept", "left"),
    [
        ((Lt(i, n), Ge(n, 1), Ge(i, 0)), Ge(i + 1, 0), (Ge(i, 0),), Ge(i + 1, 0)),
        ((Lt(i, n), Ge(n, 1), Ge(i, 0)), And(Ge(i, 0), Lt(i, n)), (), true),
        ((Lt(i, n), Le(n, 5)), Lt(i, 5), (Lt(i, n), Le(n, 5)), Lt(i, 5)),
        ((Lt(i, n), Gt(s, n), Ge(i, 0)), Ge(2 * i, i), (Ge(i, 0),), Ge(2 * i, i)),
        ((Le(i, 2 * n - j), Le(n, j)), Le(i, 0), (Le(i, 2 * n - j), Le(n, j)), Le(i, 0)),
        ((Le(i, 2 * n - j), Le(j, n)), Le(i, 0), (), Le(i, 0)),
        ((Lt(i, n - j), Le(0, j)), Le(i, 0), (), Le(i, 0)),
        ((Eq(i, n), Ge(n, 1)), Ge(i, 1), (Eq(i, n), Ge(n, 1)), Ge(i, 1)),
        ((Lt(i, Max(n, 3)), Le(0, i)), Le(-1, i), (Lt(i, Max(n, 3)), Le(0, i)), Le(-1, i)),
        ((Lt(i, n + Mod(n, 3)),), Le(i, 9), (Lt(i, n + Mod(n, 3)),), Le(i, 9)),
        ((Or(Lt(i, n), Lt(n, i)),), Le(i, 9), (Or(Lt(i, n), Lt(n, i)),), Le(i, 9)),
        ((Eq(Read("V", a), 0), Lt(a, n)), Eq(Read("V", i), 0), (Eq(Read("V", a), 0),), Eq(Read("V", i), 0)),
        ((Ge(n, 1), Le(n, 5), Eq(i, j), Ge(a, i)), Ge(j, 0), (Eq(i, j),), Ge(j, 0)),
        ((Ge(n, 5), Le(n, 1), Ge(i, 0)), Ge(j, 0), (Ge(n, 5), Le(n, 1)), Ge(j, 0)),
        ((Eq(Read("W", a), 0), Eq(a, 1), Eq(i, 1)), Ge(i, 0), (Eq(i, 1),), Ge(i, 0)),
    ],
)  # fmt: skip
def test_what_binds_nothing_goes(facts, show, kept, left):
    found, rest = shorter(Goal(facts, show))
    assert set(found) == set(kept) and rest == left


numbers = st.integers(-2, 2)
bounds = st.builds(
    lambda p, q, r, k, relation: relation(p * i + q * j + r * n, k),
    numbers, numbers, numbers, numbers, st.sampled_from([Le, Lt, Ge, Gt, Eq]),
)  # fmt: skip


@given(st.lists(bounds, min_size=1, max_size=4), st.lists(bounds, min_size=1, max_size=2))
def test_it_is_worth_the_same(facts, shown):
    goal = Goal(tuple(facts), And(*shown))
    kept, left = shorter(goal)
    assert set(kept) <= set(goal.facts)
    assert decide(Goal(kept, left).smt) is decide(goal.smt)


def holds(condition, values):
    return bool(condition.subs(values)) if condition not in (True, False) else bool(condition)


def test_it_fails_where_the_whole_fails():
    goal = Goal((Lt(i, n), Ge(n, 1), Ge(i, 0)), Ge(i, 1))
    kept, left = shorter(goal)
    places = [dict(zip((i, n), found, strict=True)) for found in product(range(-2, 4), repeat=2)]
    assert any(all(holds(f, p) for f in kept) and not holds(left, p) for p in places)
    assert decide(Goal(kept, left).smt) is Status.REFUTED


def test_every_goal_of_a_layer_is_still_proved():
    goals = [g for v in layer("strided2d").derivation.verdicts for g in v.obligation.goals]
    short = [Goal(*shorter(g)) for g in goals]
    assert all(decide(g.smt) is Status.PROVED for g in short if g.show is not true)
    assert sum(len(g.facts) for g in short) < 0.8 * sum(len(g.facts) for g in goals)
