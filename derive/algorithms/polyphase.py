"""Phases: rows on BLAS where results are σ > 1 columns apart, so that only those columns are made that some result needs.

    H[i, j] = Σ_a Σ_b V[a, b]·X[σ'·i + a, σ·j + b]          b = σ·h + f

    T[h, s, r, f] = V[r - σ'·s, σ·h + f]                    once, 0 beyond the last tap
    E[p, f, x] = X[low + p, σ·x + f]                        the columns by phases, in which taps are neighbours
    Z[h, s, g, x] = Σ_r Σ_f T[h, s, r, f]·E[σ'·S·g + r, f, x]
    H[S·g + s, j] = Σ_h Z[h, s, g, j + h]                   shifted sums, each one flat addition

`rows` makes every column and stores each σ-th; so this takes a σ-th of the multiplications and of the additions, for a copy of X.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import Expr, Integer, Lt, Symbol, expand, floor

from derive.algorithms._entries import entry
from derive.algorithms._weights import gathered
from derive.algorithms._window import BATCH, ITEM, Window, fresh, single, window
from derive.algorithms.rows import Rows
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.nodes import Access, Chart, Copy, Guard, Let, Loop, Range
from derive.ir.stages import Halo, MatMul, Room, ShiftedSum, Stage, Staged, Store, Tiles
from derive.remembered import built

__all__ = ["polyphase"]

ZERO = Integer(0)
_ALIGNED = 16


def polyphase(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where results are neighbours along the last axis, or taps aren't."""
    found = window(form)
    single(found, batched)
    if len(found.moving) < 2 or found.moving[-1].tap is None:
        raise NoLowering("it needs a window of two axes at least, with taps along the last")
    if found.moving[-1].stride == 1 or found.moving[-1].reach != 1:
        raise NoLowering("it needs a window that skips places along its last axis, and whose taps are neighbours there")
    program = _Polyphase(found).program(batched)
    return replace(program, name="polyphase", says="rows on BLAS in phases of columns")


class _Polyphase(Rows):
    """The letters and extents of one program: f is the phase, h a tap of it, x a column of it."""

    def __init__(self, found: Window) -> None:
        super().__init__(found)
        self.h, self.f, self.c, self.B = fresh("h f c B", self.form)
        (made,) = fresh("E", self.form)
        self.E, self.sigma = made.name, Integer(self.along.stride)

    def _lets(self) -> tuple[Let, ...]:
        """K rows of X meet S rows of the result; a phase has B taps, and Q columns."""
        first, _ = super()._lets()
        taps, places = floor((self.along.taps + self.sigma - 1) / self.sigma), self.along.places
        width = _ALIGNED * floor((places + self.B - 1 + _ALIGNED - 1) / Integer(_ALIGNED))
        return (first, Let(self.B, taps), Let(self.Q, width))

    def _steps(self) -> tuple[Range, ...]:
        """The phase, and the taps of outer axes."""
        outer = tuple(Range(m.tap, ZERO, m.taps) for m in self.inner if m.tap is not None)
        return (Range(self.f, ZERO, self.sigma), *outer)

    def _weights(self) -> tuple[tuple[Stage, ...], tuple[Room, ...]]:
        """T, from the weights in the order of the axes."""
        taps = [m for m in self.found.moving if m.tap is not None]
        letters = tuple(m.tap for m in taps if m.tap is not None)
        name, made, fixed = gathered(self.found, letters, tuple(m.taps for m in taps))
        tap = self.sigma * self.h + self.f
        source = Access(name, tuple(tap if s == self.b else s for s in letters))
        _, *outer = self._steps()
        place = self.down.stride * self.s + self.down.reach * self.a
        target = Access(self.T, (self.h, self.s, place, self.f, *(r.symbol for r in outer)))
        body: Stage = Guard(
            built(Lt, tap, self.along.taps), (Copy(target, (Range(self.a, ZERO, self.down.taps), *outer), source),)
        )
        for r in (Range(self.s, ZERO, self.S), Range(self.f, ZERO, self.sigma)):
            body = Loop(r, (body,))
        says = f"{entry(target)} = {entry(source)}, 0 beyond the last tap"
        shape = (self.B, self.S, self.K, *(r.stop for r in self._steps()))
        return (*fixed, Loop(Range(self.h, ZERO, self.B), (body,), says)), (*made, Room(self.T, shape, True))

    def _rooms(self) -> tuple[Room, ...]:
        height, *_ = super()._rooms()[0].shape
        phase, *outer = (r.stop for r in self._steps())
        return (
            Room(self.P, (height, *outer, phase * self.Q)),
            Room(self.E, (height, phase, *outer, self.Q)),
            Room(self.Z, (self.B, self.S, self.G, self.Q)),
            Room(self.A, (self.S, self.G, self.Q)),
        )

    def _body(self) -> tuple[Stage, ...]:
        down = self.down
        stages = (self._halo(), self._phases(), self._product(), self._sum(), self._store())
        body: Stage = Tiles(self.low, self.high, down.place - down.low, down.places, self.S * self.G, stages)
        for m in reversed(self.outer):
            body = Loop(Range(m.place, ZERO, m.places), (body,))
        return (Loop(Range(ITEM, ZERO, BATCH), (body,)),)

    def _halo(self) -> Halo:
        whole = super()._halo()
        *before, _ = whole.source.subscripts
        source = Access(whole.source.array, (*before, expand(self.x + self.along.base)))
        over = (*whole.over[:-1], Range(self.x, ZERO, self.sigma * self.Q))
        return replace(
            whole, source=source, over=over, copied=True, says=f"{entry(whole.target)} = {entry(source)}, 0 outside"
        )

    def _phases(self) -> Copy:
        _, *outer = self._steps()
        taps = tuple(r.symbol for r in outer)
        height, phase, *_, width = self._rooms()[1].shape
        target = Access(self.E, (self.p, self.f, *taps, self.c))
        source = Access(self.P, (self.p, *taps, self.sigma * self.c + self.f))
        over = (Range(self.p, ZERO, height), Range(self.f, ZERO, phase), *outer, Range(self.c, ZERO, width))
        return Copy(target, over, source, f"{entry(target)} = {entry(source)}")

    def _product(self) -> MatMul:
        steps = self._steps()
        letters = tuple(r.symbol for r in steps)
        left = Access(self.T, (self.h, self.s, self.r, *letters))
        right = Access(self.E, (self.down.stride * self.S * self.g + self.r, *letters, self.y))
        target = Access(self.Z, (self.h, self.s, self.g, self.y))
        summed = " Σ_".join(map(str, (self.r, *letters)))
        return MatMul(
            target,
            left,
            right,
            (Range(self.g, ZERO, self.G),),
            (Range(self.h, ZERO, self.B), Range(self.s, ZERO, self.S)),
            (Range(self.r, ZERO, self.K), *steps),
            (Range(self.y, ZERO, self.Q),),
            f"{entry(target)} = Σ_{summed} {entry(left)}·{entry(right)}",
        )

    def _sum(self) -> ShiftedSum:
        source = Access(self.Z, (self.h, self.s, self.g, self.q + self.h))
        target = Access(self.A, (self.s, self.g, self.q))
        over = (
            Range(self.h, ZERO, self.B),
            *(Range(self.s, ZERO, self.S), Range(self.g, ZERO, self.G)),
            Range(self.q, ZERO, self.along.places),
        )
        return ShiftedSum(target, over, source, f"{entry(target)} = Σ_{self.h} {entry(source)}")

    def _store(self) -> Store:
        whole = super()._store()
        source = Access(self.A, (self.s, self.g, self.along.place))
        return replace(whole, source=source, says=whole.says.replace(entry(whole.source), entry(source)))

    def _chart(self) -> Chart:
        """A tap is σ·h + f."""
        whole = super()._chart()
        b, tap = self.b, self.sigma * self.h + self.f
        up = dict(whole.up)
        place: Expr = up.pop(b)
        own: dict[Symbol, Expr] = {
            self.h: floor(place / self.sigma),
            self.f: place - self.sigma * floor(place / self.sigma),
        }
        down = tuple((s, expand(e.xreplace({b: tap}))) for s, e in whole.down)
        return Chart(down, tuple({**up, **own}.items()))
