"""One thread a block of results: rows of the input pass through registers, each read once for all results that it meets.

    for each o:  H[o] = u + Σ_r V[r]·X[ι(o, r)]
    ⟶
    for each block:  A[p, q] = u;  for each row y: (x = X[.., y, ..];  for p, q, r on it: A[p, q] += V[r]·x[..]);  H[block] = A

The steps, each a change of the program: results in blocks; rows in registers; no test where all terms of a block are inside, and
direct sums at the edges; `width` neighbours in one access; indices of 32 bits where they are proved to fit. What a block is at its
edges is the direct program itself, so that there all is as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sympy import And, Eq, Expr, Integer, Min, Mod, Symbol, expand, floor, true

from derive.algorithms._entries import entry
from derive.algorithms._start import filled
from derive.algorithms._strips.reading import Along, Reading, ends, inside, least, reading
from derive.algorithms._terms import BATCH, ITEM, product_in
from derive.algorithms.direct import direct
from derive.errors import NoLowering
from derive.forms.expr import index
from derive.forms.form import Form
from derive.ir.blocks import Blocked, Tile
from derive.ir.nodes import Access, Chart, Copy, Guard, Launch, Let, Loop, MultiplyAdd, Node, Program, Range, Scratch
from derive.remembered import built, replaced

__all__ = ["fresh", "strips", "tiles_of"]


@dataclass(frozen=True, slots=True)
class _Names:
    """Letters that the form doesn't have: a row, a place of it, one of its neighbours, its ends; registers; how many neighbours."""

    row: Symbol
    place: Symbol
    lane: Symbol
    left: Symbol
    right: Symbol
    results: Symbol
    values: Symbol
    width: Symbol


def strips(form: Form, batched: frozenset[str], name: str = "strips") -> Blocked:
    """The program in blocks. Raises NoLowering for a form that has none, with the reason."""
    if form.output.name not in batched or {p.name for p in form.params} & batched:
        raise NoLowering("it needs weights that are shared by all items")
    if form.weight == 0 or form.domain == False:  # noqa: E712
        raise NoLowering("it needs a term, and there is none")
    plain = direct(form, "threads", batched)
    taken = {s.name for s in (*form.sizes, *form.output.symbols, *form.reduction_symbols, ITEM, BATCH)}
    taken |= {a.name for a in (form.input, form.output, *(p.array for p in form.params))}
    tiles = tiles_of(form, taken)
    found = reading(form, tiles)
    names = _Names(*(fresh(n, taken) for n in ("y", "t", "e", "left", "right", "acc", "x", "W")))
    inner = _inner(found, names)
    program = replace(plain, name=name, says="strips of outputs a thread", body=(_launch(found, names, plain, inner),))
    sums = tuple(Range(a.symbol, a.lower, a.upper + 1) for a in form.reduction)
    return Blocked(program, found.tiles, names.width, found.constants, _chart(found, names), sums)


def fresh(name: str, taken: set[str]) -> Symbol:
    """A letter of that name, or of the next that is free."""
    while name in taken:
        name += "_"
    taken.add(name)
    return index(name)


def tiles_of(form: Form, taken: set[str]) -> tuple[Tile, ...]:
    """Tiles of the last letters of the output. Raises NoLowering where these don't count from 0."""
    axes = form.output.axes[-2:]
    if not axes or any(a.lower != 0 for a in axes):
        raise NoLowering("it needs results at places that count from 0")
    names = (("p", "R"), ("q", "S"))[-len(axes) :]
    return tuple(
        Tile(a.symbol, fresh(f"{a.symbol.name}0", taken), *(fresh(n, taken) for n in pair))
        for a, pair in zip(axes, names, strict=True)
    )


def _launch(found: Reading, names: _Names, plain: Program, inner: tuple[Node, ...]) -> Launch:
    """Threads for the blocks: those inside, and the direct program at the edges."""
    (launch,) = plain.body
    assert isinstance(launch, Launch)
    starts = {t.letter: t for t in found.tiles}
    threads = tuple(_blocks(r, starts[r.symbol]) if r.symbol in starts else r for r in launch.threads)
    stops = {r.symbol: r.stop for r in launch.threads}
    edge: tuple[Node, ...] = launch.body
    for t in reversed(found.tiles):
        edge = (Loop(Range(t.letter, t.start, built(Min, t.start + t.extent, stops[t.letter])), edge),)
    low, high = ends(found)
    lets = (
        Let(names.left, low - Mod(low, names.width)),
        Let(names.right, high + Mod(-high, names.width)),
    )
    return Launch(
        threads, (*lets, Guard(inside(found, names.left, names.right), inner, edge)), "a block of outputs a thread"
    )


def _blocks(r: Range, tile: Tile) -> Range:
    return Range(tile.start, r.start, r.stop, tile.extent)


def _inner(found: Reading, names: _Names) -> tuple[Node, ...]:
    """A block that is inside: start, rows, store."""
    results, offsets = names.results.name, tuple(t.offset for t in found.tiles)
    place = Access(results, offsets)
    start = filled(found.form, place, (), entry(place))
    if isinstance(start, Copy):
        start = replace(start, source=_moved(start.source, found))
    begin = _nest(found, (start,))
    return (
        Scratch(results, tuple(t.extent for t in found.tiles)),
        *begin,
        *_sum(found, names),
        *_store(found, names),
    )


def _moved(access: Access, found: Reading) -> Access:
    at = found.in_block()
    return Access(access.array, tuple(expand(replaced(e, at)) for e in access.subscripts))


def _nest(found: Reading, body: tuple[Node, ...], says: str = "") -> tuple[Node, ...]:
    for t in reversed(found.tiles):
        body = (Loop(Range(t.offset, Integer(0), t.extent), body, "", True),)
    return body


def _sum(found: Reading, names: _Names) -> tuple[Node, ...]:
    """The rows, one after the other: each is read, then used by all results of the block that it meets."""
    row = (Scratch(names.values.name, (expand(names.right - names.left),)), _load(found, names), *_uses(found, names))
    if found.rows is not None:
        low, high = _span(found.rows, found)
        row = (Loop(Range(names.row, Integer(0), expand(high - low + 1)), row, "", True),)
    for axis in reversed(found.outer):
        row = (Loop(Range(axis.symbol, axis.lower, axis.upper + 1), row, "", True),)
    return row


def _turn(rows: Along) -> int:
    """Rows are met in the order of their taps, so that a sum is added up in the order of the direct one."""
    return 1 if rows.moving.coeff(rows.taps[-1]) > 0 else -1


def _span(rows: Along, found: Reading) -> tuple[Expr, Expr]:
    turned = expand(_turn(rows) * rows.moving)
    return least(turned, found.box), expand(-least(-turned, found.box))


def _load(found: Reading, names: _Names) -> Node:
    """A row into registers, so many neighbours at once."""
    form, last = found.form, found.last
    places = list(found.places)
    if found.rows is not None:
        low, _ = _span(found.rows, found)
        places[found.rows.axis] = expand(found.rows.start() + _turn(found.rows) * (names.row + low))
    lane = names.place + names.lane
    places[last.axis] = expand(last.stride * last.tile.start + names.left + lane)
    source = Access(form.input.name, (ITEM, *places))
    target = Access(names.values.name, (lane,))
    says = f"{entry(target)} = {entry(form.input.entry(source.subscripts[1:]))}"
    copy = Copy(target, (Range(names.lane, Integer(0), names.width),), source, says)
    stop = expand(names.right - names.left)
    return Loop(Range(names.place, Integer(0), stop, names.width), (copy,), "", True)


def _uses(found: Reading, names: _Names) -> tuple[Node, ...]:
    """The products of a row, for each result with the taps that lie on it."""
    product = product_in(found.form, found.form.weight)
    boxes = {p.name: p.array for p in found.form.params}
    at = found.in_block()
    factors = tuple(
        Access(f.array, tuple(boxes[f.array].storage(replaced(e, at) for e in f.subscripts))) for f in product.factors
    )
    place = expand(found.last.base + found.last.moving - names.left)
    target = Access(names.results.name, tuple(t.offset for t in found.tiles))
    says = "·".join([*(entry(f) for f in product.factors), entry(found.form.input.entry(found.form.read))])
    node: tuple[Node, ...] = (
        MultiplyAdd(target, (), (*factors, Access(names.values.name, (place,))), "", replaced(product.times, at)),
    )
    node = (Loop(Range(found.last.tile.offset, Integer(0), found.last.tile.extent), node, "", True),)
    node = node if found.mask == true else (Guard(found.mask, node),)
    for axis in reversed([a for a in found.form.reduction if a.symbol in found.last.taps]):
        node = (Loop(Range(axis.symbol, axis.lower, axis.upper + 1), node, "", True),)
    first = f"{entry(target)} += {says}"
    return _on_row(found, names, node, first) if found.rows else _said(node, first)


def _said(nodes: tuple[Node, ...], says: str) -> tuple[Node, ...]:
    """The nodes with a sentence above the first."""
    first, *rest = nodes
    return (replace(first, says=says), *rest) if isinstance(first, (Loop, MultiplyAdd)) else nodes


def _on_row(found: Reading, names: _Names, node: tuple[Node, ...], says: str) -> tuple[Node, ...]:
    """Around the products: results of the block, and the taps that lie on the row, the last one solved for."""
    assert found.rows is not None
    rows, axes = found.rows, {a.symbol: a for a in found.form.reduction}
    *others, tap = rows.taps
    low, _ = _span(rows, found)
    step = rows.moving.coeff(tap)
    ahead = expand(_turn(rows) * (names.row + low) - (rows.moving - step * tap))
    value = expand(step * ahead) if step in (1, -1) else floor(ahead / step)
    lies = And(axes[tap].holds(), *(() if step in (1, -1) else (built(Eq, Mod(ahead, abs(step)), 0),)))
    body: tuple[Node, ...] = (Let(tap, value), Guard(lies, node))
    for letter in reversed(others):
        body = (Loop(Range(letter, axes[letter].lower, axes[letter].upper + 1), body, "", True),)
    return (Loop(Range(rows.tile.offset, Integer(0), rows.tile.extent), body, says, True),)


def _store(found: Reading, names: _Names) -> tuple[Node, ...]:
    last = found.last.tile
    at = found.in_block() | {last.letter: last.start + names.place + names.lane}
    place = found.form.output.storage(replaced(s, at) for s in found.form.output.symbols)
    source = Access(names.results.name, (*(t.offset for t in found.tiles[:-1]), names.place + names.lane))
    target = Access(found.form.output.name, (ITEM, *place))
    says = f"{entry(found.form.output.entry(target.subscripts[1:]))} = {entry(source)}"
    copy = Copy(target, (Range(names.lane, Integer(0), names.width),), source, says)
    body: tuple[Node, ...] = (Loop(Range(names.place, Integer(0), last.extent, names.width), (copy,), "", True),)
    for t in reversed(found.tiles[:-1]):
        body = (Loop(Range(t.offset, Integer(0), t.extent), body, "", True),)
    return body


def _chart(found: Reading, names: _Names) -> Chart:
    """The form's letters in those of the sum, and the row that a term lies on."""
    at = found.in_block()
    down = [(s, at.get(s, s)) for s in found.form.output.symbols]
    down += [(s, s) for s in found.form.reduction_symbols]
    up: list[tuple[Symbol, Expr]] = []
    if found.rows is not None:
        low, _ = _span(found.rows, found)
        up = [(names.row, expand(_turn(found.rows) * found.rows.moving - low))]
    return Chart(tuple(down), tuple(up))
