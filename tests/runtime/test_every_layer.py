"""Plans of every layer by every algorithm: infinities under `strict`, data of any layout, and what a plan refuses."""

from __future__ import annotations

import inspect
from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest

import generated
from derive.registry import names
from tests.algorithms.supposed_forms import WINDOWS, window_of

LAYERS = names("derive.catalogue")
KNOWN = {"Delta": 1, "R": 1, "C": 3, "D": 4, "F": 2}
_SHARE = 4  # by day, one layer of so many
EACH = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.nightly if crc32(n.encode()) % _SHARE else ()) for n in LAYERS]
)


def posed(name, batch=()):
    """A layer with whole numbers for its arguments, and the sizes that a caller states."""
    of = getattr(generated, name).numpy
    letters = inspect.signature(of.shapes).parameters
    sizes = {letter: KNOWN.get(letter, 9 + k) for k, letter in enumerate(letters)}
    shapes, draw = of.shapes(**sizes), np.random.default_rng(0)
    lead = {key: batch if key in of.signature.batched else () for key in of.arguments}
    arrays = [draw.integers(-3, 4, (*lead[key], *shapes[key])).astype(np.float32) for key in of.arguments]
    return of, arrays, {s: sizes[s] for s in inspect.signature(of.sizes).parameters if s in sizes}


def plans(name, batch=(), strict=False):
    """The arguments, a plan by direct sums, and one by each algorithm: those of certain values with weights that have them."""
    of, (X, *weights), sizes = posed(name, batch)
    told = {"dtype": np.float32, "accuracy": "strict" if strict else "default", **sizes}
    for algorithm in (*of.algorithms, *of.valued):
        if strict and not algorithm.strict:
            continue
        given = weights
        if algorithm in of.valued and algorithm.name in WINDOWS:
            made = window_of(algorithm.name, name, weights[0].shape, np.random.default_rng(1), _entries)
            given = [made.astype(np.float32), *weights[1:]]
        plan = planned(of, X.shape, *given, algorithm=algorithm.name, **told)
        if plan is not None:
            yield X, of.plan(X.shape, *given, algorithm="direct", **told), plan


def planned(of, *given, algorithm, **told):
    """The plan; None for an algorithm that is for other sizes alone."""
    serves = [a for a in (*of.algorithms, *of.valued) if a.name == algorithm]
    try:
        return of.plan(*given, algorithm=algorithm, **told)
    except TypeError as refused:
        if not serves or "is for" not in str(refused):
            raise
        return None


def _entries(draw, shape):
    return draw.integers(1, 4, shape)


@EACH
@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_infinities_reach_the_results_alone_whose_window_holds_them(name, value):
    """By all that `strict` admits; a layer whose results add up all items has a batch of them here."""
    for X, direct, plan in plans(name, (2,), strict=True):
        clean = plan(X)
        assert np.array_equal(clean, direct(X)), plan
        for place in ((0,) * X.ndim, tuple(n // 2 for n in X.shape), tuple(n - 1 for n in X.shape)):
            met = X.copy()
            met[place] = value
            with np.errstate(invalid="ignore"):
                got, wanted = plan(met), direct(met)
            assert np.array_equal(np.isfinite(got), np.isfinite(wanted)), (plan, place)
            assert np.array_equal(got[np.isfinite(got)], clean[np.isfinite(got)]), (plan, place)
            assert np.array_equal(np.isnan(got), np.isnan(wanted))


@EACH
@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_infinities_reach_the_gradients_alone_that_read_them(name, value):
    """Against direct sums, by each algorithm that `strict` admits for a gradient."""
    of, (X, *weights), sizes = posed(name, (2,))
    direct = {key: replace(g, algorithms=()) for key, g in of.gradients.items()}
    pairs = [(key, a) for key, g in of.gradients.items() for a in g.algorithms if a.strict]
    if not {*of.arguments} <= {*of.gradients}:
        return
    told = {"dtype": np.float32, "accuracy": "strict", **sizes}
    summed = replace(of, gradients=direct).plan(X.shape, *weights, **told)
    G = np.random.default_rng(2).integers(-3, 4, summed.result).astype(np.float32)
    G[tuple(n // 2 for n in G.shape)] = value
    with np.errstate(invalid="ignore"):
        wanted = dict(zip(of.arguments, summed.vjp(X, G), strict=True))
    for key, algorithm in pairs:
        alone = replace(of.gradients[key], algorithms=(algorithm,), work=None)
        plan = replace(of, gradients={**direct, key: alone}).plan(X.shape, *weights, **told)
        with np.errstate(invalid="ignore"):
            got = dict(zip(of.arguments, plan.vjp(X, G), strict=True))[key]
        assert plan.gradients[key].choice.name == algorithm.name
        assert np.array_equal(got, wanted[key], equal_nan=True), (key, algorithm.name)


@EACH
def test_data_of_any_layout_give_the_same(name):
    for X, _, plan in plans(name):
        wanted, wide = plan(X), np.zeros([2 * n for n in X.shape], X.dtype)
        steps = wide[(slice(None, None, 2),) * X.ndim]
        steps[...] = X
        out = np.empty(plan.result, np.float32, order="F")
        for made in (np.asfortranarray(X), np.flip(np.flip(X).copy()), steps):
            assert np.array_equal(plan(made), wanted) and np.array_equal(plan(made, out=out), wanted), plan


@EACH
def test_what_a_plan_does_not_take_is_refused(name):
    of, (X, *weights), sizes = posed(name)
    for algorithm in ("direct", *(a.name for a in of.algorithms)):
        plan = planned(of, X.shape, *weights, dtype=np.float32, algorithm=algorithm, **sizes)
        if plan is None:
            continue
        kept, letter = plan(X), of.data
        for wrong in (X[..., None], X[0], X[:0]):
            with pytest.raises((ValueError, TypeError), match=rf"^{name}: (a plan takes )?{letter} "):
                plan(wrong)
        for kind in (np.float16, np.float64, np.int64, bool, object, complex):
            with pytest.raises(TypeError, match=rf"^{name}: {letter} has dtype \w+; this plan is for float32\.$"):
                plan(X.astype(kind))
        fixed, room = np.empty(plan.result, np.float32), np.empty(X.size + kept.size, np.float32)
        fixed.flags.writeable = False
        data, over = room[: X.size].reshape(X.shape), room[X.size - 1 : X.size - 1 + kept.size].reshape(plan.result)
        data[...] = X
        for out in (fixed, np.empty((*plan.result, 1), np.float32), np.empty(plan.result), over, kept.tolist()):
            with pytest.raises((ValueError, TypeError), match=rf"^{name}: out "):
                plan(data, out=out)
        assert np.array_equal(data, X)
    for algorithm, reason in of.unfit.items():
        with pytest.raises(TypeError) as refused:
            of.plan(X.shape, *weights, dtype=np.float32, algorithm=algorithm, **sizes)
        assert str(refused.value) == f"{name}: algorithm {algorithm!r} does not apply: {reason}."
