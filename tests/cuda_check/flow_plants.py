"""Barriers, undefined arithmetic and loops without end."""

from derive.cuda_check import FaultKind
from tests.cuda_check.plant import Plant

FLOW_PLANTS = (
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
        "a count at a barrier that some threads never reach",
        FaultKind.BARRIER,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  int t = threadIdx.x, count = 0;
  if (t < 40)
    count = __syncthreads_count(t);  // here
  H[t] = X[t] + count;
}""",
        ("if (t < 40)", ""),
        grid=(1,),
        block=(64,),
    ),
    Plant(
        "a match whose mask names lanes that do not come",
        FaultKind.BARRIER,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  int t = threadIdx.x;
  unsigned same = 0;
  if (t < 16)
    same = __match_any_sync(0xffffffffu, t & 3);  // here
  __syncthreads();  // here
  H[t] = same;
}""",
        ("0xffffffffu", "0x0000ffffu"),
        grid=(1,),
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
        "recursion without an end",
        FaultKind.STACK,
        """
__device__ __noinline__ float deep(const float* X, int n) {  // here
  return n == 0 ? X[0] : X[n & 7] + 0.5f * deep(X, n - 1);  // here
}
extern "C" __global__ void k(const float* X, float* H, int n) {
  H[blockIdx.x * blockDim.x + threadIdx.x] = deep(X, n - 101);
}""",
        ("n - 101", "n - 99"),
        grid=(1,),
    ),
    Plant(
        "an assertion that fails",
        FaultKind.STOPPED,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  assert(i < n - 1);  // here
  H[i] = X[i];
}""",
        ("n - 1", "n"),
        grid=(1,),
        block=(100,),
        says="the assertion 'i < n - 1' fails",
    ),
    Plant(
        "a kernel that stops itself",
        FaultKind.STOPPED,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i > 20) __trap();  // here
  H[i] = X[i];
}""",
        ("i > 20", "i > 100"),
        grid=(1,),
        says="the kernel stops itself by __trap()",
    ),
)
