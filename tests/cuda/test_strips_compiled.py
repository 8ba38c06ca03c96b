"""Programs in blocks for real devices: no warning, no spill, and how many instructions a result takes."""

import re
from pathlib import Path
from typing import Any

import pytest

from derive.cuda_check import CompileError, NoCompiler
from derive.cuda_check.nvrtc import ARCHITECTURES, Compiled, compile_cuda, find_nvrtc
from derive.runtime.cuda import _options
from tests.cuda.blocks import BLOCKED, SLOPES, strips_of
from tests.cuda.disassembly import find_disassembler, instructions, without_edges

WIDTHS = {"float16": 4, "float32": 4, "float64": 2, "int64": 2}
LAYERS = [*BLOCKED, *SLOPES]


@pytest.fixture(scope="module", autouse=True)
def _nvrtc() -> None:
    try:
        find_nvrtc()
    except NoCompiler as missing:
        pytest.skip(str(missing))


def options(strips: Any, dtype: str, rows: int, wide: bool = True, radius: int = 1) -> tuple[str, ...]:
    """The numbers of a launch with such a window."""
    width = WIDTHS[dtype] if wide else 1
    knobs = (rows, width, width)[-len(strips.knobs) :]
    numbers = dict(zip(strips.knobs, knobs, strict=True)) | {"Delta": radius}
    if "R" not in numbers:
        numbers["R"] = 2  # how many factors a separable window has, where it isn't rows
    used = {
        k: v for k, v in numbers.items() if re.search(rf"\b{k}\b", strips.source) and f"int {k}" not in strips.source
    }
    return (*_options(dtype), *(f"-D{k}={v}" for k, v in used.items()))


def built(strips: Any, architecture: str, given: tuple[str, ...], source: str = "") -> Compiled:
    return compile_cuda(source or strips.source, architecture, given)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", LAYERS)
def test_every_program_in_blocks_compiles(name: str, architecture: str) -> None:
    for strips in strips_of(name):
        made = built(strips, architecture, options(strips, "float32", 8))
        assert [(r.stack, r.spill_stores, r.spill_loads) for r in made.kernels.values()] == [(0, 0, 0)]


@pytest.mark.parametrize("dtype", WIDTHS)
@pytest.mark.parametrize("name", LAYERS)
def test_every_type_has_its_registers(name: str, dtype: str) -> None:
    for strips in strips_of(name):
        for wide in (True, False):
            made = built(strips, "sm_90", options(strips, dtype, 4, wide))
            assert [(r.stack, r.spill_stores, r.spill_loads) for r in made.kernels.values()] == [(0, 0, 0)]


@pytest.mark.parametrize(("radius", "rows"), [(3, 8), (5, 4), (7, 2), (11, 1)])
def test_the_largest_windows_in_blocks_stay_in_registers(radius: int, rows: int) -> None:
    """A row in memory would be a stack: loops around it are all unrolled."""
    (own, *_) = strips_of("conv2d")
    taps = (2 * radius + 1) ** 2
    fit = [r for r in (8, 4, 2, 1) if not own.lacks((r, 4), (8192, 8192, 1), taps, (8192, 8192, radius))]
    assert fit[:1] in ([], [rows])
    if fit:
        (used,) = built(own, "sm_90", options(own, "float32", rows, radius=radius)).kernels.values()
        assert (used.stack, used.spill_stores) == (0, 0)


@pytest.mark.parametrize(("radius", "rows", "most"), [(1, 4, 16), (1, 8, 13), (2, 8, 31), (3, 8, 56)])
def test_instructions_of_a_result_inside(radius: int, rows: int, most: int, tmp_path: Path) -> None:
    """On sm_90, where no edge is met; 128 bits at once in and out."""
    tool = find_disassembler()
    if tool is None:
        pytest.skip("nvdisasm was not found: `pip install nvidia-cuda-nvdisasm`.")
    (own, *_) = strips_of("conv2d")
    made = built(own, "sm_90", options(own, "float32", rows, radius=radius), without_edges(own.source))
    found = instructions(made, tmp_path, tool)
    assert len(found) <= most * 4 * rows
    assert sum(n.startswith("FFMA") for n in found) == (2 * radius + 1) ** 2 * 4 * rows
    assert sum(n.startswith("LDG") and "128" in n for n in found) >= rows + 2 * radius
    assert sum(n.startswith("STG") and "128" in n for n in found) == rows


def test_an_unknown_number_is_refused() -> None:
    (own, *_) = strips_of("conv2d")
    with pytest.raises(CompileError, match="NVRTC refuses"):
        built(own, "sm_90", _options("float32"))
