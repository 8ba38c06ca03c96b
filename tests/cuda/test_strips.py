"""Emitted programs in blocks, unchanged, on a CPU that stands in for the device: every access, kind of number and order."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from derive.compiled import load_source
from derive.cuda_check import (
    MERSENNE_61,
    SCHEDULES,
    CudaFault,
    NoCompiler,
    find_compiler,
    run_mod_p,
    standing_in_for_cupy,
    using,
)
from derive.cuda_check.settings import Launched
from derive.cuda_check.trace import Request, Trace
from derive.pipeline import layer
from tests.cuda.blocks import (
    BLOCKED,
    HALOED_SLOPES,
    PASSED,
    SLOPES,
    TILED,
    blocks,
    direct,
    halos_of,
    sizes_in_blocks,
    strips_of,
    tiles_of,
)
from tests.ladder.checks import whole_numbers
from tests.ladder.floats import drawn
from tests.ladder.subjects import LAYERS, Arrays, Sizes, Subject, mutant, subject
from tests.shipped import text_of


@pytest.fixture(scope="module", autouse=True)
def _compiler() -> None:
    try:
        find_compiler()
    except NoCompiler as missing:
        pytest.skip(str(missing))


def compiled(name: str) -> int:
    """How many texts of a layer's programs in blocks were compiled."""
    return sum(len(strips._compiled) for strips in strips_of(name))


def in_blocks(of: Subject, arrays: Arrays, sizes: Sizes, rows: int = 2) -> np.ndarray:
    with blocks(rows):
        return of(arrays, sizes)


def slopes_of(of: Subject, arrays: Arrays, sizes: Sizes) -> list[np.ndarray]:
    """The gradients that the layer's own call gives, where the gradient by the result is the result."""
    with of.machine() as xp:
        given = [xp.asarray(arrays[name]) for name in of.kernel.arguments]
        result = of.kernel(*given, **of.stated(sizes))
        found = of.kernel.vjp(*given, result, **of.stated(sizes, gradient=True))
        return [np.asarray(g if xp is np else g.get()) for g in found if g is not None]


def test_the_layers_in_blocks_are_these() -> None:
    assert {name for name in LAYERS if strips_of(name)} == {*BLOCKED, *SLOPES}
    assert tuple(name for name in LAYERS if tiles_of(name)) == TILED
    assert {name for name in LAYERS if halos_of(name)} == {*BLOCKED, *HALOED_SLOPES}
    assert tuple(name for name in LAYERS if any("passes" in own.name for own in halos_of(name))) == PASSED


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("name", BLOCKED)
def test_small_integers(name: str, aligned: bool) -> None:
    """Blocks inside and at the edges; rows that four neighbours at once are read of, and rows of which they can't be."""
    of = subject(name, "cupy")
    sizes = sizes_in_blocks(of, aligned)
    arrays = whole_numbers(of, sizes, (np.float32,) * 3, (2,))
    assert np.array_equal(in_blocks(of, arrays, sizes), subject(name)(arrays, sizes))
    assert compiled(name) > 0


@pytest.mark.parametrize("name", [*BLOCKED, *SLOPES])
def test_gradients_of_small_integers(name: str) -> None:
    of = subject(name, "cupy")
    sizes = sizes_in_blocks(of)
    arrays = whole_numbers(of, sizes, (np.float32,) * 3, (2,), most=1)
    with blocks():
        found = slopes_of(of, arrays, sizes)
    for got, wanted in zip(found, slopes_of(subject(name), arrays, sizes), strict=True):
        assert np.array_equal(got, wanted)


@pytest.mark.parametrize("name", BLOCKED)
def test_residues(name: str) -> None:
    """The text, unchanged, modulo a 61-bit prime, against that of one thread an output."""
    of = subject(name, "cupy")
    sizes = sizes_in_blocks(of)
    draw = np.random.default_rng(0)
    shapes = {n: a.shape for n, a in whole_numbers(of, sizes, (np.float64,) * 3, (2,)).items()}
    numbers = [draw.integers(0, MERSENNE_61, shapes[n]).astype(object) for n in of.kernel.arguments]

    def program(cupy: Any, *operands: Any) -> Any:
        return of.kernel(*operands, **of.stated(sizes))

    with direct():
        plain = run_mod_p(program, numbers, dtype=np.float64)[MERSENNE_61]
    with blocks():
        assert np.array_equal(run_mod_p(program, numbers, dtype=np.float64)[MERSENNE_61], plain)


@pytest.mark.parametrize("name", BLOCKED)
def test_results_are_those_of_direct_sums_bit_for_bit(name: str) -> None:
    """Sums are added up in one order, wherever a result stands in a block, whatever the order of threads."""
    of = subject(name, "cupy")
    sizes = sizes_in_blocks(of)
    arrays = drawn(of, sizes, "uniform", np.float32)
    with direct():
        plain = of(arrays, sizes).tobytes()
    for schedule in SCHEDULES:
        with using(schedule=schedule):
            assert in_blocks(of, arrays, sizes).tobytes() == plain


@pytest.mark.parametrize("rows", [1, 4, 8])
def test_blocks_of_any_height(rows: int) -> None:
    of = subject("conv2d", "cupy")
    sizes = sizes_in_blocks(of) | {s: 21 for s in of.form.sizes if s.name == "n"}
    arrays = whole_numbers(of, sizes, (np.float32,) * 3)
    assert np.array_equal(in_blocks(of, arrays, sizes, rows), subject("conv2d")(arrays, sizes))


def test_an_image_that_starts_between_is_read_one_by_one() -> None:
    """Of an array that is a part of another, rows may start anywhere."""
    of = subject("conv2d", "cupy")
    sizes = sizes_in_blocks(of)
    arrays = whole_numbers(of, sizes, (np.float32,) * 3)
    n, m = arrays["X"].shape
    with of.machine() as xp, blocks():
        X, V, u = (xp.asarray(arrays[name]) for name in of.kernel.arguments)
        whole = xp.zeros(n * m + 1, dtype=np.float32)
        whole[1:] = X.ravel()
        got = of.kernel(whole[1:].reshape(n, m), V, u).get()
    assert np.array_equal(got, subject("conv2d")(arrays, sizes))


def test_an_infinity_stays_where_its_window_is() -> None:
    """At the edges nothing is multiplied by zeros that aren't there."""
    of = subject("conv2d", "cupy")
    sizes = sizes_in_blocks(of)
    arrays = whole_numbers(of, sizes, (np.float32,) * 3)
    arrays["V"][...] = np.inf
    arrays["X"][...] = 1
    assert np.all(np.isposinf(in_blocks(of, arrays, sizes)))


FAULTS = {
    "no test of rows": ("Delta <= i0 && ", "", "out of bounds"),
    "one row too few": ("y < 2*Delta + R", "y < 2*Delta + R - 1", "differs"),
    "a row on": ("i0 + y - Delta)*m", "i0 + y - Delta + 1)*m", "differs|out of bounds"),
    "unaligned": ("const int left = -Delta - ", "const int left = -1 - Delta - ", "not aligned|out of bounds"),
    "another tap": ("const int a = y - Delta - p", "const int a = p + Delta - y", "differs"),
    "no edge": ("int i = i0; i < min(n, i0 + R)", "int i = i0 + 1; i < min(n, i0 + R)", "differs"),
    "no test of the end of rows": (" && j0 + right <= m", "", "out of bounds|race"),
    "blocks overlap": ("const int j0 = S*", "const int j0 = (S - 1)*", "race|not aligned"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_the_text_is_found(name: str) -> None:
    old, new, says = FAULTS[name]
    of = subject("conv2d", "cupy")
    before, text = of.text.split("STRIPS = ", 1)
    assert old in text
    faulty = mutant(of, f"{before}STRIPS = {text.replace(old, new, 1)}")
    sizes = sizes_in_blocks(of)
    arrays = whole_numbers(of, sizes, (np.float32,) * 3)
    try:
        same = np.array_equal(in_blocks(faulty, arrays, sizes), subject("conv2d")(arrays, sizes))
        found = "same" if same else "differs"
    except CudaFault as fault:
        found = str(fault)
    assert any(part in found for part in says.split("|")), found


def test_what_blocks_lack() -> None:
    strips = replace(strips_of("conv2d")[0], _compiled={})
    assert strips.lacks((8, 4), (8192, 8192, 1), 9, (8192, 8192)) == ""
    assert strips.lacks((8, 4), (8192, 8192, 1), 81, (8192, 8192)) == (
        "2592 products of a thread are more than the 2048 that are unrolled"
    )
    narrow = "its indices of 32 bits are proved to fit up to 2**28, and a size is 536870912"
    assert strips.lacks((8, 4), (2**29, 8, 1), 9, (2**29, 8)) == narrow
    assert replace(strips, narrow=False).lacks((8, 4), (2**29, 8, 1), 9, (2**29, 8)) == ""
    grid = "a grid has not so many blocks"  # along its third axis, its second and its first
    assert strips.lacks((8, 4), (8192, 8192, 70000), 9, (8192, 8192)) == grid
    assert strips.lacks((1, 4), (8, 2**19, 1), 9, (8, 2**19)) == grid
    assert replace(strips, narrow=False).lacks((1, 4), (2**40, 8, 1), 9, (2**40, 8)) == grid
    assert strips._grid((8, 4), (8192, 8192, 1)) == ((64, 256, 1), (32, 4))
    assert strips._grid((4,), (8192, 1, 3)) == ((16, 1, 3), (128, 1))


@pytest.mark.parametrize(
    ("side", "radius", "chosen"),
    [
        (64, 1, "direct"),
        (512, 1, {"R": 2, "S": 4}),
        (8192, 1, {"R": 8, "S": 4}),
        (8192, 4, {"R": 4, "S": 4}),
        (8192, 5, {"R": 4, "S": 4}),
        (8192, 8, "halos"),
        (8192, 16, "halos"),
        (8192, 30, "direct"),
    ],
)
def test_blocks_are_taken_where_they_are_quicker(side: int, radius: int, chosen: Any) -> None:
    """Few results aren't worth a text of their own; more rows save reads, but leave fewer threads; large windows share cells."""
    plan = subject("conv2d", "cupy").kernel.plan((side, side), np.ones((2 * radius + 1,) * 2, np.float32))
    assert plan.choice.knobs == chosen if isinstance(chosen, dict) else plan.algorithm == chosen


class _Traced:
    """A watch that keeps the requests of the kernels in blocks, whose accesses are of so many neighbours."""

    def __init__(self, width: int) -> None:
        self.width, self.requests = width, list[Request]()

    def launched(self, launch: Launched) -> None:
        assert f"-DW={self.width}" in launch.options

    def traced(self, launch: Launched, trace: Trace) -> None:
        self.requests += trace.requests()

    def found(self, fault: Exception, code: str) -> None:
        raise fault


# A layer, the type of its entries, its window's radius, its image's columns, and the neighbours of one access.
WARPS = (
    ("conv2d", "float32", 1, 512, 4),
    ("conv2d", "float32", 2, 512, 4),
    ("conv2d", "float64", 1, 256, 2),
    ("conv2d", "float16", 1, 512, 4),
    ("valid2d", "float32", 1, 258, 1),
    ("valid2d", "float32", 2, 261, 1),
    ("valid2d", "float64", 1, 131, 1),
)


@pytest.mark.parametrize("case", WARPS)
def test_full_warps_ask_for_no_sector_more_than_they_use(case: tuple[str, str, int, int, int]) -> None:
    """A warp's entries lie side by side: 128 bytes are 4 sectors, and those that begin within a sector end in one more.

    So do neighbours of the results' own columns, and rows that are no whole sectors, which no launch can divide into these.
    """
    name, dtype, radius, columns, width = case
    watch = _Traced(width)
    X, V, u = (np.ones(shape, dtype) for shape in ((2 * radius + 2, columns), (2 * radius + 1,) * 2, ()))
    with standing_in_for_cupy(watch=watch, trace_capacity=1 << 18) as cupy:
        kernel = getattr(load_source(text_of(layer(name), "cupy"), "cupy"), name).using("strips")
        kernel(*(cupy.asarray(array) for array in (X, V, u)))
    size = 32 * width * np.dtype(dtype).itemsize
    whole, full = size // 32, [r for r in watch.requests if r.bytes == size]
    loads, stores = ([r.sectors for r in full if r.argument == argument] for argument in "XH")
    assert stores and set(stores) <= ({whole} if columns % 32 == 0 else {whole, whole + 1})
    assert set(loads) <= {whole, whole + 1}
    assert 3 * loads.count(whole) >= len(loads) if columns % 32 == 0 else whole in loads
    assert not any(r.conflicts for r in watch.requests)
