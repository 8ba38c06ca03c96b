"""The same faults in other styles: blocks of two axes, templates, structs, lambdas, macros, vectors, threads that spin."""

from __future__ import annotations

from typing import Any

import numpy as np

from derive.cuda_check import FaultKind
from tests.cuda_check.plant import Plant

_SIZE = np.dtype([("rows", "i4"), ("columns", "i4")])


def _shaded(cupy: Any, kind: Any = _SIZE) -> tuple[Any, ...]:
    size = np.array((13, 21, 0)[: len(kind.names)], kind)
    return cupy.ones((13, 21), "f4"), cupy.ones(3, "f4"), cupy.zeros((13, 21), "f4"), size


_SHADE = """
struct Size { int rows, columns; };
#define AT(r, c) ((r) * size.columns + (c))
extern "C" __global__ void k(const float* __restrict__ X, const float* __restrict__ V, float* __restrict__ H, const Size size) {
  const int c = blockIdx.x * blockDim.x + threadIdx.x, r = blockIdx.y * blockDim.y + threadIdx.y;
  if (r >= size.rows || c >= size.columns) return;
  const auto inside = [&](int at) { return at < 0 ? 0 : at < size.columns ? at : size.columns - 1; };
  float sum = 0.f;
  #pragma unroll
  for (int d = -1; d <= 1; ++d)
    sum += __ldg(&X[AT(r, inside(c + d))])
         * __ldg(&V[d + 2]);  // here
  H[AT(r, c)] = sum;
}"""

STYLE_PLANTS = (
    Plant(
        "a weight past the end, in blocks of two axes, their size a struct",
        FaultKind.OUT_OF_BOUNDS,
        _SHADE,
        ("d + 2", "d + 1"),
        grid=(2, 2),
        block=(16, 8),
        arguments=_shaded,
        argument="V",
        says="'V'[3], where 'V' has 3 elements",
    ),
    Plant(
        "a struct of another size",
        FaultKind.ARGUMENTS,
        _SHADE.replace("d + 2", "d + 1").replace("  // here", ""),
        ("struct Size { int rows, columns; }", "struct Size { int rows, columns, spare; }"),
        grid=(2, 2),
        block=(16, 8),
        arguments=lambda cupy: _shaded(cupy, np.dtype([("rows", "i4"), ("columns", "i4"), ("spare", "i4")])),
        argument="size",
        says="'size' is a struct of 8 bytes and gets void96 of 12",
    ),
    Plant(
        "floats for vectors of integers",
        FaultKind.ARGUMENTS,
        """
extern "C" __global__ void k(const int4* X, float* H) {
  const auto x = X[threadIdx.x];
  H[threadIdx.x] = float(x.x + x.y + x.z + x.w);
}""",
        ("int4", "float4"),
        grid=(1,),
        block=(8,),
        arguments=lambda cupy: (cupy.ones((8, 4), "f4"), cupy.zeros(8, "f4")),
        argument="X",
        says="'X' is int32* and gets float32",
    ),
    Plant(
        "a sine past the end, written by a function of CUDA's",
        FaultKind.OUT_OF_BOUNDS,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  float s, c;
  sincosf(X[threadIdx.x], &s, &c);
  for (int i = threadIdx.x; 2 * i <= n; i += blockDim.x)
    sincosf(X[i], H + 2 * i, &c);  // here
}""",
        ("2 * i <= n", "2 * i < n"),
        grid=(1,),
        argument="H",
    ),
    Plant(
        "a half past the end, written by its operator",
        FaultKind.OUT_OF_BOUNDS,
        """
#include <cuda_fp16.h>
extern "C" __global__ void k(__half* X, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i > n) return;
  X[i] += __half(1.f);  // here
}""",
        ("i > n", "i >= n"),
        arguments=lambda cupy: (cupy.ones(100, "f2"), cupy.int32(100)),
        argument="X",
    ),
    Plant(
        "write through const by a member of a template",
        FaultKind.READ_ONLY,
        """
template <class T> struct View {
  const T* data;
  __device__ T operator[](int i) const { return data[i]; }
  __device__ void set(int i, T to) const { const_cast<T*>(data)[i] = to; }  // here
};
extern "C" __global__ void k(const float* X, float* H, int n) {
  const View<float> from{X}, into{H};
  const int i = threadIdx.x;
  from.set(i, 2 * from[i]);
}""",
        ("from.set", "into.set"),
        grid=(1,),
        argument="X",
    ),
    Plant(
        "no barrier in a transposition whose cells a lambda gives",
        FaultKind.RACE,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  extern __shared__ float tile[];
  const auto cell = [&](int r, int c) -> float& { return tile[r * (blockDim.x + 1) + c]; };
  cell(threadIdx.y, threadIdx.x) = X[threadIdx.y * blockDim.x + threadIdx.x];  // here
  /* barrier */
  H[threadIdx.y * blockDim.x + threadIdx.x] = cell(threadIdx.x, threadIdx.y);  // here
}""",
        ("/* barrier */", "__syncthreads();"),
        grid=(1,),
        block=(8, 8),
        shared=288,
    ),
    Plant(
        "no barrier between the sums of warps and the sum of these",
        FaultKind.RACE,
        """
template <class T, class F> __device__ T joined(T v, F join) {
  #pragma unroll
  for (int d = 16; d; d >>= 1) v = join(v, __shfl_down_sync(0xffffffffu, v, d));
  return v;
}
extern "C" __global__ void k(const float2* X, float* H, int n) {
  __shared__ float part[4];
  const int t = threadIdx.y * blockDim.x + threadIdx.x;
  const auto add = [](float a, float b) { return a + b; };
  const float2 x = t < n / 2 ? X[t] : make_float2(0.f, 0.f);
  float sum = joined(x.x * x.x + x.y * x.y, add);
  if ((t & 31) == 0)
    part[t >> 5] = sum;  // here
  /* barrier */
  if (t < 32) {
    sum = joined(t < 4 ? part[t] : 0.f, add);  // here
    if (!t) *H = sum;
  }
}""",
        ("/* barrier */", "__syncthreads();"),
        grid=(1,),
        block=(16, 8),
    ),
    Plant(
        "the last warp of a sum, in volatile memory",
        FaultKind.RACE,
        """
__device__ void last(volatile float* s, int t) {
  #pragma unroll
  for (int d = 32; d > 0; d /= 2) {
    const float other = s[t + d];  // here
    /* barrier */
    s[t] += other;  // here
    /* barrier */
  }
}
extern "C" __global__ void k(const float* X, float* H, int n) {
  __shared__ float s[128];
  const int t = threadIdx.x;
  s[t] = X[t], s[t + 64] = 0.f;
  __syncthreads();
  if (t < 32) last(s, t);
  if (t == 0) H[0] = s[0];
}""",
        ("/* barrier */", "__syncwarp();"),
        grid=(1,),
        block=(64,),
    ),
    Plant(
        "the half of a buffer that is being read is filled",
        FaultKind.RACE,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  __shared__ float half[2][8][8];
  const int y = threadIdx.y, x = threadIdx.x;
  const auto load = [&](int which, int from) { half[which][y][x] = X[from + x]; };  // here
  load(0, 0);
  __syncthreads();
  float sum = 0.f;
  for (int from = 0, which = 0; from < 32; from += 8, which ^= 1) {
    if (from + 8 < 32) load(which, from + 8);
    #pragma unroll 8
    for (int e = 0; e < 8; ++e)
      sum += half[which][e][x];  // here
    __syncthreads();
  }
  H[y * 8 + x] = sum;
}""",
        ("load(which, from", "load(which ^ 1, from"),
        grid=(1,),
        block=(8, 8),
    ),
    Plant(
        "a corner of a halo that no macro loads",
        FaultKind.UNINITIALISED,
        """
#define W 8
#define LOAD(dr, dc) tile[threadIdx.y + (dr)][threadIdx.x + (dc)] = X[threadIdx.x]
extern "C" __global__ void __launch_bounds__(W * W) k(const float* X, float* H, int n) {
  __shared__ float tile[W + 1][W + 1];
  LOAD(0, 0);
  if (threadIdx.x == W - 1) LOAD(0, 1);
  if (threadIdx.y == W - 1) LOAD(1, 0);
  if (threadIdx.x == W - 1 && threadIdx.y == W - 1) LOAD(0, 0);
  __syncthreads();
  float sum = 0.f;
  for (int a = 0; a < 2; ++a)
    for (int b = 0; b < 2; ++b) sum += tile[threadIdx.y + a][threadIdx.x + b];  // here
  H[threadIdx.y * W + threadIdx.x] = sum;
}""",
        ("threadIdx.y == W - 1) LOAD(0, 0)", "threadIdx.y == W - 1) LOAD(1, 1)"),
        grid=(1,),
        block=(8, 8),
    ),
    Plant(
        "pairs of halves from an odd one",
        FaultKind.MISALIGNED,
        """
#include <cuda_fp16.h>
extern "C" __global__ void k(const half* X, half2* H, int n) {
  const half2 pair = *reinterpret_cast<const half2*>(X + 2 * threadIdx.x + 1);  // here
  H[threadIdx.x] = __hfma2(pair, __float2half2_rn(2.f), pair);
}""",
        (" + 1)", ")"),
        grid=(1,),
        arguments=lambda cupy: (cupy.ones(66, "f2"), cupy.zeros((32, 2), "f2"), cupy.int32(32)),
    ),
    Plant(
        "structs in shared memory, read as vectors",
        FaultKind.MISALIGNED,
        """
struct Row { int head, body[4]; };
extern "C" __global__ void k(const float* X, float* H, int n) {
  __shared__ Row row[4];
  Row& mine = row[threadIdx.x];
  mine.head = 0;
  for (int& each : mine.body) each = n;
  const int4 q = *reinterpret_cast<const int4*>(&mine);  // here
  H[threadIdx.x] = q.x + q.w;
}""",
        ("body[4]", "body[7]"),
        grid=(1,),
        block=(4,),
    ),
    Plant(
        "a loop of barriers as long as a ternary says",
        FaultKind.BARRIER,
        """
template <int STEPS> __device__ float relaxed(float* s, int t, int n) {
  for (int k = 0; k < (t < 40 ? STEPS : STEPS + 1); ++k) {
    const float next = s[(t + 1) % 64];
    __syncthreads();  // here
    s[t] = next;
    __syncthreads();  // here
  }
  return s[t];
}
extern "C" __global__ void k(const float* X, float* H, int n) {
  __shared__ float s[64];
  const int t = threadIdx.y * 8 + threadIdx.x;
  s[t] = X[t];
  __syncthreads();
  H[t] = relaxed<2>(s, t, n);
}""",
        ("STEPS + 1", "STEPS"),
        grid=(1,),
        block=(8, 8),
    ),
    Plant(
        "a float that no integer of its width has",
        FaultKind.UNDEFINED,
        """
template <class T> __device__ int bin(T x, T width) {
  return static_cast<int>(x / width);  // here
}
extern "C" __global__ void k(const float* X, float* H, int n) {
  H[threadIdx.x] = bin<float>(X[threadIdx.x] + 1.f, n - 100);
}""",
        ("n - 100", "n - 99"),
        grid=(1,),
        says="a float outside the range of the integer type",
    ),
    Plant(
        "a bit that an int has not, by a macro",
        FaultKind.UNDEFINED,
        """
#define BIT(k) (1 << (k))
extern "C" __global__ void k(const float* X, float* H, int n) {
  H[threadIdx.x] = BIT(threadIdx.x) * X[threadIdx.x];  // here
}""",
        ("BIT(threadIdx.x)", "BIT(threadIdx.x & 7)"),
        grid=(1,),
        block=(40,),
    ),
    Plant(
        "threads that wait for a lock that none gives back",
        FaultKind.ENDLESS,
        """
__device__ int lock;
extern "C" __global__ void k(const float* X, float* H, int n) {
  int tries = 0;
  while (atomicCAS(&lock, 0, 1) != 0)  // here
    if (++tries > 1 << 30) break;  // here
  H[blockIdx.x * blockDim.x + threadIdx.x] = X[0];
}""",
        ("1 << 30", "5"),
        grid=(3,),
    ),
    Plant(
        "a bisection that has no end",
        FaultKind.ENDLESS,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  const float x = X[threadIdx.x] + 2.f;
  float low = 0.f, high = x;
  do {  // here
    const float middle = 0.5f * (low + high);  // here
    (middle * middle <= x ? low : high) = middle;  // here
  } while (high - low > 0.f);  // here
  H[threadIdx.x] = low;
}""",
        ("low > 0.f", "low > 1e-4f"),
        grid=(1,),
    ),
)
