// float16 as it is stored: the two conversions of cuda_fp16.h, as the instructions that they are there.
struct __half {
  unsigned short bits;
  __device__ __half& operator=(float value) {
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return *this;
  }
  __device__ operator float() const {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
  }
};
