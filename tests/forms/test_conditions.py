"""What follows from what, by cases."""

from __future__ import annotations

import pytest
from sympy import And, Eq, symbols

from derive.forms.conditions import follows
from derive.forms.expr import Where

r, s, t, n = symbols("r s t n", integer=True)
TURNED = Where(r <= 2, r + 1, r - 3)
SWAPPED = Where(Eq(s, r), t, Where(Eq(t, r), s, r))
QUARTERS = And(r >= 0, r <= 3)
INSIDE = And(*(bound for letter in (r, s, t) for bound in (letter >= 0, letter < n)))


@pytest.mark.parametrize(
    ("condition", "given", "found"),
    [
        (TURNED >= 0, QUARTERS, True),
        (TURNED <= 3, QUARTERS, True),
        (TURNED <= 2, QUARTERS, False),
        (TURNED >= 0, r <= 3, False),
        (n > SWAPPED, INSIDE, True),
        (n - 1 > SWAPPED, INSIDE, False),
        (SWAPPED >= 0, And(INSIDE, Eq(r * s, t)), False),  # not decided, and so not left out
    ],
)
def test_a_comparison_by_cases_follows_case_by_case(condition, given, found):
    assert follows(condition, given) is found
