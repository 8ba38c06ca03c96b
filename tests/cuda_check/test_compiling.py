"""Compilation: user's line numbers, options, one translation unit for many sources, the cache."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from derive.cuda_check import (
    CompileError,
    CudaFault,
    NoCompiler,
    RawModule,
    cache_folder,
    gathering,
    library,
    prebuild_modules,
    standing_in_for_cupy,
    using,
)
from derive.cuda_check import compiler as compiling
from derive.cuda_check.source import parse_source

pytestmark = pytest.mark.usefixtures("compiler")


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DERIVE_CUDA_CHECK_CACHE", str(tmp_path))
    monkeypatch.setattr(library, "_loaded", {})
    return tmp_path


def constant(value: int) -> str:
    return f'#define VALUE {value}\nextern "C" __global__ void k(int* H) {{ H[0] = VALUE; }}'


def result(code: str, **options: Any) -> int:
    with standing_in_for_cupy() as cupy:
        H = cupy.zeros(1, cupy.int32)
        cupy.RawModule(code=code, **options).get_function("k")((1,), (1,), (H,))
        return int(H)


def test_an_error_names_the_users_line() -> None:
    code = '// first\nextern "C" __global__\nvoid k(float* H) {\n  H[0] = y;\n}'
    with pytest.raises(CompileError, match=r"unit0:4:\d+: error: .*y") as caught:
        result(code)
    assert "y" in caught.value.log


def test_options_are_honoured() -> None:
    code = 'extern "C" __global__ void k(int* H) {\n#ifdef SEVEN\n  H[0] = SEVEN;\n#endif\n}'
    assert result(code, options=("-DSEVEN=7", "--use_fast_math", "-std=c++17")) == 7
    assert result(code, options=("-D SEVEN=8",)) == 8
    assert result(code) == 0
    with pytest.raises(CompileError, match="option '--fast' is not one"):
        result(code, options=("--fast",))


@pytest.mark.parametrize(
    "code",
    [
        'extern "C" {\n__global__ void k(int* H) { H[0] = 7; }\n}',
        'extern "C" __global__ void __launch_bounds__((2 * (16)), 1) k(int *H) { H[0] = 7; }',
        'extern "C" __global__ __launch_bounds__(32) void k(int* __restrict__ H) { H[0] = 7; }',
        "#include <cuda_fp16.h>\n#include <math.h>\n"
        + 'extern "C" __global__ void k(int* H) { H[0] = (int)fmaxf(7.f, -1.f); }',
        '/* extern "C" __global__ void z( */ extern "C" __global__ void k(int H[]) { H[0] = 7; } // "',
        "typedef int number; struct pair { number a, b; };\n"
        'extern "C" __global__ void k(number* H) { pair p = {3, 4}; H[0] = p.a + p.b; }',
        'template <int N> __device__ int f() { return N; }\nextern "C" __global__ void k(int* H) { H[0] = f<7>(); }',
        "enum { SEVEN = 7 };\n__device__ const int table[2] = {0, SEVEN};\n"
        'extern "C" __global__ void k(int* H) { const int* p = table; H[0] = p[1 + threadIdx.x]; }',
    ],
)
def test_spellings_of_a_kernel(code: str) -> None:
    assert result(code) == 7


def test_a_kernel_with_a_mangled_name_is_not_found() -> None:
    with pytest.raises(CudaFault, match="no kernel extern \"C\" 'k'; it has none"):
        result("__global__ void k(int* H) { H[0] = 7; }")


def test_a_header_that_the_harness_lacks() -> None:
    with pytest.raises(CompileError, match=r"includes 'cooperative_groups\.h', which this harness does not have"):
        result("#include <cooperative_groups.h>\n" + constant(1))


def test_inline_ptx_is_refused_with_its_line() -> None:
    code = 'extern "C" __global__ void k(unsigned* H) {\n  asm volatile("" ::: "memory");\n  %s\n  H[0] = 1;\n}'
    parse_source(code % "")
    with pytest.raises(CompileError, match="inline PTX in line 3, which this harness does not run"):
        parse_source(code % 'asm("mov.u32 %0, %%laneid;" : "=r"(H[1]));')


def test_many_sources_in_one_unit(empty_cache: Path) -> None:
    codes = [constant(value) for value in range(5)]
    prebuild_modules(RawModule(code=code) for code in codes)
    assert len(list(empty_cache.glob("*.so"))) == 1
    assert [result(code) for code in codes] == list(range(5))
    assert len(list(empty_cache.glob("*.so"))) == 1


def test_what_a_function_takes_by_value_is_seen_to_be_read(empty_cache: Path) -> None:
    """Only where it is inlined, so that such sources are optimised; those with kernels alone aren't."""
    code = """struct Pair { int a, b; };
__device__ int sum(Pair pair) { return pair.a + pair.b; }
extern "C" __global__ void k(int* H) {
  __shared__ Pair pairs[2];
  pairs[threadIdx.x].a = pairs[threadIdx.x].b = 1;
  H[threadIdx.x] = sum(pairs[1 - threadIdx.x]);
}"""
    with standing_in_for_cupy() as cupy, pytest.raises(CudaFault, match=r"race|no thread of the block has written"):
        cupy.RawModule(code=code).get_function("k")((1,), (2,), (cupy.zeros(2, cupy.int32),))
    assert parse_source(code).functions
    assert not parse_source(constant(1)).functions


def test_what_is_launched_can_be_gathered_first(empty_cache: Path) -> None:
    """Nothing runs then, not even a fault; each source is compiled once, whatever it is launched with."""
    beyond = 'extern "C" __global__ void k(int* H) { H[1] = 1; }'
    with gathering():
        found = [result(code) for code in (constant(1), constant(2), constant(2), beyond)]
    assert found == [0, 0, 0, 0]
    assert len(list(empty_cache.glob("*.so"))) == 1
    assert [result(constant(value)) for value in (1, 2)] == [1, 2]
    with pytest.raises(CudaFault, match="out of bounds"):
        result(beyond)
    assert len(list(empty_cache.glob("*.so"))) == 1


def test_a_faulty_source_does_not_hinder_the_others(empty_cache: Path) -> None:
    codes = [constant(1), 'extern "C" __global__ void k(int* H) { oops }', constant(2), constant(3)]
    prebuild_modules(RawModule(code=code) for code in codes)
    assert [result(code) for code in (codes[0], *codes[2:])] == [1, 2, 3]
    with pytest.raises(CompileError, match="oops"):
        result(codes[1])


def test_a_second_process_would_not_compile(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert result(constant(4)) == 4
    monkeypatch.setattr(library, "_loaded", {})
    monkeypatch.setattr(compiling, "_compile", None)
    assert result(constant(4)) == 4
    with using(checked=False), pytest.raises(TypeError):
        result(constant(4))


def test_the_cache_folder_can_be_chosen(empty_cache: Path) -> None:
    assert cache_folder() == empty_cache


def test_a_cache_folder_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DERIVE_CUDA_CHECK_CACHE", str(tmp_path / "file" / "folder"))
    assert cache_folder().is_dir()


def test_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "_candidates", list)
    with pytest.raises(NoCompiler, match="install g\\+\\+ or clang\\+\\+, or `pip install ziglang`"):
        compiling.find_compiler.__wrapped__()


def test_half_conversions_are_ieee() -> None:
    code = (
        "#include <cuda_fp16.h>\n"
        'extern "C" __global__ void k(const half* X, float* Y, const float* Z, half* W, int n, int m) {\n'
        "  for (int i = threadIdx.x; i < n; i += blockDim.x) Y[i] = __half2float(X[i]);\n"
        "  for (int i = threadIdx.x; i < m; i += blockDim.x) W[i] = __float2half(Z[i]);\n}"
    )
    X = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = X[np.isfinite(X)].astype(np.float64)
    middles = (np.sort(finite)[1:] + np.sort(finite)[:-1]) / 2
    near = np.concatenate([middles, np.nextafter(middles.astype(np.float32), 9e9), [65519, 65520, 1e9, -1e9, 1e-9]])
    Z = np.concatenate([near, -near, np.random.default_rng(0).normal(size=1000)]).astype(np.float32)
    with standing_in_for_cupy(checked=False) as cupy, np.errstate(over="ignore"):
        Y, W = cupy.empty(X.shape, cupy.float32), cupy.empty(Z.shape, cupy.float16)
        arguments = (cupy.asarray(X), Y, cupy.asarray(Z), W, cupy.int32(X.size), cupy.int32(Z.size))
        cupy.RawModule(code=code).get_function("k")((1,), (256,), arguments)
        assert np.array_equal(Y.get(), X.astype(np.float32), equal_nan=True)
        assert np.array_equal(W.get(), Z.astype(np.float16))


@pytest.mark.parametrize("kind", ["half", "__half"])
def test_halves_need_their_header(kind: str) -> None:
    """As NVRTC does; another name that has the word in it is nobody's business."""
    code = f'extern "C" __global__ void k(const {kind}* X, float* H, int half) {{ H[half] = (float)X[half]; }}'
    text = code.replace(kind, "stored", 1)

    def launched(code: str, *options: str) -> float:
        with standing_in_for_cupy() as cupy:
            H = cupy.zeros(1, cupy.float32)
            arguments = (cupy.ones(1, cupy.float16), H, cupy.int32(0))
            cupy.RawModule(code=code, options=options).get_function("k")((1,), (1,), arguments)
            return float(H.get()[0])

    assert launched(f"#include <cuda_fp16.h>\n{code}") == launched(code, "--pre-include=cuda_fp16.h") == 1
    assert launched(text, f"-Dstored={kind}", "--pre-include=cuda_fp16.h") == 1
    for lacking in (lambda: launched(code), lambda: launched(text, f"-Dstored={kind}")):
        with pytest.raises(CompileError, match=f"The kernel names '{kind}', and includes no cuda_fp16.h"):
            lacking()
