// cuda_fp16.h in software: storage and conversions, round to nearest even.
#pragma once

#ifdef CU_MODULAR
using __half = cu::modular<unsigned short>;
using half = __half;
#else
namespace cu {
CU_INLINE unsigned bits_of(float a) {
  unsigned b;
  __builtin_memcpy(&b, &a, 4);
  return b;
}
CU_INLINE float float_of(unsigned b) {
  float a;
  __builtin_memcpy(&a, &b, 4);
  return a;
}

static inline unsigned short to_half(float value) {
  unsigned b = bits_of(value), sign = b >> 16 & 0x8000u, magnitude = b & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return (unsigned short)(sign | 0x7e00u);
  if (magnitude >= 0x477ff000u) return (unsigned short)(sign | 0x7c00u);
  if (magnitude < 0x38800000u) {  // subnormal: adding 0.5 lets the float adder round at 2^-24
    unsigned rounded = bits_of(float_of(magnitude) + 0.5f) - 0x3f000000u;
    return (unsigned short)(sign | rounded);
  }
  magnitude += 0xfffu + (magnitude >> 13 & 1u);
  return (unsigned short)(sign | ((magnitude - 0x38000000u) >> 13));
}
static inline float from_half(unsigned short h) {
  unsigned sign = unsigned(h & 0x8000u) << 16, exponent = h >> 10 & 31u, fraction = h & 0x3ffu;
  if (exponent == 31) return float_of(sign | 0x7f800000u | fraction << 13);
  if (exponent) return float_of(sign | (exponent + 112) << 23 | fraction << 13);
  float magnitude = float(fraction) * 0x1p-24f;
  return sign ? -magnitude : magnitude;
}
}  // namespace cu

struct __half {
  unsigned short bits;
  constexpr __half() : bits(0x7e5a) {}  // a NaN, and constant: g++ then needs no guard for a shared array
  CU_MEMBER __half(float a) : bits(cu::to_half(a)) {}
  CU_MEMBER __half(double a) : bits(cu::to_half(float(a))) {}
  CU_MEMBER __half(int a) : bits(cu::to_half(float(a))) {}
  CU_MEMBER operator float() const { return cu::from_half(bits); }
  CU_MEMBER __half& operator+=(__half b) { return *this = __half(float(*this) + float(b)); }
  CU_MEMBER __half& operator-=(__half b) { return *this = __half(float(*this) - float(b)); }
  CU_MEMBER __half& operator*=(__half b) { return *this = __half(float(*this) * float(b)); }
  CU_MEMBER __half& operator/=(__half b) { return *this = __half(float(*this) / float(b)); }
};
using half = __half;
CU_INLINE half operator+(half a, half b) { return half(float(a) + float(b)); }
CU_INLINE half operator-(half a, half b) { return half(float(a) - float(b)); }
CU_INLINE half operator*(half a, half b) { return half(float(a) * float(b)); }
CU_INLINE half operator/(half a, half b) { return half(float(a) / float(b)); }
#endif

struct alignas(4) __half2 {
  half x, y;
  CU_COPIES2(__half2, half)
};
using half2 = __half2;
CU_INLINE CU_REAL __half2float(half a) { return CU_REAL(a); }
CU_INLINE half __float2half(CU_REAL a) { return half(a); }
CU_INLINE half __float2half_rn(CU_REAL a) { return half(a); }
CU_INLINE half __hadd(half a, half b) { return a + b; }
CU_INLINE half __hsub(half a, half b) { return a - b; }
CU_INLINE half __hmul(half a, half b) { return a * b; }
CU_INLINE half __hfma(half a, half b, half c) { return half(fmaf(CU_REAL(a), CU_REAL(b), CU_REAL(c))); }
CU_INLINE half2 make_half2(half x, half y) { return {x, y}; }
CU_INLINE half2 __halves2half2(half x, half y) { return {x, y}; }
CU_INLINE half2 __floats2half2_rn(CU_REAL x, CU_REAL y) { return {half(x), half(y)}; }
CU_INLINE float2 __half22float2(half2 a) { return {CU_REAL(a.x), CU_REAL(a.y)}; }
CU_INLINE half2 __half2half2(half a) { return {a, a}; }
CU_INLINE half2 __float2half2_rn(CU_REAL a) { return {half(a), half(a)}; }
CU_INLINE half2 __float22half2_rn(float2 a) { return {half(a.x), half(a.y)}; }
CU_INLINE half __low2half(half2 a) { return a.x; }
CU_INLINE half __high2half(half2 a) { return a.y; }
CU_INLINE CU_REAL __low2float(half2 a) { return CU_REAL(a.x); }
CU_INLINE CU_REAL __high2float(half2 a) { return CU_REAL(a.y); }
CU_INLINE half2 __hadd2(half2 a, half2 b) { return {a.x + b.x, a.y + b.y}; }
CU_INLINE half2 __hsub2(half2 a, half2 b) { return {a.x - b.x, a.y - b.y}; }
CU_INLINE half2 __hmul2(half2 a, half2 b) { return {a.x * b.x, a.y * b.y}; }
CU_INLINE half2 __hfma2(half2 a, half2 b, half2 c) { return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)}; }
CU_INLINE half2 operator+(half2 a, half2 b) { return __hadd2(a, b); }
CU_INLINE half2 operator-(half2 a, half2 b) { return __hsub2(a, b); }
CU_INLINE half2 operator*(half2 a, half2 b) { return __hmul2(a, b); }
