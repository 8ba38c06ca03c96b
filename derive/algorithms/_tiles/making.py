"""A block of threads computes a tile: places × weights, summed in chunks whose entries it holds in shared memory.

    for each o:  H[o] = u + Σ_r V[r]·X[ι(o, r)]
    ⟶
    for each tile:  for its threads:  A[r, s] = u
                                      for each tap, for each chunk k:  x[k, place] = X;  v[k, weight] = V, by all threads
                                                                       A[r, s] += v[k, weight]·x[k, place]
                                      H[tile] = A

An entry of the input serves all weights of the tile, an entry of the weights all of its places. Cells that no term reads
aren't filled, and no product is added that isn't a term, so that a sum is that of the direct program.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sympy import Le, Min, S, Symbol, expand, true

from derive.algorithms._entries import entry
from derive.algorithms._start import filled
from derive.algorithms._terms import BATCH, ITEM
from derive.algorithms._tiles.reading import COLUMNS, ROWS, Asked, Reading, reading
from derive.algorithms.direct import direct
from derive.errors import NoLowering
from derive.forms.conditions import simplified
from derive.forms.expr import Read
from derive.forms.form import Form
from derive.ir.nodes import (
    Access,
    Barrier,
    Copy,
    Guard,
    Launch,
    Loop,
    MultiplyAdd,
    Node,
    Program,
    Range,
    Scratch,
)
from derive.ir.tiles import Split, Tiled
from derive.remembered import both, built, replaced

__all__ = ["tiles"]

PADDING = 4  # cells behind each row of shared memory, so that threads that fill a column don't meet in a bank


def tiles(form: Form, batched: frozenset[str], name: str = "tiles") -> Tiled:
    """The program in tiles. Raises NoLowering for a form that has none, with the reason."""
    if form.output.name not in batched or {p.name for p in form.params} & batched:
        raise NoLowering("it needs weights that are shared by all items")
    if form.weight == 0 or form.domain == False:  # noqa: E712
        raise NoLowering("it needs a term, and there is none")
    plain = direct(form, "threads", batched)
    found = reading(form)
    program = replace(plain, name=name, says="tiles of places and weights a block", body=(_blocks(found, plain),))
    terms = S.One
    for axis in form.reduction:
        terms *= axis.extent
    names = found.names
    knobs = (names.places, names.weights, names.chunk, names.width)
    return Tiled(program, found.splits, found.summed, found.end, len(found.places), knobs, terms)


def _blocks(found: Reading, plain: Program) -> Launch:
    (launch,) = plain.body
    assert isinstance(launch, Launch)
    starts = {split.letter: split for split in found.splits}
    spans = tuple(_tiles_of(r, starts[r.symbol]) if r.symbol in starts else r for r in launch.threads)
    names = found.names
    threads = (Range(names.place, S.Zero, names.places), Range(names.weight, S.Zero, names.weights))
    body = (Scratch(names.results.name, (ROWS, COLUMNS)), Guard(found.inside, _inner(found), _edge(found)))
    rows = (Scratch(a.name, (names.chunk, ROWS * e + PADDING)) for a, e in ((names.inputs, names.places),))
    columns = Scratch(names.factors.name, (names.chunk, COLUMNS * names.weights + PADDING))
    return Launch(spans, (*rows, columns, Launch(threads, body)), "a tile a block")


def _tiles_of(r: Range, split: Split) -> Range:
    return Range(split.start, r.start, r.stop, split.extent)


def _inner(found: Reading) -> tuple[Node, ...]:
    """A tile that is inside: whole chunks are unrolled."""
    names, start = found.names, found.summed.start
    whole = Loop(Range(names.step, S.Zero, names.chunk), _products(found, found.inner), "", True)
    rest = Loop(Range(names.step, S.Zero, expand(found.end - start)), _products(found, found.inner))
    uses = Guard(built(Le, start + names.chunk, found.end), (whole,), (rest,))
    return (*_begin(found, true), *_sum(found, found.inner, uses), *_wide_store(found))


def _edge(found: Reading) -> tuple[Node, ...]:
    """A tile at the edges."""
    names, start = found.names, found.summed.start
    stop = built(Min, names.chunk, expand(found.end - start))
    uses = Loop(Range(names.step, S.Zero, stop), _products(found, found.edge))
    there = _exists(found)
    return (*_begin(found, there), *_sum(found, found.edge, uses), *_store(found, there))


def _exists(found: Reading) -> Any:
    """Whether a register has a result."""
    axes = {a.symbol: a for a in found.form.output.axes}
    return both(*(built(Le, s.place, axes[s.letter].upper if s.letter in axes else BATCH - 1) for s in found.splits))


def _begin(found: Reading, there: Any) -> tuple[Node, ...]:
    names = found.names
    place = Access(names.results.name, (names.row, names.column))
    node = filled(found.form, place, (), entry(place))
    if isinstance(node, Copy):
        node = replace(node, source=_moved(node.source, found.at))
    return _registers(found, _asked(there, node))


def _store(found: Reading, there: Any) -> tuple[Node, ...]:
    return _registers(found, _asked(there, _stored(found, found.names.column)))


def _wide_store(found: Reading) -> tuple[Node, ...]:
    """So many results at once, where they are neighbours in memory."""
    names = found.names
    if found.form.output.symbols[-1] != found.weights.letter:
        return _store(found, true)
    lanes = (Range(names.lane, S.Zero, names.width),)
    inner = Loop(
        Range(names.first, S.Zero, COLUMNS, names.width), (_stored(found, names.first + names.lane, lanes),), "", True
    )
    return (_along(names.row, ROWS, (inner,)),)


def _stored(found: Reading, column: Any, over: tuple[Range, ...] = ()) -> Copy:
    """Registers into the places of their results."""
    names, output = found.names, found.form.output
    at = {s: replaced(e, {names.column: column}) for s, e in found.at.items()}
    places = output.storage(replaced(s, at) for s in output.symbols)
    target = Access(output.name, (expand(replaced(ITEM, at)), *places))
    source = Access(names.results.name, (names.row, column))
    return Copy(target, over, source, f"{entry(output.entry(target.subscripts[1:]))} = {entry(source)}")


def _moved(access: Access, at: dict[Symbol, Any]) -> Access:
    return Access(access.array, tuple(expand(replaced(e, at)) for e in access.subscripts))


def _asked(condition: Any, *body: Node) -> tuple[Node, ...]:
    return body if condition == True else (Guard(condition, body),)  # noqa: E712


def _registers(found: Reading, body: tuple[Node, ...]) -> tuple[Node, ...]:
    names = found.names
    return (_along(names.row, ROWS, (_along(names.column, COLUMNS, body),)),)


def _sum(found: Reading, asked: Asked, uses: Node) -> tuple[Node, ...]:
    """Taps, and chunks: each is filled by all threads, and used when all have come."""
    start, names = found.summed.start, found.names
    body: tuple[Node, ...] = (*_filling(found, asked), Barrier(), uses, Barrier())
    body = (Loop(Range(start, S.Zero, found.end, names.chunk), body),)
    for axis in reversed(found.taps):
        body = (Loop(Range(axis.symbol, axis.lower, axis.upper + 1), body),)
    return body


def _cells(found: Reading) -> tuple[tuple[Symbol, Any], ...]:
    """The shared arrays of weights and of entries of the input, and which cell of a place of a chunk a register reads."""
    names = found.names
    return (names.factors, COLUMNS * names.weight + names.column), (names.inputs, ROWS * names.place + names.row)


def _products(found: Reading, asked: Asked) -> tuple[Node, ...]:
    """What one place of a chunk adds to a thread's registers: cells are read once, and used by a row or a column of results."""
    names, form = found.names, found.form
    (factors, column), (inputs, row) = _cells(found)
    weight, source = Access(names.factor.name, (names.column,)), Access(names.entry.name, (names.row,))
    always = _of_chunk(asked.always, found)
    columns, places = both(always, asked.weights), both(always, asked.places)
    target = Access(names.results.name, (names.row, names.column))
    says = "·".join([*(entry(f) for f in found.product.factors), entry(form.input.entry(form.read))])
    node: Node = MultiplyAdd(target, (), (weight, source), "", replaced(found.product.times, found.at))
    node = _along(names.column, COLUMNS, _asked(asked.weights, node))
    return (
        Scratch(weight.array, (COLUMNS,)),
        Scratch(source.array, (ROWS,)),
        _along(names.column, COLUMNS, _asked(columns, Copy(weight, (), Access(factors.name, (names.step, column))))),
        _along(names.row, ROWS, _asked(places, Copy(source, (), Access(inputs.name, (names.step, row))))),
        _along(names.row, ROWS, _asked(places, node), f"{entry(target)} += {says}"),
    )


def _along(register: Symbol, count: Any, body: tuple[Node, ...], says: str = "") -> Loop:
    """The body for each register."""
    return Loop(Range(register, S.Zero, count), body, says, True)


def _of_chunk(condition: Any, found: Reading) -> Any:
    """A condition without what the loop through a chunk says."""
    end = built(Le, found.summed.place, found.end - 1)
    return simplified(condition, end)


def _filling(found: Reading, asked: Asked) -> tuple[Node, ...]:
    """The cells of a chunk: entries of the input, and of the weights."""
    names, form, product = found.names, found.form, found.product
    box = next(p.array for p in form.params if p.name == product.factors[0].array)
    entries = (product.factors[0], form.input.entry(form.read))
    places = (tuple(box.storage(entries[0].subscripts)), (ITEM, *form.input.storage(form.read)))
    conditions = (both(asked.always, asked.weights), both(asked.always, asked.places))
    return tuple(
        _filled(found, Access(array.name, (names.step, offset)), read, place, condition)
        for (array, offset), read, place, condition in zip(_cells(found), entries, places, conditions, strict=True)
    )


def _filled(found: Reading, cell: Access, read: Read, place: tuple[Any, ...], asked: Any) -> Launch:
    """One array of cells, filled in the order in which memory has their entries."""
    names = found.names
    of_input = cell.array == names.inputs.name
    own, register = (names.place, names.row) if of_input else (names.weight, names.column)
    threads, registers = (names.places, ROWS) if of_input else (names.weights, COLUMNS)
    at = {own: names.filling}
    target = _moved(cell, at)
    copy = Copy(target, (), _moved(_moved(Access(read.array, place), found.at), at))
    others = (Range(names.filling, S.Zero, threads), Range(register, S.Zero, registers))
    step = Range(names.step, S.Zero, names.chunk)
    spans = (*others, step) if found.summed.letter in place[-1].free_symbols else (step, *others)
    says = f"{entry(target)} = {entry(replaced(replaced(read, found.at), at))}"
    return Launch(spans, _asked(replaced(asked, at), copy), says)
