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

from sympy import And, Expr, Integer, Symbol, expand, true

from derive.algorithms._window import BATCH, ITEM, Moving, Window, entry, fresh, gathered, sources, window
from derive.errors import NoLowering
from derive.forms.form import Axis, Form
from derive.ir.nodes import Access, Chart, Copy, Range
from derive.ir.stages import Halo, Knob, MatMul, Room, Stage, Staged, Store, Tiles

__all__ = ["im2col"]

ZERO, ONE = Integer(0), Integer(1)


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


class _Im2col:
    """The letters and extents of one program."""

    def __init__(self, found: Window) -> None:
        self.found, self.form = found, found.form
        order = found.form.output.symbols
        self.moving = sorted(found.moving, key=lambda m: order.index(m.place))
        names = "N R e p first last low high P B A"
        letters = dict(zip(names.split(), fresh(names, self.form), strict=True))
        self.N, self.R, self.e, self.p = (letters[c] for c in "NRep")
        self.first, self.last = letters["first"], letters["last"]
        self.low, self.high = letters["low"], letters["high"]
        self.P, self.B, self.A = (letters[c].name for c in "PBA")
        self.q = fresh(" ".join(f"q{k}" for k in range(len(found.form.input.axes))), self.form)
        whole = all(m.base == 0 and m.places == m.extent for m in self.moving[1:])
        self.copied = bool(found.taps) or not whole or any(m.stride != 1 for m in self.moving)

    def program(self, batched: frozenset[str]) -> Staged:
        form, found = self.form, self.found
        arguments, result = found.storage(batched)
        self.F, made, fixed = self._weights()
        tiled = Knob(self.R, (), self.moving[0].places) if self.moving else None
        return Staged(
            name="im2col",
            says="im2col" if self.copied else "one product",
            arguments=arguments,
            result=result,
            sizes=form.sizes,
            sources=sources(form),
            knobs=(Knob(self.N, (), BATCH), *([tiled] if tiled else [])),
            lets=(),
            made=made,
            fixed=fixed,
            rooms=self._rooms(),
            body=self._body(),
            batch=BATCH,
            item=ITEM,
            chart=self._chart(),
        )

    def _rooms(self) -> tuple[Room, ...]:
        halo = Room(self.P, (self.N, *(self._span(axis)[1] for axis in range(len(self.q)))))
        sides = (*self._shared(), *self._rows(), *self._inner())
        copy = Room(self.B, tuple(r.stop for r in sides))
        target = Room(self.A, tuple(r.stop for r in (*self._rows(), *self._shared(), *_ranges(self.found.filters))))
        return (halo, copy, target) if self.copied else (halo, target)

    def _rows(self) -> tuple[Range, ...]:
        """Which items and places a tile has."""
        tile = (Range(self.p, ZERO, self.R),) if self.moving else ()
        return (Range(self.e, ZERO, self.N), *tile, *(Range(m.place, ZERO, m.places) for m in self.moving[1:]))

    def _shared(self) -> tuple[Range, ...]:
        return _ranges(self.found.shared)

    def _inner(self) -> tuple[Range, ...]:
        """What is summed over: taps, then the letters that are contracted, in the order of the input."""
        taps = tuple(Range(m.tap, ZERO, m.taps) for m in self.found.taps if m.tap is not None)
        return (*taps, *_ranges(self.found.contracted))

    def _weights(self) -> tuple[str, tuple[Room, ...], tuple[Stage, ...]]:
        """The weights, as they are where they are a matrix for each point of the batch."""
        inner, filters = self._inner(), _ranges(self.found.filters)
        subscripts = self.found.weight.subscripts
        groups = [[r.symbol for r in inner], [r.symbol for r in filters]]
        if _plain(self.found) and all(_adjacent(subscripts, g) for g in groups):
            self.letters = subscripts
            return self.found.weight.array, (), ()
        ranges = (*self._shared(), *inner, *filters)
        self.letters = tuple(r.symbol for r in ranges)
        return gathered(self.found, tuple(r.symbol for r in ranges), tuple(r.stop for r in ranges))

    def _place(self, m: Moving) -> Symbol:
        return self.p if m is self.moving[0] else m.place

    def _span(self, axis: int) -> tuple[Expr, Expr]:
        """Where a tile begins along an axis of the input, and how many positions it has there."""
        subscript = self.form.read[axis]
        for m in self.moving:
            if m.place in subscript.free_symbols:
                if m is not self.moving[0]:
                    return m.base, m.span
                rows = m.stride * (self.R - 1) + m.reach * (m.taps - 1) + 1
                return expand(m.base + m.stride * self.low), expand(rows)
        return ZERO, self.form.input.axes[axis].extent

    def _halo(self) -> Halo:
        spans = [self._span(axis) for axis in range(len(self.q))]
        places = tuple(expand(start + q) for (start, _), q in zip(spans, self.q, strict=True))
        source = Access(self.form.input.name, (self.first + self.e, *places))
        target = Access(self.P, (self.e, *self.q))
        over = tuple(Range(q, ZERO, extent) for (_, extent), q in zip(spans, self.q, strict=True))
        says = f"{entry(target)} = {entry(source)}, 0 outside"
        return Halo(target, (Range(self.e, ZERO, self.N), *over), source, False, says)

    def _read(self) -> Access:
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

    def _body(self) -> tuple[Stage, ...]:
        over = (*self._shared(), *self._rows(), *self._inner())
        target = Access(self.B, tuple(r.symbol for r in over))
        copies = (Copy(target, over, self._read(), f"{entry(target)} = {entry(self._read())}"),)
        left = target if self.copied else self._read()
        stages: tuple[Stage, ...]
        stages = (self._halo(), *(copies if self.copied else ()), self._product(left), self._store())
        if self.moving:
            down = self.moving[0]
            stages = (Tiles(self.low, self.high, down.place - down.low, down.places, self.R, stages),)
        return (Tiles(self.first, self.last, ITEM, BATCH, self.N, stages),)

    def _product(self, left: Access) -> MatMul:
        right = Access(self.F, self.letters)
        rows, inner, filters = self._rows(), self._inner(), _ranges(self.found.filters)
        target = Access(self.A, tuple(r.symbol for r in (*rows, *self._shared(), *filters)))
        alone = rows[:1] if self.moving and not self.copied else ()
        summed = " ".join(f"Σ_{r.symbol}" for r in inner)
        says = f"{entry(target)} = {summed} {entry(left)}·{entry(right)}"
        return MatMul(target, left, right, (*self._shared(), *alone), rows[len(alone) :], inner, filters, says)

    def _store(self) -> Store:
        output = self.form.output
        own = {r.symbol: r for r in (*self._rows(), *self._shared(), *_ranges(self.found.filters))}
        down = self.moving[0] if self.moving else None
        symbols = [self.p if down and s == down.place else s for s in output.symbols]
        places = [self.low + s if s == self.p else s for s in symbols]
        target = Access(output.name, (self.first + self.e, *places))
        source = Access(self.A, tuple(own))
        bias = self.found.bias
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
        if self.moving:
            i = self.moving[0].place
            down = {s: e.xreplace({i: self.low + self.p}) for s, e in down.items()}
            own[self.p] = up.pop(i) - self.low
        down[ITEM] = self.first + self.e
        return Chart(tuple(down.items()), tuple({**up, **own}.items()))


def _ranges(axes: tuple[Axis, ...]) -> tuple[Range, ...]:
    return tuple(Range(a.symbol, ZERO, a.extent) for a in axes)


def _adjacent(subscripts: tuple[Expr, ...], letters: list[Symbol]) -> bool:
    """Whether letters are subscripts next to each other, in order."""
    places = [subscripts.index(s) for s in letters]
    return all(two == one + 1 for one, two in pairwise(places))
