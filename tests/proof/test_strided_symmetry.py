"""The condition under which a strided layer keeps a symmetry is what decides: at every small size the layer has it or hasn't.

Held against the dense matrix of weights whose sums are all different, turned by NumPy.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import derive
from derive.errors import ObligationFailed
from derive.forms.denote import matrix
from derive.forms.evaluate import evaluate
from derive.forms.expr import index
from derive.symmetry import symmetry

EDGES = ("zero", "valid", "periodic", "reflect", "symmetric", "nearest")


def layer(rank, window, group, edge, stride):
    start = derive.dense(rank).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    start = start.then(derive.local(window)).then(derive.equivariant(group)).then(derive.unbiased())
    start = start.then(derive.boundary(edge))
    return start if stride == 1 else start.then(derive.strided(stride))


def keeps(form, sizes, turned):
    """Whether the dense matrix is itself where output and input axes are mirrored, for weights whose sums are all different."""
    (param,) = form.weights
    shape = [int(evaluate(e, sizes)) for e in param.array.shape]
    weights = np.array([1 << (32 * p) for p in range(int(np.prod(shape)))], dtype=object).reshape(shape)
    W = matrix(form, {param.name: weights}, sizes)
    return bool((np.flip(W, [*turned, *(len(form.output.axes) + axis for axis in turned)]) == W).all())


def decides(made, condition, turned, most, radii=(0,)):
    names = [index(name) for name in ("n", "m") if index(name) in made.form.sizes]
    seen = set()
    for places, radius in product(product(range(1, most + 1), repeat=len(names)), radii):
        sizes = dict(zip(names, places, strict=True)) | {index("Delta"): radius}
        if bool(evaluate(made.form.given, sizes)):
            wanted = keeps(made.form, sizes, turned)
            assert bool(evaluate(condition, sizes)) == wanted, sizes
            seen.add(wanted)
    return seen


@pytest.mark.parametrize("stride", [1, 2, pytest.param(3, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize(
    ("window", "about"), [("Delta", "pixel"), (2, "pixel"), (derive.Box(0, 1), "corner"), (derive.Box(1, 2), "corner")]
)
def test_on_a_line(window, about, edge, stride):
    """An even window has the symmetry on few places, such as one, where it isn't carried onto itself."""
    made = layer(1, window, derive.PointGroup("D1", about), edge, stride)
    found = symmetry(made, "D1")
    assert all(v.proved for v in found.verdicts)
    seen = decides(made, found.condition, (0,), 7, range(4) if window == "Delta" else (0,))
    assert seen == ({True} if str(found).endswith("always") else {True, False})


@pytest.mark.parametrize("stride", [1, (2, 1)])
@pytest.mark.parametrize("edge", ["zero", pytest.param("periodic", marks=pytest.mark.nightly), "reflect"])
def test_on_a_plane_a_few_places_along_one_axis_are_enough(edge, stride):
    made = layer(2, derive.Box((0, 1), (1, 1)), derive.PointGroup("D1", "corner", axes=(0,)), edge, stride)
    found = symmetry(made, derive.PointGroup("D1", axes=(0,)))
    decides(made, found.condition, (0,), 4)
    turned = layer(2, derive.Box(0, 1), derive.PointGroup("C2", "corner"), edge, stride)
    decides(turned, symmetry(turned, "C2").condition, (0, 1), 4)


@pytest.mark.parametrize(
    ("edge", "stride", "says"),
    [
        ("zero", 1, "where n = 1"),
        ("periodic", 1, "where n ∈ {1, 2}"),
        ("reflect", 2, "where ((n + 1) mod 2 = 1) or n ∈ {1, 3}"),
    ],
)
def test_what_it_says_of_few_places(edge, stride, says):
    found = symmetry(layer(1, derive.Box(0, 1), derive.PointGroup("D1", "corner"), edge, stride), "D1")
    assert str(found) == f"commutes with D1 about the grid's centre {says}" and "fails at n = " in found.counterexample


def test_a_window_that_no_grid_mirrors_is_refused_with_a_counterexample():
    made = (
        derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Translations())).then(derive.unbiased())
    )
    with pytest.raises(ObligationFailed, match="fails at n = "):
        symmetry(made.then(derive.local(1)).then(derive.boundary("zero")).then(derive.strided(2)), "D1")
