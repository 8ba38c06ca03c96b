"""Many inputs at once for a plan: what it errs, as a part of its derived bound, and a search for the worst.

The exact result is stood in for by direct sums in a wider type, whose own derived bound is added to what is allowed: extended
precision for float64, at most 2^-11 of its bound, and float64 for narrower types, at most 2^-29.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from sympy import Symbol, true

import generated
from derive.compiled import load_source
from derive.forms.evaluate import evaluate
from tests.algorithms.supposed_forms import WINDOWS, window_of
from tests.ladder.floats import REGIMES
from tests.ladder.numbers import shapes_of
from tests.ladder.subjects import ELSEWHERE, LAYERS, Sizes, Subject, subject

__all__ = ["ITEMS", "Trial", "climbed", "norms", "planned", "ratios", "stated", "whole"]

ITEMS = 500
EACH = 70  # of a regime
_MOST = 10  # of a size
_ENTRIES = 600  # of an array


@dataclass(frozen=True)
class Trial:
    """A plan for some sizes, weights and knobs, with what is exact as far as it matters here."""

    plan: Any
    exact: Any
    shape: tuple[int, ...]

    def ratios(self, X: np.ndarray) -> np.ndarray:
        """|error| as a part of the bound for every result, and 0 where nothing is claimed."""
        with np.errstate(all="ignore"):
            got, bound = self.plan(X), self.plan.error_bound(X)
            wide = X.astype(self.exact.dtype)
            error = abs(got - self.exact(wide)) - self.exact.error_bound(wide)
            claimed = np.isfinite(bound)
            assert np.isfinite(got[claimed]).all(), f"{self.plan} is no number where its bound is claimed"
            return np.where(claimed & (error > 0), error / np.where(bound > 0, bound, 1), 0)


@lru_cache
def whole(name: str) -> Any:
    """The public object of a layer, with all its algorithms."""
    of = subject(name)
    return getattr(load_source(of.text, of.backend), of.name)


@lru_cache
def by(name: str, algorithm: str) -> Any:
    """The same with this algorithm alone: of others nothing is planned."""
    kernel = whole(name)
    kept = (tuple(a for a in every if a.name == algorithm) for every in (kernel.algorithms, kernel.valued))
    return replace(kernel, **dict(zip(("algorithms", "valued"), kept, strict=True)))


@lru_cache
def stated() -> tuple[tuple[str, str], ...]:
    """Every layer whose data alone have batch axes, with each of its algorithms, direct sums included, that states a bound.

    Those of weights with certain values are among them.
    """
    found = []
    for name in LAYERS:
        kernel = getattr(generated, name).numpy
        if kernel.signature.batched == (kernel.data, kernel.result) and kernel.steps is not None:
            every = (*kernel.algorithms, *kernel.valued)
            found += [(name, algorithm) for algorithm in ("direct", *(a.name for a in every))]
    return (*found, *ELSEWHERE)


def trials(name: str, algorithm: str, dtype: str, count: int, seed: int = 0, items: int = ITEMS) -> Iterator[Trial]:
    """Plans for weights of every regime and knobs that are chosen, at sizes that the algorithm serves."""
    of, draw = subject(name), np.random.default_rng(seed)
    regimes = sorted(REGIMES)
    for turn in range(count):
        sizes = _sizes(of, algorithm, random.Random(f"{seed} {turn}"))
        yield trial(of, algorithm, dtype, sizes, regimes[turn % len(regimes)], draw, items)


def trial(
    of: Subject, algorithm: str, dtype: str, sizes: Sizes, regime: str, draw: np.random.Generator, items: int = ITEMS
) -> Trial:
    """One plan for so many items."""
    shapes = shapes_of(of.form, sizes)
    made = {n: REGIMES[regime](draw, s, np.dtype(dtype), of.factors) for n, s in shapes.items() if n != of.data}
    weights = [made[n] for n in of.kernel.arguments[1:]]
    weights[:1] = [admitted(of.name, algorithm, window, draw) for window in weights[:1]]
    return planned(of, algorithm, (items, *shapes[of.data]), weights, sizes, dtype)


def planned(
    of: Subject, algorithm: str, shape: tuple[int, ...], weights: list[np.ndarray], sizes: Sizes, dtype: str
) -> Trial:
    """The plan of an algorithm and of direct sums in a wider type, for these weights."""
    stated = of.stated(sizes)
    plan = by(of.name, algorithm).plan(shape, *weights, algorithm=algorithm, dtype=dtype, **stated)
    kind = np.longdouble if np.dtype(dtype) == np.float64 else np.float64
    wide = [w.astype(kind) for w in weights]
    exact = by(of.name, "direct").plan(shape, *wide, algorithm="direct", dtype=kind, **stated)
    return Trial(plan, exact, shape)


def admitted(name: str, algorithm: str, window: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """The window, or one made of some of its entries that an algorithm for certain values admits."""
    if algorithm not in WINDOWS or algorithm in {a.name for a in whole(name).algorithms}:
        return window
    kind, entries = window.dtype, window.reshape(-1)

    def some(draw: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        if algorithm != "lowrank":
            return np.resize(entries, shape)
        if kind == np.float16:  # its plans compute in another type, for which its products are not nearly these
            return draw.integers(1, 4, shape) * draw.choice([-1, 1], shape)
        return draw.uniform(1, 2, shape) * draw.choice([-1, 1], shape)

    return np.asarray(window_of(algorithm, name, window.shape, draw, some), kind)


def _sizes(of: Subject, algorithm: str, draw: random.Random) -> Sizes:
    """Sizes that the form admits and the algorithm serves."""
    kernel = whole(of.name)
    every = (*kernel.algorithms, *kernel.valued)
    serves = next((a.serves for a in every if a.name == algorithm), lambda sizes: True)
    for _ in range(1000):
        sizes: dict[Symbol, int] = {s: draw.randint(1, 3 if s.name == "Delta" else _MOST) for s in of.form.sizes}
        fits = of.form.given.xreplace(sizes) in (True, true) and serves({s.name: v for s, v in sizes.items()})
        if fits and max(map(_entries, [*shapes_of(of.form, sizes).values(), _result(of, sizes)])) <= _ENTRIES:
            return sizes
    raise AssertionError(f"no sizes were found that {of.name} admits")


def _result(of: Subject, sizes: Sizes) -> tuple[int, ...]:
    """The shape of an item's result."""
    return tuple(int(evaluate(e, sizes)) for e in of.form.output.shape)


def _entries(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape))


def inputs(of: Subject, found: Trial, draw: np.random.Generator) -> Iterator[np.ndarray]:
    """Items of each regime: those of another would lend a call their largest entry, and with it their bound."""
    for regime in sorted(REGIMES):
        yield REGIMES[regime](draw, found.shape, found.plan.dtype, of.factors)


def ratios(name: str, algorithm: str, dtype: str, count: int, seed: int = 0, items: int = EACH) -> float:
    """The largest ratio over so many items of each regime, for each of `count` plans."""
    draw = np.random.default_rng(seed)
    return max(
        float(found.ratios(X).max(initial=0))
        for found in trials(name, algorithm, dtype, count, seed, items)
        for X in inputs(subject(name), found, draw)
    )


def climbed(name: str, algorithm: str, dtype: str = "float32", turns: int = 8, steps: int = 25) -> float:
    """The largest ratio that a search finds: from inputs that are known to be bad, those that err most are changed a little."""
    worst = 0.0
    for turn in range(turns):
        draw = np.random.default_rng(turn)
        found = _at_extremes(subject(name), algorithm, dtype, draw, turn)
        X = np.stack([_extreme(draw, found.shape[1:], dtype, k) for k in range(ITEMS)])
        for _ in range(steps):
            each = found.ratios(X).reshape(ITEMS, -1).max(axis=1, initial=0)
            worst = max(worst, float(each.max()))
            kept = np.argsort(each)[-ITEMS // 20 :]
            X = _changed(X[np.concatenate([kept] * 20)], draw)
    return worst


def _at_extremes(of: Subject, algorithm: str, dtype: str, draw: np.random.Generator, turn: int) -> Trial:
    """A plan without a bias whose weights are as bad as they come."""
    sizes = _sizes(of, algorithm, random.Random(f"{turn}"))
    shapes, biases = shapes_of(of.form, sizes), {p.name for p in of.form.biases}
    made = {n: _extreme(draw, shapes[n], dtype, turn) for n in of.kernel.arguments[1:]}
    weights = [w * (0 if n in biases else 1) for n, w in made.items()]
    weights[:1] = [admitted(of.name, algorithm, window, draw) for window in weights[:1]]
    return planned(of, algorithm, (ITEMS, *shapes[of.data]), weights, sizes, dtype)


def norms(name: str, dtype: str = "float32", turns: int = 5) -> float:
    """By transforms of Fourier: the largest norm of the errors of an item, as a part of γ_q·Σ|w|·(Σ x²)^½.

    An item is in one tile here, and without a bias, so that this is the bound on each of its results.
    """
    worst = 0.0
    for turn in range(turns):
        draw = np.random.default_rng(turn)
        found = _at_extremes(subject(name), "fft", dtype, draw, turn)
        X = np.stack([_extreme(draw, found.shape[1:], dtype, k) for k in range(ITEMS)])
        error = (found.plan(X) - found.exact(X.astype(found.exact.dtype))).reshape(ITEMS, -1)
        each = found.plan.error_bound(X).reshape(ITEMS, -1).max(axis=1)
        worst = max(worst, float((np.sqrt((error**2).sum(axis=1)) / each).max()))
    return worst


def _extreme(draw: np.random.Generator, shape: tuple[int, ...], dtype: Any, turn: int) -> np.ndarray:
    """Ones, ones with one among halves of their last place, full mantissas of either sign, or one entry alone."""
    eps = float(np.finfo(dtype).eps)
    match turn % 5:
        case 0:
            made = np.ones(shape)
        case 1:
            made = np.full(shape, eps / 2 * (1 + 4 * eps))
            made.flat[draw.integers(made.size)] = 1
        case 2:
            made = draw.uniform(1, 2, shape) * draw.choice([-1, 1], shape)
        case 3:
            made = np.zeros(shape)
            made.flat[draw.integers(made.size)] = 2 - eps
        case _:
            made = draw.uniform(1, 1 + 64 * eps, shape) * draw.choice([-1, 1], shape)
    return np.asarray(made, dtype)


def _changed(X: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """A few entries of each item with another sign, another mantissa, or another place; the first twentieth stays as it is."""
    flat = X.reshape(len(X), -1).copy()
    rows, width = np.arange(len(flat) // 20, len(flat)), flat.shape[1]
    for _ in range(max(1, width // 20)):
        places, others, kind = (draw.integers(most, size=len(rows)) for most in (width, width, 3))
        values = flat[rows, places]
        scaled = values * draw.uniform(1, 2, len(rows)).astype(X.dtype)
        flat[rows, places] = np.choose(kind, [-values, scaled, flat[rows, others]])
    return flat.reshape(X.shape)
