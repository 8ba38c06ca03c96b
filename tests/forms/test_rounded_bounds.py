"""Inequalities with one rounded quotient are affine over the integers."""

from __future__ import annotations

from itertools import product

import pytest
from sympy import Ge, Gt, Le, Lt, ceiling, floor

from derive.forms.expr import index
from derive.forms.polyhedron import NotAffine, Polyhedron

x, p = index("x"), index("p")


@pytest.mark.parametrize("relation", [Ge, Gt, Le, Lt])
@pytest.mark.parametrize("rounding", [floor, ceiling])
@pytest.mark.parametrize("divisor", [2, 3, 5])
def test_a_rounded_bound_keeps_its_integers(relation, rounding, divisor):
    condition = relation(x, rounding((p - 1) / divisor))
    inside = Polyhedron.of(condition).conditions
    for place, size in product(range(-7, 8), range(-16, 17)):
        at = {x: place, p: size}
        assert bool(condition.subs(at)) == bool(inside.subs(at)), at


def test_two_rounded_quotients_are_refused():
    with pytest.raises(NotAffine, match="more than one rounded quotient"):
        Polyhedron.of(Le(floor(x / 2), floor(p / 3) + 1))
