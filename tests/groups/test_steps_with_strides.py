"""Layers that a shift by a step ties, behind every edge, at every so many places: kernels and the dense layer agree."""

from __future__ import annotations

import pytest

import derive
from derive.checking import check_emitted
from derive.derivation import Derivation
from derive.errors import ObligationFailed
from derive.pipeline import Layer


def stepped(step: int, edge: str, stride: int) -> Derivation:
    """A window of three on a line whose weights repeat by the step."""
    layer = derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Translations(step=step)))
    layer = layer.then(derive.local(1)).then(derive.boundary(edge))
    return layer if stride == 1 else layer.then(derive.strided(stride))


@pytest.mark.parametrize(
    ("step", "stride", "kinds"), [(2, 1, 2), (3, 1, 3), (2, 2, 1), (2, 4, 1), (3, 3, 1), (3, 6, 1), (2, 3, 2)]
)
@pytest.mark.parametrize("edge", ["periodic", "reflect", "symmetric", "nearest"])
def test_the_dense_layer_behind_an_edge_has_the_places_own_weights(
    step: int, stride: int, kinds: int, edge: str
) -> None:
    """`kinds` of places are kept: the step, less what the stride never meets."""
    layer = stepped(step, edge, stride)
    assert layer.free_parameters["weight"] == 3 * kinds and all(v.proved for v in layer.verdicts)
    check_emitted(Layer("stepped", layer, "A stepped layer.", "python -m derive emit", "docs"))


@pytest.mark.parametrize(("step", "stride", "kinds"), [(2, 1, 2), (2, 2, 1), (2, 4, 1), (3, 3, 1)])
def test_zero_edges(step: int, stride: int, kinds: int) -> None:
    layer = stepped(step, "zero", stride)
    assert layer.free_parameters["weight"] == 3 * kinds and all(v.proved for v in layer.verdicts)
    check_emitted(Layer("stepped", layer, "A stepped layer.", "python -m derive emit", "docs"))


@pytest.mark.parametrize(
    ("step", "stride", "edge"),
    [(2, 3, "zero"), (3, 2, "periodic"), (3, 2, "reflect"), (2, 1, "valid"), (3, 1, "valid"), (2, 3, "valid")],
)
def test_strides_that_share_no_divisor_with_the_step_meet_every_kind_of_place(
    step: int, stride: int, edge: str
) -> None:
    layer = stepped(step, edge, stride)
    assert layer.free_parameters["weight"] == 3 * step and all(v.proved for v in layer.verdicts)
    check_emitted(Layer("stepped", layer, "A stepped layer.", "python -m derive emit", "docs"))


def test_two_axes_with_a_stride_each() -> None:
    """The subscripts of one access have six letters among them."""
    layer = derive.dense(2).then(derive.reindex()).then(derive.equivariant(derive.Translations(step=2)))
    layer = layer.then(derive.local(1)).then(derive.boundary("periodic")).then(derive.strided((3, 5)))
    assert layer.free_parameters["weight"] == 9 * 4 and all(v.proved for v in layer.verdicts)
    check_emitted(Layer("stepped", layer, "A stepped layer.", "python -m derive emit", "docs"))


@pytest.mark.parametrize(("step", "stride", "kinds"), [(4, 2, 2), (4, 6, 2)])
def test_a_stride_that_shares_a_divisor_meets_some_kinds(step: int, stride: int, kinds: int) -> None:
    layer = stepped(step, "periodic", stride)
    assert layer.free_parameters["weight"] == 3 * kinds and all(v.proved for v in layer.verdicts)
    check_emitted(Layer("stepped", layer, "A stepped layer.", "python -m derive emit", "docs"))


def test_remainders_that_come_in_another_order_and_not_all_are_refused() -> None:
    with pytest.raises(ObligationFailed, match=r"Rule 'strided\(4\)' refused: its obligation 'free' is refuted"):
        stepped(6, "periodic", 4)
