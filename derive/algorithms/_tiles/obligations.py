"""What a program in tiles must satisfy to be the form: proved for tiles and chunks of any size.

A place of a letter is the start of a tile and digits in one way alone (division with remainder), so terms are named by these.

    denotes     inside and at the edges, the points of the sum are the live terms, each once, with the form's number in front; each
                result starts as its bias and is stored at its place
    made        every cell that is read was filled in the same chunk, before the barrier, and every register before, whether a term
                needs what is read or not
    shared      the cells of a term were filled with the entries that the form reads there, and no cell is filled twice in a chunk
    in bounds   every subscript of an array, of cells or of registers is a position of it
    narrow      no index, bound or part of one leaves 32 bits, where no size is more than 2²⁸; places in memory have 64 bits
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from sympy import Eq, Expr, Ge, Integer, Le, Lt, Mod, Not, Or, S, Symbol

from derive.algorithms._strips.fitting import fits
from derive.algorithms._terms import product_in
from derive.algorithms._tiles.reading import COLUMNS
from derive.algorithms._tiles.structure import Parts, Point, check_tiled, within
from derive.errors import NoLowering
from derive.forms.expr import index
from derive.forms.form import Form, equal_places
from derive.ir.blocks import MOST
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
from derive.proof.goal import Goal, Obligation
from derive.proof.solver import discharge
from derive.remembered import both, built, replaced

__all__ = ["fitted", "indices", "tile_obligations"]

_LARGEST = 2**10  # of a knob


def tile_obligations(tiled: Tiled, form: Form) -> tuple[Obligation, ...]:
    """Raises NoLowering for a program of another shape."""
    inside, edges = check_tiled(tiled)
    name, proof = tiled.program.name, _Proof(tiled, form)
    found = (
        Obligation(
            "denotes",
            f"The points of the program '{name}' are the form's live terms, each once, with the same entries.",
            (*proof.denotes(inside), *proof.denotes(edges)),
        ),
        Obligation(
            "made",
            f"Every cell that the program '{name}' reads was filled first, in the same chunk, and every register before.",
            (*proof.made(inside), *proof.made(edges)),
        ),
        Obligation(
            "shared",
            f"Every cell of the program '{name}' is filled by one thread, those of a term with the entries that the form reads.",
            (*proof.cells(inside), *proof.cells(edges)),
        ),
        Obligation(
            "in bounds",
            f"Every access of the program '{name}' is inside its array, its cells or its registers.",
            (*proof.bounds(inside), *proof.bounds(edges)),
        ),
    )
    return (*found, _narrow(replace(tiled, narrow=False), form)) if tiled.narrow else found


def fitted(tiled: Tiled, form: Form) -> Tiled:
    """The program with indices of 32 bits, if they are proved to fit."""
    check_tiled(tiled)
    return replace(tiled, narrow=discharge(_narrow(tiled, form)).proved)


@dataclass(frozen=True)
class _Proof:
    """The goals of a program."""

    tiled: Tiled
    form: Form

    @cached_property
    def given(self) -> tuple[Any, ...]:
        return _given(self.tiled, self.form)

    def named(self, summed: bool) -> tuple[Any, ...]:
        """What is known of the starts and digits of a result's place, or of a term's."""
        tiled = self.tiled
        known: list[Any] = []
        for split in (*tiled.splits, *([tiled.summed] if summed else [])):
            known.append(built(Ge, split.start, 0))
            known += [fact for digit, extent in split.digits for fact in within(Range(digit, S.Zero, extent))]
        item, batch = tiled.program.item, tiled.program.batch
        place = tiled.down.get(item, item)
        return (*known, built(Ge, place, 0), built(Lt, place, batch))

    def denotes(self, parts: Parts) -> Iterator[Goal]:
        yield from self.starts(parts.begin)
        yield from self.terms(parts)
        yield from self.stores(parts.store)

    def exists(self, parts: Point) -> tuple[Any, ...]:
        """What is known of a result in the branch in which a point is."""
        condition = self.tiled.branches.condition
        branch = condition if condition in parts.facts else Not(condition)
        return (*self.given, *self.named(False), replaced(self.form.output.holds(), self.tiled.down), branch)

    def starts(self, point: Point) -> Iterator[Goal]:
        """Every register of a result starts as its bias."""
        form, down, node = self.form, self.tiled.down, point.node
        same: list[Any] = [replaced(form.output.holds(), down)]
        if isinstance(node, Copy):
            product = product_in(form, form.bias)
            if [node.source.array] != [b.array for b in product.factors]:
                raise NoLowering("A program starts from something else than its form's bias.")
            box = next(p.array for p in form.biases if p.name == node.source.array)
            places = box.storage(replaced(e, down) for e in product.factors[0].subscripts)
            same += [equal_places(node.source.subscripts, places), built(Eq, node.times, replaced(product.times, down))]
        elif form.bias != 0:
            raise NoLowering("A program starts from something else than its form's bias.")
        yield Goal((*self.given, *point.facts), both(*same))
        yield Goal(self.exists(point), both(*point.facts))

    def terms(self, parts: Parts) -> Iterator[Goal]:
        """The points are the live terms, each once, with the form's number in front."""
        form, tiled = self.form, self.tiled
        down, product = tiled.down, product_in(form, form.weight)
        live = replaced(form.live, down)
        times = replaced(product.times, down)
        own = {s for split in (*tiled.splits, tiled.summed) for s in (split.start, *(d for d, _ in split.digits))}
        own |= {*form.reduction_symbols, *form.output.symbols, tiled.program.item} - set(down)
        points = [term.point for term in parts.terms]
        for point in points:
            if set(point.letters) != own:
                raise NoLowering("A sum runs through other letters than its form.")
            yield Goal((*self.given, *point.facts), both(live, built(Eq, point.product.times, times)))
        facts = [both(*point.facts) for point in points]
        yield Goal((*self.exists(points[0]), *self.named(True), live), built(Or, *facts))
        for number, fact in enumerate(facts):
            yield from (Goal((*self.given, fact, other), S.false) for other in facts[:number])

    def stores(self, point: Point) -> Iterator[Goal]:
        """Every register of a result is stored at its place, and no other; several at once start at a multiple of their number."""
        column = self.tiled.splits[-1].digits[0][0]
        for width, facts, there in self.accesses(point):
            register = point.copy.source.subscripts[-1]
            down = {s: replaced(e, {column: register}) for s, e in self.tiled.down.items()}
            places = self.form.output.storage(replaced(s, down) for s in self.form.output.symbols)
            target = point.copy.target.subscripts
            same = equal_places(target, (replaced(self.tiled.program.item, down), *places))
            yield Goal((*self.given, *facts), both(replaced(self.form.output.holds(), down), same))
            back = built(Eq, replaced(register, there), column)
            yield Goal(self.exists(point), replaced(both(*facts, back), there))
            if width > 1:
                yield self.aligned(point, width, facts)

    def accesses(self, point: Point) -> Iterator[tuple[int, tuple[Any, ...], dict[Symbol, Expr]]]:
        """For each width of the store: what holds at it, and at which letters it stores a register."""
        if not point.copy.over:
            yield 1, point.facts, {}
            return
        column, (lane,), first = self.tiled.splits[-1].digits[0][0], point.copy.over, point.letters[-2]
        for width in (1, int(COLUMNS)):
            at = {self.tiled.width: Integer(width)}
            facts = (*(replaced(f, at) for f in point.facts), built(Eq, Mod(first, width), 0))
            yield width, facts, {first: column - Mod(column, width), lane.symbol: Mod(column, width)}

    def aligned(self, point: Point, width: int, facts: tuple[Any, ...]) -> Goal:
        """Given that the last extent of the result is a multiple of the width, so is the first place of an access."""
        split, lane = self.tiled.splits[-1], {point.copy.over[0].symbol: S.Zero}
        extent, whole = self.tiled.program.result.shape[-1], split.digits[0][1]
        known = (
            built(Eq, Mod(extent, width), 0),
            built(Eq, Mod(split.start, whole), 0),
            *(replaced(f, lane) for f in facts),
        )
        ends = (a.subscripts[-1] for a in accesses_of(point.node))
        starts = (built(Eq, Mod(replaced(e, lane), width), 0) for e in ends)
        return Goal((*self.given, *known), both(*starts, built(Eq, Mod(whole, width), 0)))

    def made(self, parts: Parts) -> Iterator[Goal]:
        """What is read was filled, under the conditions of the read alone; a product and a store read registers."""
        fills = {point.node.target.array: (point, launch) for point, launch in parts.fills}
        start = both(*parts.begin.facts)
        for term in parts.terms:
            for point in term.reads:
                yield self.filled(point, *fills[point.copy.source.array])
            read = (fact for point in term.reads for fact in point.facts)
            yield Goal((*self.given, *term.point.facts), both(start, *read))
        column = self.tiled.splits[-1].digits[0][0]
        register = {column: parts.store.copy.source.subscripts[-1]}
        for _, facts, _ in self.accesses(parts.store):
            yield Goal((*self.given, *facts), replaced(start, register))

    def filled(self, point: Point, fill: Point, launch: Launch) -> Goal:
        """The cell that is read is one that a thread fills, at the letters that the reader has."""
        cell, target = point.copy.source, fill.copy.target
        at, whole = _solved(fill, cell, point, launch)
        same = equal_places((replaced(e, at) for e in target.subscripts), cell.subscripts)
        return Goal((*self.given, *point.facts), both(*(replaced(fact, at) for fact in fill.facts), same, whole))

    def cells(self, parts: Parts) -> Iterator[Goal]:
        """What a cell holds that a term reads; that it was filled is proved beside."""
        fills = {point.node.target.array: (point, launch) for point, launch in parts.fills}
        for point, launch in parts.fills:
            yield self.apart(point, launch)
        for term in parts.terms:
            read = {point.node.target: point for point in term.reads}
            for register, entry in zip(term.point.product.factors, self.entries(), strict=True):
                if register not in read:
                    raise NoLowering("A thread multiplies registers that it reads at the same letters.")
                cell = read[register].copy.source
                fill, launch = fills[cell.array]
                source = fill.copy.source
                if source.array != entry.array:
                    raise NoLowering(f"A program reads {source.array} where its form reads {entry.array}.")
                at, _ = _solved(fill, cell, term.point, launch)
                same = equal_places((replaced(e, at) for e in source.subscripts), entry.subscripts)
                yield Goal((*self.given, *term.point.facts), same)

    def entries(self) -> tuple[Access, Access]:
        """What a term multiplies, as positions in memory: an entry of the weights and one of the input."""
        form, down, item = self.form, self.tiled.down, self.tiled.program.item
        (factor,) = product_in(form, form.weight).factors
        box = next(p.array for p in form.params if p.name == factor.array)
        weight = Access(box.name, tuple(box.storage(replaced(e, down) for e in factor.subscripts)))
        places = form.input.storage(replaced(e, down) for e in form.read)
        return weight, Access(form.input.name, (replaced(item, down), *places))

    def apart(self, point: Point, launch: Launch) -> Goal:
        """Two points of a box that is dealt out fill two cells."""
        letters = [r.symbol for r in launch.threads]
        other = {s: index(f"{s.name}_other") for s in letters}
        box = tuple(fact for r in launch.threads for fact in within(r))
        cells = point.node.target.subscripts
        same = equal_places(cells, tuple(replaced(e, other) for e in cells))
        return Goal(
            (*self.given, *box, *(replaced(f, other) for f in box), same),
            both(*(built(Eq, s, o) for s, o in other.items())),
        )

    def bounds(self, parts: Parts) -> Iterator[Goal]:
        tiled = self.tiled
        shapes = {n.array: n.shape for n in walk(tiled.program.body) if isinstance(n, Scratch)}
        stored = {s.name for s in (*tiled.program.arguments, tiled.program.result)}
        sums = (p for term in parts.terms for p in (*term.reads, term.point))
        for point in (parts.begin, *(p for p, _ in parts.fills), *sums, parts.store):
            inside = []
            for access in accesses_of(point.node):
                shape = tiled.program.extents(access.array) if access.array in stored else shapes[access.array]
                inside += [
                    both(built(Le, 0, e), built(Lt, e, extent))
                    for e, extent in zip(access.subscripts, shape, strict=True)
                ]
            for facts in [f for _, f, _ in self.accesses(point)] if point is parts.store else [point.facts]:
                yield Goal((*self.given, *facts), both(*inside))


def _solved(fill: Point, cell: Access, reader: Point, launch: Launch) -> tuple[dict[Symbol, Expr], Any]:
    """The letter of a thread that fills the cell that another one reads, and the condition that it is an integer."""
    free = [r.symbol for r in launch.threads if r.symbol not in reader.letters]
    if len(free) != 1:
        raise NoLowering("A cell is filled at the reader's letters but one.")
    for mine, wanted in zip(fill.copy.target.subscripts, cell.subscripts, strict=True):
        if free[0] in mine.free_symbols:
            step = mine.coeff(free[0])
            rest = wanted - (mine - step * free[0])
            return {free[0]: (rest / step).expand()}, built(Eq, Mod(rest.expand(), step), 0)
    raise NoLowering(f"No cell tells {free[0]}.")


def _given(tiled: Tiled, form: Form) -> tuple[Any, ...]:
    """What holds of sizes and of knobs."""
    return (form.given, built(Ge, tiled.program.batch, 1), *(built(Ge, knob, 1) for knob in tiled.knobs))


@lru_cache(maxsize=64)
def _narrow(tiled: Tiled, form: Form) -> Obligation:
    """Sizes are at most MOST, and knobs at most 2¹⁰; threads that fill cells go through all of a box, and one turn more."""
    program = tiled.program
    most = [built(Le, s, MOST) for s in (*program.sizes, program.batch)] + [built(Le, k, _LARGEST) for k in tiled.knobs]
    given = (*_given(tiled, form), *most)
    extents = [e for s in (*program.arguments, program.result) for e in s.shape]
    starts = [r.stop + r.step for r in tiled.blocks.threads]
    boxes = [_largest(node, tiled) for node in _launches(tiled.branches.body)]
    goals = [Goal(given, fits(*extents, *starts, *boxes))]
    facts = tuple(f for r in (*tiled.blocks.threads, *tiled.threads.threads) for f in within(r))
    found: dict[tuple[Any, ...], dict[Any, None]] = {}
    for known, parts in indices(tiled.threads.body, facts):
        found.setdefault(known, {}).update(dict.fromkeys(parts))
    goals += [Goal((*given, *known), fits(*parts)) for known, parts in found.items()]
    says = f"The indices of the program '{program.name}' fit 32 bits where no size is more than {MOST}."
    return Obligation("narrow", says, tuple(goals))


def _launches(body: tuple[Node, ...]) -> Iterator[Launch]:
    for node in body:
        if isinstance(node, Launch):
            yield node
        elif isinstance(node, (Loop, Guard)):
            yield from _launches(node.body)


def _largest(launch: Launch, tiled: Tiled) -> Expr:
    """The number behind the last point of a box, with one for each thread more, where all knobs are largest."""
    box, threads = S.One, S.One
    for r in launch.threads:
        box *= r.stop
    for r in tiled.threads.threads:
        threads *= r.stop
    return (box + threads).subs(dict.fromkeys(tiled.knobs, _LARGEST))


def indices(body: tuple[Node, ...], facts: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], list[Any]]]:
    """What is computed where, with what holds of the letters there; conditions aren't needed."""
    for node in body:
        match node:
            case Scratch(shape=shape):
                yield facts, list(shape)
            case Loop(range=span, body=inner):
                yield facts, [span.start, span.stop]
                yield (*facts, *within(span)), [span.symbol + span.step]
                yield from indices(inner, (*facts, *within(span)))
            case Launch(threads=threads, body=inner):
                yield from indices(inner, (*facts, *(f for r in threads for f in within(r))))
            case Guard(condition=condition, body=inner, otherwise=other):
                yield facts, [condition]
                yield from indices((*inner, *other), facts)
            case Copy() | Fill() | MultiplyAdd():
                facts_here = (*facts, *(f for r in node.over for f in within(r)))
                yield facts_here, [e for a in accesses_of(node) for e in a.subscripts]
            case Barrier():
                continue
