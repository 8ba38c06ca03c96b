"""What a program in blocks must satisfy to be the form: proved for blocks of any size, for each width of an access.

A place i of the output is start + offset in one tile alone (division with remainder), so terms are named by starts and offsets.

    denotes     inside and at the edges, the points of the sum are the live terms, each once, and their entries are the form's, seen
                through the registers of a row; each result starts as its bias and is stored at its place
    made        every register that is read was filled before: of a row by its own load, of a result by its start
    in bounds   every subscript of an array or of registers is a position of it, with no test inside
    aligned     an access of several neighbours starts at a multiple of their number, where the last extents are multiples of it
                too: then its place in memory is one, since all that is in front is counted by the last extent
    narrow      no index, bound or part of one leaves 32 bits, where no size is more than 2²⁸; places in memory have 64 bits
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from sympy import Eq, Expr, Ge, Integer, Le, Lt, Mod, Not, S, Symbol

from derive.algorithms._strips.fitting import fits
from derive.algorithms._strips.structure import Load, Point, check_blocked, deeper, points, within
from derive.algorithms._terms import product_in
from derive.errors import NoLowering
from derive.forms.form import Form, equal_places
from derive.ir.blocks import BLOCK, MOST, WIDTHS, Blocked
from derive.ir.nodes import Access, Copy, Fill, Guard, Let, Loop, MultiplyAdd, Node, Range, Scratch, accesses_of
from derive.proof.goal import Goal, Obligation
from derive.proof.solver import discharge
from derive.remembered import both, built, replaced

__all__ = ["narrowed", "strip_obligations"]

_LARGEST_BLOCK = 2**10


def strip_obligations(blocked: Blocked, form: Form) -> tuple[Obligation, ...]:
    """For each width. Raises NoLowering for a program of another shape."""
    check_blocked(blocked)
    found = [o for width in WIDTHS for o in _Proof(blocked.at(width), form, width).obligations()]
    return (*found, _narrow(replace(blocked, narrow=False), form)) if blocked.narrow else tuple(found)


def narrowed(blocked: Blocked, form: Form) -> Blocked:
    """The program with indices of 32 bits, if they are proved to fit."""
    check_blocked(blocked)
    return replace(blocked, narrow=discharge(_narrow(blocked, form)).proved)


@dataclass(frozen=True)
class _Proof:
    """The goals of a program, for one width."""

    blocked: Blocked
    form: Form
    width: int

    def obligations(self) -> Iterator[Obligation]:
        name, of = self.blocked.program.name, f"where {self.width} neighbours are one access"
        of = "where neighbours are read one by one" if self.width == 1 else of
        yield Obligation(
            "denotes",
            f"The points of the program '{name}' are the form's live terms, each once, with the same entries, {of}.",
            (*self.inside(), *self.edges()),
        )
        yield Obligation(
            "made",
            f"Every register that the program '{name}' reads was filled first, {of}.",
            tuple(self.made()),
        )
        yield Obligation(
            "in bounds",
            f"Every access of the program '{name}' is inside its array or its registers, {of}.",
            tuple(self.bounds()),
        )
        if self.width > 1:
            yield Obligation(
                "aligned",
                f"Every access of {self.width} neighbours of the program '{name}' starts at a multiple of {self.width}.",
                tuple(self.alignment()),
            )

    @property
    def given(self) -> tuple[object, ...]:
        return _given(self.blocked, self.form, self.width)

    @property
    def around(self) -> Point:
        """What holds in a thread, and the integers that it holds."""
        here = deeper(Point(Fill(Access("", ()), ())), self.blocked.launch.threads, self.blocked)
        held: tuple[tuple[Symbol, Expr], ...] = ()
        for let in self.blocked.launch.body[:-1]:
            assert isinstance(let, Let)
            held = (*held, (let.symbol, replaced(let.value, dict(held))))
        return replace(here, held=held)

    def branch(self, inside: bool) -> list[Point]:
        guard, around = self.blocked.branches, self.around
        condition = around.value(guard.condition)
        here = replace(around, facts=(*around.facts, condition if inside else Not(condition)))
        return list(points(guard.body if inside else guard.otherwise, self.blocked, here))

    def of_block(self, inside: bool) -> tuple[object, ...]:
        """What is known of a result that a block has: of its tile, and in which branch it is."""
        item, batch = self.blocked.program.item, self.blocked.program.batch
        known: list[object] = [built(Le, 0, item), built(Lt, item, batch)]
        for t in self.blocked.tiles:
            known += within(Range(t.start, Integer(0), t.start + 1, t.extent), self.blocked)
            known += [built(Le, 0, t.offset), built(Lt, t.offset, t.extent)]
        condition = self.around.value(self.blocked.branches.condition)
        return (*known, condition if inside else Not(condition))

    def inside(self) -> Iterator[Goal]:
        start, load, term, store = self.branch(True)
        down = dict(self.blocked.chart.down)
        assert isinstance(start.node, (Copy, Fill)) and isinstance(load.node, Copy)
        assert isinstance(term.node, MultiplyAdd) and isinstance(store.node, Copy)
        yield from self.starts(start, start.node, down, True)
        yield from self.terms(term, term.node, down, True)
        yield from self.rows(term, term.node, down)
        yield from self.stores(store, store.node, down)

    def edges(self) -> Iterator[Goal]:
        start, term, store = self.branch(False)
        down = {t.letter: t.start + t.offset for t in self.blocked.tiles}
        own = {t.offset: t.letter - t.start for t in self.blocked.tiles}
        assert isinstance(start.node, (Copy, Fill)) and isinstance(store.node, Copy)
        assert isinstance(term.node, MultiplyAdd)
        yield from self.starts(start, start.node, {}, False)
        yield from self.terms(term, term.node, {}, False)
        places = equal_places(store.place(store.node.target)[1:], self.form.output.storage(self.form.output.symbols))
        whole = replaced(self.form.output.holds(), down)
        tiles = tuple(replaced(f, own) for f in self.of_block(False)[2:])
        yield Goal((*self.given, *store.facts), both(self.form.output.holds(), places, *tiles))
        yield Goal((*self.given, *self.of_block(False), whole), replaced(both(*store.facts), down))

    def starts(self, point: Point, node: Copy | Fill, down: dict[Symbol, Expr], inside: bool) -> Iterator[Goal]:
        """Every register starts as the bias of its result."""
        form = self.form
        same: list[object] = [replaced(form.output.holds(), down)]
        if isinstance(node, Copy):
            product = product_in(form, form.bias)
            if [node.source.array] != [b.array for b in product.factors]:
                raise NoLowering("A program starts from something else than its form's bias.")
            box = next(p.array for p in form.biases if p.name == node.source.array)
            places = box.storage(replaced(e, down) for e in product.factors[0].subscripts)
            same += [
                equal_places(point.place(node.source), places),
                built(Eq, node.times, replaced(product.times, down)),
            ]
        elif form.bias != 0:
            raise NoLowering("A program starts from something else than its form's bias.")
        yield Goal((*self.given, *point.facts), both(*same))
        at = {t.letter: t.start + t.offset for t in self.blocked.tiles}
        live = replaced(form.output.holds(), at)
        yield Goal((*self.given, *self.of_block(inside), live), replaced(both(*point.facts), {} if inside else at))

    def terms(self, point: Point, node: MultiplyAdd, down: dict[Symbol, Expr], inside: bool) -> Iterator[Goal]:
        """The points are the live terms, each once, with their weights; at the edges with their entry of the input too."""
        form, blocked = self.form, self.blocked
        product = product_in(form, form.weight)
        boxes = {p.name: p.array for p in form.params}
        *weights, value = node.factors
        if [w.array for w in weights] != [f.array for f in product.factors]:
            raise NoLowering("A program reads other weights than its form.")
        down = {s: point.value(e) for s, e in down.items()}
        same = [built(Eq, node.times, replaced(product.times, down))]
        for w, f in zip(weights, product.factors, strict=True):
            same.append(equal_places(point.place(w), boxes[f.array].storage(replaced(e, down) for e in f.subscripts)))
        if not inside:
            if value.array != form.input.name:
                raise NoLowering("A program reads another input than its form.")
            same.append(equal_places(point.place(value)[1:], form.input.storage(form.read)))
        yield Goal((*self.given, *point.facts), both(replaced(form.live, down), *same))
        at = {t.letter: t.start + t.offset for t in blocked.tiles}
        up = dict(blocked.chart.up) if inside else at
        live = replaced(form.live, at)
        yield Goal((*self.given, *self.of_block(inside), live), replaced(both(*point.facts), up))
        back = [built(Eq, s, replaced(e, down)) for s, e in blocked.chart.up] if inside else []
        if back:
            yield Goal((*self.given, *point.facts), both(*back))
        letters = {*form.reduction_symbols, *form.output.symbols, blocked.program.item}
        own = {t.start for t in blocked.tiles} | {t.offset for t in blocked.tiles if inside}
        own |= letters - ({t.letter for t in blocked.tiles} if inside else set())
        bound = {*point.letters, *(s for s, _ in point.held)}
        free = {s for s, _ in blocked.chart.up} if inside else set()
        ends = {s for s, _ in self.around.held}
        if bound - ends != own | free:
            raise NoLowering("A sum runs through other letters than its chart.")

    def rows(self, point: Point, node: MultiplyAdd, down: dict[Symbol, Expr]) -> Iterator[Goal]:
        """What a register of the row holds is the term's entry of the input."""
        form, load = self.form, dict(point.loads)[node.factors[-1].array]
        if load.copy.source.array != form.input.name:
            raise NoLowering("A program reads another input than its form.")
        down = {s: point.value(e) for s, e in down.items()}
        source = point.place(load.copy.source)[1:]
        entry = form.input.storage(replaced(e, down) for e in form.read)
        yield Goal((*self.given, *point.facts, *self.filled(point, node)), equal_places(source, entry))

    def filled(self, point: Point, node: MultiplyAdd) -> tuple[object, ...]:
        """Where the load of a row fills the register that a product reads."""
        value = node.factors[-1]
        load: Load = dict(point.loads)[value.array]
        span = Range(load.span.symbol, load.span.start, point.value(load.span.stop), load.span.step)
        known = (*within(span, self.blocked), *within(load.copy.over[0], self.blocked))
        return (*known, equal_places(point.place(load.copy.target), point.place(value)))

    def made(self) -> Iterator[Goal]:
        """Inside, something was put into a register that is read; at the edges a result's only one is started first."""
        start, _, term, store = self.branch(True)
        assert isinstance(term.node, MultiplyAdd) and isinstance(store.node, Copy)
        value = term.node.factors[-1]
        load, (read,) = dict(term.loads)[value.array], term.place(value)
        there = {load.span.symbol: read - Mod(read, self.width), load.copy.over[0].symbol: Mod(read, self.width)}
        started = both(*start.facts)
        yield Goal((*self.given, *term.facts), both(started, replaced(both(*self.filled(term, term.node)), there)))
        offsets = [t.offset for t in self.blocked.tiles]
        register = dict(zip(offsets, store.place(store.node.source), strict=True))
        yield Goal((*self.given, *store.facts), replaced(started, register))

    def stores(self, point: Point, node: Copy, down: dict[Symbol, Expr]) -> Iterator[Goal]:
        """Every register is stored at the place of its result."""
        offsets = [t.offset for t in self.blocked.tiles]
        register = dict(zip(offsets, point.place(node.source), strict=True))
        place = self.form.output.storage(replaced(replaced(s, down), register) for s in self.form.output.symbols)
        yield Goal((*self.given, *point.facts), equal_places(point.place(node.target)[1:], place))
        last = offsets[-1]
        lane, span = node.over[0].symbol, point.letters[-2]
        there = {span: last - Mod(last, self.width), lane: Mod(last, self.width)}
        same = both(*(built(Eq, s, replaced(e, there)) for s, e in register.items()))
        at = {t.letter: t.start + t.offset for t in self.blocked.tiles}
        whole = replaced(self.form.output.holds(), at)
        yield Goal((*self.given, *self.of_block(True), whole), both(replaced(both(*point.facts), there), same))

    def bounds(self) -> Iterator[Goal]:
        for point in (*self.branch(True), *self.branch(False)):
            inside = []
            for access in accesses_of(point.node):
                shape = _shape(self.blocked, access, point)
                for place, extent in zip(point.place(access), shape, strict=True):
                    inside.append(both(built(Le, 0, place), built(Lt, place, extent)))
            yield Goal((*self.given, *point.facts), both(*inside))

    def alignment(self) -> Iterator[Goal]:
        """Where the first of several neighbours is, given that the last extents of arrays are multiples of their number."""
        for point in self.branch(True):
            if not isinstance(point.node, Copy) or not point.node.over:
                continue
            first = {point.node.over[0].symbol: S.Zero}
            for access in accesses_of(point.node):
                (*_, extent), (*_, place) = _shape(self.blocked, access, point), point.place(access)
                whole = built(Eq, Mod(extent, self.width), 0)
                stored = access.array in _arrays(self.blocked)
                known = (*self.given, whole) if stored else self.given
                starts = built(Eq, Mod(replaced(place, first), self.width), 0)
                facts = tuple(replaced(f, first) for f in point.facts)
                yield Goal((*known, *facts), both(starts, whole))


def _given(blocked: Blocked, form: Form, width: int) -> tuple[object, ...]:
    """What holds of sizes and of blocks; a block has a whole number of accesses along the last axis."""
    extents = [t.extent for t in blocked.tiles]
    whole = (built(Eq, Mod(extents[-1], width), 0),) if width > 1 else ()
    return (form.given, built(Ge, blocked.program.batch, 1), *(built(Ge, e, 1) for e in extents), *whole)


def _arrays(blocked: Blocked) -> set[str]:
    return {s.name for s in (*blocked.program.arguments, blocked.program.result)}


def _shape(blocked: Blocked, access: Access, point: Point) -> tuple[Expr, ...]:
    """The extents of an array, or of registers."""
    if access.array in _arrays(blocked):
        return blocked.program.extents(access.array)
    if not access.subscripts:
        return ()
    load = dict(point.loads).get(access.array)
    if load is not None:
        return tuple(map(point.value, load.shape))
    return tuple(t.extent for t in blocked.tiles)


@lru_cache(maxsize=64)
def _narrow(blocked: Blocked, form: Form) -> Obligation:
    """Sizes are at most MOST, blocks at most 2¹⁰ places long, and as many threads may be too many along an axis as a block has."""
    program = blocked.program
    sizes = (*program.sizes, program.batch)
    known = [built(Le, s, MOST) for s in sizes] + [built(Le, k, _LARGEST_BLOCK) for k in blocked.knobs]
    given = (*_given(blocked, form, 1), built(Ge, blocked.width, 1), *known)
    extents = [e for s in (*program.arguments, program.result) for e in s.shape]
    starts = [r.stop + BLOCK * r.step for r in blocked.launch.threads]
    goals = [Goal(given, fits(*extents, *starts))]
    here = deeper(Point(Fill(Access("", ()), ())), blocked.launch.threads, blocked)
    goals += [Goal((*given, *facts), fits(*parts)) for facts, parts in _indices(blocked.launch.body, here, blocked)]
    says = f"The indices of the program '{program.name}' fit 32 bits where no size is more than {MOST}."
    return Obligation("narrow", says, tuple(goals))


def _indices(body: tuple[Node, ...], here: Point, blocked: Blocked) -> Iterator[tuple[tuple[object, ...], list[Any]]]:
    """What is computed where, with the facts that hold there; integers that are held by name are letters with a known value."""
    for node in body:
        match node:
            case Let(symbol=symbol, value=value):
                yield here.facts, [value]
                here = replace(here, facts=(*here.facts, built(Eq, symbol, value)))
            case Scratch(shape=shape):
                yield here.facts, list(shape)
            case Loop(range=span, body=inner):
                yield here.facts, [span.start, span.stop]
                inside = deeper(here, (span,), blocked)
                yield inside.facts, [span.symbol + span.step]
                yield from _indices(inner, inside, blocked)
            case Guard(condition=condition, body=inner, otherwise=other):
                yield here.facts, [condition]
                yield from _indices(inner, replace(here, facts=(*here.facts, condition)), blocked)
                yield from _indices(other, replace(here, facts=(*here.facts, Not(condition))), blocked)
            case Copy() | Fill() | MultiplyAdd():
                inside = deeper(here, node.over, blocked)
                yield inside.facts, [e for a in accesses_of(node) for e in a.subscripts]
