"""Products of windows that are added up tile by tile: planted faults are refused by the obligations, and what doesn't fit."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import pytest
from sympy import Integer, Symbol

import derive
from derive.algorithms._inlined import staged_obligations
from derive.algorithms.correlation import correlation
from derive.algorithms.rows import rows
from derive.errors import NoLowering
from derive.ir.nodes import Copy, Guard, Loop, Range
from derive.ir.stages import Halo, MatMul, Store, Tiles, at_knobs
from derive.lowering import batched, slopes
from derive.pipeline import layer
from derive.proof.solver import discharge_all
from tests.lazily import Lazily


def gradient(form, by="V"):
    """The gradient by one array."""
    return next(slope for slope in slopes(form) if slope.by == by)


def program(name="conv2d_channels"):
    slope = gradient(layer(name).derivation.form)
    return correlation(slope.form, slope.items), slope.form


def proved(found, form):
    return all(v.proved for v in discharge_all(staged_obligations(found, form)))


def changed(nodes, kind, change):
    """The statements with those of a kind changed."""
    out = []
    for node in nodes:
        if hasattr(node, "body"):
            node = replace(node, body=changed(node.body, kind, change))
        out.append(change(node) if isinstance(node, kind) else node)
    return tuple(out)


def shifted(access, axis, by=1):
    places = list(access.subscripts)
    places[axis] = places[axis] + by
    return replace(access, subscripts=tuple(places))


def shorter(span):
    return Range(span.symbol, span.start, span.stop - 1)


FAULTS = {
    "the windows begin a row late": (Halo, lambda n: replace(n, source=shifted(n.source, 1)) if "X" in str(n) else n),
    "a row of windows is left out": (MatMul, lambda n: replace(n, inner=(n.inner[0], shorter(n.inner[1]), *n.inner[2:]))),
    "a channel is left out": (MatMul, lambda n: replace(n, rows=(*n.rows[:-1], shorter(n.rows[-1])))),
    "taps lie one further": (Copy, lambda n: replace(n, source=shifted(n.source, 2))),
    "two taps are exchanged": (Copy, lambda n: replace(n, source=_exchanged(n.source))),
    "what is added goes one channel further": (Store, lambda n: replace(n, target=shifted(n.target, 2))),
    "the last filter is not added": (Store, lambda n: replace(n, over=(*n.over[:-1], shorter(n.over[-1])))),
    "items go by the rows' tiles": (Tiles, lambda n: replace(n, place=Symbol("i", integer=True))),
    "tiles of all rows but the last": (Tiles, lambda n: replace(n, extent=n.extent - 1) if "low" in str(n.low) else n),
}  # fmt: skip


def _exchanged(access):
    _, row, column, *_ = access.subscripts
    a, b = Symbol("a", integer=True), Symbol("b", integer=True)
    places = (e.xreplace({a: b, b: a}) if e in (row, column) else e for e in access.subscripts)
    return replace(access, subscripts=tuple(places))


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_refused(fault):
    kind, change = FAULTS[fault]
    found, form = program()
    wrong = replace(found, body=changed(found.body, kind, change))
    assert wrong != found
    try:
        kept = proved(wrong, form)
    except NoLowering:
        kept = False
    assert not kept


def test_a_term_that_two_tiles_have_is_refused():
    """Tiles of a row more than they go on by: each such row is the next tile's too."""
    found, form = program()
    (more,) = [k for k in found.knobs if k.symbol.name == "R"]
    longer = at_knobs(found, {more.symbol: more.symbol + 1})
    body = changed(longer.body, Tiles, lambda n: replace(n, step=more.symbol) if n.low.name == "low" else n)
    wrong = replace(longer, body=body, knobs=found.knobs)
    verdicts = discharge_all(staged_obligations(wrong, form))
    assert [v.obligation.name for v in verdicts if not v.proved] == ["denotes"]


def test_results_are_added_up_in_tiles_that_are_apart_alone():
    found, form = program()
    over = changed(found.body, Tiles, lambda n: replace(n, apart=False))
    with pytest.raises(NoLowering, match="What is added to dV comes in tiles that are apart, and nothing else does"):
        staged_obligations(replace(found, body=over), form)
    stored = changed(found.body, Store, lambda n: replace(n, adds=False))
    with pytest.raises(NoLowering, match="in tiles that are apart, and nothing else does"):
        staged_obligations(replace(found, body=stored), form)
    again = (Loop(Range(Symbol("w", integer=True), Integer(0), Integer(2)), found.body),)
    with pytest.raises(NoLowering, match="comes once a tile, and a loop would add it again"):
        staged_obligations(replace(found, body=again), form)
    held = changed(found.body, Store, lambda n: replace(n, held=True))
    with pytest.raises(NoLowering, match="dV starts as zeros, and what is added to it has no bias and no item"):
        staged_obligations(replace(found, body=held), form)


def test_a_condition_that_drops_what_is_added_is_refused():
    found, form = program()
    tiles = found.body[0]
    first = Guard(tiles.low < 1, tiles.body)
    assert not proved(replace(found, body=(replace(tiles, body=(first,)),)), form)


def test_tiles_of_results_stay_as_they_are():
    form = layer("conv2d").derivation.form
    found = rows(form, batched(form))
    apart = changed(found.body, Tiles, lambda n: replace(n, apart=True))
    with pytest.raises(NoLowering, match="What is added to H comes in tiles that are apart"):
        staged_obligations(replace(found, body=apart), form)


FIT = Lazily(
    {
        "windows": lambda: derive.convolution(kernel=3).form,
        "strides and dilation": lambda: derive.convolution(kernel=3, stride=2, dilation=3).form,
        "groups": lambda: layer("grouped2d").derivation.form,
        "turned windows": lambda: layer("conv2d_channels_dX").derivation.form,
        "no taps": lambda: layer("pointwise2d").derivation.form,
        "one product": lambda: layer("fully_connected").derivation.form,
        "one axis": lambda: derive.convolution(kernel=5, rank=1).form,
        "three axes": lambda: derive.convolution(kernel=3, rank=3).form,
    }
)


@pytest.mark.parametrize("name", FIT)
def test_gradients_of_layers_with_channels_are_proved(name):
    slope = gradient(FIT[name], FIT[name].weights[0].name)
    found = correlation(slope.form, slope.items)
    assert proved(found, slope.form) and found.strict


REFUSED = {
    ("conv2d", "X"): "it needs a product of two arrays that are given, and no bias",
    ("conv2d", "V"): "it needs letters of the result that one of the arrays alone has, for both",
    ("conv2d", "u"): "it needs a product of two arrays that are given; the weight is 1",
    ("depthwise2d", "V"): "it needs letters of the result that one of the arrays alone has, for both",
    ("periodic2d", "V"): r"it needs windows that move with one place along each axis; Mod\(a \+ i, n\) is read",
    ("deepsets1d", "V"): "it needs sums over places of both arrays alone",
    ("transposed2d", "V"): "it needs G to be read at letters of its own",
    ("conv2d_channels_dV", "X"): "it needs two arrays with entries for each item, and a result without",
}


@pytest.mark.parametrize("what", REFUSED, ids="-".join)
def test_what_does_not_fit_is_refused_with_its_reason(what):
    slope = gradient(layer(what[0]).derivation.form, what[1])
    with pytest.raises(NoLowering, match=f"^{REFUSED[what]}"):
        correlation(slope.form, slope.items)


@pytest.mark.parametrize("near", [(), (derive.local(derive.Box((3, 0))),)], ids=["every row", "rows near by"])
def test_a_dense_axis_in_front_of_the_places_leaves_no_matrix(near):
    """Of a layer whose rows are mixed freely, seen from its output: dV[i, k, a] sums G[k, j + a]·H[i, j], k before j."""
    rules = (derive.equivariant(derive.Translations((1,))), *near, derive.boundary("zero"), derive.adjoint())
    layer = reduce(derive.Derivation.then, rules, derive.dense(2))
    slope = gradient(layer.form)
    with pytest.raises(NoLowering, match="it needs places of G in front of its other letters, and these together"):
        correlation(slope.form, slope.items)
    layer.compile()
