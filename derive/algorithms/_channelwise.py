"""Separable windows of channels that don't mix, in two passes: rows of weights, each multiplied into all that it meets.

H[i, j, d] = Σ_r Σ_a Σ_b P[r, a, d]·Q[r, b, d]·X[i + a, j + b, d]

T[r, a, x, d] = P[r, a, d],  U[r, b, j, d] = Q[r, b, d]         once: a row of weights for each tap
B[r, e, p, x, d] = Σ_a E[e, p + a, x, d]·T[r, a, x, d]          E is a tile of X
A[e, p, j, d] = Σ_r Σ_b B[r, e, p, j + b, d]·U[r, b, j, d]
"""

from __future__ import annotations

from sympy import Expr, Integer, Symbol, expand

from derive.algorithms._entries import entry
from derive.algorithms._tile import Tile, ranges
from derive.algorithms._weights import gathered
from derive.algorithms._window import Moving, Window, fresh
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.nodes import Access, Copy, Range
from derive.ir.stages import Room, Stage, Staged, WeightedSum

__all__ = ["Channelwise", "check_channels"]

ZERO = Integer(0)


def check_channels(found: Window, form: Form, batched: frozenset[str]) -> None:
    """Refuses what isn't a window along two axes whose channels are the last ones and don't mix."""
    if found.contracted or found.filters:
        raise NoLowering("it needs channels that don't mix")
    places = tuple(m.place for m in found.moving)
    plain = tuple(a.symbol for a in found.shared)
    if len(found.taps) != 2 or len(found.moving) != 2 or form.output.symbols != (*places, *plain):
        raise NoLowering("it needs a window along two axes, with channels behind them")
    if form.read[2:] != plain or not {form.input.name, form.output.name} <= batched:
        raise NoLowering("it needs an input and an output for each item, with their axes in one order")


class Channelwise(Tile):
    """The letters and extents of one program; `factors` says which factor of the weight is the window along each axis."""

    def __init__(self, found: Window, factors: tuple[int, ...] = (0, 1)) -> None:
        super().__init__(found)
        self.factors = factors
        self.one, self.two = found.moving
        self.T, self.U = (s.name for s in fresh("T U", self.form))
        self.ranks, self.shared = ranges(found.ranks), ranges(found.shared)

    def program(self, batched: frozenset[str]) -> Staged:
        one, made, fixed = self._row(self.factors[0], self.one, self.T, self._column(), "F")
        two, more, then = self._row(
            self.factors[1], self.two, self.U, Range(self.two.place, ZERO, self.two.places), "F2"
        )
        stages = (self.halo(), self._down(one), self._along(two), self.store())
        rooms = (Room(self.P, self.tile_shape()), Room(self.B, self._between()), Room(self.A, self.result_shape()))
        return self.staged(
            "separable", "passes along each axis", batched, (*made, *more), (*fixed, *then), rooms, stages
        )

    def _column(self) -> Range:
        """All columns that a tile meets."""
        return Range(self.q[1], ZERO, self.tile_shape()[2])

    def _between(self) -> tuple[Expr, ...]:
        items, rows, *_ = self.rows()
        return tuple(r.stop for r in (*self.ranks, items, rows, self._column(), *self.shared))

    def _row(
        self, factor: int, moving: Moving, name: str, along: Range, called: str
    ) -> tuple[Access, tuple[Room, ...], tuple[Stage, ...]]:
        """A factor's weights, repeated along a row of places."""
        tap = moving.tap
        assert tap is not None
        plain = (*self.ranks, Range(tap, ZERO, moving.taps), *self.shared)
        letters = tuple(r.symbol for r in plain)
        held, made, fixed = gathered(self.found, letters, tuple(r.stop for r in plain), factor, called)
        over = (*plain[: len(self.ranks) + 1], along, *self.shared)
        target, source = Access(name, tuple(r.symbol for r in over)), Access(held, letters)
        copy = Copy(target, over, source, f"{entry(target)} = {entry(source)}")
        return target, (*made, Room(name, tuple(r.stop for r in over))), (*fixed, copy)

    def _down(self, weights: Access) -> WeightedSum:
        """The pass along the first axis: at each of its places, for all columns."""
        items, rows, *_ = self.rows()
        m, channels = self.one, tuple(r.symbol for r in self.shared)
        assert m.tap is not None
        source = Access(self.P, (self.e, m.stride * self.p + m.reach * m.tap, self.q[1], *channels))
        target = Access(self.B, (*(r.symbol for r in self.ranks), self.e, self.p, self.q[1], *channels))
        lead = (*self.ranks, Range(m.tap, ZERO, m.taps), items, rows)
        axes = (*((r,) for r in lead), (self._column(), *self.shared))
        return WeightedSum(target, source, weights, axes, self._says(target, source, weights, (m.tap,)))

    def _along(self, weights: Access) -> WeightedSum:
        """The pass along the second axis, summed over ranks."""
        items, rows, columns = self.rows()
        m, channels = self.two, tuple(r.symbol for r in self.shared)
        assert m.tap is not None
        rank = tuple(r.symbol for r in self.ranks)
        place = expand(m.stride * m.place + m.reach * m.tap)
        source = Access(self.B, (*rank, self.e, self.p, place, *channels))
        target = Access(self.A, (self.e, self.p, m.place, *channels))
        lead = tuple((r,) for r in (*self.ranks, Range(m.tap, ZERO, m.taps), items, rows))
        joined = ((columns, *self.shared),) if m.stride == 1 else ((columns,), *((r,) for r in self.shared))
        return WeightedSum(
            target, source, weights, (*lead, *joined), self._says(target, source, weights, (*rank, m.tap))
        )

    def _says(self, target: Access, source: Access, weights: Access, letters: tuple[Symbol, ...]) -> str:
        summed = " ".join(f"Σ_{s}" for s in letters)
        return f"{entry(target)} = {summed} {entry(source)}·{entry(weights)}"
