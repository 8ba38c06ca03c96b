"""Products at shifts: every entry of a tile times the weights of all taps, one product; results add what their taps made.

    H[z, i, j, d] = u[d] + Σ_a Σ_b Σ_c V[a, b, c, d]·X[z, i + a, j + b, c]

    P[e, q, y, c] = X[first + e, low + q, y - 1, c]      a tile of items and rows, 0 outside
    F[c, a, b, d] = V[a, b, c, d]                        once
    B[e, q, y, a, b, d] = Σ_c P[e, q, y, c]·F[c, a, b, d]
    H[first + e, low + p, j, d] = u[d] + Σ_a Σ_b B[e, p + a, j + b, a, b, d]

Nothing is copied for the taps that meet it: where there are fewer filters than channels, that is less than windows side by side.
This is for devices, where the last statement adds in registers.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import Integer

from derive.algorithms._entries import entry
from derive.algorithms._tile import Tile, ranges
from derive.algorithms._weights import adjacent, gathered
from derive.algorithms._window import Window, window
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.nodes import Access, Range
from derive.ir.stages import MatMul, Room, Staged, Store

__all__ = ["shifts"]

ZERO = Integer(0)


def shifts(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where the form has no channels or no taps, or skips places."""
    found = window(form)
    if not {form.input.name, form.output.name} <= batched:
        raise NoLowering("it needs an input and an output for each item")
    if not (found.filters and found.contracted and found.taps):
        raise NoLowering("it needs filters, letters that are contracted, and taps")
    if any(m.stride != 1 for m in found.moving):
        raise NoLowering("it needs windows at every place, or most of its products would be of no use")
    return _Shifts(found).program(batched)


class _Shifts(Tile):
    """The letters and extents of one program."""

    def __init__(self, found: Window) -> None:
        super().__init__(found)
        self.taps = tuple(Range(m.tap, ZERO, m.taps) for m in found.taps if m.tap is not None)
        moved = {m.place for m in self.moving}
        self.axes = [k for k, e in enumerate(self.form.read) if e.free_symbols & moved]
        self.entries = (Range(self.e, ZERO, self.N), *(Range(self.q[k], ZERO, self._span(k)[1]) for k in self.axes))

    def program(self, batched: frozenset[str]) -> Staged:
        found = self.found
        shared, inner, columns = ranges(found.shared), ranges(found.contracted), (*self.taps, *ranges(found.filters))
        order = (*shared, *inner, *columns)
        letters = tuple(r.symbol for r in order)
        name, made, fixed = gathered(found, letters, tuple(r.stop for r in order))
        read = Access(self.P, (self.e, *(self.q[k] if k in self.axes else e for k, e in enumerate(self.form.read))))
        if not all(adjacent(read.subscripts, [r.symbol for r in some]) for some in (self.entries, inner)):
            raise NoLowering("it needs places, and letters that are contracted, which are neighbours in memory")
        target = Access(self.B, tuple(r.symbol for r in (*shared, *self.entries, *columns)))
        right, summed = Access(name, letters), " ".join(f"Σ_{r.symbol}" for r in inner)
        says = f"{entry(target)} = {summed} {entry(read)}·{entry(right)}"
        product = MatMul(target, read, right, shared, self.entries, inner, columns, says)
        rooms = (
            Room(self.P, self.tile_shape()),
            Room(self.B, tuple(r.stop for r in (*shared, *self.entries, *columns))),
        )
        halo = replace(self.halo(), copied=True)  # a tile of rows is no matrix where it lies in the input
        stages = (halo, product, self._added())
        return self.staged("shifts", "products at shifts", batched, made, fixed, rooms, stages)

    def _added(self) -> Store:
        """The results of a tile, each a sum over its taps."""
        plain, found = self.store(), self.found
        at = {m.place: self._place(m) + (ZERO if m.tap is None else m.reach * m.tap) for m in self.moving}
        places = [next(e for s, e in at.items() if s in self.form.read[k].free_symbols) for k in self.axes]
        rest = (*(r.symbol for r in self.taps), *(a.symbol for a in found.filters))
        source = Access(self.B, (*(a.symbol for a in found.shared), self.e, *places, *rest))
        summed = "".join(f"Σ_{r.symbol} " for r in self.taps)
        start = f"{entry(plain.bias)} + " if plain.bias else ""
        says = f"{entry(plain.target)} = {start}{summed}{entry(source)}"
        return replace(plain, over=(*plain.over, *self.taps), source=source, says=says, held=False)
