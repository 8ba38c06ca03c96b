"""Rows on BLAS: planted faults are refused by the obligations, and what doesn't fit by a sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sympy import Integer, expand

from derive.algorithms._inlined import staged_obligations
from derive.algorithms.rows import rows
from derive.errors import NoLowering
from derive.ir.nodes import Loop, Range
from derive.ir.stages import Halo, MatMul, Room, ShiftedSum, Store, Tiles, at_knobs, statements
from derive.lowering import batched, slopes
from derive.pipeline import layer
from derive.proof.solver import discharge_all


def program(name="conv2d"):
    """The program and its form, with one choice of S, which the faults don't need more of."""
    form = layer(name).derivation.form
    found = rows(form, batched(form))
    (choice,) = [k for k in found.knobs if k.choices]
    return at_knobs(found, {choice.symbol: Integer(2)}), form


def proved(found, form):
    return all(v.proved for v in discharge_all(staged_obligations(found, form)))


def changed(nodes, kind, change):
    """The statements with those of a kind changed."""
    out = []
    for node in nodes:
        if isinstance(node, kind):
            node = change(node)
        if isinstance(node, (Loop, Tiles)):
            node = replace(node, body=changed(node.body, kind, change))
        out.append(node)
    return tuple(out)


def shifted(access, axis, by=1):
    places = list(access.subscripts)
    places[axis] = places[axis] + by
    return replace(access, subscripts=tuple(places))


def longer(span, by):
    return Range(span.symbol, span.start, span.stop + by)


FAULTS = {
    "the halo begins a row late": (Halo, lambda n: replace(n, source=shifted(n.source, 1))),
    "the halo begins a column late": (Halo, lambda n: replace(n, source=shifted(n.source, 2))),
    "a row of the block is left out": (MatMul, lambda n: replace(n, inner=(longer(n.inner[0], -1),))),
    "the last column is left out": (MatMul, lambda n: replace(n, columns=(longer(n.columns[0], -1),))),
    "a column too many": (MatMul, lambda n: replace(n, columns=(longer(n.columns[0], 1),))),
    "columns lie one further": (MatMul, lambda n: replace(n, target=shifted(n.target, 3))),
    "the last tap is left out": (ShiftedSum, lambda n: replace(n, over=(longer(n.over[0], -1), *n.over[1:]))),
    "taps are added one further": (ShiftedSum, lambda n: replace(n, source=shifted(n.source, 3))),
    "a result lies one further": (Store, lambda n: replace(n, target=shifted(n.target, 1))),
    "the bias is left out": (Store, lambda n: replace(n, bias=None)),
    "the last group is left out": (Store, lambda n: replace(n, over=(longer(n.over[0], -1), *n.over[1:]))),
    "rows beyond the tile are stored": (Store, lambda n: replace(n, condition=True)),
    "tiles end a row early": (Tiles, lambda n: replace(n, extent=n.extent - 1)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_refused(fault):
    kind, change = FAULTS[fault]
    found, form = program()
    body = changed(found.body, kind, change)
    assert body != found.body
    try:
        assert not proved(replace(found, body=body), form)
    except NoLowering:
        assert fault == "the bias is left out"


def test_a_fault_in_what_weights_make_is_refused():
    found, form = program()
    (loop,) = found.fixed
    for change in (
        lambda c: replace(c, target=shifted(c.target, 2)),
        lambda c: replace(c, over=(longer(c.over[0], -1), *c.over[1:])),
        lambda c: replace(c, source=replace(c.source, subscripts=c.source.subscripts[::-1])),
    ):
        assert not proved(replace(found, fixed=(replace(loop, body=changed(loop.body, object, change)),)), form)


def test_working_arrays_that_are_too_small_or_not_zeroed_are_refused():
    found, form = program()
    for name, change in (
        ("P", lambda r: Room(r.name, (r.shape[0] - 1, *r.shape[1:]), r.zeroed)),
        ("Z", lambda r: Room(r.name, (*r.shape[:3], r.shape[3] - 16), r.zeroed)),
        ("Z", lambda r: Room(r.name, r.shape, False)),
    ):
        rooms = tuple(change(r) if r.name == name else r for r in found.rooms)
        assert not proved(replace(found, rooms=rooms), form)


def test_the_program_itself_is_proved():
    assert proved(*program())


@pytest.mark.parametrize("name", ["conv2d", "dilated2d", "hexagonal2d", "valid2d", "conv3d"])
def test_the_gradient_by_the_input_is_such_a_window_too(name):
    (slope,) = [s for s in slopes(layer(name).derivation.form) if s.by == "X"]
    found = rows(slope.form, slope.items)
    assert proved(found, slope.form) and [n for n in statements(found.body) if isinstance(n, MatMul)]


REASONS = {
    "conv1d": "it needs a window of two axes at least",
    "conv2d_channels": "it needs one channel in and one out",
    "locally_connected2d": "it needs weights that are the same at every place; they depend on i",
    "average_pool2d": "it needs weights that are parameters, and these are given",
}


@pytest.mark.parametrize("name", REASONS)
def test_what_does_not_fit_is_refused_with_its_reason(name):
    form = layer(name).derivation.form
    with pytest.raises(NoLowering) as refused:
        rows(form, batched(form))
    assert str(refused.value) == REASONS[name]


def test_a_block_of_rows_takes_fewer_products_than_the_window():
    found, form = program()
    (product,) = [n for n in statements(found.body) if isinstance(n, MatMul)]
    delta = form.weights[0].array.axes[0].upper
    rows_of_x = expand(product.inner[0].stop.xreplace({let.symbol: let.value for let in found.lets}))
    assert rows_of_x == 2 * delta + 2  # S + k - 1 at S = 2
