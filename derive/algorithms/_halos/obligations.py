"""What a tile with a halo must satisfy to be the form: proved for tiles of any height, and each width of an access.

A place of a letter is the start of a tile and digits in one way alone (division with remainder), so terms are named by these.
A cell stands for what filled it at the reader's subscripts, so that products of cells are products of entries, whatever the passes.

    denotes     inside and at the edges, the points of the sum are the live terms, each once, with the form's number and entries;
                each result starts as its bias and is stored at its place
    made        every cell that is read was filled before the barrier, under the conditions of the read alone, and every register
    in bounds   every subscript of an array, of cells or of registers is a position of it
    aligned     an access of several neighbours starts at a multiple of their number, where the last extent is a multiple too
    narrow      no index, bound or part of one leaves 32 bits, where no size is more than 2²⁸; places in memory have 64 bits
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from sympy import Eq, Expr, Ge, Integer, Le, Lt, Mod, Not, S, Symbol, expand

from derive.algorithms._halos.structure import Cells, Parts, check_haloed
from derive.algorithms._strips.fitting import fits
from derive.algorithms._terms import product_in
from derive.algorithms._tiles.obligations import indices
from derive.algorithms._tiles.structure import Point, within
from derive.errors import NoLowering
from derive.forms.expr import index
from derive.forms.form import Form, equal_places
from derive.ir.blocks import MOST, WIDTHS
from derive.ir.halos import LANES, RESULTS, Haloed
from derive.ir.nodes import (
    Access,
    Copy,
    Range,
    Scratch,
    accesses_of,
    walk,
)
from derive.proof.goal import Goal, Obligation
from derive.proof.solver import discharge
from derive.remembered import both, built, replaced

__all__ = ["halo_obligations", "settled"]

_LARGEST = 2**10  # of a knob
_WHOLE, _REST = index("whole"), index("rest")  # a place is so many whole accesses and a rest


def halo_obligations(haloed: Haloed, form: Form) -> tuple[Obligation, ...]:
    """Raises NoLowering for a program of another shape."""
    numbered = haloed.numbered()
    parts, proof = check_haloed(numbered), _Proof(numbered, form)
    name, of = haloed.program.name, f"with {RESULTS} results a thread and {LANES} threads along the last letter"
    stated = (
        (
            "denotes",
            "The points of the program '{}' are the form's live terms, each once, with the same entries, {}.",
            proof.denotes,
        ),
        ("made", "Every cell and register that the program '{}' reads was filled first, {}.", proof.made),
        (
            "in bounds",
            "Every access of the program '{}' is inside its array, its cells or its registers, {}.",
            proof.bounds,
        ),
        (
            "aligned",
            "Every access of several neighbours of the program '{}' starts at a multiple of their number, {}.",
            proof.aligned,
        ),
    )
    found = tuple(
        Obligation(key, says.format(name, of), tuple(g for p in parts for g in goals(p))) for key, says, goals in stated
    )
    return (*found, _narrow(replace(numbered, narrow=False), form)) if haloed.narrow else found


def settled(haloed: Haloed, form: Form) -> Haloed:
    """The program with indices of 32 bits, if they are proved to fit."""
    numbered = haloed.numbered()
    check_haloed(numbered)
    return replace(haloed, narrow=discharge(_narrow(numbered, form)).proved)


@dataclass(frozen=True)
class _Entry:
    """What a factor of a product stands for: entries of arguments, numbers, and under which conditions."""

    entries: tuple[Access, ...]
    times: Expr = S.One
    facts: tuple[Any, ...] = ()
    letters: tuple[Symbol, ...] = ()


@dataclass(frozen=True)
class _Proof:
    """The goals of a program with numbers for results of a thread and threads along the last letter."""

    haloed: Haloed
    form: Form

    @cached_property
    def given(self) -> tuple[Any, ...]:
        return _given(self.haloed, self.form)

    def goals(self, facts: tuple[Any, ...], *shown: Any) -> Iterator[Goal]:
        """One goal, or one for each width where it speaks of that: ends of rows are multiples of two accesses then."""
        goal, width = Goal((*self.given, *facts), both(*shown)), self.haloed.width
        if not any(width in f.free_symbols for f in (*facts, goal.show)):
            yield goal
            return
        for number in WIDTHS:
            at = {width: Integer(number)}
            at |= {end: 2 * number * index(f"{end}_whole") for end, _ in (self.haloed.left, self.haloed.right)}
            yield Goal(tuple(replaced(f, at) for f in goal.given), replaced(goal.show, at))

    def exists(self, parts: Parts) -> tuple[Any, ...]:
        """What is known of a result in the branch, of the starts and digits of its place."""
        haloed, form = self.haloed, self.form
        known: list[Any] = []
        for split in haloed.splits:
            known.append(built(Ge, split.start, 0))
            known += [fact for digit, extent in split.digits for fact in within(Range(digit, S.Zero, extent))]
        item, batch, condition = haloed.program.item, haloed.program.batch, haloed.branches.condition
        branch = condition if condition in parts.begin.facts else Not(condition)
        return (*known, built(Ge, item, 0), built(Lt, item, batch), replaced(form.output.holds(), haloed.down), branch)

    def denotes(self, parts: Parts) -> Iterator[Goal]:
        yield from self.starts(parts)
        yield from self.terms(parts)
        yield from self.stores(parts)

    def starts(self, parts: Parts) -> Iterator[Goal]:
        """Every register of a result starts as its bias."""
        form, down, node = self.form, self.haloed.down, parts.begin.node
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
        yield from self.goals(parts.begin.facts, *same)
        yield from self.goals(self.exists(parts), *parts.begin.facts)

    def terms(self, parts: Parts) -> Iterator[Goal]:
        """The points are the live terms, each once, with the form's number in front and its entries."""
        form, down, node = self.form, self.haloed.down, parts.term.product
        product = product_in(form, form.weight)
        found = [self.entry(cell, parts) for cell in node.factors]
        facts = (*parts.term.facts, *(f for e in found for f in e.facts))
        letters = [*parts.term.letters, *(s for e in found for s in e.letters)]
        if len(set(letters)) < len(letters) or set(letters) != self.letters():
            raise NoLowering("A sum runs through other letters than its form.")
        times = node.times
        for e in found:
            times *= e.times
        live = replaced(form.live, down)
        same = [built(Eq, times, replaced(product.times, down)), *self.same([a for e in found for a in e.entries])]
        yield from self.goals(facts, live, *same)
        yield from self.goals((*self.exists(parts), *(a.holds() for a in form.reduction), live), *facts)

    def letters(self) -> set[Symbol]:
        """The letters of the sum of a tile's results."""
        form, haloed = self.form, self.haloed
        own = {s for split in haloed.splits for s in (split.start, *(d for d, _ in split.digits))}
        return own | ({*form.reduction_symbols, *form.output.symbols, haloed.program.item} - set(haloed.down))

    def same(self, entries: list[Access]) -> list[Any]:
        """That entries are those of the form, whatever the order of factors."""
        form, down, item = self.form, self.haloed.down, self.haloed.program.item
        places = form.input.storage(replaced(e, down) for e in form.read)
        wanted = [Access(form.input.name, (replaced(item, down), *places))]
        boxes = {p.name: p.array for p in form.params}
        for factor in product_in(form, form.weight).factors:
            box = boxes[factor.array]
            wanted.append(Access(box.name, tuple(box.storage(replaced(e, down) for e in factor.subscripts))))
        order = [sorted(some, key=lambda a: a.array) for some in (entries, wanted)]
        if [a.array for a in order[0]] != [a.array for a in order[1]]:
            raise NoLowering("A program multiplies other arrays than its form.")
        return [equal_places(one.subscripts, two.subscripts) for one, two in zip(*order, strict=True)]

    def entry(self, cell: Access, parts: Parts) -> _Entry:
        """What a cell stands for: what filled it, at the reader's subscripts."""
        cells = next(c for c in parts.cells if c.target.array == cell.array)
        at = self.solved(cells, cell)
        if cells.term is None:
            source = cells.write.copy.source
            places = tuple(expand(replaced(e, at)) for e in source.subscripts)
            return _Entry((Access(source.array, places),))
        term = cells.term
        own = term.letters[len(cells.write.letters) :]
        facts = tuple(replaced(f, at) for f in term.facts if f not in parts.begin.facts)
        found = [
            self.entry(Access(f.array, tuple(expand(replaced(e, at)) for e in f.subscripts)), parts)
            for f in term.product.factors
        ]
        times = replaced(term.product.times, at)
        for e in found:
            times *= e.times
        entries = tuple(a for e in found for a in e.entries)
        return _Entry(
            entries,
            times,
            (*facts, *(f for e in found for f in e.facts)),
            (*own, *(s for e in found for s in e.letters)),
        )

    def solved(self, cells: Cells, cell: Access) -> dict[Symbol, Expr]:
        """The letters at which a cell was filled, by its subscripts; of a wide access also which neighbour it was, some `_REST`."""
        at: dict[Symbol, Expr] = {}
        over = cells.write.copy.over
        for letter, place in zip(cells.target.subscripts, cell.subscripts, strict=True):
            if isinstance(letter, Symbol):
                at[letter] = place
            else:
                (first,) = letter.free_symbols - {over[0].symbol}
                at |= {first: expand(place - _REST), over[0].symbol: _REST}
        return at

    def stores(self, parts: Parts) -> Iterator[Goal]:
        """Every result is stored at its place, and no other."""
        down, output, point = self.haloed.down, self.form.output, parts.store
        places = (self.haloed.program.item, *output.storage(replaced(s, down) for s in output.symbols))
        yield from self.goals(
            point.facts, replaced(output.holds(), down), equal_places(point.copy.target.subscripts, places)
        )
        yield from self.goals(self.exists(parts), *point.facts)

    def made(self, parts: Parts) -> Iterator[Goal]:
        """What is read was filled, under the conditions of the read alone; a sum and a store read registers that were started."""
        yield from self.goals(parts.term.facts, *parts.begin.facts)
        yield from self.goals(parts.store.facts, *parts.begin.facts)
        for point in (parts.term, *(c.term for c in parts.cells if c.term is not None)):
            for cell in point.product.factors:
                cells = next(c for c in parts.cells if c.target.array == cell.array)
                yield from self.filled(point, cells, cell)

    def filled(self, point: Point, cells: Cells, cell: Access) -> Iterator[Goal]:
        """With a place divided by the width, as steps go from 0 on: the quotient is `_WHOLE`."""
        at = self.solved(cells, cell)
        first = [at[r.symbol] for r in cells.launch.threads if r.step != 1]
        known = [
            fact
            for e in first
            for fact in (
                built(Eq, e, self.haloed.width * _WHOLE),
                built(Le, 0, _REST),
                built(Lt, _REST, self.haloed.width),
            )
        ]
        yield from self.goals((*point.facts, *known), *(replaced(f, at) for f in cells.write.facts))

    def steps(self, cells: Cells) -> dict[Symbol, Expr]:
        """A letter that goes on by several neighbours, from 0 on."""
        return {r.symbol: self.haloed.width * _WHOLE for r in cells.launch.threads if r.step != 1}

    def bounds(self, parts: Parts) -> Iterator[Goal]:
        haloed = self.haloed
        shapes = {n.array: n.shape for n in walk(haloed.program.body) if isinstance(n, Scratch)}
        stored = {s.name for s in (*haloed.program.arguments, haloed.program.result)}
        fills = [(p, self.steps(c)) for c in parts.cells for p in (c.write, c.term) if p is not None]
        for point, steps in ((parts.begin, {}), *fills, (parts.term, {}), (parts.store, {})):
            inside = []
            for access in accesses_of(point.node):
                shape = haloed.program.extents(access.array) if access.array in stored else shapes[access.array]
                inside += [
                    both(built(Le, 0, e), built(Lt, e, extent))
                    for e, extent in zip(access.subscripts, shape, strict=True)
                ]
            yield from self.goals(tuple(replaced(f, steps) for f in point.facts), *(replaced(e, steps) for e in inside))

    def aligned(self, parts: Parts) -> Iterator[Goal]:
        """Where the first of several neighbours is: the last extents are multiples of their number, as is the start of a tile."""
        haloed, width = self.haloed, self.haloed.width
        shapes = {s.array: s.shape for s in haloed.shared}
        for cells in parts.cells:
            point = cells.write
            if not point.copy.over:
                continue
            first = {point.copy.over[0].symbol: S.Zero} | self.steps(cells)
            source, target = point.copy.source, point.copy.target
            known = [built(Eq, Mod(haloed.program.extents(source.array)[-1], width), 0)]
            last = haloed.splits[-1]
            first |= {last.start: last.extent.as_coeff_Mul()[0] * index(f"{last.start}_whole")}
            facts = tuple(replaced(f, first) for f in point.facts)
            shown = (
                replaced(e, first) for e in (source.subscripts[-1], target.subscripts[-1], shapes[target.array][-1])
            )
            yield from self.goals((*known, *facts), *(built(Eq, Mod(e, width), 0) for e in shown))


def _given(haloed: Haloed, form: Form) -> tuple[Any, ...]:
    """What holds of sizes and of knobs, and of the ends of a row, which are beyond what is read for any width."""
    low, high = _ends(haloed)
    ends = (built(Le, haloed.left[0], low), built(Ge, haloed.right[0], high))
    knobs = (s for s in haloed.knobs if isinstance(s, Symbol))
    return (form.given, built(Ge, haloed.program.batch, 1), *(built(Ge, knob, 1) for knob in knobs), *ends)


def _ends(haloed: Haloed) -> tuple[Expr, Expr]:
    """What is read, where rows of cells are multiples of two accesses around it. Raises NoLowering for other ends of a row."""
    (_, first), (_, behind), twice = haloed.left, haloed.right, 2 * haloed.width
    low, high = (expand(e - sum(t for t in e.as_ordered_terms() if t.has(Mod))) for e in (first, behind))
    if first != low - Mod(low, twice) or behind != high + Mod(-high, twice):
        raise NoLowering("A row of cells begins and ends at a multiple of two accesses.")
    return low, high


@lru_cache(maxsize=64)
def _narrow(haloed: Haloed, form: Form) -> Obligation:
    """Sizes are at most MOST, and knobs at most 2¹⁰; threads that fill cells go through all of a box, and one turn more."""
    program = haloed.program
    most = [built(Le, s, MOST) for s in (*program.sizes, program.batch)]
    most += [built(Le, k, _LARGEST) for k in haloed.knobs if isinstance(k, Symbol)]
    low, high = _ends(haloed)
    ends = (built(Ge, haloed.left[0], low - 2 * haloed.width), built(Le, haloed.right[0], high + 2 * haloed.width))
    given = (*_given(haloed, form), *most, *ends)
    goals = [Goal(given, fits(*(e for s in (*program.arguments, program.result) for e in s.shape)))]
    goals.append(Goal(given, fits(*(r.stop + r.step for r in haloed.blocks.threads))))
    facts = tuple(f for r in (*haloed.blocks.threads, *haloed.threads.threads) for f in within(r))
    found: dict[tuple[Any, ...], dict[Any, None]] = {}
    for known, parts in indices(haloed.threads.body, facts):
        found.setdefault(known, {}).update(dict.fromkeys(parts))
    goals += [Goal((*given, *known), fits(*parts)) for known, parts in found.items()]
    says = f"The indices of the program '{program.name}' fit 32 bits where no size is more than {MOST}."
    return Obligation("narrow", says, tuple(goals))
