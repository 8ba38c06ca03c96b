"""Shifted products: each tap is one multiplication of all that it meets, added up where the results are.

    H[i, j, d] = u[d] + Σ_a Σ_b V[a, b, d]·X[i + a, j + b, d]

    P[e, p, q, d] = X[first + e, low + p, q - 1, d]      a tile of items and rows, 0 outside
    T[a, b, j, d] = V[a, b, d]                           once: a row of weights for each tap
    A[e, p, j, d] = Σ_a Σ_b P[e, p + a, j + b, d]·T[a, b, j, d]
    H[first + e, low + p, j, d] = u[d] + A[e, p, j, d]

Columns and channels are one axis of memory, along which a tap is one run; with a stride along the columns, channels alone are.
"""

from __future__ import annotations

from derive.algorithms._entries import entry
from derive.algorithms._tile import Tile, ranges
from derive.algorithms._weights import gathered
from derive.algorithms._window import Window, fresh, window
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.nodes import Access, Copy, Range
from derive.ir.stages import Room, Stage, Staged, WeightedSum

__all__ = ["shifted"]


def shifted(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where the form has filters, or no channels of its own at last."""
    found = window(form)
    if not found.moving or found.filters:
        raise NoLowering("it needs a window that moves, without filters")
    if form.read[-1] not in {a.symbol for a in found.shared}:
        raise NoLowering(f"it needs {form.input.name} to end with a letter that weights and result share")
    if not {form.input.name, form.output.name} <= batched:
        raise NoLowering("it needs an input and an output for each item")
    return _Shifted(found).program(batched)


class _Shifted(Tile):
    """The letters and extents of one program."""

    def __init__(self, found: Window) -> None:
        super().__init__(found)
        self.joined = self._joined()

    def _joined(self) -> bool:
        """Whether the last places and the shared letters are one axis of memory."""
        last = self.moving[-1]
        *before, place = self.form.read[: len(self.form.read) - len(self.found.shared)] or (None,)
        behind = self.form.read[len(before) + 1 :]
        runs = place is not None and last.place in place.free_symbols and last.stride == 1
        return bool(self.found.shared) and runs and behind == tuple(a.symbol for a in self.found.shared)

    def program(self, batched: frozenset[str]) -> Staged:
        name, made, fixed = self._weights()
        stages = (self.halo(), self._sum(name), self.store())
        rooms = (Room(self.P, self.tile_shape()), Room(self.A, self.result_shape()))
        return self.staged("shifted", "shifted products", batched, made, fixed, rooms, stages)

    def _letters(self) -> tuple[Range, ...]:
        """The letters of the weights: what is summed over, then the column if weights are repeated along it, and what is shared."""
        along = self.rows()[-1:] if self.joined else ()
        return (*self.inner(), *along, *ranges(self.found.shared))

    def _weights(self) -> tuple[str, tuple[Room, ...], tuple[Stage, ...]]:
        """The weights, repeated along a row where it runs through the shared letters."""
        plain = (*self.inner(), *ranges(self.found.shared))
        symbols = tuple(r.symbol for r in plain)
        name, made, fixed = gathered(self.found, symbols, tuple(r.stop for r in plain))
        if not self.joined:
            return name, made, fixed
        row, over = fresh("T", self.form)[0].name, self._letters()
        target, source = Access(row, tuple(r.symbol for r in over)), Access(name, symbols)
        copy = Copy(target, over, source, f"{entry(target)} = {entry(source)}")
        return row, (*made, Room(row, tuple(r.stop for r in over))), (*fixed, copy)

    def _sum(self, name: str) -> WeightedSum:
        rows, shared = self.rows(), ranges(self.found.shared)
        source, weights = self.read(), Access(name, tuple(r.symbol for r in self._letters()))
        target = Access(self.A, tuple(r.symbol for r in (*rows, *shared)))
        alone = [(r,) for r in (*self.inner(), *rows, *shared)]
        end = len(alone) - len(shared) - 1
        axes = (*alone[:end], (rows[-1], *shared)) if self.joined else tuple(alone)
        summed = " ".join(f"Σ_{r.symbol}" for r in self.inner())
        says = f"{entry(target)} = {summed} {entry(source)}·{entry(weights)}".replace("=  ", "= ")
        return WeightedSum(target, source, weights, axes, says)
