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

__all__ = ["Block", "Chunks", "CudaKernel", "CudaParts", "CudaStrips", "CudaTiles", "Tile"]

_TYPES = {
    "float16": ("__half", "float"),
    "float32": ("float", "float"),
    "float64": ("double", "double"),
    "int64": ("long long", "long long"),
}
_BLOCK = 256
_MOST_BLOCKS = 2**31 - 1
_MOST_ALONG = 65535  # blocks along the second and the third axis of a grid
_ROWS, _COLUMNS = 8, 4
_UNROLLED = 2048  # products of a thread, beyond which compilers keep loops, and a row in memory
_FILLING = 2**16  # threads that a device can hold, in order of magnitude
_WORTH = 2**14  # results from which on a text with its own numbers is worth compiling
_BYTES = 16  # of the widest access
_FEW = 16, 8  # weights of a place, and terms of a chunk, below which a tile is mostly empty
_ALONG, _ACROSS, _CHUNK = 8, 16, 8  # threads of a block along places and weights, and the length of a chunk
_LANES, _FOLD = 32, 32  # those of derive.ir.parts
_PARTS = 2**17  # threads that add up parts
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
        if blocks > _MOST_BLOCKS:
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
class Block:
    """How many places a thread computes along two axes, and the launch: blocks, and threads of each."""

    rows: int
    columns: int
    grid: tuple[int, int, int]
    threads: tuple[int, int]


@dataclass(frozen=True, slots=True)
class CudaStrips:
    """One `extern "C"` function of a CUDA C text in which each thread computes a block of results.

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

    def block(self, terms: int, extents: tuple[int, int, int], sizes: Sequence[int]) -> Block | None:
        """The block for results along the last axis, the last but one and all others; None where none fits.

        A sum of many `terms` is not unrolled, few results are spread over many threads, and for very few no text is compiled.
        """
        if prod(extents) < _WORTH:
            return None
        columns, rows = _COLUMNS, _ROWS if len(self.knobs) == 3 else 1
        while rows > 1 and (rows * columns * terms > _UNROLLED or _threads(rows, columns, extents) < _FILLING):
            rows //= 2
        across, down = -(-extents[0] // columns), -(-extents[1] // rows)
        threads = (32, 4) if down > 1 else (128, 1)
        grid = (-(-across // threads[0]), -(-down // threads[1]), extents[2])
        large = self.narrow and max(*sizes, *extents) > _NARROW
        if rows * columns * terms > _UNROLLED or large or max(grid[1:]) > _MOST_ALONG or grid[0] > _MOST_BLOCKS:
            return None
        return Block(rows, columns, grid, threads)

    def __call__(
        self, block: Block, arrays: Sequence[Any], sizes: Sequence[int], wide: Sequence[Any], **fixed: int
    ) -> None:
        """`wide` are the arrays of which several neighbours are one access, where all of them allow it."""
        number = np.int32 if self.narrow else np.int64
        kind = arrays[-1].dtype
        width = min(_BYTES // kind.itemsize, _COLUMNS)
        whole = all(a.shape[-1] % width == 0 and a.data.ptr % (width * kind.itemsize) == 0 for a in wide)
        knobs = (block.rows, block.columns, width if whole else 1)[-len(self.knobs) :]
        function = _fitted(self, str(kind), dict(zip(self.knobs, knobs, strict=True)) | fixed)
        function(block.grid, block.threads, (*arrays, *map(number, sizes)))


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

    def chunks(self, results: int, extents: Sequence[int]) -> Chunks | None:
        """The chunks of loops of these extents, outer ones first, for so many results.

        None where one thread a result does: where there are few products, or many results.
        """
        lanes = 1 if self.along is None else _LANES
        terms = prod(extents)
        if results * terms < _WORTH or results >= _PARTS:
            return None
        left = max(1, min(_PARTS // (results * lanes), terms // (_LEAST * lanes)))
        counts, lengths = [], []
        for position, extent in enumerate(extents):
            step = lanes if position == self.along else 1
            places = -(-extent // step)
            lengths.append(step * -(-places // min(places, left)))
            counts.append(-(-extent // lengths[-1]))
            left = max(1, left // counts[-1])
        parts = prod(counts) * lanes
        return Chunks(tuple(counts), tuple(lengths), parts) if parts > 1 else None

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


def _fitted(kernel: "CudaStrips | CudaTiles", dtype: str, numbers: dict[str, int]) -> Any:
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


def _threads(rows: int, columns: int, extents: tuple[int, int, int]) -> int:
    return -(-extents[0] // columns) * -(-extents[1] // rows) * extents[2]


@dataclass(frozen=True, slots=True)
class Tile:
    """How many threads a block has along places and weights, how long a chunk is, and how many blocks there are."""

    places: int
    weights: int
    chunk: int
    blocks: int


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

    def tile(self, places: Sequence[int], weights: int, summed: int, others: int, sizes: Sequence[int]) -> Tile | None:
        """The tile for results at `places` (threads along the first letter, registers along the last), with so many weights each.

        None where tiles don't fit: few weights or few terms leave them empty, and for few results no text is compiled.
        """
        rows, columns = self.registers
        *before, last = places
        if weights < _FEW[0] or summed < _FEW[1] or prod(places) * weights * others < _WORTH:
            return None
        along = _power(before[0] if before else -(-last // rows), _ALONG)
        across = _power(-(-weights // columns), _ACROSS)
        tiles = [-(-before[0] // along), -(-last // rows)] if before else [-(-last // (rows * along))]
        blocks = prod(tiles) * -(-weights // (columns * across)) * others
        large = self.narrow and max(*sizes, *places, others) > _NARROW
        return None if large or blocks > _MOST_BLOCKS else Tile(along, across, _CHUNK, blocks)

    def __call__(self, tile: Tile, arrays: Sequence[Any], sizes: Sequence[int], result: Any) -> None:
        """All weights of a thread are stored at once where the result allows it."""
        number = np.int32 if self.narrow else np.int64
        width = self.registers[1]
        whole = result.shape[-1] % width == 0 and result.data.ptr % (width * result.dtype.itemsize) == 0
        knobs = dict(zip(self.knobs, (tile.places, tile.weights, tile.chunk, width if whole else 1), strict=True))
        function = _fitted(self, str(result.dtype), knobs)
        function((tile.blocks,), (tile.weights, tile.places), (*arrays, *map(number, sizes)))


def _power(wanted: int, most: int) -> int:
    """The least power of two that is enough, or the most there may be."""
    return int(min(most, 1 << max(0, wanted - 1).bit_length()))
