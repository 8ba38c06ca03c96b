"""Compilation for real architectures, without a GPU."""

import pytest

from derive.cuda_check import CompileError, NoCompiler
from derive.cuda_check.nvrtc import ARCHITECTURES, compile_cuda, compile_for, find_nvrtc
from tests.cuda_check.kernels import TILE, TILE_OPTIONS, WINDOW

try:
    find_nvrtc()
except NoCompiler as missing:
    pytest.skip(str(missing), allow_module_level=True)


def test_every_architecture_without_spills() -> None:
    for compiled in compile_for(WINDOW + TILE, options=TILE_OPTIONS):
        assert compiled.cubin[:4] == b"\x7fELF"
        assert set(compiled.kernels) == {"window", "tile"}
        assert compiled.kernels["tile"].shared == 4 * (10 * 18 + 9)
        for kernel in compiled.kernels.values():
            assert 8 < kernel.registers < 128
            assert kernel.spill_stores == kernel.spill_loads == 0
    assert ARCHITECTURES[0] == "sm_75"


def test_spills_are_counted() -> None:
    code = 'extern "C" __global__ void k(float* X, int n) {\n  float v[64];\n'
    code += "".join(f"  v[{i}] = X[{i}];\n" for i in range(64))
    code += '  __syncthreads();\n  for (int i = 0; i < n; ++i) {\n    asm volatile("" ::: "memory");\n'
    code += "".join(f"    v[{i}] = v[{i}] * v[{(i + 1) % 64}] + X[{i}];\n" for i in range(64))
    code += "  }\n" + "".join(f"  X[{i}] = v[{i}];\n" for i in range(64)) + "}"
    kernel = compile_cuda(code, options=("--maxrregcount=32",)).kernels["k"]
    assert kernel.registers <= 32
    assert kernel.spill_stores > 0


def test_errors_and_warnings_are_refused_with_the_log() -> None:
    with pytest.raises(CompileError, match=r"NVRTC refuses the source for sm_80:\nkernel.cu\(2\): error: .*\"y\""):
        compile_cuda('extern "C" __global__ void k(float* H) {\n  H[0] = y;\n}', "sm_80")
    with pytest.raises(CompileError, match=r"NVRTC warns .*\nkernel.cu\(1\): warning #177-D") as caught:
        compile_cuda('extern "C" __global__ void k(float* H) { int unused; H[0] = 1; }')
    assert "unused" in caught.value.log


def test_an_option_or_architecture_that_nvrtc_does_not_know() -> None:
    with pytest.raises(CompileError, match="--no-such-option"):
        compile_cuda(WINDOW, options=("--no-such-option",))
    with pytest.raises(CompileError, match="sm_12"):
        compile_cuda(WINDOW, "sm_12", TILE_OPTIONS)
