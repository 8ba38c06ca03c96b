"""A tile of items and rows of a window: its letters, the copy of the input that it reads, and where its results go.

    P[e, q.., c] = X[first + e, low + q, .., c]          0 outside
    H[first + e, low + p, .., d] = u[d] + A[e, p, .., d]

The rows are the places of the first axis that moves; where nothing moves, or items are taken `whole`, a tile is some items.
"""

from __future__ import annotations

from sympy import And, Expr, Integer, Symbol, expand

from derive.algorithms._entries import entry
from derive.algorithms._start import sliced
from derive.algorithms._window import BATCH, ITEM, Moving, Window, fresh, sources
from derive.errors import NoLowering
from derive.forms.form import Axis
from derive.ir.nodes import Access, Chart, Range
from derive.ir.stages import Halo, Knob, Room, Stage, Staged, Store, Tiles

__all__ = ["Tile", "ranges"]

ZERO = Integer(0)


class Tile:
    """The letters and extents of one window's tiles: `N` items of `R` rows."""

    def __init__(self, found: Window, whole: bool = False) -> None:
        self.found, self.form = found, found.form
        order = found.form.output.symbols
        self.moving = sorted(found.moving, key=lambda m: order.index(m.place))
        self.down = None if whole or not self.moving else self.moving[0]
        self.across = [m for m in self.moving if m is not self.down]
        names = "N R e p first last low high P B A"
        letters = dict(zip(names.split(), fresh(names, self.form), strict=True))
        self.N, self.R, self.e, self.p = (letters[c] for c in "NRep")
        self.first, self.last = letters["first"], letters["last"]
        self.low, self.high = letters["low"], letters["high"]
        self.P, self.B, self.A = (letters[c].name for c in "PBA")
        self.q = fresh(" ".join(f"q{k}" for k in range(len(found.form.input.axes))), self.form)

    def staged(
        self,
        name: str,
        says: str,
        batched: frozenset[str],
        made: tuple[Room, ...],
        fixed: tuple[Stage, ...],
        rooms: tuple[Room, ...],
        stages: tuple[Stage, ...],
    ) -> Staged:
        """The program that goes through `stages` in each tile."""
        form = self.form
        arguments, result = self.found.storage(batched)
        down = self.down
        rows = (Knob(self.R, (), down.places),) if down else ()
        if down:
            stages = (Tiles(self.low, self.high, down.place - down.low, down.places, self.R, stages),)
        return Staged(
            name=name,
            says=says,
            arguments=arguments,
            result=result,
            sizes=form.sizes,
            sources=sources(form),
            knobs=(Knob(self.N, (), BATCH), *rows),
            lets=(),
            made=made,
            fixed=fixed,
            rooms=rooms,
            body=(Tiles(self.first, self.last, ITEM, BATCH, self.N, stages),),
            batch=BATCH,
            item=ITEM,
            chart=self._chart(),
        )

    def tile_shape(self) -> tuple[Expr, ...]:
        """The shape of P."""
        return (self.N, *(self._span(axis)[1] for axis in range(len(self.q))))

    def results(self) -> tuple[Range, ...]:
        """The axes of A: rows, then shared letters and filters."""
        return (*self.rows(), *ranges(self.found.shared), *ranges(self.found.filters))

    def result_shape(self) -> tuple[Expr, ...]:
        """The shape of A."""
        return tuple(r.stop for r in self.results())

    def rows(self) -> tuple[Range, ...]:
        """Which items and places a tile has."""
        tile = (Range(self.p, ZERO, self.R),) if self.down else ()
        return (Range(self.e, ZERO, self.N), *tile, *(Range(m.place, ZERO, m.places) for m in self.across))

    def inner(self) -> tuple[Range, ...]:
        """What is summed over: taps, then the letters that are contracted, in the order of the input."""
        taps = tuple(Range(m.tap, ZERO, m.taps) for m in self.found.taps if m.tap is not None)
        return (*taps, *ranges(self.found.contracted))

    def _place(self, m: Moving) -> Symbol:
        return self.p if m is self.down else m.place

    def _span(self, axis: int) -> tuple[Expr, Expr]:
        """Where a tile begins along an axis of the input, and how many positions it has there."""
        subscript = self.form.read[axis]
        for m in self.moving:
            if m.place in subscript.free_symbols:
                if m is not self.down:
                    return m.base, m.span
                rows = m.stride * (self.R - 1) + m.reach * (m.taps - 1) + 1
                return expand(m.base + m.stride * self.low), expand(rows)
        return ZERO, self.form.input.axes[axis].extent

    def halo(self) -> Halo:
        """The copy of the input that a tile reads, a view where all is inside."""
        spans = [self._span(axis) for axis in range(len(self.q))]
        places = tuple(expand(start + q) for (start, _), q in zip(spans, self.q, strict=True))
        source = Access(self.form.input.name, (self.first + self.e, *places))
        target = Access(self.P, (self.e, *self.q))
        over = tuple(Range(q, ZERO, extent) for (_, extent), q in zip(spans, self.q, strict=True))
        says = f"{entry(target)} = {entry(source)}, 0 outside"
        edged = any(m.base != 0 for m in self.across)
        return Halo(target, (Range(self.e, ZERO, self.N), *over), source, edged, says)

    def read(self) -> Access:
        """The entry of the tile that a term reads."""
        found: list[Expr] = []
        plain = {a.symbol for a in (*self.found.shared, *self.found.contracted)}
        for subscript in self.form.read:
            m = next((m for m in self.moving if m.place in subscript.free_symbols), None)
            if m is None:
                found += [s for s in subscript.free_symbols if s in plain]
            else:
                found.append(m.stride * self._place(m) + (ZERO if m.tap is None else m.reach * m.tap))
        return Access(self.P, (self.e, *found))

    def store(self) -> Store:
        """The results of a tile, from A."""
        output = self.form.output
        own = {r.symbol: r for r in self.results()}
        down = self.down
        symbols = [self.p if down and s == down.place else s for s in output.symbols]
        places = [self.low + s if s == self.p else s for s in symbols]
        target = Access(output.name, (self.first + self.e, *places))
        source = Access(self.A, tuple(own))
        bias = self.found.bias
        if bias and not sliced(bias.subscripts, output.symbols):
            raise NoLowering("it needs a bias whose places are a slice")
        if bias and down:
            bias = Access(
                bias.array, tuple(expand(e.xreplace({down.place: self.low + self.p})) for e in bias.subscripts)
            )
        condition = self.first + self.e < self.last
        condition = And(condition, self.low + self.p < self.high) if down else condition
        over = (own[self.e], *(own[s] for s in symbols))
        says = f"{entry(target)} = {entry(bias) + ' + ' if bias else ''}{entry(source)}"
        return Store(target, over, source, bias, condition, says, held=tuple(r.symbol for r in over) == tuple(own))

    def _chart(self) -> Chart:
        """The row is low + p, the item first + e."""
        found, up = self.found, self.found.up()
        down = found.down()
        own: dict[Symbol, Expr] = {self.e: ITEM - self.first}
        if self.down:
            i = self.down.place
            down = {s: e.xreplace({i: self.low + self.p}) for s, e in down.items()}
            own[self.p] = up.pop(i) - self.low
        down[ITEM] = self.first + self.e
        return Chart(tuple(down.items()), tuple({**up, **own}.items()))


def ranges(axes: tuple[Axis, ...]) -> tuple[Range, ...]:
    """Where letters run, from 0."""
    return tuple(Range(a.symbol, ZERO, a.extent) for a in axes)
