"""What a program must satisfy to be the form: every live term once, and every access inside its array.

A point of a statement is a term (o, r): in the form's own letters, or through a chart of the program, a change of letters.

    denotes     the points are exactly the live terms, each once; weight, input and output are read and written where the form says,
                with the form's number in front;
                a chart is inverted on them, so that no term has two points
    in bounds   every subscript is a position of its array, also beside an empty slice; slices run forwards from 0 or later
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from sympy import Eq, Expr, Ge, Integer, Le, Lt, Mul, Or, S, Symbol

from derive.algorithms._disjoint import disjoint
from derive.algorithms._structure import adds_bias, check_structure
from derive.algorithms._terms import own, product_in, same_chart
from derive.errors import NoLowering
from derive.forms.form import Form, Table, equal_places
from derive.forms.products import product_of
from derive.forms.products import sums as summed
from derive.ir.nodes import (
    Access,
    Accumulate,
    Chart,
    Contract,
    Copy,
    Fill,
    Gather,
    Guard,
    Launch,
    Let,
    Loop,
    MultiplyAdd,
    Node,
    Program,
    Range,
    Scatter,
    Statement,
    accesses_of,
    ranges_of,
)
from derive.proof.everywhere import at_every_point
from derive.proof.goal import Goal, Obligation
from derive.remembered import both, built, replaced

__all__ = ["program_obligations"]


@dataclass(frozen=True)
class _Point:
    """A statement with what holds at each of its points; `held` are integers by name, replaced; `letters` are bound around it."""

    node: Statement
    facts: tuple[object, ...] = ()
    held: tuple[tuple[Symbol, Expr], ...] = field(default=())
    letters: frozenset[Symbol] = frozenset()

    def value(self, expression: Expr) -> Expr:
        return replaced(expression, dict(self.held))

    @property
    def domain(self) -> object:
        """The condition that the indices are a point of the statement."""
        return both(*self.facts, *(_within(self._held(r)) for r in self.node.over))

    def _held(self, r: Range) -> Range:
        return Range(r.symbol, self.value(r.start), self.value(r.stop))

    def forwards(self) -> object:
        """Every range that the statement sweeps at once runs forwards."""
        return both(*(built(Le, self.value(r.start), self.value(r.stop)) for r in self.node.over))


def _within(r: Range) -> object:
    return both(built(Le, r.start, r.symbol), built(Lt, r.symbol, r.stop))


def _points(body: tuple[Node, ...], around: _Point | None = None) -> Iterator[_Point]:
    here = around or _Point(Copy(Access("", ()), (), Access("", ())))
    for node in body:
        match node:
            case Let(symbol=symbol, value=value):
                here = replace(here, held=(*here.held, (symbol, here.value(value))))
            case Loop(range=span, body=inner):
                yield from _points(inner, _deeper(here, (span,)))
            case Launch(threads=threads, body=inner):
                yield from _points(inner, _deeper(here, threads))
            case Guard(condition=condition, body=inner):
                yield from _points(inner, replace(here, facts=(*here.facts, here.value(condition))))
            case Copy() | Fill() | MultiplyAdd() | Contract():
                yield replace(here, node=node)


def _deeper(here: _Point, ranges: tuple[Range, ...]) -> _Point:
    known = tuple(_within(Range(r.symbol, here.value(r.start), here.value(r.stop))) for r in ranges)
    return replace(here, facts=(*here.facts, *known), letters=here.letters | {r.symbol for r in ranges})


def program_obligations(program: Program, form: Form) -> tuple[Obligation, ...]:
    """Proved of each lowering, for all sizes that the form admits. Raises NoLowering for a program of another shape."""
    check_structure(program, form)
    points = list(_points(program.body))
    sums = [p for p in points if isinstance(p.node, (MultiplyAdd, Contract)) and not adds_bias(p.node, form)]
    parts = list(zip(sums, program.charts or (own(form),) * len(sums), strict=True))
    target = program.name
    found = (
        Obligation(
            "denotes",
            f"The points of the program '{target}' are the form's live terms, each once, with the same entries.",
            (*_denotes(program, form, parts), *_starts(program, form, points), *_adds(program, form, points)),
        ),
        Obligation(
            "in bounds",
            f"Every access of the program '{target}' is inside its array.",
            (*(goal for p in points for goal in _bounds(program, form, p)), *_along(program, form)),
        ),
    )
    return tuple(replace(o, goals=_decidable(o.goals, form.tables)) for o in found)


def _decidable(goals: Iterable[Goal], tables: tuple[Table, ...]) -> tuple[Goal, ...]:
    """The goals, with what depends on a table taken apart and decided at every point."""
    return tuple(part for goal in goals for part in at_every_point(goal, tables))


def _given(program: Program, form: Form) -> tuple[object, ...]:
    return (form.given,) if program.batch is None else (form.given, built(Ge, program.batch, 1))


def _item(program: Program) -> object:
    """The item of the batch takes every value, whatever the term: it is fixed at an arbitrary one."""
    if program.item is None:
        return True
    return _within(Range(program.item, Integer(0), program.batch))


def _denotes(program: Program, form: Form, parts: list[tuple[_Point, Chart]]) -> Iterator[Goal]:
    given = (*_given(program, form), _item(program))
    met = []
    for point, chart in parts:
        inside = _summed(program, point.node)
        bound = [*point.letters, *(r.symbol for r in ranges_of(point.node)), *(r.symbol for r in inside)]
        if sorted(map(str, {*bound} - {program.item})) != sorted(str(s) for s, _ in chart.up) or _twice(bound):
            raise NoLowering("A sum runs through other letters than its chart.")
        there, back = same_chart(chart)
        live = replaced(form.live, dict(chart.down))
        domain = both(point.domain, *(_within(Range(r.symbol, *map(point.value, (r.start, r.stop)))) for r in inside))
        yield Goal((*given, domain), both(live, there, _same(program, form, point, chart)))
        met.append(both(replaced(domain, dict(chart.up)), back))
    if not form.vanishes:
        yield Goal((*given, form.live), Or(*met))
    yield from disjoint((*given, form.live), met)


def _same(program: Program, form: Form, point: _Point, chart: Chart) -> object:
    """A point writes and reads the entries of its term, with the term's number."""
    down = dict(chart.down)
    stored = {a.name: a for a in (form.input, form.output, *(p.array for p in form.params))}
    product = product_in(form, form.weight)
    wanted = [form.output.entry(), *product.factors, form.input.entry(form.read)]
    copies, added = _copies(program), {n.source: (n.target, n) for n in program.body if isinstance(n, Scatter)}
    node = point.node
    assert isinstance(node, (MultiplyAdd, Contract))
    target, times = _seen_through(program, node.target, added)
    written, more = _seen_through(program, _written(program, target), added)
    found = [(written, times * more), *(_seen_through(program, a, copies) for a in node.factors)]
    if [access.array for access, _ in found] != [read.array for read in wanted]:
        raise NoLowering("A program reads other arrays than its form.")
    return both(
        built(Eq, point.value(Mul(node.times, *(number for _, number in found))), replaced(product.times, down)),
        *(
            equal_places(
                _plain(access, len(read.subscripts)),
                stored[read.array].storage(replaced(e, down) for e in read.subscripts),
            )
            for (access, _), read in zip(found, wanted, strict=True)
        ),
    )


def _twice(letters: list[Symbol]) -> bool:
    return len(set(letters)) < len(letters)


def _summed(program: Program, node: Statement) -> list[Range]:
    """The letters that the running sums which a statement reads are summed over, and from where to where."""
    sums, found = {n.target: n for n in program.body if isinstance(n, Accumulate)}, []
    for access in accesses_of(node)[1:]:
        while access.array in sums:
            made = sums[access.array]
            axis = made.axis + len(access.subscripts) - made.rank
            end = access.subscripts[axis] + made.over.start
            found.append(replace(made.over, start=end) if made.onwards else replace(made.over, stop=end))
            access = _within_sum(access, made)
    return found


def _within_sum(access: Access, made: Accumulate) -> Access:
    """An entry that is added up in an entry of running sums."""
    axis = made.axis + len(access.subscripts) - made.rank
    return Access(made.source, (*access.subscripts[:axis], made.place, *access.subscripts[axis + 1 :]))


Copies = Mapping[str, tuple[str, Gather | Accumulate | Scatter]]


def _copies(program: Program) -> Copies:
    return {n.target: (n.source, n) for n in program.body if isinstance(n, (Gather, Accumulate))}


def _seen_through(program: Program, access: Access, working: Copies) -> tuple[Access, Expr]:
    """The entry of an argument or of the result that an entry of a working array is a copy of, or is added to, and its number."""
    times: Expr = S.One
    while access.array in working:
        name, node = working[access.array]
        if isinstance(node, Accumulate):
            access = _within_sum(access, node)
            continue
        axis = node.axis + len(access.subscripts) - (node.rank - len(node.places) + len(node.over))
        behind = axis + len(node.over)
        at = {r.symbol: e + r.start for r, e in zip(node.over, access.subscripts[axis:behind], strict=True)}
        times = times * node.times.xreplace(at)
        places = (e.xreplace(at) for e in node.places)
        access = Access(name, (*access.subscripts[:axis], *places, *access.subscripts[behind:]))
    return access, times


def _plain(access: Access, rank: int) -> tuple[Expr, ...]:
    """The subscripts without the batch axis."""
    return access.subscripts[len(access.subscripts) - rank :]


def _written(program: Program, target: Access) -> Access:
    """Where a register ends up: the copy that stores it."""
    if target.array == program.result.name:
        return target
    return next(
        p.node.target
        for p in _points(program.body)
        if isinstance(p.node, Copy) and p.node.source == target and p.node.target.array == program.result.name
    )


def _starts(program: Program, form: Form, points: list[_Point]) -> Iterator[Goal]:
    """The result starts as the bias or as 0, everywhere, and a register is stored everywhere."""
    first, last = points[0], points[-1]
    given = (*_given(program, form), _item(program))
    written = _written(program, first.node.target)
    same = [equal_places(_plain(written, len(form.output.axes)), form.output.storage(form.output.symbols))]
    if isinstance(first.node, Copy):
        product = product_in(form, form.bias)
        if _summed(program, first.node):
            raise NoLowering("A program starts from sums of entries of its form's bias.")
        source, number = _seen_through(program, first.node.source, _copies(program))
        if [source.array] != [bias.array for bias in product.factors]:
            raise NoLowering("A program starts from something else than its form's bias.")
        box = next(p.array for p in form.biases if p.name == source.array)
        same.append(equal_places(source.subscripts, box.storage(product.factors[0].subscripts)))
        same.append(built(Eq, first.node.times * number, product.times))
    yield Goal((*given, first.domain), both(form.output.holds(), *same))
    yield Goal((*given, form.output.holds()), first.domain)
    if isinstance(last.node, Copy):
        yield Goal((*given, form.output.holds()), last.domain)


def _adds(program: Program, form: Form, points: list[_Point]) -> Iterator[Goal]:
    """A bias that is a sum is added once to every output, term by term."""
    given, ranges = (*_given(program, form), _item(program)), summed(form.bias)
    boxes = {p.name: p.array for p in form.biases}
    inside = both(form.output.holds(), *(axis.holds() for axis in ranges))
    for point in (p for p in points if adds_bias(p.node, form)):
        target, *factors = accesses_of(point.node)
        entries = product_of(form.bias.function) or {}
        bound = point.letters | {r.symbol for r in ranges_of(point.node)}
        letters = {*form.output.symbols, *(axis.symbol for axis in ranges)}
        if bound - {program.item} != letters or sorted(f.array for f in factors) != sorted(entries):
            raise NoLowering("A program adds another bias than its form has.")
        written = _plain(_written(program, target), len(form.output.axes))
        places = ((f.subscripts, boxes[f.array].storage(entries[f.array].subscripts)) for f in factors)
        same = [equal_places(written, form.output.storage(form.output.symbols)), *(equal_places(*p) for p in places)]
        yield Goal((*given, point.domain), both(inside, *same))
        yield Goal((*given, inside), point.domain)


def _bounds(program: Program, form: Form, point: _Point) -> Iterator[Goal]:
    """Every entry is inside; and before anything is swept, slices start inside and plain subscripts are inside."""
    node = point.node
    known = {s.name for s in (*program.arguments, program.result, *program.working)}
    inside, swept = [], []
    for access in accesses_of(node):
        shape = program.extents(access.array) if access.array in known else ()
        for subscript, extent in zip(access.subscripts, shape, strict=True):
            place = point.value(subscript)
            inside.append(both(built(Le, 0, place), built(Lt, place, extent)))
            moving = [r for r in node.over if r.symbol in subscript.free_symbols]
            swept += [built(Le, 0, replaced(place, {r.symbol: point.value(r.start)})) for r in moving] or inside[-1:]
    given = _given(program, form)
    yield Goal((*given, point.domain), both(*inside))
    if node.over:
        yield Goal((*given, *point.facts), both(point.forwards(), *swept))


def _along(program: Program, form: Form) -> Iterator[Goal]:
    """Every place of a working array is a place of the array that it is a copy of, or is added to; and it has places."""
    for node in program.body:
        if isinstance(node, (Gather, Scatter)):
            whole = program.storage(node.source if isinstance(node, Gather) else node.target).shape[node.axis :]
            given = _given(program, form)
            inside = both(
                *(both(built(Le, 0, e), built(Lt, e, extent)) for e, extent in zip(node.places, whole, strict=False))
            )
            yield Goal((*given, *map(_within, node.over)), inside)
            yield Goal(given, both(*(built(Le, r.start, r.stop) for r in node.over)))
        if isinstance(node, Accumulate):
            whole, given = program.storage(node.source).shape[node.axis], _given(program, form)
            yield Goal((*given, _within(node.over)), both(built(Le, 0, node.place), built(Lt, node.place, whole)))
            yield Goal(given, built(Le, node.over.start, node.over.stop))
