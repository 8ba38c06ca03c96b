"""Calls of layers with algorithms: those that are alike share checks and working arrays, and nothing that values determine."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from tests.runtime.test_plan import bank, conv, whole

SMALL = {"bands": (conv, (20, 21), (3, 3), ()), "im2col": (bank, (2, 6, 7, 3), (3, 3, 3, 4), (4,))}


@pytest.mark.parametrize("name", SMALL)
def test_calls_that_are_alike_share_nothing_that_values_determine(name):
    """Two filters of one shape, one changed in place, biases as arrays and as numbers, results kept from call to call."""
    kernel, shape, window, bias = SMALL[name]
    layer_of = kernel()
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
    alone = [conv()(X, V, 1.0) for X in inputs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda X: conv()(X, V, 1.0), inputs))
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
            conv()(given, V, 0.0, out=out)
        with pytest.raises(ValueError, match=f"^conv2d: {message}"):
            conv().plan((9, 9), V)(given, out=out)
    gaps = np.empty((9, 18), np.float32)[:, ::2]
    assert np.array_equal(conv()(X, V, 0.0, out=gaps), conv()(X, V, 0.0)) and np.array_equal(gaps, conv()(X, V, 0.0))
    beside = memory[:9], memory[10:19]
    assert np.array_equal(conv()(beside[0], V, 0.0, out=beside[1]), conv()(memory[:9].copy(), V, 0.0))


@pytest.mark.parametrize("u", [1e39, -1e39, np.inf, 2**200, np.float64(1e39), 2049])
def test_a_number_beside_arrays_is_read_anew_by_each_call(u):
    X, V = whole(9, 9), whole(3, 3)
    conv()(X, V, 1.0)
    plain = replace(conv(), algorithms=(), work=None)
    try:
        wanted = plain(X, V, u)
    except TypeError as refused:
        with pytest.raises(type(refused), match=f"^{re.escape(str(refused))}$"):
            conv()(X, V, u)
    else:
        got = conv()(X, V, u)
        assert got.dtype == wanted.dtype and np.array_equal(got, wanted)


def test_a_filter_that_is_not_finite_meets_no_structural_zeros_in_a_plain_call():
    X, V = np.ones((8, 9), np.float32), whole(3, 3)
    conv()(X, V, 0.0)
    V[0, 1] = np.inf
    assert np.isfinite(conv()(X, V, 0.0)[0]).all()
