"""Arrays that a layer brings along: exact as stated, rounded once, and never the caller's."""

import dataclasses
import re
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from derive.cuda_check import standing_in_for_cupy
from derive.runtime import ArgumentError, Constant, DTypeError, ShapeError
from derive.runtime.bounds import largest, total
from derive.runtime.constants import rounded
from tests.runtime.standins import stencil

FLOATS = ["f4", "f8", "g"]
THIRDS = dataclasses.replace(stencil, constants={"K": Constant((-1, 3), 3)})
RATIONALS = st.builds(
    lambda n, d, e: Fraction(n, d) * Fraction(2) ** e,
    st.integers(-(2**70), 2**70),
    st.integers(1, 2**70),
    st.integers(-1200, 1100) | st.integers(-160, 130) | st.sampled_from([-16445, -16400, -1074, -149, 16384]),
)


@pytest.mark.parametrize(
    ("constant", "shape", "exact"),
    [
        (Constant(7), (), 7),
        (Constant((1, -2, 1)), (3,), [1, -2, 1]),
        (Constant(((0, 1), (2, 3)), 6), (2, 2), [[0, Fraction(1, 6)], [Fraction(1, 3), Fraction(1, 2)]]),
        (Constant((((1,), (2,)),), 1), (1, 2, 1), [[[1], [2]]]),
    ],
)
def test_a_constant_is_its_numerators_over_its_denominator(constant, shape, exact):
    assert (constant.shape, constant.ndim, constant.exact().dtype) == (shape, len(shape), object)
    assert constant.exact().tolist() == exact
    assert constant.whole == all(type(value) is int for value in constant.exact().flat)


def exactly(value):
    """The exact value of a finite float."""
    return Fraction(*value.as_integer_ratio())


@pytest.mark.parametrize("kind", ["f2", *FLOATS])
@given(value=RATIONALS)
def test_rounding_is_to_nearest_even(kind, value):
    dtype = np.dtype(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = rounded(value, dtype)
    assert found.dtype == dtype
    top = exactly(np.finfo(dtype).max)
    if not np.isfinite(found):
        assert abs(value) > top and (found > 0) == (value > 0)
        return
    error = abs(exactly(found) - value)
    for other in (np.nextafter(found, dtype.type(np.inf)), np.nextafter(found, dtype.type(-np.inf))):
        if np.isfinite(other):
            away = abs(exactly(other) - value)
            assert error < away or (error == away and int(found / (found - other)) % 2 == 0)


@pytest.mark.parametrize("kind", ["f2", *FLOATS])
@pytest.mark.parametrize(("steps", "wanted"), [(0, 0), (1, 2), (2, 2), (3, 4)])
def test_subnormals_are_rounded_once(kind, steps, wanted):
    """Halfway between two subnormals, and a little above: too little for the type's own bits to hold."""
    dtype, little = np.dtype(kind), Fraction(1, 2**100)
    least = exactly(np.finfo(dtype).smallest_subnormal)
    assert exactly(rounded((steps + Fraction(1, 2)) * least, dtype)) == wanted * least
    assert exactly(rounded((steps + Fraction(1, 2) + little) * least, dtype)) == (steps + 1) * least
    assert exactly(rounded((-steps - Fraction(1, 2) + little) * least, dtype)) == -steps * least


@given(value=RATIONALS)
def test_rounding_agrees_with_python(value):
    try:
        wanted = value.numerator / value.denominator
    except OverflowError:
        wanted = np.inf if value > 0 else -np.inf
    assert rounded(value, np.dtype("f8")) == wanted


def test_callers_do_not_give_constants():
    assert (stencil.arrays, stencil.arguments) == (("X", "V", "K"), ("X", "V"))
    assert repr(stencil) == "<numpy kernel stencil(X[..., n], V[1]) -> H[..., n]>"
    assert stencil([1, 2, 3], [10]).tolist() == [50, 70, -30]
    with pytest.raises(ArgumentError, match=r"^stencil takes X, V, out=; not K=\.$"):
        stencil([1], [1], K=[1, 2])
    with pytest.raises(ArgumentError, match=r"^stencil takes X, V; 3 arguments were given\.$"):
        stencil([1], [1], [1, 2])


def test_a_constant_has_the_shape_that_the_letters_say():
    wrong = dataclasses.replace(stencil, constants={"K": Constant((1, 2, 3))})
    with pytest.raises(ShapeError, match=r"^stencil: K has shape \(3,\); it needs \(2,\)\.$"):
        wrong([1], [1])


@pytest.mark.parametrize("kernel", [stencil, THIRDS])
@pytest.mark.parametrize("x", ["f2", "f4", "f8", "g"])
@pytest.mark.parametrize("v", ["f2", "f4", "f8", "g"])
def test_constants_do_not_choose_among_floats(kernel, x, v):
    result = kernel(np.array([3, 0], x), np.ones(1, v))
    assert result.dtype == np.result_type(np.dtype(x), np.dtype(v))
    third = kernel.constants["K"].denominator
    assert result.tolist() == [-3 // third, 0]


def test_integers_through_fractions_give_floats():
    image, weight = np.array([3, 1], np.uint8), [2]
    assert stencil(image, weight).dtype == np.int64
    result = THIRDS(image, weight)
    assert result.dtype == np.float64 and result.tolist() == [0.0, 2 * np.float64(-1 / 3)]
    dX, dV = THIRDS.vjp(image, weight, [3, 0])
    assert dX.dtype == dV.dtype == np.float64 and dX.tolist() == [-2.0, 6.0]
    sentence = (
        "stencil: X holds 9007199254740993, which float64 can't hold exactly, and integers give float64 because "
        "K has fractions; pass X as floats if it may be rounded."
    )
    with pytest.raises(DTypeError, match=f"^{re.escape(sentence)}$"):
        THIRDS([2**53 + 1], [1])


def test_integer_constants_count_in_the_bound():
    constant = Constant(((-3, 2**70), (0, 5)))
    assert (total(constant), largest(constant)) == (2**70 + 8, 2**70)
    assert stencil([2**60], [-1]).tolist() == [2**60]
    sentence = f"max|X|·Σ|V|·Σ|K| = {2**63} is not below"
    with pytest.raises(DTypeError, match=re.escape(sentence)):
        stencil([2**61], [1])
    with pytest.raises(DTypeError, match=re.escape(f"dX might not fit int64, as Σ|G|·Σ|V|·Σ|K| = {2**63} is")):
        stencil.vjp([0], [1], [2**61])
    with pytest.raises(DTypeError, match=re.escape(f"dV might not fit int64, as max|X|·Σ|G|·Σ|K| = {2**63} is")):
        stencil.vjp([2**30], [0], [2**31])


def test_a_constant_beyond_int64_meets_zero_as_any_integer_does():
    huge = dataclasses.replace(stencil, constants={"K": Constant((2**64 + 1, -(2**63)))})
    assert huge([0, 0], [3]).tolist() == [0, 0]


@pytest.mark.parametrize("kind", ["f2", "f4"])
def test_a_constant_beyond_the_floats_is_refused(kind):
    huge = dataclasses.replace(stencil, constants={"K": Constant((1, 10**40))})
    sentence = f"stencil: K holds {10**40}, which is infinite in float32; pass wider floats."
    with pytest.raises(DTypeError, match=f"^{re.escape(sentence)}$"):
        huge(np.ones(2, kind), np.ones(1, kind))
    assert np.isfinite(huge(np.ones(2), np.ones(1))).all()


def test_a_constant_is_made_once_for_each_type():
    seen = []

    def body(X, V, K, H, new):
        seen.append(K)
        stencil.body(X, V, K, H, new)

    kernel = dataclasses.replace(stencil, body=body)
    for dtype in ("f2", "f4", "f4", "f8", "i4"):
        kernel(np.ones(2, dtype), np.ones(1, dtype))
    assert [K.dtype for K in seen] == [np.dtype(t) for t in ("f4", "f4", "f4", "f8", "i8")]
    assert seen[0] is seen[1] is seen[2] and not seen[0].flags.writeable
    assert all(K.flags.c_contiguous for K in seen)


def test_exact_constants_run_the_body_on_exact_numbers():
    K = THIRDS.exact_constants()["K"]
    H = np.empty(2, object)
    THIRDS.body(np.array([Fraction(1, 2), Fraction(1, 5)], object), np.array([5], object), K, H, None)
    assert H.tolist() == [Fraction(1, 6), Fraction(-1, 3)]
    assert stencil.exact_constants()["K"].tolist() == [-1, 3]


def test_constants_go_to_the_device():
    with standing_in_for_cupy() as cupy:
        seen = []

        def body(X, V, K, H, new):
            seen.append(K)
            stencil.body(X, V, K, H, new)

        kernel = dataclasses.replace(THIRDS, xp=cupy, body=body)
        for _ in range(2):
            assert kernel(cupy.asarray([3.0, 1.0]), cupy.asarray([2.0])).get().tolist() == [0.0, 2 * (-1 / 3)]
        assert type(seen[0]) is cupy.ndarray and seen[0] is seen[1]
