"""Emitted tiles with a halo, unchanged, on a CPU that stands in for the device: cells, barriers, edges, and machine code."""

from typing import Any

import numpy as np
import pytest

from derive.algorithms._halos import making
from derive.cuda_check import MERSENNE_61, CudaFault, NoCompiler, run_mod_p, using
from derive.cuda_check.nvrtc import ARCHITECTURES, compile_cuda, find_nvrtc
from derive.cuda_check.settings import Launched
from derive.cuda_check.trace import Request, Trace
from derive.errors import NoLowering
from derive.ir.halos import ARRAYS, LANES, RESULTS
from derive.lowering import batched
from derive.runtime import halos as runtime
from tests.cuda.blocks import BLOCKED, HALOED_SLOPES, PASSED, direct, halos, halos_of, sizes_in_halos
from tests.cuda.disassembly import find_disassembler, instructions
from tests.cuda.test_strips import slopes_of
from tests.ladder.checks import rounding_errors, whole_numbers
from tests.ladder.floats import REGIMES, drawn
from tests.ladder.subjects import entry_of, mutant, subject

pytestmark = pytest.mark.usefixtures("cxx")

DESIGNS = [*((name, "halos") for name in BLOCKED), *((name, "passes") for name in PASSED)]


def compiled(name: str, design: str) -> int:
    """How many texts of a design of a layer were compiled."""
    return sum(len(own._compiled) for own in halos_of(name) if design in own.name)


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize(("name", "design"), DESIGNS)
def test_small_integers(name: str, design: str, aligned: bool) -> None:
    """Tiles inside and at the edges; rows of which four neighbours are filled at once, and rows of which they can't be."""
    of = subject(name, "cupy")
    sizes = sizes_in_halos(of, aligned)
    arrays = whole_numbers(of, sizes, (np.float32,) * 3, (2,))
    with halos(design):
        assert np.array_equal(of(arrays, sizes), subject(name)(arrays, sizes))
    assert compiled(name, design) > 0


@pytest.mark.parametrize(("name", "design"), [*DESIGNS, *((name, "halos") for name in HALOED_SLOPES)])
def test_gradients_of_small_integers(name: str, design: str) -> None:
    of = subject(name, "cupy")
    sizes = sizes_in_halos(of)
    arrays = whole_numbers(of, sizes, (np.float32,) * 3, (2,), most=1)
    with halos(design):
        found = slopes_of(of, arrays, sizes)
    for got, wanted in zip(found, slopes_of(subject(name), arrays, sizes), strict=True):
        assert np.array_equal(got, wanted)


@pytest.mark.parametrize(("name", "design"), [("conv2d", "halos"), ("separable2d", "passes"), *DESIGNS[2:4]])
def test_residues(name: str, design: str) -> None:
    """The text, unchanged, modulo a 61-bit prime, against that of one thread an output."""
    of = subject(name, "cupy")
    sizes = sizes_in_halos(of)
    draw = np.random.default_rng(0)
    shapes = {n: a.shape for n, a in whole_numbers(of, sizes, (np.float64,) * 3).items()}
    numbers = [draw.integers(0, MERSENNE_61, shapes[n]).astype(object) for n in of.kernel.arguments]

    def program(cupy: Any, *operands: Any) -> Any:
        return of.kernel(*operands, **of.stated(sizes))

    with direct():
        plain = run_mod_p(program, numbers, dtype=np.float64)[MERSENNE_61]
    with halos(design):
        assert np.array_equal(run_mod_p(program, numbers, dtype=np.float64)[MERSENNE_61], plain)


@pytest.mark.parametrize(("name", "design"), [("conv2d", "halos"), ("separable2d", "passes")])
def test_a_result_is_the_same_bits_wherever_it_stands_in_a_tile(name: str, design: str) -> None:
    """Inside, and at an edge that its window doesn't meet: the image is moved on by half a tile."""
    of = subject(name, "cupy")
    sizes = sizes_in_halos(of)
    arrays = drawn(of, sizes, "uniform", np.float32)
    moved = dict(arrays, X=np.roll(arrays["X"], (4, 16), (0, 1)))
    with halos(design):
        one, two = of(arrays, sizes), of(moved, sizes)
    assert one[2:-6, 2:-18].tobytes() == two[6:-2, 18:-2].tobytes()


@pytest.mark.parametrize(("name", "design"), [("conv2d", "halos"), ("separable2d", "passes")])
def test_an_infinity_stays_where_its_window_is(name: str, design: str) -> None:
    """At the edges nothing is multiplied by zeros that aren't there."""
    of = subject(name, "cupy")
    sizes = sizes_in_halos(of)
    arrays = whole_numbers(of, sizes, (np.float32,) * 3)
    for weights in set(arrays) & {"V", "P", "Q"}:
        arrays[weights][...] = np.inf
    arrays["X"][...] = 1
    with halos(design):
        assert np.all(np.isposinf(of(arrays, sizes)))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("design", ["halos", "passes"])
def test_errors_are_within_the_bound_of_direct_sums(design: str, dtype: str) -> None:
    """Two passes round less often, and what underflows in the first is multiplied by one factor more, as in a product of three."""
    of = subject("separable2d", "cupy")
    sizes = {s: {"n": 11, "m": 9, "Delta": 1, "R": 2}[s.name] for s in of.form.sizes}
    with halos(design):
        for seed, regime in enumerate(REGIMES):
            assert isinstance(rounding_errors(of, drawn(of, sizes, regime, dtype, seed), sizes), list)


@pytest.mark.parametrize("radius", [0, 2, 5, 11])
def test_windows_of_any_size(radius: int) -> None:
    """One that is one tap, and one that is longer than the image is high."""
    of = subject("conv2d", "cupy")
    sizes = {s: {"n": 20, "m": 61, "Delta": radius}[s.name] for s in of.form.sizes}
    arrays = whole_numbers(of, sizes, (np.float64,) * 3, (2,))
    with halos("halos", 2):
        assert np.array_equal(of(arrays, sizes), subject("conv2d")(arrays, sizes))


FAULTS = {
    "no barrier before the sum": ("halos", "__syncthreads();", "", "race|no thread of the block has written"),
    "no barrier before the second pass": (
        "passes",
        "__syncthreads();\n        // acc",
        "// acc",
        "race|no thread of the block has written",
    ),
    "a row too few": (
        "halos",
        "part >= (2*Delta + P*R)",
        "part >= (2*Delta + P*R - 1)",
        "no thread of the block has written",
    ),
    "another row": ("halos", "i0 + y - Delta)", "i0 + y - Delta + 1)", "differs"),
    "another place": ("halos", "[q + b - left]", "[q + b - left + 1]", "differs|no thread of the block has written"),
    "no test of the first place": ("halos", "if (0 <= j0 + left && ", "if (", "out of bounds|differs"),
    "a term beyond the edge": (
        "halos",
        "if (0 <= i0 + a + R*p + r && ",
        "if (",
        "no thread of the block has written|differs",
    ),
    "a tile too few": ("halos", "block % ((m + Q - 1) / Q)", "block % ((m - 1) / Q)", "race|NaN|differs|out of bounds"),
    "unaligned": ("halos", "j0 + left + t];", "j0 + left + t + 1];", "not aligned|out of bounds"),
    "cells of one row": ("halos", "const int y = part;", "const int y = 0;", "race"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_the_text_is_found(name: str) -> None:
    design, old, new, says = FAULTS[name]
    layer = "conv2d" if design == "halos" else "separable2d"
    of = subject(layer, "cupy")
    start = f'{design.upper()} = r"""'
    before, text = of.text.split(start, 1)
    assert old in text, text
    faulty = mutant(of, f"{before}{start}{text.replace(old, new, 1)}")
    sizes = {s: 40 if s.name == "n" else v for s, v in sizes_in_halos(of).items()}
    arrays = whole_numbers(of, sizes, (np.float32,) * 3)
    try:
        with halos(design, 2):
            same = np.array_equal(faulty(arrays, sizes), subject(layer)(arrays, sizes))
        found = "same" if same else "differs"
    except CudaFault as fault:
        found = str(fault)
    assert any(part in found for part in says.split("|")), found


class _Traced:
    """Is told of launches, and keeps what their warps ask for, by the kernel."""

    def __init__(self) -> None:
        self.requests: dict[str, list[Request]] = {}

    def launched(self, launch: Launched) -> None:
        pass

    def traced(self, launch: Launched, trace: Trace) -> None:
        edges = launch.code.index("    } else {")
        first = launch.code[:edges].count("\n") + 1
        self.requests[launch.kernel] = [r for r in trace.requests() if r.line is not None and r.line < first]

    def found(self, fault: CudaFault, code: str) -> None:
        raise fault


@pytest.mark.parametrize(
    ("name", "design"),
    [
        ("conv2d", "halos"),
        ("separable2d", "passes"),
        ("conv1d", "halos"),
        ("depthwise2d", "halos"),
        ("conv3d", "halos"),
    ],
)
def test_a_tile_inside_asks_for_whole_sectors_and_meets_no_bank_twice(name: str, design: str) -> None:
    of, watch = subject(name, "cupy"), _Traced()
    sizes = sizes_in_halos(of)
    arrays = whole_numbers(of, sizes, (np.float32,) * 3)
    with using(trace_capacity=1 << 20, watch=watch), halos(design):
        of(arrays, sizes)
    (found,) = watch.requests.values()
    assert not any(r.conflicts for r in found)
    for array, write in (("X", False), ("H", True)):
        main = [r for r in found if r.argument == array and r.write == write]
        assert main and 32 * sum(r.sectors for r in main) == sum(r.bytes for r in main)
    assert {r.bytes for r in found if r.argument == "X"} >= {32 * 16}


def test_results_in_rows_that_are_no_whole_sectors_lie_in_five_at_most() -> None:
    """128 bytes that begin within a sector do."""
    of, watch = subject("valid2d", "cupy"), _Traced()
    sizes = {s: {"n": 12, "m": 131}.get(s.name, 1) for s in of.form.sizes}
    with using(trace_capacity=1 << 20, watch=watch), halos():
        of(whole_numbers(of, sizes, (np.float32,) * 3), sizes)
    (found,) = watch.requests.values()
    stores = [r.sectors for r in found if r.write and r.bytes == 128 and r.argument == "H"]
    assert set(stores) == {4, 5} and not any(r.conflicts for r in found)


def test_what_tiles_with_a_halo_lack() -> None:
    assert runtime._PROVED == (RESULTS, LANES)
    own, *_ = halos_of("conv2d")
    sizes, places = (1, 56, 56), (56, 56)
    assert own.lacks((8, 4, 32), places, 2, 1800, 24, sizes) == ""
    assert own.lacks((4, 4, 32), places, 2, 1800, 24, sizes) == (
        "its proof is for 8 results a thread and 32 threads along the last letter"
    )
    assert own.lacks((8, 4, 32), places, 2, 7000, 24, sizes) == (
        "a tile with its halo has 7000 cells, and a block shares 6128"
    )
    assert own.lacks((8, 4, 32), places, 2, 1800, 2049, sizes) == (
        "2049 products of a thread are more than the 2048 that are unrolled"
    )
    narrow = "its indices of 32 bits are proved to fit up to 2**28, and a size is 536870912"
    assert own.lacks((8, 4, 32), (2**29, 56), 1, 1800, 24, sizes) == narrow
    assert own.lacks((8, 1, 32), (2**28, 2**28), 1, 1800, 24, sizes) == "a grid has not so many blocks"
    assert own._blocks((8, 4, 32), (56, 56), 2) == 2 * 2 * 2
    assert own._blocks((8, 4, 32), (1030,), 1) == 2


@pytest.mark.parametrize(
    ("name", "side", "radius", "chosen"),
    [
        ("conv2d", 4096, 1, "strips"),
        ("conv2d", 4096, 10, "halos"),
        ("conv2d", 4096, 20, "halos"),
        ("conv2d", 4096, 30, "direct"),
        ("separable2d", 4096, 1, "strips"),
        ("separable2d", 4096, 7, "passes"),
        ("separable2d", 4096, 20, "passes"),
        ("separable2d", 4096, 30, "direct"),
    ],
)
def test_large_windows_are_kept_in_shared_memory(name: str, side: int, radius: int, chosen: str) -> None:
    """Up to those whose halo a block has no room for: then there is one thread a result, and the plan says why."""
    kernel, taps = subject(name, "cupy").kernel, 2 * radius + 1
    shapes = [(taps, taps)] if name == "conv2d" else [(1, taps), (1, taps)]
    plan = kernel.plan((side, side), *(np.ones(shape, np.float32) for shape in shapes))
    assert plan.algorithm == chosen
    assert (chosen == "direct") == ("cells, and a block shares 6128" in str(plan.explain()).replace("\n", " "))


@pytest.fixture
def nvrtc() -> None:
    try:
        find_nvrtc()
    except NoCompiler as missing:
        pytest.skip(str(missing))


@pytest.mark.usefixtures("nvrtc")
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", [*BLOCKED, *HALOED_SLOPES])
def test_every_tile_with_a_halo_compiles(name: str, architecture: str) -> None:
    for own in halos_of(name):
        made = compile_cuda(own.source, architecture, _options(own))
        assert [(r.stack, r.spill_stores, r.spill_loads) for r in made.kernels.values()] == [(0, 0, 0)]


@pytest.mark.usefixtures("nvrtc")
@pytest.mark.parametrize(("name", "design"), [("conv2d", "halos"), ("separable2d", "passes")])
def test_the_largest_window_that_is_admitted_has_room(name: str, design: str) -> None:
    """Of doubles, on the architecture that has least: its cells fill nearly all that a block may have, and one more is refused."""
    kernel = subject(name, "cupy").kernel
    own = next(k for k in halos_of(name) if k.name == f"{name}_{design}")
    knobs = dict(zip(own.knobs, (8, 1, 32, 2), strict=True))
    known = {"n": 4096, "m": 4096, "batch": 1, "R": 1, **knobs}
    lacks = next(a.lacks for a in kernel.algorithms if a.name == design)
    most = next(radius for radius in range(1, 99) if lacks(**known, Delta=radius)) - 1
    numbers = known | {"Delta": most}
    options = ("-Dstored=double", "-Dreal=double", *(f"-D{key}={numbers[key]}" for key in (*own.knobs, "Delta")))
    options += ("-DR=1",) if "R" not in own.knobs else ()
    (found,) = compile_cuda(own.source, ARCHITECTURES[0], options).kernels.values()
    assert 40 << 10 < found.shared <= 48 << 10


def test_arrays_in_shared_memory_leave_room_for_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each begins at a multiple of 16 bytes, so that one of odd length has half of that behind it."""
    assert runtime._CELLS + ARRAYS == 48 * 1024 // 8
    monkeypatch.setattr(making, "ARRAYS", 2)
    form = entry_of("separable2d").derivation.form
    with pytest.raises(NoLowering, match="it needs at most 1 factors, each with an array in shared memory"):
        making.halos(form, batched(form))


@pytest.mark.usefixtures("nvrtc")
@pytest.mark.parametrize("real", ["double", "long long"])
def test_every_type_has_its_registers(real: str) -> None:
    own, *_ = halos_of("conv2d")
    made = compile_cuda(own.source, "sm_90", _options(own, real, 15, 2))
    assert [(r.stack, r.spill_stores, r.spill_loads) for r in made.kernels.values()] == [(0, 0, 0)]


@pytest.mark.usefixtures("nvrtc")
def test_a_column_is_read_once_for_eight_results(tmp_path: Any) -> None:
    """On sm_90, at 31×31: 31 + 7 cells of the input and 31 of weights for 8·31 products; cells are filled by 128 bits."""
    tool = find_disassembler()
    if tool is None:
        pytest.skip("nvdisasm was not found: `pip install nvidia-cuda-nvdisasm`.")
    own, *_ = halos_of("conv2d")
    found = instructions(compile_cuda(own.source, "sm_90", _options(own, radius=15)), tmp_path, tool)
    assert sum(n.startswith("FFMA") for n in found) == 8 * 31 + 8  # and at the edges
    assert sum(n.startswith("LDS") for n in found) <= 31 + 7 + 31 + 16
    assert any(n.startswith("LDG.E.128") for n in found)
    assert any(n.startswith("STS.128") for n in found)


def _options(own: Any, real: str = "float", radius: int = 1, width: int = 4) -> tuple[str, ...]:
    knobs = dict(zip(own.knobs, (8, 4, 32, width), strict=True))
    name = next(n for n in (*BLOCKED, *HALOED_SLOPES) if own.name.startswith(f"{n}_"))
    made = (p for every in entry_of(name).haloed("cupy").values() for p in every)
    constants = {str(s) for p in made for s in p.constants}
    numbers = knobs | {size: radius if size == "Delta" else 2 for size in sorted(constants)}
    return (f"-Dstored={real}", f"-Dreal={real}", *(f"-D{name}={value}" for name, value in numbers.items()))
