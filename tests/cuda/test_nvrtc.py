"""Every emitted kernel compiles for real devices, without a warning, for every element type of a launch."""

import pytest

from derive.cuda_check import CompileError, NoCompiler
from derive.cuda_check.nvrtc import ARCHITECTURES, compile_cuda, find_nvrtc
from derive.pipeline import backends
from derive.runtime.cuda import _TYPES, _options
from tests.cuda.conftest import source_of
from tests.ladder.subjects import SUBJECTS


@pytest.fixture(scope="module", autouse=True)
def _nvrtc() -> None:
    try:
        find_nvrtc()
    except NoCompiler as missing:
        pytest.skip(str(missing))


def test_the_types_are_those_of_numbers_and_floats() -> None:
    assert set(_TYPES) == {"float16", "float32", "float64", "int64"}
    assert _TYPES["float16"] == ("__half", "float")
    assert "cupy" in backends()


# By day each subject for one architecture, and each architecture for some of them.
PAIRS = [
    pytest.param(name, of, marks=() if of == ARCHITECTURES[place % len(ARCHITECTURES)] else pytest.mark.nightly)
    for place, name in enumerate(SUBJECTS)
    for of in ARCHITECTURES
]


@pytest.mark.parametrize(("name", "architecture"), PAIRS)
def test_every_kernel_compiles(name: str, architecture: str) -> None:
    """Without a warning, or compile_cuda raises, and without spills; `-Dreal=long long` is one option, blank and all."""
    source = source_of(name)
    for dtype in _TYPES:
        made = compile_cuda(source, architecture, _options(dtype))
        assert made.cubin.startswith(b"\x7fELF")
        assert len(made.kernels) == source.count("__global__") > 0
        assert all((used.spill_stores, used.spill_loads) == (0, 0) for used in made.kernels.values())


def test_an_element_type_that_is_no_type_is_refused() -> None:
    with pytest.raises(CompileError, match="NVRTC refuses"):
        compile_cuda(source_of(SUBJECTS[0]), "sm_90", ("-Dstored=float", "-Dreal=reel"))


def test_a_warning_is_refused() -> None:
    unused = source_of(SUBJECTS[0]).replace("real acc;", "real acc; int unused = 1;")
    with pytest.raises(CompileError, match="warns"):
        compile_cuda(unused, "sm_90", _options("float32"))
