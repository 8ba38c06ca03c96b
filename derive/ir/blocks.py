"""A program of threads that each compute a block of results: a launch over the first places of blocks.

`rows` and `columns` are how many places a block has along the last axes but one and the last one, `width` how many neighbours one
access of memory takes: knobs, which are numbers when text is compiled, as are the sizes among `constants`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from math import prod
from typing import Any

from sympy import Basic, Expr, Integer, S, Symbol, expand

from derive.ir.nodes import Chart, Guard, Launch, Program, Range
from derive.remembered import replaced

__all__ = ["BLOCK", "MOST", "WIDTHS", "Blocked", "Tile", "mapped"]

WIDTHS = (1, 2, 4)
BLOCK, MOST = 128, 2**28  # the most threads of a block along an axis, and the largest size for indices of 32 bits


@dataclass(frozen=True, slots=True)
class Tile:
    """Places `start` + `offset` of a letter, 0 ≤ offset < `extent`, starts being multiples of the extent: each is in one tile."""

    letter: Symbol
    start: Symbol
    offset: Symbol
    extent: Symbol


@dataclass(frozen=True)
class Blocked:
    """The program, in whose sum the chart's letters run; `sums` are those that a result adds up, with all their values.

    `narrow` says that its indices are proved to fit 32 bits where no size is more than MOST.
    """

    program: Program
    tiles: tuple[Tile, ...]
    width: Expr
    constants: tuple[Symbol, ...]
    chart: Chart
    sums: tuple[Range, ...]
    narrow: bool = False

    @property
    def terms(self) -> Expr:
        """How many products a result adds at most."""
        return prod((expand(r.stop - r.start) for r in self.sums), start=S.One)

    @property
    def knobs(self) -> tuple[Symbol, ...]:
        """The symbols that are numbers besides sizes."""
        return (*(tile.extent for tile in self.tiles), *([self.width] if isinstance(self.width, Symbol) else []))

    @property
    def small(self) -> tuple[int, ...]:
        """Numbers for them: 2 rows and 4 columns, two neighbours at once."""
        return (2, 4, 2)[-len(self.knobs) :]

    @property
    def launch(self) -> Launch:
        """The launch that is the program."""
        (launch,) = self.program.body
        assert isinstance(launch, Launch)
        return launch

    @property
    def branches(self) -> Guard:
        """Where a block is inside and what is done there; otherwise what is done at the edges."""
        guard = self.launch.body[-1]
        assert isinstance(guard, Guard)
        return guard

    def at(self, width: int) -> Blocked:
        """With so many neighbours in one access."""
        values = {self.width: Integer(width)}
        program, chart = mapped(self.program, values), mapped(self.chart, values)
        return replace(self, program=program, chart=chart, width=values[self.width])


def mapped(part: Any, values: Mapping[Any, Any]) -> Any:
    """A part of a program with other expressions in the place of some."""
    if isinstance(part, Basic):
        return replaced(part, values)
    if isinstance(part, tuple):
        return tuple(mapped(p, values) for p in part)
    if is_dataclass(part) and not isinstance(part, type):
        return replace(part, **{f.name: mapped(getattr(part, f.name), values) for f in fields(part) if f.init})
    return part
