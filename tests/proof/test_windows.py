"""Windows of numbers that are no box, or are tied, are counted at every size behind every edge; brute force is the measure."""

from __future__ import annotations

from itertools import product

import pytest
from sympy import Integer

import derive
from derive.forms.count import NotCountable
from derive.forms.expr import index
from derive.proof.dimension import Dimension
from derive.proof.windows import layers_of_numbers
from derive.render.numbers import numbers
from tests.proof.test_dimensions import agree

EDGES = ("periodic", "reflect", "symmetric", "nearest")
WINDOWS = {
    "D4": {"kernel": 3, "symmetry": derive.PointGroup("D4")},
    "C4, strided": {"kernel": 3, "symmetry": derive.PointGroup("C4"), "stride": (1, 2)},
    "D1 about a corner": {"kernel": 4, "symmetry": derive.PointGroup("D1", about="corner"), "rank": 1, "stride": 3},
    "cross, strided": {"kernel": derive.Cross(1), "stride": (2, 1)},
    "mask": {"kernel": derive.Mask([[1, 0, 1], [0, 1, 0], [1, 1, 0]])},
    "dilated, grouped": {
        "kernel": 3,
        "dilation": 2,
        "rank": 1,
        "symmetry": derive.PointGroup("D1"),
        "channels": True,
        "groups": 2,
    },
}


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("name", WINDOWS)
def test_a_window_is_counted_at_every_size(name, edge):
    layer = derive.convolution(**{"channels": False, "edges": edge, **WINDOWS[name]})
    counts = layer.counts
    assert not counts.exact_weight.has(Dimension) and not counts.exact_bias.has(Dimension)
    grid = [s for s in layer.form.sizes if s.name in "nm"]
    for extents in product((1, 2, 3, 4, 5, 7) if len(grid) == 1 else (1, 2, 4), repeat=len(grid)):
        agree(layer, dict.fromkeys(layer.form.sizes, 1) | dict(zip(grid, extents, strict=True)))


def test_channels_that_places_turn_are_gone_through_and_the_others_counted_by_name():
    turned = derive.PointGroup("C4", channels={"s": "regular", "r": "regular"})
    channels = derive.Channels((("c", "C"), ("s", 4)), (("d", "D"), ("r", 4)))
    layer = derive.dense(2, channels=channels).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    layer = layer.then(derive.local(1)).then(derive.equivariant(turned)).then(derive.boundary("nearest"))
    n, m, C, D = map(index, ("n", "m", "C", "D"))
    exact = layer.counts.exact_weight
    assert [exact.subs({n: 1, m: k, C: 2, D: 3}) for k in (1, 2, 3)] == [24, 120, 120]
    assert exact.subs({n: 2, m: 2}) == 36 * C * D == layer.counts.weight
    agree(layer, {n: 1, m: 2, C: 1, D: 1})


def test_sides_in_terms_of_one_size_are_gone_through_together():
    square = (
        derive.dense(2, ("n", "n"), ("n", "n")).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    )
    square = square.then(derive.local(derive.Cross(1))).then(derive.boundary("periodic"))
    n = index("n")
    assert [square.counts.exact_weight.subs(n, k) for k in (1, 2, 3, 9)] == [1, 3, 5, 5]
    assert [square.counts.when.subs(n, k) for k in (2, 3)] == [False, True]


def test_a_window_of_symbolic_sides_is_left_to_others_and_counted_at_numbers():
    layer = derive.convolution(kernel="Delta", channels=False, edges="reflect", symmetry=derive.PointGroup("D4"))
    assert layers_of_numbers(layer.form) is None
    for n, m, delta, told in ((2, 2, 3, 3), (5, 5, 3, 10), (5, 7, 1, 3), (1000, 1000, 4, 15)):
        assert numbers(layer.form, {"n": n, "m": m, "Delta": delta})["weights"] == told


@pytest.mark.parametrize(
    ("window", "rank", "weights", "least"), [(derive.Cross(9), 3, 55, 19), (derive.Cross(40), 1, 81, 81)]
)
def test_windows_of_which_small_grids_are_too_many_are_whole_on_large_ones(window, rank, weights, least):
    counts = derive.convolution(kernel=window, rank=rank, channels=False, edges="nearest").counts
    told = layers_of_numbers(derive.convolution(kernel=window, rank=rank, channels=False, edges="nearest").form)
    assert told is not None and told[0] is None and (counts.weight, counts.bias) == (weights, 1)
    at = dict.fromkeys(told[2].free_symbols, least)
    assert told[2].subs(at) == True and told[2].subs(dict.fromkeys(at, least - 1)) == False  # noqa: E712


def test_large_tied_windows_are_counted_on_large_grids():
    layer = derive.convolution(kernel=101, channels=False, edges="reflect", symmetry=derive.PointGroup("D4"))
    assert layer.counts.is_long and layer.counts.weight == 51 * 52 // 2
    assert layer.counts.when.subs({index("n"): 101, index("m"): 101}) == True  # noqa: E712
    few = {index("n"): 5, index("m"): 5}  # cosines of 5 frequencies along each axis, exchanged
    assert layer.counts.exact_weight.subs(few) == 5 * 6 // 2


def hexagon_of_67(stride=1, edge="periodic"):
    return derive.convolution(kernel=derive.Hexagon("Delta"), stride=stride, channels=False, edges=edge).form


def test_a_window_of_numbers_is_whole_on_a_grid_of_numbers_only_where_that_is_large():
    """On 40 by 50 places it was said to have all of its 3367 weights, of which a torus adds some up."""
    form = hexagon_of_67()
    small, large = (
        form.at(dict(zip(form.sizes, map(Integer, at), strict=True))) for at in ((40, 50, 33), (67, 67, 33))
    )
    assert layers_of_numbers(small) == (2000, 3367, False) and layers_of_numbers(large) == (3367, 3367, True)


@pytest.mark.nightly
def test_weights_that_are_too_many_to_be_counted_on_a_grid_of_numbers_are_no_number():
    with pytest.raises(
        NotCountable, match=r"W may tell fewer weights than there are; they are more than are gone through\.$"
    ):
        numbers(hexagon_of_67(2, "reflect"), {"n": 100, "m": 120, "Delta": 60})


def test_a_large_hexagon_on_a_torus_of_numbers_is_counted_by_the_residues_that_it_reaches():
    ends = range(-60, 61)
    reached = {(a % 100, b % 120) for a in ends for b in ends if abs(a + b) <= 60}
    assert numbers(hexagon_of_67(), {"n": 100, "m": 120, "Delta": 60})["weights"] == len(reached)
