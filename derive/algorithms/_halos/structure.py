"""What a tile with a halo must be like before anything can be proved of it, and its statements with what holds at them.

order      a thread starts its results, adds to them, and stores them; nothing else writes results
cells      each shared array is filled once, by all threads, from an argument or by a sum of its own over cells
barriers   between a cell's being filled and its being read there is one, and one behind the last read where cells are filled again;
           all threads come to each
letters    no letter is bound twice on one path; the launch's are the starts of tiles, the item and plain places
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sympy import Not

from derive.algorithms._tiles.structure import Point, check_letters, check_uniform, points
from derive.errors import NoLowering
from derive.ir.halos import Haloed
from derive.ir.nodes import (
    Access,
    Barrier,
    Copy,
    Fill,
    Guard,
    Launch,
    Let,
    Loop,
    MultiplyAdd,
    Node,
    Scratch,
    accesses_of,
    walk,
)

__all__ = ["Cells", "Parts", "check_haloed"]


@dataclass(frozen=True)
class Cells:
    """How the cells of one array are filled: `write` puts something into each, and `term` adds to that before, if it is a sum."""

    launch: Launch
    write: Point
    term: Point | None

    @property
    def target(self) -> Access:
        """The cell that is written."""
        return self.write.copy.target


@dataclass(frozen=True)
class Parts:
    """One branch: how results start, how cells are filled, what is added, and what is stored."""

    begin: Point
    cells: tuple[Cells, ...]
    term: Point
    store: Point


def check_haloed(haloed: Haloed) -> tuple[Parts, Parts]:
    """The branches inside and at the edges. Raises NoLowering for a program whose obligations would not mean what they say."""
    program, blocks = haloed.program, haloed.blocks
    lets = tuple((n.symbol, n.value) for n in blocks.body if isinstance(n, Let))
    kinds = {type(n) for n in blocks.body[2:-1]}
    if lets != (haloed.left, haloed.right) or kinds != {Scratch}:
        raise NoLowering("A tile with a halo has two ends of a row, shared arrays and threads.")
    if tuple(map(type, haloed.threads.body)) != (Scratch, Guard) or haloed.registers.shape != haloed.knobs[:1]:
        raise NoLowering("A thread has registers for its results, and two branches.")
    check_letters(program.body, frozenset({*program.sizes, *haloed.knobs}))
    starts = {split.start: split.extent for split in haloed.splits}
    for r in blocks.threads:
        if (r.start, r.step) != (0, starts.pop(r.symbol, r.step if r.step == 1 else None)):
            raise NoLowering(f"The places of {r.symbol} are in tiles that the launch starts.")
    if starts or any((r.start, r.step) != (0, 1) for r in haloed.threads.threads):
        raise NoLowering("A launch starts each tile, and a block has each of its threads.")
    condition = haloed.branches.condition
    uniform = {r.symbol for r in blocks.threads} | {*program.sizes, *haloed.knobs, program.batch, *(s for s, _ in lets)}
    check_uniform(condition, uniform)
    here = Point(Fill(Access("", ()), ())).deeper((*blocks.threads, *haloed.threads.threads))
    inside, outside = (replace(here, facts=(*here.facts, c)) for c in (condition, Not(condition)))
    guard = haloed.branches
    return _parts(haloed, guard.body, inside, uniform), _parts(haloed, guard.otherwise, outside, uniform)


def _parts(haloed: Haloed, body: tuple[Node, ...], here: Point, uniform: set[Any]) -> Parts:
    """The statements of a branch, in the only order that a branch may have."""
    if len(body) < 3 or not isinstance(body[-1], Loop):
        raise NoLowering("A thread starts its results, adds to them, and stores them.")
    begin, *sums, store = body
    inner: tuple[Node, ...] = tuple(sums)
    known, around = set(uniform), here
    while len(inner) == 1 and isinstance(inner[0], Loop):
        span = inner[0].range
        for bound in (span.start, span.stop, span.step):
            check_uniform(bound, known)
        known.add(span.symbol)
        inner, around = inner[0].body, around.deeper((span,))
    return _chunk(haloed, (begin, inner, store), here, around)


def _chunk(haloed: Haloed, body: tuple[Any, ...], here: Point, around: Point) -> Parts:
    begin, inner, store = body
    again = around is not here  # a loop fills cells anew
    if len(inner) < 2 or again != isinstance(inner[-1], Barrier):
        raise NoLowering("Behind the last read of cells there is a barrier where they are filled again.")
    *fills, uses = inner[:-1] if again else inner
    if any(isinstance(n, (Barrier, Launch)) for n in walk((begin, uses, store))):
        raise NoLowering("Cells are filled and used between barriers, and by nothing else.")
    if not fills or not isinstance(fills[-1], Barrier):
        raise NoLowering("Cells are used behind a barrier.")
    cells, ready, waiting = [], set[str](), set[str]()
    for node in fills:
        if isinstance(node, Barrier):
            ready, waiting = ready | waiting, set()
            continue
        cells.append(_cells(haloed, node, around, ready))
        waiting.add(cells[-1].target.array)
    found = Parts(_only(begin, here), tuple(cells), _only(uses, around), _only(store, here))
    _check_arrays(haloed, found, ready)
    return found


def _cells(haloed: Haloed, node: Node, around: Point, ready: set[str]) -> Cells:
    """A launch that fills cells: a copy from an argument, or a register, a sum in it, and what puts it into the cell."""
    if not isinstance(node, Launch) or any(isinstance(n, (Barrier, Launch)) for n in walk(node.body)):
        raise NoLowering("The threads of a block fill cells together, and do nothing else between barriers.")
    found = [point for point, _ in points((node,), around)]
    arguments, shared = {s.name for s in haloed.program.arguments}, {s.array for s in haloed.shared}
    own = {r.symbol for r in haloed.threads.threads}
    met = (
        *(e for p in found for a in accesses_of(p.node) for e in a.subscripts),
        *(f for p in found for f in p.facts[len(around.facts) :]),
    )
    if any(e.free_symbols & own for e in met):
        raise NoLowering("What the threads of a block fill together doesn't depend on which of them does it.")
    write, term = found[-1], None
    if not isinstance(write.node, Copy) or write.copy.target.array not in shared or write.copy.times != 1:
        raise NoLowering("A cell is filled by a copy.")
    if len(found) == 1:
        _check(write.copy.source.array in arguments and not _scratch(node), "A cell is filled from an argument.")
    else:
        term = _summed(node, found, ready)
    _check_cell(haloed, node, write)
    return Cells(node, write, term)


def _check(fine: bool, says: str) -> None:
    if not fine:
        raise NoLowering(says)


def _scratch(node: Launch) -> list[Scratch]:
    return [n for n in walk(node.body) if isinstance(n, Scratch)]


def _summed(node: Launch, found: list[Point], ready: set[str]) -> Point:
    """The sum that is put into a cell: a register that starts as 0, and that nothing but this sum adds to."""
    body = node.body[0].body if len(node.body) == 1 and isinstance(node.body[0], Guard) else node.body
    says = "A cell of a first pass is one sum over cells that were filled before a barrier."
    match body:
        case (Scratch(array=array, shape=()), Fill(target=start), _, Copy(target=_, over=(), source=last)):
            _check(len(found) == 3 and len(_scratch(node)) == 1 and isinstance(found[1].node, MultiplyAdd), says)
            term = found[1].product
            _check(term.target == start == last == Access(array, ()) and not term.over, says)
            _check({f.array for f in term.factors} <= ready, says)
            return found[1]
    raise NoLowering(says)


def _check_cell(haloed: Haloed, node: Launch, write: Point) -> None:
    """The subscripts of a cell are the letters of the launch, so that no two points of it fill one; several are neighbours."""
    letters = [r.symbol for r in node.threads]
    _check(bool(write.copy.target.subscripts), "A cell is one of an array; a number alone is kept by each thread.")
    *others, last = write.copy.target.subscripts
    wide = [r for r in node.threads if r.step != 1]
    over = write.copy.over
    fine = all(r.start == 0 for r in node.threads)
    if over:
        lane = over[0]
        fine &= len(over) == 1 and (lane.start, lane.stop, lane.step) == (0, haloed.width, 1)
        fine &= [r.step for r in wide] == [haloed.width] and last == wide[0].symbol + lane.symbol
        last = wide[0].symbol if wide else last
    else:
        fine &= not wide
    fine &= sorted(map(str, (*others, last))) == sorted(map(str, letters))
    _check(fine, "A cell is filled at the letters of what is dealt out.")


def _only(node: Node | Any, here: Point) -> Point:
    every = [point for point, _ in points((node,), here)]
    if len(every) != 1:
        raise NoLowering("A thread starts its results once, has one sum, and stores them once.")
    return every[0]


def _check_arrays(haloed: Haloed, found: Parts, ready: set[str]) -> None:
    """Who reads and writes what: arguments are copied, cells are read behind a barrier, results are a thread's."""
    registers, result = haloed.registers.array, haloed.program.result.name
    arguments, shared = {s.name for s in haloed.program.arguments}, {s.array for s in haloed.shared}
    filled = sorted(c.target.array for c in found.cells)
    _check(filled == sorted(shared) and ready == shared, "Each shared array is filled once.")
    begin, term, store = found.begin.node, found.term.node, found.store.node
    _check(
        isinstance(begin, (Copy, Fill)) and isinstance(term, MultiplyAdd) and isinstance(store, Copy),
        "A thread adds up a sum.",
    )
    assert isinstance(term, MultiplyAdd) and isinstance(store, Copy)
    _check({a.array for a in accesses_of(begin)[1:]} <= arguments and not begin.over, "A result starts from arguments.")
    _check({f.array for f in term.factors} <= shared and not term.over, "A thread multiplies cells.")
    _check(store.target.array == result and store.times == 1 and not store.over, "A thread stores its results.")
    register = haloed.splits[0].digits[0][0] if len(haloed.splits) > 1 else haloed.splits[0].digits[1][0]
    own = Access(registers, (register,))
    _check(begin.target == term.target == store.source == own, "A thread starts, adds to and stores the same results.")
