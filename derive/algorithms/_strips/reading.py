"""How a form reads its input, block by block: which letters move rows, which move along them, and where no test is needed.

σ·i + δ·a + ..   along the last axis but one: rows       σ·j + δ·b + ..   along the last one: places of a row
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sympy import And, Expr, Ge, Integer, Le, Mod, S, Sum, Symbol, expand, true

from derive.errors import NoLowering
from derive.forms.form import Axis, Form
from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.ir.blocks import Tile
from derive.remembered import both, built, replaced

__all__ = ["Along", "Reading", "ends", "inside", "least", "reading"]

Box = Mapping[Symbol, tuple[Expr, Expr]]


@dataclass(frozen=True, slots=True)
class Along:
    """One axis of the input: place stride·start + base + moving, where `moving` has the tile's offset and the `taps`."""

    axis: int
    tile: Tile
    stride: int
    base: Expr
    moving: Expr
    taps: tuple[Symbol, ...]

    def start(self) -> Expr:
        """Where the block's own places begin."""
        return self.stride * self.tile.start + self.base


@dataclass(frozen=True, slots=True)
class Reading:
    """What a form reads. `places` are positions in the input where no edge is met; `outer` are letters that move neither way.

    `inside` says where a block needs no test, in starts of tiles; `mask` is a condition on taps.
    """

    form: Form
    places: tuple[Expr, ...]
    last: Along
    rows: Along | None
    outer: tuple[Axis, ...]
    constants: tuple[Symbol, ...]
    box: Box
    inside: Any
    mask: Any

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """Those of rows, if any, and of places."""
        return (*(() if self.rows is None else (self.rows.tile,)), self.last.tile)

    def in_block(self) -> dict[Symbol, Expr]:
        """Places of results as places of blocks."""
        return {t.letter: t.start + t.offset for t in self.tiles}


def least(expression: Expr, box: Box) -> Expr:
    """The smallest value of an affine expression over a box of letters."""
    found = expand(expression)
    for letter, (low, high) in box.items():
        found = expand(replaced(found, {letter: low if found.coeff(letter) > 0 else high}))
    return found


def ends(found: Reading) -> tuple[Expr, Expr]:
    """The first place that a block reads of a row and the one behind its last, from the first place of the block."""
    whole = found.last.base + found.last.moving
    return least(whole, found.box), expand(1 - least(-whole, found.box))


def inside(found: Reading, left: Symbol, right: Symbol) -> Any:
    """Where a block needs no test: whole accesses are inside too. What follows from the rest is left out."""
    low, high = ends(found)
    start = found.last.stride * found.last.tile.start
    extent = found.form.input.shape[found.last.axis]
    wide = both(built(Le, 0, start + left), built(Le, start + right, extent))
    form = found.form
    known = [form.given, built(Le, left, low), built(Ge, right, high)]
    known += [built(Ge, t.start, 0) for t in found.tiles] + [built(Ge, t.extent, 1) for t in found.tiles]
    known += [replaced(form.output.holds(), {t.letter: t.start for t in found.tiles})]
    try:
        return Polyhedron.of(wide, found.inside).simplify(Polyhedron.of(*known)).conditions
    except NotAffine:
        return both(wide, found.inside)


def reading(form: Form, tiles: tuple[Tile, ...]) -> Reading:
    """Raises NoLowering with what the form has that no window of rows has. `tiles` are of the last letters of the output."""
    if form.tables or isinstance(form.bias, Sum):
        raise NoLowering("it needs subscripts without tables and a bias that is no sum")
    taps = {a.symbol: (a.lower, a.upper) for a in form.reduction}
    constants = _constants(form)
    places = tuple(_plain(e, form) for e in form.input.storage(form.read))
    if not places:
        raise NoLowering(f"it needs places of {form.input.name}, and {form.input.name} is one number")
    *others, column = tiles
    last = _last(form, places, column, set(taps))
    rows = _rows(form, places, others[-1], last) if others else None
    mine = {*last.taps, *(rows.taps if rows else ())}
    used = tuple(t for t in tiles if t is column or rows)
    box: Box = {**{t.offset: (S.Zero, t.extent - 1) for t in used}, **taps}
    inside, mask = _conditions(form, places, used, box)
    outer = tuple(a for a in form.reduction if a.symbol not in mine)
    _check_weights(form, last, rows)
    return Reading(form, places, last, rows, outer, constants, box, inside, mask)


def _constants(form: Form) -> tuple[Symbol, ...]:
    """The sizes that say how many taps there are. Raises NoLowering where these are as many as the input has places."""
    found = {s for a in form.reduction for e in (a.lower, a.upper) for s in e.free_symbols}
    if any(e.free_symbols <= found for e in form.input.shape):
        raise NoLowering(f"it needs a window that is told apart from the size of {form.input.name}")
    return tuple(s for s in form.sizes if s in found)


def _plain(place: Expr, form: Form) -> Expr:
    """A subscript, or what it is where no edge is met: that this is so is proved later."""
    letters = {*form.output.symbols, *form.reduction_symbols}
    inner = sorted((m.args[0] for m in place.atoms(Mod)), key=str)
    for candidate in (place, *inner):
        value = expand(candidate)
        steps = {s: value.coeff(s) for s in letters & value.free_symbols}
        rest = expand(value - sum(s * step for s, step in steps.items()))
        if all(isinstance(step, Integer) for step in steps.values()) and not rest.free_symbols & letters:
            return value
    raise NoLowering(f"it needs places of {form.input.name} that move in whole steps; '{place}' does not")


def _last(form: Form, places: tuple[Expr, ...], tile: Tile, taps: set[Symbol]) -> Along:
    *others, last = places
    name = tile.letter
    if name not in last.free_symbols or any(name in e.free_symbols for e in others):
        raise NoLowering(f"it needs {name} to move along the last axis of {form.input.name}, and along no other")
    found = last.free_symbols & taps
    if found & {s for e in others for s in e.free_symbols}:
        raise NoLowering(f"it needs letters that move along the last axis of {form.input.name} to move along no other")
    made = _along(len(others), last, tile, found, form.reduction_symbols)
    if met := sorted(made.base.free_symbols & {*form.output.symbols, *taps}, key=str):
        raise NoLowering(f"it needs {met[0]} to stay off the last axis of {form.input.name}")
    return made


def _rows(form: Form, places: tuple[Expr, ...], tile: Tile, last: Along) -> Along | None:
    """The axis of rows: one along which the letter moves and a window does."""
    taps = set(form.reduction_symbols)
    axes = [n for n, e in enumerate(places) if tile.letter in e.free_symbols]
    if len(axes) != 1 or axes[0] == last.axis or not places[axes[0]].free_symbols & taps:
        return None
    elsewhere = {s for n, e in enumerate(places) if n != axes[0] for s in e.free_symbols}
    found = places[axes[0]].free_symbols & taps - elsewhere
    return _along(axes[0], places[axes[0]], tile, found, form.reduction_symbols) if found else None


def _along(axis: int, place: Expr, tile: Tile, found: set[Symbol], order: Iterable[Symbol]) -> Along:
    stride = place.coeff(tile.letter)
    if stride < 1:
        raise NoLowering(f"it needs {tile.letter} to move forwards; it moves by {stride}")
    taps = tuple(s for s in order if s in found)
    moving = stride * tile.offset + sum((place.coeff(s) * s for s in taps), S.Zero)
    base = expand(place - stride * tile.letter - sum(place.coeff(s) * s for s in taps))
    return Along(axis, tile, int(stride), base, expand(moving), taps)


def _conditions(form: Form, places: tuple[Expr, ...], tiles: tuple[Tile, ...], box: Box) -> tuple[Any, Any]:
    """Where all terms of a block are live and inside, and what is left to be asked of the taps."""
    at = {t.letter: t.start + t.offset for t in tiles}
    letters = {*form.output.symbols, *(t.start for t in tiles)}
    taps = Polyhedron.of(form.given, *(a.holds() for a in form.reduction))
    met: list[Any] = []
    mask: list[Any] = []
    read = (both(built(Le, 0, e), built(Le, e, extent - 1)) for e, extent in zip(places, form.input.shape, strict=True))
    for part in And.make_args(replaced(both(form.live, *read), at)):
        try:
            rows = Polyhedron.of(part)
        except NotAffine:
            if part.free_symbols & letters:
                raise NoLowering(f"it needs terms that inequalities tell; '{part}' is none") from None
            mask.append(part)
            continue
        whole = [built(Ge, least(e, box), 0) for e in rows.expressions if e.free_symbols & letters]
        met += whole
        if not whole and not taps.implies(rows):
            mask.append(part)
    return both(*met), both(*mask) if mask else true


def _check_weights(form: Form, last: Along, rows: Along | None) -> None:
    """Weights that differ from place to place are read as often as they are used, so that nothing is gained."""
    moved = {last.tile.letter} if last.taps else set()
    moved |= {rows.tile.letter} if rows else set()
    if met := sorted(form.weight.free_symbols & moved, key=str):
        raise NoLowering(f"it needs weights that are the same at each {met[0]}")
