"""Cases of an entry's subscripts, written as cases of entries: the same value wherever what is known holds."""

from __future__ import annotations

from itertools import product

import pytest
from sympy import And, Eq, Expr, Integer

from derive.forms.cases import by_cases
from derive.forms.expr import Read, Where, indices
from derive.forms.notation import UNICODE

a, b, r, s, n = indices("a, b, r, s, n")
ORIENTED = And(r >= 0, r <= 3, s >= 0, s <= 3)
QUARTERS = Where(Eq(r, 0), a, Where(Eq(r, 1), b, Where(Eq(r, 2), -a, -b)))
TURNED = Where(Eq(r, 0), b, Where(Eq(r, 1), -a, Where(Eq(r, 2), -b, a)))
AROUND = Where(Eq(s, 0), 1, Where(Eq(s, 1), 2, Where(Eq(s, 2), 3, 0)))
ITSELF = Where(Eq(s, 0), 2, Where(Eq(s, 1), 3, Where(Eq(s, 2), 4, 5)))
INSIDE = And(a < n, a > -n, s >= 0)


def test_cases():
    """Texts that a reader sees, from the values on the left."""
    table = (
        (Read("V", Where(a < n, a, b), Where(a < n, b, a)), "V[a, b] where a < n; V[b, a] otherwise"),
        (
            Read("V", QUARTERS, TURNED, Where(s < r, s - r + 4, s - r)),
            "V[a, b, s] where r = 0; V[b, -a, (s + 3 where s ≤ 0; s - 1 otherwise)] where r = 1;"
            " V[-a, -b, (s + 2 where s ≤ 1; s - 2 otherwise)] where r = 2;"
            " V[-b, a, (s + 1 where s ≤ 2; s - 3 otherwise)] otherwise",
        ),
        (Read("V", Where(INSIDE, 0, 1), Where(INSIDE, a, b)), "V[0, a] where |a| < n; V[1, b] otherwise"),
        (Read("V", ITSELF), "V[s + 2]"),
        (Read("V", AROUND), "V[(1 where s = 0; 2 where s = 1; 3 where s = 2; 0 otherwise)]"),
        (Where(a < n, Where(Eq(s, r), Read("V", s), 0), 0), "V[s] where s = r, n > a; 0 otherwise"),
        (Read("V", Where(a < n, a, b), r), "V[(a where n - a ≥ 1; b otherwise), r]"),
        (Read("V", a, b), "V[a, b]"),
    )
    for value, written in table:
        assert UNICODE(by_cases(value, ORIENTED)) == written


@pytest.mark.parametrize(
    "value",
    [
        Read("V", QUARTERS, TURNED, Where(s < r, s - r + 4, s - r)),
        Read("V", Where(INSIDE, QUARTERS, b), Where(INSIDE, TURNED, AROUND), Where(s < r, ITSELF, AROUND)),
        -Read(
            "V", Where(s > 1, a, -QUARTERS), Where(Eq(r, 2), QUARTERS, TURNED), Where(Eq(r, 2), s, Where(s > 1, r, 0))
        ),
        Where(a < b, Where(s > r, Read("V", QUARTERS, TURNED), 0), 0),
    ],
)
def test_the_value_is_the_same_wherever_what_is_known_holds(value: Expr):
    written = by_cases(value, ORIENTED)
    assert written != value
    for numbers in product((-1, 2), (0, 1), range(4), range(4), (1, 3)):
        at = dict(zip((a, b, r, s, n), map(Integer, numbers), strict=True))
        assert written.xreplace(at) == value.xreplace(at), at


@pytest.mark.parametrize("letters", [5, 40])
def test_what_would_take_more_lines_than_one_reads_keeps_its_cases(letters):
    """Conditions that have nothing to do with each other: their combinations are more than a page, or a computer, holds."""
    many = [Where(x > 0, x, a) for x in indices(", ".join(f"x{k}" for k in range(letters)))]
    assert isinstance(by_cases(Read("V", *many, *many)), Read)
