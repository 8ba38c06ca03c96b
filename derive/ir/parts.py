"""A program whose threads each add up a part of a sum, and one that adds what they found.

A loop of the sum is cut into chunks of equally many places; of one loop a thread may take each LANES-th place alone, so that
neighbouring threads read neighbours. Parts stand in a working array that the program fills: first by their chunks, then by lanes,
then by results. The second program adds FOLD of them at a time, in their order, until one is left of each result.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, Symbol

from derive.ir.nodes import Launch, Program

__all__ = ["FOLD", "LANES", "Chunk", "Parted"]

LANES = 32  # threads that read together
FOLD = 32


@dataclass(frozen=True, slots=True)
class Chunk:
    """Places `low` ≤ letter < `low` + `length` of a loop, where low = number·length for 0 ≤ number < count.

    All places are below `extent`, which is at most count·length.
    """

    letter: Symbol
    number: Symbol
    count: Symbol
    length: Symbol
    low: Symbol
    extent: Expr


@dataclass(frozen=True)
class Parted:
    """`program` fills its result with parts; `lane` takes its places of the loop `along`, if there is one; `fold` adds parts."""

    program: Program
    chunks: tuple[Chunk, ...]
    along: Symbol | None
    lane: Symbol
    fold: Program

    @property
    def launch(self) -> Launch:
        """The launch that is the program."""
        (launch,) = self.program.body
        assert isinstance(launch, Launch)
        return launch

    @property
    def lanes(self) -> int:
        """How many threads share the places of a chunk."""
        return 1 if self.along is None else LANES
