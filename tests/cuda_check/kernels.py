"""CUDA C as people write it, without a fault."""

__all__ = ["NAMED", "SOURCES", "TILE", "TILE_OPTIONS", "WINDOW"]

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

# What is kept is what is positive; its places are claimed by the first lane of each warp.
KEEP = r"""
extern "C" __global__ void keep(const int* X, int* H, int* told, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, lane = threadIdx.x & 31;
  const bool kept = i < n && X[i] > 0;
  const unsigned mask = __ballot_sync(0xffffffffu, kept);
  int first = 0;
  if (lane == 0) first = atomicAdd_block(told, __popc(mask));
  first = __shfl_sync(0xffffffffu, first, 0);
  if (kept) H[first + __popc(mask & ((1u << lane) - 1))] = X[i];
  const int count = __syncthreads_count(kept), any = __syncthreads_or(kept), all = __syncthreads_and(kept);
  const long long start = clock64();
  unsigned active = 0;
  if (lane < 8) active = __activemask();
  __threadfence_system();
  if (threadIdx.x == 0) told[1] = count, told[2] = any, told[3] = all, told[4] = active, told[5] = clock64() >= start;
}"""

AGREE = r"""
extern "C" __global__ void agree(const unsigned* X, unsigned* H) {
  const unsigned x = X[threadIdx.x], every = 0xffffffffu;
  int same;
  unsigned* h = H + 12 * threadIdx.x;
  h[0] = __match_any_sync(every, x), h[1] = __match_all_sync(every, x / 8, &same), h[2] = same;
  h[3] = __reduce_add_sync(every, x), h[4] = __reduce_min_sync(every, x), h[5] = __reduce_max_sync(every, x);
  h[6] = __reduce_and_sync(every, x), h[7] = __reduce_or_sync(every, x), h[8] = __reduce_xor_sync(every, x);
  h[9] = __byte_perm(x, 0x80, 0x4c10), h[10] = __funnelshift_l(x << 31, x, 1);
  h[11] = __float_as_uint(__uint_as_float(x)) + __float2int_ru(1.5f);
}"""

MATMUL = r"""
template <class T, int B> static __device__ void product(const T* X, const T* Y, T* H, int n, int m, int l) {
  __shared__ T x[B][B], y[B][B + 1];
  const int j = blockIdx.x * B + threadIdx.x, i = blockIdx.y * B + threadIdx.y;
  T h = 0;
  for (int k = 0; k < l; k += B) {
    x[threadIdx.y][threadIdx.x] = i < n && k + threadIdx.x < l ? X[i * l + k + threadIdx.x] : T(0);
    y[threadIdx.y][threadIdx.x] = k + threadIdx.y < l && j < m ? Y[(k + threadIdx.y) * m + j] : T(0);
    __syncthreads();
    for (int c = 0; c < B; ++c) h += x[threadIdx.y][c] * y[c][threadIdx.x];
    __syncthreads();
  }
  if (i < n && j < m) H[i * m + j] = h;
}
template <class T, int B> __global__ void __launch_bounds__(B * B)
matmul(const T* X, const T* Y, T* H, int n, int m, int l) { product<T, B>(X, Y, H, n, m, l); }"""

HELD = r"""
__constant__ float weights[3];
__device__ int launched = 7;
extern "C" __global__ void held(const float* X, float* H, int n) {
  static __shared__ float s[34];
  const int t = threadIdx.x, i = blockIdx.x * 32 + t;
  for (int p = t; p < 34; p += 32) s[p] = blockIdx.x * 32 + p < n ? X[blockIdx.x * 32 + p] : 0.f;
  __syncthreads();
  if (i < n - 2) H[i] = weights[0] * s[t] + weights[1] * s[t + 1] + weights[2] * s[t + 2];
  if (t == 0) atomicAdd(&launched, 1);
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
    "keep": KEEP,
    "agree": AGREE,
    "matmul": MATMUL,
    "held": HELD,
}
NAMED = {"matmul": ("matmul<float, 8>", "matmul<double, 4>")}
