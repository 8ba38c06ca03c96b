"""Layers that groups of matrices leave commute where their algebras do: decided for all weights, at their sizes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import derive
from derive import MatrixGroup
from derive.errors import ObligationFailed
from derive.forms.denote import matrix

CYCLE, FLIP = [[[0, 1, 0], [0, 0, 1], [1, 0, 0]]], [[[0, 0, 1], [0, 1, 0], [1, 0, 0]]]
THIRD = Fraction(1, 3)
MIRROR = [[[n * THIRD for n in row] for row in ((-1, 2, 2), (2, -1, 2), (2, 2, -1))]]


def under(*groups):
    layer = derive.dense(outputs=3, inputs=3).then(derive.unbiased())
    for group in groups:
        layer = layer.then(derive.equivariant(MatrixGroup(group)))
    return layer


@pytest.mark.parametrize(
    ("one", "other"), [((CYCLE,), (CYCLE,)), ((CYCLE, FLIP), (CYCLE,)), ((CYCLE,), (CYCLE, MIRROR))]
)
def test_circulant_matrices_commute_and_symmetric_ones_with_their_kind(one, other):
    verdict = derive.commute(under(*one), under(*other))
    assert verdict.status.value.startswith("checked") and verdict.proved


@pytest.mark.parametrize(("one", "other"), [((FLIP,), (FLIP,)), ((CYCLE, FLIP), (FLIP,))])
def test_others_are_told_apart_by_units(one, other):
    """Refused with one weight of each, as products of matrices show."""
    first, second = under(*one), under(*other)
    with pytest.raises(ObligationFailed, match=r"^The two layers commute: refused at "):
        derive.commute(first, second)
    products = []
    for layer in (first, second):
        (numbers,) = (p for p in layer.form.weights if p.values is not None)
        count = int(numbers.array.shape[-1])
        held = {numbers.name: np.array([*numbers.values, None], dtype=object)[:-1].reshape([3, 3, count])}
        units = np.eye(count, dtype=int).astype(object)
        products.append([matrix(layer.form, held | {"V": unit}, {}) for unit in units])
    assert any((a.dot(b) != b.dot(a)).any() for a in products[0] for b in products[1])


def test_compositions_of_two_have_names_of_their_own():
    layer = under(CYCLE).then(derive.compose(under(CYCLE)))
    assert len({p.name for p in layer.form.weights}) == 4 and all(v.proved for v in layer.verdicts)


def test_layers_of_symbolic_sizes_are_told_apart_at_small_ones():
    """One place's matrices commute, those of two places don't."""
    layer = derive.dense(1, channels=derive.Channels((("c", 2),), (("d", 2),))).then(derive.unbiased())
    layer = layer.then(derive.equivariant(MatrixGroup([[[0, -1], [1, 0]]], on="channels")))
    with pytest.raises(
        ObligationFailed, match=r"^The two layers commute: refused at n = 2, i = 0, d = 0, where V\[0, 0, 0\] = 1"
    ):
        derive.commute(layer, layer)
