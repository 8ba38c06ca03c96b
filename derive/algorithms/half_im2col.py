"""Half of im2col: windows are copied side by side along all axes but the first, along which the copy has them as they are.

    H[z, i, j, d] = u[d] + Σ_a Σ_b Σ_c V[a, b, c, d]·X[z, i + a, j + b, c]

    P[e, q, y, c] = X[first + e, low + q, y - 1, c]      a tile of items and rows, 0 outside
    B[e, j, q, b, c] = P[e, q, j + b, c]                 copied: for each column its rows one after another
    A[e, p, j, d] = Σ_abc B[e, j, p + a, b, c]·V[a, b, c, d]
    H[first + e, low + p, j, d] = u[d] + A[e, p, j, d]

A window's rows p + a are one run of the copy, since q is followed by whole rows of (b, c): a row of the result is a matrix product
in place. Each row is copied once instead of once for each of the taps a that meet it, and each row of the result has a product.
"""

from __future__ import annotations

from sympy import Expr, Integer

from derive.algorithms._entries import entry
from derive.algorithms._matrix import Matrix
from derive.algorithms._tile import ranges
from derive.algorithms._window import Moving, Window, fresh, window
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.nodes import Access, Copy, Range
from derive.ir.stages import MatMul, Room, Staged

__all__ = ["half_im2col"]

ZERO = Integer(0)


def half_im2col(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where the form has no filters, or no window along its first axis and others."""
    found = window(form)
    if not {form.input.name, form.output.name} <= batched:
        raise NoLowering("it needs an input and an output for each item")
    if not found.filters or len(found.taps) < 2:
        raise NoLowering("it needs filters and a window along two axes at least")
    tile = _Half(found)
    if tile.down is not found.taps[0] or tile.down.reach != 1:
        raise NoLowering("it needs a window whose taps are neighbours along the first axis of input and output")
    return tile.program(batched)


class _Half(Matrix):
    """The letters and extents of one program."""

    def __init__(self, found: Window) -> None:
        super().__init__(found)
        (self.row,) = fresh("q", self.form)

    def program(self, batched: frozenset[str]) -> Staged:
        name, made, fixed = self.weights()
        over = self._copied()
        copy = Access(self.B, tuple(r.symbol for r in over))
        source = self._read(self.row)
        copies = Copy(copy, over, source, f"{entry(copy)} = {entry(source)}")
        halo, target = Room(self.P, self.tile_shape()), Room(self.A, self.result_shape())
        room = Room(self.B, tuple(r.stop for r in over))
        stages = (self.halo(), copies, self._product(name), self.store())
        return self.staged("half_im2col", "half of im2col", batched, made, fixed, (halo, room, target), stages)

    def _along(self) -> Moving:
        assert self.down is not None
        return self.down

    def _copied(self) -> tuple[Range, ...]:
        """The axes of B: shared letters, items and places across, then the rows of the tile, taps across and what is contracted."""
        item, _, *across = self.rows()
        down = self._along()
        rows = down.stride * (self.R - 1) + down.taps
        _, *inner = self.inner()
        return (*ranges(self.found.shared), item, *across, Range(self.row, ZERO, rows), *inner)

    def _read(self, row: Expr) -> Access:
        """The entry of the tile that an entry of B is a copy of."""
        read, down = self.read(), self._along()
        place = next(e for e in read.subscripts if self.p in e.free_symbols)
        assert place.free_symbols == {self.p, down.tap}
        return Access(read.array, tuple(row if e == place else e for e in read.subscripts))

    def _product(self, name: str) -> MatMul:
        """A matrix product for each row of the results."""
        down, shared = self._along(), ranges(self.found.shared)
        item, row, *across = self.rows()
        inner, filters = self.inner(), ranges(self.found.filters)
        place = down.stride * self.p + inner[0].symbol
        lead = (*(r.symbol for r in shared), item.symbol, *(r.symbol for r in across))
        left = Access(self.B, (*lead, place, *(r.symbol for r in inner[1:])))
        target = Access(self.A, tuple(r.symbol for r in (item, row, *across, *shared, *filters)))
        right = Access(name, self.letters)
        summed = " ".join(f"Σ_{r.symbol}" for r in inner)
        says = f"{entry(target)} = {summed} {entry(left)}·{entry(right)}"
        return MatMul(target, left, right, (*shared, item, row), tuple(across), inner, filters, says)
