"""Sums that strides scatter, made phase by phase: programs are proved, planted faults are refused, and text is exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import derive
from derive.algorithms._interleaved import has_phases, interleaved
from derive.algorithms.im2col import im2col
from derive.algorithms.rows import rows
from derive.algorithms.winograd import winograd
from derive.checking import exact_arrays, run_stages
from derive.errors import NoLowering
from derive.forms.denote import denote
from derive.ir.nodes import Copy, Guard
from derive.ir.stages import Halo, MatMul, Store
from derive.pipeline import compile_layer
from derive.runtime.primitives import put
from tests.algorithms.test_correlation import changed, gradient, proved, shifted

LAYERS = {
    "channels": {"stride": 2},
    "a name for a radius": {"kernel": "Delta", "stride": 2},
    "uneven strides beside dilation": {"kernel": (2, 3), "stride": (1, 3), "dilation": (2, 1)},
    "a mask": {"kernel": derive.Diamond(1), "stride": 2},
    "one axis": {"kernel": 17, "stride": 2, "rank": 1, "channels": False},
    "three axes inside": {"kernel": 2, "stride": (2, 1, 3), "rank": 3, "edges": "valid"},
}


def adjoint(**structure):
    return gradient(derive.convolution(**structure).form, "X")


@pytest.mark.parametrize("name", LAYERS)
def test_phases_are_proved_to_be_the_form(name):
    slope = adjoint(**LAYERS[name])
    assert proved(interleaved(im2col, slope.form, slope.items), slope.form)


def test_results_of_tiles_are_split_again_in_phases():
    slope = adjoint(stride=2)
    assert proved(interleaved(winograd, slope.form, slope.items), slope.form)


FAULTS = {
    "phases are exchanged": (Store, lambda n: replace(n, source=_exchanged(n.source, 3, 4))),
    "results end a place early": (Store, lambda n: replace(n, condition=n.condition & (n.target.subscripts[2] > 0))),
    "a phase goes one further": (Store, lambda n: replace(n, target=shifted(n.target, 1))),
    "the input begins a row late": (Halo, lambda n: replace(n, source=shifted(n.source, 1))),
    "a tap is left out": (MatMul, lambda n: replace(n, inner=n.inner[1:])),
}  # fmt: skip


def _exchanged(access, one, two):
    places = list(access.subscripts)
    places[one], places[two] = places[two], places[one]
    return replace(access, subscripts=tuple(places))


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_refused(fault):
    kind, change = FAULTS[fault]
    slope = adjoint(stride=2)
    found = interleaved(im2col, slope.form, slope.items)
    wrong = replace(found, body=changed(found.body, kind, change))
    assert wrong != found
    try:
        kept = proved(wrong, slope.form)
    except NoLowering:
        kept = False
    assert not kept


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (Copy, lambda n: replace(n, source=shifted(n.source, 0)) if n.source.array == "V" else n),
        (Guard, lambda n: replace(n, condition=n.condition & (n.body[0].target.subscripts[0] > 0))),
    ],
)
def test_other_weights_of_phases_are_refused(kind, change):
    slope = adjoint(stride=2)
    found = interleaved(im2col, slope.form, slope.items)
    wrong = replace(found, fixed=changed(found.fixed, kind, change))
    assert wrong != found and not proved(wrong, slope.form)


def test_what_has_no_phases_is_refused_with_its_reason():
    plain, strided = adjoint(), adjoint(stride=2)
    assert has_phases(strided.form) and not has_phases(plain.form)
    with pytest.raises(NoLowering, match="it needs weights whose taps are apart from the places that they reach"):
        interleaved(im2col, plain.form, plain.items)
    single = adjoint(stride=2, channels=False)
    with pytest.raises(
        NoLowering, match="it needs letters that are contracted, or phases of 3 taps at least along each axis"
    ):
        interleaved(im2col, single.form, single.items)
    with pytest.raises(NoLowering, match="it needs one channel in and one out"):
        interleaved(rows, strided.form, strided.items)


NIGHTLY = [pytest.param(name, marks=pytest.mark.nightly) for name in ("one axis", "uneven strides beside dilation")]


@pytest.mark.parametrize("name", ["a mask", *NIGHTLY])
def test_the_text_is_the_form_on_exact_numbers(name):
    layer = derive.convolution(**LAYERS[name])
    slope, made = gradient(layer.form, "X"), compile_layer(layer).kernel.gradients["X"]
    known = {"n": 7, "m": 8, "C": 2, "D": 3}
    sizes = {s: known[s.name] for s in slope.form.sizes}
    arrays = exact_arrays(slope.form, sizes)
    served = [a.name for a in made.algorithms if a.serves({**known, "batch": 1})]
    assert "im2col_dX" in served
    for algorithm in served:
        got = run_stages(made, algorithm, slope, arrays, sizes)
        assert np.array_equal(got, denote(slope.form, arrays, sizes)), algorithm


@pytest.mark.parametrize("extent", [1, 2, 5, 12, 13])
def test_axes_that_are_split_twice_are_put_together(extent):
    """Places 6·g + 2·s + f of an axis, from blocks of blocks; what is beyond the end is dropped."""
    source, target = np.arange(3 * 3 * 2 * 4).reshape(3, 3, 2, 4), np.full((extent, 4), -1)
    put(target, source, split=(0, 0))
    assert np.array_equal(target, source.reshape(18, 4)[:extent])
    flat = np.full((2, extent), -1)
    put(flat, source[None, ..., 0].repeat(2, 0), split=(1, 1))
    assert np.array_equal(flat, np.tile(source[..., 0].reshape(18)[:extent], (2, 1)))
