"""A block of threads computes a tile from cells that it keeps in shared memory: what the tile reads, its halo included.

    for each o:  H[o] = u + Σ_r V[r]·X[ι(o, r)]
    ⟶
    for each tile:  x = X, v = V, by all threads;  A[o] = u;  A[o] += v[r]·x[..], for each o of a thread and each r;  H[o] = A[o]

and, where weights are products of such that move along rows and such that move along columns, with a stage of the sum kept as well:

    for each tile:  x = X, p = P, q = Q;  Z[y, o] = Σ_b q[b]·x[y, ..], by all threads;  A[o] += p[a]·Z[y, o];  H[o] = A[o]

Inside, several neighbours are one access. At the edges cells are filled where the input has an entry, and products are added where
they are terms: none with a zero that isn't there. A continued edge is met where cells are filled, and nowhere else.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import Expr, Mod, S, Symbol, expand, true

from derive.algorithms._entries import entry
from derive.algorithms._halos.cells import Passes, Stage, asked, moved, results
from derive.algorithms._halos.reading import Reading, reading
from derive.algorithms._start import filled
from derive.algorithms._terms import ITEM
from derive.algorithms.direct import direct
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.halos import ARRAYS, Haloed
from derive.ir.nodes import (
    Access,
    Copy,
    Guard,
    Launch,
    Let,
    Loop,
    Node,
    Program,
    Range,
    Scratch,
)
from derive.remembered import replaced

__all__ = ["halos"]


def halos(form: Form, batched: frozenset[str], passes: bool = False, name: str = "") -> Haloed:
    """The program, with a first pass of the sum kept if so wanted. Raises NoLowering for a form that has none, with the reason."""
    if form.output.name not in batched or {p.name for p in form.params} & batched:
        raise NoLowering("it needs weights that are shared by all items")
    if form.weight == 0 or form.domain == False:  # noqa: E712
        raise NoLowering("it needs a term, and there is none")
    plain = direct(form, "threads", batched)
    found = reading(form)
    stages = Passes(found) if passes else Stage(found)
    if len(stages.shared()) > ARRAYS:
        raise NoLowering(f"it needs at most {ARRAYS - 1} factors, each with an array in shared memory")
    says = "two passes through shared memory" if passes else "tiles with a halo in shared memory"
    name = name or ("passes" if passes else "halos")
    program = replace(plain, name=name, says=says, body=(_blocks(found, stages, plain),))
    names = found.names
    terms, unrolled = S.One, names.results
    for axis in form.reduction:
        terms *= axis.extent
    for axis in stages.unrolled:
        unrolled *= axis.extent
    constants = _constants(found)
    return Haloed(program, found.splits, names.knobs, constants, *_ends(found), expand(unrolled), terms)


def _ends(found: Reading) -> tuple[tuple[Symbol, Expr], tuple[Symbol, Expr]]:
    """Where rows of cells begin and end: around what is read, at multiples of two accesses, which are whole sectors of memory."""
    names, (low, high) = found.names, found.ends
    return (names.left, low - Mod(low, 2 * names.width)), (names.right, high + Mod(-high, 2 * names.width))


def _constants(found: Reading) -> tuple[Symbol, ...]:
    """The sizes that say how many cells there are, or how many products are written out."""
    inner = (a for a in found.form.reduction if a not in found.outer)
    told = {s for a in inner for e in (a.lower, a.upper) for s in e.free_symbols}
    told |= {s for e in (*found.ends, *found.height) for s in e.free_symbols}
    return tuple(s for s in found.form.sizes if s in told)


def _blocks(found: Reading, stages: Stage, plain: Program) -> Launch:
    (launch,) = plain.body
    assert isinstance(launch, Launch)
    names, starts = found.names, {split.letter: split for split in found.splits}
    spans = tuple(
        Range(starts[r.symbol].start, r.start, r.stop, starts[r.symbol].extent) if r.symbol in starts else r
        for r in launch.threads
    )
    lets = tuple(Let(*end) for end in _ends(found))
    threads = (Range(names.down, S.Zero, names.downs), Range(names.along, S.Zero, names.lanes))
    body = (
        Scratch(names.sums.name, (names.results,)),
        Guard(found.inside, _branch(found, stages, False), _branch(found, stages, True)),
    )
    return Launch(spans, (*lets, *stages.shared(), Launch(threads, body)), "a tile a block")


def _branch(found: Reading, stages: Stage, tested: bool) -> tuple[Node, ...]:
    """A tile that is inside, or one at the edges, which is tested."""
    names = found.names
    there = found.simplified(found.form.output.holds()) if tested else true
    result = Access(names.sums.name, (names.register,))
    start = filled(found.form, result, (), entry(result))
    if isinstance(start, Copy):
        start = replace(start, source=moved(start.source, found.down))
    output = found.form.output
    target = Access(output.name, (ITEM, *output.storage(replaced(s, found.down) for s in output.symbols)))
    store = Copy(target, (), result, f"{entry(output.entry(target.subscripts[1:]))} = {entry(result)}")
    body = stages.sum(tested)
    for axis in reversed(found.outer):
        body = (Loop(Range(axis.symbol, axis.lower, axis.upper + 1), body),)
    return (results(found, asked(there, start)), *body, results(found, asked(there, store)))
