"""Kernels as people write them: no fault and the right result under every schedule, checked and fast."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from derive.cuda_check import RawModule, prebuild_modules, standing_in_for_cupy

WINDOW = r"""
extern "C" __global__ void __launch_bounds__(TX * TY)
window(const float* __restrict__ X, const float* __restrict__ V, float u, float* __restrict__ H,
       int n, int m) {
  const int j0 = (blockIdx.x * TX + threadIdx.x) * 4, i0 = (blockIdx.y * TY + threadIdx.y) * 2;
  if (i0 >= n || j0 >= m) return;
  float h[2][4];
#pragma unroll
  for (int r = 0; r < 2; ++r)
    for (int c = 0; c < 4; ++c) h[r][c] = u;
  for (int a = -1; a < 3; ++a) {
    const int i = i0 + a;
    if (i < 0 || i >= n) continue;
    const float* row = X + (size_t)i * m + j0;
    const float4 q = *reinterpret_cast<const float4*>(row);
    const float x[6] = {j0 > 0 ? __ldg(row - 1) : 0.f, q.x, q.y, q.z, q.w, j0 + 4 < m ? __ldg(row + 4) : 0.f};
    for (int r = 0; r < 2; ++r)
      if (a - r >= -1 && a - r <= 1)
        for (int b = 0; b < 3; ++b)
          for (int c = 0; c < 4; ++c) h[r][c] = fmaf(V[(a - r + 1) * 3 + b], x[c + b], h[r][c]);
  }
  for (int r = 0; r < 2 && i0 + r < n; ++r)
    *reinterpret_cast<float4*>(H + (size_t)(i0 + r) * m + j0) =
        make_float4(h[r][0], h[r][1], h[r][2], h[r][3]);
}"""

TILE = r"""
template <int D> static __device__ __forceinline__ bool inside(int i, int n) { return i >= D && i < n; }
extern "C" __global__ void tile(const float* X, const float* V, float u, float* H, int n, int m) {
  __shared__ float s[TY + 2][TX + 2], v[9];
  const int t = threadIdx.y * TX + threadIdx.x, i0 = blockIdx.y * TY, j0 = blockIdx.x * TX;
  if (t < 9) v[t] = V[t];
  for (int p = t; p < (TY + 2) * (TX + 2); p += TX * TY) {
    const int r = p / (TX + 2), c = p % (TX + 2), i = i0 + r - 1, j = j0 + c - 1;
    s[r][c] = inside<0>(i, n) && inside<0>(j, m) ? X[i * m + j] : 0.f;
  }
  __syncthreads();
  const int i = i0 + threadIdx.y, j = j0 + threadIdx.x;
  if (i >= n || j >= m) return;
  float h = u;
  for (int r = 0; r < 3; ++r)
    for (int c = 0; c < 3; ++c) h = fmaf(v[r * 3 + c], s[threadIdx.y + r][threadIdx.x + c], h);
  H[i * m + j] = h;
}"""

SUM = r"""
extern "C" __global__ void __launch_bounds__(256) sum(const float* X, float* H, int n) {
  __shared__ float part[32];
  float h = 0.f;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) h += X[i];
  for (int d = 16; d > 0; d >>= 1) h += __shfl_down_sync(0xffffffffu, h, d);
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  if (lane == 0) part[warp] = h;
  __syncthreads();
  if (warp != 0) return;
  h = lane < (int)(blockDim.x >> 5) ? part[lane] : 0.f;
  for (int d = 16; d > 0; d >>= 1) h += __shfl_xor_sync(0xffffffffu, h, d);
  if (lane == 0) H[blockIdx.x] = h;
}"""

COUNT = r"""
__constant__ int bins[5] = {0, 10, 20, 30, 1000};
extern "C" __global__ void count(const int* X, int* H, unsigned* even, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n)
    for (int b = 0; b < 4; ++b)
      if (X[i] >= bins[b] && X[i] < bins[b + 1]) atomicAdd(&H[b], 1);
  const unsigned votes = __ballot_sync(0xffffffffu, i < n && X[i] % 2 == 0);
  if (threadIdx.x % 32 == 0) atomicAdd(even, (unsigned)__popc(votes));
}"""

RING = r"""
extern "C" __global__ void ring(const float* __restrict__ X, float* __restrict__ H, int n, int steps) {
  extern __shared__ __align__(16) float buffer[];
  float* a = buffer;
  float* b = buffer + blockDim.x;
  const int t = threadIdx.x, next = (t + 1) % blockDim.x;
  a[t] = X[blockIdx.x * blockDim.x + t];
  for (int s = 0; s < steps; ++s) {
    __syncthreads();
    b[t] = a[t] + a[next];
    float* c = a; a = b; b = c;
  }
  H[blockIdx.x * blockDim.x + t] = a[t];
}"""

PREFIX = r"""
extern "C" __global__ void prefix(const float* X, float* H) {
  __shared__ volatile float s[64];
  const int t = threadIdx.x, lane = t & 31;
  s[t] = X[t];
  __syncwarp();
  for (int d = 1; d < 32; d <<= 1) {
    const float x = lane >= d ? s[t - d] : 0.f;
    __syncwarp();
    s[t] = s[t] + x;
    __syncwarp();
  }
  H[t] = s[t];
}"""

HALF = r"""
#include <cuda_fp16.h>
extern "C" __global__ void axpy(const __half* X, __half* H, float a, int n) {
  const int i = (blockIdx.x * blockDim.x + threadIdx.x) * 2;
  if (i + 1 < n) {
    const float2 x = __half22float2(*reinterpret_cast<const __half2*>(X + i));
    *reinterpret_cast<__half2*>(H + i) = __floats2half2_rn(a * x.x, a * x.y);
  }
}"""

# `turns` is how often a counter that goes from 0 to 2 was increased, and decreased again from there.
BITS = r"""
extern "C" __global__ void bits(const unsigned* X, unsigned* H, unsigned* turns, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  assert(n > 0 && i < n);
  if (X[i] == 0) printf("%d of %d\n", i, n);
  const unsigned long long twice = ((unsigned long long)X[i] << 32) | X[i];
  H[3 * i] = __brev(X[i]);
  H[3 * i + 1] = __popc(X[i]) * 10000 + __popcll(twice) * 100 + __clzll(twice);
  H[3 * i + 2] = __expf(0.f) + __logf(1.f) + __cosf(0.f) + __sinf(0.f) + __powf(2.f, 2.f);
  atomicInc(&turns[0], 2u);
  atomicDec(&turns[1], 2u);
}"""

TILE_OPTIONS = ("-DTX=16", "-DTY=8", "--std=c++17")
SOURCES = {
    "window": WINDOW,
    "tile": TILE,
    "sum": SUM,
    "count": COUNT,
    "ring": RING,
    "prefix": PREFIX,
    "axpy": HALF,
    "bits": BITS,
}


def module(cupy: Any, name: str) -> RawModule:
    made: RawModule = cupy.RawModule(code=SOURCES[name], options=TILE_OPTIONS)
    return made


@pytest.fixture(scope="module", autouse=True)
def _one_translation_unit(compiler: None) -> None:
    with standing_in_for_cupy() as cupy:
        prebuild_modules(module(cupy, name) for name in SOURCES)


def correlated(X: NDArray[Any], V: NDArray[Any], u: float) -> NDArray[Any]:
    n, m = X.shape
    padded = np.zeros((n + 2, m + 2), X.dtype)
    padded[1:-1, 1:-1] = X
    return u + sum(V[a, b] * padded[a : a + n, b : b + m] for a in range(3) for b in range(3))


def run_stencil(cupy: Any, name: str, rows: int, columns: int) -> None:
    rng = np.random.default_rng(rows)
    X, V = (rng.integers(-8, 9, shape).astype(np.float32) for shape in ((37, 68), (3, 3)))
    H = cupy.empty((37, 68), cupy.float32)
    grid = (-(-68 // (16 * columns)), -(-37 // (8 * rows)))
    arguments = (cupy.asarray(X), cupy.asarray(V), cupy.float32(3), H, cupy.int32(37), cupy.int32(68))
    module(cupy, name).get_function(name)(grid, (16, 8), arguments)
    assert np.array_equal(H.get(), correlated(X, V, 3))


def run_sum(cupy: Any) -> None:
    X = np.arange(3000, dtype=np.float32)
    H = cupy.empty(3, cupy.float32)
    module(cupy, "sum").get_function("sum")((3,), (256,), (cupy.asarray(X), H, cupy.int32(3000)))
    assert H.get().sum() == X.sum()


def run_count(cupy: Any) -> None:
    X = np.arange(100, dtype=np.int32) % 37
    H, even = cupy.zeros(4, cupy.int32), cupy.zeros(1, cupy.uint32)
    module(cupy, "count").get_function("count")((2,), (64,), (cupy.asarray(X), H, even, cupy.int32(100)))
    assert H.get().tolist() == np.histogram(X, [0, 10, 20, 30, 1000])[0].tolist()
    assert even.get().item() == (X % 2 == 0).sum()


def run_ring(cupy: Any) -> None:
    X = np.arange(96, dtype=np.float32)
    H = cupy.empty_like(cupy.asarray(X))
    kernel = module(cupy, "ring").get_function("ring")
    kernel((2,), (48,), (cupy.asarray(X), H, cupy.int32(96), cupy.int32(3)), shared_mem=2 * 48 * 4)
    expected = X.reshape(2, 48)
    for _ in range(3):
        expected = expected + np.roll(expected, -1, 1)
    assert np.array_equal(H.get().reshape(2, 48), expected)


def run_prefix(cupy: Any) -> None:
    X = np.arange(64, dtype=np.float32)
    H = cupy.empty(64, cupy.float32)
    module(cupy, "prefix").get_function("prefix")((1,), (64,), (cupy.asarray(X), H))
    assert np.array_equal(H.get(), X.reshape(2, 32).cumsum(1).ravel())


def run_axpy(cupy: Any) -> None:
    X = np.linspace(-2, 2, 200).astype(np.float16)
    H = cupy.empty(200, cupy.float16)
    module(cupy, "axpy").get_function("axpy")((2,), (64,), (cupy.asarray(X), H, cupy.float32(1.1), cupy.int32(200)))
    assert np.array_equal(H.get(), (np.float32(1.1) * X.astype(np.float32)).astype(np.float16))


def run_bits(cupy: Any) -> None:
    X = np.array([0, 1, 6, 2**31, 2**32 - 1], np.uint32)
    H, turns = cupy.zeros(15, cupy.uint32), cupy.zeros(2, cupy.uint32)
    module(cupy, "bits").get_function("bits")((1,), (32,), (cupy.asarray(X), H, turns, cupy.int32(5)))
    texts = [f"{x:032b}" for x in X.tolist()]
    zeros = [64 if x == 0 else 32 - len(f"{x:b}") for x in X.tolist()]
    expected = [(int(t[::-1], 2), t.count("1") * 10200 + clear, 6) for t, clear in zip(texts, zeros, strict=True)]
    assert H.get().reshape(5, 3).tolist() == [list(row) for row in expected]
    assert turns.get().tolist() == [5 % 3, (-5) % 3]


RUNS: dict[str, Callable[[Any], None]] = {
    "sliding window in registers": lambda cupy: run_stencil(cupy, "window", 2, 4),
    "tile in shared memory": lambda cupy: run_stencil(cupy, "tile", 1, 1),
    "grid-stride sum by shuffles": run_sum,
    "integer atomics, votes and constant memory": run_count,
    "two halves of dynamic shared memory": run_ring,
    "prefix sums ordered by __syncwarp": run_prefix,
    "half storage, float arithmetic": run_axpy,
    "bits, printing, assertions and counters that wrap": run_bits,
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())
@pytest.mark.parametrize("checked", [True, False], ids=["checked", "fast"])
@pytest.mark.parametrize("schedule", ["forward", "reverse", "random"])
def test_no_fault_and_the_right_result(run: Callable[[Any], None], checked: bool, schedule: str) -> None:
    with standing_in_for_cupy(checked=checked, schedule=schedule, seed=5) as cupy:
        run(cupy)
