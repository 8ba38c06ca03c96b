"""Highlighting loses no letter, and tells CUDA text from Python; an equation and its conditions may stand apart."""

from __future__ import annotations

import re
import runpy

import pytest

from tests.cli.test_writing import ROOT

pytest.importorskip("sphinx", reason="sphinx, of the docs extra, is not installed")


@pytest.mark.parametrize("name", ["conv2d", "deepsets1d"])
def test_a_module_is_highlighted_whole(name):
    lexer = runpy.run_path(str(ROOT / "docs" / "_extensions" / "lexers.py"))["CudaInPython"]()
    text = (ROOT / "generated" / "cupy" / f"{name}.py").read_text(encoding="utf-8")
    tokens = list(lexer.get_tokens_unprocessed(text))
    assert "".join(value for _, _, value in tokens) == text
    assert all(text[place : place + len(value)] == value for place, _, value in tokens)
    kinds = {value: str(token) for _, token, value in tokens}
    assert kinds["__global__"] == "Token.Keyword" and kinds["void"] == "Token.Keyword.Type"
    assert kinds["import"] == "Token.Keyword.Namespace"


@pytest.mark.parametrize(
    ("latex", "parts"),
    [
        (r"H = u", ["H = u"]),
        (r"H = u \qquad a < n, \ b \le \Delta", ["H = u ", " a < n,", r"b \le \Delta"]),
        (r"H \qquad (a = 1, \ b = 0), \ c = 2", ["H ", r" (a = 1, \ b = 0),", "c = 2"]),
        ("H = U_{i + s, j + t} + V_{i + s, a} X_{i + a} = W", ["H = U_{i + s, j + t} + V_{i + s, a} X_{i + a} = W"]),
        (f"U_{{{'i' * 20}}} = V_{{{'j' * 20}}} X", [f"U_{{{'i' * 20}}}", f"= V_{{{'j' * 20}}} X"]),
        (r"\begin{aligned} H \qquad a, \ b \end{aligned}", [r"\begin{aligned} H \qquad a, \ b \end{aligned}"]),
    ],
)
def test_conditions_may_stand_on_lines_of_their_own(latex, parts):
    apart = runpy.run_path(str(ROOT / "docs" / "_extensions" / "breaking.py"))["apart"]
    assert apart(latex) == parts


@pytest.mark.parametrize("name", ["conv3d", "hexagonal2d", "p4_conv2d", "transposed2d"])
def test_a_formula_in_parts_is_the_whole_formula(name):
    """Nothing but the line ends of lists, and of rows that go on beneath, is new; a space is a place to break at."""
    broken = runpy.run_path(str(ROOT / "docs" / "_extensions" / "breaking.py"))
    text = (ROOT / "docs" / "derivations" / f"{name}.md").read_text(encoding="utf-8")
    formulas = re.findall(r"\$\$\n(.*?)\n\$\$", text, re.DOTALL)
    assert sum(len(broken["apart"](f)) > 1 for f in formulas) > 5
    for formula in formulas:
        assert _joined(broken["apart"](formula)) == _letters(formula)
        for row in broken["rows"](formula):
            assert _joined(broken["apart"](row, broken["PHONE"])) == _letters(row)


def _joined(parts):
    joined = "".join(parts).replace(r"\begin{array}{l}", "").replace(r"\end{array}", "")
    return _letters(joined.replace(r", \\ ", ",").replace("\\\\\n& \\qquad", ""))


def _letters(latex):
    return re.sub(r"[ ,]|\\(?=\\? )|\\qquad", "", latex)
