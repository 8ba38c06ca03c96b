"""Launching programs of tiles with a halo: what a block of threads reads of the input is kept in shared memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from .cuda import MOST_BLOCKS, UNROLLED, aligned, fitted, too_wide

__all__ = ["WIDEST", "CudaHalos"]

# Of a block: 48 KiB of the widest type, which every device has, less one for each array that begins at a multiple of 16 bytes.
_CELLS = 6144 - 16
_PROVED = (8, 32)  # results of a thread and lanes: those of derive.ir.halos
WIDEST = 4  # neighbours of one access, the most that are proved to be aligned


@dataclass(frozen=True, slots=True)
class CudaHalos:
    """One `extern "C"` function of a CUDA C text in which each block keeps what its tile of results reads.

    The types, the `knobs` (results of a thread, threads along rows and along the last letter, and the neighbours of one access) and
    the sizes that a window has are numbers when the text is compiled. `narrow` indices have 32 bits.
    """

    xp: ModuleType
    source: str
    name: str
    knobs: tuple[str, str, str, str]
    narrow: bool = True
    _compiled: dict[tuple[int, str, tuple[int, ...]], Any] = field(default_factory=dict, compare=False, repr=False)

    def lacks(
        self, knobs: Sequence[int], places: Sequence[int], others: int, cells: int, unrolled: int, sizes: Sequence[int]
    ) -> str:
        """Why no launch has a tile of so many `cells`, with so many products that are written out, if so."""
        results, _, lanes = knobs
        if (results, lanes) != _PROVED:
            return f"its proof is for {_PROVED[0]} results a thread and {_PROVED[1]} threads along the last letter"
        if cells > _CELLS:
            return f"a tile with its halo has {cells} cells, and a block shares {_CELLS}"
        if unrolled > UNROLLED:
            return f"{unrolled} products of a thread are more than the {UNROLLED} that are unrolled"
        if self._blocks(knobs, places, others) > MOST_BLOCKS:
            return "a grid has not so many blocks"
        return too_wide(self.narrow, (*sizes, *places, others))

    def _blocks(self, knobs: Sequence[int], places: Sequence[int], others: int) -> int:
        """How many tiles there are of so many `places`, results along the first letter and lanes along the last."""
        results, downs, lanes = knobs
        tile = (results * downs, lanes) if len(places) > 1 else (results * downs * lanes,)
        return prod(-(-extent // side) for extent, side in zip(places, tile, strict=True)) * others

    def __call__(
        self,
        knobs: Sequence[int],
        places: Sequence[int],
        others: int,
        arrays: Sequence[Any],
        sizes: Sequence[int],
        wide: Sequence[Any],
        **fixed: int,
    ) -> None:
        """`wide` are the arrays of which several neighbours are one access, where all of them allow it."""
        number = np.int32 if self.narrow else np.int64
        kind = arrays[-1].dtype
        every = dict(zip(self.knobs, (*knobs, aligned(wide, kind.itemsize, WIDEST)), strict=True))
        function = fitted(self, str(kind), every | fixed)
        _, downs, lanes = knobs
        function((self._blocks(knobs, places, others),), (lanes, downs), (*arrays, *map(number, sizes)))
