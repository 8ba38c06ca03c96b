"""Plans of kernels on a device: explained without one, run on a CPU that stands in."""

from __future__ import annotations

import re
import sys
from dataclasses import replace

import numpy as np
import pytest

from derive.compiled import load_source
from derive.cuda_check import standing_in_for_cupy
from derive.runtime.gpu import DEVICE, launched
from tests.ladder.subjects import has_compiler, subject

V = np.ones((3, 3), np.float32)


@pytest.fixture
def kernel():
    """A kernel that was loaded where there is no CuPy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "cupy", None)
        return load_source(subject("conv2d", "cupy").text, "cupy").conv2d


@pytest.fixture
def here():
    """A kernel on a CPU that stands in."""
    if not has_compiler():
        pytest.skip("no C++ compiler to run CUDA text with")
    return subject("conv2d", "cupy").kernel


def test_a_plan_is_explained_without_cupy(kernel):
    plan = kernel.plan((2, 4096, 4096), V)
    assert repr(plan) == "<cupy plan of conv2d on (2, 4096, 4096) float32 by strips, R=8, S=4>"
    told = plan.explain()
    assert [c.choice.name for c in told.candidates] == ["strips", "halos", "direct"]
    assert told.candidates[0].seconds < told.candidates[1].seconds < told.candidates[2].seconds
    assert [c.counted.operations for c in told.candidates] == [2 * 2 * 4096**2 * 9] * 3
    assert [c.counted.bytes for c in told.candidates] == [4 * (2 * 2 * 4096**2 + 10)] * 3
    assert told.errors[0] == told.errors[1] == pytest.approx(10 * 2**-24)
    text = " ".join(str(told).split())
    assert "strips is predicted to be the quickest (published figures of an H100; not measured)." in text
    assert "the bound of 9 products summed in any order" in text
    assert "parts does not apply: it needs results that add up all items." in text
    assert "passes does not apply: it needs products of windows along one axis each; 'V[a, b]' is of both." in text


def test_what_does_not_fit_is_told(kernel):
    told = kernel.plan((512, 512), np.ones((65, 65), np.float32)).explain()
    assert told.chosen == "direct"
    assert told.unfit["strips"] == "16900 products of a thread are more than the 2048 that are unrolled"


def test_a_call_says_what_is_missing(kernel):
    plan = kernel.plan((4, 5), V)
    sentence = "conv2d: CuPy is not installed; the wheel for CUDA 13 is cupy-cuda13x."
    for call in (lambda: plan(np.ones((4, 5), np.float32)), lambda: plan.vjp(V, V), lambda: kernel(V, V, 0.0)):
        with pytest.raises(ImportError, match=f"^{re.escape(sentence)}$"):
            call()


@pytest.mark.parametrize("algorithm", ["auto", "direct", "strips"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_plan_does_what_a_call_does(here, algorithm, dtype):
    draw = np.random.default_rng(0)
    X = draw.integers(-3, 4, (2, 13, 24)).astype(dtype)
    own = draw.integers(-3, 4, (3, 3)).astype(dtype)
    with standing_in_for_cupy() as cupy:
        data, window = cupy.asarray(X), cupy.asarray(own)
        wanted = here(data, window, 0.0)
        plan = here.plan(X.shape, window, dtype=dtype, algorithm=algorithm)
        window[...] = 0
        got = plan(data)
        assert got.dtype == dtype and np.array_equal(got.get(), wanted.get())
        out = cupy.empty(X.shape, dtype=dtype)
        assert plan(data, out=out) is out and np.array_equal(out.get(), wanted.get())
        every = here.vjp(data, cupy.asarray(own), 0.0, got)
        for mine, theirs in zip(plan.vjp(data, got), every, strict=True):
            assert mine.dtype == dtype and np.array_equal(mine.get(), theirs.get())
        gaps = cupy.asarray(np.repeat(X, 2, -1))[..., ::2]
        holes = cupy.empty((*X.shape[:-1], 48), dtype=dtype)[..., ::2]
        assert np.array_equal(plan(gaps, out=holes).get(), wanted.get())


def test_what_a_plan_launches_is_what_a_call_launches(here):
    """One choice for both: by sizes and types."""
    for side in (64, 512, 8192):
        like = np.broadcast_to(np.float32(0), (side, side))
        call = replace(here, xp=np).prepare(like, V, 0.0)
        assert here.choose(call) == here.plan((side, side), V).choice


def test_wrong_arguments_are_refused(here):
    with standing_in_for_cupy() as cupy:
        plan, X = here.plan((4, 5), V), cupy.ones((4, 5), dtype=np.float32)
        for given, says in (
            ((np.ones((4, 5)),), "conv2d: a plan takes X as a cupy.ndarray; this is a ndarray."),
            ((X[:3],), "conv2d: X has shape (3, 5); this plan is for (4, 5)."),
            ((X.astype(np.float64),), "conv2d: X has dtype float64; this plan is for float32."),
            ((X, X), "conv2d: out may share memory with X; it needs an array of its own."),
        ):
            with pytest.raises((TypeError, ValueError), match=f"^{re.escape(says)}$"):
                plan(*given)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"algorithm": "tiles"}, "conv2d has no algorithm 'tiles'; there are auto, direct, strips, halos."),
        ({"algorithm": "parts"}, "conv2d: algorithm 'parts' does not apply: it needs results that add up all items."),
        ({"threads": 2}, "conv2d.plan: threads split calls of NumPy; a device has its own."),
        ({"dtype": np.int64}, "conv2d.plan needs floats; for int64 call conv2d itself."),
        ({"dtype": np.float16}, "conv2d.plan: float16 with these weights gives float32; pass dtype= or other weights."),
    ],
)
def test_wrong_wishes_are_refused(kernel, options, says):
    with pytest.raises((TypeError, ValueError), match=f"^{re.escape(says)}$"):
        kernel.plan((64, 64), V, **options)


def test_a_design_of_another_name_is_refused(kernel):
    with pytest.raises(TypeError, match=r"^conv2d has no design 'tiles'; there are strips, halos, parts\.$"):
        kernel.using("tiles")
    assert kernel.using("strips", R=2).plan((64, 64), V).choice.knobs == {"R": 2, "S": 4}
    assert kernel.using("parts").gradients["X"].algorithms == ()
    told = kernel.using("parts").plan((64, 64), V).explain()
    assert told.chosen == "direct" and "Instructions" not in str(told)


def test_instructions_of_a_result_are_told(kernel):
    """Rows that are no whole accesses have one column a thread, which reads more for each result."""
    whole, odd = (kernel.plan((4096, m), V).explain() for m in (4096, 4095))
    assert whole.instructions[0] == 12.375 and odd.instructions[0] > 22
    assert "Instructions of threads for a result, counted: strips 12.4, halos" in " ".join(str(whole).split())
    assert kernel.plan((0, 4, 5), V).explain().instructions == ()


def test_an_empty_batch_is_planned(here):
    plan = here.plan((0, 4, 5), V)
    assert plan.algorithm == "direct"
    with standing_in_for_cupy() as cupy:
        assert plan(cupy.empty((0, 4, 5), dtype=np.float32)).shape == (0, 4, 5)


def test_seconds_of_a_launch():
    """What is slowest counts whole, all else by a fifth."""
    many = {"threads": 132 * 2048 * 100, "block": 256, "accesses": 2, "entries": 2}
    idle = DEVICE.seconds([launched(**many, products=0, moved=0)], 4)
    moved = 10**9
    assert DEVICE.seconds([launched(**many, products=0, moved=moved)], 4) >= 4 * moved / 3.35e12
    assert DEVICE.seconds([launched(**many, products=1000, moved=0)], 4) > 2 * idle
    slow, quick = ([launched(**many, products=1000, moved=0)], DEVICE)
    assert quick.computing("float64").seconds(slow, 8) > 1.5 * quick.seconds(slow, 4)
    alone = [launched(threads=1, block=256, products=10**6, accesses=0, entries=0, moved=1)]
    assert DEVICE.seconds(alone, 4) >= 6 * 10**6 / 1.98e9
    together = [alone[0]._replace(sums=32)]
    assert DEVICE.seconds(together, 4) < DEVICE.seconds(alone, 4) / 2
    half = [launched(threads=133 * 256, block=256, products=10**5, accesses=0, entries=0, moved=1)]
    full = [launched(threads=132 * 256, block=256, products=10**5, accesses=0, entries=0, moved=1)]
    assert DEVICE.seconds(half, 4) > DEVICE.seconds(full, 4)


def test_shapes_are_looked_at_and_nothing_of_their_size_is_made() -> None:
    conv2d = subject("conv2d", "cupy").kernel
    window = np.ones((3, 3), np.float32)
    with pytest.raises(ValueError, match=r"X has shape \(4,\); it needs at least 2 axes"):
        conv2d.plan((4,), window)
    assert conv2d.plan((10**9, 10**9), window).explain().candidates
