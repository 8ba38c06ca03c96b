"""Every emitted kernel compiles for real devices, without a warning, for every element type of a launch."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest

from derive.cuda_check import CompileError, NoCompiler
from derive.cuda_check.nvrtc import ARCHITECTURES, compile_cuda, find_nvrtc, nvrtc_version
from derive.pipeline import backends
from derive.runtime.cuda import _TYPES, _options
from tests.commands import ROOT
from tests.cuda.conftest import source_of
from tests.cuda.killing import blocks_of, kernels_in
from tests.ladder.structures import STRUCTURES
from tests.ladder.subjects import LAYERS, SUBJECTS, subject


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


FIGURES = json.loads((ROOT / "docs" / "performance" / "cuda.json").read_text(encoding="utf-8"))
DTYPES = {stored: dtype for dtype, (stored, _) in _TYPES.items()}
BESIDE = [
    pytest.param(name, of, marks=() if of == ARCHITECTURES[place % len(ARCHITECTURES)] else pytest.mark.nightly)
    for place, name in enumerate(STRUCTURES)
    for of in ARCHITECTURES
]


def texts(name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each text of a layer's module, with what launches tell its compiler: the type of entries, and numbers."""
    kept = FIGURES["layers"][name]["kernels"]
    for text in blocks_of(subject(name, "cupy").text).values():
        rows = [kept[kernel]["types"] for kernel in kernels_in(text)]
        yield text, tuple(dict.fromkeys(told for row in rows for told in row))


def compiles(name: str, text: str, told: str, architecture: str) -> list[str]:
    """Without a warning, or compile_cuda raises, without spills, and in no more registers than were kept; the kernels' names."""
    stored, *numbers = told.split(" -D")
    made = compile_cuda(text, architecture, (*_options(DTYPES[stored]), *(f"-D{number}" for number in numbers)))
    assert made.cubin.startswith(b"\x7fELF")
    for kernel, used in made.kernels.items():
        assert (used.spill_stores, used.spill_loads) == (0, 0), (kernel, told)
        assert used.registers <= most_registers(name, kernel, told, architecture), (kernel, told)
    return list(made.kernels)


def most_registers(name: str, kernel: str, told: str, architecture: str) -> float:
    """Those that were kept; any number of what no launch has that was kept, or under another compiler."""
    row = FIGURES["layers"][name]["kernels"][kernel]["types"].get(told)
    if row is None or FIGURES["nvrtc"] != nvrtc_version():
        return float("inf")
    return float(row["registers"][architecture])


@pytest.mark.parametrize("name", LAYERS)
def test_every_kernel_compiles(name: str) -> None:
    """Direct sums in every type, each for another architecture, and each design for one of these in one of its types."""
    (direct, types), *others = texts(name)
    layer = LAYERS.index(name)
    found = []
    for turn, told in enumerate(types):
        architecture = ARCHITECTURES[(layer + turn) % len(ARCHITECTURES)]
        found += compiles(name, direct, told, architecture)
        for place in range(turn, len(others), len(types)):
            text, every = others[place]
            found += compiles(name, text, every[(place + layer) % len(every)], architecture)
    assert {*found} == {*kernels_in(subject(name, "cupy").text)}


@pytest.mark.nightly
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", LAYERS)
def test_every_kernel_compiles_in_every_type_everywhere(name: str, architecture: str) -> None:
    """By all numbers of its launches whose figures are kept."""
    for text, every in texts(name):
        for told in every:
            assert {*compiles(name, text, told, architecture)} == {*kernels_in(text)}


@pytest.mark.parametrize(("name", "architecture"), BESIDE)
def test_direct_sums_of_structures_compile(name: str, architecture: str) -> None:
    """`-Dreal=long long` is one option, blank and all."""
    source = source_of(name)
    for dtype in _TYPES:
        made = compile_cuda(source, architecture, _options(dtype))
        assert len(made.kernels) == source.count("__global__") > 0
        assert all((used.spill_stores, used.spill_loads) == (0, 0) for used in made.kernels.values())


def test_an_element_type_that_is_no_type_is_refused() -> None:
    with pytest.raises(CompileError, match="NVRTC refuses"):
        compile_cuda(source_of(SUBJECTS[0]), "sm_90", ("-Dstored=float", "-Dreal=reel"))


def test_a_warning_is_refused() -> None:
    unused = source_of(SUBJECTS[0]).replace("real acc;", "real acc; int unused = 1;")
    with pytest.raises(CompileError, match="warns"):
        compile_cuda(unused, "sm_90", _options("float32"))


def test_a_warning_of_any_text_and_a_register_more_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "global_pool2d"
    strips, told = next((text, told[0]) for text, told in texts(name) if "strips" in text)
    with pytest.raises(CompileError, match="warns"):
        compiles(name, strips.replace("int block =", "int unused = 1; int block =", 1), told, "sm_90")
    (kernel,) = kernels_in(strips)
    kept = most_registers(name, kernel, told, "sm_90")
    monkeypatch.setattr(sys.modules[__name__], "most_registers", lambda *_: kept - 1)
    with pytest.raises(AssertionError, match=kernel):
        compiles(name, strips, told, "sm_90")
