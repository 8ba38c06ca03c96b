"""What a program in stages does, counted: calls of primitives and the elements and products in them, as expressions in the sizes.

matmul   times, products, rows, inner, columns, held   2·rows·inner·columns operations a product; what both sides hold
phased   times, products, phases, rows, inner, columns   the same, of rows that share memory, in so many phases
near     times, products, rows, inner, columns       the same, of what was copied again and is still in cache
total    times, parts, elements                      parts - 1 additions of so many elements, those between rows among them
doubled  times, parts, elements                      as many additions as doubling takes, and one more for each other binary digit 1
weigh    times, parts, runs, elements                parts products added, in so many runs of so many elements
copy     times, elements, run                        also copies with a halo, where nothing is a view; so many are neighbours
view     times, elements                             a halo that is a view but at the edges
edge     times                                       ends of tiles beyond which a halo has zeros
again    times, copies, runs, elements               so many copies of so many runs of so many elements that are one after another
fold     times, parts, elements                      parts - 1 additions of so many elements, in place
store    times, elements
fill     times, elements                             a store of one number, or of a few
held     times, elements, broken                     a store of what is in its place already, in so many runs with others between
gather   times, elements                             copies and stores of entries that are no neighbours
turned   times, elements                             a store of entries that are no neighbours in a working array
fft      times, transforms, length                   real transforms of so many points; one of complex numbers counts as two
make     times, elements                             what weights alone determine, once for many inputs; `make fft` as fft,
                                                     `make copy` as copy
    room     1, elements, lent                           what the working arrays hold, so many of which live in the result
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Integer, Min, Symbol, ceiling, expand

from derive.ir.nodes import Access, Copy, Guard, Loop, Range
from derive.ir.spectra import Transform
from derive.ir.stages import Halo, MatMul, Room, ShiftedSum, Staged, Store, Tiles, WeightedSum, statements
from derive.remembered import built

__all__ = ["Work", "work"]

_ONE = Integer(1)


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of primitive with its counts; the first one is how often it is called."""

    kind: str
    counts: tuple[Expr, ...]


def work(program: Staged) -> tuple[Work, ...]:
    """The counts of working memory and of every statement, of the weights' first. Guards count as if they always held."""
    spare = [n.target.array for n in statements(program.body) if isinstance(n, ShiftedSum) and n.doubled]
    rooms = [*(r for r in program.rooms if not r.within), *(r for r in program.rooms if r.name in spare)]
    near = frozenset(n.target.array for n in statements(program.body) if isinstance(n, Halo) and _again(n))
    made = (_once(w) for w in _walk(program, program.fixed, _ONE))
    held = [s.source.array for s in statements(program.body) if isinstance(s, Store) and s.held]
    lent = [r for r in program.rooms if r.name in held]
    room = Work("room", (_ONE, *(sum(map(_held, some), Integer(0)) for some in (rooms, lent))))
    return (room, *made, *_walk(program, program.body, _ONE, near))


def _held(room: Room) -> Expr:
    """How many numbers a working array holds: a spectrum two for each entry of half of it."""
    *others, last = room.shape
    return _product(room.shape) if not room.spectrum else _product(others) * (last + 2)


def _once(made: Work) -> Work:
    """The same, of weights alone: how many elements or products it has."""
    if made.kind in ("fft", "copy"):
        return Work(f"make {made.kind}", made.counts)
    times, *sizes = made.counts
    if made.kind == "matmul":
        sizes = sizes[:-1]
    elif made.kind == "phased":
        del sizes[1]
    return Work("make", (times, _product(sizes)))


def _at(found: Work, values: dict[Symbol, Expr]) -> Work:
    return Work(found.kind, tuple(e.xreplace(values) for e in found.counts))


def _again(node: Halo) -> list[Range]:
    """The ranges that copy the same again."""
    moved = {s for e in node.source.subscripts for s in e.free_symbols}
    return [r for r in node.over if r.symbol not in moved]


def _walk(
    program: Staged,
    body: Iterable[Any],
    times: Expr,
    near: frozenset[str] = frozenset(),
    around: tuple[Tiles, ...] = (),
) -> Iterator[Work]:
    for node in body:
        match node:
            case Loop(range=span, body=inner):
                yield from _walk(program, inner, times * (span.stop - span.start), near, around)
            case Tiles(extent=extent, step=step, body=inner):
                for found in _walk(program, inner, times * ceiling(extent / step), near, (*around, node)):
                    yield _at(found, {node.low: Integer(0), node.high: step})
            case Guard(body=inner):
                yield from _walk(program, inner, times, near, around)
            case MatMul():
                found = _multiplied(program, node, times)
                yield Work("near", found.counts[:5]) if found.kind == "matmul" and node.right.array in near else found
            case Store():
                yield from _stored(program, node, times, around)
            case Halo():
                if ends := _ends(program, node, times, around):
                    yield Work("edge", (ends,))
                yield _done(program, node, times)
            case _:
                yield _done(program, node, times)


def _ends(program: Staged, node: Halo, times: Expr, around: tuple[Tiles, ...]) -> Expr:
    """How often a halo passes an end of its source: of tiles that follow each other, with the first or with the last."""
    total: Expr = Integer(0)
    for subscript, extent in zip(node.source.subscripts, program.shape(node.source.array), strict=True):
        over = [r for r in node.over if r.symbol in subscript.free_symbols]
        tiles = [t for t in around if t.low in subscript.free_symbols]
        lowest = {r.symbol: r.start for r in over} | {t.low: Integer(0) for t in tiles}
        highest = {r.symbol: r.stop - 1 for r in over} | {t.low: t.extent - t.step for t in tiles}
        room = (subscript.xreplace(lowest), extent - 1 - subscript.xreplace(highest))
        outside = sum(1 for left in room if not expand(left).is_nonnegative) if over else 0
        each = times
        for t in tiles:
            each = each / ceiling(t.extent / t.step)
        total += outside * each
    return total


def _done(program: Staged, node: Any, times: Expr) -> Work:
    """What a copy, a sum or a transform does."""
    match node:
        case Halo(over=over, copied=copied):
            if again := _again(node):
                runs = _extent(r for r in over[:-1] if r not in again)
                return Work("again", (times, _extent(again), runs, _extent(over[-1:])))
            if copied and not _scattered(node.source, over):
                return Work("copy", (times, _extent(over), _run(program, node)))
            return Work("gather" if _scattered(node.source, over) else "view", (times, _extent(over)))
        case Copy(over=over):
            return Work("copy", (times, _extent(over), _run(program, node)))
        case ShiftedSum(over=over):
            kept = {s for e in node.target.subscripts for s in e.free_symbols}
            parts = [r for r in over if r.symbol not in kept]
            kind = "doubled" if node.doubled else "total"
            return Work(kind, (times, _extent(parts), _product(program.shape(node.target.array))))
        case WeightedSum(axes=axes):
            kept = {s for e in node.target.subscripts for s in e.free_symbols}
            added = [r for axis in axes for r in axis if r.symbol not in kept]
            *slow, along = [axis for axis in axes if axis[0].symbol in kept]
            return Work("weigh", (times, _extent(added), _extent(r for axis in slow for r in axis), _extent(along)))
        case Transform(batch=batch, wave=wave):
            return Work("fft", (times, _extent(batch), wave.stop))
        case _:
            return Work("total", (times, Integer(2), _extent(node.over)))  # a product point by point


def _stored(program: Staged, node: Store, times: Expr, around: tuple[Tiles, ...]) -> Iterator[Work]:
    elements = _extent(r for r in node.over if r not in node.summed)
    if node.adds:
        if node.summed:
            yield Work("total", (times, Integer(2), elements * _extent(node.summed)))
        yield Work("fold", (times, Integer(2), elements))
        return
    if node.summed:
        yield Work("fold", (times, _extent(node.summed), elements))
    if node.held and not _scattered(node.target, node.over):
        yield Work("held", (times, elements, _broken(node, elements, around)))
        return
    if _scattered(node.target, node.over):
        yield Work("gather", (times, elements))
    elif _turned(node):
        yield Work("turned", (times, elements))
    else:
        yield Work("store", (times, elements * _met(program, node)))


def _met(program: Staged, node: Store) -> Expr:
    """How often a line of the result is met: once for each place of the blocks that its last axis is split in.

    Blocks of an array that is stored as it is, each axis split in two at most, are one axis in memory: then it is met once.
    """
    kept = [r for r in node.over if r not in node.summed]
    split = [[r for r in kept if r.symbol in e.free_symbols] for e in node.target.subscripts]
    whole = program.shape(node.source.array)[len(node.summed) :]
    plain = node.source.subscripts[len(node.summed) :] == tuple(r.symbol for r in kept)
    plain = plain and all(r.start == 0 and r.stop == extent for r, extent in zip(kept, whole, strict=True))
    alike = node.bias is None or not node.bias.along(tuple(kept))
    if not split or len(split[-1]) < 2 or (plain and alike and all(len(letters) < 3 for letters in split)):
        return _ONE
    return _extent(split[-1][-1:])


def _broken(node: Store, elements: Expr, around: tuple[Tiles, ...]) -> Expr:
    """How many runs a tile of the result is stored in, if along its last axis there are more tiles than one."""
    last = node.target.subscripts[-1:]
    tiles = [t for t in around if last and t.low in last[0].free_symbols]
    run = _extent(r for r in node.over if last and r.symbol in last[0].free_symbols)
    return sum((elements / run * built(Min, 1, ceiling(t.extent / t.step) - 1) for t in tiles), Integer(0))


def _scattered(access: Access, over: Iterable[Range]) -> bool:
    """Whether no two entries that a statement runs through are neighbours in memory: the last subscript stands still."""
    last = access.subscripts[-1:]
    return bool(last) and not any(r.symbol in last[0].free_symbols for r in over)


def _turned(node: Store) -> bool:
    """Whether results that are neighbours come from entries that are none: no letter moves the last subscript of both."""
    ends = [node.target.subscripts[-1:], node.source.subscripts[-1:]]
    letters = [{r.symbol for r in node.over for e in end if r.symbol in e.free_symbols} for end in ends]
    return all(letters) and letters[0].isdisjoint(letters[1])


def _multiplied(program: Staged, node: MatMul, times: Expr) -> Work:
    """A product; one whose left rows share entries is done in as many phases as keep those of a phase apart."""
    batch, rows, inner, columns = map(_extent, (node.batch, node.rows, node.inner, node.columns))
    for e in node.left.subscripts:
        steps = [e.coeff(r.symbol) for r in node.rows if r.symbol in e.free_symbols]
        if steps and any(r.symbol in e.free_symbols for r in node.inner):
            phases = ceiling(inner / steps[-1])
            return Work("phased", (times, batch, phases, rows, inner, columns))
    held = _entries(program, node.left, node.over) + _entries(program, node.right, node.over)
    return Work("matmul", (times, batch, rows, inner, columns, held))


def _entries(program: Staged, access: Access, over: Iterable[Range]) -> Expr:
    """How many entries of an array a statement reads at most; products that share entries read them once."""
    read = _extent(r for r in over if access.along((r,)))
    return built(Min, read, _product(program.shape(access.array)))


def _run(program: Staged, node: Copy | Halo) -> Expr:
    """How many entries a copy finds one behind the other in both arrays, or as far apart as each is from the next."""
    run: Expr = _ONE
    ranges = {r.symbol: r.stop - r.start for r in node.over}
    ends = zip(node.target.subscripts[::-1], node.source.subscripts[::-1], strict=False)
    shapes = zip(program.shape(node.target.array)[::-1], program.shape(node.source.array)[::-1], strict=False)
    for (to, of), extents in zip(ends, shapes, strict=False):
        met = [s for s in ranges if s in to.free_symbols]
        if len(met) != 1 or met[0] not in of.free_symbols:
            break
        run *= ranges[met[0]]
        if to.coeff(met[0]) != 1 or of.coeff(met[0]) != 1 or any(extent != ranges[met[0]] for extent in extents):
            break
    return run


def _extent(ranges: Iterable[Range]) -> Expr:
    return _product(r.stop - r.start for r in ranges)


def _product(extents: Iterable[Expr]) -> Expr:
    total: Expr = _ONE
    for extent in extents:
        total *= extent
    return total
