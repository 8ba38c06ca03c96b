"""Bands of all rows: planted faults are refused by the obligations, and what doesn't fit by a sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from derive.algorithms._inlined import staged_obligations
from derive.algorithms.bands import bands
from derive.errors import NoLowering
from derive.ir.nodes import Copy
from derive.ir.stages import MatMul, ShiftedSum, Store
from derive.lowering import batched, slopes
from derive.pipeline import layer
from derive.proof.solver import discharge_all
from tests.algorithms.test_rows import changed, longer, proved, shifted


def program(name="conv2d"):
    form = layer(name).derivation.form
    return bands(form, batched(form)), form


def _spread(node):
    return node.target.array == "W"


def _but_last(node):
    return node.over[0], longer(node.over[1], -1)


FAULTS = {
    "the weights stand one row further": (Copy, lambda n: replace(n, target=shifted(n.target, 1)) if _spread(n) else n),
    "the last row of weights is left out": (Copy, lambda n: replace(n, over=_but_last(n)) if _spread(n) else n),
    "the band is of the row before": (Copy, lambda n: n if _spread(n) else replace(n, source=shifted(n.source, 1))),
    "the last row of X is left out": (MatMul, lambda n: replace(n, inner=(longer(n.inner[0], -1),))),
    "the last column of X is left out": (MatMul, lambda n: replace(n, columns=(longer(n.columns[0], -1),))),
    "a column beyond X": (MatMul, lambda n: replace(n, columns=(longer(n.columns[0], 1),))),
    "a column of weights is not added": (ShiftedSum, lambda n: replace(n, over=(longer(n.over[0], -1), *n.over[1:]))),
    "sums are shifted the other way": (ShiftedSum, lambda n: replace(n, source=shifted(n.source, 2, -2 * n.over[0].symbol))),
    "the last row is not stored": (Store, lambda n: replace(n, over=(longer(n.over[0], -1), n.over[1]))),
    "no bias": (Store, lambda n: replace(n, bias=None)),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_refused(fault):
    kind, change = FAULTS[fault]
    found, form = program()
    wrong = replace(found, fixed=changed(found.fixed, kind, change), body=changed(found.body, kind, change))
    assert wrong != found
    try:
        kept = proved(wrong, form)
    except NoLowering:
        kept = False
    assert not kept


def test_a_band_that_is_not_zero_elsewhere_is_refused():
    found, form = program()
    filled = tuple(replace(room, zeroed=False) for room in found.made)
    assert not proved(replace(found, made=filled), form)


@pytest.mark.parametrize(
    "name", ["conv2d", "strided2d", "dilated2d", "hexagonal2d", "valid2d", "diamond2d", "convolution2d"]
)
def test_windows_of_two_axes_are_proved(name):
    form = layer(name).derivation.form
    assert proved(bands(form, batched(form)), form)
    for slope in slopes(form)[:1] if name != "strided2d" else ():
        found = bands(slope.form, slope.items)
        assert all(v.proved for v in discharge_all(staged_obligations(found, slope.form)))


@pytest.mark.parametrize("name", ["conv1d", "conv3d"])
def test_other_windows_are_refused(name):
    with pytest.raises(NoLowering, match=r"^it needs a window of two axes, with taps along the first$"):
        program(name)


def test_channels_are_refused():
    with pytest.raises(NoLowering, match=r"^it needs one channel in and one out$"):
        program("conv2d_channels")
