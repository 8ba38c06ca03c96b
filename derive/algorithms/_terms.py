"""A form's live terms in the letters in which a program runs through them.

A gradient by V has the terms of its layer: dV[a] += G[i]·X[i + a] for the places i of H[i] += V[a]·X[i + a]. In the layer's letters
every read and write of it is a slice again, strides included, whatever the gradient's own letters make of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sympy import And, Eq, Expr, Ge, Integer, Le, Lt, Max, Min, S, Symbol, expand, true

from derive.algorithms._entries import entry, multiplied
from derive.algorithms._extend import Extended, extended
from derive.algorithms._phases import phase_cases, phase_ranges, phased
from derive.algorithms._running import accumulated, triangle
from derive.errors import NoLowering, TextError
from derive.forms.conditions import split
from derive.forms.expr import Read, Where, index, reads
from derive.forms.form import Form
from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.forms.products import Product, weighted
from derive.ir.nodes import Access, Chart, Range, Storage, Table
from derive.proof.everywhere import at_every_point
from derive.proof.goal import Goal, Status
from derive.proof.solver import decide, settle
from derive.remembered import built, replaced

__all__ = [
    "BATCH",
    "ITEM",
    "Part",
    "Terms",
    "charts",
    "own",
    "product_in",
    "program_tables",
    "same_chart",
]

BATCH, ITEM = index("batch"), index("z")


def own(form: Form) -> Chart:
    """The form's own letters."""
    letters = tuple((s, s) for s in (*form.reduction_symbols, *form.output.symbols))
    return Chart(letters, letters)


def same_chart(chart: Chart) -> Any:
    """The conditions that the two maps are inverse: on the chart's letters, and on the form's."""
    down, up = dict(chart.down), dict(chart.up)
    return (
        And(*(built(Eq, s, replaced(e, down)) for s, e in chart.up)),
        And(*(built(Eq, s, replaced(e, up)) for s, e in chart.down)),
    )


def charts(form: Form) -> Iterator[Chart]:
    """Letters in which the form's terms may be swept: its own, those in which a weight is read at plain letters, and phases."""
    found = list(_plain_charts(form))
    yield from found
    yield from (chart for chart in (phased(form, known) for known in found) if chart is not None)


def _plain_charts(form: Form) -> Iterator[Chart]:
    yield own(form)
    letters = (*form.output.symbols, *form.reduction_symbols)
    values: dict[Symbol, Expr] = {}
    up: dict[Symbol, Expr] = {}
    boxes = {p.name: p.array.axes for p in form.weights}
    for read in (r for r in reads(form.weight) if r.array in boxes):
        axes = boxes[read.array]
        for axis, subscript in zip(axes, read.subscripts, strict=True):
            place = expand(replaced(subscript, values))
            free = [s for s in letters if s in place.free_symbols and s not in values and place.coeff(s) in (1, -1)]
            if isinstance(place, (Symbol, Integer)) or not free:
                continue
            name = _fresh(axis.symbol, {*letters, *up, *form.sizes})
            value = {free[0]: expand(place.coeff(free[0]) * (name - place) + free[0])}
            values = {s: expand(replaced(e, value)) for s, e in values.items()} | value
            up[name] = subscript
    if up:
        kept = {s: s for s in (*form.reduction_symbols, *form.output.symbols) if s not in values}
        yield Chart(tuple((kept | values).items()), tuple((up | kept).items()))


def _fresh(symbol: Symbol, taken: set[Symbol]) -> Symbol:
    while symbol in taken:
        symbol = index(f"{symbol.name}_")
    return symbol


@dataclass(frozen=True)
class Accesses:
    """What one term writes and reads, and the sentence about it."""

    target: Access
    factors: tuple[Access, ...]
    says: str
    times: Expr = S.One


def _with_text(made: Extended) -> Accesses:
    target, *factors = made.accesses
    written, *read = map(entry, made.entries)
    sign, times = ("-=", "") if made.times == -1 else ("+=", multiplied(made.times))
    return Accesses(target, tuple(factors), f"{written} {sign} {times}{'·'.join(read)}", made.times)


def product_in(form: Form, value: Expr) -> Product:
    """A weight or a bias as a product of entries. Raises NoLowering for anything else, or tables that don't count from 0."""
    product = weighted(value, (t.name for t in form.tables))
    if product is None:
        raise NoLowering(f"A program multiplies entries; '{value}' is no product of entries with a number.")
    if any(axis.lower != 0 for table in form.tables for axis in table.array.axes):
        raise NoLowering("A program reads tables whose places count from 0.")
    return product


def program_tables(form: Form) -> tuple[Table, ...]:
    """Those tables of a form that its sum reads."""
    met = {r.array for e in (form.weight, form.bias, form.domain, *form.read) for r in reads(e)}
    shapes = ((t, tuple(int(e) for e in t.array.shape)) for t in form.tables if t.name in met)
    return tuple(Table(t.name, shape, t.values) for t, shape in shapes)


@dataclass(frozen=True)
class Part:
    """Those terms that satisfy a condition in the chart's letters, and what cases are there, the first ones inside later ones."""

    condition: Any = true
    cases: tuple[tuple[Where, Expr], ...] = ()

    def of(self, expression: Any) -> Any:
        """An expression as it is in this part."""
        for case, value in self.cases:
            expression = replaced(expression, {case: value})
        return expression


class Terms:
    """The live terms in a chart's letters as a polyhedron and a rest; `items` adds the index of the batch's items.

    `letters` are in the order in which loops nest: what is summed over, then the places.
    """

    def __init__(
        self,
        form: Form,
        chart: Chart,
        batched: frozenset[str],
        items: bool,
        extend: bool = False,
        part: Part | None = None,
    ) -> None:
        self.form, self.chart = form, chart
        self.down = dict(chart.down)
        self.items = (ITEM,) if items else ()
        self.batches = batched
        self.batched = batched if items else frozenset()
        arrays = (form.input, form.output, *(p.array for p in form.params))
        self.data = {s for a in arrays if a.name in batched for e in a.shape for s in e.free_symbols}
        self.letters = (*self.items, *(s for s, _ in chart.up))
        facts = (built(Ge, BATCH, 1), built(Le, 0, ITEM), built(Lt, ITEM, BATCH)) if items else ()
        self.given = Polyhedron.of(form.given, *facts[:1])
        self.part = part or Part(cases=tuple(phase_cases(chart)))
        live = self.part.of(replaced(form.live, self.down))
        self.terms, rest = split(live, self.part.condition, phase_ranges(chart), form.given, *facts)
        self.rest = And(*(part for part in And.make_args(rest) if not self._holds(part)))
        stored = {a.name: Storage(a.name, a.shape, a.name in batched) for a in arrays}
        self.product = product_in(form, form.weight)
        entries = self._entries()
        costly = {s: extend and self.grows(s) == 2 for s in self.letters}
        accesses = tuple(map(self.access, entries))
        own = tuple(self.part.of(replaced(e, self.down)) for e in entries)
        times = self.part.of(replaced(self.product.times, self.down))
        self.costly = frozenset(s for s, long in costly.items() if long)
        tables = {t.name: t.array for t in form.tables} if extend else {}
        self.extended = extended(accesses, own, times, costly, self.terms, stored, len(self.items), tables)
        self._run_up(tuple(stored.values()))
        self.name(self.extended)

    def _run_up(self, stored: tuple[Storage, ...]) -> None:
        """Running sums in the place of letters that are summed up to a place."""
        while True:
            letters = [s for s in self.letters if s not in self.rest.free_symbols]
            found = triangle(self.extended, letters, self.costly, self.terms, self.given)
            if found is None:
                return
            self.extended = accumulated(self.extended, found, self.form, stored, len(self.items))
            self.letters = tuple(s for s in self.letters if s != found.over.symbol)
            self.terms = self.terms.project(found.over.symbol)

    def name(self, made: Extended) -> None:
        """Take these accesses; their working arrays may have other names."""
        self.extended, self.accesses = made, _with_text(made)

    def _holds(self, part: Any) -> bool:
        """Whether every term satisfies a condition that is no inequality, such as that a remainder is inside its range."""
        try:
            goal = Goal((self.form.given, self.terms.conditions), part)
            return all(settle(g) in (Status.PROVED, Status.EXHAUSTIVE) for g in at_every_point(goal, self.form.tables))
        except TextError:
            return False

    def access(self, read: Read) -> Access:
        """The position in memory of an entry that is named in the form's letters."""
        boxes = {a.name: a for a in (*(p.array for p in self.form.params), self.form.input, self.form.output)}
        places = boxes[read.array].storage(tuple(self.part.of(replaced(e, self.down)) for e in read.subscripts))
        return Access(read.array, (*self.items, *places) if read.array in self.batched else places)

    def _entries(self) -> tuple[Read, ...]:
        """What one term writes, then what it reads, in the form's letters."""
        return (self.form.output.entry(), *self.product.factors, self.form.input.entry(self.form.read))

    def case(self) -> Where | None:
        """Cases in a subscript that turn on a letter whose loop would be long."""
        accesses = (self.accesses.target, *self.accesses.factors)
        found = {
            w for a in accesses for e in a.subscripts for w in e.atoms(Where) if w.condition.free_symbols & self.costly
        }
        return min(found, key=str) if found else None

    def range(self, symbol: Symbol, outer: tuple[Symbol, ...], inner: tuple[Symbol, ...]) -> Range:
        """The values of one letter for fixed outer ones, such that the inner ones have some value."""
        shadow = self.terms.project(*inner)
        rest = tuple(s for s in outer if s != symbol)
        known = self.terms.project(symbol, *inner) if rest else self.given
        lower, upper = shadow.simplify(known).bounds(symbol)
        if not lower or not upper:
            raise NoLowering(f"Nothing bounds '{symbol}' on both sides, so no loop can run through it.")
        stop = built(Min, *(bound + 1 for bound in upper))
        start = built(Max, *lower)
        return Range(symbol, start, stop if self._runs(start, stop, known) else built(Max, start, stop))

    def _runs(self, start: Expr, stop: Expr, known: Polyhedron) -> bool:
        """Whether start ≤ stop for all sizes and all outer letters that some term has."""
        forwards = built(Le, start, stop)
        try:
            if (known & self.given).implies(forwards):
                return True
        except NotAffine:
            pass  # a rounded quotient, which the solver knows
        goal = Goal((self.form.given, known.conditions), forwards)
        return decide(goal.smt) is Status.PROVED

    def grows(self, symbol: Symbol) -> int:
        """What the number of turns of a loop grows with: 0 nothing, 1 a window, 2 the data, 3 the batch."""
        if symbol in self.items:
            return 3
        lower, upper = self.terms.project(*(s for s in self.letters if s != symbol)).bounds(symbol)
        return max(min((_growth(e, self.data) for e in side), default=2) for side in (lower, upper))


def _growth(bound: Expr, data: set[Symbol]) -> int:
    return 2 if bound.free_symbols & data else min(1, len(bound.free_symbols))
