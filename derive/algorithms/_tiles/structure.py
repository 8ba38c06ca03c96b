"""What a program in tiles must be like before anything can be proved of it, and its statements with what holds at them.

order      a thread starts its registers, adds to them, and stores them; nothing else writes results
barriers   cells are filled, then comes a barrier, then they are read, then comes another; no barrier stands anywhere else
uniform    what stands around a barrier is the same for all threads of a block
letters    no letter is bound twice on one path; the launch's are the starts of tiles, the item and plain places
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sympy import Le, Lt, Not, Symbol

from derive.errors import NoLowering
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
    accesses_of,
    walk,
)
from derive.ir.tiles import Tiled
from derive.remembered import built

__all__ = ["Parts", "Point", "Term", "check_letters", "check_tiled", "check_uniform", "points", "within"]


@dataclass(frozen=True)
class Point:
    """A statement with what holds at it; `letters` are bound around it."""

    node: Copy | Fill | MultiplyAdd
    facts: tuple[Any, ...] = ()
    letters: tuple[Symbol, ...] = ()

    @property
    def copy(self) -> Copy:
        """The statement, where it is a copy."""
        assert isinstance(self.node, Copy)
        return self.node

    @property
    def product(self) -> MultiplyAdd:
        """The statement, where it adds a product."""
        assert isinstance(self.node, MultiplyAdd)
        return self.node

    def deeper(self, ranges: tuple[Range, ...]) -> Point:
        """Inside these ranges."""
        known = tuple(fact for r in ranges for fact in within(r))
        return replace(self, facts=(*self.facts, *known), letters=(*self.letters, *(r.symbol for r in ranges)))


def within(r: Range) -> tuple[Any, ...]:
    """What holds of a letter of a range."""
    return (built(Le, r.start, r.symbol), built(Lt, r.symbol, r.stop))


@dataclass(frozen=True)
class Term:
    """A product that a thread adds, and how the registers that it multiplies were read from cells."""

    point: Point
    reads: tuple[Point, ...]


@dataclass(frozen=True)
class Parts:
    """One branch: how registers start, how cells are filled, what is added, and what is stored."""

    begin: Point
    fills: tuple[tuple[Point, Launch], ...]
    terms: tuple[Term, ...]
    store: Point


def points(body: tuple[Node, ...], here: Point) -> Iterator[tuple[Point, Launch | None]]:
    """Every statement of a body, in order, with the launch that deals it out, if any."""
    for node in body:
        match node:
            case Loop(range=span, body=inner):
                yield from points(inner, here.deeper((span,)))
            case Launch(threads=threads, body=inner):
                yield from ((point, node) for point, _ in points(inner, here.deeper(threads)))
            case Guard(condition=condition, body=inner, otherwise=other):
                yield from points(inner, replace(here, facts=(*here.facts, condition)))
                yield from points(other, replace(here, facts=(*here.facts, Not(condition))))
            case Copy() | Fill() | MultiplyAdd():
                yield replace(here.deeper(getattr(node, "over", ())), node=node), None


def check_tiled(tiled: Tiled) -> tuple[Parts, Parts]:
    """The branches inside and at the edges. Raises NoLowering for a program whose obligations would not mean what they say."""
    program, blocks = tiled.program, tiled.blocks
    kinds = tuple(map(type, blocks.body))
    if kinds != (Scratch, Scratch, Launch) or tuple(map(type, tiled.threads.body)) != (Scratch, Guard):
        raise NoLowering("A program in tiles is a launch of blocks of threads with two shared arrays.")
    threads, guard = tiled.threads, tiled.branches
    check_letters(program.body, frozenset({*program.sizes, *tiled.knobs}))
    starts = {split.start: split.extent for split in tiled.splits}
    for r in blocks.threads:
        if (r.start, r.step) != (0, starts.pop(r.symbol, r.step if r.step == 1 else None)):
            raise NoLowering(f"The places of {r.symbol} are in tiles that the launch starts.")
    if starts or any((r.start, r.step) != (0, 1) for r in threads.threads):
        raise NoLowering("A launch starts each tile, and a block has each of its threads.")
    uniform = {r.symbol for r in blocks.threads} | {*program.sizes, *tiled.knobs, program.batch}
    check_uniform(guard.condition, uniform)
    here = Point(Fill(Access("", ()), ())).deeper((*blocks.threads, *threads.threads))
    inside = replace(here, facts=(*here.facts, guard.condition))
    outside = replace(here, facts=(*here.facts, Not(guard.condition)))
    return _parts(tiled, guard.body, inside, uniform), _parts(tiled, guard.otherwise, outside, uniform)


def check_letters(body: tuple[Node, ...], bound: frozenset[Symbol]) -> None:
    """Raises NoLowering where a letter is bound twice on one path."""
    for node in body:
        ranges = node.threads if isinstance(node, Launch) else (node.range,) if isinstance(node, Loop) else ()
        own = {r.symbol for r in ranges}
        if len(own) < len(ranges) or own & bound:
            raise NoLowering(f"A program binds '{sorted(own & bound, key=str)[0]}' twice.")
        if isinstance(node, (Loop, Launch, Guard)):
            check_letters(node.body, bound | own)
        if isinstance(node, Guard):
            check_letters(node.otherwise, bound)


def check_uniform(condition: Any, known: set[Any]) -> None:
    """Raises NoLowering for what differs among the threads of a block."""
    if met := sorted(condition.free_symbols - known, key=str):
        raise NoLowering(f"All threads of a block go the same way to a barrier; '{condition}' depends on {met[0]}.")


def _parts(tiled: Tiled, body: tuple[Node, ...], here: Point, uniform: set[Any]) -> Parts:
    """The statements of a branch, in the only order that a branch may have."""
    if len(body) != 3:
        raise NoLowering("A thread starts its registers, adds to them, and stores them.")
    begin, sums, store = body
    chunk: tuple[Node, ...] = (sums,)
    known = set(uniform)
    around = here
    while len(chunk) == 1 and isinstance(chunk[0], Loop):
        span = chunk[0].range
        for bound in (span.start, span.stop, span.step):
            check_uniform(bound, known)
        known.add(span.symbol)
        chunk, around = chunk[0].body, around.deeper((span,))
    barriers = [number for number, node in enumerate(chunk) if isinstance(node, Barrier)]
    if barriers != [len(chunk) - 3, len(chunk) - 1] or sum(isinstance(n, Barrier) for n in walk(body)) != 2:
        raise NoLowering("A chunk is filled before a barrier, and used before another.")
    *fills, _, uses, _ = chunk
    if not all(isinstance(n, Launch) for n in fills) or any(isinstance(n, Launch) for n in walk((begin, uses, store))):
        raise NoLowering("The threads of a block fill cells together, and do nothing else so.")
    filled = tuple(pair for pair in points(tuple(fills), around))
    found = Parts(
        _only(points((begin,), here)),
        tuple((point, launch) for point, launch in filled if launch is not None),
        tuple(_terms(uses, around)),
        _only(points((store,), here)),
    )
    _check_arrays(tiled, found)
    _check_store(tiled, store, found.store.copy)
    own = {r.symbol for r in tiled.threads.threads}
    for point, _ in found.fills:
        met = (*(e for a in accesses_of(point.node) for e in a.subscripts), *point.facts[len(around.facts) :])
        if any(e.free_symbols & own for e in met):
            raise NoLowering("What the threads of a block fill together doesn't depend on which of them does it.")
    return found


def _terms(uses: Node, here: Point) -> Iterator[Term]:
    """The products: those of each loop through a chunk, which reads a thread's registers first."""
    match uses:
        case Guard(condition=condition, body=(body,), otherwise=(other,)):
            yield from _terms(body, replace(here, facts=(*here.facts, condition)))
            yield from _terms(other, replace(here, facts=(*here.facts, Not(condition))))
        case Loop(range=span, body=(Scratch() as one, Scratch() as two, *loops)) if len(loops) == 3:
            *reads, term = (_only(points((loop,), here.deeper((span,)))) for loop in loops)
            if {p.node.target.array for p in reads} != {one.array, two.array} or one.array == two.array:
                raise NoLowering("A thread reads cells into registers of their own.")
            yield Term(term, tuple(reads))
        case _:
            raise NoLowering("A thread goes through a chunk, and reads cells before it uses them.")


def _check_store(tiled: Tiled, store: Node, copy: Copy) -> None:
    """Registers are stored one by one, or so many at once from each so many on."""
    column = tiled.splits[-1].digits[0][0]
    inner = store.body[0] if isinstance(store, Loop) else store
    if not isinstance(inner, Loop):
        raise NoLowering("A thread stores all of its registers.")
    first, width = inner.range, tiled.width
    if not copy.over:
        same = (first.symbol, first.step, copy.source.subscripts[-1]) == (column, 1, column)
    else:
        lane = copy.over[0]
        spans = (first.start, first.step, lane.start, lane.stop) == (0, width, 0, width)
        same = spans and len(copy.over) == 1 and copy.source.subscripts[-1] == first.symbol + lane.symbol
    if not same:
        raise NoLowering("A thread stores its registers one by one, or so many at once.")


def _only(found: Iterator[tuple[Point, Launch | None]]) -> Point:
    every = [point for point, _ in found]
    if len(every) != 1:
        raise NoLowering("A thread starts its registers once and stores them once.")
    return every[0]


def _check_arrays(tiled: Tiled, found: Parts) -> None:
    """Who reads and writes what: arguments are read, registers are a thread's, shared cells are filled and then read."""
    scratch, arguments = tiled.threads.body[0], {s.name for s in tiled.program.arguments}
    shared, result = {s.array for s in tiled.shared}, tiled.program.result.name
    if not isinstance(scratch, Scratch):
        raise NoLowering("A thread has registers.")
    registers = {scratch.array}

    def check(point: Point, kinds: tuple[type, ...], target: set[str], sources: set[str]) -> None:
        written, *read = accesses_of(point.node)
        fine = isinstance(point.node, kinds) and written.array in target and {a.array for a in read} <= sources
        plain = not isinstance(point.node, Copy) or point.node.times == 1 or point is found.begin
        if not fine or not plain or (point.node.over and point is not found.store):
            raise NoLowering(f"A program in tiles doesn't write {written.array} so.")

    check(found.begin, (Copy, Fill), registers, arguments)
    for point, _ in found.fills:
        check(point, (Copy,), shared, arguments)
    if sorted(p.node.target.array for p, _ in found.fills) != sorted(shared) or not found.terms:
        raise NoLowering("Each shared array is filled once in a chunk.")
    for term in found.terms:
        own = {p.node.target.array for p in term.reads}
        for point in term.reads:
            check(point, (Copy,), own, shared)
        check(term.point, (MultiplyAdd,), registers, own)
    check(found.store, (Copy,), {result}, registers)
    targets = {p.node.target for p in (found.begin, *(term.point for term in found.terms))}
    stored = found.store.copy.source
    rows = {Access(t.array, t.subscripts[:-1]) for t in targets}
    if len(targets) != 1 or rows != {Access(stored.array, stored.subscripts[:-1])}:
        raise NoLowering("A thread starts, adds to and stores the same registers.")
