"""Windows with gaps: rows on BLAS where taps are δ > 1 rows apart, and no product is one by a zero between two taps.

    H[i, j] = Σ_a Σ_b V[a, b]·X[σ·i + δ·a, δ'·j + b]

    T[b, a] = V[a, b]                                       once
    Z[b, g, y] = Σ_a T[b, a]·X[low + σ·g + δ·a, y]          matrix products on each δ-th row of X in place
    H[low + g, j] = Σ_b Z[b, g, j + b]                      shifted sums, each one flat addition

`rows` fills its blocks of S rows up with zeros, (δ·(k - 1) + S)·k multiplications for S results of k² each; here it is k².
"""

from __future__ import annotations

from dataclasses import replace

from sympy import Integer, expand

from derive.algorithms._entries import entry
from derive.algorithms._margins import columns
from derive.algorithms._weights import gathered
from derive.algorithms._window import BATCH, ITEM, single, window
from derive.algorithms.rows import Rows
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.nodes import Access, Chart, Copy, Let, Loop, Range
from derive.ir.stages import MatMul, Room, ShiftedSum, Stage, Staged, Store, Tiles

__all__ = ["gapped"]

ZERO = Integer(0)


def gapped(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where taps are neighbours along the last axis but one."""
    found = window(form)
    single(found, batched)
    if len(found.moving) < 2 or any(m.tap is not None for m in found.moving[:-2]):
        raise NoLowering("it needs a window along its last two axes")
    if found.moving[-2].reach == 1 or found.moving[-1].tap is None:
        raise NoLowering("it needs a window whose taps are apart along the last axis but one")
    program = _Gapped(found).program(batched)
    knobs = tuple(k for k in program.knobs if not k.choices)
    return replace(program, name="gapped", says="rows on BLAS between gaps", knobs=knobs)


class _Gapped(Rows):
    """The letters and extents of one program: that of `rows` with blocks of one row."""

    def _lets(self) -> tuple[Let, ...]:
        return super()._lets()[1:]

    def _weights(self) -> tuple[tuple[Stage, ...], tuple[Room, ...]]:
        """T, from the weights in the order of the axes."""
        letters, extents = (self.a, self.b), (self.down.taps, self.along.taps)
        name, made, fixed = gathered(self.found, letters, extents)
        target, source = Access(self.T, (self.b, self.a)), Access(name, letters)
        over = tuple(Range(s, ZERO, e) for s, e in zip(letters, extents, strict=True))
        copy = Copy(target, over, source, f"{entry(target)} = {entry(source)}")
        return (*fixed, copy), (*made, Room(self.T, extents[::-1]))

    def _rooms(self) -> tuple[Room, ...]:
        down, along = self.down, self.along
        height = expand(down.stride * (self.G - 1) + down.reach * (down.taps - 1) + 1)
        return (
            Room(self.P, (height, along.extent)),
            Room(self.Z, (along.taps, self.G, self.Q), True),
            Room(self.A, (self.G, self.Q)),
        )

    def _body(self) -> tuple[Stage, ...]:
        down = self.down
        stages = (self._halo(), self._product(), self._sum(), self._store())
        body: Stage = Tiles(self.low, self.high, down.place - down.low, down.places, self.G, stages)
        for m in reversed(self.outer):
            body = Loop(Range(m.place, ZERO, m.places), (body,))
        return (Loop(Range(ITEM, ZERO, BATCH), (body,)),)

    def _product(self) -> MatMul:
        down, along = self.down, self.along
        left = Access(self.T, (self.b, self.a))
        right = Access(self.P, (down.stride * self.g + down.reach * self.a, expand(self.y + along.base)))
        target = Access(self.Z, (self.b, self.g, self.y))
        return MatMul(
            target,
            left,
            right,
            (Range(self.g, ZERO, self.G),),
            (Range(self.b, ZERO, along.taps),),
            (Range(self.a, ZERO, down.taps),),
            (Range(self.y, *columns(self.form, self.along)),),
            f"{entry(target)} = Σ_{self.a} {entry(left)}·{entry(right)}",
        )

    def _sum(self) -> ShiftedSum:
        along = self.along
        source = Access(self.Z, (self.b, self.g, self.q + along.reach * self.b))
        target = Access(self.A, (self.g, self.q))
        over = (
            *(Range(self.b, ZERO, along.taps), Range(self.g, ZERO, self.G)),
            Range(self.q, ZERO, expand(along.stride * (along.places - 1) + 1)),
        )
        return ShiftedSum(target, over, source, f"{entry(target)} = Σ_{self.b} {entry(source)}")

    def _store(self) -> Store:
        row, j = self.low + self.g, self.along.place
        target = Access(self.form.output.name, (ITEM, *(m.place for m in self.outer), row, j))
        source = Access(self.A, (self.g, self.along.stride * j))
        over = (Range(self.g, ZERO, self.G), Range(j, ZERO, self.along.places))
        bias = self.found.bias
        says = f"{entry(target)} = {entry(bias) + ' + ' if bias else ''}{entry(source)}"
        return Store(target, over, source, bias, row < self.high, says)

    def _chart(self) -> Chart:
        """The row i is low + g."""
        found, down = self.found, self.down
        up = found.up()
        own = {self.g: up.pop(down.place) - self.low, ITEM: ITEM}
        lower = {s: e.xreplace({down.place: self.low + self.g}) for s, e in found.down().items()}
        return Chart(tuple({**lower, ITEM: ITEM}.items()), tuple({**up, **own}.items()))
