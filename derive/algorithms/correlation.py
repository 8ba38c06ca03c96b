"""Correlations of two arrays that both have items, such as a gradient by weights: windows of one, side by side, times the other.

    dV[a, b, c, d] = Σ_z Σ_i Σ_j X[z, i + a, j + b, c]·G[z, i, j, d]

    P[e, q0, q1, c] = X[first + e, low + q0 - 1, q1 - 1, c]      a tile of items and rows, 0 outside
    U[e, p, j, d] = G[first + e, low + p, j, d]
    B[e, p, j, a, b, c] = P[e, p + a, j + b, c]                  copied: the columns of a matrix
    A[a, b, c, d] = Σ_epj B[e, p, j, a, b, c]·U[e, p, j, d]
    dV[a, b, c, d] += A[a, b, c, d]                              tiles are apart, and dV starts as zeros

Letters that both arrays share with the result are a batch of products. Without taps nothing is copied, and a tile is whole items.
"""

from __future__ import annotations

from sympy import Symbol

from derive.algorithms._correlated import Correlated
from derive.algorithms._entries import entry
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.nodes import Access, Copy, Range
from derive.ir.stages import MatMul, Room, Stage, Staged, Store

__all__ = ["correlation"]


def correlation(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where the form is no sum over places of products of two arrays with items."""
    return _Correlation(form, batched).program()


class _Correlation(Correlated):
    """The letters and extents of one program."""

    def __init__(self, form: Form, batched: frozenset[str]) -> None:
        super().__init__(form, batched)
        if not self.filters() or set(self.columns()) <= set(form.read):
            raise NoLowering("it needs letters of the result that one of the arrays alone has, for both")
        order = (self.e, *map(self.at, form.read))
        if not all(_together(group, order) for group in (tuple(r.symbol for r in self.rows()), self.filters())):
            raise NoLowering(f"it needs places of {form.input.name} in front of its other letters, and these together")

    def program(self) -> Staged:
        columns, read = self._inner(), self.read()
        results = (*columns, *self.ranges(self.filters()))
        target = Access(self.A, tuple(r.symbol for r in results))
        rooms, stages = [Room(self.A, tuple(r.stop for r in results))], list[Stage]()
        if self.down:
            over = (*self.rows(), *columns)
            copy = Access(self.B, tuple(r.symbol for r in over))
            stages.append(Copy(copy, over, read, f"{entry(copy)} = {entry(read)}"))
            rooms.insert(0, Room(self.B, tuple(r.stop for r in over)))
            read = copy
        stages += [self._product(target, read), self._store(target)]
        return self.staged("correlation", "products of windows", rooms, stages)

    def _inner(self) -> tuple[Range, ...]:
        """The columns of the copied matrix: shared letters, taps, then the other letters of the windows."""
        rest = tuple(s for s in self.columns() if s not in (*self.shared, *self.taps))
        return self.ranges((*self.shared, *self.taps, *rest))

    def _product(self, target: Access, left: Access) -> MatMul:
        right = Access(self.U, (self.e, *(self.at(s) for s in self.form.read)))
        rows = tuple(r for r in self._inner() if r.symbol not in self.shared)
        summed = " ".join(f"Σ_{r.symbol}" for r in self.rows())
        says = f"{entry(target)} = {summed} {entry(left)}·{entry(right)}"
        return MatMul(
            target, left, right, self.ranges(self.shared), rows, self.rows(), self.ranges(self.filters()), says
        )

    def _store(self, source: Access) -> Store:
        target = Access(self.form.output.name, self.form.output.symbols)
        over = self.ranges(self.form.output.symbols)
        return Store(target, over, source, condition=self.mask, says=f"{entry(target)} += {entry(source)}", adds=True)


def _together(group: tuple[Symbol, ...], order: tuple[Symbol, ...]) -> bool:
    """Whether the letters of a group follow each other, so that they are one axis of a matrix."""
    first = order.index(group[0])
    return order[first : first + len(group)] == group
