"""Plans: bound to a shape and to weights, re-entrant, explained, and refusing what doesn't fit."""

from __future__ import annotations

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from derive.pipeline import layer, load_source
from derive.runtime import threads as held

DRAW = np.random.default_rng(0)


def kernel(name):
    """The emitted NumPy kernel."""
    return getattr(load_source(layer(name).source("numpy"), "numpy"), name)


CONV, BANK, VECTOR = kernel("conv2d"), kernel("conv2d_channels"), kernel("conv1d")
NAMES = [a.name for a in CONV.algorithms]


def whole(*shape, dtype=np.float32):
    """Small integers, of which floats make no error."""
    return DRAW.integers(-3, 4, shape).astype(dtype)


@pytest.mark.parametrize("algorithm", ["auto", "direct", *NAMES])
@pytest.mark.parametrize("batch", [(), (3,), (2, 2)])
def test_a_plan_gives_what_the_layer_gives(algorithm, batch):
    X, V, u = whole(*batch, 37, 23), whole(5, 5), np.float32(2)
    plan = CONV.plan(X.shape, V, u, algorithm=algorithm)
    wanted = CONV(X.astype(int), V.astype(int), 2)
    out = np.empty_like(X)
    assert plan(X, out=out) is out
    assert np.array_equal(np.rint(out), wanted) and np.array_equal(plan(X), out)  # transforms round whole numbers too
    assert plan.algorithm in ("direct", *NAMES) and (algorithm == "auto" or plan.algorithm == algorithm)


def test_weights_are_copied_and_choices_hold_for_every_filter():
    X, V, W = whole(20, 21), whole(3, 3), whole(3, 3)
    first, second = CONV.plan(X.shape, V), CONV.plan(X.shape, W)
    before = CONV(X, V, np.float32(0))
    kept, V[...] = V.copy(), 100
    assert np.array_equal(first(X), before) and np.array_equal(second(X), CONV(X, W, np.float32(0)))
    assert not np.array_equal(CONV(X, V, np.float32(0)), before)
    V[...] = kept
    assert np.array_equal(CONV(X, V, np.float32(0)), before)


@pytest.mark.parametrize("algorithm", ["direct", *NAMES])
def test_one_plan_from_eight_threads(algorithm):
    V = whole(3, 3)
    plan = CONV.plan((64, 50), V, algorithm=algorithm)
    inputs = [whole(64, 50) for _ in range(32)]
    alone = [plan(X) for X in inputs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(plan, inputs))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize("threads", [2, 3, 8])
@pytest.mark.parametrize("batch", [(), (2,), (9,)])
def test_threads_of_its_own_give_the_same(threads, batch):
    pytest.importorskip("threadpoolctl", reason="threads of a plan need threadpoolctl")
    X, V = whole(*batch, 41, 30), whole(3, 3)
    assert np.array_equal(CONV.plan(X.shape, V, threads=threads)(X), CONV.plan(X.shape, V)(X))


def test_threads_without_threadpoolctl_are_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with pytest.raises(TypeError, match=r"^threads= needs threadpoolctl, which holds BLAS to one thread;"):
        CONV.plan((4, 4), whole(3, 3), threads=2)


def test_an_error_in_one_task_is_raised_when_all_have_ended():
    done = []

    def fails():
        raise ValueError("no")

    with pytest.raises(ValueError, match=r"^no$"):
        held.run_together([lambda: done.append(1), fails, lambda: done.append(2)])
    assert sorted(done) == [1, 2]


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("algorithm", ["auto", *NAMES])
def test_strict_plans_keep_infinities_to_their_windows(algorithm, value):
    X, V = whole(2, 30, 31), np.ones((3, 3), np.float32)
    X[1, 12, 7] = value
    known = [a for a in CONV.algorithms if a.name == algorithm]
    if known and not known[0].strict:
        pytest.skip("an algorithm with another bound is not strict")
    H = CONV.plan(X.shape, V, accuracy="strict", algorithm=algorithm)(X)
    reached = np.zeros(H.shape, bool)
    reached[1, 11:14, 6:9] = True
    assert np.array_equal(~np.isfinite(H), reached)
    clean = np.where(np.isfinite(X), X, 0)
    assert np.array_equal(H[~reached], CONV(clean, V, np.float32(0))[~reached])


def test_weights_that_are_not_finite_are_summed_directly():
    V = np.array([[0, 0, 0], [0, np.nan, 0], [0, 0, 0]], np.float32)
    assert CONV.plan((9, 9), V).algorithm == "direct"


def test_the_explanation_names_candidates_bound_and_reasons():
    text = str(CONV.plan((100, 90), whole(5, 5)).explain())
    told = " ".join(text.split())
    assert "rows" in told and "direct" in told and "is predicted to be the quickest" in told
    assert "the bound of 25 products summed in any order" in told
    assert "toeplitz does not apply: it needs a window along the last axis alone." in told
    assert max(map(len, text.splitlines())) <= 80
    explained = CONV.plan((100, 90), whole(5, 5)).explain()
    assert explained.candidates[0].seconds == min(c.seconds for c in explained.candidates)
    assert explained.candidates[0].counted.operations > 0 and set(explained.unfit) >= {"toeplitz"}


def test_a_plan_of_several_channels_and_of_float64():
    X, V, u = whole(2, 9, 10, 4, dtype=float), whole(3, 3, 4, 6, dtype=float), whole(6, dtype=float)
    plan = BANK.plan(X.shape, V, u)
    assert plan.dtype == np.float64 and np.array_equal(plan(X), BANK(X.astype(int), V.astype(int), u.astype(int)))
    half = CONV.plan((8, 8), whole(3, 3, dtype=np.float16))
    assert half(whole(8, 8, dtype=np.float16)).dtype == np.float16


REFUSED = {
    "shape": (
        lambda: CONV.plan((9, 9), whole(3, 3))(whole(9, 8)),
        r"X has shape \(9, 8\); this plan is for \(9, 9\)\.",
    ),
    "dtype": (
        lambda: CONV.plan((9, 9), whole(3, 3))(whole(9, 9, dtype=float)),
        "X has dtype float64; this plan is for",
    ),
    "no array": (lambda: CONV.plan((1,), whole(3, 3))([1.0]), r"X has shape \(1,\); it needs at least 2 axes"),
    "a list": (lambda: VECTOR.plan((4,), whole(3))([1.0]), "a plan takes X as a numpy.ndarray; this is a list"),
    "no weights": (lambda: CONV.plan((9, 9)), r"conv2d\.plan takes a shape and V, u; V is missing\."),
    "too many": (lambda: CONV.plan((9, 9), whole(3, 3), 0.0, 1.0), "more were given"),
    "algorithm": (
        lambda: CONV.plan((9, 9), whole(3, 3), algorithm="magic"),
        "has no algorithm 'magic'; there are auto, ",
    ),
    "unfit": (
        lambda: CONV.plan((9, 9), whole(3, 3), algorithm="toeplitz"),
        "algorithm 'toeplitz' does not apply: it needs a window along the last axis alone",
    ),
    "accuracy": (
        lambda: CONV.plan((9, 9), whole(3, 3), accuracy="high"),
        "accuracy is 'default' or 'strict', not 'high'",
    ),
    "threads": (lambda: CONV.plan((9, 9), whole(3, 3), threads=0), "threads is a natural number of at least 1, not 0"),
    "integers": (lambda: CONV.plan((9, 9), whole(3, 3), dtype=int), "needs floats; for int64 call conv2d itself"),
    "wider weights": (
        lambda: CONV.plan((9, 9), whole(3, 3, dtype=float), dtype=np.float32),
        "float32 with these weights gives float64",
    ),
    "even window": (lambda: CONV.plan((9, 9), whole(2, 2)), "V has shape"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_fit_is_refused_in_one_sentence(what):
    call, message = REFUSED[what]
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_an_output_must_fit():
    plan, X = CONV.plan((9, 9), whole(3, 3)), whole(9, 9)
    read_only = np.empty_like(X)
    read_only.flags.writeable = False
    for out in (X, read_only, np.empty((9, 8), np.float32), np.empty((9, 9))):
        with pytest.raises(ValueError, match=r"^conv2d: out "):
            plan(X, out=out)
    gaps = np.empty((9, 18), np.float32)[:, ::2]
    assert np.array_equal(plan(X, out=gaps), plan(X))
    assert np.array_equal(plan(X[::-1, ::-1]), plan(X[::-1, ::-1].copy()))


@pytest.mark.parametrize("algorithm", ["auto", *NAMES])
def test_a_batch_of_no_items_has_no_results(algorithm):
    plan = CONV.plan((0, 5, 5), whole(9, 9), algorithm=algorithm)
    assert plan(np.empty((0, 5, 5), np.float32)).shape == (0, 5, 5)


def slopes(kernel, *arguments):
    """The gradients as the layer gives them, of whole numbers."""
    return kernel.vjp(*(np.asarray(a).astype(int) for a in arguments))


@pytest.mark.parametrize("accuracy", ["default", "strict"])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("batch", [(), (2,), (2, 2), (0,)])
def test_a_plan_gives_the_gradients_that_the_layer_gives(batch, threads, accuracy):
    pytest.importorskip("threadpoolctl", reason="threads of a plan need threadpoolctl")
    X, V, u, G = whole(*batch, 9, 8, 3), whole(3, 3, 3, 4), whole(4), whole(*batch, 9, 8, 4)
    plan = BANK.plan(X.shape, V, u, threads=threads, accuracy=accuracy)
    for _ in range(2):
        found = plan.vjp(X, G)
        for got, wanted in zip(found, slopes(BANK, X, V, u, G), strict=True):
            assert got.dtype == np.float32 and np.array_equal(np.rint(got), wanted)
    half = BANK.plan(X.shape, V.astype(np.float16), u.astype(np.float16))
    assert {g.dtype for g in half.vjp(X.astype(np.float16), G.astype(np.float16))} == {np.dtype(np.float16)}


def test_gradients_of_a_plan_are_by_its_own_weights():
    X, V, G = whole(12, 11), whole(3, 3), whole(12, 11)
    plan = CONV.plan(X.shape, V)
    wanted, V[...] = slopes(CONV, X, V, 0, G), 100
    assert all(np.array_equal(np.rint(a), b) for a, b in zip(plan.vjp(X, G), wanted, strict=True))


def test_gradients_of_one_plan_from_eight_threads():
    plan = BANK.plan((2, 14, 9, 5), whole(3, 3, 5, 6))
    inputs = [(whole(2, 14, 9, 5), whole(2, 14, 9, 6)) for _ in range(16)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda pair: plan.vjp(*pair), inputs))
    for pair, found in zip(inputs, together, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(plan.vjp(*pair), found, strict=True))


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_strict_gradients_keep_infinities_to_what_reads_them(value):
    X, V, u, G = np.ones((2, 30, 31, 3), np.float32), np.ones((3, 3, 3, 2), np.float32), whole(2), whole(2, 30, 31, 2)
    G[1, 0, 7, 0] = value
    plan = BANK.plan(X.shape, V, u, accuracy="strict")
    dX, dV, du = plan.vjp(X, G)
    assert plan.gradients["V"].choice.name == "correlation_dV"
    reached = np.zeros(dX.shape, bool)
    reached[1, :2, 6:9] = True
    assert np.array_equal(~np.isfinite(dX), reached)
    assert not np.isfinite(dV[1:, ..., 0]).any()
    assert np.isfinite(dV[0]).all() and np.isfinite(dV[..., 1]).all()
    assert np.array_equal(np.isfinite(du), [False, True])
    lone, plan = G[..., 0].copy(), CONV.plan((2, 200, 31), V[..., 0, 0], accuracy="strict")
    dX, *_ = plan.vjp(np.zeros((2, 200, 31), np.float32), np.pad(lone, ((0, 0), (0, 170), (0, 0))))
    assert plan.gradients["X"].choice.name == "rows_dX" and np.array_equal(
        np.argwhere(~np.isfinite(dX)), np.argwhere(reached[..., 0])
    )


def test_a_gradient_of_a_plan_must_fit_and_be_there():
    plan, X = CONV.plan((9, 9), whole(3, 3)), whole(9, 9)
    for G, kind, message in (
        (whole(9, 8), ValueError, r"^conv2d: G has shape \(9, 8\); this plan is for \(9, 9\)\.$"),
        (whole(9, 9, dtype=float), TypeError, r"^conv2d: G has dtype float64; this plan is for float32\.$"),
        (X.tolist(), TypeError, r"^conv2d: a plan takes G as a numpy\.ndarray; this is a list\.$"),
    ):
        with pytest.raises(kind, match=message):
            plan.vjp(X, G)
        with pytest.raises(kind, match=message.replace("G", "X")):
            plan.vjp(G, X)
    partly = replace(CONV, gradients={"X": CONV.gradients["X"]})
    with pytest.raises(NotImplementedError, match=r"^conv2d: this plan: there is no kernel for the gradient by V\.$"):
        partly.plan((9, 9), whole(3, 3)).vjp(X, X)


def test_a_layer_that_adds_up_its_items_is_planned():
    """The gradient by filters as a layer: its result has no items, and an infinity stays with what reads it."""
    layer_dV = kernel("conv2d_channels_dV")
    G, X = whole(3, 6, 5, 4), whole(3, 6, 5, 2)
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


SMALL = {"bands": (CONV, (20, 21), (3, 3), ()), "im2col": (BANK, (2, 6, 7, 3), (3, 3, 3, 4), (4,))}


@pytest.mark.parametrize("name", SMALL)
def test_calls_that_are_alike_share_nothing_that_values_determine(name):
    """Two filters of one shape, one changed in place, biases as arrays and as numbers, results kept from call to call."""
    layer_of, shape, window, bias = SMALL[name]
    X, V, W, u = whole(*shape), whole(*window), whole(*window), whole(*bias)
    kept = []
    for filters in (V, W, V, W):
        for u in (whole(*bias), whole(*bias)) if bias else (whole(), 2.0, 3, np.float32(1)):
            for out in (None, np.empty(kept[0][0].shape, np.float32) if kept else None):
                got = layer_of(X, filters, u, out=out)
                assert out is None or got is out
                kept.append((got, layer_of(X.astype(int), filters.astype(int), np.asarray(u).astype(int))))
        filters += 1
    for got, wanted in kept:
        assert got.dtype == np.float32 and np.array_equal(got, wanted)


def test_plain_calls_from_eight_threads():
    V, inputs = whole(3, 3), [whole(20, 21) for _ in range(64)]
    alone = [CONV(X, V, 1.0) for X in inputs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda X: CONV(X, V, 1.0), inputs))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_the_output_of_a_plain_call_must_fit():
    X, V = whole(9, 9), whole(3, 3)
    memory, owner = whole(20, 9), whole(9, 9)
    read_only = np.empty_like(X)
    read_only.flags.writeable = False
    for given, out, message in (
        (X, X, "out may share memory with X"),
        (memory[:9], memory[5:14], "out may share memory with X"),
        (owner[::-1], owner, "out may share memory with X"),
        (X, read_only, "out is read-only"),
        (X, np.empty((9, 8), np.float32), r"out has shape \(9, 8\)"),
        (X, np.empty((9, 9)), "out has dtype float64"),
    ):
        with pytest.raises(ValueError, match=f"^conv2d: {message}"):
            CONV(given, V, 0.0, out=out)
        with pytest.raises(ValueError, match=f"^conv2d: {message}"):
            CONV.plan((9, 9), V)(given, out=out)
    gaps = np.empty((9, 18), np.float32)[:, ::2]
    assert np.array_equal(CONV(X, V, 0.0, out=gaps), CONV(X, V, 0.0)) and np.array_equal(gaps, CONV(X, V, 0.0))
    beside = memory[:9], memory[10:19]
    assert np.array_equal(CONV(beside[0], V, 0.0, out=beside[1]), CONV(memory[:9].copy(), V, 0.0))


@pytest.mark.parametrize("u", [1e39, -1e39, np.inf, 2**200, np.float64(1e39), 2049])
def test_a_number_beside_arrays_is_read_anew_by_each_call(u):
    X, V = whole(9, 9), whole(3, 3)
    CONV(X, V, 1.0)
    plain = replace(CONV, algorithms=(), work=None)
    try:
        wanted = plain(X, V, u)
    except TypeError as refused:
        with pytest.raises(type(refused), match=f"^{re.escape(str(refused))}$"):
            CONV(X, V, u)
    else:
        got = CONV(X, V, u)
        assert got.dtype == wanted.dtype and np.array_equal(got, wanted)


def test_a_filter_that_is_not_finite_meets_no_structural_zeros_in_a_plain_call():
    X, V = np.ones((8, 9), np.float32), whole(3, 3)
    CONV(X, V, 0.0)
    V[0, 1] = np.inf
    assert np.isfinite(CONV(X, V, 0.0)[0]).all()
