"""Direct sums in bands, and those of a part of the results: equal to the body on whole arrays, for every layer and gradient."""

from __future__ import annotations

import inspect
import tracemalloc

import numpy as np
import pytest

import generated
from derive.registry import names
from generated._runtime import banded
from generated._runtime.banded import Part, directly

LAYERS = names("derive.catalogue")
KNOWN = {"n": 4, "m": 5, "p": 3, "C": 2, "D": 3, "F": 2, "Delta": 1, "R": 2}


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """Bands of a few entries, in which every array is cut along each of its axes."""
    monkeypatch.setattr(banded, "WHOLE", 0)
    monkeypatch.setattr(banded, "BAND", 300)


def whole(shape, dtype):
    return np.random.default_rng(len(shape)).integers(-4, 5, shape).astype(dtype)


def posed(kernel, dtype, lead=()):
    """Arrays of whole numbers for a layer, its own among them, and the shape of the result."""
    shapes = kernel.shapes(**{name: KNOWN.get(name, 5) for name in inspect.signature(kernel.shapes).parameters})
    shapes = {key: (*lead, *s) if key in kernel.signature.batched else s for key, s in shapes.items()}
    given = {key: whole(shapes[key], dtype) for key in kernel.arguments}
    own = {key: kernel.constant(key, np.dtype(dtype)) for key in kernel.constants}
    return {**given, **own}, shapes[kernel.result]


def bodies(name, dtype, lead=()):
    """The body of a layer and those of its gradients, each with its arrays and the shape of its result."""
    kernel = getattr(generated, name).numpy
    arrays, shape = posed(kernel, dtype, lead)
    found = [(kernel.body, tuple(arrays[key] for key in kernel.arrays), shape)]
    arrays[kernel.cotangent] = whole(shape, dtype)
    for by, gradient in kernel.gradients.items():
        found.append((gradient.body, tuple(arrays[key] for key in gradient.arrays), arrays[by].shape))
    return found


@pytest.mark.parametrize("name", LAYERS)
def test_bands_give_what_the_body_gives(name):
    for dtype, lead in ((np.float64, (2,)), (np.int64, ())):
        for body, arrays, shape in bodies(name, dtype, lead):
            wanted, got = np.empty(shape, dtype), np.full(shape, 99, dtype)
            body(*arrays, wanted, lambda s, dtype=dtype: np.empty(s, dtype))
            assert directly(body, arrays, got, lambda s, dtype=dtype: np.empty(s, dtype))
            assert np.array_equal(got, wanted)


@pytest.mark.parametrize("name", LAYERS)
def test_a_part_is_that_of_the_whole_and_nothing_else_is_written(name):
    """Every layer of the catalogue is kept to a part, along each axis of its results."""
    body, arrays, shape = bodies(name, np.float64)[0]
    wanted = np.empty(shape)
    body(*arrays, wanted, np.empty)
    for axis, extent in enumerate(shape):
        for low, high in {(0, 1), (extent // 3, extent // 2 + 1), (extent - 1, extent), (0, extent)}:
            got, there = np.full(shape, 99.0), (*(slice(None),) * axis, slice(low, high))
            assert directly(body, arrays, got, np.empty, Part(axis, low, high))
            assert np.array_equal(got[there], wanted[there])
            got[there] = 99
            assert (got == 99).all()


def reading(X, H, new):
    """A sum that reads what it has written."""
    H[...] = X
    H[1:] += 2 * H[:-1]


def copying(X, H, new):
    H[...] = X
    H[2:4] = H[:2]


def turning(X, H, new):
    H[...] = 0
    H[::-1] += 2 * X


def single(X, H, new):
    H[0] += X[0]


def scattering(X, H, new):
    np.add.at(H, (np.array([0, 2]),), X[:2])


@pytest.mark.parametrize("body", [reading, copying, turning, single, scattering])
def test_what_can_not_be_kept_to_a_part_says_so_and_writes_nothing_beside_it(body):
    X, H = np.arange(5.0), np.full(5, 99.0)
    assert not directly(body, (X,), H, np.empty, Part(0, 2, 4))
    assert (H[[0, 1, 4]] == 99).all()
    got, wanted = np.full(5, 99.0), np.full(5, 99.0)
    directly(body, (X,), got, np.empty), body(X, wanted, np.empty)
    assert np.array_equal(got, wanted)


FORMS = {
    "a difference of products": lambda X, Y, H: H.__isub__(2 * X[1:] * Y[:-1]),
    "a product with a number of another type": lambda X, Y, H: H.__iadd__(np.int8(3) * X[1:]),
    "a row for all": lambda X, Y, H: H.__iadd__(X[0] * Y[:-1]),
    "a contraction times a number": lambda X, Y, H: H.__iadd__(-3 * np.einsum("ik,jk->ij", X[1:], Y[:4])[:, :4]),
    "a product of products": lambda X, Y, H: H.__iadd__((X[1:] * Y[1:]) * (2 * X[:-1])),
    "a product of a sum": lambda X, Y, H: H.__iadd__(X[1:] * (X[1:] + X[:-1])),
    "a contraction in the place of an array": lambda X, Y, H: H.__iadd__(np.einsum("ij,ij->i", X, Y)[1:, None] * X[1:]),
    "a diagonal": lambda X, Y, H: H.__iadd__(np.einsum("ii->", X[:4]) * X[1:]),
    "a function that is nothing of these": lambda X, Y, H: H.__iadd__(np.roll(X * Y, 1, axis=0)[1:]),
    "a sum that is taken": lambda X, Y, H: H.__iadd__((X * Y).sum() * Y[1:]),
}


@pytest.mark.parametrize("form", FORMS)
def test_sums_of_any_form(form):
    X, Y = (whole((5, 4), np.float32) for _ in range(2))
    wanted, got = np.ones((4, 4), np.float32), np.ones((4, 4), np.float32)

    def body(X, Y, H, new):
        FORMS[form](X, Y, H)

    body(X, Y, wanted, None)
    assert directly(body, (X, Y), got, None)
    assert np.array_equal(got, wanted)


LARGE = {
    "laplacian2d": ((1100, 1000),),
    "transposed2d": ((1100, 1000), (3, 3)),
    "conv2d_channels": ((130, 140, 64), (1, 1, 64, 64), (64,)),
}


@pytest.mark.parametrize("name", LARGE)
def test_direct_sums_of_large_arrays_take_a_band(name, monkeypatch):
    """Products of the whole arrays would be several times as many bytes."""
    monkeypatch.undo()
    X, *weights = (np.ones(shape) for shape in LARGE[name])
    sizes = {"n": 2200, "m": 2000} if name == "transposed2d" else {}
    plan = getattr(generated, name).numpy.plan(X.shape, *weights, algorithm="direct", dtype=float, **sizes)
    told, out = plan.explain().candidates[0].room, np.empty(plan.result)
    tracemalloc.start()
    plan(X, out=out)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert told == banded.BAND < banded.WHOLE < X.nbytes
    assert taken <= 1.25 * told + 65536
