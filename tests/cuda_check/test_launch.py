"""What is wrong with a launch before any thread runs."""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from derive.cuda_check import CudaFault, FaultKind, standing_in_for_cupy

pytestmark = pytest.mark.usefixtures("compiler")

CODE = r"""
#define THREADS 64
typedef real element;
extern "C" __global__ void __launch_bounds__(THREADS * 2)
fill(element* __restrict__ H, const element u, int n, long long start, unsigned char flag) {
  long long i = start + blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n && flag) H[i] = u;
}
extern "C" __global__ void where(int* H) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  if (threadIdx.x + threadIdx.y + threadIdx.z == 0) H[block] = (int)(blockDim.x * blockDim.y * blockDim.z);
}
extern "C" __global__ void large(float* H) {
  extern __shared__ float s[];
  s[12 * 1024 + threadIdx.x] = 1.f;
  H[threadIdx.x] = s[12 * 1024 + threadIdx.x];
}
"""


@pytest.fixture
def cupy() -> Iterator[Any]:
    with standing_in_for_cupy() as module:
        yield module


def kernel(cupy: Any, name: str = "fill") -> Any:
    return cupy.RawModule(code=CODE, options=("-Dreal=float", "-std=c++17"), backend="nvrtc").get_function(name)


def arguments(cupy: Any, **changed: Any) -> tuple[Any, ...]:
    right = {
        "H": cupy.zeros(100, cupy.float32),
        "u": cupy.float32(2),
        "n": cupy.int32(100),
        "start": 0,
        "flag": np.uint8(1),
    }
    return tuple((right | changed).values())


def test_the_right_launch(cupy: Any) -> None:
    given = arguments(cupy)
    kernel(cupy)((1,), (128,), given)
    assert given[0].get().tolist() == [2.0] * 100


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("u", 2.0, "'u' is float32 and gets float64"),
        ("u", np.float64(2), "'u' is float32 and gets float64"),
        ("u", np.int32(2), "'u' is float32 and gets int32"),
        ("n", 100, "'n' is int32 and gets int64"),
        ("n", np.uint32(100), "'n' is int32 and gets uint32"),
        ("start", np.int32(0), "'start' is int64 and gets int32"),
        ("flag", True, "'flag' is uint8 and gets bool"),
        ("H", 5, "'H' is a pointer and gets 5"),
    ],
)
def test_a_scalar_of_the_wrong_type(cupy: Any, name: str, value: Any, says: str) -> None:
    with pytest.raises(CudaFault, match=says) as caught:
        kernel(cupy)((1,), (128,), arguments(cupy, **{name: value}))
    assert caught.value.kind is FaultKind.ARGUMENTS
    assert caught.value.argument == name


@pytest.mark.parametrize("dtype", ["float64", "float16", "int32"])
def test_an_array_of_the_wrong_type(cupy: Any, dtype: str) -> None:
    with pytest.raises(CudaFault, match=rf"'H' is float32\* and gets {dtype}"):
        kernel(cupy)((1,), (128,), arguments(cupy, H=cupy.zeros(100, dtype)))


def test_an_array_for_a_scalar_and_a_host_array(cupy: Any) -> None:
    with pytest.raises(CudaFault, match="'u' is a scalar and gets an array"):
        kernel(cupy)((1,), (128,), arguments(cupy, u=cupy.zeros((), cupy.float32)))
    with pytest.raises(TypeError, match=r"Unsupported type <class 'numpy\.ndarray'>"):
        kernel(cupy)((1,), (128,), arguments(cupy, H=np.zeros(100, np.float32)))


def test_one_entry_of_a_host_array_is_passed_by_value(cupy: Any) -> None:
    given = arguments(cupy, u=np.full(1, 2, np.float32))
    kernel(cupy)((1,), (128,), given)
    assert given[0].get()[3] == 2
    with pytest.raises(
        TypeError, match=r"A numpy\.ndarray of shape \(3,\) is no argument; one entry is passed by value"
    ):
        kernel(cupy)((1,), (128,), arguments(cupy, u=np.zeros(3, np.float32)))


def test_the_number_of_arguments(cupy: Any) -> None:
    with pytest.raises(CudaFault, match="it has 5 parameters and gets 4 arguments"):
        kernel(cupy)((1,), (128,), arguments(cupy)[:-1])


@pytest.mark.parametrize(
    ("grid", "block", "says"),
    [
        ((1,), (129,), r"129 threads, where at most 128"),
        ((1,), (1, 1, 65), r"the block \(1, 1, 65\) exceeds \(1024, 1024, 64\)"),
        ((1, 65536), (1,), r"the grid \(1, 65536, 1\) exceeds"),
        ((1 << 31,), (1,), r"the grid .* exceeds"),
        ((1, 1, 1, 1), (1,), "tuple of one to three integers"),
        ([1], (1,), "tuple of one to three integers"),
        ((-1,), (1,), "not a natural number"),
        ((1.0,), (1,), "not a natural number"),
    ],
)
def test_launch_limits(cupy: Any, grid: Any, block: Any, says: str) -> None:
    with pytest.raises(CudaFault, match=says) as caught:
        kernel(cupy)(grid, block, arguments(cupy))
    assert caught.value.kind is FaultKind.LAUNCH


def test_a_zero_grid_is_a_grid_of_one_as_in_cupy(cupy: Any) -> None:
    H = cupy.zeros(1, cupy.int32)
    kernel(cupy, "where")((0,), (2, 0), (H,))
    assert H.get().tolist() == [2]


@pytest.mark.parametrize("schedule", ["forward", "reverse", "random"])
@pytest.mark.parametrize("grid", [(7, 3, 2), (5,), (1, 4), (6, 6, 6)])
def test_every_block_runs_once(grid: tuple[int, ...], schedule: str) -> None:
    with standing_in_for_cupy(schedule=schedule, seed=3) as cupy:
        H = cupy.zeros(int(np.prod(grid)), cupy.int32)
        kernel(cupy, "where")(grid, (3, 2, 2), (H,))
        assert (H.get() == 12).all()


def test_more_than_48_kib_of_shared_memory_needs_opting_in(cupy: Any) -> None:
    H, large = cupy.empty(32, cupy.float32), kernel(cupy, "large")
    with pytest.raises(CudaFault, match=r"49280 bytes of dynamic shared memory are outside 0\.\.49152"):
        large((1,), (32,), (H,), shared_mem=49280)
    large.max_dynamic_shared_size_bytes = 64 * 1024
    large((1,), (32,), (H,), shared_mem=49280)
    assert (H.get() == 1).all()


def test_an_unknown_kernel(cupy: Any) -> None:
    with pytest.raises(CudaFault, match="no kernel extern \"C\" 'fil'; it has fill, where, large"):
        kernel(cupy, "fil")


def test_nothing_stays_installed() -> None:
    before = sys.modules.get("cupy")
    with standing_in_for_cupy() as cupy:
        assert sys.modules["cupy"] is cupy
    assert sys.modules.get("cupy") is before
