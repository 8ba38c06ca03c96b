"""Sums of products as calls of np.einsum."""

import numpy as np
import pytest

from derive.backends._contractions import contraction


@pytest.mark.parametrize(
    ("factors", "result", "wanted"),
    [
        ([("r", "P"), ("r", "Q"), ("...ij", "X")], "...ij", ("", 'np.einsum("r,r->", P, Q, optimize=True) * X')),
        ([("r", "P"), ("zij", "X"), ("zij", "G")], "r", ("", 'np.einsum("zij,zij->", X, G, optimize=True) * P')),
        ([("cd", "V"), ("...ijc", "X")], "...ijd", ("np.einsum", '"cd,...ijc->...ijd", V, X, optimize=True')),
        ([("i", "A"), ("j", "B"), ("k", "C")], "ijk", ("np.einsum", '"i,j,k->ijk", A, B, C, optimize=True')),
    ],
)
def test_two_factors_at_a_time(factors, result, wanted):
    assert contraction(factors, result) == wanted


@pytest.mark.parametrize("labels", [("ab", "bc", "...ac"), ("...ab", "b", "bc", "c"), ("r", "ra", "...ab", "rb")])
def test_every_order_is_the_same_sum(labels):
    sides, draw = {"a": 2, "b": 3, "c": 4, "r": 2}, np.random.default_rng(0)
    shapes = [(*([5] if "." in one else []), *(sides[c] for c in one.strip("."))) for one in labels]
    arrays = {chr(65 + p): draw.integers(-9, 9, shape) for p, shape in enumerate(shapes)}
    for result in ("...", "...a", "...ba"):
        call, inside = contraction(list(zip(labels, arrays, strict=True)), result)
        got = eval(f"{call}({inside})", {"np": np, **arrays})
        assert np.array_equal(got, np.einsum(f"{','.join(labels)}->{result}", *arrays.values()))
