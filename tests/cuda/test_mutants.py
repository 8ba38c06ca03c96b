"""Mutants of emitted kernels, of what launches them, and of hand-written ones: each is killed, or listed as equivalent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from derive.cuda_check import SCHEDULES, RawModule, prebuild_modules, standing_in_for_cupy
from derive.registry import find
from derive.runtime import cuda as runtime
from tests.cuda.blocks import halos, sizes_in_tiles, tiles
from tests.cuda.conftest import text_of
from tests.cuda.killing import STEPS, TYPES, alone, cases, killed, loaded, with_runtime
from tests.cuda.mutants import PARTS_RULES, Mutant, kernel_mutants, runtime_mutants, wrapper_mutants
from tests.cuda.parts import parted
from tests.cuda_check import test_clean_kernels as written
from tests.ladder.subjects import entry_of, subject
from tests.pace import within

pytestmark = [pytest.mark.usefixtures("cxx"), pytest.mark.filterwarnings("ignore::RuntimeWarning")]

# Small sizes, unequal, even and odd; more than one block of threads, once by a single thread; a window beyond the image.
SIZES = {
    "conv2d": ((4, 5, 1), (13, 18, 2), (2, 3, 4), (1, 257, 1)),
    "strided2d": ((4, 5, 1), (26, 38, 2), (201, 5, 1), (1, 513, 1)),
    "conv2d_channels_dV": ((4, 5, 3, 1, 2), (3, 2, 6, 2, 3), (2, 3, 2, 4, 1), (2, 3, 257, 0, 1)),
}
# In parts: a last chunk of few rows, or of few items; a window beyond the image; many parts, as many and one; many results.
PARTS = (
    (5, 2, 6, 1, 6),
    (3, 4, 10, 1, 11),
    (2, 3, 2, 4, 1),
    (40, 9, 1, 0, 1),
    (5, 13, 1, 0, 1),
    (257, 1, 1, 0, 1),
    (2, 3, 257, 0, 1),
)
# With a first pass: a tile inside, and one that reads a row too many; a window beyond the image; more weights than threads.
HALOS = {3: ((51, 104, 1, 2), (49, 103, 2, 1), (5, 9, 6, 1)), 1: ((21, 72, 5, 3),)}
LETTERS = ("n", "m", "Delta"), ("n", "m", "D", "Delta", "C")
WRITTEN = {
    "tile": "tile in shared memory",
    "sum": "grid-stride sum by shuffles",
    "prefix": "prefix sums ordered by __syncwarp",
}
TILE_STEPS = 1 << 17
MOST_SECONDS, MOST_EQUIVALENT, LEAST = 90, 0.05, 75

ODD = "the extent is odd, so halving it and halving one less give the same"
EMPTY = "the loops under it are empty where it does not hold"
MORE = "threads beyond the outputs return at once"
STRIDED = "_strided2d_direct(batch*(((n - 1) // 2) + 1)*(((m - 1) // 2) + 1), (X, V, u, H), (batch, n, m, Delta))"
GUARD = "1 - m <= b && 1 - n <= a && a <= n - 1 && b <= m - 1"

# Conditions of a tile: that it is inside, that a register has a result, that a cell has an entry, that a product is a term.
INSIDE = "Delta <= i0 && Delta <= j0 && d0 + 4*Q <= D && i0 + Delta + P <= n && j0 + Delta <= m - 8"
RESULT = "4*q + d0 + s <= D - 1 && i0 + p <= n - 1 && j0 + r <= m - 1"
ROWS = "0 <= i0 + a + e && 0 <= j0 + b + r && i0 + a + e <= n - 1 && i0 + e <= n - 1"
CELL = f"{ROWS} && j0 + b + r <= m - 1 && j0 + r <= m - 1 && k + c0 <= C - 1"
TERM = CELL.replace(" + e", " + p").removesuffix(" && k + c0 <= C - 1")
TURNS = "for (unsigned turn = 0; turn < (P*8*K + threads - 1) / threads; ++turn) {"
CHUNKS = "for (int c0 = 0; c0 < C; c0 += K) {"


def tiled(kind: str, line: str, old: str, new: str) -> tuple[str, str]:
    """A mutant of the kernel in tiles."""
    line = line if line.endswith(("{", ";")) else f"if ({line}) {{"
    return ("tiles", f"{kind}: {line} ⟶ {line.replace(old, new, 1)}")


KEPT = "0 <= i0 + a + R_*p + r_ && i0 + R_*p + r_ <= n - 1 && i0 + a + R_*p + r_ <= n - 1 && j0"  # of the second pass

# A mutant that no input tells from the original, and why.
EQUIVALENT = {
    (
        "passes",
        f"offset: if ({KEPT} + q <= m - 1) {{ ⟶ if ({KEPT} <= m - 1) {{",
    ): "sums of registers without a result are stored nowhere",
    tiled("bound", TURNS, "turn < ", "turn <= "): "cells beyond the last are passed over",
    tiled("bound", CHUNKS, "c0 < C", "c0 <= C"): "a chunk that starts at the end has nothing in it",
    tiled("bound", INSIDE, "4*Q <= D", "4*Q < D"): "at the edges a tile is summed as inside",
    tiled(
        "bound", "if (part >= P*8*K) continue;", ">=", ">"
    ): "a block's threads divide its cells, so that none is one beyond",
    tiled("offset", RESULT, "j0 + r", "j0 - r"): "registers without a result are filled, and stored nowhere",
    tiled("offset", CELL, "&& j0 + r", "&& j0 - r"): "cells of places without a result are filled, and read nowhere",
    tiled(
        "offset", "4*q + d0 + s <= D - 1", "d0 + s", "d0 - s"
    ): "sums of registers without a result are stored nowhere",
    tiled("offset", TERM, "j0 + b + r <= m", "j0 + r <= m"): "an entry is read that no product takes",
    ("conv2d", "offset: Delta = (V.shape[0] - 1) // 2 ⟶ Delta = (V.shape[0]) // 2"): ODD,
    ("strided2d", "offset: Delta = (V.shape[0] - 1) // 2 ⟶ Delta = (V.shape[0]) // 2"): ODD,
    ("conv2d_channels_dV", "offset: Delta = (dV.shape[0] - 1) // 2 ⟶ Delta = (dV.shape[0]) // 2"): ODD,
    **{("strided2d", f"offset: {STRIDED} ⟶ {STRIDED.replace(f'({s} - 1)', f'({s})')}"): MORE for s in "nm"},
    **{
        ("conv2d_channels_dV", f"guard: if ({GUARD}) {{ ⟶ if ({loose}) {{"): EMPTY
        for loose in (
            "1 - m <= b || 1 - n <= a && a <= n - 1 && b <= m - 1",
            "1 - m <= b && 1 - n <= a || a <= n - 1 && b <= m - 1",
            "1 - m <= b && 1 - n <= a && a <= n - 1 || b <= m - 1",
        )
    },
    **{
        ("parts", f"guard: if ({GUARD}) {{ ⟶ if ({loose}) {{"): EMPTY
        for loose in (
            "1 - m <= b || 1 - n <= a && a <= n - 1 && b <= m - 1",
            "1 - m <= b && 1 - n <= a || a <= n - 1 && b <= m - 1",
            "1 - m <= b && 1 - n <= a && a <= n - 1 || b <= m - 1",
        )
    },
    ("CudaKernel", "launch size: -(-threads // _BLOCK) ⟶ -(-threads // _BLOCK) + 1"): MORE,
    (
        "prefix",
        "bound: for (int d = 1; d < 32; d <<= 1) { ⟶ for (int d = 1; d <= 32; d <<= 1) {",
    ): "no lane is 32 or more, so the round more adds 0",
}


def judged(name: str) -> Iterator[tuple[Mutant, str | None]]:
    """Each mutant of an emitted module with what kills it."""
    text, of = alone(name), subject(name)
    letters = next(found for found in LETTERS if len(found) == len(SIZES[name][0]))
    symbols = {s.name: s for s in of.form.sizes}
    every = cases(of, [{symbols[n]: v for n, v in zip(letters, sizes, strict=True)} for sizes in SIZES[name]])
    original = loaded(name, text)
    exact = every[0].modulo(original)
    assert killed(lambda: original, every, exact) is None
    mutants = list(kernel_mutants(text))
    prebuild_modules(RawModule(code=text_of(m.text), options=runtime._options("float32")) for m in mutants)
    for mutant in (*mutants, *wrapper_mutants(text)):
        yield mutant, killed(partial(loaded, name, mutant.text), every, exact)


def judged_runtime() -> Iterator[tuple[Mutant, str | None]]:
    """Each mutant of the class that launches, with what kills it: calls in every type, and a launch beyond all limits."""
    text, of = alone("conv2d"), subject("conv2d")
    every = cases(of, [dict(zip(of.form.sizes, sizes, strict=True)) for sizes in SIZES["conv2d"][:2]], TYPES)
    own = Path(runtime.__file__).read_text(encoding="utf-8")

    def fate(changed: str) -> str | None:
        with with_runtime(changed):
            kernel = loaded("conv2d", text)
            return killed(lambda: kernel, every, exact) or imprecise(kernel) or unlimited(kernel)

    exact = every[0].modulo(loaded("conv2d", text))
    assert fate(own) is None
    for mutant in runtime_mutants(own):
        yield mutant, fate(mutant.text)


def imprecise(kernel: object) -> str | None:
    """Sums of float32 are float32, and so are those of float16."""
    for dtype, row, middle in (("float32", (2**24, 1, -(2**24)), 0), ("float16", (1, 2**-11, 2**-11), 1 + 2**-10)):
        with standing_in_for_cupy() as cupy:
            given = [np.array([row]), np.ones((3, 3)), np.zeros(())]
            got = kernel(*(cupy.asarray(a.astype(dtype)) for a in given)).get()  # type: ignore[operator]
        if got[0, 1] != middle:
            return f"sums of {dtype} in another type"
    return None


def unlimited(kernel: object) -> str | None:
    launcher = kernel.body.__globals__["_conv2d_direct"]  # type: ignore[attr-defined]
    with standing_in_for_cupy() as cupy:
        try:
            launcher(1 << 40, [cupy.zeros(1)], ())
        except Exception as refusal:  # noqa: BLE001 - known by name, as each loaded runtime has errors of its own
            return None if type(refusal).__name__ == "SizeError" else f"{type(refusal).__name__} at 2**40 threads"
    return "2**40 threads"


def in_parts() -> tuple[str, str, str]:
    """A module whose layer is in parts: what stands before its text in parts, the first kernel of that, and what adds them."""
    entry, name = entry_of("conv2d_channels_dV"), "conv2d_channels_dV"
    shares = entry.parted("cupy")
    printer = find("derive.backends", "cupy")
    text: str = printer.emit(entry.program("cupy"), entry.header("cupy"), None, (), None, shares)
    before, text = text.split("PARTS = ")
    first, fold = text.split(f'extern "C" __global__ void {name}_fold')
    return f"{before}PARTS = ", first, f'extern "C" __global__ void {name}_fold{fold}'


def judged_parts() -> Iterator[tuple[Mutant, str | None]]:
    """Each mutant of a program in parts, of what adds parts, and of the class that launches both, with what kills it."""
    name = "conv2d_channels_dV"
    before, first, fold = in_parts()
    of = subject(name)
    drawn = [dict(zip(LETTERS[1], sizes, strict=True)) for sizes in PARTS]
    every = cases(of, [{s: sizes[s.name] for s in of.form.sizes} for sizes in drawn], ("float32", "float16"), items=3)
    mutants = [replace(m, text=f"{before}{m.text}{fold}") for m in kernel_mutants(first)]
    mutants += [replace(m, text=f"{before}{first}{m.text}") for m in kernel_mutants(fold)]
    original = loaded(name, f"{before}{first}{fold}")
    with parted(1 << 11):
        exact = every[0].modulo(original)
        assert killed(lambda: original, every, exact) is None
        texts = [m.text.split('PARTS = r"""')[1].split('"""')[0] for m in mutants]
        prebuild_modules(RawModule(code=text, options=runtime._options("float32")) for text in texts)
        for mutant in mutants:
            yield mutant, killed(partial(loaded, name, mutant.text), every, exact)
    own = Path(runtime.__file__).read_text(encoding="utf-8")
    for mutant in runtime_mutants(own, PARTS_RULES):
        with with_runtime(mutant.text), parted(1 << 11):
            yield mutant, killed(partial(loaded, name, f"{before}{first}{fold}"), every, exact)


def in_tiles() -> tuple[str, str]:
    """A module whose layer is in tiles: what stands before its text in tiles, and that."""
    entry = entry_of("conv2d_channels")
    shares = {name: made for name, made in entry.blocked("cupy").items() if name == "direct"}
    printer = find("derive.backends", "cupy")
    text: str = printer.emit(entry.program("cupy"), entry.header("cupy"), None, (), shares)
    before, text = text.split("TILES = ")
    return f"{before}TILES = ", text


def judged_tiles() -> Iterator[tuple[Mutant, str | None]]:
    """Every sixth mutant of a program in tiles, with what kills it: tiles inside and at the edges, a whole chunk and a rest."""
    name = "conv2d_channels"
    before, text = in_tiles()
    of = subject(name)
    narrow = {
        s: v - 4 if s.name == "m" else v for s, v in sizes_in_tiles(of).items()
    }  # a tile ends where the image does
    every = cases(of, [sizes_in_tiles(of), sizes_in_tiles(of, aligned=False), narrow], steps=TILE_STEPS)
    mutants = [replace(m, text=f"{before}{m.text}") for m in kernel_mutants(text)][::6]
    original = loaded(name, f"{before}{text}")
    with tiles():
        exact = every[0].modulo(original)
        assert killed(lambda: original, every, exact) is None
        texts = [m.text.split('TILES = r"""')[1].split('"""')[0] for m in mutants]
        options = (
            *runtime._options("float32"),
            "-DP=2",
            "-DQ=2",
            "-DK=3",
            "-DW=4",
        )  # of the first case, which kills most
        prebuild_modules(RawModule(code=code, options=options) for code in texts)
        for mutant in mutants:
            yield mutant, killed(partial(loaded, name, mutant.text), every, exact)


def in_halos() -> tuple[str, str]:
    """A module whose layer keeps a first pass: what stands before its text, and that."""
    entry = entry_of("separable2d")
    kept = {"direct": tuple(p for p in entry.haloed("cupy")["direct"] if p.program.name == "passes")}
    printer = find("derive.backends", "cupy")
    text: str = printer.emit(entry.program("cupy"), entry.header("cupy"), None, (), None, None, kept)
    before, text = text.split("PASSES = ")
    return f"{before}PASSES = ", text


def judged_halos(step: int = 8) -> Iterator[tuple[Mutant, str | None]]:
    """Every eighth mutant of a program that keeps a first pass, with what kills it, in blocks of three warps or of one."""
    before, text = in_halos()
    of, original = subject("separable2d"), loaded("separable2d", f"{before}{text}")
    letters = ("n", "m", "Delta", "R")
    every = {}
    for warps, drawn in HALOS.items():
        sizes = [{s: dict(zip(letters, own, strict=True))[s.name] for s in of.form.sizes} for own in drawn]
        made = cases(of, sizes, steps=TILE_STEPS, items=1)
        with halos("passes", warps):
            every[warps] = made, made[0].modulo(original)
            assert killed(lambda: original, *every[warps]) is None
    mutants = [replace(m, text=f"{before}{m.text}") for m in kernel_mutants(text)][::step]
    texts = [m.text.split('PASSES = r"""')[1].split('"""')[0] for m in mutants]
    numbers = {"R_": 8, "P_": 3, "Q_": 32, "W": 4, "R": 2, "Delta": 1}
    options = (*runtime._options("float32"), *(f"-D{k}={v}" for k, v in numbers.items()))
    prebuild_modules(RawModule(code=code, options=options) for code in texts)
    for mutant in mutants:
        fate = None
        for warps, found in every.items():
            with halos("passes", warps):
                fate = fate or killed(partial(loaded, "separable2d", mutant.text), *found)
        yield mutant, fate


def judged_written(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Mutant, str | None]]:
    """Each mutant of a kernel with shared memory, shuffles or barriers, with what kills it."""
    mutants = list(kernel_mutants(written.SOURCES[name]))
    prebuild_modules(RawModule(code=m.text, options=written.TILE_OPTIONS) for m in mutants)
    for mutant in mutants:
        monkeypatch.setitem(written.SOURCES, name, mutant.text)
        yield mutant, fate_of(name)


def fate_of(name: str) -> str | None:
    try:
        for schedule in SCHEDULES:
            with standing_in_for_cupy(schedule=schedule, seed=3, step_limit=STEPS) as cupy:
                written.RUNS[WRITTEN[name]](cupy)
    except Exception as fault:  # noqa: BLE001 - the right kernel raises nothing
        return f"{type(fault).__name__}: {fault}"
    return None


def test_every_mutant_is_killed_or_equivalent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(fate_of(name) is None for name in WRITTEN)
    with within(MOST_SECONDS):
        found = [(name, *fate) for name in SIZES for fate in judged(name)]
        found += [("CudaKernel", *fate) for fate in judged_runtime()]
        found += [("parts", *fate) for fate in judged_parts()]
        found += [("tiles", *fate) for fate in judged_tiles()]
        found += [("passes", *fate) for fate in judged_halos()]
        found += [(name, *fate) for name in WRITTEN for fate in judged_written(name, monkeypatch)]
    survivors = {(name, str(mutant)) for name, mutant, killer in found if killer is None}
    assert survivors == set(EQUIVALENT)
    assert len(found) - len(survivors) >= LEAST
    assert len(survivors) <= MOST_EQUIVALENT * len(found)
    assert not any("CompileError" in (killer or "") and "const" not in (killer or "") for _, _, killer in found)
    kinds = Counter(mutant.kind for _, mutant, _ in found)
    assert set(kinds) >= {"bound", "offset", "barrier", "guard", "launch size", "type", "arrays", "sizes", "layout"}
