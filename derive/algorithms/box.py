"""Box windows: where all weights are the same, sums of two, four and so on inputs along each axis, each from two of those before.

    H[i, j] = u + w·Σ_a Σ_b X[i + a, j + b]

    P[e, y, x] = X[first + e, low + y, x]           a tile of items and rows, 0 outside
    Q[e, y, x] = P[e, y, x]·w                       the only products
    B[e, y, x] = Σ_a Q[e, y + a, x]                 flat additions, log2 k of them up to 2·log2 k for k taps
    C[e, y, x] = Σ_b B[e, y, x + b]
    H[first + e, low + p, j] = u + C[e, p, j]

They are differences of running sums as well; but those lose the digits of small results behind large ones, and take one addition
after another. Here nothing is subtracted, so that the error bound is that of direct sums, and an infinity stays within its window.
Channels that don't mix have one weight each.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import Expr, Integer, Symbol, expand

from derive.algorithms._entries import entry
from derive.algorithms._supposed import made_of
from derive.algorithms._tile import Tile
from derive.algorithms._window import Moving, Window, fresh, window
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.forms.text import show
from derive.ir.nodes import Access, Copy, Range
from derive.ir.stages import Product, Room, ShiftedSum, Stage, Staged, Store
from derive.ir.supposed import Supposed

__all__ = ["box"]

ZERO = Integer(0)
_AXES = 4


def box(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where channels mix, or where given weights are not all the same."""
    given = [p for p in form.weights if p.values is not None]
    found = window(_free(form) if given else form)
    if not found.plain:
        raise NoLowering("it needs one array of weights, which no numbers are multiplied with")
    if found.contracted or found.filters or not 1 <= len(found.taps) <= _AXES:
        raise NoLowering("it needs a window along one axis to four, and channels that don't mix")
    if form.read[len(form.read) - len(found.shared) :] != tuple(a.symbol for a in found.shared):
        raise NoLowering(f"it needs {form.input.name} to end with the letters that weights and result share")
    if not {form.input.name, form.output.name} <= batched:
        raise NoLowering("it needs an input and an output for each item")
    supposed = _known(form, found) if given else _supposed(found)
    program = _Box(window(supposed.form)).program(batched)
    return replace(program, supposed=supposed, sizes=form.sizes)


def _free(form: Form) -> Form:
    """The form with its numbers as parameters."""
    return replace(form, weights=tuple(replace(p, values=None, data=False) for p in form.weights))


def _known(form: Form, found: Window) -> Supposed:
    """Numbers that a layer brings along and that are all the same: the first of them is read."""
    (param,) = form.weights
    values = param.values or ()
    if (other := next((v for v in values if v != values[0]), None)) is not None:
        raise NoLowering(
            f"it needs weights that are all the same; {param.name} holds {show(values[0])} and {show(other)}"
        )
    first = param.array.entry(axis.lower for axis in param.array.axes)
    letters = tuple(m.tap for m in found.taps if m.tap is not None)
    read = Access(param.name, tuple(ZERO for _ in param.array.axes))
    says = f"the numbers of {param.name} are all the same"
    return Supposed(says, replace(_free(form), weight=first), Access(param.name, letters), (read,), ())


def _supposed(found: Window) -> Supposed:
    """One weight for all taps, or one for each channel."""
    (name,) = (s.name for s in fresh("w", found.form))
    axes = tuple((a.symbol, a.extent, a.symbol) for a in found.shared)
    taps = ", ".join(str(m.tap) for m in found.taps)
    says = f"its window is the same at all {taps}"
    return made_of(found, ((name, axes),), says, "level", (len(found.taps),))


class _Box(Tile):
    """The letters and extents of one program."""

    def __init__(self, found: Window) -> None:
        super().__init__(found)
        letters = " ".join(("B", "C", "D", "E")[: len(found.taps)])
        self.Q, self.T, *self.sums = (s.name for s in fresh(f"Q T {letters}", self.form))
        order = {m.place: k for k, m in enumerate(self.moving)}
        self.taps = sorted(found.taps, key=lambda m: order[m.place])

    def program(self, batched: frozenset[str]) -> Staged:
        halo = replace(self.halo(), copied=True)
        weights, made, fixed = self._weights()
        stages: list[Stage] = [halo, self._product(weights)]
        rooms = [Room(self.P, self.tile_shape()), Room(self.Q, self.tile_shape(), within=self.P)]
        summed: list[Moving] = []
        for name, moving in zip(self.sums, self.taps, strict=True):
            stages.append(self._sum(name, moving, summed))
            within = self.P if len(summed) == 1 else ""
            rooms.append(Room(name, self.tile_shape(), within=within))
            summed.append(moving)
        return self.staged("box", "sums of equal weights", batched, made, fixed, tuple(rooms), (*stages, self._store()))

    def _at(self, place: Symbol) -> int:
        """The axis of the input that a letter of the result moves along."""
        return next(k for k, e in enumerate(self.form.read) if place in e.free_symbols)

    def _weights(self) -> tuple[Access, tuple[Room, ...], tuple[Stage, ...]]:
        """The weights at an entry of a tile; those of channels are repeated along a row of places, which is one run of memory."""
        weight, shared = self.found.weight, {a.symbol: self.q[self._at(a.symbol)] for a in self.found.shared}
        if not shared:
            return weight, (), ()
        first = min(map(self._at, shared)) - 1
        letters, shape = self.q[first:], self.tile_shape()[first + 1 :]
        target = Access(self.T, tuple(letters))
        source = Access(weight.array, tuple(e.xreplace(shared) for e in weight.subscripts))
        over = tuple(Range(q, ZERO, n) for q, n in zip(letters, shape, strict=True))
        copy = Copy(target, over, source, f"{entry(target)} = {entry(source)}")
        return target, (Room(self.T, shape),), (copy,)

    def _product(self, weights: Access) -> Product:
        target, left = (Access(name, (self.e, *self.q)) for name in (self.Q, self.P))
        says = f"{entry(target)} = {entry(left)}·{entry(weights)}"
        return Product(target, left, weights, self._whole(), says)

    def _whole(self) -> tuple[Range, ...]:
        """All of a tile."""
        first, *others = self.tile_shape()
        return (Range(self.e, ZERO, first), *(Range(q, ZERO, n) for q, n in zip(self.q, others, strict=True)))

    def _sum(self, name: str, moving: Moving, before: list[Moving]) -> ShiftedSum:
        """The sum along one axis, at the places where those along the axes `before` are known."""
        source = self.sums[len(before) - 1] if before else self.Q
        assert moving.tap is not None
        axis = self._at(moving.place)
        shorter: dict[int, Expr] = {self._at(m.place): m.reach * (m.taps - 1) for m in (*before, moving)}
        first, *ranges = self._whole()
        kept = tuple(replace(r, stop=expand(r.stop - shorter.get(k, ZERO))) for k, r in enumerate(ranges))
        places = tuple(q + moving.reach * moving.tap if k == axis else q for k, q in enumerate(self.q))
        target, read = Access(name, (self.e, *self.q)), Access(source, (self.e, *places))
        over = (Range(moving.tap, ZERO, moving.taps), first, *kept)
        return ShiftedSum(target, over, read, f"{entry(target)} = Σ_{moving.tap} {entry(read)}", doubled=True)

    def _store(self) -> Store:
        store = self.store()
        places: list[Expr] = []
        for subscript in self.form.read:
            m = next((m for m in self.moving if m.place in subscript.free_symbols), None)
            places.append(m.stride * (self.p if m is self.down else m.place) if m else subscript)
        source = Access(self.sums[-1], (self.e, *places))
        says = store.says.replace(entry(store.source), entry(source))
        return replace(store, source=source, says=says, held=False)
