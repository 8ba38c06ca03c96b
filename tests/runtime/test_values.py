"""What plans find in the values of weights: exact where it says so, within what it states where not, and why it finds nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from derive.compiled import load_source
from derive.pipeline import layer
from derive.runtime import primitives
from derive.runtime.costs import _doublings
from derive.runtime.values import Found, level, low_rank, mirrored
from tests.shipped import text_of

DRAW = np.random.default_rng(0)


@lru_cache
def kernel(name: str) -> Any:
    return getattr(load_source(text_of(layer(name), "numpy"), "numpy"), name)


def exactly(array: Any) -> Any:
    """The entries as Fractions."""
    made = np.empty(array.size, object)
    made[:] = [Fraction(*float(e).as_integer_ratio()) for e in array.reshape(-1)]
    return made.reshape(array.shape)


def product_of(parts: Any, signs: bool = True) -> Any:
    """Σ_r Π parts, exactly."""
    total: Any = 0
    for factors in zip(*(exactly(p) if signs else abs(exactly(p)) for p in parts), strict=True):
        term: Any = np.array(Fraction(1), object)
        for factor in factors:
            term = np.multiply.outer(term, factor)
        total = total + term
    return total


def allowed(window: Any) -> Fraction:
    """γ of as many roundings as a direct sum has."""
    unit = Fraction(1, 2 ** (np.finfo(window.dtype).nmant + 1))
    return (window.size + 1) * unit / (1 - (window.size + 1) * unit)


def of_rank(*sides: int, rank: int = 1, dtype: Any = np.float32) -> Any:
    total: Any = 0.0
    for _ in range(rank):
        term: Any = np.array(1.0)
        for side in sides:
            term = np.multiply.outer(term, DRAW.standard_normal(side))
        total = total + term
    return total.astype(dtype)


GAUSS = np.exp(-(np.arange(-5, 6) ** 2) / 8.0)
WINDOWS = {
    "Gaussian": (np.outer(GAUSS, GAUSS).astype(np.float32), 1),
    "Gaussian, float64": (np.outer(GAUSS, GAUSS), 1),
    "Gaussian, float16": (np.outer(GAUSS, GAUSS).astype(np.float16), 1),
    "Gaussian in 3-D": (np.multiply.outer(np.outer(GAUSS, GAUSS), GAUSS).astype(np.float32), 1),
    "rank 2": (of_rank(9, 11, rank=2), 2),
    "rank 3 of 31": (of_rank(31, 31, rank=3, dtype=float), 3),
    "huge": (of_rank(5, 5) * np.float32(2.0**100), 1),
    "tiny": (of_rank(5, 5) * np.float32(2.0**-100), 1),
    "nearly": (np.outer(GAUSS, GAUSS) + 1e-9 * DRAW.standard_normal((11, 11)), None),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_what_is_left_out_is_stated_and_is_less_than_rounding(name: str) -> None:
    window, rank = WINDOWS[name]
    found = low_rank(window)
    if rank is None:
        assert found == "its window has rank 11, so that products along its axes save nothing"
        return
    assert isinstance(found, Found) and found.sizes == (rank,)
    assert [p.shape for p in found.parts] == [(rank, side) for side in window.shape]
    assert all(p.dtype == window.dtype for p in found.parts)
    total = abs(exactly(window)).sum()
    assert abs(exactly(window) - product_of(found.parts)).sum() <= found.lost * total <= allowed(window) * total
    assert product_of(found.parts, signs=False).sum() <= Fraction(found.met) * total


WHOLE = {
    "Sobel": (np.outer([1, 2, 1], [-1, 0, 1]), 1),
    "Laplacian": (np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]]), 2),
    "a box": (np.ones((7, 7), int), 1),
    "a disk": ((np.hypot(*np.mgrid[-10:11, -10:11]) <= 10).astype(int), 7),
    "large": (np.outer([2**20, 1, 3], [1, 2**20 - 1, 5]), 1),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_windows_are_exactly_their_products(name: str) -> None:
    window, rank = WHOLE[name]
    found = low_rank(window.astype(float))
    assert isinstance(found, Found) and found.sizes == (rank,) and found.lost == 0
    assert (product_of(found.parts) == window).all()
    exact = low_rank(window.astype(object))
    assert (
        isinstance(exact, Found)
        and (sum(np.multiply.outer(*f) for f in zip(*exact.parts, strict=True)) == window).all()
    )


@pytest.mark.parametrize(
    ("window", "says"),
    [
        (np.eye(3), "its window has rank 3, so that products along its axes save nothing"),
        (np.zeros((3, 3)), "its window is 0"),
        (np.ones((1, 3)), "its window has rank 1, so that products along its axes save nothing"),
        (np.ones((600, 600)), "its window is too large for its rank to be certain"),
    ],
)
def test_why_there_are_no_products(window: Any, says: str) -> None:
    assert low_rank(window) == says


def test_channels_have_as_many_products_as_the_one_that_needs_most() -> None:
    channels = [of_rank(5, 7, rank=rank) for rank in (1, 2, 1)] + [np.zeros((5, 7), np.float32)]
    window = np.stack(channels, axis=-1)
    found = low_rank(window, 1)
    assert isinstance(found, Found) and found.sizes == (2,) and [p.shape for p in found.parts] == [(2, 5, 4), (2, 7, 4)]
    for k, channel in enumerate(channels):
        parts = [p[..., k] for p in found.parts]
        total = abs(exactly(channel)).sum()
        assert abs(exactly(channel) - product_of(parts)).sum() <= Fraction(found.lost) * total
        assert product_of(parts, signs=False).sum() <= Fraction(found.met) * total
    assert low_rank(np.stack([channels[0], DRAW.standard_normal((5, 7)).astype(np.float32)], axis=-1), 1) == (
        "at 1 its window has rank 5, so that products along its axes save nothing"
    )
    assert low_rank(np.zeros((3, 3, 2)), 1) == "its window is 0"


def test_equal_weights() -> None:
    window = np.full((3, 2, 4), 1.5)
    assert level(window, 3).parts[0] == 1.5  # type: ignore[union-attr]
    window[...] = np.arange(4)
    assert level(window, 2).parts[0].tolist() == [0, 1, 2, 3]  # type: ignore[union-attr]
    assert level(window, 3) == "its weights are not all the same: 1.0 at (0, 0, 1) is not 0.0"
    window[2, 1, 3] = np.nextafter(3.0, 4)
    assert level(window, 2) == "its weights are not all the same: 3.0000000000000004 at (2, 1, 3) is not 3.0"


def test_mirrored_weights() -> None:
    window = np.array([[1, 2, 1], [3, 4, 3]], np.float32)
    assert mirrored(window, 1).parts[0].tolist() == [[1, 2], [3, 4]]  # type: ignore[union-attr]
    assert mirrored(window, 0) == "its weights are not the same on both sides: 1.0 at (0, 0) is not 3.0"
    even = np.array([1, 2, 2, 1])
    assert mirrored(even, 0).parts[0].tolist() == [1, 2]  # type: ignore[union-attr]


def test_values_are_a_plans_alone() -> None:
    """Two filters of one shape, one of which changes afterwards, by plans and by calls."""
    conv = kernel("conv2d")
    X = DRAW.integers(-4, 5, (40, 41)).astype(np.float32)
    V, W = np.ones((3, 3), np.float32), DRAW.integers(-3, 4, (3, 3)).astype(np.float32)
    W[0, 0], W[2, 2], W[1, 1] = 1, 2, 3
    same, other = conv.plan(X.shape, V, algorithm="box"), conv.plan(X.shape, W)
    before = conv(X, V, np.float32(0))
    assert np.array_equal(same(X), before) and np.array_equal(other(X), conv(X, W, np.float32(0)))
    V[0, 1] = 5
    assert np.array_equal(same(X), before) and not np.array_equal(conv(X, V, np.float32(0)), before)
    with pytest.raises(TypeError, match=r"^conv2d: algorithm 'box' does not apply: its weights are not all the same: "):
        conv.plan(X.shape, V, algorithm="box")
    assert not {"box", "lowrank"} & {a.name for a in conv.algorithms}


def test_plans_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what is supposed of one kind of processor, whatever this one is."""
    conv, window = kernel("conv2d"), np.outer(GAUSS, GAUSS).astype(np.float32)
    plan, machine = (import_module(type(conv).__module__.replace("kernel", part)) for part in ("plan", "machine"))
    monkeypatch.setattr(plan, "machine", lambda: machine.guess("stated", ("AVX512_SKX",)))
    text = " ".join(str(conv.plan((300, 300), window, algorithm="lowrank").explain()).split())
    assert (
        "one product of windows along its axes in the place of V, " in text and "of it for what they leave out." in text
    )
    assert "box does not apply: its weights are not all the same: " in text
    exact = " ".join(str(conv.plan((30, 30), np.ones((5, 5)), algorithm="lowrank").explain()).split())
    assert "in the place of V, exactly these weights." in exact
    with pytest.raises(TypeError, match=r"'lowrank' has not the error bound of direct sums that 'strict' asks for\."):
        conv.plan((30, 30), window, algorithm="lowrank", accuracy="strict")
    with pytest.raises(TypeError, match=r"^conv2d: algorithm 'lowrank' does not apply: its window has rank 3, so that"):
        conv.plan((30, 30), np.eye(3), algorithm="lowrank")
    with pytest.raises(TypeError, match=r"^conv2d: algorithm 'box' does not apply: its weights are not all the same: "):
        conv.using("box")(np.ones((4, 4)), np.eye(3), 0.0)
    with pytest.raises(
        TypeError, match=r"'folded' does not apply: its weights are not the same on both sides: 1\.0 at \(0, 0\)"
    ):
        conv.plan((30, 30), np.eye(3), algorithm="folded")
    mirrored_window = np.tile(np.array([3, 1, 2, 5, 7, 5, 2, 1, 3], np.float32), (9, 1)) + np.eye(9, dtype=np.float32)
    mirrored_window += mirrored_window[:, ::-1]
    assert conv.plan((300, 300), mirrored_window, accuracy="strict").algorithm == "folded"
    strict = conv.plan((300, 300), np.ones((31, 31), np.float32), accuracy="strict")
    assert strict.algorithm == "box"


@pytest.mark.parametrize("regime", ["normal", "huge", "tiny", "spread"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_errors_of_products_are_within_what_the_plan_states(regime: str, dtype: Any) -> None:
    conv = kernel("conv2d")
    scale = {"normal": 1.0, "huge": 2.0**40, "tiny": 2.0**-40, "spread": 2.0 ** DRAW.integers(-8, 9, (12, 13))}[regime]
    for rank, side in ((1, 3), (1, 5), (2, 5), (3, 9)):
        X = (DRAW.standard_normal((12, 13)) * scale).astype(dtype)
        V, u = of_rank(side, side, rank=rank, dtype=dtype), dtype(DRAW.standard_normal())
        plan = conv.plan(X.shape, V, u, algorithm="lowrank")
        got, found = exactly(plan(X)), low_rank(V)
        assert isinstance(found, Found)
        pad = side // 2
        inside, weights = np.pad(exactly(X), pad, constant_values=Fraction(0)), exactly(V)
        wanted = sum(
            weights[a, b] * inside[a : a + 12, b : b + 13] for a in range(side) for b in range(side)
        ) + Fraction(float(u))  # fmt: skip
        unit = Fraction(1, 2 ** (np.finfo(dtype).nmant + 1))
        q = 2 * side + rank
        gamma = q * unit / (1 - q * unit)
        total = abs(weights).sum() * abs(exactly(X)).max()
        bound = (gamma * Fraction(found.met) + Fraction(found.lost)) * total + gamma * abs(Fraction(float(u)))
        errors = abs(got - wanted)
        assert errors.max() <= bound <= 1000 * max(errors.max(), unit * abs(wanted).max())


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_equal_weights_keep_infinities_to_their_windows(value: float) -> None:
    X = DRAW.integers(-3, 4, (2, 30, 31)).astype(np.float32)
    X[1, 12, 7] = value
    reached = np.zeros(X.shape, bool)
    reached[1, 10:15, 5:10] = True
    H = kernel("conv2d").plan(X.shape, np.ones((5, 5), np.float32), algorithm="box")(X)
    assert np.array_equal(~np.isfinite(H), reached)


def test_sums_by_doubling() -> None:
    for count in range(1, 70):
        for step in (1, 3):
            source = DRAW.integers(-9, 10, 40 + step * (count - 1) + 5)
            out, spare = np.empty_like(source), np.empty_like(source)
            kept = source.copy()
            primitives.doubled(source, out, spare, step, count, 40)
            wanted = sum(source[step * b : step * b + 40] for b in range(count))
            assert np.array_equal(out[:40], wanted) and np.array_equal(source, kept)


class Counting:
    """A function that counts its calls."""

    def __init__(self, function: Any) -> None:
        self.function, self.calls = function, 0

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.calls += 1
        return self.function(*arguments, **named)


def test_doubling_reads_nothing_beyond_what_is_summed_and_counts_its_additions(monkeypatch: pytest.MonkeyPatch) -> None:
    for count in range(1, 40):
        source = np.full(20 + 2 * (count - 1) + 3, None, object)
        source[: 20 + 2 * (count - 1)] = 1
        counted = Counting(np.add)
        with monkeypatch.context() as patch:
            patch.setattr(np, "add", counted)
            out = np.full_like(source, None)
            primitives.doubled(source, out, np.full_like(source, None), 2, count, 20)
        assert out[:20].tolist() == [count] * 20
        assert counted.calls == _doublings(count) <= 2 * max(0, count.bit_length() - 1)


SPLIT = {
    "box": np.ones((5, 5), np.float32),
    "lowrank": np.outer([1, 2, 3], [1, -1, 2]).astype(np.float32),
    "folded": np.array([[1, 2, 1], [3, 5, 3], [7, 7, 7]], np.float32),
}


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("algorithm", SPLIT)
def test_threads_give_the_same(algorithm: str, threads: int) -> None:
    pytest.importorskip("threadpoolctl", reason="threads of a plan need threadpoolctl")
    X = DRAW.integers(-4, 5, (43, 37)).astype(np.float32)
    alone = kernel("conv2d").plan(X.shape, SPLIT[algorithm], algorithm=algorithm)
    split = kernel("conv2d").plan(X.shape, SPLIT[algorithm], algorithm=algorithm, threads=threads)
    assert np.array_equal(alone(X), split(X))
    with ThreadPoolExecutor(8) as pool:
        assert all(np.array_equal(alone(X), H) for H in pool.map(alone, [X] * 16))


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("conv2d", "lowrank"),
        ("conv2d", "folded"),
        ("conv2d", "box"),
        ("depthwise2d", "lowrank"),
        ("depthwise2d", "box"),
    ],
)
def test_a_plan_by_values_has_the_gradients_of_the_layer(name: str, algorithm: str) -> None:
    """The sizes that values tell are the algorithm's own: a gradient has settings of the same names."""
    layer, more = kernel(name), (3,) if name == "depthwise2d" else ()
    X, G = (DRAW.integers(-3, 4, (2, 60, 50, *more)).astype(np.float32) for _ in range(2))
    V, u = np.full((5, 5, *more), 2, np.float32), np.zeros(more, np.float32)
    found = layer.plan(X.shape, V, u, algorithm=algorithm).vjp(X, G)
    wanted = layer.vjp(*(a.astype(int) for a in (X, V, u, G)))
    assert all(np.array_equal(np.rint(a), b) for a, b in zip(found, wanted, strict=True))
