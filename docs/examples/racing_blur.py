"""A kernel with a fault: threads read what others write, and no barrier stands between. `check-cuda` finds it."""

import cupy

KERNEL = cupy.RawKernel(
    r"""
extern "C" __global__ void blur(const float* X, float* H) {
    __shared__ float tile[64];
    int t = threadIdx.x;
    tile[t] = X[t];
    H[t] = (tile[t] + tile[63 - t]) / 2;
}
""",
    "blur",
)


def blur(X):
    H = cupy.empty_like(X)
    KERNEL((1,), (64,), (X, H))
    return H


blur(cupy.ones(64, "float32"))
