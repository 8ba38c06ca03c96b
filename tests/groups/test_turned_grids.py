"""Turns of the whole grid, without a window: weights are tied by cases, and every gradient has a kernel."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest

import derive
from derive.checking import check_emitted
from derive.errors import RuleRefused
from derive.pipeline import Layer


@pytest.mark.parametrize(("group", "entries"), [("C2", (3, 7)), ("C3", (6, 8))])
def test_gradients_by_the_weights_add_up_what_turns_tie(group: str, entries: tuple[int, int]) -> None:
    """Of one sum for each case, which may not all add to the same copy of the result."""
    image = derive.dense(2).then(derive.reindex()).then(derive.equivariant(derive.PointGroup(group)))
    kernel, draw = image.then(derive.unbiased()).compile(), np.random.default_rng(0)
    X, G, V = (draw.integers(-5, 6, shape) for shape in ((3, 4), (3, 4), entries))
    for given in ((X, V, G), tuple(a.astype(float) for a in (X, V, G))):
        dX, dV = kernel.vjp(*given)
        ones = [np.eye(V.size, dtype=int)[p].reshape(V.shape) for p in range(V.size)]
        assert dV.ravel().tolist() == [(G * kernel(X, one)).sum() for one in ones]
        assert (dX * X).sum() == (G * kernel(X, V)).sum()


def test_slices_of_no_place_read_no_entry() -> None:
    """On one place no weight is read at a remainder of 1; what its cases would be called lies outside of V."""
    mirrored = derive.equivariant(derive.PointGroup("D1", about="corner", step=2))
    layer = derive.dense(1).then(derive.reindex()).then(derive.adjoint()).then(mirrored)
    check_emitted(Layer("layer", layer, "A layer of a test.", "", ""))


def test_places_of_an_adjoint_whose_kinds_are_tied_are_refused() -> None:
    turned = derive.equivariant(derive.PointGroup("C3", step=2))
    layer = derive.dense(2).then(derive.reindex()).then(turned).then(derive.adjoint())
    with pytest.raises(RuleRefused, match=r"V repeat along the grid by cases, .*; select places before the adjoint"):
        layer.then(derive.strided((1, 2)))


def test_cases_that_small_grids_lack_are_passed_over() -> None:
    """A middle row with one beside it needs three rows, which the loops of that case don't say."""
    turned = derive.equivariant(derive.PointGroup("D2", about="grid"))
    rules = (derive.reindex(), derive.adjoint(), derive.local(derive.Diamond(1)), turned)
    reduce(derive.Derivation.then, rules, derive.dense(2)).compile()
