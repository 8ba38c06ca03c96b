"""The greatest common divisor of two sizes: what it is at numbers, and that it is written, read and evaluated."""

from __future__ import annotations

from math import gcd

import numpy as np
import pytest
from sympy import Integer, Le

from derive.forms.evaluate import evaluate
from derive.forms.expr import Gcd, indices
from derive.forms.notation import LATEX, UNICODE
from derive.forms.text import parse, show
from derive.proof.goal import Goal, Status
from derive.proof.solver import decide
from derive.render.mathml import mathml

n, m = indices("n, m")
PAIRS = [(n, m), (2 * n - 2, 2 * m - 2), (n / 2, 3 * m), (n, Integer(4)), (m + n, 2 * n)]


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=str)
def test_it_is_the_divisor_at_all_numbers(one, other) -> None:
    for a in range(0, 14, 2):
        for b in range(7):
            at = {n: a, m: b}
            values = [int(e.subs(at)) for e in (one, other)]
            assert Gcd(one, other).subs(at) == gcd(*values)


def test_factors_of_both_stand_before_it_and_the_order_is_one() -> None:
    assert Gcd(6 * n, 4 * m) == 2 * Gcd(3 * n, 2 * m) == 2 * Gcd(2 * m, 3 * n)
    assert (Gcd(n, 1), Gcd(12, 18), Gcd(0, 0)) == (1, 6, 0)


def test_it_is_written_and_read() -> None:
    divisor = Gcd(n - 1, m - 1)
    assert parse(show(divisor)) == divisor
    assert (UNICODE(divisor), LATEX(divisor)) == ("gcd(n - 1, m - 1)", r"\gcd(n - 1, m - 1)")
    assert "gcd" in mathml(LATEX(divisor))
    assert evaluate(divisor, {n: np.array([5, 7]), m: 13}).tolist() == [4, 6]


def test_solvers_know_that_it_is_no_more_than_what_it_divides() -> None:
    divisor = Gcd(n, m)
    known = (n >= 1, m >= 1)
    assert decide(Goal(known, Le(divisor, n)).smt) is Status.PROVED
    assert decide(Goal((*known, n <= m - 1), Le(divisor, m - n)).smt) is Status.PROVED
    assert decide(Goal(known, Le(divisor, n - 1)).smt) is not Status.PROVED
