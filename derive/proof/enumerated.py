"""Equations between coefficients of windows of numbers: every sum is written out, term by term, and the grid keeps its symbols.

    Σ_{r : e(r) = e} c(r)·[r is a term that reads k for o]        for each product e of entries of the arrays of weights

is a whole number, a sum of cases, so that of two layers the solver decides for all sizes whether these numbers agree. On grids that
hold both windows a place beyond the edge wraps around once, which is linear; smaller ones are taken one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from math import lcm, prod
from typing import Any

from sympy import And, Eq, Expr, Integer, Mod, Rational, Symbol

from derive.forms.expr import Where, index, reads
from derive.forms.form import Form, equal_places
from derive.forms.products import weighted
from derive.proof.goal import Goal, Obligation, Status, Verdict
from derive.proof.remainders import by_size
from derive.proof.solver import decide, discharge
from derive.remembered import both, built, replaced, text

__all__ = ["proved_by_enumeration"]

_MOST_TERMS, _MOST_GOALS = 2_000, 100

Entries = tuple[tuple[str, tuple[int, ...]], ...]
Sums = dict[Entries, dict[Any, Rational]]


def proved_by_enumeration(one: Form, other: Form, says: str) -> Verdict | None:
    """The verdict that two forms have equal coefficients, for all sizes; None where it isn't found that way.

    That is where a letter of the sum has no numeric range, an entry that is read depends on the place, or terms are very many.
    """
    there = {s: index(f"{s.name}°") for s in one.input.symbols}
    other = _called(other, dict(zip(other.output.symbols, one.output.symbols, strict=True)))
    left, right = (_sums(form, tuple(there.values())) for form in (one, other))
    if left is None or right is None:
        return None
    given = And(one.given, other.given, one.output.holds(), one.input.holds(there.values()))
    claims = [show for entries in sorted({*left, *right}) if (show := _equal(left, right, entries)) is not None]
    reach = max(sum(max(abs(int(a.lower)), abs(int(a.upper))) for a in f.reduction) for f in (one, other))
    cases = list(by_size(given, claims, reach + 1))
    if len(cases) * len(claims) > _MOST_GOALS:
        return None
    goals = (Goal((case,), _unwrapped(replaced(show, at), case)) for case, at in cases for show in claims)
    verdict = discharge(Obligation("same terms", says, tuple(goals)))
    return verdict if verdict.proved else None


def _unwrapped(e: Any, given: Any) -> Any:
    """The expression with each remainder by a size of what wraps around once at most written as cases."""
    if not e.args or not e.has(Mod):
        return e
    args = [_unwrapped(a, given) for a in e.args]
    rebuilt = built(e.func, *args)
    if not isinstance(rebuilt, Mod) or rebuilt.args[1].is_Integer:
        return rebuilt
    x, n = rebuilt.args
    once = decide(Goal((given,), And(-n <= x, x < 2 * n)).smt) is Status.PROVED
    return Where(x < 0, x + n, Where(x >= n, x - n, x)) if once else rebuilt


def _called(form: Form, letters: Mapping[Symbol, Symbol]) -> Form:
    """The form's terms by other letters of the output."""
    changed = {s: t for s, t in letters.items() if s != t}
    if not changed:
        return form
    return replace(
        form,
        domain=replaced(form.domain, changed),
        weight=replaced(form.weight, changed),
        read=tuple(replaced(e, changed) for e in form.read),
        output=replace(form.output, axes=tuple(replace(a, symbol=letters[a.symbol]) for a in form.output.axes)),
    )


def _sums(form: Form, place: tuple[Symbol, ...]) -> Sums | None:
    """For each product of entries the conditions on which it multiplies the input at a place, with how often."""
    ends = [(a.lower, a.upper) for a in form.reduction]
    if form.tables or not all(e.is_Integer for pair in ends for e in pair):
        return None
    if prod(int(high - low) + 1 for low, high in ends) > _MOST_TERMS:
        return None
    values = {p.name: p for p in form.weights if p.values is not None}
    found: Sums = defaultdict(lambda: defaultdict(lambda: Rational(0)))
    for numbers in product(*(range(int(low), int(high) + 1) for low, high in ends)):
        at = dict(zip(form.reduction_symbols, map(Integer, numbers), strict=True))
        term = weighted(replaced(form.weight, at))
        if term is None or not all(s.is_Integer for f in term.factors for s in f.subscripts) or reads(term.times):
            return None
        if not isinstance(term.times, Rational):
            return None
        times, entries = term.times, []
        for factor in term.factors:
            spot = tuple(int(s) for s in factor.subscripts)
            if factor.array in values:
                times = times * _number(values[factor.array], spot)
            else:
                entries.append((factor.array, spot))
        live = both(replaced(form.live, at), equal_places((replaced(e, at) for e in form.read), place))
        found[tuple(sorted(entries))][live] += times
    return found


def _number(param: Any, spot: tuple[int, ...]) -> Rational:
    flat = 0
    for axis, p in zip(param.array.axes, spot, strict=True):
        flat = flat * int(axis.extent) + p - int(axis.lower)
    number: Rational = param.values[flat]
    return number


def _equal(one: Sums, other: Sums, entries: Entries) -> Any:
    """That both sums are the same number; None where they are so term by term."""
    left, right = (side.get(entries, {}) for side in (one, other))
    gap = {c: left.get(c, 0) - right.get(c, 0) for c in {*left, *right}}
    rest = {c: number for c, number in gap.items() if number != 0}
    if not rest:
        return None
    scale = lcm(*(int(number.q) for number in rest.values()))

    def total(sign: int) -> Expr:
        parts = (
            Where(c, abs(number) * scale, 0)
            for c, number in sorted(rest.items(), key=lambda p: text(p[0]))
            if sign * number > 0
        )
        return sum(parts, start=Integer(0))

    return Eq(total(1), total(-1), evaluate=False)
