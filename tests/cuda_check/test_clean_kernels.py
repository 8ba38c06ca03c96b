"""Kernels as people write them: no fault and the right result under every schedule, checked and fast."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from derive.cuda_check import RawModule, prebuild_modules, standing_in_for_cupy
from tests.cuda_check.kernels import NAMED, SOURCES, TILE_OPTIONS


def module(cupy: Any, name: str) -> RawModule:
    made: RawModule = cupy.RawModule(code=SOURCES[name], options=TILE_OPTIONS, name_expressions=NAMED.get(name, ()))
    return made


@pytest.fixture(scope="module", autouse=True)
def _one_translation_unit(compiler: None) -> None:
    with standing_in_for_cupy() as cupy:
        prebuild_modules(module(cupy, name) for name in SOURCES)


def correlated(X: NDArray[Any], V: NDArray[Any], u: float) -> NDArray[Any]:
    n, m = X.shape
    padded = np.zeros((n + 2, m + 2), X.dtype)
    padded[1:-1, 1:-1] = X
    return u + sum(V[a, b] * padded[a : a + n, b : b + m] for a in range(3) for b in range(3))


def run_stencil(cupy: Any, name: str, rows: int, columns: int) -> None:
    rng = np.random.default_rng(rows)
    X, V = (rng.integers(-8, 9, shape).astype(np.float32) for shape in ((37, 68), (3, 3)))
    H = cupy.empty((37, 68), cupy.float32)
    grid = (-(-68 // (16 * columns)), -(-37 // (8 * rows)))
    arguments = (cupy.asarray(X), cupy.asarray(V), cupy.float32(3), H, cupy.int32(37), cupy.int32(68))
    module(cupy, name).get_function(name)(grid, (16, 8), arguments)
    assert np.array_equal(H.get(), correlated(X, V, 3))


def run_sum(cupy: Any) -> None:
    X = np.arange(3000, dtype=np.float32)
    H = cupy.empty(3, cupy.float32)
    module(cupy, "sum").get_function("sum")((3,), (256,), (cupy.asarray(X), H, cupy.int32(3000)))
    assert H.get().sum() == X.sum()


def run_count(cupy: Any) -> None:
    X = np.arange(100, dtype=np.int32) % 37
    H, even = cupy.zeros(4, cupy.int32), cupy.zeros(1, cupy.uint32)
    module(cupy, "count").get_function("count")((2,), (64,), (cupy.asarray(X), H, even, cupy.int32(100)))
    assert H.get().tolist() == np.histogram(X, [0, 10, 20, 30, 1000])[0].tolist()
    assert even.get().item() == (X % 2 == 0).sum()


def run_ring(cupy: Any) -> None:
    X = np.arange(96, dtype=np.float32)
    H = cupy.empty_like(cupy.asarray(X))
    kernel = module(cupy, "ring").get_function("ring")
    kernel((2,), (48,), (cupy.asarray(X), H, cupy.int32(96), cupy.int32(3)), shared_mem=2 * 48 * 4)
    expected = X.reshape(2, 48)
    for _ in range(3):
        expected = expected + np.roll(expected, -1, 1)
    assert np.array_equal(H.get().reshape(2, 48), expected)


def run_prefix(cupy: Any) -> None:
    X = np.arange(64, dtype=np.float32)
    H = cupy.empty(64, cupy.float32)
    module(cupy, "prefix").get_function("prefix")((1,), (64,), (cupy.asarray(X), H))
    assert np.array_equal(H.get(), X.reshape(2, 32).cumsum(1).ravel())


def run_axpy(cupy: Any) -> None:
    X = np.linspace(-2, 2, 200).astype(np.float16)
    H = cupy.empty(200, cupy.float16)
    module(cupy, "axpy").get_function("axpy")((2,), (64,), (cupy.asarray(X), H, cupy.float32(1.1), cupy.int32(200)))
    assert np.array_equal(H.get(), (np.float32(1.1) * X.astype(np.float32)).astype(np.float16))


def run_bits(cupy: Any) -> None:
    X = np.array([0, 1, 6, 2**31, 2**32 - 1], np.uint32)
    H, turns = cupy.zeros(15, cupy.uint32), cupy.zeros(2, cupy.uint32)
    module(cupy, "bits").get_function("bits")((1,), (32,), (cupy.asarray(X), H, turns, cupy.int32(5)))
    texts = [f"{x:032b}" for x in X.tolist()]
    zeros = [64 if x == 0 else 32 - len(f"{x:b}") for x in X.tolist()]
    expected = [(int(t[::-1], 2), t.count("1") * 10200 + clear, 6) for t, clear in zip(texts, zeros, strict=True)]
    assert H.get().reshape(5, 3).tolist() == [list(row) for row in expected]
    assert turns.get().tolist() == [5 % 3, (-5) % 3]


def run_keep(cupy: Any) -> None:
    X = (np.arange(64) * (-1) ** np.arange(64)).astype(np.int32)
    H, told = cupy.zeros(64, cupy.int32), cupy.zeros(6, cupy.int32)
    module(cupy, "keep").get_function("keep")((1,), (64,), (cupy.asarray(X), H, told, cupy.int32(64)))
    assert sorted(H.get().tolist()) == sorted([*range(2, 64, 2), *[0] * 33])
    assert told.get().tolist() == [31, 31, 1, 0, 0xFF, 1]


def run_agree(cupy: Any) -> None:
    X = np.arange(32, dtype=np.uint32) % 5
    H = cupy.zeros((32, 12), cupy.uint32)
    module(cupy, "agree").get_function("agree")((1,), (32,), (cupy.asarray(X), H))
    for got, x in zip(H.get().tolist(), X.tolist(), strict=True):
        same = sum(1 << lane for lane in range(x, 32, 5))
        joined = [int(f.reduce(X)) for f in (np.bitwise_and, np.bitwise_or, np.bitwise_xor)]
        bits = [0x80FF0000 | x, 2 * x + x % 2, x + 2]
        assert got == [same, 2**32 - 1, 1, int(X.sum()), 0, 4, *joined, *bits]


def run_matmul(cupy: Any) -> None:
    for name, dtype, side in (("matmul<float, 8>", "float32", 8), ("matmul<double, 4>", "float64", 4)):
        X, Y = (cupy.random.randint(-4, 5, shape).astype(dtype) for shape in ((11, 13), (13, 9)))
        H = cupy.empty((11, 9), dtype)
        function = module(cupy, "matmul").get_function(name)
        grid, sizes = (-(-9 // side), -(-11 // side)), (cupy.int32(11), cupy.int32(9), cupy.int32(13))
        function(grid, (side, side), (X, Y, H, *sizes))
        cupy.testing.assert_array_equal(H, X @ Y)


def run_held(cupy: Any) -> None:
    X, H = cupy.arange(50, dtype="f4"), cupy.zeros(48, "f4")
    of = module(cupy, "held")
    cupy.ndarray((3,), "f4", of.get_global("weights"))[...] = cupy.asarray([1, 2, 3], "f4")
    of.get_function("held")((2,), (32,), (X, H, cupy.int32(50)))
    cupy.testing.assert_array_equal(H, X[:-2] + 2 * X[1:-1] + 3 * X[2:])
    assert cupy.ndarray(1, "i4", of.get_global("launched")).item() == 9


RUNS: dict[str, Callable[[Any], None]] = {
    "sliding window in registers": lambda cupy: run_stencil(cupy, "window", 2, 4),
    "tile in shared memory": lambda cupy: run_stencil(cupy, "tile", 1, 1),
    "grid-stride sum by shuffles": run_sum,
    "integer atomics, votes and constant memory": run_count,
    "two halves of dynamic shared memory": run_ring,
    "prefix sums ordered by __syncwarp": run_prefix,
    "half storage, float arithmetic": run_axpy,
    "bits, printing, assertions and counters that wrap": run_bits,
    "votes of a block, who is active, and clocks": run_keep,
    "what lanes agree on, and bits of words": run_agree,
    "templates by name expressions, with shared arrays": run_matmul,
    "variables of constant and global memory": run_held,
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())
@pytest.mark.parametrize("checked", [True, False], ids=["checked", "fast"])
@pytest.mark.parametrize("schedule", ["forward", "reverse", "random"])
def test_no_fault_and_the_right_result(run: Callable[[Any], None], checked: bool, schedule: str) -> None:
    with standing_in_for_cupy(checked=checked, schedule=schedule, seed=5) as cupy:
        run(cupy)
