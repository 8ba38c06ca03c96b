"""Launching emitted CUDA C: compiled when first called, once for each device, element type and block.

In a text `stored` is the type of arrays' entries, and `real` that of sums: for float16 they are added in float32, and rounded once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from .errors import SizeError
from .gpu import launched

__all__ = [
    "MOST_BLOCKS",
    "UNROLLED",
    "Chunks",
    "CudaKernel",
    "CudaParts",
    "CudaStrips",
    "CudaTiles",
    "aligned",
    "fitted",
    "neighbours",
    "too_wide",
]

_TYPES = {
    "float16": ("__half", "float"),
    "float32": ("float", "float"),
    "float64": ("double", "double"),
    "int64": ("long long", "long long"),
}
_BLOCK = 256
MOST_BLOCKS = 2**31 - 1
_MOST_ALONG = 65535  # blocks along the second and the third axis of a grid
UNROLLED = 2048  # products of a thread, beyond which compilers keep loops, and a row in memory
_BYTES = 16  # of the widest access
_LANES, _FOLD = 32, 32  # those of derive.ir.parts
_LEAST = 16  # terms of a part, in order of magnitude
_NARROW = 2**28  # derive.ir.blocks proves that indices fit 32 bits up to here


@dataclass(frozen=True, slots=True)
class CudaKernel:
    """One `extern "C"` function of a CUDA C text for any element type.

    `kernel(threads, arrays, sizes)` runs `threads` threads on contiguous arrays, the last of which is written, on the current
    stream; sizes are passed as 64-bit integers. Entries are of the last array's type, or of that of `like`.
    Raises SizeError for more threads than a launch can have.
    """

    xp: ModuleType
    source: str
    name: str
    _compiled: dict[tuple[int, str], Any] = field(default_factory=dict, compare=False, repr=False)

    def __call__(self, threads: int, arrays: Sequence[Any], sizes: Sequence[int], like: Any = None) -> None:
        blocks = -(-threads // _BLOCK)
        if blocks > MOST_BLOCKS:
            raise SizeError(f"{self.name}: {threads} results are more than one launch can compute.")
        function = self._function(str((arrays[-1] if like is None else like).dtype))
        function((blocks,), (_BLOCK,), (*arrays, *map(np.int64, sizes)))

    def _function(self, dtype: str) -> Any:
        key = (int(self.xp.cuda.Device().id), dtype)
        if key not in self._compiled:
            module = self.xp.RawModule(code=self.source, options=_options(dtype))
            self._compiled[key] = module.get_function(self.name)
        return self._compiled[key]


@dataclass(frozen=True, slots=True)
class CudaStrips:
    """One `extern "C"` function of a CUDA C text in which each thread computes a block of results.

    A thread has as many columns as one access has neighbours, so that a warp's accesses lie side by side, and no more than told.
    The types, the `knobs` (rows and columns of a block, the first of which a window along one axis lacks, and the neighbours of one
    access) and the sizes that a window has are numbers when the text is compiled. `narrow` indices have 32 bits: they were proved
    to fit where no size is more than 2²⁸.
    """

    xp: ModuleType
    source: str
    name: str
    knobs: tuple[str, ...]
    narrow: bool = True
    _compiled: dict[tuple[int, str, tuple[int, ...]], Any] = field(default_factory=dict, compare=False, repr=False)

    def lacks(self, knobs: Sequence[int], extents: tuple[int, int, int], terms: int, sizes: Sequence[int]) -> str:
        """Why a thread can't have so many rows and columns of results along the last axes but one and the last, if so.

        `extents` are those of the last axis, the last but one and all others; `terms` are products of a result.
        """
        if prod(knobs) * terms > UNROLLED:
            return f"{prod(knobs) * terms} products of a thread are more than the {UNROLLED} that are unrolled"
        grid, _ = self._grid(knobs, extents)
        if max(grid[1:]) > _MOST_ALONG or grid[0] > MOST_BLOCKS:
            return "a grid has not so many blocks"
        return too_wide(self.narrow, (*sizes, *extents))

    def _grid(self, knobs: Sequence[int], extents: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, int]]:
        """Blocks, and threads of each."""
        columns, rows = knobs[-1], knobs[0] if len(knobs) > 1 else 1
        across, down = -(-extents[0] // columns), -(-extents[1] // rows)
        threads = (32, 4) if down > 1 else (128, 1)
        return (-(-across // threads[0]), -(-down // threads[1]), extents[2]), threads

    def __call__(
        self,
        knobs: Sequence[int],
        extents: tuple[int, int, int],
        arrays: Sequence[Any],
        sizes: Sequence[int],
        wide: Sequence[Any],
        **fixed: int,
    ) -> None:
        """`wide` are the arrays of which several neighbours are one access, where all of them allow it."""
        number = np.int32 if self.narrow else np.int64
        kind = arrays[-1].dtype
        width = aligned(wide, kind.itemsize, knobs[-1])
        knobs = (*knobs[:-1], width)
        every = (*knobs, width)[: len(self.knobs)]
        function = fitted(self, str(kind), dict(zip(self.knobs, every, strict=True)) | fixed)
        grid, threads = self._grid(knobs, extents)
        function(grid, threads, (*arrays, *map(number, sizes)))


@dataclass(frozen=True, slots=True)
class Chunks:
    """Into how many chunks loops are cut, how many places each has, and how many parts that makes."""

    counts: tuple[int, ...]
    lengths: tuple[int, ...]
    parts: int


@dataclass(frozen=True, slots=True)
class CudaParts:
    """One `extern "C"` function that adds up parts of sums, and one, `fold`, that adds the parts, FOLD of them at a time.

    Of the loop that is the one `along`, each thread of LANES takes every LANES-th place.
    """

    xp: ModuleType
    source: str
    name: str
    fold: str
    along: int | None = None
    _kernels: list[CudaKernel] = field(default_factory=list, compare=False, repr=False)

    def lacks(self, results: int, extents: Sequence[int], threads: int) -> str:
        """Why there are no chunks of loops of these extents for so many threads, if so."""
        if results * (1 if self.along is None else _LANES) >= threads:
            return f"{results} results keep a device busy"
        return "" if self.chunks(results, extents, threads).parts > 1 else "its sums have few terms"

    def chunks(self, results: int, extents: Sequence[int], threads: int) -> Chunks:
        """The chunks of loops of these extents, outer ones first, for so many results and about so many threads."""
        lanes = 1 if self.along is None else _LANES
        left = max(1, min(threads // (results * lanes), prod(extents) // (_LEAST * lanes)))
        counts, lengths = [], []
        for position, extent in enumerate(extents):
            step = lanes if position == self.along else 1
            places = -(-extent // step)
            lengths.append(step * -(-places // min(places, left)))
            counts.append(-(-extent // lengths[-1]))
            left = max(1, left // counts[-1])
        return Chunks(tuple(counts), tuple(lengths), prod(counts) * lanes)

    def work(self, results: int, chunks: Chunks, terms: int, moved: int) -> tuple[tuple[Any, ...], ...]:
        """Its launches, where a result adds so many `terms` and arrays have so many entries, counted."""
        parts = chunks.parts
        each = terms / parts
        add = launched(
            threads=parts * results,
            block=_BLOCK,
            products=each,
            rolled=each,
            accesses=2 * each + 1,
            entries=2 * each + 1,
            moved=moved + parts * results,
        )
        launches: list[tuple[Any, ...]] = [("room", 1, parts * results, 0), add]
        while parts > 1:
            each, left = min(_FOLD, parts), -(-parts // min(_FOLD, parts))
            launches.append(
                launched(
                    threads=left * results,
                    block=_BLOCK,
                    products=each,
                    accesses=each + 1,
                    entries=each + 1,
                    moved=(parts + left) * results,
                )
            )
            parts = left
        return tuple(launches)

    def __call__(self, chunks: Chunks, arrays: Sequence[Any], result: Any, sizes: Sequence[int], new: Any) -> None:
        """Fills `result` from `arrays`; `new(shape)` is scratch of the type that computes."""
        if not self._kernels:
            self._kernels.extend(CudaKernel(self.xp, self.source, name) for name in (self.name, self.fold))
        add, fold = self._kernels
        parts, results = chunks.parts, result.size
        found = new((parts, results))
        add(parts * results, (*arrays, found), (*sizes, *chunks.counts, *chunks.lengths), result)
        while parts > 1:
            sums = -(-parts // _FOLD)
            into = new((sums, results)) if sums > 1 else result
            fold(sums * results, (found, into), (1, parts, results, sums))
            found, parts = into, sums


def fitted(kernel: Any, dtype: str, numbers: dict[str, int]) -> Any:
    """The function of a text compiled with these numbers."""
    key = (int(kernel.xp.cuda.Device().id), dtype, tuple(numbers.values()))
    if key not in kernel._compiled:
        options = (*_options(dtype), *(f"-D{name}={value}" for name, value in numbers.items()))
        kernel._compiled[key] = kernel.xp.RawModule(code=kernel.source, options=options).get_function(kernel.name)
    return kernel._compiled[key]


def _options(dtype: str) -> tuple[str, ...]:
    """What a text's types are; that of float16 has a header of its own."""
    stored, real = _TYPES[dtype]
    header = ("--pre-include=cuda_fp16.h",) if dtype == "float16" else ()
    return (f"-Dstored={stored}", f"-Dreal={real}", *header)


@dataclass(frozen=True, slots=True)
class CudaTiles:
    """One `extern "C"` function of a CUDA C text in which each block computes a tile of places and weights.

    The types and the `knobs` (threads of a block along places and weights, the length of a chunk, and how many results one access
    stores) are numbers when the text is compiled; `registers` are the places and the weights of a thread. `narrow` indices have
    32 bits.
    """

    xp: ModuleType
    source: str
    name: str
    knobs: tuple[str, str, str, str]
    registers: tuple[int, int]
    narrow: bool = True
    _compiled: dict[tuple[int, str, tuple[int, ...]], Any] = field(default_factory=dict, compare=False, repr=False)

    def lacks(
        self, knobs: Sequence[int], places: Sequence[int], weights: int, others: int, sizes: Sequence[int]
    ) -> str:
        """Why no launch has so many threads along places and weights, if so."""
        if self._blocks(knobs, places, weights, others) > MOST_BLOCKS:
            return "a grid has not so many blocks"
        return too_wide(self.narrow, (*sizes, *places, others))

    def _blocks(self, knobs: Sequence[int], places: Sequence[int], weights: int, others: int) -> int:
        """How many blocks there are for results at `places`, threads along the first letter and registers along the last."""
        along, across, _ = knobs
        rows, columns = self.registers
        *before, last = places
        tiles = [-(-before[0] // along), -(-last // rows)] if before else [-(-last // (rows * along))]
        return prod(tiles) * -(-weights // (columns * across)) * others

    def __call__(
        self,
        knobs: Sequence[int],
        places: Sequence[int],
        weights: int,
        others: int,
        arrays: Sequence[Any],
        sizes: Sequence[int],
        result: Any,
    ) -> None:
        """All weights of a thread are stored at once where the result allows it."""
        number = np.int32 if self.narrow else np.int64
        width = self.registers[1]
        whole = result.shape[-1] % width == 0 and result.data.ptr % (width * result.dtype.itemsize) == 0
        every = dict(zip(self.knobs, (*knobs, width if whole else 1), strict=True))
        function = fitted(self, str(result.dtype), every)
        blocks = self._blocks(knobs, places, weights, others)
        function((blocks,), (knobs[1], knobs[0]), (*arrays, *map(number, sizes)))


def neighbours(extents: Sequence[int], itemsize: int, most: int) -> int:
    """How many neighbours one access takes of rows of these lengths, if arrays begin where it may."""
    width = min(_BYTES // itemsize, most)
    return width if all(extent % width == 0 for extent in extents) else 1


def aligned(arrays: Sequence[Any], itemsize: int, most: int) -> int:
    """How many neighbours one access takes of these arrays."""
    width = neighbours([a.shape[-1] for a in arrays], itemsize, most)
    return width if all(a.data.ptr % (width * itemsize) == 0 for a in arrays) else 1


def too_wide(narrow: bool, sizes: Sequence[int]) -> str:
    """Why indices don't fit, if so."""
    return (
        f"its indices of 32 bits are proved to fit up to 2**28, and a size is {max(sizes)}"
        if narrow and max(sizes) > _NARROW
        else ""
    )
