"""Which term reads a given entry: found from the form alone, by elimination.

The terms that read V[p] satisfy the equations 'the subscripts are p' and the inequalities of a live term. Equations give letters by
steps of one; of the letters that are left the first values that the inequalities admit are taken, one letter after the other. That
such a term is live, and that no other entry is read, is what the obligation 'free' says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, permutations
from math import factorial
from typing import Any

from sympy import And, Eq, Expr, Max, Min, Mod, Or, Symbol, expand

from derive.forms.conditions import simplified, split
from derive.forms.expr import Read, index, reads
from derive.forms.form import Form, Param, equal_places
from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.remembered import replaced, text
from derive.rules._known import implied

__all__ = ["with_reader"]

Letters = dict[Symbol, Expr]
_MOST_ORDERS = 24


def with_reader(form: Form, param: Param) -> Param:
    """The array with a term that reads each of its entries that is read at all; as it is where none is found."""
    if param.data or _is_read(form, param):
        return param
    for values in _terms(form, param):
        reader = tuple((s, values[s]) for s in (*form.output.symbols, *form.reduction_symbols))
        known = (param.array.holds(), form.given)
        live = simplified(replaced(form.live, dict(reader)), *known)
        needed = And(*(part for part in And.make_args(live) if not implied(And(*known, param.free), part)))
        for free in dict.fromkeys((param.free, And(param.free, needed), live)):
            found = replace(param, free=free, reader=reader)
            if _is_read(form, found):
                return found
    return param


def _subscripts(form: Form, param: Param) -> list[Read]:
    return [r for r in reads(form.weight) if r.array == param.name]


def _is_read(form: Form, param: Param) -> bool:
    """Whether exactly the free entries are read, each by its term."""
    term, found = dict(param.reader), _subscripts(form, param)
    if set(term) != {*form.output.symbols, *form.reduction_symbols}:
        return False
    hits = (equal_places((replaced(s, term) for s in r.subscripts), param.array.symbols) for r in found)
    reached = all(implied(And(form.given, form.live), param.domain_at(r.subscripts)) for r in found)
    return reached and implied(And(form.given, param.domain), And(replaced(form.live, term), Or(*hits)))


def _terms(form: Form, param: Param) -> Iterator[Letters]:
    """Terms that may read the entry at the array's own letters."""
    letters = (*form.output.symbols, *form.reduction_symbols)
    entry = {s: index(f"{s.name}'") for s in param.array.symbols}
    back = {new: old for old, new in entry.items()}
    for read in _subscripts(form, param):
        wanted = equal_places(read.subscripts, entry.values())
        solved, rest = _solved(And(form.live, form.given, wanted), letters)
        left = [s for s in letters if s not in solved]
        for first in (True, False):
            for order in _orders(rest, left):
                values = _chosen(rest, order, first)
                if values is not None:
                    both = {s: replaced(e, values) for s, e in solved.items()} | values
                    yield {
                        s: expand(e.xreplace(back)) if not e.has(Max, Min) else e.xreplace(back)
                        for s, e in both.items()
                    }


def _solved(condition: Any, letters: Sequence[Symbol]) -> tuple[Letters, Any]:
    """Letters that equations name by steps of one, and what is left of the condition."""
    solved: Letters = {}
    waiting = True
    while waiting:
        waiting = False
        for part in sorted(And.make_args(condition), key=text):
            if not isinstance(part, Eq):
                continue
            difference = _difference(part)
            unit = next((s for s in reversed(letters) if s not in solved and _by_one(difference, s)), None)
            if unit is not None:
                value = {unit: expand(-difference.coeff(unit) * (difference - difference.coeff(unit) * unit))}
                solved = {s: replaced(e, value) for s, e in solved.items()} | value
                condition = replaced(condition, value)
                waiting = True
                break
    return solved, condition


def _difference(part: Any) -> Expr:
    """Of an equation between two places that are brought inside in the same way, that of the places; else that of the sides."""
    one, other = map(_leaves, part.args)
    if part.lhs.has(Mod, Max, Min) and len(one - other) == len(other - one) == 1:
        return expand((one - other).pop() - (other - one).pop())
    return expand(part.lhs - part.rhs)


def _leaves(e: Expr) -> set[Expr]:
    """What remainders and extremes are of."""
    inner = [a for a in e.args if a.has(Mod, Max, Min)] if not isinstance(e, (Mod, Max, Min)) else e.args
    return {e} if not inner else set().union(*map(_leaves, inner))


def _by_one(difference: Expr, letter: Symbol) -> bool:
    """Whether a difference is ± the letter plus something without it."""
    sign = difference.coeff(letter)
    return sign in (1, -1) and letter not in expand(difference - sign * letter).free_symbols


def _orders(condition: Any, letters: Sequence[Symbol]) -> Iterator[list[Symbol]]:
    """Orders of the letters: those that inequalities join in every order, side by side with those of other axes."""
    groups: list[set[Symbol]] = [{s} for s in letters]
    for part in split(condition)[0].expressions:
        met = [group for group in groups if group & part.free_symbols]
        groups = [group for group in groups if group not in met] + ([set().union(*met)] if met else [])
    named = [sorted(group, key=list(letters).index) for group in groups]
    for number in range(min(_MOST_ORDERS, max((factorial(len(g)) for g in named), default=1))):
        yield [s for g in named for s in next(islice(permutations(g), number % factorial(len(g)), None))]


def _chosen(condition: Any, order: Sequence[Symbol], first: bool) -> Letters | None:
    """The first, or the last, values of the letters that the affine part of the condition admits; None where one has no end."""
    affine, _ = split(condition)
    values: Letters = {}
    for place, letter in enumerate(order):
        ends = _bounds(affine, order[place + 1 :], letter)[0 if first else 1]
        if not ends:
            return None
        found = ends[0] if len(ends) == 1 else (Max if first else Min)(*ends)
        values[letter] = replaced(found, values)
    return values


def _bounds(affine: Polyhedron, others: Sequence[Symbol], letter: Symbol) -> tuple[tuple[Expr, ...], tuple[Expr, ...]]:
    try:
        return affine.project(*others).simplify().bounds(letter)
    except NotAffine:
        return (), ()
