"""Even windows about a corner, masks that are factored, and what of a group a thinned window keeps."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

import derive
from derive.checking import check_emitted
from derive.derivation import Derivation
from derive.errors import RuleRefused
from derive.pipeline import Layer
from tests.rules.test_combinations import test_the_count_is_the_rank_of_the_derivative as count_is_rank
from tests.rules.test_combinations import test_the_kernel_is_the_dense_layer_on_integers as kernel_is_dense

MASK = derive.Mask(np.array([[1, 0, 1], [0, 1, 0], [1, 1, 1]], bool))


def even(group: str, stride: int) -> Derivation:
    return derive.convolution(4, stride=stride, channels=False, symmetry=derive.PointGroup(group, "corner"))


@pytest.mark.parametrize("stride", [2, 3])
@pytest.mark.parametrize("group", ["C4", "D2"])
def test_an_even_window_about_a_corner_keeps_its_stride(group: str, stride: int) -> None:
    layer = even(group, stride)
    assert layer.free_parameters["weight"] == 4
    count_is_rank(layer)
    kernel_is_dense(layer)


@pytest.mark.parametrize("factors", [1, 2])
@pytest.mark.parametrize("edges", ["periodic", "reflect"])
def test_a_mask_is_factored_behind_every_edge(edges: str, factors: int) -> None:
    layer = derive.convolution(MASK, edges=edges, channels=False, factors=factors)
    assert layer.free_parameters["weight"] == 6 * factors
    check_emitted(Layer("layer", layer, "A layer of a test.", "", ""))
    count_is_rank(layer)


def test_weights_that_a_symmetry_ties_are_not_factored() -> None:
    with pytest.raises(RuleRefused, match="a symmetry that ties those of this one isn't one of products"):
        derive.convolution(3, channels=False, symmetry=derive.PointGroup("D4"), factors=1)


def test_a_thinned_hexagon_has_no_symmetry_about_a_corner() -> None:
    with pytest.raises(RuleRefused, match="the support is kept by the identity alone, not by the rotation by 180°"):
        derive.convolution(derive.Hexagon(1), dilation=2, symmetry=derive.PointGroup("C2", "corner"))


def test_a_thinned_window_of_a_named_radius_is_factored() -> None:
    layer = derive.convolution("Delta", dilation=2, channels=False, factors="R")
    assert all(verdict.proved for verdict in layer.verdicts)
    assert str(layer.free_parameters["weight"]) == "2*R*(2*Delta + 1)"


@pytest.mark.nightly
def test_the_kernel_of_a_thinned_window_that_is_factored() -> None:
    layer = derive.convolution("Delta", dilation=2, channels=False, factors="R")
    check_emitted(Layer("layer", layer, "A layer of a test.", "", ""))


@pytest.mark.parametrize("edges", ["zero", "valid", "periodic", "reflect", "nearest"])
def test_products_on_a_named_hexagon_have_no_known_dimension(edges: str) -> None:
    """A formula is known for a box; a hexagon's products reach fewer windows, whatever the edge."""
    assert "dimension" not in derive.convolution(derive.Hexagon("Delta"), edges=edges, factors="R").free_parameters
    assert "dimension" in derive.convolution("Delta", edges=edges, factors="R").free_parameters


@pytest.mark.parametrize("edges", ["periodic", "reflect", "nearest", "symmetric"])
def test_an_adjoint_reaches_as_many_layers_as_what_it_transposes(edges: str) -> None:
    """On a grid that is smaller than the window taps fall together, in the layer and in its adjoint."""
    layer = derive.convolution(3, edges=edges, channels=False, factors=1)
    numbers, turned = layer.free_parameters, layer.then(derive.adjoint()).free_parameters
    assert numbers["dimension"] == turned["dimension"] == 5
    assert numbers["when"] == turned["when"] != True  # noqa: E712
    count_is_rank(layer.then(derive.adjoint()))


@pytest.mark.parametrize("edges", ["periodic", "reflect"])
def test_a_hexagons_products_are_counted_behind_edges(edges: str) -> None:
    layer = derive.convolution(derive.Hexagon(1), edges=edges, channels=False, factors=1)
    assert layer.free_parameters["dimension"] == 5
    count_is_rank(layer)


BESIDE = derive.Mask(((0, 1, 1, 0), (1, 0, 0, 1)), origin=(3, -1))


@cache
def tied(rank: int) -> Derivation:
    return derive.dense(rank).then(derive.reindex()).then(derive.equivariant(derive.Translations()))


@pytest.mark.parametrize(
    "make",
    [
        lambda: tied(2).then(derive.local(BESIDE)).then(derive.boundary("zero")),
        lambda: tied(1).then(derive.local(derive.Mask((1, 0, 1), origin=(-2,)))).then(derive.boundary("valid")),
    ],
    ids=["zero", "valid"],
)
def test_a_window_may_lie_beside_its_place(make: Callable[[], Derivation]) -> None:
    """All its offsets are before the place, or all behind: on one place no tap is inside, and whole windows start at place 0."""
    layer = make()
    made = Layer("beside", layer, "A layer of a test.", "", "")
    assert made.backends == ("cupy", "numpy") and all(verdict.proved for verdict in made.verdicts)
    check_emitted(made)


def test_whole_windows_beside_their_places_are_as_many_as_fit() -> None:
    layer = tied(1).then(derive.local(derive.Mask((1, 1), origin=(-2,)))).then(derive.boundary("valid"))
    assert layer.compile()(np.arange(6), np.array([1, 10]), 0).tolist() == [32, 43, 54]
