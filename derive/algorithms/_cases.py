"""Terms divided by the cases of their subscripts: V[0 where i = k, 1 elsewhere] is V[0] at i = k, V[1] at i < k and at i > k.

The parts are disjoint and affine; where one says that two letters are equal, it runs in the one of them alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sympy import And, Eq, Expr, Gt, Lt, Ne, Not, Or, Symbol, expand

from derive.algorithms._terms import Part, Terms
from derive.forms.conditions import pieces
from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.ir.nodes import Chart
from derive.remembered import built, replaced

__all__ = ["divided"]


def divided(terms: Terms) -> tuple[Terms, ...]:
    """The terms in parts in which no case turns on a letter whose loop would be long; whole where cases are not affine."""
    case = terms.case()
    if case is None:
        return (terms,)
    found: list[Terms] = []
    for condition, value in ((case.condition, case.args[1]), (Not(case.condition), case.args[2])):
        try:
            alone = pieces(_options(condition))
        except NotAffine:
            return (terms,)
        for piece in alone:
            if not (piece & terms.terms).is_empty():
                found += divided(_part(terms, piece, (case, value)))
    return tuple(found)


def _options(condition: Any) -> Any:
    """Without "not equal", which is less or more."""
    if isinstance(condition, (And, Or)):
        return condition.func(*map(_options, condition.args))
    if isinstance(condition, Not) and isinstance(condition.args[0], (And, Or)):
        opposite = Or if isinstance(condition.args[0], And) else And
        return opposite(*(_options(Not(part)) for part in condition.args[0].args))
    if isinstance(condition, Ne):
        left, right = condition.args
        return Or(built(Lt, left, right), built(Gt, left, right))
    return condition


def _part(terms: Terms, piece: Polyhedron, case: tuple[Any, Expr]) -> Terms:
    """The terms of a piece, in one letter less for each equation that gives a letter."""
    chart, condition = terms.chart, piece.conditions
    part = Part(And(terms.part.condition, condition), (*terms.part.cases, case))
    for equation in sorted(And.make_args(condition), key=str):
        solved = _solved(equation, chart) if isinstance(equation, Eq) else None
        if solved is not None:
            letter, value = solved
            at = {letter: value}
            chart = Chart(
                tuple((s, expand(replaced(e, at))) for s, e in chart.down),
                tuple((s, e) for s, e in chart.up if s != letter),
            )
            cases = tuple((replaced(w, at), replaced(v, at)) for w, v in part.cases if not _decided(replaced(w, at)))
            part = replace(part, condition=replaced(part.condition, at), cases=cases)
    return Terms(terms.form, chart, terms.batches, bool(terms.items), True, part)


def _decided(case: Any) -> bool:
    """Whether cases have become a plain expression."""
    return not hasattr(case, "condition")


def _solved(equation: Any, chart: Chart) -> tuple[Symbol, Expr] | None:
    """A letter of the chart and its value in the others, the letters that loop first."""
    difference = expand(equation.lhs - equation.rhs)
    for letter, _ in chart.up:
        step = difference.coeff(letter)
        if step in (1, -1):
            return letter, expand(letter - step * difference)
    return None
