"""The gradients of a layer: one array for each argument, checked as a call is."""

import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from derive.cuda_check import standing_in_for_cupy
from derive.runtime import ArgumentError, GradientError, LayerError, errors
from tests.runtime.standins import conv2d, learned2d, paired, spread, stencil

KERNELS = {
    "learned2d": (learned2d, {"X": (2, 3), "V": (3, 3), "u": ()}, (2, 3), {}),
    "stencil": (stencil, {"X": (4,), "V": (1,)}, (4,), {}),
    "spread": (spread, {"X": (3,), "V": ()}, (5,), {"r": 2}),
    "paired": (paired, {"G": (3,), "X": (3,)}, (), {}),
}


def integers(shape):
    return hnp.arrays(np.int64, shape, elements=st.integers(-9, 9))


@st.composite
def calls(draw, name):
    """Arguments of integers with the same batch axes, and the gradient by the result."""
    kernel, shapes, shape, sizes = KERNELS[name]
    batch = tuple(draw(st.lists(st.integers(0, 2), max_size=2)))
    batched = kernel.signature.batched
    given = {key: draw(integers((*batch, *own) if key in batched else own)) for key, own in shapes.items()}
    return kernel, given, draw(integers((*batch, *shape) if kernel.result in batched else shape)), sizes


def derivative(kernel, given, G, sizes, key):
    """∂⟨G, H⟩/∂key, one entry at a time: H is affine in each argument, so a difference is exact."""
    before = kernel(**given, **sizes)
    found = np.zeros(given[key].shape, np.int64)
    for place in np.ndindex(found.shape):
        moved = given[key].copy()
        moved[place] += 1
        found[place] = (G * (kernel(**{**given, key: moved}, **sizes) - before)).sum()
    return found


@pytest.mark.parametrize("name", KERNELS)
@given(data=st.data())
def test_vjp_is_the_derivative(name, data):
    kernel, given, G, sizes = data.draw(calls(name))
    gradients = kernel.vjp(*given.values(), G, **sizes)
    assert isinstance(gradients, tuple) and len(gradients) == len(kernel.arguments)
    for key, gradient in zip(kernel.arguments, gradients, strict=True):
        assert (gradient.shape, gradient.dtype) == (given[key].shape, np.int64)
        assert np.array_equal(gradient, derivative(kernel, given, G, sizes, key))


X, V, u = np.arange(6.0).reshape(2, 3), np.arange(9.0).reshape(3, 3), np.array(1.0)
G = np.array([[1.0, -2.0, 3.0], [0.5, 0.0, -1.0]])


def test_the_oracle_gives_the_gradients_of_a_case_done_by_hand():
    """Only H[0, 0] = u + Σ V[1 + k, 1 + l]·X[k, l] counts, twice."""
    given = {"X": X.astype(int), "V": V.astype(int), "u": u.astype(int)}
    only = np.array([[2, 0, 0], [0, 0, 0]])
    assert derivative(learned2d, given, only, {}, "X").tolist() == [[8, 10, 0], [14, 16, 0]]
    assert derivative(learned2d, given, only, {}, "V").tolist() == [[0, 0, 0], [0, 0, 2], [0, 6, 8]]
    assert derivative(learned2d, given, only, {}, "u") == 2


def layouts(array):
    spread_out = np.full([2 * extent for extent in array.shape], np.nan)
    spread_out[::2, ::2] = array
    frozen = array.copy()
    frozen.flags.writeable = False
    return [spread_out[::2, ::2], np.asfortranarray(array), frozen, array.astype(">f8"), array.tolist()]


@pytest.mark.parametrize("contiguous", [False, True])
@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("layout", range(5))
def test_any_layout_gives_the_gradients_and_is_left_alone(contiguous, place, layout):
    seen = []

    def watched(gradient):
        def body(*arrays_and_new):
            seen.extend(array.flags.c_contiguous for array in arrays_and_new[:-1])
            gradient.body(*arrays_and_new)

        return dataclasses.replace(gradient, body=body)

    gradients = {key: watched(gradient) for key, gradient in learned2d.gradients.items()}
    kernel = dataclasses.replace(learned2d, contiguous=contiguous, gradients=gradients)
    arguments = [X, V, G]
    arguments[place] = layouts(arguments[place])[layout]
    before = [np.array(a) for a in arguments]
    found = kernel.vjp(arguments[0], arguments[1], u, arguments[2])
    for one, other in zip(found, learned2d.vjp(X, V, u, G), strict=True):
        assert np.array_equal(one, other) and one.dtype == np.float64 and one.dtype.isnative
    assert all(np.array_equal(a, b) for a, b in zip(arguments, before, strict=True))
    assert len(seen) == 8 and (all(seen) or not contiguous)


def test_gradients_have_memory_of_their_own():
    image = X.copy()
    found = learned2d.vjp(image, V, u, image)
    arrays = [*found, image, V]
    for place, one in enumerate(arrays):
        assert not any(np.shares_memory(one, other) for other in arrays[place + 1 :])
    assert np.array_equal(image, X) and found[2] == X.sum()


@pytest.mark.parametrize("batch", [(0,), (3, 0), (0, 2)])
def test_an_empty_batch_never_reaches_a_body(batch):
    def body(*arguments):
        raise AssertionError("the body ran")

    gradients = {key: dataclasses.replace(g, body=body) for key, g in learned2d.gradients.items()}
    kernel = dataclasses.replace(learned2d, gradients=gradients)
    dX, dV, du = kernel.vjp(np.empty((*batch, 2, 3)), V, u, np.empty((*batch, 2, 3)))
    assert dX.shape == (*batch, 2, 3)
    assert np.array_equal(dV, np.zeros((3, 3))) and np.array_equal(du, 0.0) and du.shape == ()


@given(*[st.sampled_from(["f2", "f4", "f8", "g", "i1", "u2"])] * 4)
def test_all_arguments_choose_one_type(x, v, w, g):
    found = learned2d.vjp(np.ones((1, 1), x), np.ones((1, 1), v), np.ones((), w), np.ones((1, 1), g))
    wanted = np.result_type(*map(np.dtype, (x, v, w, g)))
    assert {a.dtype for a in found} == {np.dtype(np.int64) if wanted.kind in "iu" else wanted}
    assert all((a == 1).all() for a in found)


def test_a_python_number_is_weak_in_vjp():
    assert {a.dtype for a in learned2d.vjp(X.astype("f4"), V.astype("f4"), 0.5, G.astype("f4"))} == {np.dtype("f4")}


def test_half_precision_is_rounded_once_in_vjp():
    seen = []

    def body(G, du, new):
        seen.append((G.dtype, du.dtype, new((2,)).dtype))
        du[...] = G.sum()

    by_u = dataclasses.replace(learned2d.gradients["u"], body=body)
    kernel = dataclasses.replace(learned2d, gradients={**learned2d.gradients, "u": by_u})
    small = np.array([[1, 2.0**-11, 2.0**-11]], "f2")
    _, _, du = kernel.vjp(np.ones((1, 3), "f2"), np.ones((1, 1), "f2"), np.float16(0), small)
    assert du == np.float16(1 + 2.0**-10) and du.dtype == np.float16
    assert seen == [(np.dtype("f4"),) * 3]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([[1]], [[2**31]], 0, [[2**32]]), "dX might not fit int64, as Σ|G|·Σ|V| = 9223372036854775808"),
        (([[2**31]], [[1]], 0, [[-(2**32)]]), "dV might not fit int64, as max|X|·Σ|G| = 9223372036854775808"),
        (([[0]], [[0]], 0, [[-(2**63)]]), "du might not fit int64, as Σ|G| = 9223372036854775808"),
        (([[0, 0]], [[0]], 0, [[2**62, -(2**62)]]), "du might not fit int64, as Σ|G| = 9223372036854775808"),
    ],
)
def test_integers_that_might_not_fit_are_refused(arguments, sentence):
    whole = f"learned2d.vjp: {sentence} is not below 2**63; pass smaller integers, or floats."
    with pytest.raises(errors.DTypeError, match=f"^{re.escape(whole)}$"):
        learned2d.vjp(*arguments)


def test_the_bounds_are_the_last_integers_below():
    top = 2**63 - 1
    assert [a.item() for a in learned2d.vjp([[7]], [[7]], 0, [[top // 7]])] == [top, top, top // 7]
    assert [a.item() for a in learned2d.vjp([[0]], [[1]], 0, [[-top]])] == [-top, 0, -top]
    with pytest.raises(errors.DTypeError, match=re.escape(f"dV might not fit int64, as 2·max|X|·Σ|G| = {2**63} is")):
        spread.vjp([2**30, 0], 1, [2**32, 0, 0])
    assert spread.vjp([2**30, 2**30 - 1], 1, [2**32 - 1, 0, 0])[1] == (2**31 - 1) * (2**32 - 1)


def test_every_entry_counts_where_only_the_type_is_looked_at():
    wide = np.full((2, 2), -(2**31), np.int32)
    with pytest.raises(errors.DTypeError, match=re.escape(f"dX might not fit int64, as Σ|G|·Σ|V| = {2**64} is")):
        learned2d.vjp(np.zeros((2, 2), int), [[2**31]], 0, wide)


def test_a_weight_used_more_than_once_counts_as_often():
    assert spread([2**60] * 4, 1, r=0).tolist() == [2**62]
    with pytest.raises(errors.DTypeError, match=re.escape(f"as 8·max|X|·Σ|V| = {2**63} is")):
        spread([2**60] * 8, 1, r=0)


def test_a_term_may_lack_an_array_of_weights():
    """Σ|V| = 0 bounds nothing where a term reads only the other array."""
    with pytest.raises(errors.DTypeError, match=re.escape(f"max|X|·max(1, Σ|V|)·Σ|K| = {2**63}")):
        stencil([2**61], [0])


LARGE = st.sampled_from([0, 1, -1, 2**20, -(2**31), 2**31 - 1, 2**32, 2**40, 2**62, -(2**63)])


@pytest.mark.parametrize("name", KERNELS)
@given(data=st.data())
def test_what_is_accepted_is_exact(name, data):
    kernel, shapes, shape, sizes = KERNELS[name]
    draw = {key: data.draw(hnp.arrays(np.int64, own, elements=LARGE)) for key, own in shapes.items()}
    by_result = data.draw(hnp.arrays(np.int64, shape, elements=LARGE))
    try:
        found = kernel.vjp(*draw.values(), by_result, **sizes)
    except errors.DTypeError:
        return
    exact = {key: array.astype(object) for key, array in draw.items()} | kernel.exact_constants()
    exact[kernel.cotangent] = by_result.astype(object)
    for key, gradient in zip(kernel.arguments, found, strict=True):
        wanted = np.empty(shapes[key], object)
        by = kernel.gradients[key]
        by.body(*(np.asarray(exact[letter], object) for letter in by.arrays), wanted, None)
        assert gradient.tolist() == wanted.tolist()


@pytest.mark.parametrize(
    ("arguments", "named", "kind", "sentence"),
    [
        ((X, V, u), {}, "ArgumentError", "learned2d.vjp takes X, V, u, G; G is missing."),
        ((X, V, u, G, 1), {}, "ArgumentError", "learned2d.vjp takes X, V, u, G; 5 arguments were given."),
        ((X, V, u, G), {"G": G}, "ArgumentError", "learned2d.vjp: G was given by position and by keyword."),
        ((X, V, u, G), {"out": G}, "ArgumentError", "learned2d.vjp takes X, V, u, G; not out=."),
        ((X, V, u, G[0]), {}, "ShapeError",
         "learned2d.vjp: G has shape (3,); it needs at least 2 axes, (..., n, m), as H has."),
        ((X, V, u, G[:, :2]), {}, "ShapeError",
         "learned2d.vjp: G has shape (2, 2); it needs (n, m), as H has, which is (2, 3) for n = 2, m = 3."),
        ((X, V, u, G[:, :0]), {}, "ShapeError",
         "learned2d.vjp: G has shape (2, 0); its axis m must not be empty."),
        ((X, V, u, G[None]), {}, "ShapeError",
         "learned2d.vjp: G has shape (1, 2, 3); its batch axes must be (), those of X."),
        ((X[None], V, u, np.ones((2, 2, 3))), {}, "ShapeError",
         "learned2d.vjp: G has shape (2, 2, 3); its batch axes must be (1,), those of X."),
        ((X, np.ones((4, 4)), u, G), {}, "ShapeError",
         "learned2d.vjp: V has shape (4, 4); it needs (2*Delta + 1, 2*Delta + 1), which is (3, 3) for Delta = 1: "
         "an extent 2*Delta + 1 is odd, and 4 is even."),
        ((X, V, u, [[1j] * 3] * 2), {}, "DTypeError",
         "learned2d.vjp: G has dtype complex128; it needs real numbers: bool, integer or float."),
        ((X, V, u, np.full((2, 3), 2**53 + 1)), {}, "DTypeError",
         "learned2d.vjp: G holds 9007199254740993, which float64 can't hold exactly; "
         "pass G as floats if it may be rounded."),
    ],
)  # fmt: skip
def test_a_refused_vjp_is_one_sentence(arguments, named, kind, sentence):
    with pytest.raises(getattr(errors, kind), match=f"^{re.escape(sentence)}$"):
        learned2d.vjp(*arguments, **named)


def test_arguments_of_vjp_by_their_letters():
    for one, other in zip(learned2d.vjp(G=G, u=u, X=X, V=V), learned2d.vjp(X, V, u, G), strict=True):
        assert np.array_equal(one, other)


def test_a_gradient_that_was_not_emitted_is_named():
    partly = dataclasses.replace(learned2d, gradients={"X": learned2d.gradients["X"]})
    for kernel, name, key in [(partly, "learned2d", "V"), (conv2d, "conv2d", "X")]:
        sentence = f"{name}.vjp: there is no kernel for the gradient by {key}."
        with pytest.raises(GradientError, match=f"^{re.escape(sentence)}$") as refused:
            kernel.vjp(X, V, u, G)
        assert isinstance(refused.value, LayerError) and isinstance(refused.value, NotImplementedError)


def test_a_letter_is_not_taken_twice():
    with pytest.raises(ArgumentError, match=r"^paired has an array G; its cotangent needs another letter\.$"):
        dataclasses.replace(paired, cotangent="G")


def test_the_gradient_by_the_result_tells_sizes():
    """r is read off G's shape where it isn't given, and held against it where it is."""
    for sizes in ({}, {"r": 1}):
        dX, dV = spread.vjp([1, 2], 3, [1, 10, 100], **sizes)
        assert dX.tolist() == [333, 333] and dV == 333
    for shape, sizes, sentence in [
        ((4,), {}, "G has shape (4,); it needs (2*r + 1,), as H has, for a natural number r."),
        ((2, 4), {}, "G has shape (2, 4); it needs (..., 2*r + 1), as H has, for a natural number r."),
        ((3,), {"r": 2}, "G has shape (3,); it needs (2*r + 1,), as H has, which is (5,) for r = 2."),
    ]:
        with pytest.raises(errors.ShapeError, match=f"^{re.escape(f'spread.vjp: {sentence}')}$"):
            spread.vjp([1, 2], 3, np.ones(shape, int), **sizes)
    with pytest.raises(errors.SizeError, match=r"^spread: no shape determines r; give it by keyword, as r=2\.$"):
        spread([1, 2], 3)
    with pytest.raises(errors.SizeError, match=r"^spread\.vjp: r is -1; it must be a natural number\.$"):
        spread.vjp([1, 2], 3, [1], r=-1)
    with pytest.raises(errors.ArgumentError, match=r"^spread\.vjp takes X, V, G, r=; not s=\.$"):
        spread.vjp([1, 2], 3, [1], s=1)


def test_a_size_that_nothing_tells_comes_by_keyword():
    untold = dataclasses.replace(spread, told={})
    with pytest.raises(errors.SizeError, match=r"^spread\.vjp: no shape determines r; give it by keyword, as r=2\.$"):
        untold.vjp([1, 2], 3, [1, 10, 100])
    assert untold.vjp([1, 2], 3, [1, 10, 100], r=1)[1] == 333


def test_batch_axes_are_shared_by_all_that_have_them():
    assert repr(paired) == "<numpy kernel paired(G[..., n], X[..., n]) -> dV>"
    assert paired(np.ones((2, 3)), np.ones((2, 3))) == 6
    assert paired(np.ones((0, 3)), np.ones((0, 3))) == 0
    sentence = "paired: X has shape (3, 3); its batch axes must be (2,), those of G."
    with pytest.raises(errors.ShapeError, match=f"^{re.escape(sentence)}$"):
        paired(np.ones((2, 3)), np.ones((3, 3)))
    sentence = "paired.vjp: Y has shape (1,); it needs a single number, as dV has."
    with pytest.raises(errors.ShapeError, match=f"^{re.escape(sentence)}$"):
        paired.vjp([1], [1], [1])


def test_vjp_on_a_device():
    with standing_in_for_cupy() as cupy:
        kernel = dataclasses.replace(learned2d, xp=cupy)
        arguments = [np.stack([X, -X]), V, u, np.stack([G, G])]
        found = kernel.vjp(*map(cupy.asarray, arguments))
        assert all(type(a) is cupy.ndarray for a in found)
        assert all(np.array_equal(a.get(), b) for a, b in zip(found, learned2d.vjp(*arguments), strict=True))
        empty = kernel.vjp(cupy.empty((0, 2, 3)), V, u, cupy.empty((0, 2, 3)))
        assert [a.get().tolist() for a in empty] == [[], [[0.0] * 3] * 3, 0.0]
        whole = [a.astype(np.int32) for a in arguments]
        for a, b in zip(kernel.vjp(*map(cupy.asarray, whole)), learned2d.vjp(*whole), strict=True):
            assert a.dtype == np.int64 and np.array_equal(a.get(), b)
