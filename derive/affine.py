"""Relations and extremes of affine expressions, built without asking SymPy what it can't answer.

SymPy looks for the sign of a difference by way of all that it could suppose of the symbols. An index is an integer of which
nothing is supposed, so a difference that an index is left in has no sign, and is 0 for all that SymPy knows unless it is odd.
Where no index is left, and for all that is not affine, SymPy is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any

from sympy import Add, Eq, Expr, Ge, Gt, Integer, Le, Lt, Max, Min, Mul, Symbol, default_sort_key
from sympy.core.sorting import _nodes

__all__ = ["EXTREMES", "RELATIONS", "extreme", "place_among", "relation"]

RELATIONS = frozenset((Eq, Ge, Gt, Le, Lt))
EXTREMES = frozenset((Max, Min))

_NUMBER = Integer(1)  # the key of what stands alone
_Terms = Mapping[Any, int]


def relation(kind: Any, left: Any, right: Any) -> Any:
    """What SymPy makes of `left` and `right` in that relation."""
    undecided = _gap_is_open(left, right, kind is Eq)
    return kind(left, right, evaluate=False) if undecided else kind(left, right)


def extreme(kind: Any, parts: Sequence[Any]) -> Any:
    """What SymPy makes of `Max` or `Min` of the parts."""
    own = dict.fromkeys(Integer(p) if type(p) is int else p for p in parts)
    if len(own) < 2 or not all(_gap_is_open(one, other, False) for one, other in combinations(own, 2)):
        return kind(*parts)
    made = Expr.__new__(kind, *sorted(own, key=place_among))
    made._argset = frozenset(own)
    return made


@lru_cache(maxsize=1 << 16)
def place_among(part: Any) -> tuple[Any, ...]:
    """By what SymPy sorts parts whose order says nothing."""
    return (_nodes(part), default_sort_key(part))


def _gap_is_open(left: Any, right: Any, parity: bool) -> bool:
    """Whether an index is left in the difference; with `parity`, one that is taken an odd number of times."""
    one, other = _terms(left), _terms(right)
    if one is None or other is None:
        return False
    gaps = (one.get(s, 0) - other.get(s, 0) for s in {*one, *other} if s is not _NUMBER)
    return any(gap % 2 for gap in gaps) if parity else any(gaps)


@lru_cache(maxsize=1 << 16, typed=True)
def _terms(expression: Any) -> _Terms | None:
    """How often each index is taken, and the number besides; None for what isn't affine in indices over the integers."""
    if type(expression) is int or isinstance(expression, Integer):
        return {_NUMBER: int(expression)}
    terms: dict[Any, int] = {}
    for term in expression.args if type(expression) is Add else (expression,):
        times, letter = term.args if type(term) is Mul and len(term.args) == 2 else (_NUMBER, term)
        if isinstance(letter, Integer):
            times, letter = letter, _NUMBER
        elif not (isinstance(times, Integer) and type(letter) is Symbol and _is_index(letter)):
            return None
        terms[letter] = terms.get(letter, 0) + int(times)
    return terms


@lru_cache(maxsize=4096)
def _is_index(symbol: Symbol) -> bool:
    """Whether nothing is supposed of a symbol but that it is an integer."""
    return bool(symbol == Symbol(symbol.name, integer=True))
