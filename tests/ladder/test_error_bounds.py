"""The derived forward error bound of plans: never exceeded by very many inputs, never far from the worst that is found."""

from fractions import Fraction

import numpy as np
import pytest

import generated
from derive.algorithms._bilinear import componentwise, nested, toom_cook
from derive.ir.rounding import Roundings, error_bound
from tests.ladder.floats import REGIMES
from tests.ladder.fuzz import climbed, norms, ratios, stated, whole
from tests.ladder.numbers import fixed, magnitude, shapes_of
from tests.ladder.subjects import ELSEWHERE, sizes_of, subject

STATED = stated()
EACH = pytest.mark.parametrize(
    ("name", "algorithm"),
    [pytest.param(*pair, marks=pytest.mark.nightly if pair in ELSEWHERE else ()) for pair in STATED],
)
FACTORS = {"fft": 1000, "phased": 1000, "winograd": 1000}  # of others 100


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@EACH
def test_no_input_exceeds_the_bound(name: str, algorithm: str, dtype: str) -> None:
    assert 0 < ratios(name, algorithm, dtype, 2) <= 1


@pytest.mark.nightly
@EACH
def test_no_input_of_very_many_exceeds_the_bound(name: str, algorithm: str) -> None:
    """Over 10⁵ inputs in single precision, weights and inputs of each pair of regimes, and a fifth of that in each other."""
    for dtype, items in (("float32", 1024), ("float64", 205), ("float16", 205)):
        assert 0 < ratios(name, algorithm, dtype, 2 * len(REGIMES), 1, items) <= 1


@EACH
def test_the_bound_says_something(name: str, algorithm: str) -> None:
    """Some input errs by a hundredth of the bound, or by a thousandth where numbers are transformed."""
    least = 1 / FACTORS.get(algorithm, 100)
    assert least <= climbed(name, algorithm, turns=4, steps=4) <= 1


@pytest.mark.parametrize("name", [name for name, algorithm in STATED if algorithm == "fft"])
def test_the_norm_of_all_errors_is_within_the_bound_on_each(name: str) -> None:
    """Transforms of Fourier spread errors over a tile, and their norm stays; a hundredth of its bound is seen.

    A thousandth where a tile may hold an entry more than once: the bound takes every entry of the tile to be the largest then.
    """
    (fft,) = (a for a in whole(name).algorithms if a.name == "fft")
    assert 1 / (1000 if fft.repeated else 100) <= norms(name) <= 1


@pytest.mark.parametrize("n", [1, 3])
def test_a_tile_that_holds_an_entry_many_times_has_its_own_norm(n: int) -> None:
    """Where places beyond the ends are read elsewhere, the bound is no less than that for the array with its copies."""
    X, V = np.ones((n, n), np.float32), np.random.default_rng(0).standard_normal((5, 5)).astype(np.float32)
    copied = np.pad(X, 2, mode="wrap")
    there = generated.periodic2d.plan(X.shape, V, algorithm="fft")
    flat = generated.conv2d.plan(copied.shape, V, algorithm="fft")
    assert there.choice.knobs == flat.choice.knobs
    assert there.error_bound(X).max() >= flat.error_bound(copied)[2:-2, 2:-2].max()


@pytest.mark.nightly
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@EACH
def test_no_search_exceeds_the_bound(name: str, algorithm: str, dtype: str) -> None:
    assert climbed(name, algorithm, dtype, turns=20, steps=30) <= 1


@pytest.mark.parametrize("name", [name for name, algorithm in STATED if algorithm == "direct"])
def test_the_bound_of_a_plan_is_that_of_its_program(name: str) -> None:
    """For sums of products γ_q·(Σ|w||x| + |u|) + (1 + γ_q)·p·A·η, from the form, but for the slack of computing it."""
    of = subject(name)
    sizes = max(sizes_of(name), key=lambda s: sum(s.values()))
    draw = np.random.default_rng(0)
    arrays = {n: draw.standard_normal(s).astype(np.float32) for n, s in shapes_of(of.form, sizes).items()}
    given = [arrays[n] for n in of.kernel.arguments[1:]]
    shape = arrays[of.data].shape
    plan = whole(name).plan(shape, *given, algorithm="direct", dtype=np.float32, **of.stated(sizes))
    terms, steps = int(whole(name).terms(**{s.name: v for s, v in sizes.items()})), whole(name).steps[0]
    counted = Roundings(terms + steps, terms * steps)
    wanted = magnitude(of.form, {**arrays, **fixed(of.form, sizes)}, sizes)
    for value, total in zip(plan.error_bound(arrays[of.data]).ravel(), wanted.ravel(), strict=True):
        exact = error_bound(counted, total, np.float32)
        assert exact <= Fraction(float(value)) <= exact * Fraction(101, 100)


def test_the_bound_of_a_transformed_plan_is_componentwise() -> None:
    """|A|·Σ_c (|G||g|) ⊙ (|B||d|), times γ of one rounding more for the bias."""
    draw = np.random.default_rng(1)
    X, V = draw.standard_normal((4, 4, 3)).astype(np.float32), draw.standard_normal((3, 3, 3, 2)).astype(np.float32)
    plan = whole("conv2d_channels").plan(X.shape, V, np.zeros(2, np.float32), algorithm="winograd")
    axis = toom_cook(plan.choice.knobs["S"], 3)
    tile = np.pad(X, ((1, 1), (1, 1), (0, 0))).transpose(2, 0, 1)[:, : axis.window[0], : axis.window[0]]
    both = nested(axis, axis)
    for d in range(2):
        found = componentwise([both], V[..., d].transpose(2, 0, 1).reshape(3, -1), tile.reshape(3, -1))
        bounds = plan.error_bound(X)[: axis.outputs[0], : axis.outputs[0], d]
        shares = [Fraction(float(a)) / b for a, b in zip(bounds.ravel(), found.bound().ravel(), strict=True)]
        more = Fraction(found.q + 1, found.q)
        assert more <= min(shares) and max(shares) <= more * Fraction(10001, 10000)


def test_nothing_is_claimed_where_the_program_overflows() -> None:
    V = np.full((3, 3, 4, 4), 1e20, np.float32)
    plan = whole("conv2d_channels").plan((9, 9, 4), V, np.zeros(4, np.float32), algorithm="winograd")
    X = np.zeros((9, 9, 4), np.float32)
    assert np.isfinite(plan.error_bound(X)).all()
    X[4, 4] = 1e20
    assert np.isinf(plan.error_bound(X)[4, 4]).all()
    plain = whole("conv2d").plan((9, 9), np.ones((3, 3), np.float32), algorithm="fft")
    assert np.isfinite(plain.error_bound(X[..., 0])).all()
    huge = whole("conv2d").plan((9, 9), np.full((3, 3), 1e-30, np.float32), algorithm="fft")
    assert np.isinf(huge.error_bound(np.full((9, 9), 3e38, np.float32))).all()


def test_a_layer_that_states_no_bound_says_so() -> None:
    plan = whole("deepsets1d").plan((6,), np.ones(2), 1.0)
    with pytest.raises(TypeError, match=r"^deepsets1d: no bound on errors is stated for sums of such terms\.$"):
        plan.error_bound(np.ones(6))
    assert "Each result errs" not in str(plan.explain())
