"""Fourier transforms of tiles (overlap-save): the products of a window of k taps along an axis for log N of them.

    H[i, j] = Σ_a Σ_b V[a, b]·X[i + a, j + b]

    W[f, g] = Σ_a Σ_b w^(-f·a)·v^(-g·b)·V[a, b]                      once
    Q[f, g] = W[f, g]·Σ_p Σ_q w^(f·p)·v^(g·q)·X[low + p, low + q]    a tile of N points along each axis
    H[low + y, low + y] = 1/(N·N)·Σ_f Σ_g w^(-f·y)·v^(-g·y)·Q[f, g]  where y + k ≤ N

w and v are primitive roots of unity of order N, so that Σ_f w^(f·(p - a - y)) is N where p = y + a and 0 elsewhere: p - a - y is a
multiple of N only if it is 0, since y + k ≤ N. The transforms of real tiles are stored by half. Strides and dilations are in the
subscripts, and channels that don't mix go one by one. A call of np.fft makes its table of roots anew, so that it is to transform
many lines: tiles along one axis are taken several at once, S places from each, and so are small images. (Overlap-save; Stockham, in
the Spring Joint Computer Conference, 1966.)
"""

from __future__ import annotations

from sympy import And, Expr, Ge, Integer, Symbol, expand, floor

from derive.algorithms._entries import entry
from derive.algorithms._weights import basis, gathered
from derive.algorithms._window import BATCH, ITEM, Moving, Window, fresh, sources, window
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.nodes import Access, Chart, Copy, Let, Loop, Range
from derive.ir.spectra import Normwise, Product, Transform
from derive.ir.stages import Halo, Knob, Room, Stage, Staged, Store, Tiles
from derive.remembered import built

__all__ = ["fft"]

ZERO = Integer(0)
_LENGTHS = {  # by how many axes; np.fft is quick at products of twos and threes
    1: (128, 256, 512, 1024, 2048, 4096, 8192, 16384, 65536),
    2: (32, 64, 96, 128, 192, 256, 288, 384, 512),
    3: (16, 32, 48, 64, 96),
}
_PLACES = (96, 192, 224, 448, 896, 960, 1792, 1920, 3584, 3840, 6144, 7168, 12288, 14336, 49152)
_TILES = (1, 4, 16, 64)


def fft(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where the form is no window of three axes at most whose channels don't mix."""
    found = window(form)
    if found.contracted or found.filters:
        raise NoLowering("it needs channels that don't mix")
    if len(found.taps) not in _LENGTHS or not {form.input.name, form.output.name} <= batched:
        raise NoLowering("it needs a window along one axis, two or three")
    places = tuple(m.place for m in found.moving)
    if places != tuple(s for s in form.output.symbols if s in places):
        raise NoLowering("it needs the axes of input and output in the same order")
    if found.bias is not None and {s for e in found.bias.subscripts for s in e.free_symbols} & set(places):
        raise NoLowering("it needs a bias that is the same at every place")
    return _Fourier(found).program(batched)


class _Axis:
    """The letters of one axis that is transformed: N points of a tile of which S places come, from `low` on."""

    def __init__(self, moving: Moving, form: Form) -> None:
        self.moving = moving
        names = fresh(" ".join(f"{c}{moving.place}" for c in "NSpfqys"), form)
        self.N, self.S, self.p, self.f, self.q, self.y, self.s = names
        self.low, self.high, self.g = fresh(f"{moving.place}0 {moving.place}1 g", form)
        (self.tap,) = (moving.tap,) if moving.tap is not None else fresh("a", form)

    @property
    def span(self) -> Expr:
        """How many points the window of one place meets, from first to last."""
        return expand(self.moving.reach * (self.moving.taps - 1) + 1)

    @property
    def places(self) -> Expr:
        """How many places a tile has."""
        return floor((self.N - self.span) / Integer(self.moving.stride)) + 1

    def all(self, letter: Symbol) -> Range:
        """A letter that runs through the points of a tile."""
        return Range(letter, ZERO, self.N)


class _Fourier:
    """The letters and extents of one program."""

    def __init__(self, found: Window) -> None:
        self.found, self.form = found, found.form
        self.axes = [_Axis(m, found.form) for m in found.taps]
        self.still = [m for m in found.moving if m.tap is None]
        self.shared = tuple(Range(a.symbol, ZERO, a.extent) for a in found.shared)
        names = [m.place for m in found.taps]
        self.first, self.last, self.I, self.k, self.G = fresh("first last I k G", self.form)
        self.R, self.Q, self.T = (s.name for s in fresh("R Q T", self.form))
        self.Y, self.B, self.W = ([s.name for s in fresh(" ".join(f"{c}{n}" for n in names), self.form)] for c in "YBW")
        self.alone = self.axes[0] if len(self.axes) == 1 else None
        self.lead = (Range(self.k, ZERO, self.I), *((Range(a.g, ZERO, self.G),) if (a := self.alone) else ()))

    def program(self, batched: frozenset[str]) -> Staged:
        form = self.form
        arguments, result = self.found.storage(batched)
        fixed, made = self._weights()
        rooms, body = self._tile()
        lengths, own = _LENGTHS[len(self.axes)], basis(self.found)
        return Staged(
            name="fft",
            says="Fourier transforms of tiles",
            arguments=arguments,
            result=result,
            sizes=form.sizes,
            sources=sources(form),
            knobs=(*(Knob(a.N, lengths, free=True) for a in self.axes), *self._counts(), Knob(self.I, extent=BATCH)),
            lets=() if self.alone else tuple(Let(a.S, a.places) for a in self.axes),
            made=made,
            fixed=fixed,
            rooms=rooms,
            body=self._loops(body),
            batch=BATCH,
            item=ITEM,
            chart=self._chart(),
            strict=False,
            fits=And(*(built(Ge, a.N, self._needed(a)) for a in self.axes)),
            normwise=Normwise(tuple(a.N for a in self.axes), own.roundings, own.products, own.largest),
        )

    def _needed(self, axis: _Axis) -> Expr:
        """How many points a tile has at least: those that its places meet, or one place where as many come as fit."""
        return axis.moving.stride * (axis.S - 1) + axis.span if self.alone else axis.span

    def _counts(self) -> tuple[Knob, ...]:
        """How many places come of a tile, and how many tiles are taken at once."""
        return (Knob(self.alone.S, _PLACES), Knob(self.G, _TILES, free=True)) if self.alone else ()

    def _weights(self) -> tuple[tuple[Stage, ...], tuple[Room, ...]]:
        """T, the weights at the places of their taps in a tile of zeros, and its spectrum."""
        over = (*self.shared, *(Range(a.tap, ZERO, a.moving.taps) for a in self.axes))
        letters = tuple(r.symbol for r in over)
        name, made, fixed = gathered(self.found, letters, tuple(r.stop for r in over))
        lead = tuple(r.symbol for r in self.shared)
        target = Access(self.T, (*lead, *(a.moving.reach * a.tap for a in self.axes)))
        source = Access(name, letters)
        stages: list[Stage] = [Copy(target, over, source, f"{entry(target)} = {entry(source)}")]
        lengths = (*(r.stop for r in self.shared), *(a.N for a in self.axes))
        rooms = [Room(self.T, lengths, True)]
        places = [a.all(a.q) for a in self.axes]
        before = self.T
        for axis in reversed(range(len(self.axes))):
            here = self.axes[axis]
            rooms.append(Room(self.W[axis], lengths, spectrum=True))
            stages.append(self._turned(before, self.W[axis], places, axis, here.all(here.f), -1, scaled=False))
            before, places[axis] = self.W[axis], here.all(here.f)
        return (*fixed, *stages), (*made, *rooms)

    def _turned(
        self, source: str, target: str, places: list[Range], axis: int, wave: Range, sign: int, scaled: bool = True
    ) -> Transform:
        """A transform along one axis of a tile; of the axis that went back last, at the places of results alone."""
        batch = tuple(r for k, r in enumerate(places) if k != axis)
        back = axis - 1 if sign < 0 and scaled else None
        read = tuple(r.symbol * (self.axes[k].moving.stride if k == back else 1) for k, r in enumerate(places))
        made = tuple(wave.symbol if k == axis else r.symbol for k, r in enumerate(places))
        lead = self.shared if target in self.W else self.lead
        left = Access(target, (*(r.symbol for r in lead), *made))
        right = Access(source, (*(r.symbol for r in lead), *read))
        if source == self.R and self.alone:
            right = Access(source, (self.k, self.alone.moving.stride * self.alone.S * self.alone.g + read[0]))
        power = f"{self.axes[axis].moving.place}^({'-' if sign < 0 else ''}{wave.symbol}·{places[axis].symbol})"
        over = "" if not scaled else f"/√{self.axes[axis].N}"
        says = f"{entry(left)} = Σ_{places[axis].symbol} w{power}·{entry(right)}{over}"
        return Transform(left, right, (*lead, *batch), wave, places[axis], sign, scaled, says)

    def _tile(self) -> tuple[tuple[Room, ...], tuple[Stage, ...]]:
        """The working arrays of one tile, and what fills them."""
        lengths, last = tuple(a.N for a in self.axes), len(self.axes) - 1
        places = [a.all(a.p) for a in self.axes]
        lead = tuple(r.stop for r in self.lead)
        halo = self._halo(places)
        rooms: list[Room] = [Room(self.R, tuple(r.stop for r in halo.over))]
        stages: list[Stage] = [halo]
        before = self.R
        for axis in reversed(range(last + 1)):
            here = self.axes[axis]
            rooms.append(Room(self.Y[axis], (*lead, *lengths), spectrum=True))
            stages.append(self._turned(before, self.Y[axis], places, axis, here.all(here.f), 1))
            before, places[axis] = self.Y[axis], here.all(here.f)
        rooms.append(Room(self.Q, (*lead, *lengths), spectrum=True, within=before))
        stages.append(self._product(before, places))
        before, shape = self.Q, list(lengths)
        for axis, here in enumerate(self.axes):
            free = self.Y[axis + 1] if axis < last else "" if self.alone else self.R
            rooms.append(Room(self.B[axis], (*lead, *shape), spectrum=axis < last, within=free))
            stages.append(self._turned(before, self.B[axis], places, axis, here.all(here.y), -1))
            before, places[axis], shape[axis] = self.B[axis], Range(here.s, ZERO, here.S), here.S
        return tuple(rooms), (*stages, self._store())

    def _halo(self, places: list[Range]) -> Halo:
        if self.alone:
            extent = expand(self.alone.moving.stride * self.alone.S * (self.G - 1) + self.alone.N)
            places = [Range(self.alone.p, ZERO, extent)]
        found = {a.moving.place: expand(a.moving.stride * a.low + a.moving.base + a.p) for a in self.axes}
        found |= {m.place: expand(m.stride * m.place + m.base) for m in self.still}
        subscripts = []
        for place, kept in zip(self.form.read, self.form.input.storage(self.form.read), strict=True):
            moved = [e for s, e in found.items() if s in place.free_symbols]
            subscripts.append(moved[0] if moved else expand(kept.xreplace(self.found.down())))
        source = Access(self.form.input.name, (self.first + self.k, *subscripts))
        target = Access(self.R, (self.k, *(r.symbol for r in places)))
        return Halo(target, (self.lead[0], *places), source, says=f"{entry(target)} = {entry(source)}, 0 outside")

    def _product(self, before: str, places: list[Range]) -> Product:
        waves = tuple(r.symbol for r in places)
        target, left = (Access(name, (*(r.symbol for r in self.lead), *waves)) for name in (self.Q, before))
        right = Access(self.W[0], (*(r.symbol for r in self.shared), *waves))
        says = f"{entry(target)} = {entry(left)}·{entry(right)}"
        return Product(target, left, right, (*self.lead, *places), says)

    def _rows(self) -> dict[Symbol, Expr]:
        """The places of a tile, counted from 0."""
        first = self.alone.S * self.alone.g if self.alone else ZERO
        return {a.moving.place: a.low + first + a.s for a in self.axes}

    def _store(self) -> Store:
        rows = self._rows()
        target = Access(
            self.form.output.name, (self.first + self.k, *(rows.get(s, s) for s in self.form.output.symbols))
        )
        *others, last = self.axes
        places = (*(a.s for a in others), last.moving.stride * last.s)
        source = Access(self.B[-1], (*(r.symbol for r in self.lead), *places))
        over = [Range(self.k, ZERO, self.last - self.first), *self.lead[1:]]
        over += [Range(a.s, ZERO, a.S if self.alone else a.high - a.low) for a in self.axes]
        ends = rows[last.moving.place] < last.high if self.alone else True
        bias = self.found.bias
        says = f"{entry(target)} = {entry(bias) + ' + ' if bias else ''}{entry(source)}"
        return Store(target, tuple(over), source, bias, ends, says)

    def _loops(self, body: tuple[Stage, ...]) -> tuple[Stage, ...]:
        for a in reversed(self.axes):
            step = a.S * self.G if self.alone else a.S
            body = (Tiles(a.low, a.high, a.moving.place - a.moving.low, a.moving.places, step, body),)
        for r in reversed((*self.shared, *(Range(m.place, ZERO, m.places) for m in self.still))):
            body = (Loop(r, body),)
        return (Tiles(self.first, self.last, ITEM, BATCH, self.I, body),)

    def _chart(self) -> Chart:
        """A place is low + s, the point p of its tile that a tap meets is stride·s + reach·tap, y is stride·s; a tap is at q."""
        up, down = self.found.up(), dict(self.found.down())
        taps = {a.tap: a.q for a in self.axes if a.moving.reach == 1}
        own: dict[Symbol, Expr] = {self.k: ITEM - self.first}
        rows = self._rows()
        for a in self.axes:
            tap, place = up[a.tap], up[a.moving.place] - a.low
            own[a.g] = floor(place / a.S) if self.alone else ZERO
            own[a.s] = place - a.S * own[a.g]
            own[a.q] = a.moving.reach * tap
            own[a.p] = a.moving.stride * own[a.s] + own[a.q]
            own[a.y] = a.moving.stride * own[a.s]
        down = {s: expand(e.xreplace({**rows, **taps})) for s, e in down.items()}
        down[ITEM] = self.first + self.k
        kept = {s: e for s, e in up.items() if s not in rows}
        return Chart(tuple(down.items()), tuple({**kept, **own, ITEM: ITEM}.items()))
