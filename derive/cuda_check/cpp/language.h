// CUDA C as far as a C++ compiler can take it: qualifiers, built-in variables, barriers, shuffles, atomics, clocks.
#pragma once
#include "interface.h"

// What these files do is done in the user's line: it is inlined there, or neither watched nor counted, and told its line.
#define CU_MEMBER __attribute__((always_inline))
#define CU_INLINE static inline CU_MEMBER
#ifdef __clang__
#define CU_UNCHECKED __attribute__((no_sanitize("thread", "undefined", "coverage"), noinline))
#else
#define CU_UNCHECKED __attribute__((no_sanitize("thread", "undefined"), no_sanitize_coverage, noinline))
#endif

using size_t = decltype(sizeof(0));
using ptrdiff_t = decltype((char*)0 - (char*)0);
using uint = unsigned;
struct dim3 {
  unsigned x, y, z;
};

#define CU_EXTERN_C
#define __global__
#define __device__
#define __host__
#define __constant__ static __attribute__((section("cu_constant")))
#define CU_VARIABLE static __attribute__((section("cu_variable")))
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __shared__ static __attribute__((section("cu_shared")))
#define __CUDACC__ 1
#define __CUDACC_RTC__ 1
#define __CUDA_ARCH__ 900

#define threadIdx cu_builtin.thread
#define blockIdx cu_builtin.block
#define blockDim cu_builtin.block_dim
#define gridDim cu_builtin.grid_dim
#define warpSize 32
#define __syncthreads() ((void)cu_barrier(0, __LINE__))
#define __syncthreads_count(p) cu_barrier((p) != 0, __LINE__)
#define __syncthreads_or(p) int(cu_barrier((p) != 0, __LINE__) != 0)
#define __syncthreads_and(p) int(cu_barrier(!(p), __LINE__) == 0)
#define __syncwarp(...) cu_warp_barrier(cu::all_lanes(__VA_ARGS__), __LINE__)
#define __threadfence() ((void)0)
#define __threadfence_block() ((void)0)
#define __threadfence_system() ((void)0)

// Macros, so that the debug line is the user's.
#define __ldg(p) (*(p))
#define __ldcg(p) (*(p))
#define __ldcs(p) (*(p))
#define __ldca(p) (*(p))
#define __ldlu(p) (*(p))
#define __ldcv(p) (*(p))
#define __stcs(p, v) ((void)(*(p) = (v)))
#define __stcg(p, v) ((void)(*(p) = (v)))
#define __stwt(p, v) ((void)(*(p) = (v)))
#define __stwb(p, v) ((void)(*(p) = (v)))


namespace cu {

CU_INLINE unsigned all_lanes(unsigned mask = 0xffffffffu) { return mask; }
CU_INLINE int lane() {
  return int((cu_builtin.thread.x +
              cu_builtin.block_dim.x * (cu_builtin.thread.y + cu_builtin.block_dim.y * cu_builtin.thread.z)) &
             31u);
}

// The source lane of each kind of shuffle; a lane outside its segment keeps its own value.
CU_INLINE int inside(int lane, int source, int width) {
  int first = lane & ~(width - 1);
  return source >= first && source < first + width ? source : lane;
}
CU_INLINE int from_index(int lane, int index, int width) {
  return (lane & ~(width - 1)) | (index & (width - 1));
}
CU_INLINE int from_above(int lane, unsigned delta, int width) {
  return delta < 32u ? inside(lane, lane + int(delta), width) : lane;
}
CU_INLINE int from_below(int lane, unsigned delta, int width) {
  return delta < 32u ? inside(lane, lane - int(delta), width) : lane;
}
CU_INLINE int from_mask(int lane, int bits, int width) {
  int source = lane ^ bits;
  return source < (lane & ~(width - 1)) + width && source >= 0 ? source : lane;
}

template <class T> CU_INLINE T shuffle(int line, unsigned mask, T value, int source) {
  static_assert(sizeof(T) <= 16, "a shuffle moves at most 16 bytes");
  alignas(16) char buffer[16];
  __builtin_memcpy(buffer, &value, sizeof(T));
  cu_exchange(mask, buffer, sizeof(T), source, SHUFFLE, line);
  __builtin_memcpy(&value, buffer, sizeof(T));
  return value;
}
CU_INLINE unsigned vote(int line, unsigned mask, int predicate) {
  unsigned bits = predicate != 0;
  cu_exchange(mask, &bits, sizeof bits, 0, VOTE, line);
  return bits;
}
CU_INLINE unsigned active(int line) {
  unsigned bits = 0;
  cu_exchange(0xffffffffu, &bits, sizeof bits, 0, ACTIVE, line);
  return bits;
}

// What a warp agrees on, from the values of all lanes that take part, one after another.
template <class T, class Each> CU_INLINE void each_lane(int line, unsigned mask, T value, Each each) {
  unsigned lanes = vote(line, mask, 1);
  for (int lane = 0; lane < 32; ++lane)
    if (lanes >> lane & 1) each(shuffle(line, mask, value, lane), 1u << lane);
}
template <class T> CU_INLINE unsigned match_any(int line, unsigned mask, T value) {
  unsigned same = 0;
  each_lane(line, mask, value, [&](T other, unsigned bit) { same |= other == value ? bit : 0u; });
  return same;
}
template <class T> CU_INLINE unsigned match_all(int line, unsigned mask, T value, int* all) {
  bool same = true;
  each_lane(line, mask, value, [&](T other, unsigned) { same &= other == value; });
  *all = same;
  return same ? mask : 0u;
}
template <class T, class Join> CU_INLINE T reduced(int line, unsigned mask, T value, Join join) {
  T sum = value;
  int met = 0;
  each_lane(line, mask, value, [&](T other, unsigned) { sum = met++ ? join(sum, other) : other; });
  return sum;
}

template <class T, class Update> CU_UNCHECKED static T atomic(int line, T* place, Update update) {
  cu_atomic(place, sizeof(T), line);
  T old = *place;
  *place = update(old);
  return old;
}
template <class T> struct Plain {
  using type = T;
};

#define CU_ATOMIC(NAME, UPDATED)                                                       \
  template <class T> CU_INLINE T NAME(int line, T* p, typename Plain<T>::type v) { \
    return atomic(line, p, [=](T o) CU_UNCHECKED { return UPDATED; });                 \
  }
CU_ATOMIC(atomic_add, T(o + v))
CU_ATOMIC(atomic_sub, T(o - v))
CU_ATOMIC(atomic_exch, v)
CU_ATOMIC(atomic_max, v > o ? v : o)
CU_ATOMIC(atomic_min, v < o ? v : o)
CU_ATOMIC(atomic_and, T(o& v))
CU_ATOMIC(atomic_or, T(o | v))
CU_ATOMIC(atomic_xor, T(o ^ v))
CU_ATOMIC(atomic_inc, o >= v ? T(0) : T(o + 1))
CU_ATOMIC(atomic_dec, o == 0 || o > v ? T(v) : T(o - 1))
template <class T>
CU_INLINE T atomic_cas(int line, T* p, typename Plain<T>::type c, typename Plain<T>::type v) {
  return atomic(line, p, [=](T o) CU_UNCHECKED { return o == c ? v : o; });
}

}  // namespace cu

namespace cu {
CU_INLINE int width(int w = 32) { return w; }
constexpr int first_of(int bound, int = 0, int = 0) { return bound; }  // of __launch_bounds__
constexpr int first_of() { return 1024; }
}  // namespace cu
#define __shfl_sync(m, v, s, ...) \
  cu::shuffle(__LINE__, (m), (v), cu::from_index(cu::lane(), (s), cu::width(__VA_ARGS__)))
#define __shfl_down_sync(m, v, d, ...) \
  cu::shuffle(__LINE__, (m), (v), cu::from_above(cu::lane(), (d), cu::width(__VA_ARGS__)))
#define __shfl_up_sync(m, v, d, ...) \
  cu::shuffle(__LINE__, (m), (v), cu::from_below(cu::lane(), (d), cu::width(__VA_ARGS__)))
#define __shfl_xor_sync(m, v, d, ...) \
  cu::shuffle(__LINE__, (m), (v), cu::from_mask(cu::lane(), (d), cu::width(__VA_ARGS__)))
#define __activemask() cu::active(__LINE__)
#define __ballot_sync(m, p) cu::vote(__LINE__, (m), (p))
#define __any_sync(m, p) int(cu::vote(__LINE__, (m), (p)) != 0)
#define __all_sync(m, p) int(cu::vote(__LINE__, (m), !(p)) == 0)
#define __match_any_sync(m, v) cu::match_any(__LINE__, (m), (v))
#define __match_all_sync(m, v, p) cu::match_all(__LINE__, (m), (v), (p))
// Sums wrap, as on a device.
#define CU_REDUCED(m, v, RESULT) cu::reduced(__LINE__, (m), (v), [](auto a, auto b) { return decltype(a)(RESULT); })
#define __reduce_add_sync(m, v) CU_REDUCED(m, v, unsigned(a) + unsigned(b))
#define __reduce_min_sync(m, v) CU_REDUCED(m, v, b < a ? b : a)
#define __reduce_max_sync(m, v) CU_REDUCED(m, v, a < b ? b : a)
#define __reduce_and_sync(m, v) CU_REDUCED(m, v, a& b)
#define __reduce_or_sync(m, v) CU_REDUCED(m, v, a | b)
#define __reduce_xor_sync(m, v) CU_REDUCED(m, v, a ^ b)

#define atomicAdd(p, v) cu::atomic_add(__LINE__, (p), (v))
#define atomicSub(p, v) cu::atomic_sub(__LINE__, (p), (v))
#define atomicExch(p, v) cu::atomic_exch(__LINE__, (p), (v))
#define atomicMax(p, v) cu::atomic_max(__LINE__, (p), (v))
#define atomicMin(p, v) cu::atomic_min(__LINE__, (p), (v))
#define atomicAnd(p, v) cu::atomic_and(__LINE__, (p), (v))
#define atomicOr(p, v) cu::atomic_or(__LINE__, (p), (v))
#define atomicXor(p, v) cu::atomic_xor(__LINE__, (p), (v))
#define atomicInc(p, v) cu::atomic_inc(__LINE__, (p), (v))
#define atomicDec(p, v) cu::atomic_dec(__LINE__, (p), (v))
#define atomicCAS(p, c, v) cu::atomic_cas(__LINE__, (p), (c), (v))
// Narrower and wider scopes order memory no more than these do.
#define atomicAdd_block(p, v) atomicAdd(p, v)
#define atomicAdd_system(p, v) atomicAdd(p, v)
#define atomicSub_block(p, v) atomicSub(p, v)
#define atomicSub_system(p, v) atomicSub(p, v)
#define atomicExch_block(p, v) atomicExch(p, v)
#define atomicExch_system(p, v) atomicExch(p, v)
#define atomicMax_block(p, v) atomicMax(p, v)
#define atomicMax_system(p, v) atomicMax(p, v)
#define atomicMin_block(p, v) atomicMin(p, v)
#define atomicMin_system(p, v) atomicMin(p, v)
#define atomicAnd_block(p, v) atomicAnd(p, v)
#define atomicAnd_system(p, v) atomicAnd(p, v)
#define atomicOr_block(p, v) atomicOr(p, v)
#define atomicOr_system(p, v) atomicOr(p, v)
#define atomicXor_block(p, v) atomicXor(p, v)
#define atomicXor_system(p, v) atomicXor(p, v)
#define atomicInc_block(p, v) atomicInc(p, v)
#define atomicInc_system(p, v) atomicInc(p, v)
#define atomicDec_block(p, v) atomicDec(p, v)
#define atomicDec_system(p, v) atomicDec(p, v)
#define atomicCAS_block(p, c, v) atomicCAS(p, c, v)
#define atomicCAS_system(p, c, v) atomicCAS(p, c, v)

namespace cu {
CU_UNCHECKED static void* copy(int line, void* to, const void* from, size_t size) {
  cu_copy_check(from, size, 0, line);
  cu_copy_check(to, size, 1, line);
  return __builtin_memcpy(to, from, size);
}
CU_UNCHECKED static void* fill(int line, void* to, int byte, size_t size) {
  cu_copy_check(to, size, 1, line);
  return __builtin_memset(to, byte, size);
}
}  // namespace cu
#define memcpy(to, from, size) cu::copy(__LINE__, (to), (from), (size))
#define memset(to, byte, size) cu::fill(__LINE__, (to), (byte), (size))

// What a kernel prints is dropped, as what its program prints is.
template <class... A> CU_INLINE int printf(const char*, A...) { return 0; }
#define assert(condition) ((condition) ? (void)0 : cu_stopped("the assertion '" #condition "' fails", __LINE__))
#define __trap() cu_stopped("the kernel stops itself by __trap()", __LINE__)

// A clock that goes on as threads take steps.
using clock_t = long;
#define clock64() cu_clock()
#define clock() clock_t(cu_clock())
#define __nanosleep(nanoseconds) ((void)(nanoseconds))
