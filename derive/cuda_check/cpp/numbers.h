// Vector types and the mathematical functions of CUDA's device library.
#pragma once

// An optimiser may split the copy of a vector into its elements. Where accesses are checked, the copy is one
// access.
#ifdef CU_CHECKED
extern "C" void cu_vector(void* to, const void* from, unsigned size, int line);
namespace cu {
template <class T> constexpr T unset() { return T(0x5a5a5a5a); }
}  // namespace cu
#define CU_COPIES(N)                                                              \
  __attribute__((always_inline)) N(const N& other, int line = __builtin_LINE()) { \
    cu_vector(this, &other, sizeof(N), line);                                     \
  }                                                                               \
  __attribute__((always_inline)) N& operator=(const N& other) {                   \
    return cu_vector(this, &other, sizeof(N), 0), *this;                          \
  }
#define CU_COPIES2(N, T)                                  \
  constexpr N() : x(cu::unset<T>()), y(cu::unset<T>()) {} \
  constexpr N(T a, T b = T(0)) : x(a), y(b) {}            \
  CU_COPIES(N)
#define CU_COPIES4(N, T)                                                                        \
  constexpr N() : x(cu::unset<T>()), y(cu::unset<T>()), z(cu::unset<T>()), w(cu::unset<T>()) {} \
  constexpr N(T a, T b = T(0), T c = T(0), T d = T(0)) : x(a), y(b), z(c), w(d) {}              \
  CU_COPIES(N)
#else
#define CU_COPIES2(N, T)
#define CU_COPIES4(N, T)
#endif

#define CU_VECTORS(T, N, A2, A4)                                      \
  struct N##1 { T x; };                                               \
  struct alignas(A2) N##2 {                                           \
    T x, y;                                                           \
    CU_COPIES2(N##2, T)                                               \
  };                                                                  \
  struct N##3 { T x, y, z; };                                         \
  struct alignas(A4) N##4 {                                           \
    T x, y, z, w;                                                     \
    CU_COPIES4(N##4, T)                                               \
  };                                                                  \
  CU_INLINE N##1 make_##N##1(T x) { return {x}; }                 \
  CU_INLINE N##2 make_##N##2(T x, T y) { return {x, y}; }         \
  CU_INLINE N##3 make_##N##3(T x, T y, T z) { return {x, y, z}; } \
  CU_INLINE N##4 make_##N##4(T x, T y, T z, T w) { return {x, y, z, w}; }

using cu_schar = signed char;
using cu_uchar = unsigned char;
using cu_ushort = unsigned short;
using cu_longlong = long long;
using cu_ulonglong = unsigned long long;
CU_VECTORS(cu_schar, char, 2, 4)
CU_VECTORS(cu_uchar, uchar, 2, 4)
CU_VECTORS(short, short, 4, 8)
CU_VECTORS(cu_ushort, ushort, 4, 8)
CU_VECTORS(int, int, 8, 16)
CU_VECTORS(cu_longlong, longlong, 16, 16)
CU_VECTORS(cu_ulonglong, ulonglong, 16, 16)
struct uint1 {
  unsigned x;
};
struct alignas(8) uint2 {
  unsigned x, y;
  CU_COPIES2(uint2, unsigned)
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
  CU_COPIES4(uint4, unsigned)
};
CU_INLINE uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
CU_INLINE uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }
CU_INLINE uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

template <class A, class B> CU_INLINE auto min(A a, B b) -> decltype(a + b) {
  decltype(a + b) p = a, q = b;
  return q < p ? q : p;
}
template <class A, class B> CU_INLINE auto max(A a, B b) -> decltype(a + b) {
  decltype(a + b) p = a, q = b;
  return p < q ? q : p;
}
CU_INLINE int abs(int a) { return int(a < 0 ? 0u - unsigned(a) : unsigned(a)); }  // wraps, as on a device
CU_INLINE long long abs(long long a) {
  return cu_longlong(a < 0 ? 0ull - cu_ulonglong(a) : cu_ulonglong(a));
}
CU_INLINE long long llabs(long long a) { return abs(a); }
CU_INLINE int __popc(unsigned a) { return __builtin_popcount(a); }
CU_INLINE int __clz(int a) { return a ? __builtin_clz(unsigned(a)) : 32; }
CU_INLINE int __ffs(int a) { return __builtin_ffs(a); }
CU_INLINE int __popcll(cu_ulonglong a) { return __builtin_popcountll(a); }
CU_INLINE int __clzll(long long a) { return a ? __builtin_clzll(cu_ulonglong(a)) : 64; }
CU_INLINE int __ffsll(long long a) { return __builtin_ffsll(a); }
CU_INLINE unsigned __brev(unsigned a) {
  unsigned b = 0;
  for (int i = 0; i < 32; ++i) b |= ((a >> i) & 1u) << (31 - i);
  return b;
}
CU_INLINE int __mul24(int a, int b) { return int((unsigned(a << 8) >> 8) * (unsigned(b << 8) >> 8)); }
CU_INLINE unsigned __umulhi(unsigned a, unsigned b) { return unsigned((cu_ulonglong(a) * b) >> 32); }
CU_INLINE int __mulhi(int a, int b) { return int((cu_longlong(a) * b) >> 32); }
CU_INLINE unsigned __umul24(unsigned a, unsigned b) { return (a & 0xffffffu) * (b & 0xffffffu); }
CU_INLINE long long __mul64hi(long long a, long long b) { return (long long)((__int128(a) * b) >> 64); }
CU_INLINE cu_ulonglong __umul64hi(cu_ulonglong a, cu_ulonglong b) {
  return cu_ulonglong((static_cast<unsigned __int128>(a) * b) >> 64);
}
CU_INLINE cu_ulonglong __brevll(cu_ulonglong a) {
  return cu_ulonglong(__brev(unsigned(a))) << 32 | __brev(unsigned(a >> 32));
}
CU_INLINE unsigned __funnelshift_l(unsigned low, unsigned high, unsigned by) {
  return unsigned((cu_ulonglong(high) << 32 | low) << (by & 31u) >> 32);
}
CU_INLINE unsigned __funnelshift_r(unsigned low, unsigned high, unsigned by) {
  return unsigned((cu_ulonglong(high) << 32 | low) >> (by & 31u));
}
CU_INLINE unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
  const cu_ulonglong bytes = cu_ulonglong(b) << 32 | a;
  unsigned picked = 0;
  for (int i = 0; i < 4; ++i) {
    unsigned byte = unsigned(bytes >> 8 * (selector >> 4 * i & 7u)) & 0xffu;
    if (selector >> 4 * i & 8u) byte = byte & 0x80u ? 0xffu : 0u;
    picked |= byte << 8 * i;
  }
  return picked;
}
CU_INLINE unsigned __usad(unsigned a, unsigned b, unsigned c) { return (a < b ? b - a : a - b) + c; }
CU_INLINE unsigned __sad(int a, int b, unsigned c) {
  return (a < b ? unsigned(b) - unsigned(a) : unsigned(a) - unsigned(b)) + c;
}
CU_INLINE int __dp4a(int a, int b, int c) {
  unsigned sum = unsigned(c);
  for (int i = 0; i < 32; i += 8) sum += unsigned(int(cu_schar(a >> i)) * int(cu_schar(b >> i)));
  return int(sum);
}
CU_INLINE unsigned __dp4a(unsigned a, unsigned b, unsigned c) {
  for (int i = 0; i < 32; i += 8) c += (a >> i & 0xffu) * (b >> i & 0xffu);
  return c;
}

#ifndef CU_MODULAR
CU_VECTORS(float, float, 8, 16)
CU_VECTORS(double, double, 16, 16)
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")

#define CU_MATH1(F)                                                 \
  CU_INLINE float F##f(float a) { return __builtin_##F##f(a); } \
  CU_INLINE double F(double a) { return __builtin_##F(a); }     \
  CU_INLINE float F(float a) { return __builtin_##F##f(a); }
#define CU_MATH2(F)                                                             \
  CU_INLINE float F##f(float a, float b) { return __builtin_##F##f(a, b); } \
  CU_INLINE double F(double a, double b) { return __builtin_##F(a, b); }
CU_MATH1(sqrt)
CU_MATH1(fabs)
CU_MATH1(floor)
CU_MATH1(ceil) CU_MATH1(trunc) CU_MATH1(round) CU_MATH1(rint) CU_MATH1(exp) CU_MATH1(exp2) CU_MATH1(log)
    CU_MATH1(log2) CU_MATH1(log10) CU_MATH1(log1p) CU_MATH1(expm1) CU_MATH1(cbrt) CU_MATH1(asin) CU_MATH1(acos)
        CU_MATH1(atan) CU_MATH1(sinh) CU_MATH1(cosh) CU_MATH1(asinh) CU_MATH1(acosh) CU_MATH1(atanh) CU_MATH1(erfc)
            CU_MATH1(lgamma) CU_MATH1(tgamma) CU_MATH1(nearbyint) CU_MATH2(fdim) CU_MATH2(remainder) CU_MATH1(sin) CU_MATH1(cos) CU_MATH1(tan) CU_MATH1(tanh) CU_MATH1(erf) CU_MATH2(fmin)
        CU_MATH2(fmax) CU_MATH2(pow) CU_MATH2(fmod) CU_MATH2(atan2) CU_MATH2(hypot)
            CU_MATH2(copysign) CU_INLINE float fmaf(float a, float b, float c) {
  return __builtin_fmaf(a, b, c);
}
CU_INLINE double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
CU_INLINE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
CU_INLINE float min(float a, float b) { return __builtin_fminf(a, b); }
CU_INLINE float max(float a, float b) { return __builtin_fmaxf(a, b); }
CU_INLINE double min(double a, double b) { return __builtin_fmin(a, b); }
CU_INLINE double max(double a, double b) { return __builtin_fmax(a, b); }
CU_INLINE float abs(float a) { return __builtin_fabsf(a); }
CU_INLINE double abs(double a) { return __builtin_fabs(a); }
CU_INLINE float rsqrtf(float a) { return 1.f / __builtin_sqrtf(a); }
CU_INLINE double rsqrt(double a) { return 1. / __builtin_sqrt(a); }
CU_INLINE float __expf(float a) { return __builtin_expf(a); }
CU_INLINE float __logf(float a) { return __builtin_logf(a); }
CU_INLINE float __sinf(float a) { return __builtin_sinf(a); }
CU_INLINE float __cosf(float a) { return __builtin_cosf(a); }
CU_INLINE float __powf(float a, float b) { return __builtin_powf(a, b); }
CU_INLINE bool isnan(double a) { return a != a; }
CU_INLINE bool isinf(double a) { return __builtin_isinf(a); }
CU_INLINE bool isfinite(double a) { return __builtin_isfinite(a); }
// Conversions to whole numbers stop at the ends of their type, and take NaN to 0, as on a device.
namespace cu {
template <class T> CU_INLINE T whole(double a) {
  constexpr T high = T(~T(0)) < T(0) ? T((~0ull) >> (65 - 8 * sizeof(T))) : T(~T(0)), low = T(~high) < high ? T(~high) : T(0);
  if (a != a) return T(0);
  return a >= double(high) ? high : a <= double(low) ? low : T(a);
}
}  // namespace cu
#define CU_WHOLE(FROM, NAME, T)                                                                  \
  CU_INLINE T __##NAME##_rn(FROM a) { return cu::whole<T>(__builtin_rint(double(a))); }      \
  CU_INLINE T __##NAME##_rz(FROM a) { return cu::whole<T>(__builtin_trunc(double(a))); }     \
  CU_INLINE T __##NAME##_ru(FROM a) { return cu::whole<T>(__builtin_ceil(double(a))); }      \
  CU_INLINE T __##NAME##_rd(FROM a) { return cu::whole<T>(__builtin_floor(double(a))); }
CU_WHOLE(float, float2int, int)
CU_WHOLE(float, float2uint, unsigned)
CU_WHOLE(float, float2ll, cu_longlong)
CU_WHOLE(float, float2ull, cu_ulonglong)
CU_WHOLE(double, double2int, int)
CU_WHOLE(double, double2uint, unsigned)
CU_WHOLE(double, double2ll, cu_longlong)
CU_WHOLE(double, double2ull, cu_ulonglong)
CU_INLINE float __int2float_rn(int a) { return float(a); }
CU_INLINE float __uint2float_rn(unsigned a) { return float(a); }
CU_INLINE float __ll2float_rn(cu_longlong a) { return float(a); }
CU_INLINE float __ull2float_rn(cu_ulonglong a) { return float(a); }
CU_INLINE double __int2double_rn(int a) { return double(a); }
CU_INLINE double __uint2double_rn(unsigned a) { return double(a); }
CU_INLINE double __ll2double_rn(cu_longlong a) { return double(a); }
CU_INLINE double __ull2double_rn(cu_ulonglong a) { return double(a); }
CU_INLINE float __double2float_rn(double a) { return float(a); }
#define CU_AS(NAME, FROM, TO)           \
  CU_INLINE TO __##NAME(FROM a) {   \
    TO b;                               \
    __builtin_memcpy(&b, &a, sizeof b); \
    return b;                           \
  }
CU_AS(float_as_int, float, int)
CU_AS(int_as_float, int, float)
CU_AS(float_as_uint, float, unsigned)
CU_AS(uint_as_float, unsigned, float)
CU_AS(double_as_longlong, double, cu_longlong)
CU_AS(longlong_as_double, cu_longlong, double)
CU_INLINE float __tanf(float a) { return __builtin_tanf(a); }
CU_INLINE float __log2f(float a) { return __builtin_log2f(a); }
CU_INLINE float __log10f(float a) { return __builtin_log10f(a); }
CU_INLINE float __exp10f(float a) { return __builtin_powf(10.f, a); }
CU_INLINE float exp10f(float a) { return __builtin_powf(10.f, a); }
CU_INLINE float sinpif(float a) { return __builtin_sin(3.14159265358979323846 * a); }
CU_INLINE float cospif(float a) { return __builtin_cos(3.14159265358979323846 * a); }
CU_INLINE void sincosf(float a, float* s, float* c) { *s = __builtin_sinf(a), *c = __builtin_cosf(a); }
CU_INLINE void sincos(double a, double* s, double* c) { *s = __builtin_sin(a), *c = __builtin_cos(a); }
CU_INLINE void __sincosf(float a, float* s, float* c) { sincosf(a, s, c); }
CU_INLINE float __saturatef(float a) { return a > 0.f ? (a < 1.f ? a : 1.f) : 0.f; }
CU_INLINE float __fsqrt_rn(float a) { return __builtin_sqrtf(a); }
CU_INLINE float __frsqrt_rn(float a) { return 1.f / __builtin_sqrtf(a); }
CU_INLINE double __dsqrt_rn(double a) { return __builtin_sqrt(a); }
CU_INLINE float rcbrtf(float a) { return 1.f / __builtin_cbrtf(a); }
CU_INLINE float ldexpf(float a, int by) { return __builtin_ldexpf(a, by); }
CU_INLINE double ldexp(double a, int by) { return __builtin_ldexp(a, by); }
CU_INLINE long lrintf(float a) { return __builtin_lrintf(a); }
CU_INLINE long lroundf(float a) { return __builtin_lroundf(a); }
CU_INLINE bool signbit(double a) { return __builtin_signbit(a); }
#define CU_REAL float
#else
#include "modular.h"
#define CU_REAL cu::modular<unsigned>
CU_INLINE CU_REAL fmaf(CU_REAL a, CU_REAL b, CU_REAL c) { return a * b + c; }
template <class A, class B, class C> CU_INLINE auto fma(A a, B b, C c) { return a * b + c; }
CU_VECTORS(cu::modular<unsigned>, float, 8, 16)
CU_VECTORS(cu::modular<unsigned long>, double, 16, 16)
#endif

CU_INLINE CU_REAL __fmaf_rn(CU_REAL a, CU_REAL b, CU_REAL c) { return fmaf(a, b, c); }
CU_INLINE CU_REAL __fadd_rn(CU_REAL a, CU_REAL b) { return a + b; }
CU_INLINE CU_REAL __fsub_rn(CU_REAL a, CU_REAL b) { return a - b; }
CU_INLINE CU_REAL __fmul_rn(CU_REAL a, CU_REAL b) { return a * b; }
CU_INLINE CU_REAL __fdiv_rn(CU_REAL a, CU_REAL b) { return a / b; }
CU_INLINE CU_REAL __fdividef(CU_REAL a, CU_REAL b) { return a / b; }
CU_INLINE CU_REAL __frcp_rn(CU_REAL a) { return CU_REAL(1) / a; }
