"""What a tile of results reads, as cells: rows with places, of which each stands for one place of the input.

σ·i + δ·a + ..   along the axis of rows: a row of cells       σ·j + δ·b + ..   along the last one: a place of a row
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sympy import And, Expr, Le, S, Symbol, expand

from derive.algorithms._strips import reading as rows
from derive.algorithms._strips.making import fresh, tiles_of
from derive.algorithms._strips.reading import Along, ends, inside, least
from derive.algorithms._terms import BATCH, ITEM, product_in
from derive.errors import NoLowering
from derive.forms.form import Axis, Form
from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.forms.products import Product
from derive.ir.tiles import Split
from derive.remembered import both, built, replaced

__all__ = ["Names", "Reading", "reading"]


@dataclass(frozen=True, slots=True)
class Names:
    """Letters that the form doesn't have.

    A thread's result, threads along both letters, and how many there are of each; how many neighbours one access takes, and one of
    them; a row of cells, a place of it, where rows begin and end; results, cells of the input and of a first pass, and its sum.
    """

    register: Symbol
    down: Symbol
    along: Symbol
    results: Symbol
    downs: Symbol
    lanes: Symbol
    width: Symbol
    lane: Symbol
    row: Symbol
    place: Symbol
    left: Symbol
    right: Symbol
    sums: Symbol
    inputs: Symbol
    kept: Symbol
    sum: Symbol

    @property
    def knobs(self) -> tuple[Symbol, Symbol, Symbol, Symbol]:
        """Those that are numbers when text is compiled."""
        return (self.results, self.downs, self.lanes, self.width)


_NAMES = ("r", "p", "q", "R", "P", "Q", "W", "e", "y", "t", "left", "right", "acc", "x", "Z", "sum")


@dataclass(frozen=True, slots=True)
class Reading:
    """How a form is divided. `strip` says what it reads, `splits` are of the letters that tiles are of.

    `outer` are letters of the sum for each of which cells are filled anew, `free` those that move along no axis of the input.
    `inside` says where a tile needs no test, in starts of tiles, and `factors` are shared arrays of weights.
    """

    form: Form
    product: Product
    names: Names
    strip: rows.Reading
    splits: tuple[Split, ...]
    factors: tuple[Symbol, ...]
    outer: tuple[Axis, ...]
    free: tuple[Axis, ...]
    inside: Any

    @property
    def down(self) -> dict[Symbol, Expr]:
        """The split letters in tiles."""
        return {split.letter: split.place for split in self.splits}

    @property
    def tiles(self) -> dict[Symbol, Expr]:
        """The extents and offsets of strips' tiles, in knobs and digits."""
        pairs = list(zip(self.strip.tiles, self.splits, strict=True))
        return {t.extent: s.extent for t, s in pairs} | {t.offset: s.offset for t, s in pairs}

    @property
    def height(self) -> tuple[Expr, Expr]:
        """The first row that a tile reads, from its own first place, and how many there are."""
        along = self.strip.rows
        if along is None:
            return S.Zero, S.One
        low, high = least(along.moving, self.strip.box), -least(-along.moving, self.strip.box)
        return low, expand(replaced(high - low + 1, self.tiles))

    @property
    def ends(self) -> tuple[Expr, Expr]:
        """The first place that a tile reads of a row and the one behind its last, from the first place of the tile."""
        low, high = ends(self.strip)
        return expand(replaced(low, self.tiles)), expand(replaced(high, self.tiles))

    @property
    def row(self) -> Expr:
        """The row of cells that a term reads."""
        along = self.strip.rows
        return S.Zero if along is None else expand(replaced(along.moving, self.tiles) - self.height[0])

    @property
    def place(self) -> Expr:
        """The place of a row that a term reads."""
        last = self.strip.last
        return expand(replaced(last.base + last.moving, self.tiles) - self.names.left)

    def source(self, tested: bool) -> tuple[Expr, ...]:
        """Where the entry of a cell stands in the input: its plain place, or where an edge takes it."""
        last, along, names = self.strip.last, self.strip.rows, self.names
        plain = list(self.strip.places)
        stored = self.form.input.storage(self.form.read) if tested else plain
        found = [replaced(e, self.down) for e in stored]
        here = {last.axis: last.stride * last.tile.start + names.left + names.place}
        if along is not None:
            here[along.axis] = along.start() + self.height[0] + names.row
        for axis, place in here.items():
            found[axis] = _at(stored[axis], plain[axis], expand(place), self._letters(axis))
        return tuple(map(expand, found))

    def _letters(self, axis: int) -> list[Symbol]:
        """Those that move along an axis of cells."""
        along: Along = self.strip.last if axis == self.strip.last.axis else self.strip.rows  # type: ignore[assignment]
        return [along.tile.letter, *along.taps]

    def simplified(self, condition: Any) -> Any:
        """A condition on what a tile has, in tiles, without what is known of the letters."""
        form, tiles = self.form, self.strip.tiles
        at = {t.letter: t.start + t.offset for t in tiles}
        known = [form.given, *(a.holds() for a in (*form.reduction, *form.output.axes)), built(Le, 1, BATCH)]
        known = [k for k in (*known, built(Le, 0, ITEM), built(Le, ITEM, BATCH - 1)) if not k.free_symbols & set(at)]
        for tile in tiles:
            whole = next(a for a in form.output.axes if a.symbol == tile.letter)
            known += [built(Le, 0, tile.start), built(Le, 0, tile.offset), whole.holds(tile.start)]
        parts = And.make_args(replaced(condition, at))
        affine = [p for p in parts if _affine(p)]
        rest = [p for p in parts if not _affine(p)]
        found = Polyhedron.of(*affine).simplify(Polyhedron.of(*filter(_affine, known))).conditions
        return replaced(both(found, *rest), self.tiles)


def _affine(part: Any) -> bool:
    try:
        Polyhedron.of(part)
    except NotAffine:
        return False
    return True


def _at(stored: Expr, plain: Expr, place: Expr, letters: Iterable[Symbol]) -> Expr:
    """A subscript that depends on a plain place alone, where that is so."""
    if expand(stored - plain) == 0:
        return place
    letter = next((s for s in letters if abs(plain.coeff(s)) == 1), None)
    if letter is not None:
        found: Expr = replaced(stored, {letter: expand(letter + plain.coeff(letter) * (place - plain))})
        if not found.free_symbols & set(letters):
            return found
    raise NoLowering(f"it needs one place for each cell; '{stored}' is of several letters")


def reading(form: Form) -> Reading:
    """Raises NoLowering with what the form has that no tile with a halo has."""
    taken = {s.name for s in (*form.sizes, *form.output.symbols, *form.reduction_symbols, ITEM, BATCH)}
    taken |= {a.name for a in (form.input, form.output, *(p.array for p in form.params))}
    names = Names(*(fresh(n, taken) for n in _NAMES))
    strip = rows.reading(form, tiles_of(form, taken))
    if not strip.last.taps and strip.rows is None:
        raise NoLowering(f"it needs a window, so that results share entries of {form.input.name}")
    product = product_in(form, form.weight)
    starts = {t.letter: t.start for t in strip.tiles}
    splits = _splits(list(starts), starts, names)
    mine = {*strip.last.taps, *(strip.rows.taps if strip.rows else ())}
    moved = {s for e in form.read for s in e.free_symbols}
    left = [a for a in form.reduction if a.symbol not in mine]
    extents = {t.extent: s.extent for t, s in zip(strip.tiles, splits, strict=True)}
    return Reading(
        *(form, product, names, strip, splits, tuple(fresh("v", taken) for _ in product.factors)),
        outer=tuple(a for a in left if a.symbol in moved),
        free=tuple(a for a in left if a.symbol not in moved),
        inside=replaced(inside(strip, names.left, names.right), extents),
    )


def _splits(letters: list[Symbol], starts: Mapping[Symbol, Symbol], names: Names) -> tuple[Split, ...]:
    """Results along the letter of rows, or along the last one too where there is no other: neighbours are for a warp."""
    results, downs = (names.register, names.results), (names.down, names.downs)
    lanes = (names.along, names.lanes)
    if len(letters) == 1:
        return (Split(letters[0], starts[letters[0]], (lanes, results, downs)),)
    one, two = letters
    return (Split(one, starts[one], (results, downs)), Split(two, starts[two], (lanes,)))
