"""Separable windows in passes: along each axis a matrix product with weights of that axis, summed over ranks at the end.

    H[i, j] = Σ_r Σ_a Σ_b P[r, a]·Q[r, b]·X[i + a, j + b]

    W[r, s, p] = P[r, p - s],  B[r, c, t] = Q[r, c - t]     once: bands of S and T results
    Z[r, S·g + s, y] = Σ_p W[r, s, p]·X[S·g + p, y]         matrix products on X in place
    A[r, q, h, t] = Σ_c Z[r, q, T·h + c]·B[r, c, t]         one product for all rows of a tile
    H[q, T·h + t] = Σ_r A[r, q, h, t]

That takes (S + k - 1) + (T + k - 1) multiplications a result and rank, instead of k². Edges of zeros are margins of Z, so X isn't
padded, and the last stretch of a row of Z goes on in the next row, where it meets zeros of B or gives what is dropped. Axes further
out have passes before these, of one place each: Y[r, p, x] = Σ_a O[r, a]·X[i + a, p, x]. Channels that don't mix have their passes
in `_channelwise`.
"""

from __future__ import annotations

from sympy import And, Expr, Ge, Integer, Max, Symbol, expand, floor, true

from derive.algorithms._bands import banded
from derive.algorithms._channelwise import Channelwise, check_channels
from derive.algorithms._entries import entry
from derive.algorithms._weights import gathered
from derive.algorithms._window import BATCH, ITEM, Moving, Window, factored, fresh, single, sources
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.nodes import Access, Chart, Let, Loop, Range
from derive.ir.stages import Halo, Knob, MatMul, Room, Stage, Staged, Store, Tiles
from derive.proof.goal import Goal, Status
from derive.proof.solver import decide
from derive.remembered import built

__all__ = ["separable"]

ZERO = Integer(0)


def separable(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where the weight is no product of windows along two axes."""
    found = factored(form)
    if found.shared:
        check_channels(found, form, batched)
        return Channelwise(found, _by_axis(found)).program(batched)
    single(found, batched)
    if len(found.moving) < 2 or any(m.tap is None for m in found.moving[-2:]):
        raise NoLowering("it needs a window along its last two axes")
    return _Separable(found, _by_axis(found)).program(batched)


def _by_axis(found: Window) -> tuple[int, ...]:
    """Which factor is the window along each axis that has taps."""
    taps = [m.tap for m in found.taps]
    met = [{s for e in f.subscripts for s in e.free_symbols} & set(taps) for f in found.factors]
    if sorted(map(len, met)) != [1] * len(taps) or set().union(*met) != set(taps) or found.mask != true:
        raise NoLowering("it needs a weight with one factor for each axis, whose taps are all live")
    return tuple(next(k for k, letters in enumerate(met) if tap in letters) for tap in taps)


class _Separable:
    """The letters and extents of one program. `factors` are those along the axes that have taps."""

    def __init__(self, found: Window, factors: tuple[int, ...]) -> None:
        self.found, self.form, self.factors = found, found.form, factors
        *self.outer, self.down, self.along = found.moving
        self.before = [m for m in self.outer if m.tap is not None]
        names = "S T G g s p x y q h c t low high K L M W B E Z A"
        letters = dict(zip(names.split(), fresh(names, self.form), strict=True))
        self.S, self.T, self.G, self.M, self.K, self.L = (letters[c] for c in "STGMKL")
        self.g, self.s, self.p, self.x, self.y, self.q = (letters[c] for c in "gspxyq")
        self.h, self.c, self.t, self.low, self.high = (letters[c] for c in ("h", "c", "t", "low", "high"))
        self.W, self.B, self.E, self.Z, self.A = (letters[c].name for c in "WBEZA")
        self.ranks = tuple(Range(a.symbol, ZERO, a.extent) for a in found.ranks)
        self.rank = tuple(r.symbol for r in self.ranks)
        self.steps = tuple(Range(m.tap, ZERO, m.taps) for m in self.before if m.tap is not None)
        self.Y = [s.name for s in fresh(" ".join(f"Y{k or ''}" for k in range(len(self.before))), self.form)]

    def program(self, batched: frozenset[str]) -> Staged:
        arguments, result = self.found.storage(batched)
        found, ranks = self.found, tuple((r.symbol, r.stop) for r in self.ranks)
        *outer, first, second = self.factors
        one, fixed, made = banded(found, self.down, first, ranks, (self.W, self.s, self.p, self.S, self.K), "F", True)
        two, more, held = banded(found, self.along, second, ranks, (self.B, self.t, self.c, self.T, self.L), "F2")
        passes = []
        for k, (factor, step) in enumerate(zip(outer, self.steps, strict=True)):
            letters, extents = (*self.rank, step.symbol), (*(e for _, e in ranks), step.stop)
            name, rooms, stages = gathered(found, letters, extents, factor, f"F{k + 3}")
            passes.append(Access(name, letters))
            fixed, made = (*fixed, *stages), (*made, *rooms)
        return Staged(
            name="separable",
            says="passes along each axis",
            arguments=arguments,
            result=result,
            sizes=self.form.sizes,
            sources=sources(self.form),
            knobs=(Knob(self.S, (8, 16, 32)), Knob(self.T, (16, 32, 64)), Knob(self.G)),
            lets=self._lets(),
            made=(*made, *held),
            fixed=(*fixed, *more),
            rooms=self._rooms(),
            body=self._body(passes, one, two),
            batch=BATCH,
            item=ITEM,
            chart=self._chart(),
            strict=False,  # an entry of Z may overflow, or underflow, where a product of all factors doesn't
        )

    def _lets(self) -> tuple[Let, ...]:
        """How many entries S and T results meet, and how many stretches a row has."""
        step = self.along.stride * self.T
        return (
            Let(self.K, _met(self.down, self.S)),
            Let(self.L, _met(self.along, self.T)),
            Let(self.M, floor((self.along.span + step - 1) / step)),
        )

    def _rooms(self) -> tuple[Room, ...]:
        """The rows of X that a tile meets; passes over them; the last but one, with a row more that stays zeros; the last."""
        rows, ranks = self.S * self.G, tuple(r.stop for r in self.ranks)
        met, steps = (_met(self.down, rows), self.along.extent), tuple(r.stop for r in self.steps)
        return (
            Room(self.E, (*steps, *met)),
            *(Room(name, (*ranks, *steps[k + 1 :], *met)) for k, name in enumerate(self.Y)),
            Room(self.Z, (*ranks, rows + 1, self.along.stride * self.T * self.M), True),
            Room(self.A, (*ranks, rows, self.M, self.T)),
        )

    def _body(self, passes: list[Access], one: Access, two: Access) -> tuple[Stage, ...]:
        down = self.down
        outer = (self._outer(k, left) for k, left in enumerate(passes))
        stages: tuple[Stage, ...] = (self._halo(), *outer, self._first(one), self._second(two), self._store())
        body: Stage = Tiles(self.low, self.high, down.place - down.low, down.places, self.S * self.G, stages)
        for m in reversed(self.outer):
            body = Loop(Range(m.place, ZERO, m.places), (body,))
        return (Loop(Range(ITEM, ZERO, BATCH), (body,)),)

    def _halo(self) -> Halo:
        taps = (m.reach * m.tap if m.tap is not None else ZERO for m in self.outer)
        outer = (expand(m.stride * m.place + tap + m.base) for m, tap in zip(self.outer, taps, strict=True))
        row = expand(self.down.stride * self.low + self.down.base + self.p)
        source = Access(self.form.input.name, (ITEM, *outer, row, self.x))
        target = Access(self.E, (*(r.symbol for r in self.steps), self.p, self.x))
        over = (*self.steps, *self._met_rows())
        return Halo(target, over, source, says=f"{entry(target)} = {entry(source)}, 0 outside")

    def _met_rows(self) -> tuple[Range, Range]:
        *_, height, width = self._rooms()[0].shape
        return Range(self.p, ZERO, height), Range(self.x, ZERO, width)

    def _outer(self, k: int, left: Access) -> MatMul:
        """The pass along an outer axis: its ranks are the rows of the first, and go one by one later."""
        step, *rest = self.steps[k:]
        rows, columns = self._met_rows()
        places = (*(r.symbol for r in rest), self.p, self.x)
        right = (
            Access(self.Y[k - 1], (*self.rank, step.symbol, *places)) if k else Access(self.E, (step.symbol, *places))
        )
        target = Access(self.Y[k], (*self.rank, *places))
        says = f"{entry(target)} = Σ_{step.symbol} {entry(left)}·{entry(right)}"
        batch = (*rest, rows, *(self.ranks if k else ()))
        return MatMul(target, left, right, batch, () if k else self.ranks, (step,), (columns,), says)

    def _first(self, left: Access) -> MatMul:
        place = self.down.stride * self.S * self.g + self.p
        column = expand(self.y + self.along.base)
        right = Access(self.Y[-1], (*self.rank, place, column)) if self.Y else Access(self.E, (place, column))
        target = Access(self.Z, (*self.rank, self.S * self.g + self.s, self.y))
        batch = (Range(self.g, ZERO, self.G), *self.ranks)
        rows, inner = Range(self.s, ZERO, self.S), Range(self.p, ZERO, self.K)
        says = f"{entry(target)} = Σ_{self.p} {entry(left)}·{entry(right)}"
        return MatMul(target, left, right, batch, (rows,), (inner,), (Range(self.y, *self._columns()),), says)

    def _columns(self) -> tuple[Expr, Expr]:
        """The positions in a row of Z that stand for a column of X."""
        along = self.along
        start = expand(self._larger(ZERO, along.base) - along.base)
        stop = expand(-self._larger(-along.extent, expand(-along.base - along.span)) - along.base)
        return start, self._larger(start, stop)

    def _larger(self, one: Expr, two: Expr) -> Expr:
        """The larger of two, for all sizes where one of them always is."""
        for left, right in ((one, two), (two, one)):
            if decide(Goal((self.form.given,), built(Ge, left, right)).smt) is Status.PROVED:
                return left
        return built(Max, one, two)

    def _second(self, right: Access) -> MatMul:
        left = Access(self.Z, (*self.rank, self.q, self.along.stride * self.T * self.h + self.c))
        target = Access(self.A, (*self.rank, self.q, self.h, self.t))
        rows = (Range(self.q, ZERO, self.S * self.G), Range(self.h, ZERO, self.M))
        inner, columns = Range(self.c, ZERO, self.L), Range(self.t, ZERO, self.T)
        says = f"{entry(target)} = Σ_{self.c} {entry(left)}·{entry(right)}"
        return MatMul(target, left, right, self.ranks, rows, (inner,), (columns,), says, carried=True)

    def _store(self) -> Store:
        row, column = expand(self.low + self.q), self.T * self.h + self.t
        target = Access(self.form.output.name, (ITEM, *(m.place for m in self.outer), row, column))
        source, bias = Access(self.A, (*self.rank, self.q, self.h, self.t)), self.found.bias
        over = (
            *(*self.ranks, Range(self.q, ZERO, self.S * self.G)),
            *(Range(self.h, ZERO, self.M), Range(self.t, ZERO, self.T)),
        )
        summed = "".join(f"Σ_{r} " for r in self.rank)
        says = f"{entry(target)} = {entry(bias) + ' + ' if bias else ''}{summed}{entry(source)}"
        return Store(target, over, source, bias, And(row < self.high, column < self.along.places), says)

    def _chart(self) -> Chart:
        """The place (i, j) is (low + q, T·h + t), and q is S·g + s."""
        found, down, along = self.found, self.down, self.along
        up = found.up()
        i, j = up[down.place] - self.low, up[along.place]
        own: dict[Symbol, Expr] = {self.q: i, self.g: floor(i / self.S), self.s: i - self.S * floor(i / self.S)}
        own |= {self.h: floor(j / self.T), self.t: j - self.T * floor(j / self.T)}
        own[self.p] = down.stride * own[self.s] + down.reach * up.get(down.tap, ZERO)
        own[self.c] = along.stride * own[self.t] + along.reach * up.get(along.tap, ZERO)
        places = {down.place: self.low + self.q, along.place: self.T * self.h + self.t}
        lower = {s: e.xreplace(places) for s, e in found.down().items()}
        kept = {s: e for s, e in up.items() if s not in places}
        return Chart((*lower.items(), (ITEM, ITEM)), (*kept.items(), *own.items(), (ITEM, ITEM)))


def _met(moving: Moving, results: Expr) -> Expr:
    """How many positions so many results meet."""
    return expand(moving.stride * (results - 1) + moving.reach * (moving.taps - 1) + 1)
