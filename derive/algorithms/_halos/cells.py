"""The stages of a sum over cells: how cells are filled, and what a thread makes of them, inside and at the edges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sympy import And, Expr, Le, S, Symbol, expand, true

from derive.algorithms._entries import entry
from derive.algorithms._halos.reading import Reading
from derive.algorithms._terms import ITEM
from derive.errors import NoLowering
from derive.forms.expr import Read
from derive.forms.form import Axis
from derive.ir.nodes import (
    Access,
    Barrier,
    Copy,
    Fill,
    Guard,
    Launch,
    Loop,
    MultiplyAdd,
    Node,
    Range,
    Scratch,
)
from derive.remembered import both, built, replaced

__all__ = ["Passes", "Stage", "asked", "entry", "moved", "results"]


def results(found: Reading, body: tuple[Node, ...], says: str = "") -> Loop:
    """The body for each result of a thread."""
    return Loop(Range(found.names.register, S.Zero, found.names.results), body, says, True)


def moved(access: Access, at: dict[Symbol, Any]) -> Access:
    """An access at other letters."""
    return Access(access.array, tuple(expand(replaced(e, at)) for e in access.subscripts))


def asked(condition: Any, *body: Node) -> tuple[Node, ...]:
    """The body where a condition holds."""
    return body if condition == True else (Guard(condition, body),)  # noqa: E712


def loops(axes: Iterable[Axis], body: tuple[Node, ...], unrolled: bool = False) -> tuple[Node, ...]:
    for axis in reversed(tuple(axes)):
        body = (Loop(Range(axis.symbol, axis.lower, axis.upper + 1), body, "", unrolled),)
    return body


class Stage:
    """The sum over cells of the input."""

    def __init__(self, found: Reading) -> None:
        self.found = found
        strip, form = found.strip, found.form
        self.along = [a for a in form.reduction if a.symbol in strip.last.taps]
        self.rows = [a for a in form.reduction if strip.rows is not None and a.symbol in strip.rows.taps]
        self.inner = (*found.free, *self.along, *self.rows)
        self.factors = dict(zip(found.factors, found.product.factors, strict=True))

    @property
    def unrolled(self) -> list[Axis]:
        """The letters whose loops are written out."""
        return self.rows

    def shared(self) -> tuple[Scratch, ...]:
        """The shared arrays."""
        names, (_, height) = self.found.names, self.found.height
        width = names.right - names.left
        box = (height, width) if self.found.strip.rows else (width,)
        weights = (
            Scratch(v.name, tuple(extent for _, extent in self.letters(f).values())) for v, f in self.factors.items()
        )
        return (Scratch(names.inputs.name, box), *weights)

    def letters(self, factor: Read) -> dict[Symbol, tuple[Expr, Expr]]:
        """The letters that tell an entry of weights apart in a tile: the first value, and how many there are."""
        met, inner = factor.free_symbols, {a.symbol for a in self.inner}
        found = {a.symbol: (a.lower, a.extent) for a in self.found.form.reduction if a.symbol in met & inner}
        last = self.found.strip.last.tile.letter
        return found | ({last: (S.Zero, self.found.splits[-1].extent)} if last in met else {})

    def sum(self, tested: bool) -> tuple[Node, ...]:
        """Cells are filled, and used."""
        return (*self.fills(tested), Barrier(), *self.uses(tested), *self.behind())

    def behind(self) -> tuple[Node, ...]:
        """What comes between the last read of cells and their being filled again, if they are."""
        return (Barrier(),) if self.found.outer else ()

    def fills(self, tested: bool) -> tuple[Node, ...]:
        """The cells of the input, and of weights."""
        return (self.inputs(tested), *(self.weights(v, f, tested) for v, f in self.factors.items()))

    def inputs(self, tested: bool) -> Launch:
        """Inside, so many neighbours at once; at the edges, where there is an entry."""
        found, names = self.found, self.found.names
        form, (_, height) = found.form, found.height
        place = names.place if tested else names.place + names.lane
        cells = (names.row, place) if found.strip.rows else (place,)
        source = Access(form.input.name, (ITEM, *(replaced(e, {names.place: place}) for e in found.source(tested))))
        target = Access(names.inputs.name, cells)
        over = () if tested else (Range(names.lane, S.Zero, names.width),)
        says = f"{entry(target)} = {entry(form.input.entry(source.subscripts[1:]))}"
        stop, step = expand(names.right - names.left), S.One if tested else names.width
        rows = (Range(names.row, S.Zero, height),) if found.strip.rows else ()
        spans = (*rows, Range(names.place, S.Zero, stop, step))
        there = both(*(self.there(axis) for axis in range(len(form.input.axes)))) if tested else true
        return Launch(spans, asked(there, Copy(target, over, source)), says)

    def there(self, axis: int) -> Any:
        """Whether the input has an entry for a cell, along one axis."""
        place = self.found.source(True)[axis]
        return self.found.simplified(both(built(Le, 0, place), built(Le, place, self.found.form.input.shape[axis] - 1)))

    def weights(self, name: Symbol, factor: Read, tested: bool) -> Launch:
        """The cells of one array of weights."""
        found = self.found
        box = next(p.array for p in found.form.params if p.name == factor.array)
        letters, last = self.letters(factor), found.strip.last.tile
        at = {s: low + s for s, (low, _) in letters.items() if s != last.letter}
        at |= {last.letter: last.start + last.letter} if last.letter in letters else {}
        target = Access(name.name, tuple(letters))
        source = Access(box.name, tuple(expand(replaced(e, at)) for e in box.storage(factor.subscripts)))
        taps, known = set(found.form.reduction_symbols), {*letters, *(a.symbol for a in found.outer)}
        parts = [p for p in And.make_args(found.strip.mask) if p.free_symbols & taps <= known]
        if tested and last.letter in letters:
            parts.append(next(a.holds() for a in found.form.output.axes if a.symbol == last.letter))
        says = f"{entry(target)} = {entry(factor.xreplace(at))}"
        spans = tuple(Range(s, S.Zero, extent) for s, (_, extent) in letters.items())
        return Launch(spans, asked(replaced(both(*parts), at), Copy(target, (), source)), says)

    def read(self, name: Symbol) -> Access:
        """The cell of weights that a term reads."""
        last = self.found.strip.last.tile.letter
        letters = self.letters(self.factors[name])
        return Access(
            name.name, tuple(self.found.splits[-1].offset if s == last else s - low for s, (low, _) in letters.items())
        )

    def cell(self) -> Access:
        """The cell of the input that a term reads."""
        found = self.found
        return Access(found.names.inputs.name, (found.row, found.place) if found.strip.rows else (found.place,))

    def uses(self, tested: bool) -> tuple[Node, ...]:
        """The products of a thread, for each of its results."""
        found = self.found
        target = Access(found.names.sums.name, (found.names.register,))
        times = replaced(found.product.times, found.down)
        node: Node = MultiplyAdd(target, (), (*map(self.read, self.factors), self.cell()), "", times)
        body = self.products(node, found.form.live if tested else true, tested)
        text = "·".join([*map(entry, found.product.factors), entry(found.form.input.entry(found.form.read))])
        return said(loops((*found.free, *self.along), loops(self.rows, body, not tested)), f"{entry(target)} += {text}")

    def products(self, node: Node, live: Any, tested: bool) -> tuple[Node, ...]:
        """A product for each result of a thread, where it is a term."""
        found = self.found
        if tested:
            return (results(found, asked(found.simplified(live), node)),)
        return asked(found.strip.mask, results(found, (node,)))


class Passes(Stage):
    """The sum over cells of a first pass, along rows, that are sums over cells of the input themselves."""

    def __init__(self, found: Reading) -> None:
        super().__init__(found)
        if not self.rows or not self.along:
            raise NoLowering("it needs a window along two axes, for a pass along each")
        self.across = {a.symbol for a in self.rows} | {found.splits[0].letter}
        self.beside = {a.symbol for a in self.along} | {found.splits[-1].letter}
        parts = [
            found.product.times,
            *found.product.factors,
            *And.make_args(found.form.live),
            *And.make_args(found.strip.mask),
        ]
        if mixed := [p for p in parts if p.free_symbols & self.across and p.free_symbols & self.beside]:
            raise NoLowering(f"it needs products of windows along one axis each; '{mixed[0]}' is of both")

    @property
    def unrolled(self) -> list[Axis]:
        return self.rows

    def first(self, part: Any) -> bool:
        """Whether a part of a term belongs to the first pass."""
        return bool(part.free_symbols & self.beside)

    def shared(self) -> tuple[Scratch, ...]:
        box = (*(a.extent for a in self.found.free), self.found.height[1], self.found.splits[-1].extent)
        return (*super().shared(), Scratch(self.found.names.kept.name, box))

    def sum(self, tested: bool) -> tuple[Node, ...]:
        return (*self.fills(tested), Barrier(), self.kept(tested), Barrier(), *self.uses(tested), *self.behind())

    def kept(self, tested: bool) -> Launch:
        """The first pass: for each row that is there, a sum along it."""
        found, names = self.found, self.found.names
        at = {names.along: names.place} | {a.symbol: a.lower + a.symbol for a in found.free}
        factors = [self.read(v) for v, f in self.factors.items() if self.first(f)]
        factors = [moved(cell, at) for cell in factors]
        cell = Access(self.cell().array, (names.row, expand(replaced(found.place, at))))
        times = found.product.times if self.first(found.product.times) else S.One
        register = Access(names.sum.name, ())
        node = MultiplyAdd(register, (), (*factors, cell), "", replaced(replaced(times, found.down), at))
        live = found.form.live if tested else found.strip.mask
        asks = replaced(found.simplified(both(*filter(self.first, And.make_args(live)))), at)
        sums = loops(self.along, asked(asks, node), not tested)
        letters = (*(a.symbol for a in found.free), names.row, names.place)
        target = Access(names.kept.name, letters)
        spans = (*(Range(a.symbol, S.Zero, a.extent) for a in found.free), Range(names.row, S.Zero, found.height[1]))
        spans = (*spans, Range(names.place, S.Zero, names.lanes))
        body = (Scratch(register.array, ()), Fill(register, ()), *sums, Copy(target, (), register))
        last = found.strip.last.axis
        there = (
            both(*(self.there(axis) for axis in range(len(found.form.input.axes)) if axis != last)) if tested else true
        )
        text = "·".join([*(entry(f) for f in factors), entry(cell)])
        says = f"{entry(target)} = {''.join(f'Σ_{a.symbol} ' for a in self.along)}{text}"
        return Launch(spans, asked(there, *body), says)

    def uses(self, tested: bool) -> tuple[Node, ...]:
        found, names = self.found, self.found.names
        target = Access(names.sums.name, (names.register,))
        factors = [self.read(v) for v, f in self.factors.items() if not self.first(f)]
        letters = (*(a.symbol - a.lower for a in found.free), found.row, names.along)
        times = S.One if self.first(found.product.times) else found.product.times
        cell = Access(names.kept.name, letters)
        node = MultiplyAdd(target, (), (*factors, cell), "", replaced(times, found.down))
        live = found.form.live if tested else found.strip.mask
        taps = {a.symbol for a in self.along}
        left = both(*(p for p in And.make_args(live) if not p.free_symbols & taps))
        body = (
            (results(found, asked(found.simplified(left), node)),) if tested else asked(left, results(found, (node,)))
        )
        text = "·".join([*(entry(f) for f in factors), entry(cell)])
        return said(loops(found.free, loops(self.rows, body, not tested)), f"{entry(target)} += {text}")


def said(nodes: tuple[Node, ...], says: str) -> tuple[Node, ...]:
    """The nodes with a sentence above the first."""
    first, *rest = nodes
    return (replace(first, says=says), *rest) if isinstance(first, (Loop, MultiplyAdd)) else nodes
