"""Winograd's algorithm in phases, for windows with channels that skip places: each phase is a window that moves by one place.

    H[i, d] = Σ_a Σ_c V[a, c, d]·X[σ·i + a, c]      a = σ·h + f
            = Σ_h Σ_f Σ_c V[σ·h + f, c, d]·X[σ·(i + h) + f, c]

The phases f are channels of their own: σ times as many, with windows of ⌈k/σ⌉ taps h; what is beyond the last tap is 0. The stages
are those of `winograd`, each axis with the phases of its stride. It pays for windows of five taps and more with many channels.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from sympy import And, Expr, Integer, Lt, Symbol, expand, floor

from derive.algorithms._blocks import check_tiles
from derive.algorithms._entries import entry
from derive.algorithms._weights import gathered
from derive.algorithms._window import Moving, Window, fresh, window
from derive.algorithms.winograd import Winograd, allowed
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.nodes import Access, Chart, Copy, Guard, Let, Loop, Range
from derive.ir.stages import Cases, Constants, Halo, MatMul, Room, Stage, Staged
from derive.remembered import built

__all__ = ["phased"]

ZERO = Integer(0)
_OUTPUTS = (2, 3, 4)
_TAPS = (1, 2, 3, 4)
_RADIUS = 5


def phased(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where the form has no channels, or a window that moves by one place or has gaps."""
    found = window(form)
    check_tiles(found, batched)
    if all(m.stride == 1 for m in found.taps) or any(m.reach != 1 for m in found.taps):
        raise NoLowering("it needs a window that skips places, and whose taps are neighbours")
    program = _Phased(found).program(batched)
    return replace(program, name="phased", says="Winograd's algorithm in phases")


def _taps(m: Moving) -> Expr:
    """How many taps a phase has."""
    return floor((m.taps + m.stride - 1) / Integer(m.stride))


class _Phased(Winograd):
    """The letters and extents of one program: h is a tap of a phase, v the phase, 0 along an axis that skips nothing."""

    def __init__(self, found: Window) -> None:
        super().__init__(found)
        self.own = self.a
        self.a = list(fresh(" ".join(f"h{m.place}" for m in self.axes), self.form))
        letters = fresh(" ".join(f"v{m.place}" for m in self.axes), self.form)
        self.v = tuple(v if m.stride > 1 else ZERO for v, m in zip(letters, self.axes, strict=True))
        self.inputs = self.contracted
        phases = (
            Range(v, ZERO, Integer(m.stride)) for v, m in zip(self.v, self.axes, strict=True) if isinstance(v, Symbol)
        )
        self.contracted = (*phases, *self.contracted)

    def _cases(self) -> tuple[Cases, tuple[tuple[tuple[int, int], ...], ...]]:
        """The tile and the sizes that tell how many taps there are; and, for each, (results, taps of a phase) along each axis."""
        told = sorted({s for m in self.axes for s in m.taps.free_symbols}, key=str)
        values, keys = [], []
        for outputs, *sizes in product(_OUTPUTS, *(range(1, _RADIUS) for _ in told)):
            at = dict(zip(told, sizes, strict=True))
            key = tuple((outputs, int(_taps(m).xreplace(at))) for m in self.axes)
            if {1} != {taps for _, taps in key} <= set(_TAPS) and allowed(key):
                values.append((outputs, *sizes))
                keys.append(key)
        if not values:
            raise NoLowering("it needs phases of a few taps, or errors are amplified too much")
        return Cases((self.S, *told), tuple(values)), tuple(keys)

    def _constants(self, keys: tuple[tuple[tuple[int, int], ...], ...]) -> tuple[Constants, ...]:
        named = tuple((self.S, _taps(m)) for m in self.axes)
        return tuple(replace(c, keys=named) for c in super()._constants(keys))

    def _lets(self) -> tuple[Let, ...]:
        count = len(self.axes)
        own = (Let(k, expand(self.S + _taps(m) - 1)) for k, m in zip(self.K, self.axes, strict=True))
        return (*own, *super()._lets()[count:])

    def _extents(self, letter: str) -> tuple[Expr, ...]:
        return tuple(map(_taps, self.axes)) if letter == "a" else super()._extents(letter)

    def _tap(self) -> tuple[Expr, ...]:
        """The tap along each axis that h is of a phase."""
        return tuple(m.stride * h + v for m, h, v in zip(self.axes, self.a, self.v, strict=True))

    def _weights(self) -> tuple[tuple[Stage, ...], tuple[Room, ...]]:
        rest = (*self.shared, *self.inputs, *self.filters)
        own = (*(Range(a, ZERO, m.taps) for a, m in zip(self.own, self.axes, strict=True) if a is not None), *rest)
        letters = tuple(r.symbol for r in own)
        name, made, fixed = gathered(self.found, letters, tuple(r.stop for r in own))
        (phase,) = fresh("V_", self.form)
        taps, more = self._ranges("a"), (*self.shared, *self.contracted, *self.filters)
        every = (*taps, *more)
        target = Access(phase.name, tuple(r.symbol for r in every))
        source = Access(name, (*self._tap(), *(r.symbol for r in rest)))
        inside = And(*(built(Lt, tap, m.taps) for tap, m in zip(self._tap(), self.axes, strict=True)))
        body: Stage = Guard(inside, (Copy(target, rest, source),))
        says = f"{entry(target)} = {entry(source)}, 0 beyond the last tap"
        looped = [r for r in every if r not in rest]
        for r in reversed(looped):
            body = Loop(r, (body,), says if r is looped[0] else "")
        turned = Access(self.W, (*self.t, *(r.symbol for r in more)))
        left = Access(self.G, (*self.t, *self.a))
        summed = "".join(f"Σ_{r.symbol} " for r in taps)
        says = f"{entry(turned)} = {summed}{entry(left)}·{entry(target)}"
        transform = MatMul(turned, left, target, (), self._ranges("t"), taps, more, says)
        rooms = (
            Room(phase.name, tuple(r.stop for r in every), True),
            Room(self.W, (*self._extents("t"), *(r.stop for r in more))),
        )
        return (*fixed, body, transform), (*made, *rooms)

    def _rooms(self) -> tuple[Room, ...]:
        _, *others = super()._rooms()
        inner = tuple(r.stop for r in (*self.shared, *self.inputs))
        spans = zip(self.axes, self._extents("g"), self.K, strict=True)
        span = tuple(m.stride * (self.S * (g - 1) + k) for m, g, k in spans)
        return (Room(self.P, (self.N, *span, *inner)), *others)

    def _halo(self) -> Halo:
        form, down = self.form, self.found.down()
        starts = zip(self.axes, self._starts(), self.p, strict=True)
        places = {m.place: m.base + m.stride * start + p for m, start, p in starts}
        places |= {m.place: m.stride * m.place + m.base for m in self.still}
        subscripts = []
        for place, kept in zip(form.read, form.input.storage(form.read), strict=True):
            moved = [e for s, e in places.items() if s in place.free_symbols]
            subscripts.append(expand(moved[0] if moved else kept.xreplace(down)))
        target = Access(self.P, (self.q, *self.p, *(r.symbol for r in (*self.shared, *self.inputs))))
        source = Access(form.input.name, (self.first + self.q, *subscripts))
        over = tuple(Range(s, ZERO, e) for s, e in zip(target.subscripts, self._rooms()[0].shape, strict=True))
        return Halo(target, over, source, True, f"{entry(target)} = {entry(source)}, 0 outside")

    def _windows(self) -> Copy:
        whole = super()._windows()
        letters = zip(self.axes, self.g, self.k, self.v, strict=True)
        moved = tuple(expand(m.stride * (self.S * g + k) + v) for m, g, k, v in letters)
        plain = tuple(r.symbol for r in (*self.shared, *self.inputs))
        source = Access(self.P, (self.q, *moved, *plain))
        return replace(whole, source=source, says=f"{entry(whole.target)} = {entry(source)}")

    def _letters(self) -> dict[Symbol, Expr]:
        """A tap is σ·h + v."""
        up = self.found.up()
        for m, own, h, v in zip(self.axes, self.own, self.a, self.v, strict=True):
            place = up.pop(own) if own is not None else ZERO
            up[h] = floor(place / Integer(m.stride))
            if isinstance(v, Symbol):
                up[v] = place - m.stride * up[h]
        return up

    def _chart(self) -> Chart:
        whole = super()._chart()
        taps = {a: tap for a, tap in zip(self.own, self._tap(), strict=True) if a is not None}
        return Chart(tuple((s, expand(e.xreplace(taps))) for s, e in whole.down), whole.up)
