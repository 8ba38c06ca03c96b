"""Panels: the shifts along the last axis are copied side by side, taps along the others become a Toeplitz matrix.

    H[i, j] = Σ_a Σ_b V[a, b]·X[i + a, j + b]

    T[s, r, b] = V[r - s, b]                        once: a block of S rows
    P[p, b, x - b] = X[low + p, x]                  each row of a tile k times, a column further each time
    A[g, s, y] = Σ_r Σ_b T[s, r, b]·P[S·g + r, b, y]   rows (r, b) of P follow each other in memory: one matrix
    H[low + S·g + s, j] = A[g, s, j]                A is that part of the result itself

That takes k·(S + k - 1) multiplications a result on BLAS and k copies (k taps along an axis), and no additions apart. A window of
more axes than two has its tiles along the first of them, S rows by whole columns each: neighbours there share what was copied.
Strides and dilations are in the subscripts; the last axis has no stride, since its shifts are copied whole.
"""

from __future__ import annotations

from sympy import And, Expr, Integer, Symbol, expand, floor

from derive.algorithms._entries import entry
from derive.algorithms._weights import gathered
from derive.algorithms._window import BATCH, ITEM, Moving, Window, fresh, single, sources, window
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.nodes import Access, Chart, Copy, Let, Loop, Range
from derive.ir.stages import Halo, Knob, MatMul, Room, Stage, Staged, Store, Tiles

__all__ = ["panels"]

_ALIGNED = 16  # entries before the first column: 64 bytes of float32
ZERO = Integer(0)


def panels(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where the form is no window of two axes or more without channels."""
    found = window(form)
    single(found, batched)
    if len(found.moving) < 2 or found.moving[-1].tap is None:
        raise NoLowering("it needs a window of two axes at least, with taps along the last")
    if found.moving[-1].stride != 1:
        raise NoLowering(f"it needs every place along {found.moving[-1].place}, the last axis")
    return _Shifts(found).program(batched)


class _Shifts:
    """The letters and extents of one program. Its tiles go along `lead` as well where more axes than two have taps."""

    def __init__(self, found: Window) -> None:
        self.found, self.form = found, found.form
        *self.outer, self.down, self.along = found.moving
        self.lead = next((m for m in self.outer if m.tap is not None), None)
        self.others = tuple(m for m in self.outer if m.tap is not None and m is not self.lead)
        names = "S G C I g s e r f p q x y K O Q T A P"
        letters = dict(zip(names.split(), fresh(names, self.form), strict=True))
        self.S, self.G, self.C, self.I = (letters[c] for c in "SGCI")
        self.g, self.s, self.e, self.r, self.f = (letters[c] for c in "gserf")
        self.p, self.q, self.x, self.y = (letters[c] for c in "pqxy")
        self.K, self.O, self.Q = (letters[c] for c in "KOQ")
        self.T, self.A, self.P = (letters[c].name for c in "TAP")
        self.ends = {m: fresh(f"{m.place}0 {m.place}1", self.form) for m in (self.lead, self.down, self.along) if m}
        self.a = self.down.tap or fresh("a_", self.form)[0]
        self.b = self.along.tap or fresh("b_", self.form)[0]
        if self.lead and self.lead.reach == 1 and self.lead.tap:
            self.f = self.lead.tap

    def program(self, batched: frozenset[str]) -> Staged:
        form, found = self.form, self.found
        arguments, result = found.storage(batched)
        fixed, made = self._weights()
        tiled = Knob(self.I, (), self.lead.places) if self.lead else Knob(self.G)
        return Staged(
            name="panels",
            says="panels of shifted rows",
            arguments=arguments,
            result=result,
            sizes=form.sizes,
            sources=sources(form),
            knobs=(Knob(self.S, (1, 2, 4)), tiled, Knob(self.C, (), self.along.places)),
            lets=self._lets(),
            made=made,
            fixed=fixed,
            rooms=self._rooms(),
            body=self._body(),
            batch=BATCH,
            item=ITEM,
            chart=self._chart(),
        )

    @property
    def _shifts(self) -> Expr:
        """How far the last copy of a row is shifted."""
        return expand(self.along.reach * (self.along.taps - 1))

    @property
    def _met(self) -> Expr:
        """How many positions along the first axis one place of it meets."""
        assert self.lead is not None
        return expand(self.lead.reach * (self.lead.taps - 1) + 1)

    def _lets(self) -> tuple[Let, ...]:
        """K rows of X meet S rows of the result; a row of P has O entries before its columns, an odd number of lines in all."""
        down, line = self.down, Integer(_ALIGNED)
        k = expand(down.stride * (self.S - 1) + down.reach * (down.taps - 1) + 1)
        entries = self.O + self.C + self._shifts
        return (
            Let(self.K, k),
            Let(self.O, line * floor((self._shifts + line - 1) / line)),
            Let(self.Q, 2 * line * floor((entries + line - 1) / (2 * line)) + line),
        )

    def _steps(self) -> tuple[Range, ...]:
        """The taps along axes between the first and the last two."""
        return tuple(Range(m.tap, ZERO, m.taps) for m in self.others if m.tap is not None)

    def _rooms(self) -> tuple[Room, ...]:
        down, steps = self.down, tuple(r.stop for r in self._steps())
        if self.lead:
            lead: tuple[Expr, ...] = (expand(self.lead.stride * (self.I - 1) + self._met),)
            height: Expr = self.K
            result: tuple[Expr, ...] = (self.I, self.S, self.C)
        else:
            lead = ()
            height = expand(down.stride * (self.S * self.G - 1) + down.reach * (down.taps - 1) + 1)
            result = (self.G, self.S, self.C)
        return Room(self.P, (*lead, *steps, height, self.along.taps, self.Q)), Room(self.A, result)

    def _weights(self) -> tuple[tuple[Stage, ...], tuple[Room, ...]]:
        """T, from the weights in the order of the axes."""
        taps = [m for m in self.found.moving if m.tap is not None]
        letters = tuple(m.tap for m in taps if m.tap is not None)
        name, made, fixed = gathered(self.found, letters, tuple(m.taps for m in taps))
        lead = (Range(self.lead.tap, ZERO, self.lead.taps),) if self.lead and self.lead.tap else ()
        first = tuple(self.lead.reach * r.symbol for r in lead if self.lead)
        steps = self._steps()
        place = self.down.stride * self.s + self.down.reach * self.a
        target = Access(self.T, (self.s, *first, *(r.symbol for r in steps), place, self.b))
        over = (*lead, *steps, Range(self.a, ZERO, self.down.taps), Range(self.b, ZERO, self.along.taps))
        source = Access(name, letters)
        loop = Loop(Range(self.s, ZERO, self.S), (Copy(target, over, source),), f"{entry(target)} = {entry(source)}")
        met = (self._met,) if self.lead else ()
        shape = (self.S, *met, *(r.stop for r in steps), self.K, self.along.taps)
        return (*fixed, loop), (*made, Room(self.T, shape, True))

    def _body(self) -> tuple[Stage, ...]:
        body: tuple[Stage, ...] = (self._halo(), self._product(), self._store())
        body = (self._tiles(self.along, self.C, body),)
        body = (self._tiles(self.down, self.S if self.lead else self.S * self.G, body),)
        for m in reversed(self.outer):
            body = (self._tiles(m, self.I, body) if m is self.lead else Loop(Range(m.place, ZERO, m.places), body),)
        return (Loop(Range(ITEM, ZERO, BATCH), body),)

    def _tiles(self, m: Moving, step: Expr, body: tuple[Stage, ...]) -> Tiles:
        low, high = self.ends[m]
        return Tiles(low, high, m.place - m.low, m.places, step, body)

    def _halo(self) -> Halo:
        """A row of the tile at each shift: an entry is as many places before its own as its copy is shifted."""
        first, *_ = self._rooms()
        *heights, taps, _ = first.shape
        own = {self.lead: self.q, self.down: self.p, self.along: self.x}
        places = []
        for m in self.found.moving:
            tap = m.reach * m.tap if m in self.others and m.tap is not None else ZERO
            start = self.ends[m][0] if m in own else m.place
            places.append(expand(m.stride * start + m.base + tap + own.get(m, ZERO)))
        letters = (*((self.q,) if self.lead else ()), *(r.symbol for r in self._steps()), self.p)
        source = Access(self.form.input.name, (ITEM, *places))
        target = Access(self.P, (*letters, self.b, self.O + self.x - self.along.reach * self.b))
        over = (
            *(Range(s, ZERO, e) for s, e in zip(letters, heights, strict=True)),
            *(Range(self.b, ZERO, taps), Range(self.x, ZERO, expand(self.C + self._shifts))),
        )
        return Halo(target, over, source, True, f"{entry(target)} = {entry(source)}, 0 outside")

    def _product(self) -> MatMul:
        steps, down = self._steps(), self.down
        letters = tuple(r.symbol for r in steps)
        inner = (*steps, Range(self.r, ZERO, self.K), Range(self.b, ZERO, self.along.taps))
        row = self.r if self.lead else down.stride * self.S * self.g + self.r
        lead: tuple[Expr, ...] = ()
        first: tuple[Symbol, ...] = ()
        batch = Range(self.g, ZERO, self.G)
        if self.lead:
            lead, first = (self.lead.stride * self.e + self.f,), (self.f,)
            batch, inner = Range(self.e, ZERO, self.I), (Range(self.f, ZERO, self._met), *inner)
        left = Access(self.T, (self.s, *first, *letters, self.r, self.b))
        right = Access(self.P, (*lead, *letters, row, self.b, self.O + self.y))
        target = Access(self.A, (batch.symbol, self.s, self.y))
        summed = " ".join(f"Σ_{r.symbol}" for r in inner)
        says = f"{entry(target)} = {summed} {entry(left)}·{entry(right)}"
        rows, columns = Range(self.s, ZERO, self.S), Range(self.y, ZERO, self.C)
        return MatMul(target, left, right, (batch,), (rows,), inner, (columns,), says)

    def _own(self) -> dict[Moving, Expr]:
        """The places of a tile."""
        low = {m: ends[0] for m, ends in self.ends.items()}
        rows = self.s if self.lead else self.S * self.g + self.s
        found = {self.down: expand(low[self.down] + rows), self.along: low[self.along] + self.y}
        return {self.lead: low[self.lead] + self.e, **found} if self.lead else found

    def _store(self) -> Store:
        own = self._own()
        target = Access(self.form.output.name, (ITEM, *(own.get(m, m.place) for m in self.found.moving)))
        batch = Range(self.e, ZERO, self.I) if self.lead else Range(self.g, ZERO, self.G)
        over = (batch, Range(self.s, ZERO, self.S), Range(self.y, ZERO, self.C))
        source = Access(self.A, tuple(r.symbol for r in over))
        bias = self.found.bias
        says = f"{entry(target)} = {entry(bias) + ' + ' if bias else ''}{entry(source)}"
        inside = And(*(place < self.ends[m][1] for m, place in own.items()))
        return Store(target, over, source, bias, inside, says, held=True)

    def _chart(self) -> Chart:
        """Places of a tile count from its first; r and f are the positions that taps meet."""
        up, down, own = self.found.up(), self.found.down(), self._own()
        rows = up[self.down.place] - self.ends[self.down][0]
        found: dict[Symbol, Expr] = {self.y: up[self.along.place] - self.ends[self.along][0]}
        if self.lead:
            found |= {self.s: rows, self.e: up[self.lead.place] - self.ends[self.lead][0]}
            if self.lead.tap and self.f != self.lead.tap:
                found[self.f] = self.lead.reach * up[self.lead.tap]
        else:
            found |= {self.g: floor(rows / self.S), self.s: rows - self.S * floor(rows / self.S)}
        found |= {self.a: up.get(self.a, ZERO), self.b: up.get(self.b, ZERO)}
        found[self.r] = self.down.stride * found[self.s] + self.down.reach * found[self.a]
        places = {m.place: e for m, e in own.items()}
        lower = {s: e.xreplace(places) for s, e in down.items()}
        kept = {s: e for s, e in up.items() if s not in places}
        return Chart((*lower.items(), (ITEM, ITEM)), (*{**kept, **found}.items(), (ITEM, ITEM)))
