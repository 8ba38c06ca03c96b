"""What a call needs beyond its arrays: at most 8 MB a thread for whatever a planner chooses, and what was told of it."""

from __future__ import annotations

import inspect
import tracemalloc
from math import prod

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import generated
from derive.registry import names
from generated._runtime.choices import Asked, chosen, ranked
from generated._runtime.planning import within_room

MOST = 8_000_000
LAYERS = names("derive.catalogue")
SLACK = 1 << 17  # views, and numbers of Python's
SHARE = {
    True: 1.25,
    False: 2.25,
}  # of what was told of programs in stages, and of direct sums, whose contractions may copy both sides
FLOATS = ("float16", "float32", "float64")


def kernel(name):
    return getattr(generated, name).numpy


@st.composite
def posed(draw, largest, longest, channels):
    """A layer with sizes: up to so many places, so many channels, windows to 15 a side, and a batch."""
    name = draw(st.sampled_from(LAYERS))
    of = kernel(name)
    sizes, left = {}, draw(st.sampled_from([16, largest // 64, largest]))
    for letter in inspect.signature(of.shapes).parameters:
        if letter in ("Delta", "R"):
            sizes[letter] = draw(st.integers(0 if letter == "Delta" else 1, 7 if largest > 10_000 else 2))
        elif letter in ("C", "D", "F"):
            sizes[letter] = draw(st.integers(1, channels))
        else:
            sizes[letter] = draw(st.integers(1, max(1, min(left, longest))))
            left = left // sizes[letter]
    shapes = of.shapes(**sizes)
    assume(all(extent > 0 for shape in shapes.values() for extent in shape))
    return name, sizes, shapes, draw(st.sampled_from([1, 1, 3, 64 if largest > 10_000 else 2]))


@settings(max_examples=8)
@given(
    posed(64_000_000, 8192, 512), st.sampled_from(FLOATS[1:]), st.booleans(), st.booleans(), st.sampled_from([1, 2, 8])
)
def test_whatever_may_be_chosen_takes_no_more_than_a_thread_may(problem, kind, strict, fixed, threads):
    """The candidates of a layer and of each gradient, by their own counts: there is always one."""
    name, sizes, _, batch = problem
    of = kernel(name)
    asked = Asked((*sizes.items(), ("batch", batch)), np.dtype(kind), 0, threads, strict, fixed)
    for one in (of, *of.gradients.values()):
        kept, beyond = within_room(ranked(one, asked))
        assert (kept or one.work is None) and all(c.room <= MOST for c in kept)
        assert not kept or chosen(one, asked) == kept[0].choice
        assert all("beyond the 8 MB that a thread may take" in why for why in beyond.values())


def taken(call):
    """The most bytes that Python and NumPy hold beyond what they held before."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def arrays(of, shapes, batch, kind):
    """Arrays of ones, in order, for so many items."""
    lead = (batch,) if batch > 1 else ()
    return [
        np.ones((*lead, *shapes[key]) if key in of.signature.batched else shapes[key], kind) for key in of.arguments
    ]


@settings(max_examples=12)
@given(posed(4_000, 300, 9), st.sampled_from(FLOATS[1:]), st.booleans(), st.data())
def test_a_call_takes_what_was_told(problem, kind, strict, data):
    name, sizes, shapes, batch = problem
    assume(sum(prod(shape) for shape in shapes.values()) < 300_000)
    of = kernel(name)
    X, *weights = arrays(of, shapes, batch, kind)
    told = {"accuracy": "strict" if strict else "default", "dtype": kind}
    given = [s for s in inspect.signature(of.sizes).parameters if s in sizes]
    told |= {letter: sizes[letter] for letter in given}
    names = [c.choice.name for c in of.plan(X.shape, *weights, **told).explain().candidates]
    plan = of.plan(X.shape, *weights, algorithm=data.draw(st.sampled_from(names)), **told)
    explained = plan.explain()
    room, out = explained.candidates[0].room, np.empty(plan.result, kind)
    assert room <= MOST and explained.weights == sum(a.nbytes for a in plan.made)
    plan(X, out=out)
    assert taken(lambda: plan(X, out=out)) <= SHARE[plan.choice.algorithm is not None] * room + SLACK
    if {*of.arguments} <= {*of.gradients}:
        G = np.ones(plan.result, kind)
        plan.vjp(X, G)
        results = X.nbytes + sum(w.nbytes for w in weights)
        asked = Asked(tuple(plan.sizes.items()), plan.compute, strict=strict)
        rooms = [c.room for one in of.gradients.values() for c in within_room(ranked(one, asked))[0][:1]]
        rooms += [results for one in of.gradients.values() if one.work is None]  # of which nothing is told
        assert max(rooms, default=0) <= MOST
        assert taken(lambda: plan.vjp(X, G)) <= SHARE[False] * max(rooms, default=0) + results + SLACK


def test_summing_a_tile_anew_takes_no_array_of_the_result():
    """An infinity in the middle of an image: its tile is summed in its place."""
    X, V = np.ones((1000, 1000), np.float32), np.ones((3, 3), np.float32)
    X[500, 500] = np.inf
    V[0, 0] = 2
    plan, out = kernel("conv2d").plan(X.shape, V, accuracy="strict", algorithm="rows"), np.empty_like(X)
    assert taken(lambda: plan(X, out=out)) <= 1.25 * plan.explain().candidates[0].room + SLACK < X.nbytes
    assert np.isfinite(out).sum() == X.size - 9
