"""The helpers of the ladder are what they say."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import Symbol

from derive.forms.evaluate import evaluate
from tests.ladder import layouts, mutants, numbers
from tests.ladder.checks import Refuted, require, whole_numbers
from tests.ladder.floats import REGIMES, drawn
from tests.ladder.laws import unread_entries
from tests.ladder.residues import PRIME, Residue
from tests.ladder.subjects import SUBJECTS, sizes_of, subject


@given(st.integers(), st.integers())
def test_residues_are_a_ring(left: int, right: int) -> None:
    x, y = Residue(left), Residue(right)
    assert (x + y, x - y, x * y, -x) == (left + right, left - right, left * right, -left)
    assert (x + right, right + x, x * right, right * x, right - x) == (x + y, y + x, x * y, y * x, y - x)
    assert (x == y) == ((left - right) % PRIME == 0)
    assert x == left + PRIME and hash(x) == hash(Residue(left + PRIME))
    assert repr(Residue(-1)) == f"Residue({PRIME - 1})"


def test_a_residue_leaves_an_array_to_numpy() -> None:
    array = numbers.objects([Residue(2), Residue(3)], (2,))
    assert list(Residue(2) * array) == [4, 6]
    assert list(array - Residue(2)) == [0, 1]
    assert Residue(1).__add__(1.5) is NotImplemented
    assert Residue(1) != 1.5


def test_same_sees_shapes_values_and_polynomials() -> None:
    x, y = Symbol("x"), Symbol("y")
    one = numbers.objects([(x + y) ** 2], (1,))
    assert numbers.same(one, numbers.objects([x**2 + 2 * x * y + y**2], (1,)))
    assert not numbers.same(one, numbers.objects([x**2 + y**2], (1,)))
    assert not numbers.same(one, numbers.objects([(x + y) ** 2], (1, 1)))
    assert not numbers.same(numbers.objects([Fraction(1, 3)], ()), numbers.objects([Fraction(1, 2)], ()))


def test_exact_values() -> None:
    assert list(numbers.as_fractions(np.array([-0.5, 3], np.float16))) == [Fraction(-1, 2), 3]
    assert list(numbers.as_fractions(np.array([-7, 3], np.int8), absolute=True)) == [7, 3]


def test_every_number_is_drawn_afresh() -> None:
    form, sizes = subject("conv2d").form, sizes_of("conv2d")[-1]
    for kind in numbers.NUMBERS:
        arrays = numbers.filled(form, sizes, kind)
        assert {n: a.shape for n, a in arrays.items()} == numbers.shapes_of(form, sizes)
    symbols = numbers.filled(form, sizes, "symbols")
    assert len({x for a in symbols.values() for x in a.ravel()}) == sum(a.size for a in symbols.values())


def test_the_oracles_on_a_case_by_hand() -> None:
    """H[i] = u + Σ V[a]·X[i + a] on one row of three."""
    of = subject("conv2d")
    sizes = dict(zip(of.form.sizes, (1, 3, 1), strict=True))
    V = np.zeros((3, 3), object)
    V[1] = [10, 1, 100]
    arrays = {"X": np.array([[1, 2, 3]], object), "V": V, "u": np.array(5, object)}
    expected = [[5 + 1 + 200, 5 + 10 + 2 + 300, 5 + 20 + 3]]
    assert numbers.wanted(of.form, arrays, sizes).tolist() == expected
    assert numbers.by_dense(of.derivation, arrays, sizes).tolist() == expected
    negative = {**arrays, "X": -arrays["X"]}
    exact = {n: np.asarray(a, np.int64) for n, a in negative.items()}
    assert numbers.magnitude(of.form, exact, sizes).tolist() == expected
    batch = numbers.wanted(of.form, {**arrays, "X": np.stack([arrays["X"], negative["X"]])}, sizes)
    assert batch.shape == (2, 1, 3) and batch[0].tolist() == expected


def test_require_says_who_what_and_where() -> None:
    of = subject("dense2d")
    require(True, of, "is fine", {})
    with pytest.raises(Refuted, match=r"dense2d \(numpy\) is odd at n = 2, m = 3\."):
        require(False, of, "is odd", dict(zip(of.form.sizes, (2, 3), strict=True)))


@pytest.mark.parametrize("layout", layouts.LAYOUTS)
def test_a_layout_keeps_the_values(layout: str) -> None:
    array = np.arange(24.0).reshape(2, 3, 4)
    lying = layouts.LAYOUTS[layout](np, array)
    assert np.array_equal(lying, array)
    assert np.array_equal(layouts.LAYOUTS[layout](np, np.array(3.0)), 3.0)


def test_layouts_differ_in_memory() -> None:
    array = np.arange(24.0).reshape(2, 3, 4)
    lying = {name: make(np, array) for name, make in layouts.LAYOUTS.items()}
    assert lying["fortran"].flags.f_contiguous and not lying["fortran"].flags.c_contiguous
    assert lying["every second"].strides == (768, 128, 16)
    assert all(stride < 0 for stride in lying["backwards"].strides)
    assert not lying["read-only"].flags.writeable
    assert not lying["bytes swapped"].dtype.isnative


@pytest.mark.parametrize("output", layouts.OUTPUTS)
def test_an_output_has_the_shape_and_type(output: str) -> None:
    out = layouts.OUTPUTS[output](np, (2, 3), np.dtype(np.float32))
    assert out is None or (out.shape, out.dtype, out.flags.writeable) == ((2, 3), np.float32, True)


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble"])
def test_a_regime_draws_finite_numbers_of_its_type(regime: str, dtype: str) -> None:
    of, sizes = subject("dense2d"), sizes_of("dense2d")[-1]
    arrays = drawn(of, sizes, regime, dtype)
    assert all(a.dtype == np.dtype(dtype) and np.isfinite(a).all() for a in arrays.values())
    tiny = np.finfo(dtype).smallest_normal
    if regime == "subnormal":
        assert any((abs(a) < tiny).any() for a in arrays.values())
    if regime == "huge":
        assert (abs(arrays["X"]) > 4).any()


def test_whole_numbers_have_their_types_and_a_batch() -> None:
    arrays = whole_numbers(subject("conv2d"), sizes_of("conv2d")[-1], ("bool", "int8", "float32"), (2, 3))
    assert [a.dtype.name for a in arrays.values()] == ["bool", "int8", "float32"]
    assert arrays["X"].shape[:2] == (2, 3)


@pytest.mark.parametrize("name", SUBJECTS)
def test_small_sizes_hold_the_odd_ones(name: str) -> None:
    """Grids of one cell, unequal ones, a size that is no extent at 0 and beyond the grid: each that the layer admits."""
    form, found = subject(name).form, sizes_of(name)
    grid = {s for p in form.grid(form.input) for s in form.input.axes[p].upper.free_symbols}
    extents = {s for a in (*form.input.axes, *form.output.axes) for s in a.upper.free_symbols}
    values = (dict(zip(form.sizes, v, strict=True)) for v in product((0, 1, 3, 4), repeat=len(form.sizes)))
    admitted = [s for s in values if evaluate(form.given, s)]
    odd = [lambda s: all(s[g] == 1 for g in grid), lambda s: len({s[g] for g in grid}) == min(2, len(grid))]
    for other in {*form.sizes} - extents:
        odd.append(lambda s, o=other: s[o] == 0)
        odd.append(lambda s, o=other: s[o] > max(s[g] for g in grid))
    for is_odd in odd:
        assert any(map(is_odd, found)) or not any(map(is_odd, admitted))
    assert admitted


def test_unread_entries_are_those_that_leave_the_image() -> None:
    of = subject("offset2d")
    sizes = dict(zip(of.form.sizes, (1, 2), strict=True))
    unread = unread_entries(of, sizes)["V"]
    assert unread[0, 0, 0].tolist() == [True, False, False]
    assert unread[0, 1, 0].tolist() == [False, False, True]


def test_a_plant_changes_one_place() -> None:
    text = "def f(x):\n    # é\n    y[0:n] += -x[i, j]\n    return range(0, n)\n"
    made = {plant.made for plant in mutants.text_plants(text)}
    assert text.replace("+=", "-=") in made
    assert text.replace("-x", "x") in made
    assert text.replace("0:n]", "0:(n + 1)]") in {m.replace("0:n + 1]", "0:(n + 1)]") for m in made}
    assert text.replace("[i, j]", "[j, i]") in {m.replace("[(j, i)]", "[j, i]") for m in made}
    assert text not in made
