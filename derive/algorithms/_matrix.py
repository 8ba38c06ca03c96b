"""The product of a tile's rows with all weights: A[e, p, .., d] = Σ (rows of a matrix)·(weights as a matrix)."""

from __future__ import annotations

from sympy import Expr, true

from derive.algorithms._entries import entry
from derive.algorithms._tile import Tile, ranges
from derive.algorithms._weights import adjacent, gathered
from derive.algorithms._window import Window
from derive.ir.nodes import Access, Copy
from derive.ir.stages import MatMul, Room, Stage, Staged

__all__ = ["Matrix", "is_matrix"]


def is_matrix(found: Window) -> bool:
    """Whether each subscript of the weights is a letter of its own."""
    if not found.plain:
        return False
    letters = {a.symbol for a in (*found.shared, *found.contracted, *found.filters)} | {m.tap for m in found.taps}
    subscripts = found.weight.subscripts
    return found.mask == true and set(subscripts) == letters and len(subscripts) == len(letters)


class Matrix(Tile):
    """A tile that is multiplied with weights of the letters `letters`."""

    letters: tuple[Expr, ...] = ()

    def windows(self) -> tuple[Access, tuple[Room, ...], tuple[Copy, ...]]:
        """The rows of a matrix: as they are in the tile, or each window copied to a row of an array made for that."""
        read = self.read()
        if self.in_place(1 if self.down else 0):
            return read, (), ()
        over = (*ranges(self.found.shared), *self.rows(), *self.inner())
        copy = Access(self.B, tuple(r.symbol for r in over))
        room = Room(self.B, tuple(r.stop for r in over))
        return copy, (room,), (Copy(copy, over, read, f"{entry(copy)} = {entry(read)}"),)

    def of_windows(self, name: str, says: tuple[str, str], batched: frozenset[str], turned: bool = False) -> Staged:
        """One product of the windows of a tile with all weights; said as the first where windows are copied, else as the second."""
        weights, made, fixed = self.weights(turned)
        windows, room, copies = self.windows()
        product = self.product(weights, windows, 0 if copies or not self.down else 1, turned)
        rooms = (Room(self.P, self.tile_shape()), *room, Room(self.A, self.result_shape()))
        stages: tuple[Stage, ...] = (self.halo(), *copies, product, self.store())
        return self.staged(name, says[0] if copies else says[1], batched, made, fixed, rooms, stages)

    def in_place(self, rows: int) -> bool:
        """Whether the tile has the rows of a matrix as they are, but for its first `rows` ranges."""
        subscripts = self.read().subscripts
        own = [r.symbol for r in self.rows()[rows:]]
        whole = all(m.base == 0 and m.places == m.extent for m in self.across)
        plain = not self.found.taps and whole and all(m.stride == 1 for m in self.moving)
        return plain and all(adjacent(subscripts, g) for g in (own, [r.symbol for r in self.inner()]))

    def weights(self, turned: bool = False) -> tuple[str, tuple[Room, ...], tuple[Stage, ...]]:
        """The weights, as they are where they are a matrix for each point of the batch; `turned` has a row for each filter."""
        inner, filters = self.inner(), ranges(self.found.filters)
        groups = [[r.symbol for r in inner], [r.symbol for r in filters]]
        if is_matrix(self.found):
            subscripts = self.found.weight.subscripts
            last = not turned or subscripts[-1:] == tuple(groups[0][-1:])
            if last and all(adjacent(subscripts, g) for g in groups):
                self.letters = subscripts
                return self.found.weight.array, (), ()
        sides = (*filters, *inner) if turned else (*inner, *filters)
        every = (*ranges(self.found.shared), *sides)
        self.letters = tuple(r.symbol for r in every)
        return gathered(self.found, tuple(r.symbol for r in every), tuple(r.stop for r in every))

    def product(self, name: str, windows: Access, alone: int = 0, turned: bool = False) -> MatMul:
        """A from the rows of a matrix; the first `alone` of its ranges are products of their own.

        With weights that are `turned` these are the left side, and windows are columns.
        """
        weights = Access(name, self.letters)
        rows, inner, filters = self.rows(), self.inner(), ranges(self.found.filters)
        target = Access(self.A, tuple(r.symbol for r in self.results()))
        left, right = (weights, windows) if turned else (windows, weights)
        above, across = (filters, rows[alone:]) if turned else (rows[alone:], filters)
        summed = " ".join(f"Σ_{r.symbol}" for r in inner)
        says = f"{entry(target)} = {summed} {entry(left)}·{entry(right)}"
        return MatMul(target, left, right, (*ranges(self.found.shared), *rows[:alone]), above, inner, across, says)
