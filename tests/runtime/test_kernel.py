"""A call reads its arguments, checks them, and writes nothing but the result."""

import dataclasses
import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from derive.runtime import Kernel, LayerError, errors
from derive.runtime.letters import axes_of
from derive.runtime.outputs import may_share, overlaps_itself, span
from tests.runtime.standins import conv2d, smooth, strided

X = np.arange(12.0).reshape(3, 4)
V = np.arange(9.0).reshape(3, 3)
H = np.array([[36.0, 64.0, 85.0, 46.0], [165.0, 253.0, 289.0, 148.0], [142.0, 202.0, 223.0, 106.0]])
ONES = np.ones((3, 3))


def plain(X, V, u):
    """The sum as the formula states it, one output at a time."""
    n, m = X.shape
    Delta = len(V) // 2
    offsets = range(-Delta, Delta + 1)
    return [
        [
            u
            + sum(
                V[a + Delta][b + Delta] * X[i + a][j + b]
                for a in offsets
                for b in offsets
                if 0 <= i + a < n and 0 <= j + b < m
            )
            for j in range(m)
        ]
        for i in range(n)
    ]


def test_the_standin_computes_the_formula():
    assert (conv2d(X, V, 0.0) == plain(X, V, 0.0)).all()
    assert (conv2d(X, V, 0.0)[0, 0], conv2d(X, V, 2.0)[0, 0]) == (4 * 0 + 5 * 1 + 7 * 4 + 8 * 5, 75.0)


def layouts(array):
    reversed_twice = array[::-1, ::-1].copy()[::-1, ::-1]
    spread = np.full([2 * extent for extent in array.shape], np.nan)
    spread[::2, ::2] = array
    frozen = array.copy()
    frozen.flags.writeable = False
    swapped = array.astype(array.dtype.newbyteorder(">"))
    return [
        array,
        reversed_twice,
        spread[::2, ::2],
        np.asfortranarray(array),
        frozen,
        swapped,
        array.tolist(),
    ]


@pytest.mark.parametrize("x", layouts(X))
@pytest.mark.parametrize("v", layouts(V))
@pytest.mark.parametrize("kernel", [conv2d, dataclasses.replace(conv2d, contiguous=True)])
def test_any_layout_gives_the_result_and_is_left_alone(kernel, x, v):
    before = np.array(x), np.array(v)
    result = kernel(x, v, 1)
    assert (result == plain(X, V, 1)).all()
    assert result.dtype == np.float64 and result.dtype.isnative
    assert np.array_equal(x, before[0]) and np.array_equal(v, before[1])


@given(batch=st.lists(st.integers(0, 3), max_size=3).map(tuple))
def test_batch_axes_lead(batch):
    images = np.arange(np.prod(batch, dtype=int) * 6.0).reshape(*batch, 2, 3)
    result = conv2d(images, V, 1)
    assert result.shape == (*batch, 2, 3)
    for index in np.ndindex(batch):
        assert (result[index] == plain(images[index], V, 1)).all()


def test_a_batch_of_none_never_reaches_the_body():
    def body(*arguments):
        raise AssertionError("the body ran")

    kernel = dataclasses.replace(conv2d, body=body)
    out = np.empty((0, 3, 4))
    assert kernel(np.empty((0, 3, 4)), V, 1.0, out=out) is out


def test_arguments_by_their_letters():
    assert (conv2d(X, u=1, V=V) == conv2d(X, V, 1)).all()
    assert (conv2d(V=V, u=1, X=X) == conv2d(X, V, 1)).all()


def test_a_size_that_no_shape_determines_comes_by_keyword():
    assert strided([1, 2, 3, 4, 5], [1, 1], s=3).tolist() == [3, 9]
    assert strided([1, 2, 3, 4, 5], [1, 1], s=np.int64(1)).tolist() == [3, 5, 7, 9]


def test_contiguous_bodies_get_contiguous_arrays():
    seen = []

    def body(*arrays_and_new):
        seen.extend(array.flags.c_contiguous for array in arrays_and_new[:-1])
        smooth.body(*arrays_and_new)

    kernel = dataclasses.replace(smooth, body=body)
    out = np.zeros((3, 8))[:, ::2]
    result = kernel(np.arange(24.0).reshape(3, 8)[:, ::-2], [2.0], np.arange(6.0)[::2], out=out)
    assert result is out and seen == [True] * 4
    assert (out == smooth(np.arange(24.0).reshape(3, 8)[:, ::-2].copy(), [2.0], [0.0, 2.0, 4.0])).all()
    assert out[0].tolist() == [4 * 7 + 8 * 5, 4 * 5 + 8 * 3, 4 * 3 + 8 * 1, 4 * 1]


@pytest.mark.parametrize(
    ("arguments", "named", "kind", "sentence"),
    [
        ((X,), {}, "ArgumentError", "conv2d takes X, V, u; V is missing."),
        ((X, V, 1, 2), {}, "ArgumentError", "conv2d takes X, V, u; 4 arguments were given."),
        ((X, V, 1), {"V": V}, "ArgumentError", "conv2d: V was given by position and by keyword."),
        ((X, V, 1), {"q": 1}, "ArgumentError", "conv2d takes X, V, u, out=; not q=."),
        ((X, [[1], [2, 3]], 1), {}, "ArgumentError",
         "conv2d: V can't be read as an array: setting an array element with a sequence."),
        ((X[0], V, 1), {}, "ShapeError", "conv2d: X has shape (4,); it needs at least 2 axes, (..., n, m)."),
        ((X, V[0], 1), {}, "ShapeError",
         "conv2d: V has shape (3,); it needs 2 axes, (2*Delta + 1, 2*Delta + 1)."),
        ((X, V[None], 1), {}, "ShapeError",
         "conv2d: V has shape (1, 3, 3); it needs 2 axes, (2*Delta + 1, 2*Delta + 1)."),
        ((X, V, [1]), {}, "ShapeError", "conv2d: u has shape (1,); it needs a single number."),
        ((X[:0], V, 1), {}, "ShapeError", "conv2d: X has shape (0, 4); its axis n must not be empty."),
        ((np.empty((2, 3, 0)), V, 1), {}, "ShapeError",
         "conv2d: X has shape (2, 3, 0); its axis m must not be empty."),
        ((X, np.ones((0, 0)), 1), {}, "ShapeError",
         "conv2d: V has shape (0, 0); its axis 2*Delta + 1 must not be empty."),
        ((X, np.ones((4, 4)), 1), {}, "ShapeError",
         "conv2d: V has shape (4, 4); it needs (2*Delta + 1, 2*Delta + 1), which is (3, 3) for Delta = 1: "
         "an extent 2*Delta + 1 is odd, and 4 is even."),
        ((X, np.ones((3, 5)), 1), {}, "ShapeError",
         "conv2d: V has shape (3, 5); it needs (2*Delta + 1, 2*Delta + 1), which is (3, 3) for Delta = 1."),
        ((X, V, 1), {"out": [0.0]}, "OutputError", "conv2d: out is a list; it needs a numpy.ndarray."),
        ((X, V, 1), {"out": np.empty((4, 3))}, "OutputError",
         "conv2d: out has shape (4, 3); the result has shape (3, 4)."),
        ((X, V, 1), {"out": np.empty((3, 4), "f4")}, "OutputError",
         "conv2d: out has dtype float32; the result has dtype float64."),
        ((X, V, 1), {"out": np.empty((3, 4), ">f8")}, "OutputError",
         "conv2d: out has dtype >f8; the result has dtype float64."),
        ((X, V, 1), {"out": np.broadcast_to(0.0, (3, 4))}, "OutputError",
         "conv2d: out is read-only; it needs a writable array."),
        ((X, V, 1), {"out": np.lib.stride_tricks.as_strided(np.empty(4), (3, 4), (0, 8))}, "OutputError",
         "conv2d: elements of out may share memory with each other; it needs an array of its own."),
        ((X, V, 1), {"out": X}, "OutputError",
         "conv2d: out may share memory with X; it needs an array of its own."),
    ],
)  # fmt: skip
def test_a_refusal_is_one_sentence(arguments, named, kind, sentence):
    before = X.copy(), V.copy()
    with pytest.raises(getattr(errors, kind), match=f"^{re.escape(sentence)}$") as refused:
        conv2d(*arguments, **named)
    assert isinstance(refused.value, LayerError)
    assert (before[0] == X).all() and (before[1] == V).all()


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ({}, "strided: no shape determines s; give it by keyword, as s=2."),
        ({"s": 1.5}, "strided: s is 1.5; it must be a natural number."),
        ({"s": -1}, "strided: s is -1; it must be a natural number."),
    ],
)
def test_a_size_is_a_natural_number(named, sentence):
    with pytest.raises(errors.SizeError, match=f"^{re.escape(sentence)}$"):
        strided([1, 2, 3], [1], **named)


def test_a_result_without_elements_is_refused():
    sentence = "strided: H would have shape (1 + (n - p)//s,), which is (0,) for n = 2, p = 3, s = 1; "
    with pytest.raises(errors.ShapeError, match=f"^{re.escape(sentence)}every extent must be at least 1.$"):
        strided([1, 2], [1, 1, 1], s=1)
    with pytest.raises(errors.ArgumentError, match=re.escape("strided takes X, V, s=, out=; not r=.")):
        strided([1, 2], [1], r=1)


def test_a_fixed_extent_has_no_letters_to_explain():
    with pytest.raises(errors.ShapeError, match=r"^smooth: W has shape \(2,\); it needs \(3,\)\.$"):
        smooth([1, 2], [1], [1, 2])


def shared():
    memory = np.zeros(40)
    return memory[:12].reshape(3, 4), memory


@pytest.mark.parametrize(
    ("out", "free"),
    [
        (lambda memory: memory[12:24].reshape(3, 4), True),
        (lambda memory: memory[11:23].reshape(3, 4), False),
        (lambda memory: memory[23:11:-1].reshape(3, 4), True),
        (lambda memory: memory[22:10:-1].reshape(3, 4), False),
    ],
)
def test_out_may_touch_an_argument_but_not_overlap(out, free):
    image, memory = shared()
    image[...] = X
    out = out(memory)
    if free:
        assert conv2d(image, V, 1, out=out) is out
        assert (out == plain(X, V, 1)).all() and (image == X).all()
    else:
        with pytest.raises(errors.OutputError, match="may share memory with X"):
            conv2d(image, V, 1, out=out)
        assert (image == X).all()


@pytest.mark.parametrize("key", ["V", "u"])
def test_out_may_not_overlap_any_argument(key):
    arguments = {"X": ONES, "V": ONES.copy(), "u": np.array(1.0)}
    out = arguments["V"] if key == "V" else np.zeros((3, 3))
    if key == "u":
        arguments["u"] = out[1, 1:2].reshape(())
    with pytest.raises(errors.OutputError, match=f"may share memory with {key}"):
        conv2d(**arguments, out=out)


@pytest.mark.parametrize("cut", [(slice(None), slice(None, None, -1)), (slice(None, None, 2), slice(1, 5))])
def test_out_takes_any_layout(cut):
    for order in "CF":
        frame = np.full((6, 8), 7.0, order=order)
        out = frame[cut]
        image = np.arange(float(out.size)).reshape(out.shape)
        assert conv2d(image, V, 1, out=out) is out
        assert (out == plain(image, V, 1)).all()
        frame[cut] = 7
        assert (frame == 7).all()


def on_device(array, address):
    """What a device array shows of itself: the same layout, at an address."""
    layout = {"shape": array.shape, "strides": array.strides, "dtype": array.dtype, "size": array.size}
    return SimpleNamespace(**layout, data=SimpleNamespace(ptr=address))


@pytest.mark.parametrize(("address", "shared"), [(0, False), (1, True), (15, True), (16, False)])
def test_device_arrays_are_told_apart_by_address(address, shared):
    one, other = on_device(np.zeros((2, 2), "i2"), 8), on_device(np.zeros(4, "i2"), address)
    assert may_share(one, other) == may_share(other, one) == shared
    assert not may_share(one, on_device(np.zeros(0), 10))


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(-12, 12)), max_size=3),
    st.sampled_from([1, 2, 4]),
)
def test_overlap_is_never_missed(axes, itemsize):
    shape, strides = tuple(extent for extent, _ in axes), tuple(stride for _, stride in axes)
    starts = [sum(i * s for i, s in zip(index, strides, strict=True)) for index in np.ndindex(shape)]
    cells = [start + byte for start in starts for byte in range(itemsize)]
    view = np.ndarray(shape, f"i{itemsize}", bytearray(400), 200, strides)
    assert span(on_device(view, 200)) == ((200 + min(cells), 201 + max(cells)) if cells else (200, 200))
    if len(set(cells)) < len(cells):
        assert overlaps_itself(view)


@given(shape=st.lists(st.integers(1, 4), max_size=3), order=st.permutations(range(3)))
def test_ordinary_arrays_are_not_suspected(shape, order):
    axes = [axis for axis in order if axis < len(shape)]
    assert not overlaps_itself(np.zeros(shape).transpose(axes))
    assert not overlaps_itself(np.zeros([2 * extent for extent in shape])[tuple(slice(None, None, -2) for _ in shape)])


def test_a_kernel_describes_itself():
    assert repr(conv2d) == "<numpy kernel conv2d(X[..., n, m], V[2*Delta + 1, 2*Delta + 1], u) -> H[..., n, m]>"
    assert conv2d.__doc__ == "Cross-correlation of an image with one filter, zero edges."
    assert Kernel.__doc__.startswith("A layer on one array module") and strided.__doc__ == Kernel.__doc__
    assert conv2d.arrays == ("X", "V", "u") and hash(conv2d) == hash(conv2d)


def test_a_prepared_call_holds_what_the_body_needs():
    call = conv2d.prepare(X.astype("f2")[None], V.astype("f2"), 1)
    assert call.shape == (1, 3, 4)
    assert (call.types.result, call.types.compute) == (np.float16, np.float32)
    assert [array.dtype for array in call.operands] == [np.float32] * 3
    assert conv2d.run(call).dtype == np.float16


@pytest.mark.parametrize(
    ("text", "axes"),
    [("", ()), ("n", ("n",)), ("n, 2*m - 1", ("n", "2*m - 1")), ("Min(n, m), C", ("Min(n, m)", "C"))],
)
def test_letters_are_split_at_their_own_commas(text, axes):
    assert axes_of(text) == axes
