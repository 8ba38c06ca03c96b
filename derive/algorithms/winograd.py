"""Winograd's algorithm: a block of S results along each axis from S + r - 1 products, instead of r for each result.

    W[t] = Σ_a G[t, a]·V[a]             once
    E[k, g] = X[S·g + k]                the windows of the tiles g, of S + r - 1 inputs each
    Y[t, g] = Σ_k B[t, k]·E[k, g]
    Q[t, g] = Σ_c Y[t, g, c]·W[t, c]    over channels, on BLAS
    R[s, g] = Σ_t A[s, t]·Q[t, g]       H[S·g + s], right as Σ_t A[s, t]·G[t, a]·B[t, k] = [k = s + a]

t, a, k, g and s are one letter for each axis that has a window, of r taps; A, G and B act on all axes at once. They are those of
Toom and Cook at the points of the least error bound. Places as far apart as the taps of a dilated window make a phase f of their
own, in which taps are neighbours. A block is so many items of the batch by so many rows of tiles. A form without channels is
refused: the transforms cost more than the products that they save.
(Winograd, Arithmetic Complexity of Computations, 1980; Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016.)
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache, reduce
from itertools import product
from math import prod

from sympy import And, Expr, Integer, Lt, Symbol, expand, floor

from derive.algorithms._bilinear import Bilinear, amplification, losses, nested, prove, roundings, toom_cook
from derive.algorithms._blocks import check_window
from derive.algorithms._entries import entry
from derive.algorithms._weights import basis, gathered
from derive.algorithms._window import BATCH, ITEM, Window, fresh, sources, window
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.given import Amplified, Cases, Constants, MatrixTable
from derive.ir.nodes import Access, Chart, Copy, Let, Loop, Range
from derive.ir.stages import Halo, Knob, MatMul, Room, Stage, Staged, Store, Tiles

__all__ = ["winograd"]

ZERO, ONE = Integer(0), Integer(1)
_OUTPUTS = (2, 4, 6)
_TAPS = (1, 2, 3, 4, 5, 7)


def winograd(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where the form is no window with channels that moves by one place."""
    found = window(form)
    check_window(found, batched)
    return Winograd(found).program(batched)


@lru_cache
def _axis(outputs: int, taps: int) -> Bilinear:
    return prove(toom_cook(outputs, taps))


def allowed(axes: tuple[tuple[int, int], ...]) -> bool:
    """Whether errors are amplified no more than by F(4×4, 3×3)."""
    return amplification(*(_axis(*a) for a in axes)) <= amplification(_axis(4, 3), _axis(4, 3))


@lru_cache
def _errors(
    axis: Callable[[int, int], Bilinear], key: tuple[tuple[int, int], ...]
) -> tuple[Fraction, int, tuple[int, int, int, int]]:
    """The amplification, the roundings and the losses of the algorithm that is nested of these axes."""
    each = [axis(*sides) for sides in key]
    whole = reduce(nested, each)
    return amplification(*each), roundings(whole), losses(whole)


class Winograd:
    """The letters and extents of one program of a family of bilinear algorithms, here those of Toom and Cook."""

    def __init__(self, found: Window) -> None:
        self.found, self.form = found, found.form
        self.axes = found.taps
        self.still = tuple(m for m in found.moving if m.tap is None)
        names = "S L N q first last low high P E Y W Q R A G B"
        letters = dict(zip(names.split(), fresh(names, self.form), strict=True))
        self.S, self.L, self.N, self.q = (letters[c] for c in "SLNq")
        self.first, self.last, self.low, self.high = (letters[c] for c in ("first", "last", "low", "high"))
        self.P, self.E, self.Y, self.W, self.Q, self.R, self.A, self.G, self.B = (letters[c].name for c in "PEYWQRAGB")
        self.p, self.g, self.s, self.k, self.t = (
            fresh(" ".join(f"{c}{m.place}" for m in self.axes), self.form) for c in "pgskt"
        )
        self.f = tuple(
            symbol if m.reach > 1 else ZERO
            for symbol, m in zip(fresh(" ".join(f"f{m.place}" for m in self.axes), self.form), self.axes, strict=True)
        )
        self.K, self.T = (fresh(" ".join(f"{c}{m.place}" for m in self.axes), self.form) for c in "KT")
        self.a = [m.tap for m in self.axes if m.tap is not None]
        self.lead = (self.q, *self.g)
        self.shared, self.contracted, self.filters = (
            tuple(Range(a.symbol, ZERO, a.extent) for a in axes)
            for axes in (found.shared, found.contracted, found.filters)
        )
        self.cases = self._cases()

    def program(self, batched: frozenset[str]) -> Staged:
        form = self.form
        arguments, result = self.found.storage(batched)
        fixed, made = self._weights()
        cases, keys = self.cases
        choices = tuple(sorted({v[0] for v in cases.values}))
        return Staged(
            name="winograd",
            says="Winograd's algorithm",
            arguments=arguments,
            result=result,
            sizes=form.sizes,
            sources=sources(form),
            knobs=(
                Knob(self.S, choices),
                Knob(self.L, extent=floor((self.axes[0].places + choices[0] - 1) / Integer(choices[0]))),
                Knob(self.N, extent=BATCH),
            ),
            lets=self._lets(),
            made=made,
            fixed=fixed,
            rooms=self._rooms(),
            body=self._body(),
            batch=BATCH,
            item=ITEM,
            chart=self._chart(),
            strict=False,
            constants=self._constants(keys),
            cases=cases,
            amplified=self._amplified(keys),
        )

    @staticmethod
    def axis(outputs: int, taps: int) -> Bilinear:
        """The algorithm along one axis, proved."""
        return _axis(outputs, taps)

    def products(self) -> tuple[Expr, ...]:
        """How many products it has along each axis."""
        return tuple(self.K)

    def _cases(self) -> tuple[Cases, tuple[tuple[tuple[int, int], ...], ...]]:
        """The tile and the sizes that tell how many taps there are; and, for each, (results, taps) along each axis."""
        told = sorted({s for m in self.axes for s in m.taps.free_symbols}, key=str)
        values, keys = [], []
        for outputs, *sizes in product(_OUTPUTS, *(range(1, max(_TAPS)) for _ in told)):
            at = dict(zip(told, sizes, strict=True))
            key = tuple((outputs, int(m.taps.xreplace(at))) for m in self.axes)
            if {1} != {taps for _, taps in key} <= set(_TAPS) and allowed(key):
                values.append((outputs, *sizes))
                keys.append(key)
        if not values:
            raise NoLowering("it needs a window of a few taps, or errors are amplified too much")
        return Cases((self.S, *told), tuple(values)), tuple(keys)

    def _constants(self, keys: tuple[tuple[tuple[int, int], ...], ...]) -> tuple[Constants, ...]:
        used = sorted({axis for key in keys for axis in key})
        shapes = {
            self.A: (self._extents("s"), self._extents("t")),
            self.G: (self._extents("t"), self._extents("a")),
            self.B: (self._extents("t"), self._extents("k")),
        }
        parts = {self.A: "output", self.G: "weight", self.B: "data"}
        named = tuple((self.S, m.taps) for m in self.axes)
        return tuple(
            Constants(
                name,
                (*rows, *columns),
                MatrixTable(name, tuple((axis, getattr(self.axis(*axis), parts[name])) for axis in used)),
                named,
            )
            for name, (rows, columns) in shapes.items()
        )

    def _amplified(self, keys: tuple[tuple[tuple[int, int], ...], ...]) -> Amplified:
        """As one matrix acts on all axes, the roundings are those of the nested algorithm; there is one more for the bias."""
        channels: Expr = ONE
        for r in self.contracted:
            channels *= r.stop
        own = basis(self.found)
        more = own.roundings + (0 if self.found.bias is None else 1)
        factors, counted, lost = zip(*(_errors(self.axis, key) for key in keys), strict=True)
        each = zip(keys, factors, lost, strict=True)
        missed = tuple(own.losses(prod(taps for _, taps in key), factor, found) for key, factor, found in each)
        return Amplified(factors, tuple(q - 1 + more for q in counted), channels, missed)

    def _lets(self) -> tuple[Let, ...]:
        """K inputs of a tile along each axis, and T tiles along each but the first."""
        found = [Let(k, expand(self.S + m.taps - 1)) for k, m in zip(self.K, self.axes, strict=True)]
        for tiles, m in list(zip(self.T, self.axes, strict=True))[1:]:
            step = m.reach * self.S
            found.append(Let(tiles, floor((m.places + step - 1) / step)))
        return tuple(found)

    def _extents(self, letter: str) -> tuple[Expr, ...]:
        """How far a letter runs along each axis."""
        taps = tuple(m.taps for m in self.axes)
        ends = {"s": (self.S,) * len(taps), "a": taps, "g": (self.L, *self.T[1:]), "t": self.products()}
        return ends.get(letter, tuple(self.K))

    def _ranges(self, letter: str) -> tuple[Range, ...]:
        names = {"s": self.s, "a": self.a, "g": self.g, "t": self.t, "k": self.k}[letter]
        return tuple(Range(s, ZERO, e) for s, e in zip(names, self._extents(letter), strict=True))

    @property
    def _blocks(self) -> tuple[Range, ...]:
        """The tiles of a block."""
        return (Range(self.q, ZERO, self.N), *self._ranges("g"))

    def _weights(self) -> tuple[tuple[Stage, ...], tuple[Room, ...]]:
        taps, rest = self._ranges("a"), (*self.shared, *self.contracted, *self.filters)
        order = (*taps, *rest)
        letters, extents = tuple(r.symbol for r in order), tuple(r.stop for r in order)
        name, made, fixed = gathered(self.found, letters, extents)
        target = Access(self.W, (*self.t, *letters[len(taps) :]))
        left, right = Access(self.G, (*self.t, *self.a)), Access(name, letters)
        turned = _product(target, left, right, (), (self._ranges("t"), taps, rest))
        room = Room(self.W, (*self._extents("t"), *extents[len(taps) :]))
        return (*fixed, turned), (*made, room)

    def _rooms(self) -> tuple[Room, ...]:
        blocks = tuple(r.stop for r in self._blocks)
        inner = tuple(r.stop for r in (*self.shared, *self.contracted))
        outer = tuple(r.stop for r in (*self.shared, *self.filters))
        span = tuple(self.S * (g - 1) + k for g, k in zip(self._extents("g"), self.K, strict=True))
        return (
            Room(self.P, (self.N, *span, *inner)),
            Room(self.E, (*self._extents("k"), *blocks, *inner)),
            Room(self.Y, (*self._extents("t"), *blocks, *inner)),
            Room(self.Q, (*self._extents("t"), *blocks, *outer)),
            Room(self.R, (*self._extents("s"), *blocks, *outer)),
        )

    def _body(self) -> tuple[Stage, ...]:
        stages: tuple[Stage, ...] = (self._halo(), self._windows(), *self._products(), self._store())
        for f, m in zip(self.f, self.axes, strict=True):
            stages = (Loop(Range(f, ZERO, Integer(m.reach)), stages),) if isinstance(f, Symbol) else stages
        first = self.axes[0]
        place, step = first.place - first.low, first.reach * self.S * self.L
        body: Stage = Tiles(self.low, self.high, place, first.places, step, stages)
        for m in reversed(self.still):
            body = Loop(Range(m.place, ZERO, m.places), (body,))
        return (Tiles(self.first, self.last, ITEM, BATCH, self.N, (body,)),)

    def _halo(self) -> Halo:
        form, down = self.form, self.found.down()
        places = {m.place: expand(m.stride * m.place + m.base) for m in self.still}
        places |= {
            m.place: m.base + start + m.reach * p for m, start, p in zip(self.axes, self._starts(), self.p, strict=True)
        }
        subscripts = []
        for place, kept in zip(form.read, form.input.storage(form.read), strict=True):
            moved = [e for s, e in places.items() if s in place.free_symbols]
            subscripts.append(expand(moved[0] if moved else kept.xreplace(down)))
        inner = tuple(r.symbol for r in (*self.shared, *self.contracted))
        target = Access(self.P, (self.q, *self.p, *inner))
        source = Access(form.input.name, (self.first + self.q, *subscripts))
        over = tuple(Range(s, ZERO, e) for s, e in zip(target.subscripts, self._rooms()[0].shape, strict=True))
        return Halo(target, over, source, True, f"{entry(target)} = {entry(source)}, 0 outside")

    def _windows(self) -> Copy:
        inner = (*self.shared, *self.contracted)
        letters = tuple(r.symbol for r in inner)
        target = Access(self.E, (*self.k, *self.lead, *letters))
        moved = tuple(self.S * g + k for g, k in zip(self.g, self.k, strict=True))
        source = Access(self.P, (self.q, *moved, *letters))
        over = (*self._ranges("k"), *self._blocks, *inner)
        return Copy(target, over, source, f"{entry(target)} = {entry(source)}")

    def _products(self) -> tuple[MatMul, ...]:
        shared, inner, outer = ([r.symbol for r in rs] for rs in (self.shared, self.contracted, self.filters))
        read = (*self.shared, *self.contracted)
        made = (*self.shared, *self.filters)
        windows = Access(self.E, (*self.k, *self.lead, *shared, *inner))
        turned = Access(self.Y, (*self.t, *self.lead, *shared, *inner))
        weights = Access(self.W, (*self.t, *shared, *inner, *outer))
        products = Access(self.Q, (*self.t, *self.lead, *shared, *outer))
        results = Access(self.R, (*self.s, *self.lead, *shared, *outer))
        left, right = Access(self.B, (*self.t, *self.k)), Access(self.A, (*self.s, *self.t))
        t, s, k = (self._ranges(c) for c in "tsk")
        return (
            _product(turned, left, windows, (), (t, k, (*self._blocks, *read))),
            _product(products, turned, weights, (*t, *self.shared), (self._blocks, self.contracted, self.filters)),
            _product(results, right, products, (), (s, t, (*self._blocks, *made))),
        )

    def _store(self) -> Store:
        row = self._rows()
        over: list[Range] = [Range(self.q, ZERO, self.N)]
        target: list[Expr] = [self.first + self.q]
        plain = {r.symbol: r for r in (*self.shared, *self.filters)}
        for symbol in self.form.output.symbols:
            if symbol in plain:
                over.append(plain[symbol])
            elif symbol in row:
                here = [m.place for m in self.axes].index(symbol)
                over += [self._ranges("g")[here], self._ranges("s")[here]]
            target.append(row.get(symbol, symbol))
        ends = [Lt(target[0], self.last)]
        ends += [Lt(row[m.place], self.high if m is self.axes[0] else m.places) for m in self.axes]
        result = Access(self.form.output.name, tuple(target))
        source = Access(self.R, (*self.s, *self.lead, *(r.symbol for r in (*self.shared, *self.filters))))
        bias = self.found.bias
        says = f"{entry(result)} = {entry(bias) + ' + ' if bias else ''}{entry(source)}"
        return Store(result, tuple(over), source, bias, And(*ends), says)

    def _starts(self) -> tuple[Expr, ...]:
        """The first place of a tile along each axis; of a window that skips places, that of one phase."""
        lows = (self.low, *(ZERO for _ in self.axes[1:]))
        return tuple(low + f for low, f in zip(lows, self.f, strict=True))

    def _rows(self) -> dict[Symbol, Expr]:
        """The place that a tile's result is at, counted from 0, along each axis."""
        letters = zip(self.axes, self._starts(), self.g, self.s, strict=True)
        return {m.place: expand(start + m.reach * (self.S * g + s)) for m, start, g, s in letters}

    def _letters(self) -> dict[Symbol, Expr]:
        """The letters of places, taps and channels, counted from 0, in the form's."""
        return self.found.up()

    def _chart(self) -> Chart:
        """A place is low + δ·(S·g + s) + f or δ·(S·g + s) + f for taps that are δ apart, and k the input s + a of a window."""
        up = self._letters()
        down = {s: expand(e.xreplace(self._rows())) for s, e in self.found.down().items()}
        down[ITEM] = self.first + self.q
        own: dict[Symbol, Expr] = {self.q: ITEM - self.first}
        letters = zip(self.axes, self.f, self.g, self.s, self.k, self.a, strict=True)
        for m, f, g, s, k, a in letters:
            place = up[m.place] - (self.low if m is self.axes[0] else ZERO)
            if isinstance(f, Symbol):
                own[f] = place - m.reach * floor(place / m.reach)
                place = floor(place / m.reach)
            own |= {g: floor(place / self.S), s: place - self.S * floor(place / self.S)}
            own[k] = own[s] + up[a]
        kept = {s: e for s, e in up.items() if s not in self._rows()}
        return Chart(tuple(down.items()), tuple({**kept, **own}.items()))


def _product(
    target: Access, left: Access, right: Access, batch: tuple[Range, ...], sides: tuple[tuple[Range, ...], ...]
) -> MatMul:
    rows, inner, columns = sides
    summed = "".join(f"Σ_{r.symbol} " for r in inner)
    says = f"{entry(target)} = {summed}{entry(left)}·{entry(right)}"
    return MatMul(target, left, right, batch, rows, inner, columns, says)
