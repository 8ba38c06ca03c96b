"""Sums by columns of correlations whose letters don't mix: proved, planted faults refused, and what doesn't fit is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

import derive
from derive.algorithms.columns import columns
from derive.errors import NoLowering
from derive.ir.stages import Halo, Store, WeightedSum
from derive.pipeline import layer
from tests.algorithms.test_correlation import changed, gradient, proved, shifted, shorter

FIT = {
    "one axis": {"kernel": 9, "rank": 1, "channels": False},
    "a name for a radius": {"kernel": "Delta", "channels": False},
    "even sides, strides and dilation": {"kernel": (2, 3), "stride": (1, 3), "dilation": (2, 1), "channels": False},
    "three axes inside": {"kernel": 3, "rank": 3, "edges": "valid", "channels": False},
    "channels of their own": {"groups": "depthwise"},
    "channels of their own, strided": {"groups": "depthwise", "stride": 2},
}


def program(**structure):
    slope = gradient(derive.convolution(**structure).form)
    return columns(slope.form, slope.items), slope


@pytest.mark.parametrize("name", FIT)
def test_gradients_of_layers_whose_channels_do_not_mix_are_proved(name):
    found, slope = program(**FIT[name])
    assert proved(found, slope.form) and found.strict


def test_rows_with_their_channels_are_one_run():
    """The last axes of what is summed are places and channels together where no place is skipped."""
    runs = [_sum(program(groups="depthwise", stride=stride)[0]).axes[-1] for stride in (1, 2)]
    assert [len(run) for run in runs] == [2, 1]


def _sum(found):
    tiles = found.body[0].body[0]
    return next(n for n in tiles.body if isinstance(n, WeightedSum))


FAULTS = {
    "windows begin a row late": (Halo, lambda n: replace(n, source=shifted(n.source, 1)) if "X" in str(n) else n),
    "a row is left out": (WeightedSum, lambda n: replace(n, axes=(*n.axes[:3], (shorter(n.axes[3][0]),), *n.axes[4:]))),
    "windows lie one further": (WeightedSum, lambda n: replace(n, source=shifted(n.source, 2))),
    "the last place is not added": (Store, lambda n: replace(n, over=(*n.over[:-1], shorter(n.over[-1])))),
    "what is added goes one tap further": (Store, lambda n: replace(n, target=shifted(n.target, 1))),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_refused(fault):
    kind, change = FAULTS[fault]
    found, slope = program(groups="depthwise")
    wrong = replace(found, body=changed(found.body, kind, change))
    assert wrong != found and not proved(wrong, slope.form)


REFUSED = {
    ("conv2d_channels", "V"): "it needs channels that don't mix: else it is a product of matrices",
    ("periodic2d", "V"): r"it needs windows that move with one place along each axis; Mod\(a \+ i, n\) is read",
    ("fully_connected", "W"): "it needs channels that don't mix: else it is a product of matrices",
    ("conv2d", "X"): "it needs a product of two arrays that are given, and no bias",
}


@pytest.mark.parametrize("what", REFUSED, ids="-".join)
def test_what_does_not_fit_is_refused_with_its_reason(what):
    form = layer(what[0]).derivation.form
    slope = gradient(form, what[1] if what[1] in {"X"} else form.weights[0].name)
    with pytest.raises(NoLowering, match=f"^{REFUSED[what]}"):
        columns(slope.form, slope.items)
