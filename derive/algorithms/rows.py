"""Rows on BLAS: the taps along one axis become a Toeplitz matrix, those along the last are added at shifts of flat memory.

    H[i, j] = Σ_a Σ_b V[a, b]·X[i + a, j + b]

    T[b, s, r] = V[r - s, b]                        once: a band of S rows for each b
    Z[b, s, g, y] = Σ_r T[b, s, r]·X[S·g + r, y]    matrix products on X in place, G blocks of S rows at once
    H[S·g + s, j] = Σ_b Z[b, s, g, j + b]           shifted sums, each one flat addition

That takes (S + k - 1)·k multiplications a result on BLAS and k - 1 additions, instead of k² of each (k taps along an axis).
Strides and dilations are in the subscripts; further axes of the window are contracted with r. Edges of zeros are margins of Z, so
X isn't padded.
"""

from __future__ import annotations

from sympy import Expr, Integer, Symbol, expand, floor

from derive.algorithms._entries import entry
from derive.algorithms._margins import columns
from derive.algorithms._weights import gathered
from derive.algorithms._window import BATCH, ITEM, Moving, Window, fresh, single, sources, window
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.nodes import Access, Chart, Copy, Let, Loop, Range
from derive.ir.stages import Halo, Knob, MatMul, Room, ShiftedSum, Stage, Staged, Store, Tiles

__all__ = ["rows"]

_ALIGNED = 16  # entries of a row of Z are a multiple of so many: 64 bytes of float32
ZERO = Integer(0)


def rows(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where the form is no window of two axes or more without channels."""
    found = window(form)
    single(found, batched)
    if len(found.moving) < 2:
        raise NoLowering("it needs a window of two axes at least")
    return Rows(found).program(batched)


class Rows:
    """The letters and extents of one program."""

    def __init__(self, found: Window) -> None:
        self.found, self.form = found, found.form
        *self.outer, self.down, self.along = found.moving
        names = "S G g s r p y x q low high K Q T Z A P"
        letters = dict(zip(names.split(), fresh(names, self.form), strict=True))
        self.S, self.G, self.g, self.s, self.r, self.p, self.y, self.x, self.q = (letters[c] for c in "SGgsrpyxq")
        self.low, self.high, self.K, self.Q = letters["low"], letters["high"], letters["K"], letters["Q"]
        self.T, self.Z, self.A, self.P = (letters[c].name for c in "TZAP")
        taps = fresh("a_ b_", self.form)
        self.a, self.b = self.down.tap or taps[0], self.along.tap or taps[1]
        self.inner = tuple(m for m in self.outer if m.tap is not None)

    def program(self, batched: frozenset[str]) -> Staged:
        form, found = self.form, self.found
        arguments, result = found.storage(batched)
        fixed, made = self._weights()
        return Staged(
            name="rows",
            says="rows on BLAS",
            arguments=arguments,
            result=result,
            sizes=form.sizes,
            sources=sources(form),
            knobs=(Knob(self.S, (1, 2, 4)), Knob(self.G)),
            lets=self._lets(),
            made=made,
            fixed=fixed,
            rooms=self._rooms(),
            body=self._body(),
            batch=BATCH,
            item=ITEM,
            chart=self._chart(),
        )

    def _lets(self) -> tuple[Let, ...]:
        """K rows of X meet S rows of the result; a row of Z has Q entries."""
        down, along = self.down, self.along
        k = expand(down.stride * (self.S - 1) + down.reach * (down.taps - 1) + 1)
        return (Let(self.K, k), Let(self.Q, _ALIGNED * floor((along.span + _ALIGNED - 1) / Integer(_ALIGNED))))

    def _weights(self) -> tuple[tuple[Stage, ...], tuple[Room, ...]]:
        """T, from the weights in the order of the axes."""
        taps = [m for m in self.found.moving if m.tap is not None]
        letters = tuple(m.tap for m in taps if m.tap is not None)
        name, made, fixed = gathered(self.found, letters, tuple(m.taps for m in taps))
        steps = tuple(Range(m.tap, ZERO, m.taps) for m in self.inner if m.tap is not None)
        place = self.down.stride * self.s + self.down.reach * self.a
        target = Access(self.T, (self.b, self.s, place, *(r.symbol for r in steps)))
        over = tuple(Range(t, ZERO, m.taps) for t, m in ((self.b, self.along), (self.a, self.down)))
        says = f"{entry(target)} = {entry(Access(name, letters))}"
        copy = Copy(target, (*over, *steps), Access(name, letters))
        shape = (self.along.taps, self.S, self.K, *(r.stop for r in steps))
        room = Room(self.T, shape, True)
        return (*fixed, Loop(Range(self.s, ZERO, self.S), (copy,), says)), (*made, room)

    def _rooms(self) -> tuple[Room, ...]:
        down, along = self.down, self.along
        height = expand(down.stride * (self.S * self.G - 1) + down.reach * (down.taps - 1) + 1)
        return (
            Room(self.P, (height, *(m.taps for m in self.inner), along.extent)),
            Room(self.Z, (along.taps, self.S, self.G, self.Q), True),
            Room(self.A, (self.S, self.G, self.Q)),
        )

    def _body(self) -> tuple[Stage, ...]:
        down = self.down
        stages = (self._halo(), self._product(), self._sum(), self._store())
        tiles = Tiles(self.low, self.high, down.place - down.low, down.places, self.S * self.G, stages)
        body: Stage = tiles
        for m in reversed(self.outer):
            body = Loop(Range(m.place, ZERO, m.places), (body,))
        return (Loop(Range(ITEM, ZERO, BATCH), (body,)),)

    def _halo(self) -> Halo:
        down = self.down
        outer = [
            expand(m.stride * m.place + (m.reach * m.tap if m.tap is not None else 0) + m.base) for m in self.outer
        ]
        source = Access(
            self.form.input.name, (ITEM, *outer, expand(down.stride * self.low + down.base + self.p), self.x)
        )
        target = Access(self.P, (self.p, *(m.tap for m in self.inner), self.x))
        height, *rest = self._rooms()[0].shape
        over = (
            Range(self.p, ZERO, height),
            *(Range(s, ZERO, e) for s, e in zip(target.subscripts[1:], rest, strict=True)),
        )
        return Halo(target, over, source, bool(self.inner), f"{entry(target)} = {entry(source)}, 0 outside")

    def _product(self) -> MatMul:
        down, along = self.down, self.along
        steps = tuple(Range(m.tap, ZERO, m.taps) for m in self.inner if m.tap is not None)
        taps = tuple(r.symbol for r in steps)
        left = Access(self.T, (self.b, self.s, self.r, *taps))
        right = Access(self.P, (down.stride * self.S * self.g + self.r, *taps, expand(self.y + along.base)))
        target = Access(self.Z, (self.b, self.s, self.g, self.y))
        summed = " Σ_".join(map(str, (self.r, *taps)))
        return MatMul(
            target,
            left,
            right,
            (Range(self.g, ZERO, self.G),),
            (Range(self.b, ZERO, along.taps), Range(self.s, ZERO, self.S)),
            (Range(self.r, ZERO, self.K), *steps),
            (Range(self.y, *columns(self.form, self.along)),),
            f"{entry(target)} = Σ_{summed} {entry(left)}·{entry(right)}",
        )

    def _sum(self) -> ShiftedSum:
        along = self.along
        source = Access(self.Z, (self.b, self.s, self.g, self.q + along.reach * self.b))
        target = Access(self.A, (self.s, self.g, self.q))
        over = (
            Range(self.b, ZERO, along.taps),
            *(Range(self.s, ZERO, self.S), Range(self.g, ZERO, self.G)),
            Range(self.q, ZERO, expand(along.stride * (along.places - 1) + 1)),
        )
        return ShiftedSum(target, over, source, f"{entry(target)} = Σ_{self.b} {entry(source)}")

    def _store(self) -> Store:
        row = expand(self.low + self.S * self.g + self.s)
        j = self.along.place
        target = Access(self.form.output.name, (ITEM, *(m.place for m in self.outer), row, j))
        source = Access(self.A, (self.s, self.g, self.along.stride * j))
        over = (
            *(Range(self.g, ZERO, self.G), Range(self.s, ZERO, self.S)),
            Range(j, ZERO, self.along.places),
        )
        bias = self.found.bias
        says = f"{entry(target)} = {entry(bias) + ' + ' if bias else ''}{entry(source)}"
        return Store(target, over, source, bias, row < self.high, says)

    def _chart(self) -> Chart:
        """The row i is low + S·g + s; r, y, x and q are the positions that follow."""
        found, row = self.found, expand(self.low + self.S * self.g + self.s)
        up = found.up()
        i, a = up[self.down.place] - self.low, up.get(self.down.tap, ZERO)
        own: dict[Symbol, Expr] = {
            self.g: floor(i / self.S),
            self.s: i - self.S * floor(i / self.S),
            self.a: a,
            self.b: up.get(self.along.tap, ZERO),
        }
        own[self.r] = self.down.stride * own[self.s] + self.down.reach * a
        down = {s: e.xreplace({self.down.place: row}) for s, e in found.down().items()}
        down[ITEM] = ITEM
        kept = {s: e for s, e in up.items() if s != self.down.place}
        return Chart(tuple(down.items()), tuple({**kept, **own, ITEM: ITEM, **_outer(self.outer, up)}.items()))


def _outer(outer: list[Moving], up: dict[Symbol, Expr]) -> dict[Symbol, Expr]:
    return {m.place: up[m.place] for m in outer}
