"""A condition on sizes is necessary for a claim: at all other sizes some layer breaks it, named for all of them at once.

    Σ_{r : ι(o, r) = k} w(o, r)  >  0  ≥  Σ_{r : ι(g·o, r) = g·k} w(g·o, r)        for V = 1 at one entry, 0 elsewhere

so c(o, k) = c(g·o, g·k) fails there. The place o is at an end of each axis or beside it; the entry is that of one of its terms, at
an end of the window, in its middle or at 0; and k is what that reads: all of them formulas in the sizes. Which of them break the
claim where, is tried at small sizes; that one of them does at every size at all without the condition is the goal, proved like any
other. Where the weights are numbers, these are what the sums have; and a short window's are written out where signs don't tell
them apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from math import lcm, prod
from typing import Any

import numpy as np
from sympy import Eq, Expr, Ge, Gt, Integer, Le, Not, Or, Rational, Symbol, floor

from derive.errors import TextError
from derive.forms.evaluate import evaluate, grid
from derive.forms.expr import Where, index
from derive.forms.form import Axis, Form, Role, equal_places
from derive.forms.products import weighted
from derive.forms.text import show
from derive.proof.correspondence import side_of, written_out
from derive.proof.goal import Goal, Obligation, Verdict
from derive.proof.remainders import by_size, congruences
from derive.proof.small import admits
from derive.proof.solver import discharge
from derive.proof.step import Clause
from derive.remembered import both, replaced

__all__ = ["necessary"]

_MOST_SIZES, _LARGEST = 200, 12  # of sizes that are tried
_SMALL, _SHORT = 3, 8
Letters = Mapping[Symbol, Expr]


@dataclass(frozen=True)
class _Witness:
    """A term of a place, and the sign that its weight has: with its entry alone as 1, the clause is said to fail there."""

    form: Form
    clause: Clause
    moved: tuple[Expr, ...]
    term: Letters
    twin: Letters
    sign: int  # 0 where both sums are written out

    @cached_property
    def fails(self) -> Any:
        """That the place's sum is more than 0 and the other one's isn't, for every value of the twin's letters."""
        form = self.form
        here = dict(zip(form.input.symbols, (replaced(e, self.term) for e in form.read), strict=True))
        here |= {s: self.term[s] for s in form.output.symbols}
        places = tuple(replaced(e, here) for e in (*form.output.symbols, *form.input.symbols))
        moved = tuple(replaced(e, here) for e in self.moved)
        known = both(replaced(self.clause.given, here), replaced(form.live, self.term))
        if not self.sign:
            return both(known, Not(Eq(self._sum(places), self._sum(moved), evaluate=False)))
        most = self._all(moved, Le) if moved else True
        return both(known, Gt(self._number(self.term), 0), self._all(places, Ge), most)

    def _sum(self, places: tuple[Expr, ...]) -> Expr:
        """A coefficient of a window that has numbers for its ends."""
        ranges = (range(int(a.lower), int(a.upper) + 1) for a in self.form.reduction if places)
        terms = (dict(zip(self.form.reduction_symbols, map(Integer, r), strict=True)) for r in product(*ranges))
        read = [self._reading(places, term) for term in terms if places]
        return sum((Where(live, number) for live, number in read), start=Integer(0))

    def _all(self, places: tuple[Expr, ...], relation: Any) -> Any:
        """That a term which the twin names has a number of this sense, or reads another place."""
        reading, number = self._reading(places, self.twin)
        return Or(relation(number, 0), Not(reading))

    def _reading(self, places: tuple[Expr, ...], term: Letters) -> tuple[Any, Expr]:
        """That a term of the first of these places reads the second, and its number."""
        rank = len(self.form.output.axes)
        at = {**term, **dict(zip(self.form.output.symbols, places[:rank], strict=True))}
        reached = equal_places((replaced(e, at) for e in self.form.read), places[rank:])
        return both(replaced(self.form.live, at), reached), self._number(at)

    def _number(self, at: Letters) -> Expr:
        """What a term's weight is, where the witness's entries are 1 and all others 0."""
        found = weighted(self.form.weight)
        assert found is not None
        same = (
            equal_places((replaced(s, at) for s in f.subscripts), (replaced(s, self.term) for s in f.subscripts))
            for f in found.factors
        )
        return Where(both(*same), (self.sign or _whole(found.times)) * replaced(found.times, at))

    def holds(self, sizes: Mapping[Symbol, int]) -> bool:
        """Whether the clause fails there at these sizes."""
        axes = dict(zip(self.twin.values(), self.form.reduction, strict=True))
        ends = {s: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for s, a in axes.items()}
        return bool(np.all(evaluate(self.fails, dict(sizes) | grid(ends))))

    def __str__(self) -> str:
        own = (s for s in (*self.form.output.symbols, *self.form.reduction_symbols))
        return ", ".join(f"{s} = {show(self.term[s])}" for s in own)


def necessary(form: Form, clauses: tuple[Clause, ...], condition: Any) -> Verdict | None:
    """The verdict that the clauses, about `dense_like(form)`, fail at every size without the condition; None if none is found."""
    own = written_out(form)
    found = weighted(own.weight)
    if found is None or (found.factors and not isinstance(found.times, Rational)):
        return None
    if not (chosen := _chosen(own, clauses, condition)):
        return None
    given, fails = both(form.given, Not(condition)), Or(*(w.fails for w in _called_apart(own, chosen)))
    cases = ((case, replaced(fails, at)) for case, at in by_size(given, (fails,), _SMALL))
    goals = tuple(Goal((case, *congruences((case, shown))), shown) for case, shown in cases)
    says = "At every other size some layer of these weights breaks it."
    try:
        verdict = discharge(Obligation("necessary", says, goals, "; or ".join(dict.fromkeys(map(str, chosen)))))
    except TextError:  # a condition that the solver's arithmetic doesn't have
        return None
    return verdict if verdict.proved else None


def _called_apart(form: Form, chosen: Iterable[_Witness]) -> Iterator[_Witness]:
    """The witnesses with letters of their own for other terms: each fails for all of these, or it is none."""
    taken = {*form.output.symbols, *form.input.symbols, *form.sizes, *form.reduction_symbols}
    for w in chosen:
        yield replace(w, twin={s: _fresh(s, taken) for s in form.reduction_symbols})


def _chosen(form: Form, clauses: tuple[Clause, ...], condition: Any) -> list[_Witness]:
    """Witnesses such that at each small size without the condition one breaks a clause; none where that isn't so of some size."""
    chosen: list[_Witness] = []
    every = list(_witnesses(form, clauses))
    for sizes in _sizes(form, condition):
        if any(w.holds(sizes) for w in chosen):
            continue
        if (new := next((w for w in every if w.holds(sizes)), None)) is None:
            return []
        chosen.append(new)
    return chosen


def _sizes(form: Form, condition: Any) -> Iterator[dict[Symbol, int]]:
    """Small sizes without the condition, the largest first."""
    names = form.sizes
    most = next(n for n in range(_LARGEST, 0, -1) if (n + 1) ** len(names) <= _MOST_SIZES or n == 1)
    for values in sorted(product(range(most + 1), repeat=len(names)), key=lambda v: (-sum(v), v)):
        sizes = dict(zip(names, values, strict=True))
        if admits(form, sizes) and not bool(evaluate(condition, sizes)):
            yield sizes


def _witnesses(form: Form, clauses: tuple[Clause, ...]) -> Iterator[_Witness]:
    twin = {s: s for s in form.reduction_symbols}
    corners = (_places(a) for a in form.output.axes)
    terms = (_spots(a) for a in form.reduction)
    letters = (*form.output.symbols, *form.reduction_symbols)
    numbers, found = weighted(form.weight), [(c, moved) for c in clauses if (moved := _moved(form, c)) is not None]
    spots = list(product(*corners, *terms))
    for sign in (*((1,) if numbers is not None and numbers.factors else (1, -1)), *((0,) if _short(form) else ())):
        for values, (clause, moved) in product(spots, found):
            yield _Witness(form, clause, moved, dict(zip(letters, values, strict=True)), twin, sign)


def _moved(form: Form, clause: Clause) -> tuple[Expr, ...] | None:
    """The pair of places that a clause compares that of its letters with, none for 0; None for a clause of another kind."""
    known = both(form.given, clause.given)
    sides = [side_of(e, known) for e in (clause.left, clause.right)]
    letters = (*form.output.symbols, *form.input.symbols)
    for side, other in (sides, sides[::-1]):
        if side is not None and other is not None and side[1] == letters and other[0] in (0, 1) and side[0] == 1:
            return other[1]
    return None


def _places(axis: Axis) -> tuple[Expr, ...]:
    """The ends of an axis of the grid, and the places beside them."""
    if axis.role is not Role.GRID:
        return (axis.lower,)
    return tuple(dict.fromkeys((axis.lower, axis.upper, axis.lower + 1, axis.upper - 1)))


def _spots(axis: Axis) -> tuple[Expr, ...]:
    """All of a short window, its middle first; of another one the middle, 0 where that may be in it, and the ends."""
    if axis.role is not Role.GRID:
        return (axis.lower,)
    if axis.extent.is_Integer and axis.extent <= _SHORT:
        spots = range(int(axis.lower), int(axis.upper) + 1)
        return tuple(map(Integer, sorted(spots, key=lambda a: abs(2 * a - int(axis.lower + axis.upper)))))
    found = (floor((axis.lower + axis.upper) / 2), Integer(0), axis.lower, axis.upper)
    return tuple(dict.fromkeys(found))


def _short(form: Form) -> bool:
    """Whether the sums have few terms."""
    extents = [a.extent for a in form.reduction]
    return all(e.is_Integer for e in extents) and prod(map(int, extents)) <= _SHORT**2


def _whole(numbers: Expr) -> Integer:
    """What makes whole numbers of these."""
    return Integer(lcm(*(int(n.q) for n in numbers.atoms(Rational))))


def _fresh(letter: Symbol, taken: set[Symbol]) -> Symbol:
    while letter in taken:
        letter = index(f"{letter.name}_")
    taken.add(letter)
    return letter
