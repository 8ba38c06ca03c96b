"""Mathematics as MathML: letters that fonts have, marks, and bars that stand close."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

pytest.importorskip("latex2mathml", reason="latex2mathml is not installed")

from derive.forms.dense import dense_form
from derive.forms.equation import latex_formula
from derive.render.mathml import mathml


def bars(latex):
    return re.findall(r'<mo form="(\w+)" stretchy="false" lspace="0" rspace="0">\|</mo>', mathml(latex))


@pytest.mark.parametrize(
    ("latex", "forms"),
    [
        (r"\lvert a \rvert, \lvert b \rvert \le \Delta", ["prefix", "postfix"] * 2),
        (r"\lvert a + \lvert b \rvert \rvert", ["prefix", "prefix", "postfix", "postfix"]),
        (r"a \le b", []),
    ],
)
def test_bars_of_magnitudes_stand_close(latex, forms):
    assert bars(latex) == forms


def test_bars_of_another_kind_are_left_alone():
    assert bars(r"a \vert b") == bars("a | b") == []


def test_a_formula_is_well_formed_and_its_arrays_upright():
    text = mathml(latex_formula(dense_form(rank=2)), "block")
    assert ET.fromstring(text).get("display") == "block"
    assert '<mi mathvariant="normal" class="array">W</mi>' in text and "munder" in text


def test_what_changed_is_marked():
    assert '<mrow class="changed">' in mathml(r"\underline{a} + b")


@pytest.mark.parametrize("latex", ["a'", r"\mathsf{V}_{a', b'}", r"\lvert a' \rvert"])
def test_primes_are_as_large_as_letters(latex):
    text = mathml(latex)
    assert ET.fromstring(text) is not None and "msup" not in text
    assert text.count('<mo lspace="0" rspace="0">&#x02032;</mo>') == latex.count("'")
    assert "<msup>" in mathml("a^2")
