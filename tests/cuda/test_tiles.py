"""Emitted programs in tiles, unchanged, on a CPU that stands in for the device: races, cells that nothing filled, barriers."""

from typing import Any

import numpy as np
import pytest

from derive.cuda_check import MERSENNE_61, SCHEDULES, CudaFault, NoCompiler, run_mod_p, using
from derive.cuda_check.nvrtc import ARCHITECTURES, compile_cuda, find_nvrtc
from tests.cuda.blocks import TILED, compiled_tiles, direct, sizes_in_tiles, tiles, tiles_of
from tests.cuda.disassembly import find_disassembler, instructions
from tests.cuda.test_strips import slopes_of
from tests.ladder.checks import whole_numbers
from tests.ladder.floats import drawn
from tests.ladder.subjects import mutant, subject

pytestmark = pytest.mark.usefixtures("cxx")


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("name", TILED)
def test_small_integers(name: str, aligned: bool) -> None:
    """Tiles inside and at the edges, whole chunks and the rest of one; gradients by the input too."""
    of = subject(name, "cupy")
    sizes = sizes_in_tiles(of, aligned)
    arrays = whole_numbers(of, sizes, (np.float32,) * 3, (2,), most=1)
    with tiles():
        found = slopes_of(of, arrays, sizes)
        assert np.array_equal(of(arrays, sizes), subject(name)(arrays, sizes))
    for got, wanted in zip(found, slopes_of(subject(name), arrays, sizes), strict=True):
        assert np.array_equal(got, wanted)
    assert compiled_tiles(name) == len(tiles_of(name))


def test_residues() -> None:
    """The text, unchanged, modulo a 61-bit prime, against that of one thread an output."""
    of = subject("conv2d_channels", "cupy")
    sizes = sizes_in_tiles(of)
    draw = np.random.default_rng(0)
    shapes = {n: a.shape for n, a in whole_numbers(of, sizes, (np.float64,) * 3).items()}
    numbers = [draw.integers(0, MERSENNE_61, shapes[n]).astype(object) for n in of.kernel.arguments]

    def program(cupy: Any, *operands: Any) -> Any:
        return of.kernel(*operands, **of.stated(sizes))

    with direct():
        plain = run_mod_p(program, numbers, dtype=np.float64)[MERSENNE_61]
    with tiles():
        assert np.array_equal(run_mod_p(program, numbers, dtype=np.float64)[MERSENNE_61], plain)


@pytest.mark.parametrize("name", ["conv2d_channels", "fully_connected"])
def test_results_are_those_of_direct_sums_bit_for_bit(name: str) -> None:
    """No product is added that isn't a term, and terms come in the order of the direct sum, whatever the order of threads."""
    of = subject(name, "cupy")
    sizes = sizes_in_tiles(of)
    arrays = drawn(of, sizes, "uniform", np.float32)
    with direct():
        plain = of(arrays, sizes).tobytes()
    for schedule in SCHEDULES:
        with using(schedule=schedule), tiles():
            assert of(arrays, sizes).tobytes() == plain


def test_an_infinity_stays_where_its_window_is() -> None:
    """At the edges nothing is multiplied by zeros that aren't there."""
    of = subject("conv2d_channels", "cupy")
    sizes = sizes_in_tiles(of)
    arrays = whole_numbers(of, sizes, (np.float32,) * 3)
    arrays["V"][...] = np.inf
    arrays["X"][...] = 1
    with tiles():
        assert np.all(np.isposinf(of(arrays, sizes)))


def test_a_result_that_starts_between_is_stored_one_by_one() -> None:
    of = subject("conv2d_channels", "cupy")
    sizes = sizes_in_tiles(of)
    arrays = whole_numbers(of, sizes, (np.float32,) * 3)
    wanted = subject("conv2d_channels")(arrays, sizes)
    with of.machine() as xp, tiles():
        whole = xp.zeros(wanted.size + 1, dtype=np.float32)
        out = whole[1:].reshape(wanted.shape)
        of.kernel(*(xp.asarray(arrays[name]) for name in of.kernel.arguments), out=out)
        assert np.array_equal(out.get(), wanted)


def test_a_cell_that_no_term_reads_is_not_read() -> None:
    """An odd window has no tap in the middle: nothing is filled there, of the weights either. Here it has no other."""
    of = subject("odd", "cupy")
    sizes = {s: 0 if s.name == "Delta" else v for s, v in sizes_in_tiles(of).items()}
    arrays = whole_numbers(of, sizes, (np.float32,) * 3, (2,), most=1)
    with tiles():
        assert np.array_equal(of(arrays, sizes), subject("odd")(arrays, sizes))


FAULTS = {
    "no barrier before the sum": ("__syncthreads();", "", "race|no thread of the block has written"),
    "no barrier behind the sum": ("__syncthreads();\n                }", "}", "race"),
    "no test of rows": ("if (0 <= i0 + a + e && ", "if (", "out of bounds"),
    "a chunk too long": ("k < C - c0", "k < C - c0 + 1", "differs"),
    "another cell": ("x[k][8*e + r] =", "x[k][8*e + r + 1] =", "no thread of the block has written"),
    "a tile too few": ("block % ((n + P - 1) / P)", "block % ((n - 1) / P)", "race|NaN|differs|out of bounds"),
    "tiles overlap": ("const int d0 = 4*Q*(", "const int d0 = 4*(", "race|differs"),
    "half the cells": (
        "turn < (P*8*K + threads - 1) / threads",
        "turn < P*4*K / threads",
        "no thread of the block has written",
    ),
    "unaligned": (
        "*(Lanes*)&H[(((long long)z*n + i0 + p)*m + j0 + r)*D + 4*q",
        "*(Lanes*)&H[(((long long)z*n + i0 + p)*m + j0 + r)*D + 1 + 4*q",
        "not aligned",
    ),
    "another bias": ("acc[r][s] = (real)u[4*q + d0 + s]", "acc[r][s] = (real)u[4*q + s]", "differs"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_the_text_is_found(name: str) -> None:
    old, new, says = FAULTS[name]
    of = subject("conv2d_channels", "cupy")
    before, text = of.text.split("TILES = ", 1)
    assert old in text, text
    faulty = mutant(of, f"{before}TILES = {text.replace(old, new, 1)}")
    sizes = sizes_in_tiles(of)
    arrays = whole_numbers(of, sizes, (np.float32,) * 3)
    try:
        with tiles():
            same = np.array_equal(faulty(arrays, sizes), subject("conv2d_channels")(arrays, sizes))
        found = "same" if same else "differs"
    except CudaFault as fault:
        found = str(fault)
    assert any(part in found for part in says.split("|")), found


def test_what_tiles_lack() -> None:
    own, *_ = tiles_of("conv2d_channels")
    sizes = (64, 64, 1, 56, 56)
    assert own.lacks((8, 16, 8), (56, 56), 64, 2, sizes) == ""
    narrow = "its indices of 32 bits are proved to fit up to 2**28, and a size is 536870912"
    assert own.lacks((8, 16, 8), (2**29, 56), 64, 1, sizes) == narrow
    assert own.lacks((8, 16, 8), (2**28, 2**28), 64, 1, sizes) == "a grid has not so many blocks"
    assert own._blocks((8, 16, 8), (56, 56), 64, 2) == 7 * 7 * 2
    assert own._blocks((4, 16, 8), (1000,), 20, 1) == 32


@pytest.mark.parametrize(
    ("items", "side", "channels", "results", "chosen"),
    [
        (16, 56, 64, 64, {"P": 8, "Q": 16, "K": 8}),
        (2, 56, 64, 64, {"P": 4, "Q": 8, "K": 8}),
        (16, 56, 64, 16, {"P": 8, "Q": 4, "K": 8}),
        (1, 5, 4, 4, "direct"),
    ],
)
def test_tiles_are_taken_where_they_are_quicker(
    items: int, side: int, channels: int, results: int, chosen: Any
) -> None:
    """A tile is no wider than there are weights; for few results it is smaller, and for very few there is none."""
    kernel = subject("conv2d_channels", "cupy").kernel
    plan = kernel.plan((items, side, side, channels), np.ones((3, 3, channels, results), np.float32))
    assert plan.choice.knobs == chosen if isinstance(chosen, dict) else plan.algorithm == chosen


@pytest.fixture
def nvrtc() -> None:
    try:
        find_nvrtc()
    except NoCompiler as missing:
        pytest.skip(str(missing))


@pytest.mark.usefixtures("nvrtc")
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", TILED)
def test_every_program_in_tiles_compiles(name: str, architecture: str) -> None:
    for own in tiles_of(name):
        made = compile_cuda(own.source, architecture, _options(own))
        assert [(r.stack, r.spill_stores, r.spill_loads) for r in made.kernels.values()] == [(0, 0, 0)]


@pytest.mark.usefixtures("nvrtc")
@pytest.mark.parametrize("real", ["double", "long long"])
@pytest.mark.parametrize("knobs", [(8, 16), (1, 4), (2, 8)])
def test_every_type_has_its_registers(real: str, knobs: tuple[int, int]) -> None:
    own, *_ = tiles_of("conv2d_channels")
    made = compile_cuda(own.source, "sm_90", _options(own, real, *knobs))
    assert [(r.stack, r.spill_stores, r.spill_loads) for r in made.kernels.values()] == [(0, 0, 0)]


@pytest.mark.usefixtures("nvrtc")
def test_a_place_of_a_chunk_is_three_wide_loads_for_32_products(tmp_path: Any) -> None:
    """On sm_90, where no edge is met: of shared memory, 128 bits at once, twice of the input and once of the weights."""
    tool = find_disassembler()
    if tool is None:
        pytest.skip("nvdisasm was not found: `pip install nvidia-cuda-nvdisasm`.")
    own, *_ = tiles_of("conv2d_channels")
    found = instructions(compile_cuda(own.source, "sm_90", _options(own)), tmp_path, tool)
    first = next(at for at, n in enumerate(found) if n.startswith("LDS.128"))
    whole = found[first : first + next(at for at, n in enumerate(found[first:]) if n.startswith("BAR"))]
    products = 8 * 32 + 32  # of a whole chunk, and of a place of what is left of one
    assert sum(n.startswith("FFMA") for n in whole) == products
    assert sum(n.startswith("LDS.128") for n in whole) == 9 * 3
    assert not any(n.startswith("LDS ") for n in whole)
    assert len(whole) <= products + 9 * 3 + 40, len(whole)


def _options(own: Any, real: str = "float", places: int = 8, weights: int = 16) -> tuple[str, ...]:
    numbers = zip(own.knobs, (places, weights, 8, 4), strict=True)
    return (f"-Dstored={real}", f"-Dreal={real}", *(f"-D{name}={value}" for name, value in numbers))
