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
        CU_KIND(unsigned long long, 'u') CU_KIND(float, 'f') CU_KIND(double, 'f')
#ifdef CU_MODULAR
                template <class S>
                struct Type<modular<S>> {
  static constexpr char kind = 'f';
};
#else
CU_KIND(half, 'f')
#endif

template <> struct Type<void> {
  static constexpr char kind = 'V';
};

// What an array has that a pointer takes: for a vector its elements, for void anything.
template <class T> struct Element {
  static constexpr char kind = Type<T>::kind;
  static constexpr unsigned size = sizeof(T);
};
template <> struct Element<void> {
  static constexpr char kind = 'V';
  static constexpr unsigned size = 0;
};
#define CU_VECTOR(V) \
  template <> struct Element<V> : Element<decltype(V::x)> {};
#define CU_VECTORS_OF(N) CU_VECTOR(N##1) CU_VECTOR(N##2) CU_VECTOR(N##3) CU_VECTOR(N##4)
CU_VECTORS_OF(char)
CU_VECTORS_OF(uchar)
CU_VECTORS_OF(short)
CU_VECTORS_OF(ushort)
CU_VECTORS_OF(int)
CU_VECTORS_OF(uint)
CU_VECTORS_OF(longlong)
CU_VECTORS_OF(ulonglong)
CU_VECTORS_OF(float)
CU_VECTORS_OF(double)
CU_VECTOR(half2)

template <class T> struct Describe {
  static constexpr Parameter value = {Type<T>::kind, false, false, sizeof(T)};
};
template <class T> struct Describe<T*> {
  static constexpr Parameter value = {Element<T>::kind, true, true, Element<T>::size};
};
template <class T> struct Describe<const T*> {
  static constexpr Parameter value = {Element<T>::kind, true, false, Element<T>::size};
};
template <class T> struct Describe<T* __restrict> : Describe<T*> {};
template <class T> struct Describe<const T* __restrict> : Describe<const T*> {};

template <int... I> struct Indices {};
template <int N, int... I> struct Count : Count<N - 1, N - 1, I...> {};
template <int... I> struct Count<0, I...> {
  using type = Indices<I...>;
};
// An argument, on the stack of whoever calls the kernel: to copy a vector from there is no access to memory.
template <class T> struct Given {
  alignas(T) char bytes[sizeof(T)];
  CU_UNCHECKED explicit Given(const void* from) { __builtin_memcpy(bytes, from, sizeof(T)); }
};

template <auto function> struct Entry;
template <class... A, void (*function)(A...)> struct Entry<function> {
  static constexpr int count = sizeof...(A);
  static constexpr Parameter parameters[] = {Describe<A>::value..., Parameter{}};
  template <int... I> CU_UNCHECKED static void call(void** values, Indices<I...>) {
    function(*(A*)Given<A>(values[I]).bytes...);
  }
  CU_UNCHECKED static void run(void** values) { call(values, typename Count<sizeof...(A)>::type{}); }
};

}  // namespace cu

#define CU_ENTRY(id, kernel, bound) \
  {id, cu::Entry<kernel>::run, cu::Entry<kernel>::count, cu::Entry<kernel>::parameters, bound}
