"""The rule of element types: exact where it accepts, one sentence where it refuses."""

import dataclasses
import re
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from derive.runtime import ArgumentError, DTypeError
from derive.runtime.bounds import largest, magnitudes, total
from tests.runtime.standins import conv2d, smooth, strided

FLOATS = ["f2", "f4", "f8", "g"]
INTEGERS = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
EDGES = [
    0,
    1,
    -1,
    2**11,
    2**11 + 1,
    2**24 + 1,
    2**53,
    2**53 + 1,
    2**53 + 2,
    2**62,
    2**63 - 1,
    -(2**63),
    2**63,
    2**64 - 1,
]


def integers(dtype):
    limits = np.iinfo(dtype) if dtype != "?" else np.iinfo("u1")
    low, high = (0, 1) if dtype == "?" else (int(limits.min), int(limits.max))
    return st.sampled_from([edge for edge in EDGES if low <= edge <= high]) | st.integers(low, high)


def arrays(dtypes, shape):
    return st.sampled_from(dtypes).flatmap(lambda dtype: hnp.arrays(dtype, shape, elements=integers(dtype)))


def exact(array):
    return [int(value) for value in array.reshape(-1).tolist()]


@given(arrays(INTEGERS, 3))
def test_magnitudes_are_exact(array):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert magnitudes(array).tolist() == [abs(value) for value in exact(array)]
        assert total(array) == sum(map(abs, exact(array)))
        assert largest(array) == max(map(abs, exact(array)))
        assert largest(array[0]) == total(array[0]) == abs(exact(array)[0])


@given(arrays(INTEGERS, (2, 3)), arrays(INTEGERS, (3, 3)) | arrays(["i1", "u1"], (3, 3)), arrays(INTEGERS, ()))
def test_integers_give_int64_exactly_where_the_bound_allows(X, V, u):
    bound = max(map(abs, exact(X))) * sum(map(abs, exact(V))) + abs(exact(u)[0])
    if bound >= 2**63:
        with pytest.raises(DTypeError, match=f"= {bound} is not below"):
            conv2d(X, V, u)
        return
    result = conv2d(X, V, u)
    assert result.dtype == np.int64
    wide = X.astype(object)
    for i, j in np.ndindex(2, 3):
        terms = (int(V[k - i + 1, c - j + 1]) * int(wide[k, c]) for k, c in np.ndindex(2, 3) if abs(c - j) < 2)
        assert int(result[i, j]) == int(u) + sum(terms)


@pytest.mark.parametrize("top", [2**63 - 1, 2**63])
def test_the_bound_is_the_last_integer_below(top):
    kernel, data = strided, np.array([top // 3 if top % 3 == 0 else top], np.uint64)
    weights = [top // int(data[0])]
    if top < 2**63:
        assert kernel(data, weights, s=1).tolist() == [top]
    else:
        sentence = (
            "strided: the result might not fit int64, as max|X|·Σ|V| = 9223372036854775808 "
            "is not below 2**63; pass smaller integers, or floats."
        )
        with pytest.raises(DTypeError, match=f"^{re.escape(sentence)}$"):
            kernel(data, weights, s=1)


def test_the_bound_names_every_array():
    with pytest.raises(DTypeError, match=re.escape("as max|X|·Σ|V| + max|u| = 9223372036854775808 is")):
        conv2d([[2**62]], [[1]], 2**62)
    with pytest.raises(DTypeError, match=re.escape(f"as max|X|·Σ|V|·Σ|W| = {2**61 * 2 * 2} is")):
        smooth([2**61], [-2], [1, 0, -1])
    with pytest.raises(DTypeError, match=re.escape(f"as max|X|·Σ|V| = {2**63} is")):
        strided([-(2**63)], [1], s=1)
    assert smooth([-(2**61)], [-1], [1, 1, 1]).tolist() == [2**61]


def test_values_beyond_int64_are_fine_where_they_meet_zero():
    assert conv2d(np.array([[2**64 - 1]], np.uint64), [[0]], 7).tolist() == [[7]]
    assert conv2d(np.empty((0, 1, 1), np.uint64), [[2**62]], 7).dtype == np.int64


@given(*[st.sampled_from(FLOATS + INTEGERS)] * 3)
def test_floats_follow_numpy(x, v, u):
    assume(not {x, v, u} <= set(INTEGERS))
    result = conv2d(np.ones((2, 3), x), np.ones((1, 1), v), np.ones((), u))
    assert result.dtype == np.result_type(*map(np.dtype, (x, v, u)))
    assert (result == 2).all()


@given(x=st.sampled_from(FLOATS), v=st.sampled_from(FLOATS), u=st.sampled_from([0, 1, True, 0.5, -2.0]))
def test_a_python_number_is_weak(x, v, u):
    result = conv2d(np.ones((1, 1), x), np.ones((1, 1), v), u)
    assert result.dtype == np.result_type(np.dtype(x), np.dtype(v)) and result[0, 0] == 1 + u


def test_a_numpy_number_is_not_weak():
    assert conv2d(np.ones((1, 1), "f4"), np.ones((1, 1), "f4"), np.float64(1)).dtype == np.float64
    assert conv2d([[1]], [[2]], 0.5).tolist() == [[2.5]]


@given(X=arrays(INTEGERS, (2, 2)), v=st.sampled_from(FLOATS))
def test_an_integer_beside_floats_must_be_one_of_their_values(X, v):
    dtype = np.result_type(X.dtype, np.dtype(v))
    held = [Fraction(*dtype.type(value).as_integer_ratio()) == value for value in exact(X)]
    if all(held):
        assert (conv2d(X, np.ones((1, 1), v), 0) == X.astype(dtype)).all()
    else:
        wrong = exact(X)[held.index(False)]
        with pytest.raises(DTypeError, match=f"conv2d: X holds {wrong}, which {dtype} can't hold exactly"):
            conv2d(X, np.ones((1, 1), v), 0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([[1.5]], np.array([[2**53 + 1]]), 0),
         "conv2d: V holds 9007199254740993, which float64 can't hold exactly; "
         "pass V as floats if it may be rounded."),
        (([[1.5]], [[1.0]], -(2**53) - 1),
         "conv2d: u holds -9007199254740993, which float64 can't hold exactly; "
         "pass u as floats if it may be rounded."),
        ((np.ones((1, 1), "f2"), np.ones((1, 1), "f2"), 2**16),
         "conv2d: u holds 65536, which float16 can't hold exactly; pass u as floats if it may be rounded."),
        ((np.ones((1, 1), "f4"), np.ones((1, 1), "f4"), 1e39),
         "conv2d: u is 1e+39, which is infinite in float32; pass u as a float64 array."),
        (([[1j]], [[1]], 0),
         "conv2d: X has dtype complex128; it needs real numbers: bool, integer or float."),
        (([[1]], [[None]], 0),
         "conv2d: V has dtype object; it needs real numbers: bool, integer or float."),
        (([[1]], [[Fraction(1, 2)]], 0),
         "conv2d: V has dtype object; it needs real numbers: bool, integer or float."),
        (([[1]], [[1]], 2**64), "conv2d: u has dtype object; it needs real numbers: bool, integer or float."),
        (([["a"]], [[1]], 0), "conv2d: X has dtype <U1; it needs real numbers: bool, integer or float."),
        ((np.array([["2020-01-01"]], "M8[D]"), [[1]], 0),
         "conv2d: X has dtype datetime64[D]; it needs real numbers: bool, integer or float."),
        ((np.array([[1]], "m8[s]"), [[1]], 0),
         "conv2d: X has dtype timedelta64[s]; it needs real numbers: bool, integer or float."),
        ((np.zeros((1, 1), [("r", "f4")]), [[1]], 0),
         "conv2d: X has dtype [('r', '<f4')]; it needs real numbers: bool, integer or float."),
    ],
)  # fmt: skip
def test_a_refused_type_or_value_is_one_sentence(arguments, sentence):
    with pytest.raises(DTypeError, match=f"^{re.escape(sentence)}$"):
        conv2d(*arguments)


def test_a_mask_is_not_dropped_in_silence():
    with pytest.raises(ArgumentError, match=r"^conv2d: X is a masked array; fill it, as in X\.filled\(0\)\.$"):
        conv2d(np.ma.array([[1.0]], mask=True), [[1.0]], 0)


def test_a_python_infinity_is_a_value():
    assert conv2d(np.ones((1, 1), "f4"), np.ones((1, 1), "f4"), float("inf"))[0, 0] == np.inf


def test_half_precision_is_rounded_once():
    X = np.array([[1, 2.0**-11, 2.0**-11]], "f2")
    V = np.ones((3, 3), "f2")
    assert conv2d(X, V, 0)[0, 1] == np.float16(1 + 2.0**-10)
    assert np.float16(np.float16(X[0, 0] + X[0, 1]) + X[0, 2]) == 1  # rounded at each step, both small terms go
    out = np.zeros((1, 3), "f2")
    assert conv2d(X, V, 0, out=out) is out and out[0, 1] > 1


def test_long_doubles_keep_their_bits():
    tiny = np.finfo("g").eps
    assert conv2d(np.full((1, 1), 1 + tiny, "g"), np.ones((1, 1), "g"), 0)[0, 0] == 1 + tiny


def test_scratch_has_the_type_that_computes():
    seen = []

    def body(X, V, W, H, new):
        seen.append((X.dtype, H.dtype, new((2,)).dtype))
        smooth.body(X, V, W, H, new)

    kernel = dataclasses.replace(smooth, body=body)
    for given_type, computed in [("f2", "f4"), ("f4", "f4"), ("i1", "i8"), (">f8", "=f8")]:
        kernel(np.ones(3, given_type), np.ones(1, given_type), np.ones(3, given_type))
        assert seen.pop() == (np.dtype(computed),) * 3
