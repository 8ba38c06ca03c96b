"""Gradients of plans: those of the layer, by the plan's own weights, re-entrant, and refusing what doesn't fit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from tests.runtime.test_plan import bank, conv, kernel, whole


def slopes(kernel, *arguments):
    """The gradients as the layer gives them, of whole numbers."""
    return kernel.vjp(*(np.asarray(a).astype(int) for a in arguments))


@pytest.mark.parametrize("accuracy", ["default", "strict"])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("batch", [(), (2,), (2, 2), (0,)])
def test_a_plan_gives_the_gradients_that_the_layer_gives(batch, threads, accuracy):
    pytest.importorskip("threadpoolctl", reason="threads of a plan need threadpoolctl")
    X, V, u, G = whole(*batch, 9, 8, 3), whole(3, 3, 3, 4), whole(4), whole(*batch, 9, 8, 4)
    plan = bank().plan(X.shape, V, u, threads=threads, accuracy=accuracy)
    for _ in range(2):
        found = plan.vjp(X, G)
        for got, wanted in zip(found, slopes(bank(), X, V, u, G), strict=True):
            assert got.dtype == np.float32 and np.array_equal(np.rint(got), wanted)
    half = bank().plan(X.shape, V.astype(np.float16), u.astype(np.float16))
    assert {g.dtype for g in half.vjp(X.astype(np.float16), G.astype(np.float16))} == {np.dtype(np.float16)}


def test_gradients_of_a_plan_are_by_its_own_weights():
    X, V, G = whole(12, 11), whole(3, 3), whole(12, 11)
    plan = conv().plan(X.shape, V)
    wanted, V[...] = slopes(conv(), X, V, 0, G), 100
    assert all(np.array_equal(np.rint(a), b) for a, b in zip(plan.vjp(X, G), wanted, strict=True))


def test_gradients_of_one_plan_from_eight_threads():
    plan = bank().plan((2, 14, 9, 5), whole(3, 3, 5, 6))
    inputs = [(whole(2, 14, 9, 5), whole(2, 14, 9, 6)) for _ in range(16)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda pair: plan.vjp(*pair), inputs))
    for pair, found in zip(inputs, together, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(plan.vjp(*pair), found, strict=True))


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_strict_gradients_keep_infinities_to_what_reads_them(value):
    X, V, u, G = np.ones((2, 30, 31, 3), np.float32), np.ones((3, 3, 3, 2), np.float32), whole(2), whole(2, 30, 31, 2)
    G[1, 0, 7, 0] = value
    plan = bank().plan(X.shape, V, u, accuracy="strict")
    dX, dV, du = plan.vjp(X, G)
    assert plan.gradients["V"].choice.name == "correlation_dV"
    reached = np.zeros(dX.shape, bool)
    reached[1, :2, 6:9] = True
    assert np.array_equal(~np.isfinite(dX), reached)
    assert not np.isfinite(dV[1:, ..., 0]).any()
    assert np.isfinite(dV[0]).all() and np.isfinite(dV[..., 1]).all()
    assert np.array_equal(np.isfinite(du), [False, True])
    lone, plan = G[..., 0].copy(), conv().plan((2, 200, 31), V[..., 0, 0], accuracy="strict")
    dX, *_ = plan.vjp(np.zeros((2, 200, 31), np.float32), np.pad(lone, ((0, 0), (0, 170), (0, 0))))
    assert plan.gradients["X"].choice.name == "rows_dX"
    assert np.array_equal(np.argwhere(~np.isfinite(dX)), np.argwhere(reached[..., 0]))


def test_a_gradient_of_a_plan_must_fit_and_be_there():
    plan, X = conv().plan((9, 9), whole(3, 3)), whole(9, 9)
    for G, kind, message in (
        (whole(9, 8), ValueError, r"^conv2d: G has shape \(9, 8\); this plan is for \(9, 9\)\.$"),
        (whole(9, 9, dtype=float), TypeError, r"^conv2d: G has dtype float64; this plan is for float32\.$"),
        (X.tolist(), TypeError, r"^conv2d: a plan takes G as a numpy\.ndarray; this is a list\.$"),
    ):
        with pytest.raises(kind, match=message):
            plan.vjp(X, G)
        with pytest.raises(kind, match=message.replace("G", "X")):
            plan.vjp(G, X)
    partly = replace(conv(), gradients={"X": conv().gradients["X"]})
    with pytest.raises(NotImplementedError, match=r"^conv2d: this plan: there is no kernel for the gradient by V\.$"):
        partly.plan((9, 9), whole(3, 3)).vjp(X, X)


def test_a_layer_that_adds_up_its_items_is_planned():
    """The gradient by filters as a layer: its result has no items, and an infinity stays with what reads it."""
    layer_dV = kernel("conv2d_channels_dV")
    for batch in ((), (2, 2), (3,)):
        G, X = whole(*batch, 6, 5, 4), whole(*batch, 6, 5, 2)
        for algorithm in ("direct", "correlation"):
            plan = layer_dV.plan(G.shape, X, Delta=1, algorithm=algorithm, threads=2)
            assert np.array_equal(plan(G), layer_dV(G.astype(int), X.astype(int), Delta=1))
    G[1, 0, 0, 1] = np.inf
    finite = np.isfinite(plan(G))
    assert (
        not finite[..., 1].all()
        and finite[..., 0].all()
        and np.array_equal(finite, np.isfinite(layer_dV(G, X, Delta=1)))
    )
