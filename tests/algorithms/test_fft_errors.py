"""Transforms of tiles on floats: their bound is never exceeded and says something; what plans say; what transforms refuse."""

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from derive.compiled import load_source
from derive.pipeline import layer
from derive.runtime import transforms
from derive.runtime.transforms import Formal, real_inverse, real_transform, spectrum, transform

LAYERS = ("conv1d", "conv2d", "dilated2d", "strided2d", "valid2d")
TYPES = (np.float32, np.float64)


@lru_cache
def kernel(name: str) -> Any:
    return getattr(load_source(layer(name).source("numpy"), "numpy"), name)


@lru_cache
def by_fft(name: str, **knobs: int) -> Any:
    return kernel(name).using("fft", **knobs)


def algorithm(name: str) -> Any:
    return next(a for a in kernel(name).algorithms if a.name == "fft")


KNOBS: Mapping[str, tuple[Mapping[str, int], ...]] = {
    "conv1d": ({"Ni": 128, "Si": 96, "G": 4}, {"Ni": 1024, "Si": 896, "G": 1}),
    **dict.fromkeys(LAYERS[1:], ({"Ni": 32, "Nj": 96}, {"Ni": 64, "Nj": 32})),
}


def regimes(draw: np.random.Generator, shape: tuple[int, ...], dtype: Any, kind: str) -> np.ndarray:
    info = np.finfo(dtype)
    match kind:
        case "uniform":
            return draw.uniform(-1, 1, shape).astype(dtype)
        case "signs":
            return draw.choice([-1, 1], shape).astype(dtype)
        case "one":
            made = np.zeros(shape, dtype)
            made.reshape(-1)[draw.integers(made.size)] = 1 - info.eps
            return made
        case "constant":
            return np.full(shape, 1 + info.eps, dtype)
        case "waves":
            places = np.indices(shape).sum(0)
            return np.cos(2 * np.pi * places * draw.integers(1, 16) / 32).astype(dtype)
        case "huge":
            return (draw.uniform(-1, 1, shape) * 2.0 ** (info.maxexp // 2 - 12)).astype(dtype)
        case "tiny":
            return (draw.uniform(-1, 1, shape) * 2.0 ** (info.minexp // 2)).astype(dtype)
        case "wide":
            return np.ldexp(
                draw.uniform(-1, 1, shape), draw.integers(info.minexp // 2, info.maxexp // 2 - 12, shape)
            ).astype(dtype)
    raise ValueError(kind)


KINDS = ("uniform", "signs", "one", "constant", "waves", "huge", "tiny", "wide")


def fractions(array: np.ndarray) -> np.ndarray:
    made = np.empty(array.shape, object)
    made.reshape(-1)[:] = [Fraction(float(x)) for x in array.ravel()]
    return made


def underflow(bound: tuple[int, int, int], dtype: Any) -> Fraction:
    """P·η, from the square of √(Π N): see `Normwise`."""
    points = Fraction(bound[1], bound[2]) ** 2
    return 24 * bound[0] * points * Fraction(float(np.finfo(dtype).smallest_subnormal)) / 2


def ratios(
    name: str, knobs: Mapping[str, int], dtype: Any, kinds: tuple[str, str], seed: int, full: bool = False
) -> float:
    """The largest |error| as a part of the bound; the exact result is that of direct sums of Fractions."""
    draw, held = np.random.default_rng(seed), kernel(name)
    rank = 1 if name == "conv1d" else 2
    X = regimes(draw, tuple(knobs.values())[:rank] if full else (int(draw.integers(9, 14)),) * rank, dtype, kinds[0])
    V = regimes(draw, (2 * int(draw.integers(1, 4)) + 1,) * rank if name != "strided2d" else (3, 3), dtype, kinds[1])
    u = np.asarray(draw.uniform(-1, 1), dtype) * abs(X).max() * abs(V).max()
    u = np.asarray(u, dtype)
    got = by_fft(name, **knobs)(X, V, u)
    whole = held.shapes(**held.sizes(X, V, u))["H"]
    exact = np.empty(whole, object)
    held.body(fractions(X), fractions(V), np.array(Fraction(float(u)), object), exact, lambda s: np.empty(s, object))
    bound = algorithm(name).bound(**knobs)
    unit = Fraction(float(np.finfo(dtype).eps)) / 2
    gamma = bound[0] * unit / (1 - bound[0] * unit)
    alpha, largest = Fraction(bound[1], bound[2]), Fraction(float(abs(X).max()))
    total = sum(abs(v) for v in fractions(V).ravel())
    allowed = gamma * (alpha * total * largest + abs(Fraction(float(u))))
    allowed += underflow(bound, dtype) * (1 + total + alpha * largest)
    errors = [abs(Fraction(float(a)) - b) for a, b in zip(got.ravel(), exact.ravel(), strict=True)]
    return float(max(errors) / allowed)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", LAYERS)
def test_the_bound_is_never_exceeded(name: str, dtype: Any) -> None:
    for seed, one in enumerate(KINDS):
        for other in KINDS:
            for knobs in KNOBS[name]:
                assert ratios(name, knobs, dtype, (one, other), seed) <= 1


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", ["conv1d", "conv2d"])
def test_the_bound_says_something(name: str, dtype: Any) -> None:
    """What is seen, for images as large as a tile, reaches a thousandth of it."""
    kinds = [(one, "one") for one in ("signs", "constant", "uniform", "waves")]
    seen = (ratios(name, KNOBS[name][0], dtype, kind, seed, True) for kind in kinds for seed in range(4))
    assert any(ratio >= 1e-3 for ratio in seen)


@pytest.mark.parametrize("length", [8, 12, 32])
@pytest.mark.parametrize("dtype", TYPES)
def test_transforms_are_the_sums_that_they_say(length: int, dtype: Any) -> None:
    draw = np.random.default_rng(0)
    x, near = draw.uniform(-1, 1, (3, length)).astype(dtype), 200 * np.finfo(dtype).eps
    w = np.exp(-2j * np.pi * np.outer(np.arange(length), np.arange(length)) / length)
    half = spectrum(lambda s: np.empty(s, dtype), (3, length // 2 + 1))
    assert half.dtype == np.result_type(dtype, np.complex64) and half.shape == (3, length // 2 + 1)
    real_transform(x, half)
    assert abs(half - (x @ w / np.sqrt(length))[:, : length // 2 + 1]).max() < near
    back = np.empty_like(x)
    real_inverse(half, back)
    assert abs(back - x).max() < near
    real_transform(x, half, sign=-1, scaled=False)
    assert abs(half - (x @ w.conj())[:, : length // 2 + 1]).max() < near * length
    z = (x + 1j * x[::-1]).astype(half.dtype)
    out = np.empty_like(z)
    for sign, scaled in ((1, True), (-1, True), (1, False), (-1, False)):
        transform(z, out, 1, sign=sign, scaled=scaled)
        scale = 1 / np.sqrt(length) if scaled else 1
        assert abs(out - scale * (z @ (w if sign > 0 else w.conj()))).max() < near * length


def test_single_precision_stays_single() -> None:
    """Numbers that float32 can't hold the sum of overflow, so that nothing was computed in double precision on the way."""
    x, out = np.full((1, 64), 3e38, np.float32), np.empty((1, 33), np.complex64)
    with np.errstate(over="ignore", invalid="ignore"):
        real_transform(x, out)
    assert not np.isfinite(out[0, 0])


def test_formal_spectra_keep_to_their_places() -> None:
    x, out = np.arange(1, 9).reshape(2, 4).astype(object), np.empty((2, 3), object)
    real_transform(x, out)
    with pytest.raises(ValueError, match=r"spectra at \(1,\) and \(0,\) are multiplied, of orders \(4,\), \(4,\)"):
        out[0, 1] * out[0, 0]
    back = np.empty((2, 4), object)
    real_inverse(out, back)
    assert (back == x).all()
    with pytest.raises(ValueError, match="a spectrum is transformed back that is not of one polynomial"):
        real_inverse(out[:, ::-1], back)
    with pytest.raises(ValueError, match="a spectrum is transformed back that is not of one polynomial"):
        real_inverse(np.array([[out[0, 0], out[1, 1], out[0, 2]]]), back[:1])
    with pytest.raises(ValueError, match="spectra of several places are added up"):
        transform(np.array([[out[0, 0]], [out[1, 1]]]), np.empty((2, 1), object), 0)
    assert isinstance(out[0, 0], Formal) and transforms.__all__[0] == "Formal"


def test_a_plan_says_its_bound_and_what_does_not_fit() -> None:
    V = np.ones((31, 31), np.float32)
    plan = kernel("conv2d").plan((300, 300), V, algorithm="fft")
    said = " ".join(str(plan.explain()).split())
    assert plan.algorithm == "fft" and "the maximum over what the results of a tile read: " in said
    X = np.random.default_rng(0).standard_normal((300, 300)).astype(np.float32)
    assert abs(plan(X) - kernel("conv2d").plan((300, 300), V, algorithm="rows")(X)).max() < 1e-3
    from derive_compiled._runtime import ArgumentError

    with pytest.raises(
        ArgumentError, match="algorithm 'fft' has not the error bound of direct sums that 'strict' asks for"
    ):
        kernel("conv2d").plan((300, 300), V, algorithm="fft", accuracy="strict")
    with pytest.raises(ArgumentError, match="conv2d: algorithm 'fft' is for windows that fit in its tiles alone"):
        kernel("conv2d").plan((4, 4), np.ones((1001, 1001), np.float32), algorithm="fft")


def test_the_bound_on_an_item_is_its_own_beside_a_much_larger_one() -> None:
    """Squares of its entries, as shares of the larger one's, would underflow."""
    plan = kernel("conv2d").plan((2, 9, 9), np.ones((3, 3)), algorithm="fft")
    X = np.random.default_rng(0).standard_normal((1, 9, 9)).repeat(2, axis=0)
    alone = plan.error_bound(X)[1]
    X[0] *= 1e170
    assert (plan.error_bound(X)[1] >= alone * (1 - 1e-9)).all() and (alone > 0).all()


def test_large_windows_are_transformed() -> None:
    """By the model alone, with the machine as guessed: for windows of full rank the crossover is between 5 and 51 taps."""
    draw = np.random.default_rng(0)
    for taps, wanted in ((3, "panels"), (51, "fft")):
        plan = kernel("conv2d").plan((1000, 1000), draw.standard_normal((taps, taps)).astype(np.float32))
        assert plan.algorithm == wanted
