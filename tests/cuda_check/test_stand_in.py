"""The stand-in behaves as CuPy where an emitted module and its wrapper look."""

import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.cuda_check import SCHEDULES, CompileError, CudaFault, standing_in_for_cupy, using
from derive.errors import DeriveError

EMITTED = r'''
"""H[i, j] = u + Σ_a Σ_b V[a, b]·X[i + a, j + b], as an emitter would write it."""
import cupy

SRC = r"""
extern "C" __global__ void
conv2d(const real* __restrict__ X, const real* __restrict__ V, const real* __restrict__ u,
       real* __restrict__ H, int n, int m, int D) {
  const int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y * blockDim.y + threadIdx.y;
  if (i >= n || j >= m) return;
  real h = u[0];
  for (int a = -D; a <= D; ++a)
    for (int b = -D; b <= D; ++b)
      if (i + a >= 0 && i + a < n && j + b >= 0 && j + b < m)
        h += V[(a + D) * (2 * D + 1) + b + D] * X[(long long)(i + a) * m + j + b];
  H[(long long)i * m + j] = h;
}
"""


@cupy.memoize(for_each_device=True)
def _kernel(real):
    module = cupy.RawModule(code=SRC, options=("--std=c++17", f"-Dreal={real}"), backend="nvrtc")
    return module.get_function("conv2d")


def conv2d(X, V, u, out=None):
    dtype = cupy.result_type(X, V, u)
    X, V, u = (cupy.ascontiguousarray(x, dtype) for x in (X, V, u))
    H = cupy.empty(X.shape, dtype) if out is None else out
    n, m = X.shape
    kernel = _kernel({"float32": "float", "float64": "double"}[dtype.name])
    with cupy.cuda.Device(0), cupy.cuda.get_current_stream():
        grid, sizes = ((m + 31) // 32, (n + 7) // 8), (cupy.int32(n), cupy.int32(m), cupy.int32(len(V) // 2))
        kernel(grid, (32, 8), (X, V, u, H, *sizes))
    return H
'''


@pytest.fixture(scope="module")
def emitted(compiler: None) -> Any:
    with standing_in_for_cupy():
        module = types.ModuleType("emitted")
        exec(EMITTED, vars(module))  # an emitted module is text
    return module


@pytest.fixture
def cupy() -> Iterator[Any]:
    with standing_in_for_cupy() as module:
        yield module


@settings(max_examples=150, deadline=None)
@given(
    n=st.integers(1, 40),
    m=st.integers(1, 70),
    radius=st.integers(0, 3),
    seed=st.integers(0, 99),
    schedule=st.sampled_from(SCHEDULES),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_an_unchanged_module_equals_numpy(
    emitted: Any, n: int, m: int, radius: int, seed: int, schedule: str, dtype: type[np.floating[Any]]
) -> None:
    rng = np.random.default_rng(seed)
    k = 2 * radius + 1
    X, V, u = (rng.integers(-8, 9, shape).astype(dtype) for shape in ((n, m), (k, k), (1,)))
    with standing_in_for_cupy(schedule=schedule, seed=seed) as cupy:
        H = emitted.conv2d(*map(cupy.asarray, (X, V, u)))
    padded = np.pad(X, radius)
    expected = u + sum(V[a, b] * padded[a : a + n, b : b + m] for a in range(k) for b in range(k))
    assert H.dtype == dtype
    assert np.array_equal(H.get(), expected)


def test_settings_change_beneath_a_module_that_is_already_loaded(emitted: Any) -> None:
    X = np.arange(6.0).reshape(2, 3)
    with standing_in_for_cupy() as cupy:
        arrays = [cupy.asarray(x) for x in (X, np.ones((1, 1)), np.zeros(1))]
        expected = emitted.conv2d(*arrays).get()
        with using(checked=False, schedule="reverse"):
            assert np.array_equal(emitted.conv2d(*arrays).get(), expected)


def test_an_array_knows_its_home(cupy: Any) -> None:
    X = cupy.zeros((2, 3))
    assert type(X).__module__ == "cupy"
    assert isinstance(X, cupy.ndarray)
    assert X.data.ptr % 512 == 0
    assert X.__cuda_array_interface__["data"][0] == X.data.ptr
    assert (X.shape, X.strides, X.ndim, X.size, X.nbytes, X.itemsize) == ((2, 3), (24, 8), 2, 6, 48, 8)


def test_no_array_becomes_a_numpy_array_by_accident(cupy: Any) -> None:
    X = cupy.zeros(3)
    with pytest.raises(TypeError, match=r"only by `\.get\(\)`"):
        np.asarray(X)
    with pytest.raises(TypeError):
        X + np.ones(3)
    with pytest.raises(TypeError):
        np.ones(3) + X
    with pytest.raises(TypeError, match="Unsupported type"):
        cupy.matmul(X, np.ones(3))
    with pytest.raises(AttributeError):
        cupy.memmap  # noqa: B018 - NumPy has it, CuPy has not


def test_copies_and_views(cupy: Any) -> None:
    host = np.arange(12, dtype=np.float32).reshape(3, 4)
    X = cupy.asarray(host)
    host[0, 0] = 99
    assert X.get()[0, 0] == 0
    assert cupy.asarray(X) is X
    assert cupy.ascontiguousarray(X) is X
    assert not X.T.flags.c_contiguous and X.T.flags.f_contiguous
    assert cupy.ascontiguousarray(X.T).flags.c_contiguous
    assert X[1:].data.ptr == X.data.ptr + 16
    assert cupy.shares_memory(X, X.reshape(-1)) and cupy.may_share_memory(X[:2], X[1:])
    assert not cupy.shares_memory(X, X.copy())
    X[1:, ::2] = 7
    X.ravel()[3] = 5
    assert X.get().tolist() == [[0, 1, 2, 5], [7, 5, 7, 7], [7, 9, 7, 11]]
    assert cupy.asnumpy(X.astype(np.int64)).dtype == np.int64
    assert cupy.asarray(np.asfortranarray(np.ones((3, 2)))).flags.f_contiguous
    assert cupy.empty_like(X.T).shape == (4, 3)


def test_arithmetic_is_numpys(cupy: Any) -> None:
    a, b = np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(3, 2) + 1
    A, B = cupy.asarray(a), cupy.asarray(b)
    assert np.array_equal((2 * A - A / 2 + A**2).get(), 2 * a - a / 2 + a**2)
    assert np.array_equal((A @ B).get(), a @ b)
    out = cupy.empty((2, 2))
    assert cupy.matmul(A, B, out=out) is out
    assert np.array_equal(out.get(), a @ b)
    A += 1
    assert np.array_equal(A.get(), a + 1)
    bits = cupy.asarray(np.arange(-4, 4)) << 30
    assert np.array_equal(((bits & 0xFFFFFFFF) | 1).get(), (np.arange(-4, 4) << 30 & 0xFFFFFFFF) | 1)
    assert np.array_equal((-abs(bits) >> 2).get(), -abs(np.arange(-4, 4) << 30) >> 2)
    assert np.array_equal((A > 2).get(), a + 1 > 2)
    assert float(A.sum()) == (a + 1).sum()
    assert np.array_equal(cupy.einsum("ij,jk->ik", A, B).get(), (a + 1) @ b)
    assert np.array_equal(cupy.concatenate([A, A], axis=1).get(), np.hstack([a + 1, a + 1]))


def test_fresh_memory_promises_nothing(cupy: Any) -> None:
    assert np.isnan(cupy.empty(5).get()).all()
    assert np.isnan(cupy.empty((2, 2), cupy.float16).get()).all()
    assert (cupy.empty(5, cupy.int32).get() != 0).all()


def test_result_types_and_scalars(cupy: Any) -> None:
    assert cupy.result_type(cupy.zeros(2, "f4"), cupy.zeros(2, "f8")) == np.float64
    assert cupy.float32(2).dtype == np.float32
    assert cupy.get_array_module(cupy.zeros(1)) is cupy


def test_a_schedule_that_nobody_knows() -> None:
    told = "Schedule 'backward' is not one of forward, reverse, random"
    with pytest.raises(DeriveError, match=told), standing_in_for_cupy(schedule="backward"):
        pass


VARIABLES = r"""
__constant__ float weights[3];
__device__ int counter = 4;
extern "C" __global__ void count(float* H) { H[threadIdx.x] = weights[1] + atomicAdd(&counter, 1); }
template <class T> __global__ void fill(T* H) { H[threadIdx.x] = T(1); }
"""


def test_variables_of_a_module_are_memory_of_the_device(compiler: None, cupy: Any) -> None:
    for _ in range(2):  # another module begins anew
        module, H = cupy.RawModule(code=VARIABLES), cupy.zeros(1, "f4")
        weights = cupy.ndarray(3, "f4", module.get_global("weights"))
        weights[...] = cupy.asarray([1, 2, 3], "f4")
        module.get_function("count")((1,), (1,), (H,))
        assert H.item() == 2 + 4
    with pytest.raises(ValueError, match="An array of 16 bytes is made of memory of 12"):
        cupy.ndarray(4, "f4", module.get_global("weights"))
    with pytest.raises(CudaFault, match="The module has no variable 'bias'"):
        module.get_global("bias")


def test_kernels_are_named_by_expressions(compiler: None, cupy: Any) -> None:
    told = ("fill<float>", "fill<int>")
    module, H = cupy.RawModule(code=VARIABLES, name_expressions=told), cupy.zeros(2, "i4")
    module.get_function("fill<int>")((1,), (2,), (H,))
    assert H.tolist() == [1, 1]
    with pytest.raises(CudaFault, match="no kernel extern \"C\" 'fill<double>'; it has count, fill<float>, fill<int>"):
        module.get_function("fill<double>")
    with pytest.raises(CompileError, match="The name expression 'fall<int>' names no kernel"):
        cupy.RawModule(code=VARIABLES, name_expressions=("fall<int>",)).compile()


def test_what_the_stand_in_lacks_is_named(cupy: Any) -> None:
    with pytest.raises(AttributeError, match="the stand-in for CuPy has no 'ElementwiseKernel'"):
        cupy.ElementwiseKernel  # noqa: B018 - CuPy has it
    drawn = cupy.random.rand(2, 3, dtype="f4")
    assert (drawn.shape, drawn.dtype) == ((2, 3), np.float32)
    assert cupy.random.default_rng(1).normal(size=4).shape == (4,)
    with pytest.raises(AssertionError):
        cupy.testing.assert_array_equal(drawn, drawn + 1)
