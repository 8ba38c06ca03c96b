"""Claims about forms whose coefficients are sums of several terms, proved by a bijection between terms.

    c(o, k) = Σ_{r : ι(o, r) = k} w(o, r)        c(g·o, g·k) = ±c(o, k)  if  r ⟶ φ(r) carries the terms of the one sum to the other

Every term that reads k for o goes to one that reads g·k for g·o with the same weight, and back. A clause c(o, k) = 0 holds if every
term that reads k for o has weight 0, as where there is none. Which φ it is proves nothing: `derive.proof.candidates` proposes some,
those that fail at small sizes are dropped, and the first that the solver admits for all sizes is the proof.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sympy import And, Eq, Expr, Integer, Mul, Not, Symbol

from derive.errors import ObligationFailed, TextError
from derive.forms.expr import Read, Where, index, map_reads, reads
from derive.forms.form import Form, equal_places
from derive.forms.products import same_product, weighted
from derive.proof.candidates import Map, candidates
from derive.proof.goal import Goal, Obligation, Status, Verdict
from derive.proof.remainders import congruences
from derive.proof.screen import Screen
from derive.proof.solver import decide, discharge
from derive.proof.step import Clause
from derive.remembered import both, replaced, text

__all__ = ["Side", "proved_by_terms", "side_of", "with_numbers", "written_out"]

_MOST_ENTRIES = 256
Side = tuple[Expr, tuple[Expr, ...]]  # a sign, and the subscripts of the entry of W that it multiplies


def proved_by_terms(form: Form, clause: Clause) -> Verdict | None:
    """The verdict on a clause about W and U of `dense_like(form)`, for all sizes; None where no bijection is found to prove it."""
    own = written_out(_apart(form, clause))
    try:
        verdicts = (_verdict(clause, goals) for goals in _attempts(own, clause))
        return next((v for v in verdicts if v.proved), None)
    except TextError:  # a sum over numbers, which the solver's arithmetic doesn't have
        return None


def _verdict(clause: Clause, goals: tuple[Goal, ...]) -> Verdict:
    known = (Goal((*goal.given, *congruences((*goal.given, goal.show))), goal.show) for goal in goals)
    return discharge(Obligation("claim", clause.says, tuple(known)))


def _attempts(form: Form, clause: Clause) -> Iterator[tuple[Goal, ...]]:
    """Sets of goals, each of which proves the clause."""
    known = And(form.given, clause.given)
    found = {r.array for side in (clause.left, clause.right) for r in reads(side)}
    if found == {"U"}:
        yield (Goal((known,), Eq(*(_biases(form, side) for side in (clause.left, clause.right)))),)
        return
    left, right = (side_of(side, known) for side in (clause.left, clause.right))
    if left is None or right is None:
        return
    if 0 in (left[0], right[0]):
        yield (_vanishing(form, clause, left if right[0] == 0 else right),)
        return
    screen = Screen(form, clause)
    for there, back in candidates(form, left[1], right[1]):
        goals = (
            _carried(form, clause, (right, left), (there, back)),
            _carried(form, clause, (left, right), (back, there)),
        )
        if all(map(screen.admits, goals)):
            yield goals


def _biases(form: Form, side: Expr) -> Expr:
    def value(read: Read) -> Expr:
        return form.bias.xreplace(dict(zip(form.output.symbols, read.subscripts, strict=True)))

    return map_reads(side, value)


def side_of(expression: Expr, known: Any) -> Side | None:
    """The sign and the place of an entry of W, or the number 0; None for anything else."""
    for case in sorted(expression.atoms(Where), key=text):
        for condition, value in ((case.condition, case.args[1]), (Not(case.condition), case.args[2])):
            if decide(Goal((known,), condition).smt) is Status.PROVED:
                expression = expression.xreplace({case: value})
    product = weighted(expression)
    if product is None or [f.array for f in product.factors] != ["W"]:
        return (Integer(0), ()) if expression == 0 else None
    return product.times, product.factors[0].subscripts


def _reading(form: Form, side: Side, letters: Map) -> tuple[Any, Expr]:
    """That the term called by these letters is one of a side's coefficient, and its weight with the side's sign."""
    sign, places = side
    rank = len(form.output.axes)
    at = dict(zip(form.output.symbols, places[:rank], strict=True)) | dict(letters)
    read = equal_places((replaced(e, at) for e in form.read), places[rank:])
    return both(replaced(form.live, at), read), Mul(sign, replaced(form.weight, at))


def _carried(form: Form, clause: Clause, sides: tuple[Side, Side], maps: tuple[Map, Map]) -> Goal:
    """A term of the first side goes by the first map to one of the other side, of the same weight, and comes back by the second."""
    there, back = maps
    held, weight = _reading(form, sides[0], {s: s for s in form.reduction_symbols})
    reached, other = _reading(form, sides[1], there)
    undone = both(*(Eq(s, replaced(back[s], there)) for s in form.reduction_symbols))
    return Goal((form.given, clause.given, held), both(reached, same_product(weight, other), undone))


def _vanishing(form: Form, clause: Clause, side: Side) -> Goal:
    """Whatever a side's coefficient sums has weight 0."""
    held, weight = _reading(form, side, {s: s for s in form.reduction_symbols})
    return Goal((form.given, clause.given, held), Eq(weight, 0))


def _apart(form: Form, clause: Clause) -> Form:
    """The form with summed letters that the clause doesn't use."""
    taken = {s for e in (clause.given, clause.left, clause.right) for s in e.free_symbols} | {
        *clause.binders,
        *form.sizes,
    }
    letters: dict[Symbol, Symbol] = {}
    for s in form.reduction_symbols:
        new = s
        while new in {*taken, *letters.values()}:
            new = index(f"{new.name}_")
        letters[s] = new
    return replace(
        form,
        reduction=tuple(replace(a, symbol=letters[a.symbol]) for a in form.reduction),
        domain=form.domain.xreplace(letters),
        weight=form.weight.xreplace(letters),
        read=tuple(e.xreplace(letters) for e in form.read),
    )


def written_out(form: Form) -> Form:
    """Short tables and arrays of numbers written out as cases, so that the solver knows what they hold."""
    held = {t.name: (t.array, tuple(map(Integer, t.values))) for t in form.tables}
    held |= {p.name: (p.array, p.values) for p in form.params if p.values is not None}

    def value(read: Read) -> Expr:
        box, numbers = held.get(read.array, (None, ()))
        if box is None or len(numbers) > _MOST_ENTRIES:
            return read
        flat: Expr = Integer(0)
        for axis, place in zip(box.axes, read.subscripts, strict=True):
            flat = flat * axis.extent + place - axis.lower
        found: Expr = numbers[0]
        for p, number in enumerate(numbers[1:], 1):
            found = Where(Eq(flat, p), number, found)
        return found

    def out(expression: Any) -> Any:
        return map_reads(expression, value) if held else expression

    return replace(
        form, domain=out(form.domain), weight=out(form.weight), read=tuple(map(out, form.read)), bias=out(form.bias)
    )


def with_numbers(form: Form, subject: str) -> Form:
    """The form with given weights as numbers. Raises ObligationFailed where these are very many."""
    written, numbers = written_out(form), {p.name for p in form.params if p.values is not None}
    if left := sorted(numbers & {r.array for e in (written.weight, written.bias) for r in reads(e)}):
        raise ObligationFailed(f"{subject} is not decided: the numbers {left[0]} are too many to be written out.")
    return written
