"""Relations and extremes of integer expressions, built without asking SymPy what it can't answer.

SymPy looks for the sign of a difference term by term, by way of all that it could suppose of the symbols. An index is an integer of
which nothing is supposed, so a sum with an index for a term has no sign, whatever the other terms are, and it is 0 for all that
SymPy knows if the index is taken an odd number of times; nor has a number less magnitudes. For all else SymPy is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any

from sympy import (
    Abs,
    Add,
    Eq,
    Expr,
    Ge,
    Gt,
    Integer,
    Le,
    Lt,
    Max,
    Min,
    Mod,
    Mul,
    Symbol,
    ceiling,
    default_sort_key,
    floor,
)

__all__ = ["EXTREMES", "RELATIONS", "extreme", "place_among", "relation"]

RELATIONS = frozenset((Eq, Ge, Gt, Le, Lt))
EXTREMES = frozenset((Max, Min))

_ROUNDED = (ceiling, floor)
_WHOLE = (*_ROUNDED, Abs, Max, Min, Mod)
_NUMBER = Integer(1)  # the key of what stands alone
_Terms = Mapping[Any, int]


def relation(kind: Any, left: Any, right: Any) -> Any:
    """What SymPy makes of `left` and `right` in that relation."""
    undecided = _may_be_zero(left, right) if kind is Eq else _has_no_sign(left, right)
    return kind(left, right, evaluate=False) if undecided else kind(left, right)


def extreme(kind: Any, parts: Sequence[Any]) -> Any:
    """What SymPy makes of `Max` or `Min` of the parts."""
    own = dict.fromkeys(Integer(p) if type(p) is int else p for p in parts)
    flat = all(_terms(p) is not None and not p.has(Max, Min) for p in own)
    if len(own) < 2 or not (flat and all(_has_no_sign(one, other) for one, other in combinations(own, 2))):
        return kind(*parts)
    made = Expr.__new__(kind, *sorted(own, key=place_among))
    made._argset = frozenset(own)
    return made


@lru_cache(maxsize=1 << 16)
def place_among(part: Any) -> tuple[Any, ...]:
    """By what SymPy sorts parts whose order says nothing: few nodes first."""
    return (_nodes(part), default_sort_key(part))


@lru_cache(maxsize=1 << 16)
def _nodes(part: Any) -> int:
    return 1 + sum(map(_nodes, part.args))


def _gap(left: Any, right: Any) -> dict[Any, int]:
    """The terms of a difference, as `_terms` gives them; none where it has others."""
    one, other = _terms(left), _terms(right)
    if one is None or other is None:
        return {}
    gap = {e: one.get(e, 0) - other.get(e, 0) for e in (*one, *other)}
    return {e: times for e, times in gap.items() if times}


def _has_no_sign(left: Any, right: Any) -> bool:
    """Whether an index is left in the difference, or magnitudes are, and a number of the other sign."""
    gap = _gap(left, right)
    if any(type(e) is Symbol for e in gap):
        return True
    number = gap.pop(_NUMBER, 0)
    return bool(gap) and all(type(e) is Abs and times * number < 0 for e, times in gap.items())


def _may_be_zero(left: Any, right: Any) -> bool:
    """Whether an index is left in the difference that is taken an odd number of times."""
    if type(left) in _ROUNDED or type(right) in _ROUNDED:  # SymPy rewrites these for an equation
        return False
    return any(type(e) is Symbol and times % 2 for e, times in _gap(left, right).items())


@lru_cache(maxsize=1 << 16, typed=True)
def _terms(expression: Any) -> _Terms | None:
    """How often each index, and each other integer that SymPy leaves as it is, is taken, and the number besides.

    None for what isn't a sum of these over the integers.
    """
    if type(expression) is int or isinstance(expression, Integer):
        return {_NUMBER: int(expression)}
    terms: dict[Any, int] = {}
    for term in expression.args if type(expression) is Add else (expression,):
        if isinstance(term, Integer):
            times, letter = term, _NUMBER
        elif type(term) is Mul and isinstance(term.args[0], Integer):
            times, letter = term.as_coeff_Mul()
        else:
            times, letter = _NUMBER, term
        if letter is not _NUMBER and not _is_whole(letter):
            return None
        terms[letter] = terms.get(letter, 0) + int(times)
    return terms


@lru_cache(maxsize=1 << 14)
def _is_whole(letter: Any) -> bool:
    """Whether it is an index, a product of indices, or a quotient, remainder, magnitude or extreme of what indices make."""
    if type(letter) is Symbol:
        return _is_index(letter)
    if type(letter) is Mul:
        return all(type(e) is Symbol and _is_index(e) for e in letter.args)
    return type(letter) in _WHOLE and letter.is_integer is True and all(map(_is_index, letter.free_symbols))


@lru_cache(maxsize=4096)
def _is_index(symbol: Symbol) -> bool:
    """Whether nothing is supposed of a symbol but that it is an integer."""
    return bool(symbol == Symbol(symbol.name, integer=True))
