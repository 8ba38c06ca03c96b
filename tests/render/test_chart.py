"""The counts after each step as a picture: a bar a stage, as long as the number's logarithm says."""

import re
from dataclasses import replace

import numpy as np
import pytest

from derive.derivation import dense
from derive.proof.step import Kind
from derive.render import latex, markdown, text
from derive.render.chart import Chart, chart
from derive.render.content import blocks
from derive.render.drawing import drawing, strip_drawing
from derive.rules._rule import rule
from derive.rules.channels import channels
from derive.rules.grouped import grouped
from derive.rules.local import local
from derive.rules.reindex import reindex


def bars(svg):
    """The lengths of the bars, from the top."""
    return [float(width) for width in re.findall(r'<rect x="14" y="\d+" width="([\d.]+)"', svg)]


def test_the_textbook_chain_goes_from_a_million_million_to_ten(layers):
    made = chart("conv2d", layers["conv2d"])
    assert made.says == "n = m = 1000, Δ = 1"
    assert made.rows == (
        ("dense", 10**12 + 10**6),
        ("reindex", 10**12 + 10**6),
        ("equivariant", 3_996_002),
        ("local", 10),
        ("boundary", 10),
    )
    assert "equivariant 3\xa0996\xa0002" in made.caption


def test_a_bar_is_as_long_as_the_logarithm():
    found = bars(Chart("x-counts.svg", "n = 10", (("one", 1000), ("other", 10), ("none", 0))).svg)
    assert found == [300, 100, 2]  # 400 wide for four decades


@pytest.mark.parametrize(
    "svg",
    [
        Chart("x-counts.svg", "n = 10", (("two-channels", 192_000_064_000_000), ("local", 10))).svg,
        drawing(np.eye(8, dtype=int), ("i",), ("k",), (1, 1), "W", "says"),
        strip_drawing([(np.eye(8, dtype=int), (1, 1), "dense", 8)] * 3),
    ],
    ids=["counts", "matrix", "strip"],
)
def test_words_can_be_read_on_a_phone(svg):
    """Of 358 pixels, which are what a window of 390 has room for."""
    width = float(re.search(r'<svg\b[^>]*?\bwidth="([\d.]+)"', svg)[1])
    assert min(map(float, re.findall(r'font-size="([\d.]+)"', svg))) * min(1, 358 / width) >= 9


def test_words_of_a_row_have_room_beside_each_other():
    (row,) = (("two-channels", 192_000_064_000_000),)
    text = Chart("x-counts.svg", "n = 10", (row,)).svg
    (left, name), (right, number) = re.findall(r'<text x="(\d+)" y="48"[^>]*>([^<]+)', text)
    assert int(right) - int(left) > 9 * (len(name) + len(number))


def test_a_layer_with_sizes_of_the_users_own_has_numbers_too():
    """By what the letters are of: places, channels, or anything else."""
    assert chart("mine", dense(outputs="q", inputs="q")).rows == (("dense", 10**6 + 1000),)
    near = chart("mine", dense(rank=1).then(reindex()).then(local("R")))
    assert (near.says, near.rows[-1]) == ("n = 1000, R = 1", ("local", 2998 + 1000))
    apart = chart("mine", dense(rank=1).then(channels(groups="F")).then(grouped("f", "g")))
    assert apart.says == "n = 1000, C = 3, D = 64, F = 2"
    assert [number for _, number in apart.rows[1:]] == [10**6 * 3 * 64 * f + 1000 * 64 * 2 for f in (4, 2)]


def test_a_layer_of_numbers_alone_has_no_sizes_to_name():
    assert chart("mine", dense(outputs=2, inputs=3)).caption == "Free parameters on a logarithmic scale: dense 8."


def test_a_layer_that_admits_no_such_sizes_has_no_chart():
    small = dense(outputs="q", inputs="q")
    form = replace(small.form, given=small.form.given & (small.form.sizes[0] < 9))
    assert chart("mine", replace(small, start=form)) is None


def test_the_chart_and_the_rules_stand_on_the_page(subjects, layers):
    made = replace(subjects["conv2d"], chart=chart("conv2d", layers["conv2d"]))
    page = markdown.page(blocks(made))
    assert page.count('<img src="conv2d-counts.svg"') == 1
    assert "The rule: [local](../../derive/rules/local.py)." in page
    assert "derive/rules/local.py" in text.plain(blocks(made))
    assert r"\texttt{derive/rules/local.py}" in latex.document(blocks(made))


def test_what_a_step_changes_is_underlined_before_and_after(subjects):
    page = markdown.page(blocks(subjects["conv2d"]))
    step = page[page.index("## Step 2") : page.index("### What is demanded", page.index("## Step 2"))]
    assert re.findall(r"\\underline\{(.*?\})\}", step) == [
        r"\mathsf{U}_{i, j}",
        r"\mathsf{V}_{i, j, a, b}",
        r"\mathsf{u}",
        r"\mathsf{V}_{a, b}",
    ]


def test_only_a_shipped_rule_has_a_home():
    assert local.home == "derive/rules/local.py"
    assert rule(Kind.EQUIVALENCE)(lambda form: form).home is None
