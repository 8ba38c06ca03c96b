"""Correlations whose letters don't mix, such as gradients by weights of single channels: sums for each place of a row, then of all.

    dV[a, b, d] = Σ_z Σ_i Σ_j X[z, i + a, j + b, d]·G[z, i, j, d]

    P[e, q0, q1, d] = X[first + e, low + q0 - 1, q1 - 1, d]      a tile of items and rows, 0 outside
    U[e, p, j, d] = G[first + e, low + p, j, d]
    A[a, b, j, d] = Σ_e Σ_p P[e, p + a, j + b, d]·U[e, p, j, d]  rows (j, d) are neighbours in memory: long runs, and no copies
    dV[a, b, d] += Σ_j A[a, b, j, d]                             tiles are apart, and dV starts as zeros

A dot product adds into one number, which waits for itself; here neighbours are added side by side. There is no matrix product
in it: each entry of X meets the entries of G a few times alone.
"""

from __future__ import annotations

from sympy import Symbol

from derive.algorithms._correlated import Correlated
from derive.algorithms._entries import entry
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.nodes import Access, Range
from derive.ir.stages import Room, Staged, Store, WeightedSum

__all__ = ["columns"]


def columns(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where the form is no such sum, or is a product of matrices."""
    return _Columns(form, batched).program()


class _Columns(Correlated):
    """The letters and extents of one program: `along` is the last place that moves windows."""

    def __init__(self, form: Form, batched: frozenset[str]) -> None:
        super().__init__(form, batched)
        if self.filters() and not set(self.columns()) <= {*form.read, *self.taps}:
            raise NoLowering("it needs channels that don't mix: else it is a product of matrices")
        if self.down is None:
            raise NoLowering("it needs a window along some axis")
        *_, self.along = (k for k, a in enumerate(self.axes) if a.place is not None)

    def program(self) -> Staged:
        axes = self._axes()
        kept = tuple(r for axis in axes for r in axis if r not in self._added())
        source, weights = self.read(), self._weights()
        target = Access(self.A, tuple(r.symbol for r in kept))
        summed = " ".join(f"Σ_{r.symbol}" for r in self._added())
        says = f"{entry(target)} = {summed} {entry(source)}·{entry(weights)}"
        total = WeightedSum(target, source, weights, axes, says)
        room = Room(self.A, tuple(r.stop for r in kept))
        return self.staged("columns", "sums by columns", (room,), (total, self._store(target)))

    def _weights(self) -> Access:
        return Access(self.U, (self.e, *(self.at(s) for s in self.form.read)))

    def _place(self) -> Range:
        """The places of a row."""
        (found,) = (r for r in self.rows() if r.symbol == self._letter())
        return found

    def _letter(self) -> Symbol:
        place = self.axes[self.along].place
        assert place is not None
        return self.at(place)

    def _added(self) -> tuple[Range, ...]:
        """The items and rows that are added up place by place."""
        return tuple(r for r in self.rows() if r.symbol != self._letter())

    def _axes(self) -> tuple[tuple[Range, ...], ...]:
        """Taps, what is added up, letters that stand still; and the places of a row, with channels behind them as one run."""
        place, run = self._place(), self._run()
        rest = (s for s in (*self.columns(), *self.filters()) if s not in {*self.taps, *run})
        plain = (*self.ranges(self.taps), *self._added(), *self.ranges(tuple(rest)))
        joined = self.ranges(run)
        if self.axes[self.along].stride == 1:
            return (*((r,) for r in plain), (place, *joined))
        return (*((r,) for r in plain), (place,), *([joined] if joined else []))

    def _run(self) -> tuple[Symbol, ...]:
        """The letters behind the places of a row, the same ones in both arrays."""
        behind, read = self.axes[self.along + 1 :], self.form.read
        letters = tuple(a.tap for a in behind if a.tap is not None and a.place is None)
        place = self.axes[self.along].place
        same = len(letters) == len(behind) and read[read.index(place) + 1 :] == letters
        return letters if same else ()

    def _store(self, source: Access) -> Store:
        place = self._place()
        target = Access(self.form.output.name, self.form.output.symbols)
        over = (*self.ranges(self.form.output.symbols), place)
        return Store(
            target,
            over,
            source,
            condition=self.mask,
            says=f"{entry(target)} += Σ_{place.symbol} {entry(source)}",
            adds=True,
        )
