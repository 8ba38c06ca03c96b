"""Separable windows in two passes: along each of two axes a matrix product with a band of weights, summed over ranks.

    H[i, j] = Σ_r Σ_a Σ_b P[r, a]·Q[r, b]·X[i + a, j + b]

    W[r, s, p] = P[r, p - s],  B[r, c, t] = Q[r, c - t]     once: bands of S and T results
    Z[r, S·g + s, y] = Σ_p W[r, s, p]·X[S·g + p, y]         matrix products on X in place
    A[r, q, h, t] = Σ_c Z[r, q, T·h + c]·B[r, c, t]         one product for all rows of a tile
    H[q, T·h + t] = Σ_r A[r, q, h, t]

That takes (S + k - 1) + (T + k - 1) multiplications a result and rank, instead of k². Edges of zeros are margins of Z, so X isn't
padded, and the last stretch of a row of Z goes on in the next row, where it meets zeros of B or gives what is dropped.
"""

from __future__ import annotations

from sympy import And, Expr, Ge, Integer, Max, Symbol, expand, floor, true

from derive.algorithms._bands import banded, entry, sources
from derive.algorithms._window import BATCH, ITEM, Moving, Window, factored, fresh, single
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.nodes import Access, Chart, Let, Loop, Range
from derive.ir.stages import Halo, Knob, MatMul, Room, Stage, Staged, Store, Tiles
from derive.proof.goal import Goal, Status
from derive.proof.solver import decide

__all__ = ["separable"]

ZERO = Integer(0)


def separable(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where the weight is no product of windows along two axes."""
    found = factored(form)
    single(found, batched)
    if [m for m in found.moving if m.tap is not None] != list(found.moving[-2:]) or len(found.moving) < 2:
        raise NoLowering("it needs a window along its last two axes")
    if len(found.factors) != 2 or found.mask != true:
        raise NoLowering("it needs a weight with one factor for each of two axes, whose taps are all live")
    return _Separable(found, *_by_axis(found)).program(batched)


def _by_axis(found: Window) -> tuple[int, int]:
    """Which factor is the window along each axis."""
    ranks = {a.symbol for a in found.ranks}
    met = [{s for e in f.subscripts for s in e.free_symbols} for f in found.factors]
    axes = [{m.tap} for m in found.moving[-2:]]
    letters = [s & ({t for a in axes for t in a} | ranks) - ranks for s in met]
    if letters not in (axes, axes[::-1]):
        raise NoLowering("it needs a weight with one factor for each of two axes, whose taps are all live")
    return (0, 1) if letters == axes else (1, 0)


class _Separable:
    """The letters and extents of one program. `first` and `second` are the factors along the two axes."""

    def __init__(self, found: Window, first: int, second: int) -> None:
        self.found, self.form, self.first, self.second = found, found.form, first, second
        *self.outer, self.down, self.along = found.moving
        names = "S T G g s p x y q h c t low high K L M W B E Z A"
        letters = dict(zip(names.split(), fresh(names, self.form), strict=True))
        self.S, self.T, self.G, self.M, self.K, self.L = (letters[c] for c in "STGMKL")
        self.g, self.s, self.p, self.x, self.y, self.q = (letters[c] for c in "gspxyq")
        self.h, self.c, self.t, self.low, self.high = (letters[c] for c in ("h", "c", "t", "low", "high"))
        self.W, self.B, self.E, self.Z, self.A = (letters[c].name for c in "WBEZA")
        self.ranks = tuple(Range(a.symbol, ZERO, a.extent) for a in found.ranks)
        self.rank = tuple(r.symbol for r in self.ranks)

    def program(self, batched: frozenset[str]) -> Staged:
        arguments, result = self.found.storage(batched)
        ranks = tuple((r.symbol, r.stop) for r in self.ranks)
        down, along = self.down, self.along
        one, fixed, made = banded(self.found, down, self.first, ranks, (self.W, self.s, self.p, self.S, self.K), "F", True)
        two, more, held = banded(self.found, along, self.second, ranks, (self.B, self.t, self.c, self.T, self.L), "F2")
        return Staged(
            name="separable",
            says="two passes",
            arguments=arguments,
            result=result,
            sizes=self.form.sizes,
            sources=sources(self.form),
            knobs=(Knob(self.S, (8, 16, 32)), Knob(self.T, (16, 32, 64)), Knob(self.G)),
            lets=self._lets(),
            made=(*made, *held),
            fixed=(*fixed, *more),
            rooms=self._rooms(),
            body=self._body(one, two),
            batch=BATCH,
            item=ITEM,
            chart=self._chart(),
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
        """The rows of X that a tile meets; the first pass, with a row more that stays zeros; the second."""
        rows, ranks = self.S * self.G, tuple(r.stop for r in self.ranks)
        return (
            Room(self.E, (_met(self.down, rows), self.along.extent)),
            Room(self.Z, (*ranks, rows + 1, self.along.stride * self.T * self.M), True),
            Room(self.A, (*ranks, rows, self.M, self.T)),
        )

    def _body(self, one: Access, two: Access) -> tuple[Stage, ...]:
        down = self.down
        stages = (self._halo(), self._first(one), self._second(two), self._store())
        body: Stage = Tiles(self.low, self.high, down.place - down.low, down.places, self.S * self.G, stages)
        for m in reversed(self.outer):
            body = Loop(Range(m.place, ZERO, m.places), (body,))
        return (Loop(Range(ITEM, ZERO, BATCH), (body,)),)

    def _halo(self) -> Halo:
        outer = (expand(m.stride * m.place + m.base) for m in self.outer)
        row = expand(self.down.stride * self.low + self.down.base + self.p)
        source = Access(self.form.input.name, (ITEM, *outer, row, self.x))
        target = Access(self.E, (self.p, self.x))
        height, width = self._rooms()[0].shape
        over = (Range(self.p, ZERO, height), Range(self.x, ZERO, width))
        return Halo(target, over, source, says=f"{entry(target)} = {entry(source)}, 0 outside")

    def _first(self, left: Access) -> MatMul:
        place = self.down.stride * self.S * self.g + self.p
        right = Access(self.E, (place, expand(self.y + self.along.base)))
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
            if decide(Goal((self.form.given,), Ge(left, right)).smt) is Status.PROVED:
                return left
        return Max(one, two)

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
