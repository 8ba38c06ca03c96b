// The table of kernels that the loader reads: parameter kinds by deduction, so typedefs and -D options need
// no parsing.
#pragma once
#include "interface.h"

namespace cu {

template <class T> struct Type {
  static constexpr char kind = 'V';
};  // a struct: any bytes
#define CU_KIND(T, K)               \
  template <> struct Type<T> {      \
    static constexpr char kind = K; \
  };
CU_KIND(bool, 'b')
CU_KIND(char, 'i')
CU_KIND(signed char, 'i')
CU_KIND(short, 'i') CU_KIND(int, 'i') CU_KIND(long, 'i') CU_KIND(long long, 'i') CU_KIND(unsigned char, 'u')
    CU_KIND(unsigned short, 'u') CU_KIND(unsigned, 'u') CU_KIND(unsigned long, 'u')
        CU_KIND(unsigned long long, 'u') CU_KIND(float, 'f') CU_KIND(double, 'f') CU_KIND(float2, 'f')
            CU_KIND(float4, 'f') CU_KIND(double2, 'f')
#ifdef CU_MODULAR
                template <class S>
                struct Type<modular<S>> {
  static constexpr char kind = 'f';
};
#else
CU_KIND(half, 'f')
#endif

template <class T> struct Scalar {
  static constexpr unsigned size = sizeof(T);
};
template <> struct Scalar<void> {
  static constexpr unsigned size = 0;
};
template <> struct Type<void> {
  static constexpr char kind = 'V';
};
// A vector pointer takes an array of its elements.
#define CU_ELEMENT(V, T)                        \
  template <> struct Scalar<V> {                \
    static constexpr unsigned size = sizeof(T); \
  };
CU_ELEMENT(float2, float)
CU_ELEMENT(float4, float)
CU_ELEMENT(double2, double)

template <class T> struct Describe {
  static constexpr Parameter value = {Type<T>::kind, false, false, sizeof(T)};
};
template <class T> struct Describe<T*> {
  static constexpr Parameter value = {Type<T>::kind, true, true, Scalar<T>::size};
};
template <class T> struct Describe<const T*> {
  static constexpr Parameter value = {Type<T>::kind, true, false, Scalar<T>::size};
};
template <class T> struct Describe<T* __restrict> : Describe<T*> {};
template <class T> struct Describe<const T* __restrict> : Describe<const T*> {};

template <int... I> struct Indices {};
template <int N, int... I> struct Count : Count<N - 1, N - 1, I...> {};
template <int... I> struct Count<0, I...> {
  using type = Indices<I...>;
};
template <class T> struct Value {
  T value;
};

template <auto function> struct Entry;
template <class... A, void (*function)(A...)> struct Entry<function> {
  static constexpr int count = sizeof...(A);
  static constexpr Parameter parameters[] = {Describe<A>::value..., Parameter{}};
  template <int... I> CU_UNCHECKED static void call(void** values, Indices<I...>) {
    function(((Value<A>*)values[I])->value...);
  }
  CU_UNCHECKED static void run(void** values) { call(values, typename Count<sizeof...(A)>::type{}); }
};

}  // namespace cu

#define CU_ENTRY(id, kernel, bound) \
  {id, cu::Entry<kernel>::run, cu::Entry<kernel>::count, cu::Entry<kernel>::parameters, bound}
