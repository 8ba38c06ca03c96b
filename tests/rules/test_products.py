"""Products along three axes: the dimension that is told is the rank of their derivative, found by hand over the rationals."""

from __future__ import annotations

from functools import cache, reduce

import numpy as np
import pytest

from derive.derivation import dense
from derive.forms.support import Box
from derive.groups.translations import Translations
from derive.proof.exact import rank
from derive.rules.equivariant import equivariant
from derive.rules.local import local
from derive.rules.reindex import reindex
from derive.rules.separable import separable


@cache
def volume():
    return dense(3).then(reindex()).then(equivariant(Translations()))


def derivative_rank(shape, r):
    """Of Σ_r Π_k f_k[r, a_k] by its letters, at small whole numbers, by hand over the rationals."""
    draw = np.random.default_rng(1)
    factors = [draw.integers(1, 10, (r, side)).astype(object) for side in shape]
    rows = []
    for axis, side in enumerate(shape):
        for k, at in np.ndindex(r, side):
            unit = np.zeros(side, dtype=object)
            unit[at] = 1
            parts = [unit if other == axis else f[k] for other, f in enumerate(factors)]
            rows.append(reduce(np.multiply.outer, parts).ravel())
    return rank(np.array(rows, dtype=object))


@pytest.mark.parametrize(
    ("shape", "r", "dimension"),
    [
        ((3, 3, 3), 1, 7),
        ((3, 3, 3), 3, 21),
        ((3, 3, 3), 4, 26),
        ((3, 3, 3), 5, 27),
        ((3, 3, 3), 9, 27),
        ((1, 3, 3), 2, 8),
        ((3, 5, 1), 2, 12),
        ((5, 3, 3), 4, 36),
        ((1, 1, 3), 2, 3),
        ((3, 3, 1), 4, 9),
        ((5, 5, 3), 4, 44),
    ],
)
def test_the_dimension_of_three_factors_is_the_rank_of_their_derivative(shape, r, dimension):
    """Strassen's 4 products on 3 × 3 × 3 have 26 dimensions where 27 are expected."""
    found = volume().then(local(Box(tuple(side // 2 for side in shape)))).then(separable(r)).free_parameters
    assert found.get("dimension") == dimension
    assert derivative_rank(shape, r) == dimension


def test_the_dimension_of_named_products_on_three_axes():
    found = volume().then(local("Delta")).then(separable("R")).free_parameters
    assert (
        str(found["dimension"]) == "R*(6*Delta + 1)"
        and str(found["when"]) == "(Delta < Min(m, n, p)) & (R <= 2*Delta + 1)"
    )
    for delta, r in ((1, 1), (1, 2), (1, 3), (2, 4)):
        at = {"Delta": delta, "R": r}
        assert found["dimension"].subs({s: at[s.name] for s in found["dimension"].free_symbols}) == derivative_rank(
            (2 * delta + 1,) * 3, r
        )
    one = volume().then(local("Delta")).then(separable(1)).free_parameters
    assert str(one["dimension"]) == "6*Delta + 1"
