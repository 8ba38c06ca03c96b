"""Formulas break where a reader would break them, and a pipe gets no blanks at the ends of lines."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from derive.render.terminal import layer_table, verdict_table
from derive.render.wrapping import Formulas, Unbroken, labelled, printed, wrapped

LAYER = "H[i, j, d] = u[d] + Σ_a Σ_b Σ_c V[a, b, c, d]·X[i + a, j + b, c]"
CASES = "V[j - l, k - i] where -t ≤ i < m - t, s - n < j ≤ s, |k - i|, |l - j| ≤ Δ; 0 otherwise"


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize("line", [LAYER, CASES, f"    {LAYER}"])
def test_a_line_is_broken_outside_brackets_and_loses_nothing(line, width):
    rows = wrapped(line, width)
    assert all(len(row) <= width for row in rows) and (len(rows) > 1) == (len(line) > width)
    assert "".join("".join(rows).split()) == "".join(line.split())
    for row in rows[:-1]:
        assert row.count("[") == row.count("]") and row.count("|") % 2 == 0


@pytest.mark.parametrize("width", [34, 60, 80])
def test_a_labelled_line_goes_on_beneath_its_text_and_loses_nothing(width):
    line = f"Last form    {LAYER}        |a|, |b| ≤ Δ, c < C and more than fits of what is never broken: (2m + 2n)·Δ"
    rows = labelled(line, 13, width)
    assert all(len(row) <= width for row in rows) and "".join("".join(rows).split()) == "".join(line.split())
    assert rows[0].startswith("Last form    H[i") and all(row.startswith(" " * 13) for row in rows[1:])
    assert any(row.startswith(" " * 13 + "|a|") for row in rows)


def test_a_line_keeps_its_indent_where_nothing_of_it_can_be_broken():
    assert wrapped("    " + "x" * 74, 76) == ["    " + "x" * 72, "        xx"]


def test_what_no_break_spaces_join_stays_in_one_line():
    sentence = Unbroken(Text("for all i, s with 0\xa0≤\xa0i\xa0<\xa0n, 0\xa0≤\xa0i\xa0+\xa0s\xa0<\xa0n, of 3\xa0996"))
    rows = ["for all i, s with 0 ≤ i < n,", "0 ≤ i + s < n, of 3 996"]
    assert shown(sentence, 31, terminal=False).splitlines() == rows


def test_a_word_that_is_too_long_is_broken_all_the_same():
    assert wrapped("x" * 50, 20) == ["x" * 20, "    " + "x" * 16, "    " + "x" * 14]


def shown(renderable, width, terminal):
    screen = io.StringIO()
    printed(
        Console(
            file=screen,
            width=width,
            force_terminal=terminal,
            highlight=False,
            color_system="standard" if terminal else None,
        ),
        renderable,
    )
    return screen.getvalue()


def row(condition="True"):
    proofs = {"proved": 9, "total": 9}
    return {
        "name": "mine",
        "obligations": proofs,
        "backends": ["cupy", "numpy"],
        "equation": LAYER,
        "free_parameters": {"when": condition},
    }


def test_the_list_goes_on_beneath_its_formula_and_counts_one_bias_as_one():
    counts = [
        {"weight": "Δ + 1", "bias": "1", "when": "Δ < n"},
        {"weight": "1", "bias": "D", "when": "true"},
    ]
    text = shown(layer_table([row("Delta < n"), row()], counts), 60, False)
    assert text.splitlines()[:4] == [
        "mine   9 of 9 proved   cupy, numpy",
        "    H[i, j, d] = u[d] + Σ_a Σ_b Σ_c",
        "        V[a, b, c, d]·X[i + a, j + b, c]",
        "    Δ + 1 weights, 1 bias   when Δ < n",
    ]
    assert "    1 weight, D biases\n" in text and "\x1b" not in text


def test_verdicts_that_a_program_has_several_times_are_one_line():
    said = [("first form", "free"), ("program for numpy", "denotes"), ("program for numpy", "made")]
    said += [("program for numpy", "denotes")]
    rows = [{"step": step, "obligation": name, "verdict": "proved for all sizes"} for step, name in said]
    text = shown(verdict_table("mine", rows, remembered=False), 80, False)
    assert [" ".join(line.split()) for line in text.splitlines()] == [
        "first form",
        "free proved for all sizes",
        "program for numpy",
        "denotes ×2 proved for all sizes",
        "made proved for all sizes",
        "mine: 4 of 4 obligations proved.",
    ]
    assert all(line == line.rstrip() for line in text.splitlines())


def test_a_terminal_has_colours_and_a_pipe_has_none():
    assert "\x1b[32m" in shown(Formulas([LAYER], style="green"), 80, True)
    assert shown(Formulas([LAYER], style="green"), 80, False) == f"{LAYER}\n"


def test_a_long_step_leaves_the_verdicts_their_room():
    rows = [{"step": f"4. {'x' * 70}", "obligation": "restricted", "verdict": "proved for all sizes"}]
    lines = shown(verdict_table("mine", rows, remembered=True), 80, False).splitlines()
    assert [" ".join(line.split()) for line in lines[:2]] == [rows[0]["step"], "restricted proved for all sizes"]
    assert lines[-1] == "Remembered, as its sources are what they were; --no-cache proves it anew."


def test_a_bracket_that_no_line_has_room_for_is_broken_between_its_parts():
    cases = "; ".join(f"{letter} where r = {number}" for number, letter in enumerate("abcdef"))
    rows = wrapped(f"H[i] = u + Σ_a V[({cases}), c]·X[i + a]", 60)
    assert len(rows) > 2 and all(len(row) <= 60 for row in rows)
    assert all(row.rstrip()[-1] in ",;]=Σ_a" for row in rows)
    assert " ".join(" ".join(rows).split()) == f"H[i] = u + Σ_a V[({cases}), c]·X[i + a]"
