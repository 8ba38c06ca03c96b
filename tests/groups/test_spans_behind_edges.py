"""Coordinates behind an edge that adds up terms: their number holds where W determines them, which is its rank."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from sympy import Rational

import derive
from derive import Channels, Matrices, MatrixGroup
from derive.checking import exact_arrays
from derive.forms.denote import matrix
from derive.forms.expr import index
from derive.proof.exact import rank
from tests.lazily import Lazily

THIRD = Matrices([[[0, -1], [1, -1]]])
PLANE = Channels((("c", 2),), (("d", 2),))


def window(edge, *more):
    tied = derive.dense(1, channels=PLANE).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    layer = tied.then(derive.local("Delta")).then(derive.equivariant(MatrixGroup(THIRD, on="channels")))
    for rule in (derive.boundary(edge), *more):
        layer = layer.then(rule)
    return layer


def columns(form, sizes):
    """W for each coordinate as 1 and all others as 0."""
    arrays = exact_arrays(form, sizes)
    (learned,) = (p for p in form.weights if p.values is None)
    for place in np.ndindex(*arrays[learned.name].shape):
        one = np.zeros_like(arrays[learned.name])
        one[place] = 6
        yield [Rational(v) for v in matrix(form, arrays | {learned.name: one}, sizes).ravel()]


LAYERS = Lazily(
    {
        **{edge: partial(window, edge) for edge in ("zero", "periodic", "reflect", "symmetric", "nearest")},
        "strided": lambda: window("reflect", derive.strided(2)),
        "turned": lambda: window("periodic", derive.adjoint()),
    }
)


@pytest.mark.parametrize("name", LAYERS)
def test_the_number_is_the_rank_where_its_condition_holds(name):
    layer = LAYERS[name]
    numbers, seen = layer.free_parameters, set()
    for n, radius in [(1, 0), (1, 1), (2, 1), (3, 1), (5, 1), (3, 2), (5, 2)]:
        sizes = {index("n"): n, index("Delta"): radius}
        holds, wanted = bool(numbers["when"].subs(sizes)), int(numbers["weight"].subs(sizes))
        found = rank(np.array([[int(v) for v in column] for column in columns(layer.form, sizes)], dtype=object))
        assert wanted == 2 * (2 * radius + 1) and (found == wanted or (found < wanted and not holds))
        seen.add((holds, found == wanted))
    assert (True, True) in seen and (False, False) in seen
