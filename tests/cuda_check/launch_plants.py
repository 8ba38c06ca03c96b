"""Arguments of the wrong type and launches beyond what a device takes; no thread runs, so no line of the kernel is to blame."""

from typing import Any

from derive.cuda_check import FaultKind
from tests.cuda_check.plant import N, Plant, floats

SCALE = """
extern "C" __global__ void k(const float* X, float* H, float u, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) H[i] = u * X[i];
}"""


def scaled(cupy: Any, **changed: Any) -> tuple[Any, ...]:
    right = {"X": floats(cupy), "H": cupy.zeros(N, cupy.float32), "u": cupy.float32(2), "n": cupy.int32(N)}
    return tuple((right | changed).values())


LAUNCH_PLANTS = (
    Plant(
        "a Python integer for a 32-bit size",
        FaultKind.ARGUMENTS,
        SCALE,
        ("int n", "long long n"),
        arguments=lambda cupy: scaled(cupy, n=N),
        argument="n",
        says="'n' is int32 and gets int64",
    ),
    Plant(
        "a Python float for a float",
        FaultKind.ARGUMENTS,
        SCALE,
        ("float u", "double u"),
        arguments=lambda cupy: scaled(cupy, u=2.0),
        argument="u",
        says="'u' is float32 and gets float64",
    ),
    Plant(
        "an array of doubles for floats",
        FaultKind.ARGUMENTS,
        SCALE,
        ("const float* X", "const double* X"),
        arguments=lambda cupy: scaled(cupy, X=cupy.zeros(N, cupy.float64)),
        argument="X",
        says="'X' is float32* and gets float64",
    ),
    Plant(
        "an array of halves for floats",
        FaultKind.ARGUMENTS,
        "#include <cuda_fp16.h>\n" + SCALE.replace("u * X[i]", "u * (float)X[i]"),
        ("const float* X", "const half* X"),
        arguments=lambda cupy: scaled(cupy, X=cupy.zeros(N, cupy.float16)),
        argument="X",
        says="'X' is float32* and gets float16",
    ),
    Plant(
        "an argument too few",
        FaultKind.ARGUMENTS,
        SCALE,
        (", int n) {", ") {\n  const int n = 100;"),
        arguments=lambda cupy: scaled(cupy)[:3],
        says="it has 4 parameters and gets 3 arguments",
    ),
    Plant(
        "more threads than the kernel was compiled for",
        FaultKind.LAUNCH,
        """
extern "C" __global__ void __launch_bounds__(64) k(const float* X, float* H, int n) {
  if (blockIdx.x == 0 && threadIdx.x < n) H[threadIdx.x] = X[threadIdx.x];
}""",
        ("(64)", "(128)"),
        block=(128,),
        says="the block (128, 1, 1) has 128 threads, where at most 64 are allowed",
    ),
    Plant(
        "more static shared memory than a block may have",
        FaultKind.LAUNCH,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  __shared__ float tile[4][3073];
  tile[threadIdx.x % 4][threadIdx.x] = X[threadIdx.x];
  __syncthreads();
  if (blockIdx.x == 0) H[threadIdx.x] = tile[threadIdx.x % 4][threadIdx.x];
}""",
        ("[3073]", "[3072]"),
        says="its shared arrays take 49168 bytes, where at most 49152 are allowed",
    ),
    Plant(
        "shared arrays with a gap between them",
        FaultKind.LAUNCH,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  __shared__ __align__(16) float tile[6143];
  __shared__ __align__(16) float more[6145];
  tile[threadIdx.x] = X[threadIdx.x];
  more[threadIdx.x] = X[threadIdx.x];
  __syncthreads();
  if (blockIdx.x == 0) H[threadIdx.x] = tile[31 - threadIdx.x] + more[31 - threadIdx.x];
}""",
        ("__align__(16) float more", "float more"),
        says="its shared arrays take 49156 bytes, where at most 49152 are allowed",
    ),
    Plant(
        "static and dynamic shared memory together",
        FaultKind.LAUNCH,
        """
extern "C" __global__ void k(const float* X, float* H, int n) {
  __shared__ float tile[64];
  extern __shared__ float more[];
  tile[threadIdx.x] = X[threadIdx.x];
  more[threadIdx.x] = X[threadIdx.x];
  __syncthreads();
  if (blockIdx.x == 0) H[threadIdx.x] = tile[31 - threadIdx.x] + more[31 - threadIdx.x];
}""",
        ("tile[64]", "tile[32]"),
        shared=48 * 1024 - 128,
        says="49024 bytes of dynamic shared memory are outside 0..48896 beside 256 of shared arrays",
    ),
)
