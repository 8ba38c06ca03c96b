"""Gradients as emitted CUDA text: one thread a result, constants and gradients by contiguous arrays."""

import dataclasses

import numpy as np
import pytest

from derive.cuda_check import NoCompiler, find_compiler, standing_in_for_cupy
from derive.runtime import Gradient
from derive.runtime.cuda import CudaKernel
from tests.runtime.standins import stencil

SRC = r"""
extern "C" __global__ void stencil(
    const real* __restrict__ X, const real* __restrict__ V, const real* __restrict__ K, real* __restrict__ H,
    long long batch, long long n)
{
    long long thread = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (thread >= batch*n) return;
    real acc = K[0] * X[thread];
    if (thread % n < n - 1) acc += K[1] * X[thread + 1];
    H[thread] = V[0] * acc;
}
extern "C" __global__ void stencil_dX(
    const real* __restrict__ V, const real* __restrict__ K, const real* __restrict__ G, real* __restrict__ dX,
    long long batch, long long n)
{
    long long thread = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (thread >= batch*n) return;
    real acc = K[0] * G[thread];
    if (thread % n > 0) acc += K[1] * G[thread - 1];
    dX[thread] = V[0] * acc;
}
extern "C" __global__ void stencil_dV(
    const real* __restrict__ X, const real* __restrict__ K, const real* __restrict__ G, real* __restrict__ dV,
    long long batch, long long n)
{
    if ((long long)blockIdx.x * blockDim.x + threadIdx.x >= 1) return;
    real acc = 0;
    for (long long z = 0; z < batch*n; ++z) {
        acc += K[0] * X[z] * G[z];
        if (z % n < n - 1) acc += K[1] * X[z + 1] * G[z];
    }
    dV[0] = acc;
}
"""


def launched(cupy, name, threads):
    """The body that launches one function of the text; the array that has the batch is named by its place."""
    kernel = CudaKernel(cupy, SRC, name)

    def body(*arrays_and_new):
        *arrays, _ = arrays_and_new
        largest = max(arrays, key=lambda a: a.size)
        kernel(threads(largest), arrays, (largest.size // largest.shape[-1], largest.shape[-1]))

    return body


@pytest.fixture
def on_device():
    try:
        find_compiler()
    except NoCompiler as missing:
        pytest.skip(str(missing))
    with standing_in_for_cupy() as cupy:
        yield (
            cupy,
            dataclasses.replace(
                stencil,
                xp=cupy,
                contiguous=True,
                body=launched(cupy, "stencil", lambda a: a.size),
                gradients={
                    "X": Gradient(launched(cupy, "stencil_dX", lambda a: a.size), ("V", "K", "G")),
                    "V": Gradient(launched(cupy, "stencil_dV", lambda a: 1), ("X", "K", "G")),
                },
            ),
        )


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i4"])
@pytest.mark.parametrize("batch", [(), (3,), (2, 2)])
def test_cuda_gradients_equal_those_of_arrays(on_device, dtype, batch):
    cupy, kernel = on_device
    draw = np.random.default_rng(0)
    X, G = (draw.integers(-9, 9, (*batch, 10)).astype(dtype)[..., ::2] for _ in range(2))
    V = np.array([3], dtype)
    given = [cupy.asarray(a) for a in (X, V, G)]
    assert np.array_equal(kernel(*given[:2]).get(), stencil(X, V))
    for one, other in zip(kernel.vjp(*given), stencil.vjp(X, V, G), strict=True):
        assert one.dtype == other.dtype and np.array_equal(one.get(), other)
