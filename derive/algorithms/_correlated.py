"""Two arrays that both have items, and a result that sums over these and over places of both: windows of one move over the other.

    dV[a, b, c, d] = Σ_z Σ_i Σ_j X[z, i + a, j + b, c]·G[z, i, j, d]

    P[e, q0, q1, c] = X[first + e, low + q0 - 1, q1 - 1, c]      a tile of items and rows, 0 outside
    U[e, p, j, d] = G[first + e, low + p, j, d]

Tiles are apart, so that what each makes of its own can be added up; where windows have no taps a tile is whole items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sympy import And, Expr, Integer, Symbol, expand

from derive.algorithms._entries import entry
from derive.algorithms._window import BATCH, ITEM, fresh, sources
from derive.errors import NoLowering
from derive.forms.expr import Read
from derive.forms.form import Axis, Form
from derive.ir.nodes import Access, Chart, Range, Storage
from derive.ir.stages import Halo, Knob, Room, Stage, Staged, Tiles
from derive.proof.goal import Goal, Status
from derive.proof.smt import in_fixed_order
from derive.proof.solver import decide

__all__ = ["Correlated"]

ZERO = Integer(0)


@dataclass(frozen=True, slots=True)
class CorrelatedAxis:
    """One axis of the windowed array: position stride·place + reach·tap + base from 0, of which each letter may lack."""

    place: Symbol | None
    tap: Symbol | None
    stride: int
    reach: int
    base: Expr


class Correlated:
    """The letters and extents of one program."""

    def __init__(self, form: Form, batched: frozenset[str]) -> None:
        self.form, self.batched = form, batched
        source = self._source()
        (param,) = (p for p in form.weights if p.name == source.array)
        self.windows, self.places = param.array, {a.symbol: a for a in form.reduction}
        self.own = {a.symbol: a for a in form.output.axes}
        if form.output.name in batched or not {form.input.name, param.name} <= batched:
            raise NoLowering("it needs two arrays with entries for each item, and a result without")
        pairs = zip(source.subscripts, param.array.axes, strict=True)
        self.axes = tuple(self._axis(subscript, axis) for subscript, axis in pairs)
        self._check()
        self.mask = self._mask()
        names = "N R e p first last low high P U B A"
        letters = dict(zip(names.split(), fresh(names, form), strict=True))
        self.N, self.R, self.e, self.p = (letters[c] for c in "NRep")
        self.ends = tuple(letters[c] for c in ("first", "last", "low", "high"))
        self.P, self.U, self.B, self.A = (letters[c].name for c in "PUBA")
        self.q = fresh(" ".join(f"q{k}" for k in range(len(self.axes))), form)
        moving = [s for s in form.read if s in self.places]
        self.down = self.places[moving[0]] if self.taps and moving else None

    def _source(self) -> Read:
        form = self.form
        read = form.weight
        if form.tables or not isinstance(read, Read) or any(p.values is not None for p in form.weights):
            raise NoLowering(f"it needs a product of two arrays that are given; the weight is {form.weight}")
        if len(form.weights) != 1 or not form.weights[0].data or form.bias != 0:
            raise NoLowering("it needs a product of two arrays that are given, and no bias")
        return read

    def _axis(self, subscript: Expr, axis: Axis) -> CorrelatedAxis:
        """Raises NoLowering for a subscript that is no place with a tap."""
        letters = {**self.places, **self.own}
        met = {s: subscript.coeff(s) for s in subscript.free_symbols & set(letters)}
        place = [s for s in met if s in self.places]
        tap = [s for s in met if s in self.own]
        plain = len(place) <= 1 and len(tap) <= 1 and all(isinstance(c, Integer) and c != 0 for c in met.values())
        rest = expand(subscript - sum(c * s for s, c in met.items()))
        if not plain or not met or any(met[s] < 0 for s in place) or rest.free_symbols & set(letters):
            raise NoLowering(f"it needs windows that move with one place along each axis; {subscript} is read")
        base = rest - axis.lower + sum(c * letters[s].lower for s, c in met.items())
        stride, reach = (int(met[s[0]]) if s else 1 for s in (place, tap))
        return CorrelatedAxis(place[0] if place else None, tap[0] if tap else None, stride, reach, expand(base))

    @property
    def taps(self) -> tuple[Symbol, ...]:
        """The letters of the result by which windows are apart."""
        return tuple(a.tap for a in self.axes if a.tap is not None and a.place is not None)

    @property
    def shared(self) -> tuple[Symbol, ...]:
        """The letters that all three arrays have."""
        return tuple(s for s in self.form.read if s in self.own and s in self.columns())

    def columns(self) -> tuple[Symbol, ...]:
        """The letters of the result that the windows tell, each in the order in which it is read."""
        return tuple(a.tap for a in self.axes if a.tap is not None)

    def _check(self) -> None:
        form, columns = self.form, self.columns()
        walked = [a.place for a in self.axes if a.place is not None]
        read = [s for s in form.read if s in self.places]
        if any(s not in {*self.places, *self.own} for s in form.read) or len(set(form.read)) < len(form.read):
            raise NoLowering(f"it needs {form.input.name} to be read at letters of its own")
        if sorted(map(str, walked)) != sorted(map(str, read)) or len(read) != len(self.places):
            raise NoLowering("it needs sums over places of both arrays alone")
        if any(a.lower != 0 for a in (*self.places.values(), *form.input.axes)):
            raise NoLowering(f"it needs places of {form.input.name} that count from 0")
        if len(set(columns)) < len(columns) or set(columns) | {s for s in form.read if s in self.own} != set(self.own):
            raise NoLowering("it needs each letter of the result once in an array")
        if any(a.tap in form.read and (a.place is not None or a.reach != 1 or a.base != 0) for a in self.axes):
            raise NoLowering("it needs windows without letters of the other array")

    def _mask(self) -> Any:
        """What the form asks of results, in letters from 0: the others are 0. Raises NoLowering where it asks more than that."""
        form = self.form
        ranges = (form.given, form.output.holds(), *(a.holds() for a in form.reduction))
        inside = (form.input.holds(form.read), self.windows.holds(form.weight.subscripts))
        asked = []
        for part in in_fixed_order(And.make_args(form.domain)):
            if decide(Goal((*ranges, *inside), part).smt) is Status.PROVED:
                continue
            if not part.free_symbols <= {*self.own, *form.sizes}:
                raise NoLowering(f"it needs conditions on reads or on its results alone; there is {part}")
            asked.append(part.xreplace({s: s + a.lower for s, a in self.own.items()}))
        return And(*asked)

    def filters(self) -> tuple[Symbol, ...]:
        """The letters that the other array alone has."""
        return tuple(s for s in self.form.read if s in self.own and s not in self.columns())

    def staged(self, name: str, says: str, rooms: Sequence[Room], stages: Sequence[Stage]) -> Staged:
        """The program that copies both tiles, goes on with `stages` in each, and adds what these end in to the result."""
        form, (first, last, low, high) = self.form, self.ends
        arrays = (form.input, *(p.array for p in form.params))
        halo, other = self.halo(), self.other()
        body: tuple[Stage, ...] = (halo, other, *stages)
        if self.down:
            i = self.down
            body = (Tiles(low, high, i.symbol, i.extent, self.R, body, apart=True),)
        return Staged(
            name=name,
            says=says,
            arguments=tuple(Storage(a.name, a.shape, a.name in self.batched) for a in arrays),
            result=Storage(form.output.name, form.output.shape, False),
            sizes=form.sizes,
            sources=sources(form),
            knobs=(Knob(self.N, (), BATCH), *((Knob(self.R, (), self.down.extent),) if self.down else ())),
            lets=(),
            made=(),
            fixed=(),
            rooms=(self.room(halo), self.room(other), *rooms),
            body=(Tiles(first, last, ITEM, BATCH, self.N, body, apart=True),),
            batch=BATCH,
            item=ITEM,
            chart=self.chart(),
        )

    def ranges(self, symbols: tuple[Symbol, ...]) -> tuple[Range, ...]:
        return tuple(Range(s, ZERO, self.own[s].extent) for s in symbols)

    def rows(self) -> tuple[Range, ...]:
        """Which items and places a tile has."""
        places = (self.places[s] for s in self.form.read if s in self.places)
        tile = (Range(self.p, ZERO, self.R) if a is self.down else Range(a.symbol, ZERO, a.extent) for a in places)
        return (Range(self.e, ZERO, self.N), *tile)

    def at(self, symbol: Symbol) -> Symbol:
        """A place's letter in a tile."""
        return self.p if self.down and symbol == self.down.symbol else symbol

    def halo(self) -> Halo:
        """The copy of the windows' array that a tile reads."""
        start, spans = [], []
        for axis, box in zip(self.axes, self.windows.axes, strict=True):
            place = None if axis.place is None else self.places[axis.place]
            if place is None or (axis.tap is None and axis.stride == 1 and axis.base == 0 and place is not self.down):
                start.append(ZERO)
                spans.append(box.extent)
                continue
            reach = ZERO if axis.tap is None else abs(axis.reach) * (self.own[axis.tap].extent - 1)
            back = reach if axis.reach < 0 else ZERO
            many = self.R if place is self.down else place.extent
            start.append(expand(axis.base - back + (axis.stride * self.ends[2] if place is self.down else ZERO)))
            spans.append(expand(axis.stride * (many - 1) + reach + 1))
        places = tuple(expand(low + q) for low, q in zip(start, self.q, strict=True))
        source, target = Access(self.windows.name, (self.ends[0] + self.e, *places)), Access(self.P, (self.e, *self.q))
        over = tuple(Range(q, ZERO, span) for q, span in zip(self.q, spans, strict=True))
        says = f"{entry(target)} = {entry(source)}, 0 outside"
        return Halo(target, (Range(self.e, ZERO, self.N), *over), source, bool(self.down), says)

    def read(self) -> Access:
        """The entry of that copy which a term reads."""
        found: list[Expr] = []
        for axis in self.axes:
            if axis.place is None:
                found.append(axis.tap)
                continue
            tap = ZERO if axis.tap is None else axis.reach * axis.tap
            back = abs(axis.reach) * (self.own[axis.tap].extent - 1) if axis.tap and axis.reach < 0 else ZERO
            found.append(expand(axis.stride * self.at(axis.place) + tap + back))
        return Access(self.P, (self.e, *found))

    def other(self) -> Halo:
        """The tile of the other array."""
        letters = tuple(self.at(s) for s in self.form.read)
        places = tuple(self.ends[2] + s if s == self.p else s for s in letters)
        source, target = (
            Access(self.form.input.name, (self.ends[0] + self.e, *places)),
            Access(self.U, (self.e, *letters)),
        )
        extents = zip(letters, self.form.input.shape, strict=True)
        over = tuple(Range(s, ZERO, self.R if s == self.p else extent) for s, extent in extents)
        says = f"{entry(target)} = {entry(source)}, 0 outside"
        return Halo(target, (Range(self.e, ZERO, self.N), *over), source, bool(self.down), says)

    def room(self, halo: Halo) -> Room:
        return Room(halo.target.array, tuple(r.stop for r in halo.over))

    def chart(self) -> Chart:
        """The item is first + e, the row low + p, and letters of the result count from 0."""
        first, _, low, _ = self.ends
        down: dict[Symbol, Expr] = {s: s + a.lower for s, a in self.own.items()}
        up: dict[Symbol, Expr] = {s: s - a.lower for s, a in self.own.items()}
        for s in self.places:
            tiled = self.down is not None and s == self.down.symbol
            down[s], up[self.at(s)] = (low + self.p, s - low) if tiled else (s, s)
        down[ITEM], up[self.e] = first + self.e, ITEM - first
        return Chart(tuple(down.items()), tuple(up.items()))
