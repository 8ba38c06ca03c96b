"""A program in stages is its form: what a stored result is a sum of, with every working array replaced by what it was made of.

The terms of one result of one tile are then terms of the form, and these obligations say that they are the same ones:

    denotes     a composed term is a live term with the same entries, and the chart takes it there and back; each live term is
                composed; every place is in some tile and stored there, from its own bias; where results are added up, every
                term is in some tile, and composed in no other
    in bounds   every statement stays inside its arrays
    made        what a statement reads of a working array was written in the same tile, or is never written and 0
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

from sympy import Eq, Expr, Ge, Integer, Le, Lt, Mul, Or, Symbol, expand

from derive.algorithms._apart import check_adding, placed_in, tile_facts
from derive.algorithms._constants import Term, without_constants
from derive.algorithms._settings import each_setting
from derive.algorithms._shared import check_shared
from derive.algorithms._solved import at, nodes, solved
from derive.algorithms._terms import product_in
from derive.algorithms._waves import check_roots, check_spectra, roots, without_waves
from derive.errors import NoLowering
from derive.forms.expr import Read
from derive.forms.form import Form, equal_places
from derive.ir.nodes import Access, Guard, Let, Loop, Range
from derive.ir.stages import Halo, MatMul, ShiftedSum, Stage, Staged, Store, Tiles, at_knobs, reads_of, settings
from derive.proof.goal import Goal, Obligation
from derive.remembered import both, built, replaced

__all__ = ["staged_obligations"]


@dataclass(frozen=True)
class _Placed:
    """A statement, with what holds around it; `loops` are the ranges of those loops that its array outlives."""

    node: Any
    facts: tuple[Any, ...]
    loops: tuple[Range, ...]

    @property
    def ranges(self) -> tuple[Range, ...]:
        """Every range that runs through entries of its array."""
        return (*self.loops, *self.node.over)


def _within(r: Range) -> Any:
    return both(built(Le, r.start, r.symbol), built(Lt, r.symbol, r.stop))


def _on(place: Expr, extent: Expr) -> Any:
    """The condition that a place is on its axis."""
    return both(built(Le, 0, place), built(Lt, place, extent))


class _Inliner:
    """One program with numbers for the knobs that have choices; integers by name are replaced by their values."""

    def __init__(self, program: Staged, form: Form) -> None:
        self.form = form
        held: dict[Symbol, Expr] = {}
        for let in program.lets:
            held[let.symbol] = replaced(let.value, held)
        self.program = program = at_knobs(program, held)
        self.given = (
            form.given,
            built(Ge, program.batch, 1),
            *(built(Ge, k.symbol, 1) for k in program.knobs),
            program.fits,
        )
        self.made = list(self._walk(program.fixed, (), (), True))
        self.placed = list(self._walk(program.body, (), (), False))
        self.tiles = [n for n in nodes(program.body) if isinstance(n, Tiles)]
        self.by_array: dict[str, _Placed] = {}
        for part in (*self.made, *self.placed):
            name = part.node.target.array
            if name in self.by_array:
                raise NoLowering(f"The working array {name} is written by two statements.")
            self.by_array[name] = part
        *_, self.store = self.placed
        if (
            not isinstance(self.store.node, Store)
            or self.store.node.times != 1
            or set(self.by_array) != {*program.working, program.result.name}
        ):
            raise NoLowering("A program in stages makes each of its working arrays, and stores its result last.")
        check_spectra(program, tuple(p.node for p in (*self.made, *self.placed)))
        check_shared(program, tuple(p.node for p in self.placed))
        check_adding(program, self.store.node, self.tiles, any(isinstance(n, Loop) for n in nodes(program.body)))
        if self.store.node.held:
            self._check_held(self.store.node)

    def _check_held(self, node: Store) -> None:
        """A source that lives in the result is one array that is stored whole, in its order, and read by nothing else."""
        name, places = node.source.array, tuple(r.symbol for r in node.over)
        whole = tuple((Integer(0), extent) for extent in self.program.shape(name))
        readers = [a.array for part in self.placed for a in reads_of(part.node)]
        plain = node.source.subscripts == places and tuple((r.start, r.stop) for r in node.over) == whole
        if not plain or node.summed or readers.count(name) > 1 or name not in {r.name for r in self.program.rooms}:
            raise NoLowering(f"{name} can't live in {node.target.array}, which has it in other places.")

    def _walk(
        self, body: tuple[Stage, ...], facts: tuple[Any, ...], loops: tuple[Range, ...], outlives: bool
    ) -> Iterator[_Placed]:
        for node in body:
            match node:
                case Loop(range=span, body=inner):
                    more = (*loops, span) if outlives else loops
                    yield from self._walk(inner, (*facts, _within(span)), more, outlives)
                case Guard(condition=condition, body=inner):
                    yield from self._walk(inner, (*facts, condition), loops, outlives)
                case Tiles(body=inner):
                    yield from self._walk(inner, (*facts, tile_facts(node)), loops, outlives)
                case Let():
                    raise NoLowering("A program in stages holds its integers by name at its head.")
                case _:
                    yield _Placed(node, facts, loops)

    def inline(self, access: Access) -> Term:
        """What an entry is a sum of."""
        if access.array not in self.program.working:
            return Term((), (), (access,))
        part = self.by_array[access.array]
        letters = {r.symbol for r in part.ranges}
        known, equations = solved(part.node, access.subscripts, letters)
        free = tuple(r.symbol for r in part.ranges if r.symbol not in known)
        own = (*(_within(r) for r in part.ranges), *(f for f in part.facts if f.free_symbols & letters), *equations)
        facts = [replaced(f, known) for f in own]
        if isinstance(part.node, Halo):
            facts.append(replaced(self._inside(part.node.read), known))
        places = [at(a, known) for a in reads_of(part.node)]
        parts = [self.inline(place) for place in places]
        needs = [(tuple(replaced(f, known) for f in own) + rests, need) for p in parts for rests, need in p.needs]
        if isinstance(part.node, MatMul) and part.node.carried:
            needs.append(((*facts, *parts[1].facts), self._within_row(places[0])))
        term = Term(
            (*free, *(s for p in parts for s in p.letters)),
            (*facts, *(f for p in parts for f in p.facts)),
            (*roots(part.node, known), *(e for p in parts for e in p.entries)),
            tuple(needs),
            Mul(replaced(getattr(part.node, "times", Integer(1)), known), *(p.times for p in parts)),
        )
        if len(set(term.letters)) < len(term.letters):
            raise NoLowering(f"The stages behind {access.array} sum over one letter twice.")
        return term

    def _inside(self, access: Access) -> Any:
        """The condition that an entry is in its array."""
        shape = self.program.shape(access.array)
        return both(*(_on(e, extent) for e, extent in zip(access.subscripts, shape, strict=True)))

    def _within_row(self, access: Access) -> Any:
        """The condition that the last subscript is on its axis."""
        return _on(access.subscripts[-1], self.program.shape(access.array)[-1])

    def _carried(self, access: Access) -> Any:
        """The condition that an entry is in memory whose last subscript may pass the end of its axis, once."""
        *lead, row, place = access.subscripts
        *shape, rows, extent = self.program.shape(access.array)
        apart = (_on(e, size) for e, size in zip(lead, shape, strict=True))
        here, after = (
            both(built(Lt, row, rows), built(Lt, place, extent)),
            both(built(Lt, row + 1, rows), built(Lt, place, 2 * extent)),
        )
        return both(*apart, built(Le, 0, row), built(Le, 0, place), Or(here, after))

    def denotes(self) -> Iterator[Goal]:
        """See the module."""
        form, program, store, node = self.form, self.program, self.store, self.store.node
        whole = without_constants(self.inline(node.source), program.constants)
        letters, facts, entries, places = without_waves(whole.letters, whole.facts, whole.entries)
        term = replace(whole, letters=letters, facts=facts, entries=entries)
        down, up = dict(program.chart.down), dict(program.chart.up)
        item = _within(Range(program.item, Integer(0), program.batch))
        points = (*(_within(r) for r in node.over if r not in node.summed), both(node.condition))
        summed = tuple(_within(r) for r in node.summed)
        here = (*store.facts, *points, *summed, *term.facts)
        back = both(
            *(built(Eq, s, expand(replaced(up[s], down))) for s in (*term.letters, *(r.symbol for r in node.over)))
        )
        same = self._same(node.target, term, down)
        if places:
            ranged = (*store.facts, *points, *(f for f in term.facts if f in whole.facts))
            yield Goal((*self.given, *ranged), both(*places))
        own = placed_in(self.tiles, down) if node.adds else True
        yield Goal((*self.given, *here), both(replaced(form.live, down), replaced(item, down), back, same, own))
        tiles = [both(tile_facts(t), built(Le, t.low, t.place), built(Lt, t.place, t.high)) for t in self.tiles]
        around = [f for f in store.facts if not any(f == tile_facts(t) for t in self.tiles)]
        forth = both(*(built(Eq, s, expand(replaced(e, up))) for s, e in down.items()))
        told = both(*(replaced(f, up) for f in (*around, *points, *summed, *term.facts)))
        yield Goal((*self.given, form.live, item, *tiles), both(told, forth))
        for rests, need in term.needs:
            yield Goal((*self.given, *store.facts, *points, *summed, *rests), need)
        output = form.output.holds()
        among = both(*(_on(t.place, t.extent) for t in self.tiles))
        yield Goal((*self.given, form.live if node.adds else output, item), among)
        told = both(*(replaced(f, up) for f in (*around, *points)))
        place = equal_places((replaced(e, up) for e in node.target.subscripts), self._stored(form.output.entry(), {}))
        if not node.adds:  # a place that nothing is added to stays 0
            yield Goal((*self.given, output, item, *tiles), both(told, place))
        yield Goal((*self.given, *store.facts, *points), both(replaced(output, down), self._started(down)))

    def _stored(self, read: Read, down: Mapping[Symbol, Expr]) -> tuple[Expr, ...]:
        """The place in memory of an entry of the form, with the item in front where there is one for each."""
        form, program = self.form, self.program
        arrays = {a.name: a for a in (form.input, form.output, *(p.array for p in form.params))}
        places = arrays[read.array].storage(read.subscripts)
        batched = {s.name for s in (*program.arguments, program.result) if s.batched}
        places = (program.item, *places) if read.array in batched else places
        return tuple(replaced(e, down) for e in places)

    def _same(self, target: Access, term: Term, down: Mapping[Symbol, Expr]) -> Any:
        form = self.form
        times, factors = _factors(form)
        wanted = [form.output.entry(), *factors, form.input.entry(form.read)]
        found = (target, *term.entries)
        if sorted(a.array for a in found) != sorted(r.array for r in wanted):
            raise NoLowering("The stages read other arrays than their form.")
        agreed = [built(Eq, term.times, replaced(times, down))]
        for name in dict.fromkeys(a.array for a in found):
            places = [a.subscripts for a in found if a.array == name]
            asked = [self._stored(r, down) for r in wanted if r.array == name]
            orders = (zip(places, order, strict=True) for order in permutations(asked))
            agreed.append(Or(*(both(*(equal_places(one, two) for one, two in order)) for order in orders)))
        return both(*agreed)

    def _started(self, down: Mapping[Symbol, Expr]) -> Any:
        """The bias is the form's, at the place that is stored."""
        bias, wanted = self.store.node.bias, self.form.bias
        place = equal_places(self.store.node.target.subscripts, self._stored(self.form.output.entry(), down))
        if bias is None:
            if wanted != 0:
                raise NoLowering("A program stores no bias, and its form has one.")
            return place
        if not isinstance(wanted, Read) or wanted.array != bias.array:
            raise NoLowering("A program stores another bias than its form has.")
        return both(place, equal_places(bias.subscripts, self._stored(wanted, down)))

    def bounds(self) -> Iterator[Goal]:
        """Every access of every statement is inside, and so are arrays within others; ranges run forwards."""
        for room in (r for r in self.program.rooms if r.within):
            pairs = zip(room.shape, self.program.shape(room.within), strict=True)
            yield Goal(self.given, both(*(built(Le, own, whole) for own, whole in pairs)))
        for part in (*self.made, *self.placed):
            node = part.node
            points = [_within(r) for r in part.ranges] + ([node.condition] if isinstance(node, Store) else [])
            read = () if isinstance(node, Halo) else reads_of(node)
            carried = isinstance(node, MatMul) and node.carried
            inside = both(
                *(self._carried(a) if carried and a is read[0] else self._inside(a) for a in (node.target, *read)),
                *([self._halted(node)] if isinstance(node, Halo) else []),
            )
            yield Goal((*self.given, *part.facts, *points), inside)
            around = tuple(f for f in part.facts if not f.free_symbols & {r.symbol for r in node.over})
            yield Goal((*self.given, *around), both(*(built(Le, r.start, r.stop) for r in node.over)))

    def _halted(self, node: Halo) -> Any:
        """The condition that subscripts of a halo's source that stand still are inside: only those that move are cut."""
        moved = {r.symbol for r in node.over}
        shape = self.program.shape(node.source.array)
        still = [
            (e, extent) for e, extent in zip(node.source.subscripts, shape, strict=True) if not e.free_symbols & moved
        ]
        return both(*(_on(e, extent) for e, extent in still))

    def made_first(self) -> Iterator[Goal]:
        """Each read of a working array finds what this tile wrote, or 0 where nothing ever writes."""
        rooms = {room.name: room for room in (*self.program.made, *self.program.rooms)}
        order = [p.node.target.array for p in (*self.made, *self.placed)]
        for position, part in enumerate((*self.made, *self.placed)):
            facts = (*self.given, *part.facts, *(_within(r) for r in part.ranges))
            for access in (a for a in reads_of(part.node) if a.array in rooms):
                if access.array not in order[:position]:
                    raise NoLowering(f"{access.array} is read before it is made.")
                source = self.by_array[access.array]
                self._check_still(source, rooms[access.array].zeroed)
                carried = isinstance(part.node, MatMul) and part.node.carried and access is part.node.left
                if carried and not rooms[access.array].zeroed:
                    raise NoLowering(
                        f"What is read past an end of {access.array} was never made, so it starts as zeros."
                    )
                if rooms[access.array].zeroed:
                    continue
                own = {r.symbol for r in source.ranges}
                known, equations = solved(source.node, access.subscripts, own)
                if equations:
                    raise NoLowering(
                        f"Which entries of {access.array} are written is not plain, so it starts as zeros."
                    )
                moved = [r for r in source.ranges if r.symbol in known]
                yield Goal(facts, both(*(replaced(_within(r), known) for r in moved)))

    def _check_still(self, part: _Placed, zeroed: bool) -> None:
        """Which entries are written is the same in every tile; a sum of flat arrays leaves nothing beside them."""
        tiled = {s for t in self.tiles for s in (t.low, t.high)} | {self.program.item}
        moving = {s for r in part.ranges for e in (r.start, r.stop) for s in e.free_symbols}
        moving |= {s for e in part.node.target.subscripts for s in e.free_symbols}
        if moving & tiled:
            raise NoLowering(f"The entries of {part.node.target.array} that are written differ between tiles.")
        if zeroed and isinstance(part.node, ShiftedSum):
            raise NoLowering(f"A sum of flat arrays leaves no zeros in {part.node.target.array}.")


def _factors(form: Form) -> tuple[Expr, tuple[Read, ...]]:
    """The number in front of a term's weight, and the entries that it is a product of."""
    product = product_in(form, form.weight)
    return product.times, product.factors


def staged_obligations(program: Staged, form: Form) -> tuple[Obligation, ...]:
    """What proves a program in stages to be its form, for each choice of the knobs that have choices, and for each of its cases."""
    check_roots(program)
    found: dict[str, list[Goal]] = {"denotes": [], "in bounds": [], "made": []}
    for numbers in settings(program):
        stages = _Inliner(at_knobs(program, numbers), form.at(numbers))
        found["denotes"] += stages.denotes()
        found["in bounds"] += stages.bounds()
        found["made"] += stages.made_first()
    each = each_setting(program)
    says = {
        "denotes": f"The terms that the stages of '{program.name}' compose are the form's live terms, each once{each}.",
        "in bounds": f"Every access of the stages of '{program.name}' is inside its array{each}.",
        "made": f"Every entry that the stages of '{program.name}' read was made first, or is 0{each}.",
    }
    return tuple(Obligation(name, says[name], tuple(goals)) for name, goals in found.items())
