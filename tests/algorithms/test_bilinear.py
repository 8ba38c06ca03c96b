"""Bilinear algorithms compute the sliding sums they say, as identities over the rationals; a changed entry is refused."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import Rational, Symbol, expand, symbols

from derive.algorithms._bilinear import (
    Bilinear,
    Operations,
    array,
    balanced,
    cost,
    fast_fir,
    identity,
    nested,
    prove,
    schoolbook,
    split,
    toom_cook,
)
from derive.errors import ObligationFailed, UsageRefused

SIZES = [(m, r) for m in range(1, 12) for r in range(1, 13 - m)]
HABIT = (0, 1, -1, 2, -2)

points = st.fractions(min_value=-5, max_value=5, max_denominator=6)
small = st.integers(1, 4)


def applied(f: Bilinear, g: object, d: object) -> object:
    """Aᵀ[(G g) ⊙ (Bᵀ d)], on numbers or symbols."""
    return array(f.output) @ ((array(f.weight) @ np.array(g)) * (array(f.data) @ np.array(d)))


def is_right(f: Bilinear) -> bool:
    return set(identity(f)) == {0}


@pytest.mark.parametrize(("m", "r"), SIZES)
def test_every_small_size_is_right_with_the_points_that_are_chosen(m: int, r: int) -> None:
    f = prove(toom_cook(m, r))
    assert f.products == m + r - 1
    assert is_right(balanced(f))


@pytest.mark.parametrize(("m", "r"), [(m, 14 - m) for m in range(1, 14)])
def test_large_sizes_are_right(m: int, r: int) -> None:
    assert is_right(toom_cook(m, r, [Fraction(k) for k in range(-6, 6)]))


@given(small, small, st.data())
def test_any_different_points_give_a_right_algorithm(m: int, r: int, data: st.DataObject) -> None:
    count = m + r - 2
    chosen = data.draw(st.lists(points, min_size=count, max_size=count, unique=True))
    f = toom_cook(m, r, chosen)
    assert is_right(f) and f.products == m + r - 1
    assert all(e.denominator == 1 for row in (*f.output, *f.data) for e in row)


def test_the_identity_is_that_of_polynomials() -> None:
    f = toom_cook(3, 2)
    g, d = symbols("g:2"), symbols("d:4")
    assert [expand(e) for e in applied(f, g, d)] == [g[0] * d[i] + g[1] * d[i + 1] for i in range(3)]


def test_points_of_sympy_are_points() -> None:
    assert toom_cook(2, 2, (Rational(1, 2), 0)) == toom_cook(2, 2, (Fraction(1, 2), 0))


def test_the_textbook_algorithm_of_two_outputs_and_three_taps() -> None:
    f = toom_cook(2, 3, (0, 1, -1))
    assert [[str(e) for e in row] for row in f.weight] == [
        ["1", "0", "0"],
        ["1/2", "1/2", "1/2"],
        ["1/2", "-1/2", "1/2"],
        ["0", "0", "1"],
    ]
    assert f.output == ((1, 1, 1, 0), (0, 1, -1, 1))


def test_constants_are_dyadic_or_not() -> None:
    assert toom_cook(2, 3).dyadic and fast_fir(3).dyadic and balanced(nested(toom_cook(2, 3), fast_fir(2))).dyadic
    assert not toom_cook(4, 3).dyadic and not nested(toom_cook(2, 3), toom_cook(4, 3)).dyadic


@pytest.mark.parametrize(("m", "r"), [(1, 1), (1, 5), (4, 1)])
def test_one_output_or_one_tap_is_the_definition(m: int, r: int) -> None:
    assert toom_cook(m, r) == schoolbook(m, r)
    assert {e for matrix in (toom_cook(m, r).data, toom_cook(m, r).weight) for row in matrix for e in row} <= {0, 1}


@pytest.mark.parametrize(("factors", "products"), [((2,), 3), ((3,), 6), ((5,), 15), ((2, 2), 9), ((3, 2), 18)])
def test_fast_fir_adds_and_subtracts_only(factors: tuple[int, ...], products: int) -> None:
    f = prove(fast_fir(*factors))
    s = int(np.prod(factors))
    assert (f.outputs, f.taps, f.products) == ((s,), (s,), products)
    assert {abs(e) for matrix in (f.output, f.weight, f.data) for row in matrix for e in row} <= {0, 1}
    assert cost(f).data.scalings == cost(f).output.scalings == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: (toom_cook(2, 3), toom_cook(2, 3)),
        lambda: (toom_cook(4, 3), toom_cook(4, 3)),
        lambda: (toom_cook(4, 3, HABIT), toom_cook(2, 3)),
        lambda: (toom_cook(3, 2), fast_fir(2)),
        lambda: (schoolbook(2, 2), toom_cook(1, 3)),
    ],
)
def test_nested_algorithms_are_right_in_two_dimensions(make: Callable[[], tuple[Bilinear, Bilinear]]) -> None:
    first, second = make()
    f = prove(nested(first, second))
    assert f.products == first.products * second.products
    assert f.outputs == first.outputs + second.outputs and f.window == first.window + second.window


def test_three_dimensions() -> None:
    f = toom_cook(2, 2)
    cube = prove(nested(nested(f, f), f))
    assert (str(cube), cube.products) == ("F(2×2×2, 2×2×2)", 27)


def test_a_nested_algorithm_computes_the_sums_over_a_window() -> None:
    f = nested(toom_cook(2, 3), toom_cook(3, 2))
    draw = np.random.default_rng(0)
    g, d = draw.integers(-9, 10, (3, 2)), draw.integers(-9, 10, (4, 4))
    direct = [(g * d[i : i + 3, j : j + 2]).sum() for i, j in product(range(2), range(3))]
    assert list(applied(f, g.reshape(-1).tolist(), d.reshape(-1).tolist())) == direct


@pytest.mark.parametrize("outer", [toom_cook(4, 3), toom_cook(1, 2), fast_fir(3), toom_cook(2, 1)])
@pytest.mark.parametrize("inner", [fast_fir(2), toom_cook(3, 3), schoolbook(1, 1)])
def test_split_algorithms_are_right(outer: Bilinear, inner: Bilinear) -> None:
    f = prove(split(outer, inner))
    s = inner.taps[0]
    assert f.outputs == (outer.outputs[0] * s,) and f.taps == (outer.taps[0] * s,)
    assert f.products == outer.products * inner.products


CASES = [toom_cook(4, 3), toom_cook(2, 3, (0, 1, -1)), fast_fir(2, 2), nested(toom_cook(2, 3), fast_fir(2))]


@pytest.mark.parametrize("f", CASES, ids=str)
@pytest.mark.parametrize("name", ["output", "weight", "data"])
def test_any_changed_entry_is_refused(f: Bilinear, name: str) -> None:
    matrix = getattr(f, name)
    for row, column in product(range(len(matrix)), range(len(matrix[0]))):
        changed = [list(r) for r in matrix]
        changed[row][column] += Fraction(1, 7)
        wrong = replace(f, **{name: tuple(map(tuple, changed))})
        assert not is_right(wrong), (row, column)


def test_the_refusal_names_the_output_and_the_residue() -> None:
    f = toom_cook(2, 2, (0, -1))
    wrong = replace(f, output=((f.output[0]), tuple(-e for e in f.output[1])))
    with pytest.raises(ObligationFailed) as refused:
        prove(wrong)
    assert str(refused.value) == ("F(2, 2) does not compute y[1]: it differs from Σ g·d by -2*d[1]*g[0] - 2*d[2]*g[1].")


def test_the_residues_are_polynomials() -> None:
    f = schoolbook(1, 2)
    g, d = (
        next(iter(x.args[0].atoms(Symbol))) for x in identity(replace(f, output=((Fraction(2), Fraction(1)),)))[0].args
    )
    assert {str(g), str(d)} == {"g", "d"}


def test_balanced_rows_have_one_size() -> None:
    f = balanced(nested(toom_cook(4, 3), toom_cook(4, 3)))
    for column, weight, data in zip(zip(*f.output, strict=True), f.weight, f.data, strict=True):
        assert 1 <= max(map(abs, column)) < 2
        assert Fraction(1, 8) < max(map(abs, weight)) / max(map(abs, data)) < 8
    assert is_right(f)


def test_a_product_that_nothing_reads_is_left_alone() -> None:
    f = schoolbook(1, 1)
    idle = Bilinear((1,), (1,), ((Fraction(1), Fraction(0)),), f.weight * 2, f.data * 2)
    assert balanced(idle) == idle and is_right(idle)


def test_costs_are_counted() -> None:
    f = toom_cook(2, 3, (0, 1, -1))
    assert cost(f).data == Operations(sums=4, scalings=0)
    assert cost(f).weight == Operations(sums=4, scalings=6)
    assert cost(f).output == Operations(sums=4, scalings=0)
    assert (cost(f).saving, cost(f).products_per_output) == (Fraction(6, 4), 2)
    assert cost(f, f).data.total == 4 * 4 + 4 * 4 and cost(f, f).output.total == 4 * 4 + 2 * 4
    assert cost(f, f).saving == Fraction(9, 4)
    assert cost(f, f).per_output(64, 64) == Fraction(2 * 16 * 64 * 64 + 32 * 64 + 24 * 64, 4 * 64)
    assert cost(schoolbook(3, 3)).data.total == 0
    assert cost(schoolbook(3, 3)).output == Operations(sums=6, scalings=0)


def test_passes_cost_no_more_than_one_matrix() -> None:
    f = toom_cook(4, 3)
    assert cost(f, f).data.total < cost(nested(f, f)).data.total


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: toom_cook(0, 3), "F(0, 3) has no outputs or no taps; both must be at least 1."),
        (lambda: schoolbook(2, 0), "F(2, 0) has no outputs or no taps; both must be at least 1."),
        (lambda: toom_cook(4, 3, (0, 1, -1)), "F(4, 3) takes 5 finite points beside ∞; 3 are given."),
        (lambda: toom_cook(2, 3, (0, 1, 1)), "F(2, 3) takes different points; 1 is given twice."),
        (
            lambda: split(fast_fir(2), toom_cook(2, 3)),
            "F(2, 2) cannot be split by F(2, 3): that takes an F(s, s) on one axis inside an F(m, r) on one.",
        ),
        (fast_fir, "A fast FIR algorithm is split by factors of at least 1; () are given."),
        (lambda: fast_fir(2, 0), "A fast FIR algorithm is split by factors of at least 1; (2, 0) are given."),
        (lambda: replace(schoolbook(2, 2), data=()), "F(2, 2): Bᵀ must have 4 rows of 3 entries."),
    ],
)
def test_refusals(make: object, says: str) -> None:
    with pytest.raises(UsageRefused) as refused:
        make()  # type: ignore[operator]
    assert str(refused.value) == says
