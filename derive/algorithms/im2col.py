"""Im2col: the windows of a tile are copied side by side, and one matrix product with all weights makes their results.

    H[z, i, j, d] = u[d] + Σ_a Σ_b Σ_c V[a, b, c, d]·X[z, i + a, j + b, c]

    P[e, p, q, c] = X[first + e, low + p, q - 1, c]      a tile of items and rows, 0 outside
    B[e, p, j, a, b, c] = P[e, p + a, j + b, c]          copied: the rows of a matrix
    A[e, p, j, d] = Σ_abc B[e, p, j, a, b, c]·V[a, b, c, d]
    H[first + e, low + p, j, d] = u[d] + A[e, p, j, d]

A tile is many rows of few items or few rows of many: small images go several at a time. Shared letters are a batch of products.
Without taps nothing is copied where X is whole, and a form that doesn't move is one product over the items.
"""

from __future__ import annotations

from itertools import pairwise

from sympy import Expr, Symbol, true

from derive.algorithms._tile import Tile, ranges
from derive.algorithms._window import Window, entry, gathered, window
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.nodes import Access, Copy
from derive.ir.stages import MatMul, Room, Stage, Staged

__all__ = ["im2col"]


def im2col(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where the form has no letters to make a matrix product of."""
    found = window(form)
    if not {form.input.name, form.output.name} <= batched:
        raise NoLowering("it needs an input and an output for each item")
    if not (found.filters and (found.contracted or found.taps)):
        raise NoLowering("it needs filters, and terms that are summed over for each of them")
    if not found.moving and (found.shared or found.mask != true or not _plain(found)):
        raise NoLowering("it needs a window that moves, or weights that are a matrix as they are")
    return _Im2col(found).program(batched)


def _plain(found: Window) -> bool:
    """Whether each subscript of the weights is a letter of its own."""
    letters = {a.symbol for a in (*found.shared, *found.contracted, *found.filters)} | {m.tap for m in found.taps}
    subscripts = found.weight.subscripts
    return found.mask == true and set(subscripts) == letters and len(subscripts) == len(letters)


class _Im2col(Tile):
    """The letters and extents of one program."""

    def __init__(self, found: Window) -> None:
        super().__init__(found)
        whole = all(m.base == 0 and m.places == m.extent for m in self.moving[1:])
        self.copied = bool(found.taps) or not whole or any(m.stride != 1 for m in self.moving)
        self.letters: tuple[Expr, ...] = ()

    def program(self, batched: frozenset[str]) -> Staged:
        name, made, fixed = self._weights()
        over = (*ranges(self.found.shared), *self.rows(), *self.inner())
        copy, read = Access(self.B, tuple(r.symbol for r in over)), self.read()
        copies = (Copy(copy, over, read, f"{entry(copy)} = {entry(read)}"),) if self.copied else ()
        stages = (self.halo(), *copies, self._product(name, copy if self.copied else read), self.store())
        halo, target = Room(self.P, self.tile_shape()), Room(self.A, self.result_shape())
        room = (Room(self.B, tuple(r.stop for r in over)),) if self.copied else ()
        says = "im2col" if self.copied else "one product"
        return self.staged("im2col", says, batched, made, fixed, (halo, *room, target), stages)

    def _weights(self) -> tuple[str, tuple[Room, ...], tuple[Stage, ...]]:
        """The weights, as they are where they are a matrix for each point of the batch."""
        inner, filters = self.inner(), ranges(self.found.filters)
        subscripts = self.found.weight.subscripts
        groups = [[r.symbol for r in inner], [r.symbol for r in filters]]
        if _plain(self.found) and all(_adjacent(subscripts, g) for g in groups):
            self.letters = subscripts
            return self.found.weight.array, (), ()
        every = (*ranges(self.found.shared), *inner, *filters)
        self.letters = tuple(r.symbol for r in every)
        return gathered(self.found, tuple(r.symbol for r in every), tuple(r.stop for r in every))

    def _product(self, name: str, left: Access) -> MatMul:
        right = Access(name, self.letters)
        rows, inner, filters = self.rows(), self.inner(), ranges(self.found.filters)
        shared = ranges(self.found.shared)
        target = Access(self.A, tuple(r.symbol for r in (*rows, *shared, *filters)))
        alone = rows[:1] if self.moving and not self.copied else ()
        summed = " ".join(f"Σ_{r.symbol}" for r in inner)
        says = f"{entry(target)} = {summed} {entry(left)}·{entry(right)}"
        return MatMul(target, left, right, (*shared, *alone), rows[len(alone) :], inner, filters, says)


def _adjacent(subscripts: tuple[Expr, ...], letters: list[Symbol]) -> bool:
    """Whether letters are subscripts next to each other, in order."""
    places = [subscripts.index(s) for s in letters]
    return all(two == one + 1 for one, two in pairwise(places))
