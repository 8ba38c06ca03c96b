"""Which code of the runtime launches kernels, by which design each part of it is judged, and what else it must do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from derive.cuda_check import standing_in_for_cupy
from derive.runtime import cuda
from tests.cuda import test_launchers as launches
from tests.cuda import test_parts
from tests.cuda.blocks import direct
from tests.cuda.broken import BROKEN, Broken
from tests.cuda.design_checks import (
    launches_are_chosen,
    plans_are_chosen,
    stages_are_views,
    sums_on_the_host_have_scratch,
    what_is_made_once_is_taken,
)
from tests.cuda.killing import runtime_module, with_runtime
from tests.cuda.mutants import Mutant, constant_mutants, function_mutants
from tests.cuda.planner_checks import instructions_by_hand, seconds_by_hand

__all__ = ["LAUNCHERS", "Launcher"]


@dataclass(frozen=True)
class Launcher:
    """Functions of a module of the runtime, the designs whose launches tell faulty ones, and further checks."""

    module: str
    functions: tuple[str, ...]
    designs: tuple[str, ...]
    checks: tuple[Callable[[], Any], ...] = ()
    constants: tuple[str, ...] = ()
    nightly: int | None = None

    @property
    def name(self) -> str:
        """The class or the module that is broken."""
        first = self.functions[0]
        return first.partition(".")[0] if "." in first else self.module

    def mutants(self) -> list[Mutant]:
        text = self.text
        return [*function_mutants(text, self.functions), *constant_mutants(text, self.constants)]

    @property
    def text(self) -> str:
        """The module as it is."""
        return (Path(cuda.__file__).parent / f"{self.module}.py").read_text(encoding="utf-8")

    @property
    def judges(self) -> list[Broken]:
        """The designs whose launches go through it."""
        return [b for b in BROKEN if b.name in self.designs]

    def judged(self, mutants: list[Mutant]) -> Iterator[tuple[Mutant, str | None]]:
        """Each mutant with what kills it."""
        for broken in self.judges:
            broken.trials()
        assert self.fate(self.text) is None
        for mutant in mutants:
            yield mutant, self.fate(mutant.text)

    def fate(self, text: str) -> str | None:
        """What tells a text from the right one: checks, which are quick, and launches of every design."""
        try:
            with with_runtime(self.module, text):
                for check in self.checks:
                    check()
                for broken in self.judges:
                    if found := broken.fate(broken.text):
                        return found
        except Exception as fault:  # noqa: BLE001 - the right one raises nothing
            return f"{type(fault).__name__}: {fault}"
        return None


def _direct() -> Any:
    """A layer by one thread a result, loaded anew."""
    broken = next(b for b in BROKEN if b.name == "direct")
    return broken.kernel(broken.text)


_once = cache(_direct)


@direct()
def sums_are_precise() -> None:
    """Sums of float32 are float32, and so are those of float16, no less and no more."""
    for dtype, row, middle in (
        ("float32", (2**24, 1, -(2**24)), 0),
        ("float16", (1, 2**-11, 2**-11), 1 + 2**-10),
        ("float16", (2**11, 2**-14, -(2**11)), 0),
    ):
        with standing_in_for_cupy() as cupy:
            given = [np.array([row]), np.ones((3, 3)), np.zeros(())]
            got = _direct()(*(cupy.asarray(a.astype(dtype)) for a in given)).get()
        assert got[0, 1] == middle


@direct()
def every_type_is_launched() -> None:
    """Whole numbers and doubles too: beyond what a narrower type holds."""
    for dtype, great in (("int64", 2**60 + 1), ("float64", 2.0**40 + 1)):
        with standing_in_for_cupy() as cupy:
            got = _direct()(*(cupy.asarray(np.array(a, dtype)) for a in ([[great]], [[1]], 0))).get()
        assert got.dtype == dtype and got[0, 0] == great


@direct()
def too_many_threads_are_refused() -> None:
    """As many blocks as a grid may have are launched, and not one more."""
    launcher = _direct().body.__globals__["_conv2d_direct"]
    asked = []
    with standing_in_for_cupy() as cupy:
        launcher._compiled[0, "float32"] = lambda grid, block, arguments: asked.append((grid, block))
        most = cuda.MOST_BLOCKS * cuda._BLOCK
        launcher(most, [cupy.zeros(1, dtype="float32")], ())
        for more in (most + 1, 1 << 40):
            try:
                launcher(more, [cupy.zeros(1, dtype="float32")], ())
            except runtime_module("errors").SizeError:
                continue
            raise AssertionError(f"{more} threads were launched")
    assert asked == [((cuda.MOST_BLOCKS,), (256,))]


@direct()
def refused(X: Any, out: Any) -> str:
    """What a layer says of an `out`."""
    with standing_in_for_cupy() as cupy:
        V, u = cupy.ones((3, 3), dtype=X.dtype), cupy.zeros((), dtype=X.dtype)
        try:
            _once()(X, V, u, out=out)
        except runtime_module("errors").OutputError as refusal:
            return str(refusal)
    return ""


def results_lie_apart() -> None:
    """An `out` that shares a byte with an argument or with itself is refused; neighbours are not."""
    with standing_in_for_cupy() as cupy:
        room, strides = cupy.zeros(64, dtype="float32"), cupy.lib.stride_tricks.as_strided
        X = room[20:32].reshape(3, 4)
        refuses = partial(refused, X)
        for start in (8, 32):
            assert refuses(room[start : start + 12].reshape(3, 4)) == ""
        for start in (9, 20, 31):
            assert "share memory with X" in refuses(room[start : start + 12].reshape(3, 4))
        turned = room[8:20].reshape(3, 4)[::-1, ::-1]
        assert refuses(turned) == ""
        assert "share memory with X" in refuses(room[9:21].reshape(3, 4)[::-1, ::-1])
        assert "share memory with X" in refuses(room[31:43].reshape(3, 4)[::-1, ::-1])
        for wrong in ((4, 4), (0, 4), (12, 4), (4, 8)):
            assert "with each other" in refuses(strides(room[44:], (3, 4), wrong)), wrong
        assert "with each other" in refuses(strides(room[44:], (3, 4), (12, 4))[::-1])
        for right in ((16, 4), (20, 4), (4, 12)):
            assert refuses(strides(room[40:], (3, 4), right)) == "", right
        assert "with each other" in refused(X[:2], strides(room[44:], (2, 4), (4, 4)))
        assert refused(X[:, :1], strides(room[40:], (3, 1), (8, 0))) == ""
        assert "share memory with X" in refused(X[:1, :1], X[:1, :1])
        assert refused(cupy.zeros((0, 3, 4), dtype="float32"), cupy.zeros((0, 3, 4), dtype="float32")) == ""
        halves = cupy.zeros(96, dtype="float16")
        items, behind = halves[:48].reshape(2, 2, 3, 4), halves[47:95].reshape(2, 2, 3, 4)
        assert "share memory with X" in refused(items, behind)
        assert "shape (4, 3)" in refuses(cupy.zeros((4, 3), dtype="float32"))
        assert "dtype float64" in refuses(cupy.zeros((3, 4), dtype="float64"))
        assert "numpy.ndarray" in refuses(np.zeros((3, 4), "float32"))


def wide_accesses() -> None:
    """As wide as all arrays allow."""
    for case in launches.WIDTHS:
        launches.test_accesses_are_as_wide_as_all_arrays_allow(case)


LAUNCHERS = (
    Launcher(
        "cuda",
        ("CudaKernel.__call__", "CudaKernel._function", "_options"),
        ("direct", "parts"),
        (sums_are_precise, every_type_is_launched, too_many_threads_are_refused),
        ("_TYPES", "_BLOCK", "MOST_BLOCKS"),
    ),
    Launcher(
        "cuda",
        ("CudaStrips.lacks", "CudaStrips._grid", "CudaStrips.__call__", "fitted", "neighbours", "aligned", "too_wide"),
        ("strips",),
        (launches.test_strips, launches.test_the_last_strips, wide_accesses),
        ("_MOST_ALONG", "_NARROW", "_BYTES"),
    ),
    Launcher(
        "cuda",
        ("CudaTiles.lacks", "CudaTiles._blocks", "CudaTiles.__call__"),
        ("tiles",),
        (launches.test_tiles, launches.test_the_last_tiles),
    ),
    Launcher(
        "cuda",
        ("CudaParts.lacks", "CudaParts.chunks", "CudaParts.__call__"),
        ("parts",),
        (launches.test_the_last_parts, test_parts.test_what_parts_lack, test_parts.test_how_loops_are_cut),
        ("_LANES, _FOLD", "_LEAST"),
    ),
    Launcher(
        "halos",
        ("CudaHalos.lacks", "CudaHalos._blocks", "CudaHalos.__call__"),
        ("halos",),
        (launches.test_halos, launches.test_the_last_halos, wide_accesses),
        ("_CELLS", "WIDEST"),
    ),
    Launcher(
        "gpu",
        (
            *("Device.computing", "Device.itemsize", "Device.seconds", "Device.instructions", "Device._of_thread"),
            *("Device._multiplied", "Device._moved", "Device._seconds", "_slowest"),
        ),
        (),
        (seconds_by_hand, instructions_by_hand),
        (
            "_BEGUN",
            "_ROLLED",
            "_ALONE",
            "_UNDERWAY",
            "_BARRIER",
            "_WARP",
            "_SLOTS",
            "_BYTES",
            "_MOVED",
            "_ADDED",
            "_SECTOR",
        ),
    ),
    Launcher(
        "designs",
        (
            *("designs_of", "instructions", "_of_threads", "exact_designs", "lacking", "choose_design", "_chosen"),
            *("run_chosen", "weights_of", "run_design", "using_design", "_restricted", "_settled"),
            *("Design.fits", "Design.amplifies"),
        ),
        ("direct", "parts", "shifts"),
        (plans_are_chosen, launches_are_chosen, sums_on_the_host_have_scratch, what_is_made_once_is_taken),
    ),
    Launcher(
        "device_stages",
        ("strided_on", "viewed", "held", "kronecker", "made_of", "run_products"),
        ("shifts", "im2col", "product", "winograd"),
        (stages_are_views,),
    ),
    Launcher("outputs", ("span", "may_share", "overlaps_itself", "check_output"), (), (results_lie_apart,)),
)
