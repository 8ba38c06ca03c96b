"""Conditions of which no two hold together: few goals, and one that fails as soon as two of them overlap."""

from __future__ import annotations

from sympy import Eq

from derive.algorithms._disjoint import disjoint
from derive.forms.expr import index
from derive.proof.goal import Status
from derive.proof.solver import settle

i, j, n = index("i"), index("j"), index("n")
PARTS = ((i < j), Eq(i, j) & (i < n), Eq(i, j) & (i >= n), (i > j) & (i < n), (i > j) & (i >= n))


def proved(*parts: object) -> bool:
    return all(settle(goal) is Status.PROVED for goal in disjoint((n >= 1,), parts))


def test_disjoint_conditions_are_proved_so_in_fewer_goals_than_pairs() -> None:
    assert len(list(disjoint((n >= 1,), PARTS))) < 10 and proved(*PARTS)


def test_conditions_that_overlap_are_not() -> None:
    assert not proved(i <= j, *PARTS[1:])
    assert not proved(*PARTS[:4], (i > j) & (i >= n - 1))
    assert not proved(PARTS[0], *PARTS[:4])
