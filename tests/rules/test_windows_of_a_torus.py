"""Windows that reach around a torus, in every order with its shifts: the pairs that a layer has are those within reach."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

import derive
from derive.errors import OrbitCut, RuleRefused
from derive.forms.expr import index

ROLLS = derive.equivariant(derive.Translations(grid="torus"))
MIRRORED = derive.equivariant(derive.PointGroup("D1"))


@pytest.mark.parametrize("steps", [(ROLLS,), pytest.param((ROLLS, MIRRORED), marks=pytest.mark.nightly)])
def test_every_order_is_one_layer(steps):
    reached = derive.local("Delta", grid="torus")
    for order in permutations((*steps, reached)):
        layer = derive.dense(1, "n", "n")
        for step in order:
            layer = layer.then(step)
        for n, reach in product(range(1, 6), range(3)):
            at = np.arange(n)
            apart = np.minimum((at - at[:, None]) % n, (at[:, None] - at) % n)
            sizes = {index("n"): n, index("Delta"): reach}
            within = [min(d, n - d) if len(steps) > 1 else d for d in range(n) if min(d, n - d) <= reach]
            assert layer.counts.exact_weight.subs(sizes) == len(set(within))
            (param,) = layer.form.weights
            shape = tuple(int(e.subs(sizes)) for e in param.array.shape)
            values = dict.fromkeys((p.name for p in layer.form.biases), np.zeros((), int))
            W, _ = layer.reference(V=np.ones(shape, int), **values, shape=(n,), Delta=reach)
            assert ((W != 0) == (apart <= reach)).all()


def test_a_window_of_a_box_says_how_one_of_the_torus_is_stated():
    with pytest.raises(OrbitCut, match=r'as by local\(\.\.\., grid="torus"\)'):
        derive.dense(1, "n", "n").then(ROLLS).then(derive.local("Delta"))


def test_a_torus_has_one_size_along_an_axis():
    with pytest.raises(RuleRefused, match="On a torus the axes i and k have one size; they have n and m"):
        derive.dense(1, "n", "m").then(derive.local(1, grid="torus"))


def test_there_is_no_other_grid():
    with pytest.raises(RuleRefused, match="A window is one of a 'box' or of a 'torus'; grid='ring' is neither"):
        derive.dense(1).then(derive.local(1, grid="ring"))
