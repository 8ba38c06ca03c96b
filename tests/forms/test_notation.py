"""How formulas are written for readers."""

from __future__ import annotations

import pytest
from sympy import Integer, floor

from derive.forms.expr import Read, Where, indices
from derive.forms.notation import LATEX, UNICODE, _with_remainders

i, j = indices("i, j")
MOVED = Read("G", 5 * i + j)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (MOVED - 5 * floor(MOVED / 5), "G[5i + j] mod 5"),
        (i - 2 * floor(i / 2) + 3 * j, "(i mod 2) + 3j"),
        (i + 1 - 3 * floor((i + 1) / 3), "(i + 1) mod 3"),
        (2 * i - 4 * floor(i / 2), "(2i) mod 4"),
        (i - floor(i / 2), "i - ⌊i/2⌋"),
        (i + 2 * floor(i / 2), "2·⌊i/2⌋ + i"),
        (j - 2 * floor(i / 2), "j - 2·⌊i/2⌋"),
    ],
)
def test_what_is_left_of_a_quotient_is_a_remainder(value, written):
    assert UNICODE(value) == written
    assert (r"\bmod" in LATEX(value)) == ("mod" in written)
    for number in range(-7, 8):
        at = {i: Integer(number), MOVED: Integer(number)}
        assert _with_remainders(value).xreplace(at).doit() == value.xreplace(at)


def test_places_stand_side_by_side():
    beyond = Where(i >= 3, i - 3, i)
    assert UNICODE.places((i + j, -i, beyond, MOVED)) == "i+j, -i, (i - 3 where i ≥ 3; i otherwise), G[5i + j]"
