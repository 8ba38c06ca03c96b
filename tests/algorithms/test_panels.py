"""Panels of shifts: planted faults are refused by the obligations, what doesn't fit by a sentence, and results are exact."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from sympy import Integer

from derive.algorithms._inlined import staged_obligations
from derive.algorithms.panels import panels
from derive.compiled import load_source
from derive.errors import NoLowering
from derive.ir.nodes import Loop, Range
from derive.ir.stages import Halo, MatMul, Room, Store, Tiles, at_knobs
from derive.lowering import batched, slopes
from derive.pipeline import layer
from derive.proof.solver import discharge_all


@lru_cache
def program(name="conv2d"):
    """The program and its form, with one choice of S, which the faults don't need more of."""
    form = layer(name).derivation.form
    found = panels(form, batched(form))
    (choice,) = [k for k in found.knobs if k.choices]
    return at_knobs(found, {choice.symbol: Integer(2)}), form


def proved(found, form):
    return all(v.proved for v in discharge_all(staged_obligations(found, form)))


def changed(nodes, kind, change):
    out = []
    for node in nodes:
        if isinstance(node, kind):
            node = change(node)
        if isinstance(node, (Loop, Tiles)):
            node = replace(node, body=changed(node.body, kind, change))
        out.append(node)
    return tuple(out)


def moved(access, axis, by=1):
    places = list(access.subscripts)
    places[axis] = places[axis] + by
    return replace(access, subscripts=tuple(places))


def longer(ranges, k, by):
    found = list(ranges)
    found[k] = Range(found[k].symbol, found[k].start, found[k].stop + by)
    return tuple(found)


FAULTS = {
    "the copy begins a row late": (Halo, lambda n: replace(n, source=moved(n.source, -2))),
    "the copy begins a column late": (Halo, lambda n: replace(n, source=moved(n.source, -1))),
    "the copies are shifted one further": (Halo, lambda n: replace(n, target=moved(n.target, -1))),
    "the last copy is left out": (Halo, lambda n: replace(n, over=longer(n.over, -2, -1))),
    "the last column is not copied": (Halo, lambda n: replace(n, over=longer(n.over, -1, -1))),
    "a row of the block is left out": (MatMul, lambda n: replace(n, inner=longer(n.inner, -2, -1))),
    "a tap is left out": (MatMul, lambda n: replace(n, inner=longer(n.inner, -1, -1))),
    "columns lie one further": (MatMul, lambda n: replace(n, right=moved(n.right, -1))),
    "a result lies one further": (Store, lambda n: replace(n, target=moved(n.target, -1))),
    "rows beyond the tile are stored": (Store, lambda n: replace(n, condition=True)),
    "tiles end a place early": (Tiles, lambda n: replace(n, extent=n.extent - 1)),
}


@pytest.mark.parametrize("name", ["conv2d", "conv3d"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_refused(fault, name):
    kind, change = FAULTS[fault]
    found, form = program(name)
    body = changed(found.body, kind, change)
    assert body != found.body
    try:
        assert not proved(replace(found, body=body), form)
    except NoLowering as refused:
        sentence = str(refused)
    else:
        sentence = "can't live in"
    assert "can't live in" in sentence


def test_a_working_array_that_is_too_small_is_refused():
    found, form = program()
    for axis in range(3):
        shape = tuple(
            e - 16 if k == axis == 2 else e - 1 if k == axis else e for k, e in enumerate(found.rooms[0].shape)
        )
        rooms = (Room("P", shape), *found.rooms[1:])
        assert not proved(replace(found, rooms=rooms), form)


def test_copies_that_differ_in_their_shift_alone_are_told_apart():
    """Without the shift by its number, each copy is the same row again, and the taps along it are one tap."""
    found, form = program()
    straight = changed(
        found.body,
        Halo,
        lambda n: replace(n, target=replace(n.target, subscripts=(*n.target.subscripts[:2], n.over[-1].symbol + 16))),
    )
    assert not proved(replace(found, body=straight), form)


@pytest.mark.parametrize("name", ["conv2d", "hexagonal2d", "dilated2d", "valid2d", "conv3d"])
def test_the_program_itself_is_proved(name):
    form = layer(name).derivation.form
    assert proved(panels(form, batched(form)), form)


@pytest.mark.parametrize("name", ["conv2d", "dilated2d", "conv3d"])
def test_the_gradient_by_the_input_is_such_a_window_too(name):
    (slope,) = [s for s in slopes(layer(name).derivation.form) if s.by == "X"]
    assert proved(panels(slope.form, slope.items), slope.form)


REASONS = {
    "conv1d": "it needs a window of two axes at least, with taps along the last",
    "strided2d": "it needs every place along j, the last axis",
    "conv2d_channels": "it needs one channel in and one out",
}


@pytest.mark.parametrize("name", REASONS)
def test_what_does_not_fit_is_refused_with_its_reason(name):
    form = layer(name).derivation.form
    with pytest.raises(NoLowering) as refused:
        panels(form, batched(form))
    assert str(refused.value) == REASONS[name]


@pytest.mark.parametrize(
    ("name", "window"), [("conv2d", (3, 3)), ("hexagonal2d", (3, 2)), ("dilated2d", (3, 3)), ("conv3d", (3, 3, 3))]
)
def test_the_emitted_text_gives_the_direct_sums(name, window):
    """Small whole numbers in float64, whose sums are exact, on grids that tiles don't divide, smaller than a window too."""
    kernel = getattr(load_source(layer(name).source("numpy"), "numpy"), name)
    draw = np.random.default_rng(5)
    for side in (1, 2, 5, 13):
        shape = (side, side + 2, 2 * side + 1)[: len(window)]
        X = draw.integers(-8, 9, shape).astype(float)
        V = draw.integers(-8, 9, window).astype(float)
        for u in (0.0, 3.0):
            wanted = kernel.plan(shape, V, np.float64(u), algorithm="direct")(X)
            out = np.full((*shape[:-1], shape[-1] + 3), np.nan)
            plan = kernel.plan(shape, V, np.float64(u), algorithm="panels")
            assert (plan(X) == wanted).all()
            assert (plan(X, out=out[..., : shape[-1]]) == wanted).all()
