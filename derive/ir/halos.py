"""A program of blocks of threads that keep what a tile reads, its halo included, in shared memory.

Cells are filled from an argument, or by a sum over cells that were filled before: a stage of the sum, of which a tile keeps what it
needs. Each thread then adds up several results, neighbours along one letter, so that what it reads of a column serves them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sympy import Expr, Integer, S, Symbol

from derive.ir.blocks import mapped
from derive.ir.nodes import Copy, accesses_of, walk
from derive.ir.tiles import Shared, Split

__all__ = ["ARRAYS", "LANES", "RESULTS", "Haloed"]

RESULTS, LANES = 8, 32  # results of a thread, and threads along the last letter: what is proved is for these
ARRAYS = 16  # in shared memory, at most: between them there are gaps, which launches leave room for


@dataclass(frozen=True)
class Haloed(Shared):
    """The program. `splits` are of letters of the output, the last one first dealt out to the threads of a warp.

    `knobs` are numbers when text is compiled: results of a thread, threads along both letters, and how many neighbours one access
    takes; so are the sizes among `constants`. `left` and `right` are where the cells of a row begin and end, whole accesses around
    what is read. `unrolled` is how many products are written out, `terms` how many a result adds at most; `narrow` says that its
    indices are proved to fit 32 bits where no size is more than MOST.
    """

    splits: tuple[Split, ...]
    knobs: tuple[Symbol, Symbol, Symbol, Symbol]
    constants: tuple[Symbol, ...]
    left: tuple[Symbol, Expr]
    right: tuple[Symbol, Expr]
    unrolled: Expr
    terms: Expr
    narrow: bool = False

    @property
    def small(self) -> tuple[int, ...]:
        """Numbers for the knobs, for a run point by point."""
        return (2, 1, 4, 2)

    @property
    def width(self) -> Symbol:
        """How many neighbours one access takes."""
        return self.knobs[-1]

    @property
    def down(self) -> dict[Symbol, Expr]:
        """The split letters in those of the program."""
        return {split.letter: split.place for split in self.splits}

    @property
    def cells(self) -> Expr:
        """How many cells a block has."""
        total: Expr = S.Zero
        for scratch in self.shared:
            box: Expr = S.One
            for extent in scratch.shape:
                box *= extent
            total += box
        return total

    @property
    def copied(self) -> dict[str, str]:
        """The shared arrays whose cells are entries of an argument, with its name."""
        arguments, shared = {s.name for s in self.program.arguments}, {s.array for s in self.shared}
        found = (accesses_of(node) for node in walk(self.program.body) if isinstance(node, Copy))
        return {to.array: of.array for to, of in found if to.array in shared and of.array in arguments}

    @lru_cache(maxsize=64)  # noqa: B019 - of a frozen program
    def numbered(self) -> Haloed:
        """With the numbers that results of a thread and threads along the last letter have."""
        results, _, lanes, _ = self.knobs
        found: Haloed = mapped(self, {results: Integer(RESULTS), lanes: Integer(LANES)})
        return found
