"""Exact numbers: the book's, and those of the smallest grids."""

import re

import pytest
from sympy import Piecewise, symbols

import derive
from derive.errors import DeriveError
from derive.forms.equation import latex_formula
from derive.forms.extension import EXTENSIONS
from derive.forms.notation import LATEX
from derive.forms.text import parse
from derive.render.data import listed, row, row_at
from derive.render.grouped import grouped
from derive.render.numbers import EXAMPLE_SIZES, cost, cost_text, counts, numbers
from tests.commands import ROOT

n, m, Delta, C, D, N, K = symbols("n m Delta C D N K", integer=True)
THOUSAND = {"n": 1000, "m": 1000, "Delta": 1, "C": 3, "D": 64, "N": 1000, "K": 10**6}


@pytest.mark.parametrize(
    ("name", "weights", "biases"),
    [
        ("fully_connected", 10**9, 1000),
        ("dense2d", 10**12, 10**6),
        ("offset2d", 10**12, 10**6),
        ("convolution2d", 3_996_001, 1),
        ("conv2d", 9, 1),
        ("conv2d_channels", 1728, 64),
    ],
)
def test_weights_of_a_megapixel_layer(layers, name, weights, biases):
    found = numbers(layers[name].form, THOUSAND)
    assert (found["weights"], found["biases"]) == (weights, biases)
    assert found["bytes"] == 4 * weights
    assert all(type(value) is int for value in found.values())


def test_an_adjoint_behind_an_edge_is_counted_on_any_grid():
    """By the condition that is proved, not by what each of very many places reads."""
    adjoint = derive.convolution(kernel=(3,), stride=2, edges="symmetric", channels=False).then(derive.adjoint()).form
    assert [numbers(adjoint, {"n": size})["weights"] for size in (1, 2, 4, 10**9)] == [1, 2, 3, 3]


def test_fewer_inputs_need_fewer_weights(layers):
    assert numbers(layers["fully_connected"].form, {"N": 1000, "K": 10**5})["weights"] == 10**8


def test_a_window_larger_than_the_image_counts_what_meets_it(layers):
    assert numbers(layers["conv2d"].form, {"n": 2, "m": 3, "Delta": 9})["weights"] == 3 * 5


@pytest.mark.parametrize(
    ("name", "expected", "text"),
    [
        ("fully_connected", 2 * N * K, "2·N·K"),
        ("dense2d", 2 * n**2 * m**2, "2·n²·m²"),
        ("convolution2d", 2 * n**2 * m**2, "2·n²·m²"),
        ("conv2d", 2 * n * m * (2 * Delta + 1) ** 2, "2·n·m·(2Δ + 1)²"),
        ("conv2d_channels", 2 * n * m * (2 * Delta + 1) ** 2 * C * D, "2·n·m·(2Δ + 1)²·C·D"),
    ],
)
def test_operations_are_two_a_term(layers, name, expected, text):
    assert (cost(layers[name].form) - expected).expand() == 0
    assert cost_text(layers[name].form) == text


def test_operations_are_exact_at_numbers(layers):
    assert numbers(layers["conv2d"].form, THOUSAND)["operations"] == 18_000_000


def test_a_size_without_a_value_is_asked_for(layers):
    with pytest.raises(DeriveError, match=r"^The size Delta has no value; state it, as in Delta=10\.$"):
        numbers(layers["conv2d"].form, {"n": 3, "m": 3})


def test_sizes_that_the_layer_does_not_admit_are_refused(layers):
    with pytest.raises(DeriveError, match=r"^The layer needs n ≥ 1, which these sizes are not\.$"):
        numbers(layers["dense2d"].form, {"n": 0, "m": 3})


def test_a_row_has_what_a_list_prints(layers):
    layer = layers["conv2d"]
    told = row("conv2d", layer, layer.verdicts, ("numpy",))
    found, sizes = row_at(listed("A window", told, layer.form), EXAMPLE_SIZES)
    assert sizes == {"n", "m", "Delta"}
    assert found["free_parameters"] == {
        "weight": "(2*Delta + 1)**2",
        "bias": "1",
        "when": "Delta < Min(m, n)",
    }
    assert found["obligations"] == {"proved": len(layer.verdicts), "total": len(layer.verdicts)}
    assert found["backends"] == ["numpy"] and found["at"]["weights"] == 9
    assert row_at(listed("A window", told, layer.form), {"n": 3})[0]["at"] is None
    assert {**found, "at": told.get("at")} == {**told, "at": None}


def test_channels_keep_the_condition_of_the_grid(layers):
    found = row("conv2d_channels", layers["conv2d_channels"], (), ())["free_parameters"]
    assert found == {"weight": "C*D*(2*Delta + 1)**2", "bias": "D", "when": "Delta < Min(m, n)"}


def test_numbers_are_grouped_without_a_place_to_break():
    assert grouped(10**12) == "1\xa0000\xa0000\xa0000\xa0000"


@pytest.mark.parametrize("edge", EXTENSIONS)
def test_the_condition_of_a_count_is_read_back_behind_every_edge(edge):
    layer = derive.convolution(kernel="Delta", stride=2, edges=edge, channels=False)
    assert parse(row("strided", layer, (), ())["free_parameters"]["when"]) == counts(layer.form).when


def test_a_count_with_cases_is_listed():
    layer = derive.convolution(kernel="Delta", dilation=2, channels=False, symmetry=derive.PointGroup("D4"))
    found = listed("Cases", row("cases", layer, (), ()), layer.form)["free"]["weight"]
    assert isinstance(counts(layer.form).weight, Piecewise) and "where m mod 2 = 0" in found


def test_the_table_on_the_front_page_is_what_the_derivation_gives(layers):
    """Counts in general and on a megapixel, and the formula, or the condition that locality adds to it."""
    page = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    (table,) = re.findall(
        r"^\| step \| weights \| on a megapixel, Δ = 1 \| the layer \|\n.*\n((?:\|.*\n)+)", page, re.MULTILINE
    )
    rows = [[cell.strip().strip("$") for cell in line.strip("|").split(" | ")] for line in table.splitlines()]
    layer = layers["conv2d"]
    forms = {"dense": layer.start} | {s.rule.partition("(")[0]: s.after for s in layer.steps}
    assert [step for step, *_ in rows] == ["dense", "equivariant", "local"]
    for step, weights, number, said in rows:
        equation, _, conditions = latex_formula(forms[step]).partition(r" \qquad ")
        found = numbers(forms[step], {"n": 1000, "m": 1000, "Delta": 1})["weights"]
        assert (weights, number) == (LATEX(counts(forms[step]).weight), grouped(found))
        known = f"the same with ${conditions.partition(LATEX.both)[0]}"
        assert said == (known if step == "local" else equation)
