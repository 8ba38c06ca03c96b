"""What a program must satisfy to be the form: every live term once, and every access inside its array.

The statements of a lowering keep the form's letters, so that a point of a statement *is* a term (o, r).

    denotes     the points are exactly the live terms; weight, input and output are read and written where the form says
    in bounds   every subscript is a position of its array, also beside an empty slice; slices run forwards from 0 or later
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from sympy import And, Expr, Ge, Le, Lt, Symbol

from derive.algorithms._structure import check_structure
from derive.errors import NoLowering
from derive.forms.expr import Read, reads
from derive.forms.form import Form, equal_places
from derive.ir.nodes import (
    Access,
    Contract,
    Copy,
    Guard,
    Launch,
    Let,
    Loop,
    MultiplyAdd,
    Node,
    Program,
    Range,
)
from derive.proof.goal import Goal, Obligation

__all__ = ["program_obligations"]


@dataclass(frozen=True)
class _Point:
    """A statement with what holds at each of its points; `held` are integers by name, already replaced."""

    node: Copy | MultiplyAdd | Contract
    facts: tuple[object, ...] = ()
    held: tuple[tuple[Symbol, Expr], ...] = field(default=())

    def value(self, expression: Expr) -> Expr:
        return expression.xreplace(dict(self.held))

    @property
    def domain(self) -> object:
        """The condition that the indices are a point of the statement."""
        return And(*self.facts, *(_within(self._held(r)) for r in self.node.over))

    def _held(self, r: Range) -> Range:
        return Range(r.symbol, self.value(r.start), self.value(r.stop))

    def forwards(self) -> object:
        """Every range that the statement sweeps at once runs forwards."""
        return And(*(Le(self.value(r.start), self.value(r.stop)) for r in self.node.over))


def _within(r: Range) -> object:
    return And(Le(r.start, r.symbol), Lt(r.symbol, r.stop))


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
            case Copy() | MultiplyAdd() | Contract():
                yield replace(here, node=node)


def _deeper(here: _Point, ranges: tuple[Range, ...]) -> _Point:
    known = tuple(_within(Range(r.symbol, here.value(r.start), here.value(r.stop))) for r in ranges)
    return replace(here, facts=(*here.facts, *known))


def program_obligations(program: Program, form: Form) -> tuple[Obligation, ...]:
    """Proved of each lowering, for all sizes that the form admits. Raises NoLowering for a program of another shape."""
    check_structure(program, form)
    points = list(_points(program.body))
    (total,) = (p for p in points if not isinstance(p.node, Copy))
    target = program.name
    return (
        Obligation(
            "denotes",
            f"The points of the program '{target}' are the form's live terms, each once, with the same entries.",
            (*_denotes(program, form, total), *_biases(program, form, points)),
        ),
        Obligation(
            "in bounds",
            f"Every access of the program '{target}' is inside its array.",
            tuple(goal for p in points for goal in _bounds(program, form, p)),
        ),
    )


def _given(program: Program, form: Form) -> tuple[object, ...]:
    return (form.given,) if program.batch is None else (form.given, Ge(program.batch, 1))


def _item(program: Program) -> object:
    """The batch index takes every value, whatever the term: it is fixed at an arbitrary one."""
    if program.batch is None:
        return True
    (launch,) = (node for node in program.body if isinstance(node, Launch))
    return _within(launch.threads[0])


def _denotes(program: Program, form: Form, point: _Point) -> tuple[Goal, ...]:
    given = (*_given(program, form), _item(program))
    stored = {p.name: p.array for p in form.params} | {
        form.input.name: form.input,
        form.output.name: form.output,
    }
    wanted = [*(r for r in _factors(form)), form.input.entry(form.read)]
    names = [access.array for access in point.node.factors]  # type: ignore[union-attr]
    if names != [read.array for read in wanted]:
        raise NoLowering("A program reads other arrays than its form.")
    same = [
        equal_places(_plain(access, len(read.subscripts)), stored[read.array].storage(read.subscripts))
        for access, read in zip(point.node.factors, wanted, strict=True)  # type: ignore[union-attr]
    ]
    written = _written(program, point.node.target)
    target = equal_places(_plain(written, len(form.output.axes)), form.output.storage(form.output.symbols))
    return (
        Goal((*given, point.domain), And(form.live, *same, target)),
        Goal((*given, form.live), point.domain),
    )


def _factors(form: Form) -> list[Read]:
    factors = form.weight.as_ordered_factors()
    if not all(isinstance(f, Read) for f in factors):
        raise NoLowering(f"A program multiplies entries; the weight '{form.weight}' is no product of entries.")
    return list(factors)


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


def _biases(program: Program, form: Form, points: list[_Point]) -> tuple[Goal, ...]:
    """The result starts as the bias, everywhere."""
    (bias,) = reads(form.bias)
    box = next(p.array for p in form.biases if p.name == bias.array)
    first, last = points[0], points[-1]
    if not isinstance(first.node, Copy) or first.node.source.array != bias.array:
        raise NoLowering("A program starts from something else than its form's bias.")
    given = (*_given(program, form), _item(program))
    written = _written(program, first.node.target)
    same = And(
        equal_places(first.node.source.subscripts, box.storage(bias.subscripts)),
        equal_places(_plain(written, len(form.output.axes)), form.output.storage(form.output.symbols)),
    )
    stored = (Goal((*given, form.output.holds()), last.domain),) if isinstance(last.node, Copy) else ()
    return (
        Goal((*given, first.domain), And(form.output.holds(), same)),
        Goal((*given, form.output.holds()), first.domain),
        *stored,
    )


def _bounds(program: Program, form: Form, point: _Point) -> Iterator[Goal]:
    """Every entry is inside; and before anything is swept, slices start inside and plain subscripts are inside."""
    node = point.node
    sources = (node.source,) if isinstance(node, Copy) else node.factors
    known = {s.name: s.shape for s in (*program.arguments, program.result)}
    inside, swept = [], []
    for access in (node.target, *sources):
        shape = known.get(access.array, ())
        if program.batch is not None and len(access.subscripts) > len(shape):
            shape = (program.batch, *shape)
        for subscript, extent in zip(access.subscripts, shape, strict=True):
            place = point.value(subscript)
            inside.append(And(Le(0, place), Lt(place, extent)))
            moving = [r for r in node.over if r.symbol in subscript.free_symbols]
            swept += [Le(0, place.xreplace({r.symbol: point.value(r.start)})) for r in moving] or inside[-1:]
    given = _given(program, form)
    yield Goal((*given, point.domain), And(*inside))
    if node.over:
        yield Goal((*given, *point.facts), And(point.forwards(), *swept))
