"""Where a sign ties entries and an edge folds a window, an entry and its opposite may leave nothing of both.

How many of them W determines, and the exact condition that these are all, are held against the rank of V ↦ W at small sizes.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sympy import Integer, Matrix

import derive
from derive.forms.denote import matrix
from derive.forms.evaluate import evaluate
from derive.forms.expr import index
from tests.proof.test_diamonds import axis

n, m, Delta = map(index, ("n", "m", "Delta"))


def odd(edge, stride):
    """A window of one channel that a reflection turns to its opposite."""
    channels = derive.Channels((("c", 1),), (("d", 1),))
    start = derive.dense(1, channels=channels).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    start = start.then(derive.local("Delta")).then(derive.equivariant(derive.PointGroup("D1", channels={"d": "sign"})))
    start = start.then(derive.boundary(edge))
    return start if stride == 1 else start.then(derive.strided(stride))


def rank(form, sizes):
    (param,) = form.weights
    shape = [int(evaluate(e, sizes)) for e in param.array.shape]
    count = int(np.prod(shape))
    units = (np.array([int(k == p) for p in range(count)], object).reshape(shape) for k in range(count))
    none = {p.name: np.zeros([int(evaluate(e, sizes)) for e in p.array.shape], object) for p in form.biases}
    return Matrix([matrix(form, none | {param.name: V}, sizes).ravel().tolist() for V in units]).rank()


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("edge", ["zero", "reflect", "symmetric", "nearest", "periodic"])
def test_an_odd_window_is_counted_and_its_condition_is_exact(edge, stride):
    counts = odd(edge, stride).counts
    for extent, radius in product(range(1, 8), range(5)):
        sizes = {n: Integer(extent), Delta: Integer(radius)}
        side = axis(edge, extent, radius, 1, stride) if edge != "zero" else inside(extent, radius, stride)
        seen = side - side[:, ::-1]
        told = int(np.linalg.matrix_rank(seen[:, radius + 1 :].astype(float))) if radius else 0
        assert counts.exact_weight.xreplace(sizes) == told, sizes
        assert (counts.when.xreplace(sizes) == True) == (told == radius), sizes  # noqa: E712


def inside(extent, radius, stride):
    """What each place of a window sees with zero edges, which NumPy's padding has as a place of its own."""
    padded = np.pad(np.arange(1, extent + 1), radius)
    reads = np.array([[padded[o + a] for a in range(2 * radius + 1)] for o in range(0, extent, stride)])
    rows = reads[:, None, :] == np.arange(1, extent + 1)[None, :, None]
    return rows.reshape(-1, 2 * radius + 1).astype(np.int64)


def test_the_oracles():
    """On two places behind reflecting edges nothing is left of an odd entry; a layer says the same as one axis does."""
    form = odd("reflect", 1).form
    assert rank(form, {n: 2, Delta: 1}) == 0
    for extent, radius in ((3, 2), (4, 1)):
        side = axis("reflect", extent, radius, 1, 1)
        assert rank(form, {n: extent, Delta: radius}) == np.linalg.matrix_rank((side - side[:, ::-1]).astype(float))
    assert (inside(1, 1, 1).tolist(), len(inside(3, 1, 2))) == ([[0, 1, 0]], 6)


SWAP = (((0, 1), (1, 0)),)
PLANES = [
    ("D1", derive.Cross("Delta"), "symmetric", 2, ("n", "m"), (0,)),
    *(
        pytest.param(*case, marks=pytest.mark.nightly)
        for case in [
            ("D2", derive.Diamond("Delta"), "reflect", 1, ("n", "m"), None),
            ("D2", "Delta", "reflect", 1, ("n", "m"), None),
            ("D2", "Delta", "symmetric", 2, ("n", "m"), None),
            ("D2", "Delta", "nearest", 2, ("n", "m"), None),
            ("D1", "Delta", "symmetric", 2, ("n", "m"), (0,)),
            ("D4", "Delta", "reflect", 1, ("n", "n"), None),
            ("D4", "Delta", "reflect", 1, ("n", "m"), None),
            ("D4", "Delta", "symmetric", 2, ("n", "n"), None),
            ("D4", "Delta", "nearest", 2, ("n", "n"), None),
            ("D4", derive.Diamond("Delta"), "nearest", 1, ("n", "m"), None),
            (SWAP, "Delta", "periodic", 1, ("n", "n"), None),
            (SWAP, "Delta", "symmetric", 2, ("n", "n"), None),
            (SWAP, "Delta", "zero", 2, ("n", "m"), None),
        ]
    ),
]


@pytest.mark.parametrize(("group", "window", "edge", "stride", "sides", "axes"), PLANES, ids=str)
def test_a_plane_whose_entries_change_signs_is_counted_and_its_condition_is_exact(
    group, window, edge, stride, sides, axes
):
    made = derive.dense(2, sides, sides, channels=derive.Channels((("c", 1),), (("d", 1),)))
    made = made.then(derive.reindex()).then(derive.equivariant(derive.Translations())).then(derive.local(window))
    made = made.then(derive.equivariant(derive.PointGroup(group, axes=axes, channels={"d": "sign"})))
    made = made.then(derive.boundary(edge))
    made = made.then(derive.strided(stride)) if stride > 1 else made
    counts = made.counts
    for one, other, radius in [(1, 2, 1), (3, 1, 1), (2, 3, 2), (3, 3, 1), (3, 3, 2)]:
        sizes = {n: one, m: one if sides[0] == sides[1] else other, Delta: radius}
        told = rank(made.form, sizes)
        assert counts.exact_weight.subs(sizes) == told, sizes
        assert (counts.when.subs(sizes) == True) == (told == counts.weight.subs(sizes)), sizes  # noqa: E712
