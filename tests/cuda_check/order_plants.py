"""Accesses that nothing orders: missing barriers, blocks that meet, aliases."""

from derive.cuda_check import FaultKind
from tests.cuda_check.plant import N, Plant, floats

ORDER_PLANTS = (
    Plant(
        "a variable of the device that blocks count in",
        FaultKind.RACE,
        """
__device__ int counter;
extern "C" __global__ void k(const float* X, float* H, int n) {
  counter += 1;  // here
}""",
        ("counter += 1", "atomicAdd(&counter, 1)"),
        says="at a variable of the device",
    ),
    Plant(
        "a shared array of a template, read before its barrier",
        FaultKind.RACE,
        """
template <class T> __device__ T turned(T x) {
  __shared__ T s[32];
  s[threadIdx.x] = x;  // here
  return s[31 - threadIdx.x];  // here
}
extern "C" __global__ void k(const float* X, float* H, int n) {
  int t = threadIdx.x;
  H[t] = turned(X[t]);
}""",
        ("= x;", "= x; __syncthreads();"),
        grid=(1,),
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
