"""The adjoint of the adjoint is the layer, letter by letter: recomputed from the adjoint's form alone, for layers nobody picked."""

from __future__ import annotations

import random
from itertools import islice

import numpy as np
import pytest

import derive
import derive.finite
from derive.checking import exact_arrays, small_sizes
from derive.derivation import Derivation
from derive.forms.denote import matrix
from tests.lazily import CATALOGUE
from tests.rules.test_structures import LAYERS as STRUCTURES

EDGES = ("zero", "valid", "periodic", "reflect", "symmetric", "nearest")


def drawn(seed: int) -> dict[str, object]:
    """The arguments of some layer: support, dilation, stride, edges, channels and groups."""
    draw = random.Random(seed)
    rank = draw.choice((1, 1, 2, 2, 3))
    some = [lambda: draw.choice((2, 3, "Delta")), lambda: tuple(draw.choice((1, 2, 3)) for _ in range(rank))]
    some += [lambda: draw.choice((derive.Diamond, derive.Cross, derive.Causal))(draw.choice((1, 2, "Delta")))]
    window = draw.choice(some)()
    plain = isinstance(window, str)
    dilation = draw.choice((1, 2)) if plain else tuple(draw.choice((1, 2, 3)) for _ in range(rank))
    stride = draw.choice((1, 2, 3, tuple(draw.choice((1, 2, 3)) for _ in range(rank))))
    groups = draw.choice((None, None, "depthwise", "F"))
    return {
        "kernel": window,
        "dilation": dilation,
        "stride": stride,
        "edges": draw.choice(EDGES),
        "rank": rank,
        "channels": groups is not None or draw.random() < 0.3,
        "groups": groups,
        "bias": draw.random() < 0.5,
    }


def is_itself_after_two(layer: Derivation) -> None:
    """Weight, reads, terms and letters are those of the layer, and what is in between is its matrix transposed."""
    form = layer.form
    turned = layer.then(derive.adjoint())
    again = turned.then(derive.adjoint()).form
    assert (again.weight, again.read, again.domain) == (form.weight, form.read, form.domain)
    assert (again.output, again.input, again.reduction) == (form.output, form.input, form.reduction)
    for sizes in islice(small_sizes(form), 2):
        arrays = exact_arrays(form, sizes)
        there, back = matrix(form, arrays, sizes), matrix(turned.form, arrays | {form.output.name: 0}, sizes)
        rank = len(form.output.axes)
        assert (np.transpose(there, (*range(rank, there.ndim), *range(rank))) == back).all()


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_adjoint_of_the_adjoint_of_every_layer_we_ship(name):
    is_itself_after_two(CATALOGUE[name])


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_adjoint_of_the_adjoint_of_structures(name):
    is_itself_after_two(STRUCTURES[name])


@pytest.mark.parametrize("seed", [*range(20), *(pytest.param(s, marks=pytest.mark.nightly) for s in range(20, 200))])
def test_the_adjoint_of_the_adjoint_of_any_layer(seed):
    is_itself_after_two(derive.convolution(**drawn(seed)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: derive.dense(rank=1).then(derive.equivariant(derive.Symmetric())),
        lambda: derive.dense(outputs=4, inputs=4).then(
            derive.equivariant(derive.Permutations(derive.finite.cyclic(4)))
        ),
        lambda: derive.convolution(3, rank=2, channels=False, factors=2, edges="periodic", stride=2),
        lambda: derive.convolution(3, rank=1, channels=False, edges="valid", bias=False).then(
            derive.compose(derive.convolution(2, rank=1, channels=False, edges="valid", bias=False))
        ),
    ],
    ids=["sets", "tables", "separable", "composition"],
)
def test_the_adjoint_of_the_adjoint_of_what_is_no_window(make):
    layer = make()
    is_itself_after_two(layer)
