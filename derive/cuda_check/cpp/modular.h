// Exact mode: an element is a residue modulo cu_builtin.prime, which is 2^61 - 1 or below 2^32. No order, no
// rounding. What takes elements by value is always inlined: reads of them are seen where it is called.
#pragma once

namespace cu {

using Word = unsigned long;
constexpr Word MERSENNE = (1ul << 61) - 1;

static inline Word add(Word a, Word b) {
  Word s = a + b;
  return s >= cu_builtin.prime ? s - cu_builtin.prime : s;
}
static inline Word subtract(Word a, Word b) { return a >= b ? a - b : a + cu_builtin.prime - b; }
static inline Word multiply(Word a, Word b) {
  if (cu_builtin.prime != MERSENNE) return a * b % cu_builtin.prime;
  unsigned __int128 product = (unsigned __int128)a * b;
  Word folded = Word(product & MERSENNE) + Word(product >> 61);
  return folded >= MERSENNE ? folded - MERSENNE : folded;
}
static inline Word power(Word base, Word exponent) {
  Word result = 1;
  for (; exponent; exponent >>= 1, base = multiply(base, base))
    if (exponent & 1) result = multiply(result, base);
  return result;
}
static inline Word inverse(Word a) { return power(a, cu_builtin.prime - 2); }
template <class I> static inline Word reduce(I value) {
  if (value >= 0) return Word(value) % cu_builtin.prime;
  Word rest = (Word(-(value + 1)) + 1) % cu_builtin.prime;
  return rest ? cu_builtin.prime - rest : 0;
}

template <bool> struct Only {};
template <> struct Only<true> {
  using type = int;
};
template <class I> struct Integer {
  static constexpr bool value = false;
};
#define CU_INTEGER(T)                   \
  template <> struct Integer<T> {       \
    static constexpr bool value = true; \
  };
CU_INTEGER(bool)
CU_INTEGER(char)
CU_INTEGER(signed char)
CU_INTEGER(unsigned char) CU_INTEGER(short) CU_INTEGER(unsigned short) CU_INTEGER(int) CU_INTEGER(unsigned)
    CU_INTEGER(long) CU_INTEGER(unsigned long) CU_INTEGER(long long) CU_INTEGER(unsigned long long)

    // A floating literal of the source: an exact rational, of no particular width.
    struct Constant {
  Word v;
  CU_MEMBER Constant(Word residue, bool) : v(residue) {}
  template <class I, typename Only<Integer<I>::value>::type = 0> CU_MEMBER Constant(I i) : v(reduce(i)) {}
  CU_MEMBER friend Constant operator+(Constant a, Constant b) { return {add(a.v, b.v), true}; }
  CU_MEMBER friend Constant operator-(Constant a, Constant b) { return {subtract(a.v, b.v), true}; }
  CU_MEMBER friend Constant operator*(Constant a, Constant b) { return {multiply(a.v, b.v), true}; }
  CU_MEMBER friend Constant operator/(Constant a, Constant b) { return {multiply(a.v, inverse(b.v)), true}; }
  CU_MEMBER friend Constant operator-(Constant a) { return {subtract(0, a.v), true}; }
  CU_MEMBER friend Constant operator+(Constant a) { return a; }
};

// digits · base^exponent
template <Word digits, Word base, int exponent> static inline Constant literal() {
  if (!digits || !exponent) return {digits % cu_builtin.prime, true};
  Word scale = power(base, exponent < 0 ? -exponent : exponent);
  return {multiply(digits % cu_builtin.prime, exponent < 0 ? inverse(scale) : scale), true};
}

template <class S> struct modular {
  S v;
  CU_MEMBER constexpr modular()
      : v(S(0x5a5a5a5a)) {}  // constant, so that g++ needs no guard for a shared array; no zero, to be seen
  CU_MEMBER modular(Constant c) : v(S(c.v)) {}
  modular(float) = delete;
  modular(double) = delete;
  template <class I, typename Only<Integer<I>::value>::type = 0> CU_MEMBER modular(I i) : v(S(reduce(i))) {}
  template <class T> CU_MEMBER modular(modular<T> other) : v(S(other.v)) {}
  CU_MEMBER static modular of(Word residue) {
    modular m;
    m.v = S(residue);
    return m;
  }
  CU_MEMBER friend modular operator+(modular a, modular b) { return of(add(a.v, b.v)); }
  CU_MEMBER friend modular operator-(modular a, modular b) { return of(subtract(a.v, b.v)); }
  CU_MEMBER friend modular operator*(modular a, modular b) { return of(multiply(a.v, b.v)); }
  CU_MEMBER friend modular operator/(modular a, modular b) { return of(multiply(a.v, inverse(b.v))); }
  CU_MEMBER friend modular operator-(modular a) { return of(subtract(0, a.v)); }
  CU_MEMBER friend modular operator+(modular a) { return a; }
  CU_MEMBER friend bool operator==(modular a, modular b) { return a.v == b.v; }
  CU_MEMBER friend bool operator!=(modular a, modular b) { return a.v != b.v; }
  CU_MEMBER modular& operator+=(modular b) { return *this = *this + b; }
  CU_MEMBER modular& operator-=(modular b) { return *this = *this - b; }
  CU_MEMBER modular& operator*=(modular b) { return *this = *this * b; }
  CU_MEMBER modular& operator/=(modular b) { return *this = *this / b; }
};

template <bool first, class A, class B> struct Pick {
  using type = A;
};
template <class A, class B> struct Pick<false, A, B> {
  using type = B;
};
template <class A, class B> using Wider = modular<typename Pick<(sizeof(A) > sizeof(B)), A, B>::type>;
#define CU_MIXED(op)                                                           \
  template <class A, class B, typename Only<sizeof(A) != sizeof(B)>::type = 0> \
  CU_INLINE Wider<A, B> operator op(modular<A> a, modular<B> b) {          \
    return Wider<A, B>(a) op Wider<A, B>(b);                                   \
  }
CU_MIXED(+) CU_MIXED(-) CU_MIXED(*) CU_MIXED(/)

}  // namespace cu
