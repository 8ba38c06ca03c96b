"""Laws as pages show them: without the conditions that stand beneath them."""

from __future__ import annotations

from sympy import And

from derive.forms.expr import Read, Where, indices
from derive.forms.notation import UNICODE
from derive.render.content import neat
from derive.render.witness import in_letters

i, k, s, n = indices("i, k, s, n")
TURNED = Where(s <= 2, s + 1, s - 3)


def test_a_case_leaves_out_what_is_given():
    given = And(i >= 0, i < n, k >= 0, k < n, TURNED <= 3)
    window = And(k - i <= 1, i - k <= 1)
    entry = Read("V", k - i, TURNED)
    assert neat(Where(And(given, window), entry), given) == neat(Where(window, entry), True)
    assert neat(Where(given, entry), given) == entry
    assert UNICODE(neat(Where(And(window, TURNED <= 3), entry), True)).count("3 otherwise) ≤ 3") == 1


def test_a_witness_is_written_as_formulas_are():
    witness = "for W[i, k]: k := Where(Eq(k, 0), Max(0, i), 1), s := -i; for U[i]: s := Delta"
    assert in_letters(witness) == "for W[i, k]: k := (max(0, i) where k = 0; 1 otherwise), s := -i; for U[i]: s := Δ"
