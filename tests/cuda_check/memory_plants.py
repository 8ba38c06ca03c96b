"""Accesses outside an array, through const, unaligned, or before any write."""

from derive.cuda_check import FaultKind
from tests.cuda_check.plant import N, Plant, floats

MEMORY_PLANTS = (
    Plant(
        "read past the end",
        FaultKind.OUT_OF_BOUNDS,
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
        FaultKind.OUT_OF_BOUNDS,
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
        FaultKind.OUT_OF_BOUNDS,
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
        FaultKind.OUT_OF_BOUNDS,
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
        FaultKind.OUT_OF_BOUNDS,
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
        FaultKind.OUT_OF_BOUNDS,
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
        FaultKind.OUT_OF_BOUNDS,
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
        FaultKind.OUT_OF_BOUNDS,
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
        "a null pointer",
        FaultKind.OUT_OF_BOUNDS,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  if (threadIdx.x < n)
    H[threadIdx.x] = X[threadIdx.x];  // here
}""",
        ("threadIdx.x < n", "X != nullptr"),
        grid=(1,),
        arguments=lambda cupy: (None, cupy.zeros(N, cupy.float32), cupy.int32(N)),
    ),
)
