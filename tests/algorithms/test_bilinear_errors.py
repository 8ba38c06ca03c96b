"""The derived error bound of bilinear algorithms: never exceeded by floats against exact sums, and not far above the worst seen."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from derive.algorithms._bilinear import (
    Bilinear,
    amplification,
    balanced,
    componentwise,
    constant_roundings,
    fast_fir,
    nested,
    normwise,
    roundings,
    schoolbook,
    toom_cook,
)
from derive.errors import UsageRefused
from tests.lazily import Lazily

Floats = np.ndarray[Any, np.dtype[Any]]

AXES = Lazily(
    {
        "F(2, 3)": lambda: (toom_cook(2, 3),),
        "F(4, 3)": lambda: (toom_cook(4, 3),),
        "F(6, 3)": lambda: (toom_cook(6, 3),),
        "F(4, 3) balanced": lambda: (balanced(toom_cook(4, 3)),),
        "fast F(3, 3)": lambda: (fast_fir(3),),
        "F(2, 3) twice": lambda: (toom_cook(2, 3), toom_cook(2, 3)),
        "F(4, 3) twice": lambda: (toom_cook(4, 3), toom_cook(4, 3)),
        "F(4×4, 3×3)": lambda: (nested(toom_cook(4, 3), toom_cook(4, 3)),),
    }
)
DYADIC = ["F(2, 3)", "fast F(3, 3)", "F(2, 3) twice"]


def shape(axes: Sequence[Bilinear], name: str) -> tuple[int, ...]:
    return sum((getattr(axis, name) for axis in axes), ())


def rounded(matrix: Any, dtype: Any) -> Floats:
    return np.array([[float(e) for e in row] for row in matrix], dtype)


def transformed(matrices: Sequence[Any], values: Floats) -> Floats:
    """Each matrix along its axis, one product and one sum at a time, each rounded; channels first."""
    values = values.reshape(len(values), *(len(m[0]) for m in matrices))
    for axis, matrix in enumerate(matrices, start=1):
        terms, moved = rounded(matrix, values.dtype), np.moveaxis(values, axis, 0)
        total = terms[:, 0].reshape(-1, *[1] * (moved.ndim - 1)) * moved[0]
        for k in range(1, len(moved)):
            total = total + terms[:, k].reshape(-1, *[1] * (moved.ndim - 1)) * moved[k]
        values = np.moveaxis(total, 0, axis)
    assert values.dtype == terms.dtype
    return values


def computed(axes: Sequence[Bilinear], g: Floats, d: Floats) -> Floats:
    products = transformed([a.weight for a in axes], g) * transformed([a.data for a in axes], d)
    total = products[0]
    for part in products[1:]:
        total = total + part
    return transformed([a.output for a in axes], total[None]).reshape(shape(axes, "outputs"))


def exact(values: Floats) -> Floats:
    made = np.empty(values.size, object)
    made[:] = [Fraction(*v.as_integer_ratio()) for v in values.reshape(-1).tolist()]
    return made.reshape(values.shape)


def summed(axes: Sequence[Bilinear], g: Floats, d: Floats) -> Floats:
    """The sums of products, in Fractions."""
    weights, inputs, outputs = exact(g), exact(d), shape(axes, "outputs")
    total = np.full(outputs, Fraction(0))
    for offset in product(*map(range, shape(axes, "taps"))):
        part = inputs[(slice(None), *(slice(o, o + m) for o, m in zip(offset, outputs, strict=True)))]
        total = total + (weights[(slice(None), *offset)].reshape(-1, *[1] * len(outputs)) * part).sum(axis=0)
    return total


def errors(axes: Sequence[Bilinear], g: Floats, d: Floats) -> Floats:
    return abs(exact(computed(axes, g, d)) - summed(axes, g, d))


def uniform(draw: np.random.Generator, size: tuple[int, ...], dtype: Any) -> Floats:
    return draw.uniform(-1, 1, size).astype(dtype)


def signs(draw: np.random.Generator, size: tuple[int, ...], dtype: Any) -> Floats:
    return (draw.choice([-1, 1], size) * draw.uniform(0.9, 1, size)).astype(dtype)


def cancelling(draw: np.random.Generator, size: tuple[int, ...], dtype: Any) -> Floats:
    return (draw.choice([-1, 1], size) * (1 + draw.integers(0, 4, size) * np.finfo(dtype).eps)).astype(dtype)


def scaled(low: float, high: float) -> Callable[..., Floats]:
    """Mantissas times powers of two, from `low` to `high` as parts of the format's range of exponents."""

    def values(draw: np.random.Generator, size: tuple[int, ...], dtype: Any) -> Floats:
        least, most = int(low * np.finfo(dtype).maxexp), int(high * np.finfo(dtype).maxexp)
        return np.ldexp(uniform(draw, size, dtype), draw.integers(least, most + 1, size).astype(np.intc)).astype(dtype)

    return values


# How weights and inputs are drawn.
REGIMES = {
    "uniform": (uniform, uniform),
    "signs": (signs, signs),
    "cancelling": (cancelling, cancelling),
    "wide": (scaled(-0.45, 0.4), scaled(-0.45, 0.4)),
    "tiny": (scaled(-0.6, -0.5), scaled(-0.6, -0.5)),
    "subnormal": (scaled(-1.15, -0.95), scaled(-1.15, -0.95)),
    "huge": (scaled(0.35, 0.43), scaled(0.35, 0.43)),
    "huge weights of subnormal inputs": (scaled(0.8, 0.85), scaled(-1.15, -0.95)),
    "subnormal weights of huge inputs": (scaled(-1.15, -0.95), scaled(0.8, 0.85)),
}


def trials(
    axes: Sequence[Bilinear], regime: str, dtype: Any, count: int, channels: int
) -> Iterator[tuple[Floats, Floats]]:
    draw = np.random.default_rng(len(regime) + channels)
    for _ in range(count):
        weights, inputs = REGIMES[regime]
        yield (
            weights(draw, (channels, *shape(axes, "taps")), dtype),
            inputs(draw, (channels, *shape(axes, "window")), dtype),
        )


def test_which_have_dyadic_constants() -> None:
    assert [name for name, axes in AXES.items() if all(a.dyadic for a in axes)] == DYADIC


@pytest.mark.parametrize("name", DYADIC)
def test_the_evaluation_is_exact_on_small_integers(name: str) -> None:
    draw = np.random.default_rng(0)
    g, d = (draw.integers(-9, 10, (3, *shape(AXES[name], part))).astype(np.float32) for part in ("taps", "window"))
    assert (errors(AXES[name], g, d) == 0).all() and (summed(AXES[name], g, d) != 0).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("name", AXES)
def test_no_error_exceeds_the_bounds(name: str, regime: str, dtype: Any) -> None:
    axes = AXES[name]
    for channels in (1, 3):
        for g, d in trials(axes, regime, dtype, 4, channels):
            estimate = componentwise(axes, g, d, dtype)
            assert estimate.in_range()
            found = errors(axes, g, d)
            assert (found <= estimate.bound()).all()
            total, largest = abs(exact(g)).sum(), abs(exact(d)).max()
            norms = normwise(axes, total, largest, channels, dtype)
            assert (estimate.bound() <= norms.bound()[0]).all() and estimate.q == norms.q


@pytest.mark.parametrize("name", AXES)
def test_the_bound_says_something(name: str) -> None:
    axes, worst = AXES[name], Fraction(0)
    for regime in ("uniform", "signs", "cancelling"):
        for g, d in trials(axes, regime, np.float32, 25, 1):
            bound = componentwise(axes, g, d).bound()
            worst = max(worst, max(e / b for e, b in zip(errors(axes, g, d).flat, bound.flat, strict=True)))
    assert Fraction(1, 1000) < worst <= 1


@given(st.data(), st.sampled_from(["F(4, 3)", "F(6, 3)", "fast F(3, 3)"]), st.sampled_from([np.float32, np.float64]))
@settings(max_examples=60)
def test_no_drawn_input_exceeds_the_bound(data: st.DataObject, name: str, dtype: Any) -> None:
    axes = AXES[name]
    most = float(np.ldexp(1.0, int(0.45 * np.finfo(dtype).maxexp)))
    entries = st.floats(-most, most, width=8 * np.dtype(dtype).itemsize)
    g, d = (data.draw(arrays(dtype, (2, *shape(axes, part)), elements=entries)) for part in ("taps", "window"))
    assert (errors(axes, g, d) <= componentwise(axes, g, d, dtype).bound()).all()


def test_the_count_of_roundings_is_reached_in_a_sum_that_climbs() -> None:
    """Each sum of many channels rounds up: the error comes within a factor of two of the bound."""
    axes, channels, step = (schoolbook(1, 1),), 200, np.float32(np.finfo(np.float32).eps / 2)
    d = np.full((channels, 1), step * np.float32(1 + 2**-20), np.float32)
    d[0] = 1
    g = np.ones_like(d)
    assert componentwise(axes, g, d).bound()[0] / 2 < errors(axes, g, d)[0] < componentwise(axes, g, d).bound()[0]


def test_prepared_weights_round_twice() -> None:
    axes = AXES["F(4, 3) twice"]
    assert roundings(*axes, prepared=True) < roundings(*axes)
    for g, d in trials(axes, "signs", np.float32, 5, 3):
        kept = transformed([a.weight for a in axes], g.astype(np.float64)).astype(np.float32)
        products = (kept * transformed([a.data for a in axes], d)).cumsum(axis=0)[-1:]
        found = abs(exact(transformed([a.output for a in axes], products)[0]) - summed(axes, g, d))
        estimate = componentwise(axes, g, d, prepared=True)
        assert (found <= estimate.bound()).all() and (estimate.bound() < componentwise(axes, g, d).bound()).all()
        norms = normwise(axes, abs(exact(g)).sum(), abs(exact(d)).max(), 3, prepared=True)
        assert (estimate.bound() <= norms.bound()[0]).all()


def test_half_precision_is_stored_once() -> None:
    axes = AXES["F(2, 3) twice"]
    for g, d in trials(axes, "uniform", np.float16, 5, 2):
        stored = computed(axes, g.astype(np.float32), d.astype(np.float32)).astype(np.float16)
        estimate = componentwise(axes, g, d, np.float16)
        assert (abs(exact(stored) - summed(axes, g, d)) <= estimate.bound()).all() and estimate.in_range()


@pytest.mark.parametrize("name", ["F(2, 3) twice", "F(4, 3) twice"])
def test_values_that_overflow_are_out_of_range(name: str) -> None:
    axes = AXES[name]
    g = np.full((1, *shape(axes, "taps")), 2.0**62, np.float32)
    d = np.full((1, *shape(axes, "window")), 2.0**62, np.float32)
    assert not componentwise(axes, g, d).in_range()
    assert not normwise(axes, exact(g).sum(), exact(d).max()).in_range()
    assert componentwise(axes, g[..., :1] * 0 + g / np.float32(2.0**40), d).in_range()


@pytest.mark.parametrize("name", ["F(4, 3) twice", "F(4×4, 3×3)"])
def test_errors_at_64_channels_are_below_two_in_a_hundred_thousand(name: str) -> None:
    """Standard normal data in float32, relative to max |H|: the figure for what is admitted by default."""
    axes, draw, channels = AXES[name], np.random.default_rng(0), 64
    largest = worst = 0.0
    for _ in range(20):
        g, d = (draw.standard_normal((channels, *shape(AXES["F(4, 3) twice"], part))) for part in ("taps", "window"))
        g, d = g.astype(np.float32), d.astype(np.float32)
        flat = (g.reshape(channels, *shape(axes, "taps")), d.reshape(channels, *shape(axes, "window")))
        true = summed(AXES["F(4, 3) twice"], g, d)
        worst = max(worst, float(abs(exact(computed(axes, *flat)) - true.reshape(shape(axes, "outputs"))).max()))
        largest = max(largest, float(abs(true).max()))
    assert 0 < worst < 2e-5 * largest


def test_roundings_on_the_longest_path() -> None:
    f = toom_cook(2, 3, (0, 1, -1))
    assert roundings(f) == 1 + (2 + 1 + 2)  # the product; sums in a row of Aᵀ, of Bᵀ and of G, whose halves are exact
    assert roundings(f, f, channels=64) == 64 + 2 * (2 + 1 + 2)
    assert roundings(f, prepared=True) == 1 + (2 + 1) + 2
    assert roundings(toom_cook(2, 2, (0, 3))) == 1 + (1 + 1) + (1 + 2) + 0  # by the point 3: 1·x + 3·x, and 1/3
    assert roundings(schoolbook(1, 3)) == 1 + 2
    assert roundings(schoolbook(1, 3), channels=10) == 10 + 2


@pytest.mark.parametrize(
    ("constant", "bits", "count"),
    [
        ("1", 24, 0),
        ("-4", 24, 0),
        ("1/8", 24, 0),
        ("0", 24, 0),
        ("3", 24, 1),
        ("-5/16", 24, 1),
        ("1/3", 24, 2),
        ("16777215", 24, 1),
        ("16777217", 24, 2),
        ("16777217", 53, 1),
        ("33554430", 24, 1),
    ],
)
def test_roundings_of_a_constant(constant: str, bits: int, count: int) -> None:
    assert constant_roundings(Fraction(constant), bits) == count


def test_the_bound_is_that_multiple_of_the_norms() -> None:
    f, unit = toom_cook(4, 3), Fraction(1, 2**24)
    q = roundings(f, f, channels=64)
    gamma = q * unit / (1 - q * unit)
    bound = normwise((f, f), Fraction(1), Fraction(1), 64).bound()[0]
    assert 0 < bound - gamma * amplification(f, f) < Fraction(1, 2**100)


def test_zeros_that_meet_in_a_product_are_why_no_window_bounds_the_error() -> None:
    f = (toom_cook(2, 3),)
    g, d = np.array([[0, 0, 1]], np.float32), np.array([[0, 1, 0, 0]], np.float32)
    assert set(summed(f, abs(g), abs(d))) == {0}
    assert componentwise(f, g, d).magnitude.max() > 0


def test_no_channels_are_refused() -> None:
    with pytest.raises(UsageRefused) as refused:
        roundings(toom_cook(2, 3), channels=0)
    assert str(refused.value) == "A sum over 0 channels has no terms; there must be at least 1."
