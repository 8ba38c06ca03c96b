"""Plans: bound to a shape and to weights, re-entrant, explained, and refusing what doesn't fit."""

from __future__ import annotations

import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest

import generated
from derive.compiled import load_source
from derive.pipeline import layer
from derive.runtime import threads as held
from derive.runtime.machine import Machine
from derive.runtime.planning import candidates
from tests.shipped import text_of

DRAW = np.random.default_rng(0)


@cache
def kernel(name):
    """The emitted NumPy kernel."""
    return getattr(load_source(text_of(layer(name), "numpy"), "numpy"), name)


conv, bank, vector = (partial(kernel, name) for name in ("conv2d", "conv2d_channels", "conv1d"))
NAMES = [a.name for a in generated.conv2d.numpy.algorithms]  # those of the shipped module, which need no derivation


def whole(*shape, dtype=np.float32):
    """Small integers, of which floats make no error."""
    return DRAW.integers(-3, 4, shape).astype(dtype)


def test_the_shipped_module_has_the_algorithms_of_a_new_one():
    assert [a.name for a in conv().algorithms] == NAMES


@pytest.mark.parametrize("algorithm", ["auto", "direct", *NAMES])
@pytest.mark.parametrize("batch", [(), (3,), (2, 2)])
def test_a_plan_gives_what_the_layer_gives(algorithm, batch):
    X, V, u = whole(*batch, 37, 23), whole(5, 5), np.float32(2)
    plan = conv().plan(X.shape, V, u, algorithm=algorithm)
    wanted = conv()(X.astype(int), V.astype(int), 2)
    out = np.empty_like(X)
    assert plan(X, out=out) is out
    assert np.array_equal(np.rint(out), wanted) and np.array_equal(plan(X), out)  # transforms round whole numbers too
    assert plan.algorithm in ("direct", *NAMES) and (algorithm == "auto" or plan.algorithm == algorithm)


def test_copies_of_weights_begin_at_a_line_of_the_cache():
    wide = np.ones((3, 3, 5, 8), np.float32)[:, :, 1:, :7]
    plan = bank().plan((6, 5, 4), wide, np.arange(7, dtype=np.float32))
    own = [plan.operands[key] for key in ("V", "u")]
    assert all(a.__array_interface__["data"][0] % 64 == 0 and a.flags.c_contiguous for a in own)
    assert (own[0] == wide).all()
    assert (own[1] == np.arange(7)).all()


def test_weights_are_copied_and_choices_hold_for_every_filter():
    X, V, W = whole(20, 21), whole(3, 3), whole(3, 3)
    first, second = conv().plan(X.shape, V), conv().plan(X.shape, W)
    before = conv()(X, V, np.float32(0))
    kept, V[...] = V.copy(), 100
    assert np.array_equal(first(X), before) and np.array_equal(second(X), conv()(X, W, np.float32(0)))
    assert not np.array_equal(conv()(X, V, np.float32(0)), before)
    V[...] = kept
    assert np.array_equal(conv()(X, V, np.float32(0)), before)


@pytest.mark.parametrize("algorithm", ["direct", *NAMES])
def test_one_plan_from_eight_threads(algorithm):
    V = whole(3, 3)
    plan = conv().plan((64, 50), V, algorithm=algorithm)
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
    plan = replace(conv().plan(X.shape, V, threads=threads), threads=threads)
    assert np.array_equal(plan(X), conv().plan(X.shape, V)(X))


def _used(kernel, sizes, threads, itemsize=4, **constants):
    """How many threads each algorithm uses, by its name, with the seconds that it takes then."""
    machine = Machine(**constants)
    listed = candidates(kernel.algorithms, kernel.work, sizes, itemsize, False, False, machine, threads=threads)
    return {c.choice.name: (c.threads, c.seconds) for c in listed}


IMAGE = {"n": 1000, "m": 1000, "Delta": 1, "batch": 1}


def test_small_work_is_not_split():
    """By the constants of a machine alone: what handing on a task costs is what it must save."""
    small = _used(conv(), {**IMAGE, "n": 32, "m": 32}, 2)
    assert {threads for threads, _ in small.values()} == {1}
    few = _used(bank(), {"n": 7, "m": 7, "C": 16, "D": 16, "Delta": 1, "batch": 1}, 8)
    assert {threads for threads, _ in few.values()} == {1}


def test_large_work_is_split_and_the_more_a_task_costs_the_less():
    large = {**IMAGE, "n": 4000, "m": 4000, "Delta": 3}
    alone, both = _used(conv(), large, 1)["rows"][1], _used(conv(), large, 2)["rows"]
    assert both[0] == 2 and alone / 2 < both[1] < 0.7 * alone
    counts = [_used(conv(), large, 8, thread_start=cost)["rows"][0] for cost in (1e-7, 1e-4, 1e-3, 1)]
    assert counts == sorted(counts, reverse=True) and counts[0] == 8 and counts[-1] == 1
    layers = {"n": 56, "m": 56, "C": 64, "D": 64, "Delta": 1, "batch": 8}
    assert all(threads == 2 for name, (threads, _) in _used(bank(), layers, 2).items() if name != "direct")


def test_tiles_are_counted_as_they_are_run(monkeypatch):
    """Along the axis that threads share: the outermost tiles of an item."""
    sizes = {"n": 37, "m": 23, "Delta": 1, "batch": 1}
    for algorithm in conv().algorithms:
        if algorithm.tiled is None:
            continue
        plan, run = conv().plan((37, 23), whole(3, 3), algorithm=algorithm.name), []
        cut = algorithm.body.__globals__["tiles"]
        monkeypatch.setitem(
            algorithm.body.__globals__, "tiles", lambda *at, cut=cut, run=run: run.append(at) or cut(*at)
        )
        plan(whole(37, 23))
        assert algorithm.parts(**sizes, **plan.choice.knobs) == len(list(cut(*run[0]))), algorithm.name


def test_no_tile_is_cut_in_two_for_threads():
    """Half of the places in the room of all would take as long as all of them."""
    volume, sizes = kernel("conv3d"), {"n": 128, "m": 128, "p": 128, "Delta": 1, "batch": 1}
    listed = candidates(volume.algorithms, None, sizes, 4, False, False, Machine(), threads=2)
    split = [c.choice for c in listed if c.threads == 2]
    assert split and all(c.algorithm.parts(**sizes, **c.knobs) >= 2 for c in split)


def test_more_threads_are_never_predicted_to_take_longer():
    for side in (4, 16, 64, 256):
        seconds = [_used(conv(), {**IMAGE, "n": side, "m": side}, k)["rows"][1] for k in (1, 2, 3, 8)]
        assert seconds == sorted(seconds, reverse=True)


def test_a_plan_says_how_many_threads_it_uses():
    pytest.importorskip("threadpoolctl", reason="threads of a plan need threadpoolctl")
    small, large = (conv().plan((side, side), whole(3, 3), threads=2) for side in (16, 4000))
    assert small.threads == 1 and "is split over" not in str(small.explain())
    assert large.threads == 2 and "A call is split over 2 threads." in " ".join(str(large.explain()).split())


def test_threads_without_threadpoolctl_are_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with pytest.raises(TypeError, match=r"^threads= needs threadpoolctl, which holds BLAS to one thread;"):
        conv().plan((4, 4), whole(3, 3), threads=2)


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
    known = [a for a in conv().algorithms if a.name == algorithm]
    if known and not known[0].strict:
        pytest.skip("an algorithm with another bound is not strict")
    H = conv().plan(X.shape, V, accuracy="strict", algorithm=algorithm)(X)
    reached = np.zeros(H.shape, bool)
    reached[1, 11:14, 6:9] = True
    assert np.array_equal(~np.isfinite(H), reached)
    clean = np.where(np.isfinite(X), X, 0)
    assert np.array_equal(H[~reached], conv()(clean, V, np.float32(0))[~reached])


def test_strict_plans_sum_no_tile_directly_that_is_finite():
    """Far from an infinity, results are those of the algorithm, bit for bit, and not those of direct sums."""
    X, V = (DRAW.standard_normal(shape).astype(np.float32) for shape in ((400, 301), (5, 5)))
    clean = conv().plan(X.shape, V, algorithm="rows", accuracy="strict")(X)
    direct = conv().plan(X.shape, V, algorithm="direct")(X)
    X[200, 100] = np.inf
    H = conv().plan(X.shape, V, algorithm="rows", accuracy="strict")(X)
    assert not np.array_equal(clean[:100], direct[:100])
    assert np.array_equal(H[:100], clean[:100]) and np.array_equal(H[300:], clean[300:])
    assert np.array_equal(H[196:198], direct[196:198]) and np.isinf(H[200, 100])


def test_weights_that_are_not_finite_are_summed_directly():
    V = np.array([[0, 0, 0], [0, np.nan, 0], [0, 0, 0]], np.float32)
    assert conv().plan((9, 9), V).algorithm == "direct"


def test_a_plan_of_several_channels_and_of_float64():
    X, V, u = whole(2, 9, 10, 4, dtype=float), whole(3, 3, 4, 6, dtype=float), whole(6, dtype=float)
    plan = bank().plan(X.shape, V, u)
    assert plan.dtype == np.float64 and np.array_equal(plan(X), bank()(X.astype(int), V.astype(int), u.astype(int)))
    half = conv().plan((8, 8), whole(3, 3, dtype=np.float16))
    assert half(whole(8, 8, dtype=np.float16)).dtype == np.float16


REFUSED = {
    "shape": (
        lambda: conv().plan((9, 9), whole(3, 3))(whole(9, 8)),
        r"X has shape \(9, 8\); this plan is for \(9, 9\)\.",
    ),
    "dtype": (
        lambda: conv().plan((9, 9), whole(3, 3))(whole(9, 9, dtype=float)),
        "X has dtype float64; this plan is for",
    ),
    "no array": (lambda: conv().plan((1,), whole(3, 3))([1.0]), r"X has shape \(1,\); it needs at least 2 axes"),
    "a list": (lambda: vector().plan((4,), whole(3))([1.0]), "a plan takes X as a numpy.ndarray; this is a list"),
    "no weights": (lambda: conv().plan((9, 9)), r"conv2d\.plan takes a shape and V, u; V is missing\."),
    "too many": (lambda: conv().plan((9, 9), whole(3, 3), 0.0, 1.0), "more were given"),
    "algorithm": (
        lambda: conv().plan((9, 9), whole(3, 3), algorithm="magic"),
        "has no algorithm 'magic'; there are auto, ",
    ),
    "unfit": (
        lambda: conv().plan((9, 9), whole(3, 3), algorithm="toeplitz"),
        "algorithm 'toeplitz' does not apply: it needs a window along the last axis alone",
    ),
    "no name of an algorithm": (
        lambda: conv().plan((9, 9), whole(3, 3), algorithm=[]),
        r"algorithm is a name, such as 'auto', not \[\]",
    ),
    "masked weights": (
        lambda: conv().plan((9, 9), np.ma.array(whole(3, 3), mask=True)),
        r"V is a masked array; fill it, as in V\.filled\(0\)",
    ),
    "accuracy": (
        lambda: conv().plan((9, 9), whole(3, 3), accuracy="high"),
        "accuracy is 'default' or 'strict', not 'high'",
    ),
    "threads": (
        lambda: conv().plan((9, 9), whole(3, 3), threads=0),
        "threads is a natural number of at least 1, not 0",
    ),
    "complex numbers": (lambda: conv().plan((9, 9), whole(3, 3), dtype=complex), "needs floats, not complex128"),
    "integers": (lambda: conv().plan((9, 9), whole(3, 3), dtype=int), "needs floats; for int64 call conv2d itself"),
    "wider weights": (
        lambda: conv().plan((9, 9), whole(3, 3, dtype=float), dtype=np.float32),
        "float32 with these weights gives float64",
    ),
    "a shape of one number": (
        lambda: conv().plan(9, whole(3, 3)),
        "shape is that of X, a tuple of natural numbers, not 9",
    ),
    "a shape of truths": (lambda: conv().plan((True, 9), whole(3, 3)), r"natural numbers, not \(True, 9\)"),
    "a negative extent": (lambda: conv().plan((-1, 9), whole(3, 3)), r"natural numbers, not \(-1, 9\)"),
    "a shape of floats": (lambda: conv().plan((9.0, 9), whole(3, 3)), r"natural numbers, not \(9.0, 9\)"),
    "an array for its shape": (
        lambda: conv().plan(whole(5, 9), whole(3, 3)),
        r"natural numbers, not an array of shape \(5, 9\)",
    ),
    "an accuracy for every place": (
        lambda: conv().plan((5, 9), whole(3, 3), accuracy=whole(2)),
        r"accuracy is 'default' or 'strict', not an array of shape \(2,\)",
    ),
    "no shape": (lambda: conv().plan(None, whole(3, 3)), "natural numbers, not None"),
    "no type": (lambda: conv().plan((9, 9), whole(3, 3), dtype="no"), "dtype is NumPy's name of a type, not 'no'"),
    "a word for weights": (lambda: conv().plan((9, 9), "ab"), "V has dtype <U2; it needs real numbers"),
    "a word for a bias": (lambda: conv().plan((9, 9), whole(3, 3), "x"), "u has dtype <U1; it needs real numbers"),
    "ragged weights": (lambda: conv().plan((9, 9), [[1, 2], [3]]), "V "),
    "even window": (lambda: conv().plan((9, 9), whole(2, 2)), "V has shape"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_fit_is_refused_in_one_sentence(what):
    call, message = REFUSED[what]
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_weights_may_be_lists_as_in_a_call():
    V = [[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]
    X = whole(9, 9, dtype=float)
    assert np.array_equal(conv().plan([9, 9], V)(X), conv()(X, V, 0.0))


def test_an_output_must_fit():
    plan, X = conv().plan((9, 9), whole(3, 3)), whole(9, 9)
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
    plan = conv().plan((0, 5, 5), whole(9, 9), algorithm=algorithm)
    assert plan(np.empty((0, 5, 5), np.float32)).shape == (0, 5, 5)


@pytest.mark.parametrize("X", [None, [1.0] * 9, np.ones(8), np.ones(9, np.float32)])
def test_an_error_bound_is_asked_for_what_a_call_takes(X):
    """In the words of a call."""
    plan = vector().plan((9,), np.ones(3), 0.0)
    with pytest.raises((TypeError, ValueError)) as called:
        plan(X)
    with pytest.raises(type(called.value)) as asked:
        plan.error_bound(X)
    assert str(asked.value) == str(called.value)
    assert X is not None or "this is a NoneType." in str(asked.value)


@pytest.mark.parametrize(
    ("kernel_of", "shape", "window"), [(conv, (300, 400), (3, 3)), (bank, (2, 40, 50, 12), (3, 3, 12, 20))]
)
def test_the_memory_that_is_told_is_what_a_call_takes(kernel_of, shape, window):
    """Direct sums too, which allocate as they go: a quarter more at most, for views and what is small."""
    X, V, made = whole(*shape), whole(*window), kernel_of()
    for candidate in made.plan(shape, V).explain().candidates:
        plan = made.plan(shape, V, algorithm=candidate.choice.name)
        told, out = plan.explain().candidates[0].room, np.empty(plan.result, plan.dtype)
        tracemalloc.start()
        plan(X, out=out)
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert 0.5 * told <= taken <= 1.25 * told + 65536, candidate.choice.name
