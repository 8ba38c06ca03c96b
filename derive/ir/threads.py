"""What a launch does, counted: how many threads it has, and of each of them products, reads and stores, as expressions.

A read is done once for all values of the innermost loops that it doesn't move with. Guards count as if they always held, but
products are told: so many as a sum has terms. Loops are as long as the longest of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from itertools import product
from math import prod
from typing import Any

from sympy import Expr, Integer, Max, Min, S, Symbol, ceiling, expand

from derive.ir.blocks import WIDTHS, Blocked
from derive.ir.halos import Haloed
from derive.ir.nodes import (
    Access,
    Barrier,
    Copy,
    Guard,
    Launch,
    Let,
    Loop,
    MultiplyAdd,
    Program,
    Range,
    accesses_of,
    walk,
)
from derive.ir.tiles import Tiled
from derive.remembered import built, replaced

__all__ = ["PRODUCTS", "Threads", "blocked_threads", "halo_threads", "moved", "plain_threads", "tiled_threads"]

PRODUCTS = Symbol("products", integer=True)
_FAR = 5040  # a multiple of steps
Lets = Mapping[Symbol, frozenset[Symbol]]
Spans = tuple[Range, ...]
_Sum = tuple[MultiplyAdd, Spans, Spans, Expr]


@dataclass(frozen=True, slots=True)
class Threads:
    """Counts of one launch: those of a thread from `products` on, which the others are told in, as PRODUCTS; but not `moved`."""

    threads: Expr
    block: Expr
    products: Expr
    accesses: Expr
    entries: Expr
    moved: Expr
    rolled: Expr = S.Zero
    shared: Expr = S.Zero
    barriers: Expr = S.Zero
    sums: Expr = S.One
    own: bool = False


@dataclass(frozen=True, slots=True)
class _Met:
    """An access of an array in memory, or of one that a block shares, how often a thread does it, and for how many neighbours."""

    array: str
    times: Expr
    neighbours: Expr = S.One


def moved(program: Program) -> Expr:
    """How many entries the arrays have that a program reads or writes."""
    met = {a.array for node in walk(program.body) for a in accesses_of(node)}
    stored = [s for s in (*program.arguments, program.result) if s.name in met]
    return sum((prod(program.extents(s.name), start=S.One) for s in stored), S.Zero)


def plain_threads(program: Program, terms: Expr, block: int) -> Threads:
    """Of a program of one thread a result, whose sum has so many terms."""
    (launch,) = program.body
    assert isinstance(launch, Launch)
    count = _Counter(program, ())
    found = sum(count.products(launch.body, S.One), S.Zero)
    products = found if _reaches(found, terms) else built(Min, terms, found)
    total = sum((m.times for m in count.accesses(launch.body)), S.Zero)
    threads = count.all(launch.threads)
    return count.settled(Threads(threads, Integer(block), products, total, total, moved(program), rolled=PRODUCTS), {})


def blocked_threads(blocked: Blocked, block: int) -> Threads:
    """Of a program in blocks, where they are inside: all loops are written out, so that a weight is read once for all results."""
    body = blocked.branches.body
    lets = {node.symbol: node.value for node in blocked.launch.body if isinstance(node, Let)}
    count = _Counter(blocked.program, (*blocked.knobs, *lets))
    written = (*blocked.sums, *(Range(t.offset, S.Zero, t.extent) for t in blocked.tiles))
    met = [m for m in count.accesses(body) if not m.times.has(PRODUCTS)]
    weights = sum((count.cells(node, (), written) for node in walk(body) if isinstance(node, MultiplyAdd)), S.Zero)
    threads, sums = count.all(blocked.launch.threads), prod((tile.extent for tile in blocked.tiles), start=S.One)
    counted = Threads(
        threads,
        Integer(block),
        products=sums * blocked.terms,
        accesses=weights + sum((m.times for m in met), S.Zero),
        entries=weights + sum((m.times * m.neighbours for m in met), S.Zero),
        moved=moved(blocked.program),
        sums=sums,
        own=True,
    )
    return count.settled(counted, lets)


def tiled_threads(tiled: Tiled) -> Threads:
    """Of a program in tiles, where they are inside."""
    along, across = (r.stop for r in tiled.threads.threads)
    shared = frozenset(s.array for s in tiled.shared)
    count = _Counter(tiled.program, tiled.knobs, shared, along * across)
    met = tuple(count.accesses(tiled.branches.body))
    entries = sum((m.times for m in met if m.array not in shared), S.Zero)
    counted = Threads(
        threads=count.all(tiled.blocks.threads) * along * across,
        block=along * across,
        products=prod(tiled.registers.shape, start=S.One) * tiled.terms,
        accesses=entries,
        entries=entries,
        moved=moved(tiled.program),
        shared=sum((m.times for m in met if m.array in shared), S.Zero),
        barriers=sum(count.barriers(tiled.branches.body, S.One), S.Zero),
        sums=prod(tiled.registers.shape, start=S.One),
        own=True,
    )
    return count.settled(counted, {tiled.width: Integer(WIDTHS[-1])})


def halo_threads(haloed: Haloed) -> Threads:
    """Of a program of tiles with a halo, where they are inside: cells that unrolled products read twice are read once."""
    results, downs, lanes, _ = haloed.knobs
    shared, body = frozenset(s.array for s in haloed.shared), haloed.branches.body
    ends = dict((haloed.left, haloed.right))
    count = _Counter(haloed.program, (*haloed.knobs, *ends), shared, downs * lanes)
    met = [m for m in count.accesses(body) if not m.times.has(PRODUCTS)]
    filled = sum((m.times for m in met if m.array in shared), S.Zero)
    sums = list(count.sums(body, (), (), S.One))
    counted = Threads(
        threads=count.all(haloed.blocks.threads) * downs * lanes,
        block=downs * lanes,
        products=sum((share * count.all((*rolled, *written)) for _, rolled, written, share in sums), S.Zero),
        accesses=sum((m.times for m in met if m.array not in shared), S.Zero),
        entries=sum((m.times * m.neighbours for m in met if m.array not in shared), S.Zero),
        moved=moved(haloed.program),
        shared=filled + sum((share * count.cells(node, r, w) for node, r, w, share in sums), S.Zero),
        barriers=sum(count.barriers(body, S.One), S.Zero),
        sums=results,
        own=True,
    )
    return count.settled(counted, ends)


def _reaches(found: Expr, terms: Expr) -> bool:
    """Whether a product of least ones is the number of terms for one choice of them, and so never more."""
    least = sorted(found.atoms(Min), key=str)
    choices = product(*(e.args for e in least))
    return any(expand(replaced(found, dict(zip(least, some, strict=True))) - terms) == 0 for some in choices)


@dataclass(frozen=True, slots=True)
class _Counter:
    """Counts in sizes and knobs of a program whose blocks share some arrays and have so many threads."""

    program: Program
    knobs: tuple[Symbol, ...]
    shared: frozenset[str] = frozenset()
    block: Expr = S.One

    def settled(self, counted: Threads, values: Mapping[Any, Expr]) -> Threads:
        """In sizes and knobs alone: letters held by name are what they hold."""
        told = (getattr(counted, f.name) for f in fields(counted))
        twice = (replaced(replaced(e, dict(values)), dict(values)) if isinstance(e, Expr) else e for e in told)
        return Threads(*twice)

    def products(self, body: Iterable[Any], times: Expr) -> Iterator[Expr]:
        """How many products loops say that there are."""
        for node in body:
            match node:
                case Loop(range=span, body=inner):
                    yield from self.products(inner, times * self.one(span))
                case Guard(body=inner):
                    yield from self.products(inner, times)
                case MultiplyAdd(over=over):
                    yield times * self.all(over)

    def sums(self, body: Iterable[Any], rolled: Spans, written: Spans, share: Expr) -> Iterator[_Sum]:
        """Each product with the loops around it, those apart that are written out, and a thread's share of what is dealt out."""
        for node in body:
            match node:
                case Loop(range=span, body=inner, unrolled=unrolled):
                    spans = (rolled, (*written, span)) if unrolled else ((*rolled, span), written)
                    yield from self.sums(inner, *spans, share)
                case Guard(body=inner):
                    yield from self.sums(inner, rolled, written, share)
                case Launch(threads=threads, body=inner):
                    yield from self.sums(inner, (*rolled, *threads), written, share / self.block)
                case MultiplyAdd():
                    yield node, rolled, written, share

    def cells(self, node: MultiplyAdd, rolled: Spans, written: Spans) -> Expr:
        """How many entries of memory products read, each once in loops that are written out."""
        stored = (f for f in node.factors if f.array in self.stored)
        return sum((self.all(rolled) * self._entries(f, written) for f in stored), S.Zero)

    def _entries(self, access: Access, written: Spans) -> Expr:
        """How many entries are met while letters run: from the first to the last of an axis, or one for each of their values."""
        spans = [(e, [r for r in written if r.symbol in e.free_symbols]) for e in map(expand, access.subscripts)]
        met = [r for _, moving in spans for r in moving]
        if len(set(met)) < len(met):
            return self.all(dict.fromkeys(met))
        found = S.One
        for place, moving in spans:
            neighbours = all(abs(place.coeff(r.symbol)) == 1 for r in moving)
            found *= 1 + sum((self.one(r) - 1 for r in moving), S.Zero) if neighbours else self.all(moving)
        return found

    def barriers(self, body: Iterable[Any], times: Expr) -> Iterator[Expr]:
        """How often a thread waits."""
        for node in body:
            match node:
                case Barrier():
                    yield times
                case Loop(range=span, body=inner):
                    yield from self.barriers(inner, times * self.one(span))
                case Guard(body=inner):
                    yield from self.barriers(inner, times)

    def accesses(self, body: Iterable[Any], loops: tuple[Range, ...] = (), lets: Lets | None = None) -> Iterator[_Met]:
        """Each access of memory; entries that a launch inside deals out are done by a block together."""
        known = dict(lets or {})
        for node in body:
            match node:
                case Let(symbol=symbol, value=value):
                    known[symbol] = _behind(value.free_symbols, known)
                case Loop(range=span, body=inner):
                    yield from self.accesses(inner, (*loops, span), known)
                case Guard(body=inner):
                    yield from self.accesses(inner, loops, known)
                case Launch(threads=spans, body=inner):
                    for met in self.accesses(inner, (*loops, *spans), known):
                        yield replace(met, times=met.times / self.block)
                case Copy() | MultiplyAdd():
                    yield from self._of(node, loops, known)

    @property
    def stored(self) -> frozenset[str]:
        """The arrays in memory, and those that a block shares."""
        return self.shared | {s.name for s in (*self.program.arguments, self.program.result)}

    def _of(self, node: Copy | MultiplyAdd, loops: tuple[Range, ...], known: Lets) -> Iterator[_Met]:
        for access in accesses_of(node):
            if access.array not in self.stored:
                continue
            if isinstance(node, MultiplyAdd):
                yield _Met(access.array, PRODUCTS / self.all(_still(access, (*loops, *node.over), known)))
            else:
                still = _still(access, loops, known)
                yield _Met(access.array, self.all(loops[: len(loops) - len(still)]), self.all(node.over))

    def all(self, ranges: Iterable[Range]) -> Expr:
        """How many points a box has."""
        return prod(map(self.one, ranges), start=S.One)

    def one(self, span: Range) -> Expr:
        """How many values, at most: of several ends those are taken that make its length a matter of sizes alone."""
        starts, stops = Max.make_args(span.start), Min.make_args(span.stop)
        lengths = [expand(stop - start) for stop in stops for start in starts]
        still = {e for e in map(self._everywhere, lengths) if e is not None}
        kept = sorted(still or {self._first(lengths[0])}, key=str)
        length = kept[0] if len(kept) == 1 else built(Min, *kept)
        return length if span.step == 1 else ceiling(length / span.step)

    def _everywhere(self, length: Expr) -> Expr | None:
        """A length that is the same wherever a thread, or a loop around, is; None for any other."""
        first, later = self._first(length), self._first(length, _FAR)
        return first if first == later else None

    def _first(self, length: Expr, at: int = 0) -> Expr:
        """A length where all letters besides sizes and knobs have some value."""
        sizes = {*self.program.sizes, self.program.batch, *self.knobs}
        letters = [s for s in length.free_symbols if s not in sizes]
        return expand(replaced(length, dict.fromkeys(letters, Integer(at))))


def _still(access: Access, loops: tuple[Range, ...], known: Lets) -> tuple[Range, ...]:
    """The innermost loops that an access doesn't move with."""
    moving = _behind({s for e in access.subscripts for s in e.free_symbols}, known)
    count = 0
    while count < len(loops) and loops[-1 - count].symbol not in moving:
        count += 1
    return loops[len(loops) - count :]


def _behind(symbols: Iterable[Symbol], known: Lets) -> frozenset[Symbol]:
    """The letters that these are made of, with those that they hold by name."""
    return frozenset(s for symbol in symbols for s in (symbol, *known.get(symbol, ())))
