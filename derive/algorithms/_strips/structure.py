"""What a program in blocks must be like before anything can be proved of it, and its statements with what holds at them.

order      a block that is inside starts its registers, adds to them, and stores them; at the edges one register does
rows       a row's registers are filled where they are made, and read by what follows there alone
letters    no letter is bound twice on one path; the launch's are the starts of tiles, the item and plain places
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sympy import Eq, Expr, Integer, Le, Lt, Mod, Not, S, Symbol

from derive.errors import NoLowering
from derive.ir.blocks import Blocked
from derive.ir.nodes import (
    Access,
    Copy,
    Fill,
    Guard,
    Launch,
    Let,
    Loop,
    MultiplyAdd,
    Node,
    Range,
    Scratch,
    accesses_of,
    walk,
)
from derive.remembered import built, replaced

__all__ = ["Load", "Point", "check_blocked", "points", "within"]


@dataclass(frozen=True)
class Load:
    """How the registers of a row are filled: how many there are, the copy, and the range of its loop."""

    shape: tuple[Expr, ...]
    copy: Copy
    span: Range


@dataclass(frozen=True)
class Point:
    """A statement with what holds at it; `held` are integers by name, replaced, and `letters` are bound around it."""

    node: Copy | Fill | MultiplyAdd
    facts: tuple[object, ...] = ()
    held: tuple[tuple[Symbol, Expr], ...] = ()
    letters: tuple[Symbol, ...] = ()
    loads: tuple[tuple[str, Load], ...] = ()

    def value(self, expression: Expr) -> Expr:
        """The expression without integers that are held by name."""
        return replaced(expression, dict(self.held))

    def place(self, access: Access) -> tuple[Expr, ...]:
        """Its subscripts."""
        return tuple(map(self.value, access.subscripts))


def within(r: Range, blocked: Blocked) -> tuple[object, ...]:
    """What holds of a letter of a range: of the start of a tile, or of neighbours, also what it is a multiple of."""
    last, width = blocked.tiles[-1].extent, blocked.width
    step: Expr = width if r.step == last else r.step
    known = () if step == 1 or not isinstance(step, Integer) else (built(Eq, Mod(r.symbol - r.start, step), 0),)
    return (built(Le, r.start, r.symbol), built(Lt, r.symbol, r.stop), *known)


def points(body: tuple[Node, ...], blocked: Blocked, around: Point | None = None) -> Iterator[Point]:
    """Every statement of a body, in order."""
    here = around or Point(Fill(Access("", ()), ()))
    for number, node in enumerate(body):
        match node:
            case Let(symbol=symbol, value=value):
                here = replace(here, held=(*here.held, (symbol, here.value(value))))
            case Scratch() if node.shape and number + 1 < len(body):
                load = _load(body[number + 1], node)
                here = replace(here, loads=(*here.loads, (node.array, load))) if load else here
            case Loop(range=span, body=inner):
                yield from points(inner, blocked, deeper(here, (span,), blocked))
            case Launch(threads=threads, body=inner):
                yield from points(inner, blocked, deeper(here, threads, blocked))
            case Guard(condition=condition, body=inner, otherwise=other):
                held = here.value(condition)
                yield from points(inner, blocked, replace(here, facts=(*here.facts, held)))
                if other:
                    yield from points(other, blocked, replace(here, facts=(*here.facts, Not(held))))
            case Copy() | Fill() | MultiplyAdd():
                over = deeper(here, node.over, blocked)
                yield replace(over, node=node)


def deeper(here: Point, ranges: tuple[Range, ...], blocked: Blocked) -> Point:
    """Inside these ranges."""
    known: list[object] = []
    for r in ranges:
        known += within(Range(r.symbol, here.value(r.start), here.value(r.stop), r.step), blocked)
    return replace(here, facts=(*here.facts, *known), letters=(*here.letters, *(r.symbol for r in ranges)))


def _load(node: Node, made: Scratch) -> Load | None:
    match node:
        case Loop(range=span, body=(Copy(target=target) as copy,)) if target.array == made.array:
            return Load(made.shape, copy, span)
    return None


def check_blocked(blocked: Blocked) -> None:
    """Raises NoLowering for a program whose obligations would not mean what they say."""
    program, guard = blocked.program, blocked.branches
    *lets, _ = blocked.launch.body
    if not all(isinstance(n, Let) for n in lets) or not guard.otherwise:
        raise NoLowering("A program in blocks is a launch with two branches: inside, and at the edges.")
    _check_letters(program.body, frozenset({*program.sizes, *blocked.knobs}))
    spans = {r.symbol: r for r in blocked.launch.threads}
    for tile in blocked.tiles:
        span = spans.get(tile.start)
        if span is None or (span.start, span.step) != (0, tile.extent):
            raise NoLowering(f"The places of {tile.letter} are in tiles that its launch starts.")
    if any(r.step != 1 for r in spans.values() if r.symbol not in {t.start for t in blocked.tiles}):
        raise NoLowering("A launch takes every place of a letter that has no tiles.")
    _check_inside(guard.body, blocked)
    _check_edges(guard.otherwise, program.result.name)


def _check_letters(body: tuple[Node, ...], bound: frozenset[Symbol]) -> None:
    for node in body:
        match node:
            case Let(symbol=symbol):
                bound = _bind(bound, (symbol,))
            case Loop(range=span, body=inner):
                _check_letters(inner, _bind(bound, (span.symbol,)))
            case Launch(threads=threads, body=inner):
                _check_letters(inner, _bind(bound, tuple(r.symbol for r in threads)))
            case Guard(body=inner, otherwise=other):
                _check_letters(inner, bound)
                _check_letters(other, bound)
            case Copy(over=over) | Fill(over=over) | MultiplyAdd(over=over):
                _bind(bound, tuple(r.symbol for r in over))


def _bind(bound: frozenset[Symbol], symbols: tuple[Symbol, ...]) -> frozenset[Symbol]:
    for symbol in symbols:
        if symbol in bound:
            raise NoLowering(f"A program binds '{symbol}' twice.")
        bound |= {symbol}
    return bound


def _check_inside(body: tuple[Node, ...], blocked: Blocked) -> None:
    """Registers of results, their start, the sums, their store; within the sums a row's registers before their use."""
    first, begin, *sums, store = body
    extents = tuple(t.extent for t in blocked.tiles)
    if not isinstance(first, Scratch) or first.shape != extents or len(body) < 4:
        raise NoLowering("A block has a register for each of its results.")
    offsets = Access(first.array, tuple(t.offset for t in blocked.tiles))
    arguments = {s.name for s in blocked.program.arguments}
    starts = _statements((begin,))
    if len(starts) != 1 or starts[0].target != offsets or isinstance(starts[0], MultiplyAdd):
        raise NoLowering("A block starts each of its registers once.")
    if any(a.array not in arguments for a in accesses_of(starts[0])[1:]):
        raise NoLowering("A block starts from arguments.")
    stores = _statements((store,))
    stored = stores[0] if len(stores) == 1 else None
    if not isinstance(stored, Copy) or stored.target.array != blocked.program.result.name or stored.times != 1:
        raise NoLowering("A block stores its registers once.")
    if stored.source.array != first.array or any(isinstance(n, Guard) for n in walk((begin, store))):
        raise NoLowering("A block starts and stores all of its registers.")
    _check_sums(tuple(sums), offsets, arguments, blocked)


def _statements(body: tuple[Node, ...]) -> list[Copy | Fill | MultiplyAdd]:
    return [n for n in walk(body) if isinstance(n, (Copy, Fill, MultiplyAdd))]


def _check_sums(sums: tuple[Node, ...], offsets: Access, arguments: set[str], blocked: Blocked) -> None:
    made = [n for n in walk(sums) if isinstance(n, Scratch)]
    found = _statements(sums)
    if len(made) != 1 or len(found) != 2 or not isinstance(found[1], MultiplyAdd):
        raise NoLowering("A block reads a row and adds its products.")
    level = _level(sums, made[0])
    load = _load(level[1], made[0]) if len(level) > 2 and level[0] is made[0] else None
    if load is None or load.copy is not found[0] or load.copy.source.array not in arguments or load.copy.times != 1:
        raise NoLowering("A row's registers are filled where they are made.")
    width = Range(load.copy.over[0].symbol, Integer(0), blocked.width) if len(load.copy.over) == 1 else None
    steps = (load.span.start, load.span.step, load.copy.over, load.copy.target.subscripts)
    if width is None or steps != (0, blocked.width, (width,), (load.span.symbol + width.symbol,)):
        raise NoLowering("A row's registers are filled one after the other.")
    *weights, row = found[1].factors
    if found[1].target != offsets or found[1].over or row.array != made[0].array:
        raise NoLowering("A block adds products with the row to its registers.")
    if any(w.array not in arguments for w in weights):
        raise NoLowering("A block multiplies arguments.")


def _level(body: tuple[Node, ...], made: Scratch) -> tuple[Node, ...]:
    """The body in which a node stands."""
    if any(node is made for node in body):
        return body
    inner = (node.body for node in body if isinstance(node, (Loop, Guard)))
    return next((found for found in (_level(b, made) for b in inner) if found), ())


def _check_edges(body: tuple[Node, ...], result: str) -> None:
    """Loops around one register that is made, started, added to and stored."""
    while len(body) == 1 and isinstance(body[0], Loop):
        body = body[0].body
    found = _statements(body)
    first = body[0] if body else None
    if not isinstance(first, Scratch) or first.shape != () or len(body) < 4 or body[1] is not found[0]:
        raise NoLowering("A result at the edges has one register, which it starts first.")
    register = Access(first.array, ())
    *sums, last = found[1:]
    if body[-1] is not last or not isinstance(last, Copy) or last.times != S.One or last.target.array != result:
        raise NoLowering("A result at the edges is stored last.")
    uses = (found[0].target, *(n.target for n in sums), last.source)
    if any(u != register for u in uses) or isinstance(found[0], MultiplyAdd):
        raise NoLowering("A result at the edges is added up in its register.")
    if len(sums) != 1 or not isinstance(sums[0], MultiplyAdd) or sums[0].over:
        raise NoLowering("A result at the edges is one sum.")
