"""An entry whose subscripts share conditions, written as cases of entries.

    V[(a where c; b otherwise), (b where c; a otherwise)]   ⟶   V[a, b] where c; V[b, a] otherwise

The value is the same wherever what is known holds; it reads better, since each condition stands there once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from sympy import Eq, Expr, Ge, Integer, Not, Symbol, preorder_traversal

from derive.forms.conditions import simplified, split
from derive.forms.expr import Where, reads
from derive.remembered import both

__all__ = ["by_cases"]

_FEW = 64  # values of a letter that are looked at
_SHARED = 6  # conditions that are asked
_LINES = 16  # cases in all


def by_cases(value: Expr, *known: Any) -> Expr:
    """The same value; conditions that several subscripts of an entry share are asked first, without what is known.

    Where that would take more lines than one reads, the subscripts keep their cases.
    """
    if not value.has(Where):
        return value
    if len(set(_shared(value))) <= _SHARED:
        found = _asked(value, *known)
        if sum(isinstance(e, Where) for e in preorder_traversal(found)) <= _LINES:
            return found
    return _without(value, *known)


def _asked(value: Expr, *known: Any) -> Expr:
    if isinstance(value, Where):
        return _within(value.condition, _asked(value.args[1], value.condition, *known), value.args[2])
    condition = next(_shared(value), None)
    if condition is None:
        return _without(value, *known)
    here = _told(condition, *known)
    if here in (True, False):
        return _asked(_settled(value, condition, bool(here)), *known)
    no = _failed(condition, *known)
    rest = _settled(value, condition, False).xreplace(_pinned(no, *known))
    return Where(here, _asked(_settled(value, condition, True), condition, *known), _asked(rest, no, *known))


def _within(condition: Any, value: Expr, other: Expr) -> Expr:
    """The value where the condition holds; two questions with one other answer are one question."""
    if isinstance(value, Where) and value.args[2] == other:
        return Where(both(condition, value.condition), value.args[1], other)
    return Where(condition, value, other)


def _shared(value: Expr) -> Iterator[Any]:
    """The conditions that several subscripts of one entry ask, in the order in which they ask them."""
    for read in sorted(reads(value), key=str):
        asked = [[e.condition for e in preorder_traversal(s) if isinstance(e, Where)] for s in read.subscripts]
        often = Counter(condition for own in asked for condition in set(own))
        yield from (condition for own in asked for condition in own if often[condition] > 1)


def _told(condition: Any, *known: Any) -> Any:
    """What of the condition isn't known; whether it holds where that is all known. An equation stays as it is else."""
    here = simplified(condition, *known)
    return condition if isinstance(condition, Eq) and here not in (True, False) else here


def _settled(value: Expr, condition: Any, holds: bool) -> Expr:
    """The value where the condition holds, or where it fails; a letter that it makes a number is that number."""
    one = {e: e.args[1 if holds else 2] for e in value.atoms(Where) if e.condition == condition}
    while one:
        value = value.xreplace(one)
        one = {e: e.args[1 if holds else 2] for e in value.atoms(Where) if e.condition == condition}
    if holds and isinstance(condition, Eq) and isinstance(condition.lhs, Symbol) and condition.rhs.is_Integer:
        return value.xreplace({condition.lhs: condition.rhs})
    return value


def _ends(letter: Symbol, *known: Any) -> tuple[int, int] | None:
    """The least and the greatest value of a letter, where they are numbers."""
    lower, upper = ([int(e) for e in side if e.is_Integer] for side in split(*known)[0].bounds(letter))
    return (max(lower), min(upper)) if lower and upper else None


def _failed(condition: Any, *known: Any) -> Any:
    """That the condition fails; of an equation with a letter's least value, that the letter is greater."""
    if isinstance(condition, Eq) and isinstance(condition.lhs, Symbol) and condition.rhs.is_Integer:
        ends = _ends(condition.lhs, *known)
        if ends is not None and ends[0] == condition.rhs:
            return Ge(condition.lhs, condition.rhs + 1)
    return Not(condition)


def _pinned(condition: Any, *known: Any) -> dict[Symbol, Expr]:
    """The letter of a bound, if one value of it is left."""
    if not isinstance(condition, Ge):
        return {}
    ends = _ends(condition.lhs, condition, *known)
    return {condition.lhs: Integer(ends[0])} if ends is not None and ends[0] == ends[1] else {}


def _without(value: Expr, *known: Any) -> Expr:
    """The value without conditions that are known, and with a table of a letter's own values as that letter."""
    for e in preorder_traversal(value):
        if not isinstance(e, Where):
            continue
        plain = _moved(e, *known) or Where(_told(e.condition, *known), *e.args[1:])
        if plain != e:
            return _without(value.xreplace({e: plain}), *known)
    return value


def _moved(table: Expr, *known: Any) -> Expr | None:
    """A letter and a number, where that is what cases of each of its few values come to."""
    if len(table.free_symbols) != 1:
        return None
    (letter,) = table.free_symbols
    ends = _ends(letter, *known)
    if ends is None or ends[1] - ends[0] >= _FEW:
        return None
    by = {table.xreplace({letter: Integer(k)}) - k for k in range(ends[0], ends[1] + 1)}
    return letter + by.pop() if len(by) == 1 else None
