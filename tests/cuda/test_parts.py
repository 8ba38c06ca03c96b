"""Emitted programs in parts, unchanged, on a CPU that stands in for the device: every access, kind of number and order."""

import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from derive.cuda_check import MERSENNE_61, SCHEDULES, CompileError, CudaFault, NoCompiler, run_mod_p, using
from derive.cuda_check.nvrtc import ARCHITECTURES, compile_cuda, find_nvrtc
from derive.lowering import slopes
from derive.runtime.cuda import _TYPES, _options
from derive.runtime.dtypes import Types
from tests.cuda.blocks import direct
from tests.cuda.parts import parted, parts_of
from tests.cuda.test_strips import slopes_of
from tests.ladder.checks import whole_numbers
from tests.ladder.numbers import as_fractions
from tests.ladder.slopes import BATCH, directions, exact_slope, slope_bounds
from tests.ladder.subjects import LAYERS, Sizes, Subject, entry_of, mutant, subject

pytestmark = pytest.mark.usefixtures("cxx")

# Nothing to learn; and a layer whose result each item has.
WITHOUT = ("average_pool2d", "conv2d_channels_du", "laplacian2d")
IN_PARTS = [name for name in LAYERS if name not in WITHOUT]


def sizes_in_parts(of: Subject) -> Sizes:
    """Axes of different lengths, one of them beyond the lanes."""
    grid = {"n": 7, "m": 37, "p": 35, "N": 5, "K": 6}
    if len(of.form.input.axes) == 1:
        grid |= {"n": 41}
    if len(of.form.input.axes) == 3 and "p" in {s.name for s in of.form.sizes}:
        grid |= {"n": 3, "m": 5}
    if of.name == "dense2d":
        grid |= {"n": 3, "m": 2}
    return {s: grid.get(s.name, 2 if s.name in "CDR" else 1) for s in of.form.sizes}


@pytest.mark.parametrize("name", IN_PARTS)
def test_gradients_of_small_integers(name: str) -> None:
    of, sizes = subject(name, "cupy"), sizes_in_parts(subject(name))
    arrays = whole_numbers(of, sizes, (np.float32,) * 3, (3,), most=1)
    with parted():
        found = slopes_of(of, arrays, sizes)
    for got, wanted in zip(found, slopes_of(subject(name), arrays, sizes), strict=True):
        assert np.array_equal(got, wanted)
    assert any(k._compiled for parts in parts_of(name) for k in parts._kernels)


@pytest.mark.nightly
def test_the_layers_in_parts_are_all_that_have_weights_or_biases_to_learn() -> None:
    assert {name for name in LAYERS if not parts_of(name)} == set(WITHOUT)


def test_a_layer_that_adds_up_all_items_is_in_parts_itself() -> None:
    of, sizes = subject("conv2d_channels_dV", "cupy"), sizes_in_parts(subject("conv2d_channels_dV"))
    arrays = whole_numbers(of, sizes, (np.float32,) * 3, (3,), most=1)
    with parted():
        assert np.array_equal(of(arrays, sizes), subject(of.name)(arrays, sizes))
    assert any(k._compiled for parts in parts_of(of.name) for k in parts._kernels)


def test_residues() -> None:
    """The text, unchanged, modulo a 61-bit prime, against that of one thread a result."""
    of = subject("conv2d", "cupy")
    sizes, draw = sizes_in_parts(of), np.random.default_rng(0)
    shapes = {n: a.shape for n, a in whole_numbers(of, sizes, (np.float64,) * 3, (2,)).items()}
    numbers = [draw.integers(0, MERSENNE_61, shapes[n]).astype(object) for n in of.kernel.arguments]

    def program(cupy: Any, *operands: Any) -> Any:
        return of.kernel.vjp(*operands, operands[0])[1]

    with direct():
        plain = run_mod_p(program, numbers, dtype=np.float64)[MERSENNE_61]
    with parted():
        assert np.array_equal(run_mod_p(program, numbers, dtype=np.float64)[MERSENNE_61], plain)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_same_input_gives_the_same_bits(dtype: str) -> None:
    """Whatever the order of threads, and within the bound; parts of float16 are float32, and rounded when all are added."""
    of, sizes = subject("conv2d", "cupy"), sizes_in_parts(subject("conv2d"))
    draw = np.random.default_rng(0)
    shapes = {n: a.shape for n, a in directions(of.form, sizes, BATCH, 0).items()}
    arrays = {n: draw.uniform(-1, 1, shape).astype(dtype) for n, shape in shapes.items()}
    arrays["G"] = arrays.pop(of.form.output.name)
    found = set()
    for schedule in SCHEDULES:
        with using(schedule=schedule), parted(), of.machine() as xp:
            got = of.kernel.vjp(*(xp.asarray(arrays[name]) for name in (*of.kernel.arguments, "G")))[1].get()
        found.add(got.tobytes())
    assert len(found) == 1
    assert got.dtype == dtype
    slope = next(s for s in slopes(of.form) if s.by == "V")
    exact = exact_slope(slope, {n: as_fractions(a) for n, a in arrays.items()}, sizes, BATCH)
    bounds = slope_bounds(entry_of("conv2d").gradients("cupy")["V"], slope, arrays, sizes, BATCH, dtype)
    for value, true, bound in zip(got.ravel(), exact.ravel(), bounds, strict=True):
        assert bound is not None and abs(Fraction(*value.as_integer_ratio()) - true) <= bound


FAULTS = {
    "a place twice": ("min(min(n, i0 + length_i), n - a)", "min(min(n, i0 + length_i + 1), n - a)", "differs"),
    "a place less": ("i < min(min(n, i0 + length_i), n - a)", "i < min(min(n, i0 + length_i - 1), n - a)", "differs"),
    "no edge": (
        "j = max(-b, j0) + (((j0 + lane - max(-b, j0))",
        "j = j0 + (((j0 + lane - j0)",
        "differs|out of bounds",
    ),
    "another lane": ("j0 + lane - max(-b, j0)", "j0 + lane / 2 - max(-b, j0)", "differs"),
    "items again": ("min(batch, z0 + length_z)", "batch", "differs"),
    "parts overlap": ("*chunks_j + chunk_j)*32 + lane)", "*chunks_j + chunk_j)*32 + lane / 2)", "race"),
    "a part is left out": ("t < min(32LL, parts - 32*s)", "t < min(32LL, parts - 32*s) - 1", "differs"),
    "a part too many": ("t < min(32LL, parts - 32*s)", "t < 32", "out of bounds|differs"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_the_text_is_found(name: str) -> None:
    old, new, says = FAULTS[name]
    of, sizes = subject("conv2d", "cupy"), sizes_in_parts(subject("conv2d"))
    before, text = of.text.split("PARTS = ", 1)
    assert old in text
    faulty = mutant(of, f"{before}PARTS = {text.replace(old, new, 1)}")
    arrays = whole_numbers(of, sizes, (np.float32,) * 3, (3,), most=1)
    try:
        with parted():
            got = slopes_of(faulty, arrays, sizes)[1]
        found = "same" if np.array_equal(got, slopes_of(subject("conv2d"), arrays, sizes)[1]) else "differs"
    except CudaFault as fault:
        found = str(fault)
    assert any(part in found for part in says.split("|")), found


def test_how_loops_are_cut() -> None:
    most = 1 << 17
    (weights, bias) = parts_of("conv2d")
    assert weights.chunks(9, (1, 4, 4096), most).counts == (1, 4, 8)  # a part has 16 products or more
    found = weights.chunks(9, (1, 8192, 8192), most)
    assert (found.counts, found.lengths, found.parts) == ((1, 432, 1), (1, 19, 8192), 432 * 32)
    assert weights.chunks(9, (4096, 32, 32), most).counts == (410, 1, 1)  # items first
    assert weights.chunks(2**16, (1, 512, 512), most).parts == 32
    assert bias.chunks(1, (1, 2**30, 1), most).counts == (1, 4096, 1)
    (channels,) = parts_of("conv2d_channels_dV")
    assert channels.chunks(9 * 64 * 64, (16, 56, 56), most).parts == 3


def test_what_parts_lack() -> None:
    (weights, _), (channels,) = parts_of("conv2d"), parts_of("conv2d_channels_dV")
    assert weights.lacks(9, (1, 512, 512), 1 << 11) == ""
    assert weights.lacks(2**17, (1, 512, 512), 1 << 17) == "131072 results keep a device busy"
    assert channels.lacks(9, (1, 2, 2), 1 << 11) == "its sums have few terms"


@pytest.mark.parametrize(("side", "chosen"), [(8, "direct"), (8192, {"threads": 1 << 17})])
def test_parts_are_taken_where_they_are_quicker(side: int, chosen: Any) -> None:
    kernel = subject("conv2d", "cupy").kernel
    sizes = {"n": side, "m": side, "Delta": 1, "batch": 1}
    runtime = sys.modules["derive_compiled._runtime.designs"]
    single = np.dtype(np.float32)
    found = runtime.choose_design(kernel.gradients["V"], sizes, Types(single, single, single))
    assert found.knobs == chosen if isinstance(chosen, dict) else found.name == chosen


@pytest.mark.parametrize("name", IN_PARTS)
def test_every_program_in_parts_compiles(name: str) -> None:
    """For the oldest architecture and the newest."""
    for architecture in (ARCHITECTURES[0], ARCHITECTURES[-1]):
        compiles(name, architecture)


@pytest.mark.nightly
@pytest.mark.parametrize("architecture", ARCHITECTURES[1:-1])
@pytest.mark.parametrize("name", IN_PARTS)
def test_every_program_in_parts_compiles_everywhere(name: str, architecture: str) -> None:
    compiles(name, architecture)


def compiles(name: str, architecture: str) -> None:
    """No warning, no stack and no spill, for every element type."""
    try:
        find_nvrtc()
    except NoCompiler as missing:
        pytest.skip(str(missing))
    for dtype in _TYPES:
        made = compile_cuda(parts_of(name)[0].source, architecture, _options(dtype))
        assert len(made.kernels) == len(parts_of(name)) + 1
        assert {(r.stack, r.spill_stores, r.spill_loads) for r in made.kernels.values()} == {(0, 0, 0)}


def test_a_type_of_its_own_is_needed() -> None:
    with pytest.raises(CompileError, match="NVRTC refuses"):
        compile_cuda(parts_of("conv1d")[0].source, "sm_90", ("-Dreal=float",))
