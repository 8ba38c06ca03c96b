"""What a launch asked of memory: requests of whole warps, their sectors and bank conflicts."""

from typing import Any

import numpy as np
import pytest

from derive.cuda_check import standing_in_for_cupy

pytestmark = pytest.mark.usefixtures("compiler")

CODE = r"""
extern "C" __global__ void copy(const float4* X, float* H, const int* at) {
  __shared__ float s[32 * 33];
  const int t = threadIdx.x;
  float4 q = X[t];
  s[t * STRIDE] = q.x + q.y + q.z + q.w;
  __syncthreads();
  H[at[t]] = s[t * STRIDE];
}"""


def requests(stride: int, at: Any) -> dict[tuple[int, bool], Any]:
    with standing_in_for_cupy(trace_capacity=10_000) as cupy:
        kernel = cupy.RawModule(code=CODE, options=(f"-DSTRIDE={stride}",)).get_function("copy")
        X, H = cupy.asarray(np.arange(128, dtype=np.float32)), cupy.empty(1024, cupy.float32)
        kernel((1,), (32,), (X, H, cupy.asarray(np.asarray(at, np.int32))))
        return {(request.line, request.write): request for request in kernel.last_trace.requests()}


def test_coalesced_accesses_take_four_sectors_per_128_bytes() -> None:
    found = requests(1, np.arange(32))
    load, store = found[5, False], found[8, True]
    assert (load.argument, load.bytes, load.sectors) == ("X", 512, 16)
    assert (store.argument, store.bytes, store.sectors) == ("H", 128, 4)
    assert found[6, True].conflicts == 0


def test_a_scattered_store_takes_a_sector_a_lane() -> None:
    assert requests(1, 8 * np.arange(32))[8, True].sectors == 32


@pytest.mark.parametrize(("stride", "conflicts"), [(1, 0), (33, 0), (2, 1), (32, 31)])
def test_bank_conflicts(stride: int, conflicts: int) -> None:
    assert requests(stride, np.arange(32))[6, True].conflicts == conflicts
