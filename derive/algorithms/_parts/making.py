"""Parts of a sum a thread: of a program with few results and many terms, as gradients by weights are.

    for each p:  dV[p] = Σ_r X[ι(p, r)]·G[o(r)]
    ⟶
    for each p and part c:  parts[c, p] = Σ_{r in c} X[ι(p, r)]·G[o(r)]
    for each p:             dV[p] = Σ_c parts[c, p],  FOLD at a time

Cut are the loops over places of the data: those whose letter alone is a subscript of an array with items, and that over the items.
A letter that is the last subscript of one is what neighbouring threads differ in. All else is the plain program's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from sympy import Expr, Integer, Le, Max, Min, Mod, S, Symbol

from derive.algorithms._terms import BATCH, ITEM
from derive.algorithms.direct import direct
from derive.errors import NoLowering
from derive.forms.expr import index
from derive.forms.form import Array, Axis, Form
from derive.ir.nodes import Access, Copy, Guard, Launch, Let, Loop, MultiplyAdd, Node, Program, Range, Storage, walk
from derive.ir.parts import FOLD, LANES, Chunk, Parted
from derive.remembered import both, built

__all__ = ["chunk_of", "fold_form", "parts"]


def parts(plain: Program, name: str = "parts") -> Parted:
    """The program in parts that does what a plain program of threads does. Raises NoLowering with why there is none."""
    if plain.result.batched or plain.batch is None:
        raise NoLowering("it needs results that add up all items")
    (launch,) = plain.body
    assert isinstance(launch, Launch)
    extents = dict(_places(plain, launch.body))
    if not extents:
        raise NoLowering("it needs a sum over places of the data")
    taken = {str(s) for s in _letters(plain)} | {s.name for s in (*plain.arguments, plain.result)}
    chunks = tuple(_chunk(letter, extent, taken) for letter, extent in extents.items())
    along, lane = _along(plain, launch.body, extents), _fresh("lane", taken)
    stored = Storage(_fresh("parts", taken).name, _shape(plain, chunks, along))
    body = _cut_launch(launch, chunks, along, lane, stored.name)
    program = replace(
        plain,
        name=name,
        says="partial sums, added up in their order",
        result=stored,
        sizes=(*plain.sizes, *(c.count for c in chunks), *(c.length for c in chunks)),
        sources=tuple(s for s in plain.sources if s.array != plain.result.name),
        body=(body,),
        charts=(),
    )
    return Parted(program, chunks, along, lane, _fold())


def _fresh(name: str, taken: set[str]) -> Symbol:
    while name in taken:
        name += "_"
    taken.add(name)
    return index(name)


def _letters(plain: Program) -> Iterator[Symbol]:
    yield from (*plain.sizes, BATCH, ITEM)
    for node in walk(plain.body):
        yield from (r.symbol for r in (node.threads if isinstance(node, Launch) else ()))
        yield from (node.range.symbol,) if isinstance(node, Loop) else ()


def _places(plain: Program, body: tuple[Node, ...]) -> Iterator[tuple[Symbol, Expr]]:
    """The letters of loops that alone are a subscript of an array with items, with its extent there; numbers of channels aside."""
    found: dict[Symbol, Expr] = {}
    for access in _data(plain, body):
        found |= {e: x for e, x in zip(access.subscripts, plain.extents(access.array), strict=True) if x.free_symbols}
    loops = [node.range.symbol for node in walk(body) if isinstance(node, Loop)]
    yield from ((letter, found[letter]) for letter in loops if letter in found)


def _data(plain: Program, body: tuple[Node, ...]) -> Iterator[Access]:
    for node in walk(body):
        if isinstance(node, MultiplyAdd):
            yield from (f for f in node.factors if plain.storage(f.array).batched)


def _along(plain: Program, body: tuple[Node, ...], extents: dict[Symbol, Expr]) -> Symbol | None:
    """The last loop whose letter is the last subscript of an array with items."""
    last = {access.subscripts[-1] for access in _data(plain, body) if len(access.subscripts) > 1}
    return next((letter for letter in reversed(extents) if letter in last), None)


def _chunk(letter: Symbol, extent: Expr, taken: set[str]) -> Chunk:
    number, count, length, low = (
        _fresh(name.format(letter), taken) for name in ("chunk_{}", "chunks_{}", "length_{}", "{}0")
    )
    return Chunk(letter, number, count, length, low, extent)


def _shape(plain: Program, chunks: tuple[Chunk, ...], along: Symbol | None) -> tuple[Expr, ...]:
    return (*(c.count for c in chunks), *([Integer(LANES)] if along else []), *plain.result.shape)


def _cut_launch(launch: Launch, chunks: tuple[Chunk, ...], along: Symbol | None, lane: Symbol, stored: str) -> Launch:
    """The launch of a plain program, its loops cut: a thread a result, a chunk of each loop, and a lane."""
    numbers = tuple(Range(c.number, S.Zero, c.count) for c in chunks)
    lanes = (Range(lane, S.Zero, Integer(LANES)),) if along else ()
    lets = tuple(Let(c.low, c.number * c.length) for c in chunks)
    *begin, last = launch.body
    if not isinstance(last, Copy):
        raise NoLowering("it needs a register that is stored last")
    place = (*(c.number for c in chunks), *([lane] if along else []), *last.target.subscripts)
    store = replace(last, target=Access(stored, place), says=f"a part of {last.says.partition(' = ')[0]}")
    by = {c.letter: c for c in chunks}
    body = (*lets, *_cut(tuple(begin), by, along, lane), store)
    return Launch((*numbers, *launch.threads, *lanes), body, "a part of a result a thread")


def _cut(body: tuple[Node, ...], by: dict[Symbol, Chunk], along: Symbol | None, lane: Symbol) -> tuple[Node, ...]:
    return tuple(_cut_node(node, by, along, lane) for node in body)


def _cut_node(node: Node, by: dict[Symbol, Chunk], along: Symbol | None, lane: Symbol) -> Node:
    match node:
        case Loop(range=span, body=inner) if span.symbol in by:
            return chunk_of(node, by[span.symbol], lane if span.symbol == along else None, _cut(inner, by, along, lane))
        case Loop(body=inner) | Guard(body=inner):
            return replace(node, body=_cut(inner, by, along, lane))
    return node


def chunk_of(node: Loop, chunk: Chunk, lane: Symbol | None, body: tuple[Node, ...]) -> Loop:
    """The places of a loop that lie in a chunk; with a lane each LANES-th of the chunk's. No chunk starts below 0."""
    span, end = node.range, built(Min, node.range.stop, chunk.low + chunk.length)
    first = built(Max, *(e for e in Max.make_args(span.start) if e != 0), chunk.low)
    if lane is None:
        return replace(node, range=Range(span.symbol, first, end), body=body)
    start = first + Mod(chunk.low + lane - first, LANES) if first != chunk.low else chunk.low + lane
    return replace(node, range=Range(span.symbol, start, end, Integer(LANES)), body=body)


def fold_form() -> Form:
    """S[s, p] = Σ_t P[FOLD·s + t, p], 0 ≤ t < FOLD, of an array with so many parts and results, into so many sums."""
    parts, results, sums, s, p, t = map(index, ("parts", "results", "sums", "s", "p", "t"))
    across = Axis(p, S.Zero, results - 1)
    place = FOLD * s + t
    return Form(
        output=Array("S", (Axis(s, S.Zero, sums - 1), across)),
        input=Array("P", (Axis(index("k"), S.Zero, parts - 1), replace(across, symbol=index("q")))),
        reduction=(Axis(t, S.Zero, Integer(FOLD - 1)),),
        domain=built(Le, place, parts - 1),
        weight=S.One,
        read=(place, p),
        bias=S.Zero,
        weights=(),
        biases=(),
        given=both(parts >= 1, results >= 1, sums >= 1),
    )


@lru_cache(maxsize=1)
def _fold() -> Program:
    return replace(direct(fold_form(), "threads", frozenset({"P", "S"}), name="fold"), says="parts of a sum, added up")
