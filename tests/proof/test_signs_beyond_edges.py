"""Where a sign ties entries and an edge folds a window, an entry and its opposite may leave nothing of both.

The condition under which W determines all free weights is held against the rank of V ↦ W at small sizes.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sympy import Matrix

import derive
from derive.forms.denote import matrix
from derive.forms.evaluate import evaluate
from derive.forms.expr import index


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


@pytest.mark.parametrize(
    ("edge", "stride"),
    [
        ("reflect", 1),
        *(pytest.param(edge, 1, marks=pytest.mark.nightly) for edge in ("symmetric", "nearest", "periodic")),
        *(pytest.param(edge, 2, marks=pytest.mark.nightly) for edge in ("reflect", "symmetric", "nearest", "periodic")),
    ],
)
def test_the_condition_holds_only_where_no_entries_cancel(edge, stride):
    made = odd(edge, stride)
    held = set()
    for n, radius in product(range(1, 8), range(1, 4)):
        sizes = {index("n"): n, index("Delta"): radius}
        if evaluate(made.counts.when, sizes):
            assert rank(made.form, sizes) == radius == evaluate(made.counts.weight, sizes), sizes
            held.add(n)
    assert held
    assert rank(odd("reflect", 1).form, {index("n"): 2, index("Delta"): 1}) == 0
