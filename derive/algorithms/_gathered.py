"""Products that strides scatter, gathered by phases: every entry times the weights of all taps, added where results find them.

    H[z, k, c] = Σ_i Σ_d V[k - σ·i + β, c, d]·X[z, i, d]          a gradient by the input of a layer that skips places

    P[e, q, d] = X[first + e, q + f, d]                          whole items, 0 outside; f = ⌊β/σ⌋ - s + 1
    F[d, t, c] = V[t, c, d]                                      once, 0 beyond the last of its taps: σ·s of them
    B[e, q, t, c] = Σ_d P[e, q, d]·F[d, t, c]                    one product
    H[first + e, k, c] = Σ_h B[e, ⌊(k + β)/σ⌋ - h - f, (k + β) mod σ + σ·h, c]

A result has the phase (k + β) mod σ and s = ⌈taps/σ⌉ terms for each letter d, and no two results write one entry: no atomics.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import And, Expr, Integer, Symbol, expand, floor

from derive.algorithms._entries import entry
from derive.algorithms._weights import adjacent
from derive.algorithms._window import BATCH, ITEM, fresh, sources
from derive.errors import NoLowering
from derive.forms.expr import Read
from derive.forms.form import Axis, Form
from derive.ir.nodes import Access, Chart, Copy, Let, Range, Storage
from derive.ir.stages import Halo, Knob, MatMul, Room, Staged, Store, Tiles

__all__ = ["gathered_by_phases"]

ZERO = Integer(0)


@dataclass(frozen=True, slots=True)
class _Skipping:
    """An axis of the input and one of the result: the weight's subscript is place - stride·position + base, from 0 to taps."""

    position: Axis
    place: Axis
    stride: int
    base: Expr
    taps: Expr

    @property
    def steps(self) -> Expr:
        """How many taps of one phase there are."""
        return expand(floor((self.taps + self.stride - 1) / Integer(self.stride)))

    def met(self, place: Expr) -> Expr:
        """The last position that a place meets."""
        return floor(expand(place + self.base) / Integer(self.stride))

    @property
    def first(self) -> Expr:
        """The first position that any place meets."""
        return expand(self.met(ZERO) - self.steps + 1)

    @property
    def span(self) -> Expr:
        """How many positions places meet together."""
        return expand(self.met(self.place.extent - 1) - self.first + 1)


def gathered_by_phases(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering for a form that is no such sum, with channels."""
    if not {form.input.name, form.output.name} <= batched or form.bias != 0:
        raise NoLowering("it needs an input and an output for each item, and no bias")
    return _Gathered(form).program(batched)


class _Gathered:
    """The letters and extents of one program."""

    def __init__(self, form: Form) -> None:
        self.form = form
        if form.tables or form.shared or not isinstance(form.weight, Read):
            raise NoLowering("it needs one array of weights that is read once in a term")
        box = next(p.array for p in form.params if p.name == form.weight.array)
        self.weight, self.shape = Access(box.name, tuple(box.storage(form.weight.subscripts))), box.shape
        self.axes = {e: a for a in form.reduction for e in form.read if e == a.symbol}
        if len(self.axes) != len(form.read) or set(form.reduction) != set(self.axes.values()):
            raise NoLowering(f"it needs a sum over entries of {form.input.name}, each by its own letters")
        self.inner = [self.axes[e] for e in form.read if e in self.weight.subscripts]
        self.skipping = [self._skipping(self.axes[e]) for e in form.read if e not in self.weight.subscripts]
        placed = {m.place for m in self.skipping}
        self.filters = [a for a in form.output.axes if a not in placed]
        plain = {*(a.symbol for a in (*self.inner, *self.filters))}
        rest = [
            e for e in self.weight.subscripts if not any(m.position.symbol in e.free_symbols for m in self.skipping)
        ]
        whole = all(a.lower == 0 for a in (*form.output.axes, *form.input.axes, *form.reduction))
        if not (self.inner and self.filters and self.skipping and set(rest) == plain and whole):
            raise NoLowering("it needs filters, letters that are contracted, and places that taps are apart from")
        names = ["N e first last P F B", *(f"q{k} t{k} h{k} Q{k} f{k}" for k in range(len(self.skipping)))]
        self.N, self.e, self.start, self.stop, P, F, B, *letters = fresh(" ".join(names), form)
        self.P, self.F, self.B = P.name, F.name, B.name
        self.q, self.t, self.h, self.Q, self.f = (letters[k::5] for k in range(5))

    def _skipping(self, position: Axis) -> _Skipping:
        found = [
            (e, n) for e, n in zip(self.weight.subscripts, self.shape, strict=True) if position.symbol in e.free_symbols
        ]
        places = {a.symbol: a for a in self.form.output.axes}
        if len(found) != 1:
            raise NoLowering(f"it needs one tap for each {position.symbol}")
        subscript, taps = found[0]
        step, met = subscript.coeff(position.symbol), [s for s in places if s in subscript.free_symbols]
        base = expand(subscript - step * position.symbol - sum(met))
        letters = {*places, *(a.symbol for a in self.form.reduction)}
        if len(met) != 1 or not (isinstance(step, Integer) and step < 0) or base.free_symbols & letters:
            raise NoLowering(
                f"it needs taps that are a place less a multiple of {position.symbol}; there is {subscript}"
            )
        return _Skipping(position, places[met[0]], -int(step), base, taps)

    def program(self, batched: frozenset[str]) -> Staged:
        form = self.form
        arrays = (form.input, *(p.array for p in form.params))
        stages = (self._halo(), self._product(), self._store())
        output = form.output
        return Staged(
            name="shifts",
            says="products at shifts, gathered by phases",
            arguments=tuple(Storage(a.name, a.shape, a.name in batched) for a in arrays),
            result=Storage(output.name, output.shape, output.name in batched),
            sizes=form.sizes,
            sources=sources(form),
            knobs=(Knob(self.N, (), BATCH),),
            lets=self._lets(),
            made=(Room(self.F, tuple(r.stop for r in self._weights(self._padded())), True),),
            fixed=(self._copy(),),
            rooms=(
                Room(self.P, (self.N, *(self._length(e) for e in form.read))),
                Room(self.B, tuple(r.stop for r in (*self._entries(), *self._padded(), *_ranges(self.filters)))),
            ),
            body=(Tiles(self.start, self.stop, ITEM, BATCH, self.N, stages),),
            batch=BATCH,
            item=ITEM,
            chart=self._chart(),
        )

    def _lets(self) -> tuple[Let, ...]:
        """Along each axis how many positions places meet, and the first of them."""
        firsts = (Let(f, m.first) for f, m in zip(self.f, self.skipping, strict=True))
        return (*(Let(q, m.span) for q, m in zip(self.Q, self.skipping, strict=True)), *firsts)

    def _length(self, letter: Expr) -> Expr:
        spans = {m.position.symbol: q for q, m in zip(self.Q, self.skipping, strict=True)}
        return spans.get(letter, self.axes[letter].extent)

    def _padded(self) -> tuple[Range, ...]:
        """Taps of all phases, as many of each."""
        return tuple(Range(t, ZERO, expand(m.stride * m.steps)) for t, m in zip(self.t, self.skipping, strict=True))

    def _weights(self, taps: tuple[Range, ...]) -> tuple[Range, ...]:
        return (*_ranges(self.inner), *taps, *_ranges(self.filters))

    def _entries(self) -> tuple[Range, ...]:
        spans = (Range(q, ZERO, span) for q, span in zip(self.q, self.Q, strict=True))
        return (Range(self.e, ZERO, self.N), *spans)

    def _copy(self) -> Copy:
        over = self._weights(tuple(Range(t, ZERO, m.taps) for t, m in zip(self.t, self.skipping, strict=True)))
        at = {m.position.symbol: t for t, m in zip(self.t, self.skipping, strict=True)}
        read = (next((t for s, t in at.items() if s in e.free_symbols), e) for e in self.weight.subscripts)
        target, source = Access(self.F, tuple(r.symbol for r in over)), Access(self.weight.array, tuple(read))
        return Copy(target, over, source, f"{entry(target)} = {entry(source)}")

    def _letters(self) -> tuple[Expr, ...]:
        """The subscripts of the tile."""
        at = {m.position.symbol: q for q, m in zip(self.q, self.skipping, strict=True)}
        return (self.e, *(at.get(e, e) for e in self.form.read))

    def _halo(self) -> Halo:
        letters = self._letters()
        at = {m.position.symbol: q + f for q, f, m in zip(self.q, self.f, self.skipping, strict=True)}
        source = Access(self.form.input.name, (self.start + self.e, *(at.get(e, e) for e in self.form.read)))
        lengths = (self.N, *(self._length(e) for e in self.form.read))
        over = tuple(Range(s, ZERO, n) for s, n in zip(letters, lengths, strict=True))
        target = Access(self.P, letters)
        return Halo(target, over, source, True, f"{entry(target)} = {entry(source)}, 0 outside")

    def _product(self) -> MatMul:
        left = Access(self.P, self._letters())
        inner, columns = _ranges(self.inner), (*self._padded(), *_ranges(self.filters))
        if not all(adjacent(left.subscripts, [r.symbol for r in some]) for some in (self._entries(), inner)):
            raise NoLowering("it needs places, and letters that are contracted, which are neighbours in memory")
        right = Access(self.F, tuple(r.symbol for r in self._weights(self._padded())))
        target = Access(self.B, tuple(r.symbol for r in (*self._entries(), *columns)))
        says = f"{entry(target)} = {' '.join(f'Σ_{r.symbol}' for r in inner)} {entry(left)}·{entry(right)}"
        return MatMul(target, left, right, (), self._entries(), inner, columns, says)

    def _store(self) -> Store:
        output = self.form.output
        met = [m.met(m.place.symbol) for m in self.skipping]
        positions = [at - h - f for at, h, f in zip(met, self.h, self.f, strict=True)]
        taps = [
            expand(m.place.symbol + m.base - m.stride * (at - h))
            for at, h, m in zip(met, self.h, self.skipping, strict=True)
        ]
        source = Access(self.B, (self.e, *positions, *taps, *(a.symbol for a in self.filters)))
        steps = tuple(Range(h, ZERO, m.steps) for h, m in zip(self.h, self.skipping, strict=True))
        target = Access(output.name, (self.start + self.e, *output.symbols))
        over = (Range(self.e, ZERO, self.N), *_ranges(output.axes), *steps)
        says = f"{entry(target)} = {' '.join(f'Σ_{h}' for h in self.h)} {entry(source)}"
        return Store(target, over, source, None, And(self.start + self.e < self.stop), says)

    def _chart(self) -> Chart:
        """A position is the last one that its place meets, less h."""
        same = [a.symbol for a in (*self.form.output.axes, *self.inner)]
        down: dict[Symbol, Expr] = {s: s for s in same} | {ITEM: self.start + self.e}
        up: dict[Symbol, Expr] = {s: s for s in same} | {self.e: ITEM - self.start}
        for h, m in zip(self.h, self.skipping, strict=True):
            down[m.position.symbol] = m.met(m.place.symbol) - h
            up[h] = m.met(m.place.symbol) - m.position.symbol
        return Chart(tuple(down.items()), tuple(up.items()))


def _ranges(axes: list[Axis] | tuple[Axis, ...]) -> tuple[Range, ...]:
    return tuple(Range(a.symbol, ZERO, a.extent) for a in axes)
