"""A program of blocks of threads: each block computes a tile of results from cells of shared memory that its threads fill together.

A launch over the first places of tiles holds one over the threads of a block. Working arrays of the outer one are shared, those of
the inner one are a thread's registers, and a launch inside that is dealt out to the threads of the block.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, S, Symbol

from derive.ir.nodes import Guard, Launch, Program, Scratch

__all__ = ["Shared", "Split", "Tiled"]


@dataclass(frozen=True, slots=True)
class Split:
    """Places `start` + offset of a letter; starts are multiples of `extent`, and an offset has `digits` with an extent each.

    The fastest digit is first. Each place is in one tile, at one offset, which has one set of digits: division with remainder.
    """

    letter: Symbol
    start: Symbol
    digits: tuple[tuple[Symbol, Expr], ...]

    @property
    def extent(self) -> Expr:
        """How many places a tile has."""
        found: Expr = S.One
        for _, extent in self.digits:
            found *= extent
        return found

    @property
    def offset(self) -> Expr:
        """A place, counted from the start of its tile."""
        found, step = S.Zero, S.One
        for digit, extent in self.digits:
            found, step = found + step * digit, step * extent
        return found

    @property
    def place(self) -> Expr:
        """What stands in the letter's place."""
        return self.start + self.offset


@dataclass(frozen=True)
class Shared:
    """A program that is a launch of blocks of threads, which share working arrays."""

    program: Program

    @property
    def blocks(self) -> Launch:
        """The launch that is the program."""
        (launch,) = self.program.body
        assert isinstance(launch, Launch)
        return launch

    @property
    def shared(self) -> tuple[Scratch, ...]:
        """The arrays that the threads of a block share."""
        return tuple(node for node in self.blocks.body if isinstance(node, Scratch))

    @property
    def threads(self) -> Launch:
        """The threads of a block and what each of them does."""
        launch = self.blocks.body[-1]
        assert isinstance(launch, Launch)
        return launch

    @property
    def registers(self) -> Scratch:
        """A thread's results."""
        scratch = self.threads.body[0]
        assert isinstance(scratch, Scratch)
        return scratch

    @property
    def branches(self) -> Guard:
        """Where a tile is inside and what is done there; otherwise what is done at the edges."""
        guard = self.threads.body[-1]
        assert isinstance(guard, Guard)
        return guard


@dataclass(frozen=True)
class Tiled(Shared):
    """The program. `splits` are of letters of the output, `summed` of the letter that a sum takes chunks of, up to `end`.

    The first `places` splits are of letters that tell places, the last one is of one that tells weights. `knobs` are numbers when
    text is compiled: threads along places and along weights, the length of a chunk, and how many results one access stores.
    `terms` is how many products a result adds at most; `narrow` says that its indices are proved to fit 32 bits where no size is
    more than MOST.
    """

    splits: tuple[Split, ...]
    summed: Split
    end: Expr
    places: int
    knobs: tuple[Symbol, Symbol, Symbol, Symbol]
    terms: Expr
    narrow: bool = False

    @property
    def constants(self) -> tuple[Symbol, ...]:
        """The sizes that are numbers when text is compiled: none."""
        return ()

    @property
    def copied(self) -> dict[str, str]:
        """The shared arrays whose cells are entries of an argument as they are stored: none, they hold what is computed with."""
        return {}

    @property
    def width(self) -> Symbol:
        """How many neighbours one access stores, inside."""
        return self.knobs[-1]

    @property
    def small(self) -> tuple[int, ...]:
        """Numbers for the knobs: a block of one thread, which runs point by point, chunks and accesses of 2."""
        return (1, 1, 2, 2)

    @property
    def down(self) -> dict[Symbol, Expr]:
        """The split letters in those of the program."""
        return {split.letter: split.place for split in (*self.splits, self.summed)}
