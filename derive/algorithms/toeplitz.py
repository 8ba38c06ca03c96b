"""Toeplitz products along one axis: overlapping stretches of the input are the rows of a matrix, in memory as they are.

    H[i] = Σ_a V[a]·X[i + a]

    B[r, t] = V[r - t]                              once: a band of T columns
    A[h, t] = Σ_r X[T·h + r]·B[r, t]                one product for a tile, nothing copied
    H[T·h + t] = A[h, t]

That takes T + k - 1 multiplications a result on BLAS (k taps). Rows that share memory go in phases that don't. Strides and
dilations are in the subscripts; only tiles at the ends of the axis are copied, with zeros for what lies outside.
"""

from __future__ import annotations

from sympy import Expr, Integer, Symbol, expand, floor

from derive.algorithms._bands import banded
from derive.algorithms._entries import entry
from derive.algorithms._window import BATCH, ITEM, Window, fresh, single, sources, window
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.nodes import Access, Chart, Let, Loop, Range
from derive.ir.stages import Halo, Knob, MatMul, Room, Stage, Staged, Store, Tiles

__all__ = ["toeplitz"]

ZERO = Integer(0)


def toeplitz(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where the form is no window along its last axis alone, without channels."""
    found = window(form)
    single(found, batched)
    if [m for m in found.moving if m.tap is not None] != [found.moving[-1]]:
        raise NoLowering("it needs a window along the last axis alone")
    return _Toeplitz(found).program(batched)


class _Toeplitz:
    """The letters and extents of one program."""

    def __init__(self, found: Window) -> None:
        self.found, self.form = found, found.form
        *self.outer, self.along = found.moving
        names = "T N h t r p low high K B A P"
        letters = dict(zip(names.split(), fresh(names, self.form), strict=True))
        self.T, self.N, self.h, self.t, self.r, self.p = (letters[c] for c in "TNhtrp")
        self.low, self.high, self.K = letters["low"], letters["high"], letters["K"]
        self.B, self.A, self.P = (letters[c].name for c in "BAP")

    def program(self, batched: frozenset[str]) -> Staged:
        along = self.along
        arguments, result = self.found.storage(batched)
        band, fixed, made = banded(self.found, along, 0, (), (self.B, self.t, self.r, self.T, self.K))
        height = expand(along.stride * (self.T * self.N - 1) + along.reach * (along.taps - 1) + 1)
        return Staged(
            name="toeplitz",
            says="Toeplitz products",
            arguments=arguments,
            result=result,
            sizes=self.form.sizes,
            sources=sources(self.form),
            knobs=(Knob(self.T, (16, 32, 64, 128)), Knob(self.N)),
            lets=(Let(self.K, expand(along.stride * (self.T - 1) + along.reach * (along.taps - 1) + 1)),),
            made=made,
            fixed=fixed,
            rooms=(Room(self.P, (height,)), Room(self.A, (self.N, self.T))),
            body=self._body(height, band),
            batch=BATCH,
            item=ITEM,
            chart=self._chart(),
        )

    def _body(self, height: Expr, band: Access) -> tuple[Stage, ...]:
        along, T, h, t, r, p = self.along, self.T, self.h, self.t, self.r, self.p
        rows, columns = Range(h, ZERO, self.N), Range(t, ZERO, T)
        outer = tuple(expand(m.stride * m.place + m.base) for m in self.outer)
        source = Access(self.form.input.name, (ITEM, *outer, expand(along.stride * self.low + along.base + p)))
        held, made = Access(self.P, (p,)), Access(self.A, (h, t))
        halo = Halo(held, (Range(p, ZERO, height),), source, says=f"{entry(held)} = {entry(source)}, 0 outside")
        left = Access(self.P, (along.stride * T * h + r,))
        says = f"{entry(made)} = Σ_{r} {entry(left)}·{entry(band)}"
        product = MatMul(made, left, band, (), (rows,), (Range(r, ZERO, self.K),), (columns,), says)
        place = expand(self.low + T * h + t)
        result = Access(self.form.output.name, (ITEM, *(m.place for m in self.outer), place))
        bias = self.found.bias
        says = f"{entry(result)} = {entry(bias) + ' + ' if bias else ''}{entry(made)}"
        store = Store(result, (rows, columns), made, bias, place < self.high, says, held=True)
        body: Stage = Tiles(
            self.low, self.high, along.place - along.low, along.places, T * self.N, (halo, product, store)
        )
        for m in reversed(self.outer):
            body = Loop(Range(m.place, ZERO, m.places), (body,))
        return (Loop(Range(ITEM, ZERO, BATCH), (body,)),)

    def _chart(self) -> Chart:
        """The place i is low + T·h + t."""
        found, along = self.found, self.along
        up, down = found.up(), found.down()
        i = up[along.place] - self.low
        own: dict[Symbol, Expr] = {self.h: floor(i / self.T), self.t: i - self.T * floor(i / self.T)}
        own[self.r] = along.stride * own[self.t] + along.reach * up.get(along.tap, ZERO)
        place = expand(self.low + self.T * self.h + self.t)
        down = {s: e.xreplace({along.place: place}) for s, e in down.items()}
        kept = {s: e for s, e in up.items() if s != along.place}
        return Chart((*down.items(), (ITEM, ITEM)), (*kept.items(), *own.items(), (ITEM, ITEM)))
