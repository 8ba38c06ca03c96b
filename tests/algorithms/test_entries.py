"""Comments of emitted source read as formulas do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sympy import Eq, Integer, Max, Min, Mod, Rational, floor

from derive.algorithms._entries import entry, multiplied
from derive.forms.expr import Read, Where, index
from derive.ir.nodes import Access

GENERATED = Path(__file__).resolve().parents[2] / "generated"
COMMENT = re.compile(r"^ *(?:#|//) (.*)$", re.MULTILINE)
SPELLED = re.compile(r"\b(?:Where|Eq|Ne|Mod|Min|Max|Abs|Delta|floor|ceiling|Sum)\b|\*|[<>!=]=|\[\(\)\]")
a, b, n, r, Delta = (index(name) for name in ("a", "b", "n", "r_", "Delta"))


@pytest.mark.parametrize(
    ("subscripts", "says"),
    [
        ((), "V"),
        ((a, 2 * Delta - b), "V[a, 2Δ - b]"),
        ((Mod(a + b, n),), "V[(a + b) mod n]"),
        ((Min(a, Max(1, 2 * n - 2) - b),), "V[min(max(1, 2n - 2) - b, a)]"),
        ((Where(Eq(r, 0), a, -a), r), "V[(a where r_ = 0; -a otherwise), r_]"),
        ((floor(a / 2), n * a), "V[⌊a/2⌋, n·a]"),
    ],
)
def test_an_entry_is_what_a_formula_has(subscripts, says):
    assert entry(Read("V", *subscripts)) == entry(Access("V", subscripts)) == says


@pytest.mark.parametrize(
    ("times", "says"),
    [(1, ""), (-1, "-"), (-2, "-2·"), (Rational(1, 4), "1/4·"), (1 - 2 * a, "(1 - 2a)·"), (a, "a·")],
)
def test_a_number_stands_before_what_it_multiplies(times, says):
    assert multiplied(Integer(times) if isinstance(times, int) else times) == says


@pytest.mark.parametrize("file", sorted(GENERATED.glob("*/*.py")), ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_no_comment_is_spelled_as_code(file):
    told = COMMENT.findall(file.read_text(encoding="utf-8")) if file.parent.name != "_runtime" else []
    assert [line for line in told if SPELLED.search(line)] == []
