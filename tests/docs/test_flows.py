"""The picture of a fast algorithm says what its matrices say, and its words compute the sums that they should."""

from __future__ import annotations

import random
import re
import runpy
from fractions import Fraction
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest

from derive.algorithms._bilinear.toom_cook import toom_cook
from tests.cli.test_writing import ROOT

flows = SimpleNamespace(**runpy.run_path(str(ROOT / "docs" / "_extensions" / "flows.py")))
PLAIN = str.maketrans("₀₁₂₃₄₅₆₇₈₉·", "0123456789*")


def computed(found, d, g):
    """What the words under the picture come to, for these inputs and weights."""
    names = {f"d{k}": v for k, v in enumerate(d)} | {f"g{k}": v for k, v in enumerate(g)}
    for line in re.split(r"[;.] ?", flows.said(found).translate(PLAIN)):
        if line:
            name, text = line.split(" = ")
            names[name] = eval(re.sub(r"\b(\d+)(?=[*/ )]|$)", r"Fraction(\1)", text), {"Fraction": Fraction}, names)
    return [names[f"y{i}"] for i in range(len(found.output))]


@pytest.mark.parametrize(("m", "r"), [(2, 3), (2, 2), (3, 2), (4, 3)])
def test_the_words_are_the_algorithm(m, r):
    found, draw = toom_cook(m, r), random.Random(0)
    d, g = ([Fraction(draw.randint(-9, 9)) for _ in range(n)] for n in (m + r - 1, r))
    assert computed(found, d, g) == [sum(g[a] * d[i + a] for a in range(r)) for i in range(m)]


def test_a_line_stands_for_each_entry_of_the_matrices():
    found = toom_cook(2, 3)
    tree = ET.fromstring(flows.flow(found, "F(2, 3)"))
    lines = [part.get("class") for part in tree.iter("line")]
    entries = [c for matrix in (found.data, found.output) for row in matrix for c in row if c]
    assert lines.count("plus") == sum(c > 0 for c in entries) and lines.count("minus") == sum(c < 0 for c in entries)
    assert len(list(tree.iter("circle"))) == found.products == 4
    assert tree.get("role") == "img" and tree.find("title").text == "F(2, 3)"


def test_a_wrong_sign_is_seen():
    from dataclasses import replace

    found = toom_cook(2, 3)
    wrong = replace(found, data=(tuple(-c for c in found.data[0]), *found.data[1:]))
    one = [Fraction(k + 1) for k in range(4)]
    assert computed(found, one, one[:3]) != computed(wrong, one, one[:3])
