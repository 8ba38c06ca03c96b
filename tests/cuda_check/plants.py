"""Small kernels with one fault each, and what mends it.

A line that may be blamed ends in `// here`. `mend` is (wrong, right) text: the mended twin gives no fault.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from derive.cuda_check import FaultKind, RawModule

N = 100


def floats(cupy: Any, count: int = N) -> Any:
    return cupy.asarray(np.arange(count, dtype=np.float32))


def one_in_one_out(cupy: Any) -> tuple[Any, ...]:
    return floats(cupy), cupy.zeros(N, cupy.float32), cupy.int32(N)


def one_out(cupy: Any) -> tuple[Any, ...]:
    return (cupy.zeros(N, cupy.float32),)


@dataclass(frozen=True)
class Plant:
    name: str
    kind: FaultKind
    code: str
    mend: tuple[str, str]
    grid: tuple[int, ...] = (4,)
    block: tuple[int, ...] = (32,)
    arguments: Callable[[Any], tuple[Any, ...]] = one_in_one_out
    shared: int = 0
    argument: str | None = None
    says: str = ""

    @property
    def lines(self) -> set[int]:
        return {number for number, line in enumerate(self.code.split("\n"), 1) if "// here" in line}

    def mended(self) -> str:
        assert self.mend[0] in self.code, self.name
        return self.code.replace(*self.mend)

    def launch(self, cupy: Any, code: str) -> tuple[Any, ...]:
        arguments = self.arguments(cupy)
        module: RawModule = cupy.RawModule(code=code)
        module.get_function("k")(self.grid, self.block, arguments, shared_mem=self.shared)
        return arguments


OUT = FaultKind.OUT_OF_BOUNDS
PLANTS = (
    Plant(
        "read past the end",
        OUT,
        """
extern "C" __global__ void k(const float* __restrict__ X, float* __restrict__ H, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n)
    H[i] = X[i] + X[i + 1];  // here
}""",
        ("X[i + 1]", "(i + 1 < n ? X[i + 1] : 0.f)"),
        argument="X",
        says="'X'[100], where 'X' has 100 elements",
    ),
    Plant(
        "read before the start",
        OUT,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  H[i] = __ldg(X + i - 1);  // here
}""",
        ("i - 1", "(i > 0 ? i - 1 : 0)"),
        argument="X",
        says="'X'[-1]",
    ),
    Plant(
        "write without a guard",
        OUT,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  H[i] = i < n ? X[i] : 0.f;  // here
}""",
        ("  H[i] =", "  if (i < n) H[i] ="),
        argument="H",
    ),
    Plant(
        "write in a function that the kernel calls",
        OUT,
        """
__device__ __forceinline__ void put(float* H, int i, float x) {
  H[i] = x;  // here
}
extern "C" __global__ void k(const float* X, float* H, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i <= n) put(H, i, 1.f);
}""",
        ("i <= n", "i < n"),
        argument="H",
    ),
    Plant(
        "write through const",
        FaultKind.READ_ONLY,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  float* Y = (float*)X;
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) H[i] = X[i];
  if (i < n) Y[i] = 0.f;  // here
}""",
        ("(float*)X", "H"),
        argument="X",
    ),
    Plant(
        "two blocks write one element",
        FaultKind.RACE,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n && threadIdx.x == 0) {
    float h = H[0];  // here
    H[0] = h + X[i];  // here
  }
}""",
        ("threadIdx.x == 0", "i == 0"),
        argument="H",
    ),
    Plant(
        "every thread adds to one element",
        FaultKind.RACE,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n)
    H[0] += X[i];  // here
}""",
        ("H[0] += X[i]", "atomicAdd(H, X[i])"),
        argument="H",
    ),
    Plant(
        "an atomic sum is read in the same kernel",
        FaultKind.RACE,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n)
    atomicAdd(H, X[i]);  // here
  if (i == 0)
    H[1] = H[0];  // here
}""",
        ("H[1] = H[0]", "H[1] = 0.f"),
        argument="H",
    ),
    Plant(
        "a neighbour's output is read",
        FaultKind.RACE,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  int i = threadIdx.x;
  H[i] = X[i];  // here
  H[64 + i] = H[i ^ 1];  // here
}""",
        ("i ^ 1", "i"),
        grid=(1,),
        argument="H",
    ),
    Plant(
        "an aliased output",
        FaultKind.RACE,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i + 1 < n) {
    float x = X[i + 1];  // here
    H[i] = 2.f * x;  // here
  }
}""",
        ("X[i + 1]", "X[i]"),
        arguments=lambda cupy: (lambda X: (X, X, cupy.int32(N)))(floats(cupy)),
    ),
    Plant(
        "no barrier after the tile is filled",
        FaultKind.RACE,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  __shared__ float tile[64];
  int t = threadIdx.x;
  tile[t] = X[t];  // here
  /* barrier */
  H[t] = tile[63 - t];  // here
}""",
        ("/* barrier */", "__syncthreads();"),
        grid=(1,),
        block=(64,),
    ),
    Plant(
        "no barrier before the tile is filled again",
        FaultKind.RACE,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  __shared__ float tile[64];
  int t = threadIdx.x;
  float h = 0.f;
  for (int c = 0; c < 2; ++c) {
    tile[t] = X[t] + c;  // here
    __syncthreads();
    h += tile[63 - t];  // here
    /* barrier */
  }
  H[t] = h;
}""",
        ("/* barrier */", "__syncthreads();"),
        grid=(1,),
        block=(64,),
    ),
    Plant(
        "shuffles do not order shared memory",
        FaultKind.RACE,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  __shared__ float tile[32];
  int t = threadIdx.x;
  tile[t] = X[t];  // here
  float x = __shfl_xor_sync(0xffffffffu, X[t], 1);
  H[t] = x + tile[31 - t];  // here
}""",
        ("__shfl_xor_sync(0xffffffffu, X[t], 1);", "__shfl_xor_sync(0xffffffffu, X[t], 1); __syncwarp();"),
        grid=(1,),
    ),
    Plant(
        "a warp's barrier does not order two warps",
        FaultKind.RACE,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  __shared__ float tile[64];
  int t = threadIdx.x;
  tile[t] = X[t];  // here
  __syncwarp();
  H[t] = tile[63 - t];  // here
}""",
        ("__syncwarp()", "__syncthreads()"),
        grid=(1,),
        block=(64,),
    ),
    Plant(
        "a barrier of half a warp does not order the other half",
        FaultKind.RACE,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  __shared__ float tile[32];
  int t = threadIdx.x;
  tile[t] = X[t];  // here
  __syncwarp(t < 16 ? 0x0000ffffu : 0xffff0000u);
  H[t] = tile[t ^ 16];  // here
}""",
        ("t ^ 16", "t ^ 15"),
        grid=(1,),
    ),
    Plant(
        "no barrier between two steps of a tree sum in dynamic shared memory",
        FaultKind.RACE,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  extern __shared__ float part[];
  int t = threadIdx.x;
  part[t] = X[t];
  __syncthreads();
  for (int d = 32; d > 0; d >>= 1) {
    if (t < d)
      part[t] += part[t + d];  // here
    /* barrier */
  }
  if (t == 0) H[0] = part[0];
}""",
        ("/* barrier */", "__syncthreads();"),
        grid=(1,),
        block=(64,),
        shared=256,
    ),
    Plant(
        "shared memory is read before it is written",
        FaultKind.UNINITIALISED,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  __shared__ float tile[34];
  int t = threadIdx.x;
  tile[t + 1] = X[t];
  if (t == 0) tile[0] = 0.f;
  __syncthreads();
  H[t] = tile[t] + tile[t + 2];  // here
}""",
        ("if (t == 0) tile[0]", "if (t == 0) tile[33] = tile[0]"),
        grid=(1,),
    ),
    Plant(
        "dynamic shared memory keeps nothing from the block before",
        FaultKind.UNINITIALISED,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  extern __shared__ float kept[];
  int t = threadIdx.x;
  if (blockIdx.x % 2) kept[t] = X[t];
  __syncthreads();
  if (t < 25) H[blockIdx.x * 25 + t] = kept[t];  // here
}""",
        ("if (blockIdx.x % 2) ", ""),
        shared=128,
    ),
    Plant(
        "dynamic shared memory is too small",
        OUT,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  extern __shared__ float tile[];
  int t = threadIdx.x;
  tile[t + 1] = X[t];  // here
  __syncthreads();
  H[t] = tile[t + 1];
}""",
        ("t + 1", "t"),
        grid=(1,),
        shared=128,
        says="byte 128 of dynamic shared memory",
    ),
    Plant(
        "a pointer runs past the shared arrays",
        OUT,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  __shared__ float tile[32];
  int t = threadIdx.x;
  float* p = tile + n;  // here
  p[t] = X[t];  // here
  __syncthreads();
  H[t] = p[t];
}""",
        ("tile + n", "tile + (n - 100)"),
        grid=(1,),
    ),
    Plant(
        "an array's index is past its end",
        OUT,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  float v[9];
  for (int t = 0; t < 9; ++t) v[t] = X[t];
  float h = 0.f;
  for (int t = 0; t <= 9; ++t)
    h += v[t];  // here
  H[blockIdx.x] = h;
}""",
        ("t <= 9", "t < 9"),
        block=(1,),
        says="index 9 is outside",
    ),
    Plant(
        "a row's index is past its end, inside the shared array",
        OUT,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  __shared__ float tile[4][8];
  int r = threadIdx.x / 8, c = threadIdx.x % 8;
  tile[r][c] = X[threadIdx.x];
  __syncthreads();
  H[threadIdx.x] = r < 3 ? tile[r][c + 1] : 0.f;  // here
}""",
        ("tile[r][c + 1]", "tile[r + 1][c]"),
        grid=(1,),
        says="index 8 is outside",
    ),
    Plant(
        "a vector load from an odd element",
        FaultKind.MISALIGNED,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  int i = 4 * threadIdx.x;
  const float4 q = *reinterpret_cast<const float4*>(X + i + 1);  // here
  H[threadIdx.x] = q.x + q.y + q.z + q.w;
}""",
        ("X + i + 1", "X + i"),
        grid=(1,),
        block=(8,),
    ),
    Plant(
        "a vector store to a view",
        FaultKind.MISALIGNED,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  float2* out = reinterpret_cast<float2*>(H);
  out[threadIdx.x] = make_float2(X[threadIdx.x], 0.f);  // here
}""",
        ("out[threadIdx.x] = make_float2(X[threadIdx.x], 0.f)", "H[threadIdx.x] = X[threadIdx.x]"),
        grid=(1,),
        block=(8,),
        arguments=lambda cupy: (floats(cupy), cupy.zeros(N, cupy.float32)[1:], cupy.int32(N)),
    ),
    Plant(
        "a barrier that some threads never reach",
        FaultKind.BARRIER,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  int t = threadIdx.x;
  if (t >= 40) return;
  __syncthreads();  // here
  H[t] = X[t];
}""",
        ("if (t >= 40) return;", ""),
        grid=(1,),
        block=(64,),
    ),
    Plant(
        "two barriers for one",
        FaultKind.BARRIER,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  int t = threadIdx.x;
  if (t < 40)
    __syncthreads();  // here
  else
    __syncthreads();  // here
  H[t] = X[t];
}""",
        ("t < 40", "n > 40"),
        grid=(1,),
        block=(64,),
    ),
    Plant(
        "a shuffle whose mask names lanes that do not come",
        FaultKind.BARRIER,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  int t = threadIdx.x;
  float x = X[t];
  if (t < 16)
    x += __shfl_down_sync(0xffffffffu, x, 8, 16);  // here
  __syncthreads();  // here
  H[t] = x;
}""",
        ("0xffffffffu", "0x0000ffffu"),
        grid=(1,),
    ),
    Plant(
        "a shuffle by a lane outside its mask",
        FaultKind.BARRIER,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  int t = threadIdx.x;
  H[t] = __shfl_xor_sync(0x0000ffffu, X[t], 1);  // here
}""",
        ("0x0000ffffu", "0xffffffffu"),
        grid=(1,),
    ),
    Plant(
        "a shuffle from a lane that is not there",
        FaultKind.BARRIER,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  int t = threadIdx.x;
  H[t] = __shfl_down_sync(0xffffffffu, X[t], 16);  // here
}""",
        ("X[t], 16)", "X[t], 16, 8)"),
        grid=(1,),
        block=(24,),
    ),
    Plant(
        "an index that overflows",
        FaultKind.UNDEFINED,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  int row = 50000 + (int)threadIdx.x;
  long long at = row * row;  // here
  H[threadIdx.x] = X[at % n < 0 ? 0 : at % n];
}""",
        ("row * row", "(long long)row * row"),
        grid=(1,),
        says="signed overflow",
    ),
    Plant(
        "an overflow inside a library function",
        FaultKind.UNDEFINED,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  int i = -2147483647 - (int)(n > 99);
  int j = abs(i);  // here
  H[threadIdx.x] = X[j == 7];
}""",
        ("n > 99", "n > 999"),
        grid=(1,),
    ),
    Plant(
        "division by zero",
        FaultKind.UNDEFINED,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  int columns = n - 100;
  H[threadIdx.x] = X[threadIdx.x % columns];  // here
}""",
        ("n - 100", "n"),
        grid=(1,),
    ),
    Plant(
        "a loop that stands still",
        FaultKind.ENDLESS,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  float h = 0.f;
  for (int d = 16; d >= 0; d >>= 1)  // here
    h += X[d];  // here
  H[threadIdx.x] = h;
}""",
        ("d >= 0", "d > 0"),
        grid=(1,),
    ),
    Plant(
        "an endless loop without memory",
        FaultKind.ENDLESS,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  unsigned i = 1;
  while (i != 0u) i = i * 3u + (i & 1u) * 2u;  // here
  H[threadIdx.x] = X[0] + i;
}""",
        ("while (i != 0u)", "if (i != 0u)"),
        grid=(1,),
    ),
    Plant(
        "an endless loop of barriers",
        FaultKind.ENDLESS,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  for (int i = 0; i < n; i += (int)(blockDim.x >> 7)) {
    __syncthreads();  // here
  }
  H[threadIdx.x] = X[threadIdx.x];
}""",
        ("blockDim.x >> 7", "blockDim.x >> 5"),
        grid=(1,),
    ),
    Plant(
        "a null pointer",
        OUT,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  if (threadIdx.x < n)
    H[threadIdx.x] = X[threadIdx.x];  // here
}""",
        ("threadIdx.x < n", "X != nullptr"),
        grid=(1,),
        arguments=lambda cupy: (None, cupy.zeros(N, cupy.float32), cupy.int32(N)),
    ),
    Plant(
        "no barrier between halves in shared memory",
        FaultKind.RACE,
        """
#include <cuda_fp16.h>
extern "C" __global__ void k(const half* X, half* H) {
  __shared__ half tile[32];
  tile[threadIdx.x] = X[threadIdx.x];  // here
  /* barrier */
  H[threadIdx.x] = tile[threadIdx.x ^ 1];  // here
}""",
        ("/* barrier */", "__syncthreads();"),
        grid=(1,),
        arguments=lambda cupy: (cupy.zeros(N, cupy.float16), cupy.zeros(N, cupy.float16)),
    ),
    Plant(
        "vectors in shared memory, one element apart",
        FaultKind.RACE,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  __shared__ float4 tile[8];
  const int t = threadIdx.x;
  tile[t] = *reinterpret_cast<const float4*>(X + 4 * t);  // here
  H[t] = tile[t].x;
  if (t > 0)
    tile[t - 1].w = H[t];  // here
}""",
        ("tile[t - 1].w", "tile[t].w"),
        grid=(1,),
        block=(8,),
    ),
    Plant(
        "half elements written by two threads",
        FaultKind.RACE,
        """
#include <cuda_fp16.h>
extern "C" __global__ void k(half* H) {
  int i = threadIdx.x;
  H[i] = __float2half(1.f * i);  // here
  H[(i + 1) % 32] = __float2half(0.f);  // here
}""",
        ("H[(i + 1) % 32]", "H[32 + i]"),
        grid=(1,),
        arguments=lambda cupy: (cupy.zeros(N, cupy.float16),),
    ),
)
