"""Values by cases, taken apart: in each branch they have no cases left.

    x = Where(c, y, z)   ⟶   x = y where c, and x = z where not c

A choice that stands deep within subscripts makes all that is built on it large; a branch is as plain as a value without choices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sympy import Expr, Not, Symbol

from derive.forms.expr import Where
from derive.remembered import built

__all__ = ["branches"]

Letters = dict[Symbol, Expr]
_MOST = 64


def branches(values: Mapping[Symbol, Expr]) -> list[tuple[tuple[Any, ...], Letters]]:
    """Facts, of which exactly one branch's hold, and the values there; all in one branch where there are very many.

    >>> from derive.forms.expr import indices
    >>> a, b = indices("a b")
    >>> branches({a: Where(b <= 0, b + 1, -b)})
    [((b <= 0,), {a: b + 1}), ((b > 0,), {a: -b})]
    """
    found = []
    for branch in _taken((), dict(values)):
        found.append(branch)
        if len(found) > _MOST:
            return [((), dict(values))]
    return found


def _taken(facts: tuple[Any, ...], values: Letters) -> Iterator[tuple[tuple[Any, ...], Letters]]:
    choice = next((found for e in values.values() if (found := _first(e)) is not None), None)
    if choice is None:
        yield facts, values
        return
    condition = choice.condition
    for fact, holds in ((condition, True), (Not(condition), False)):
        yield from _taken((*facts, fact), {s: _decided(e, condition, holds) for s, e in values.items()})


def _first(e: Any) -> Any:
    """The first choice that stands in no other."""
    if isinstance(e, Where):
        return e
    return next((found for part in e.args if (found := _first(part)) is not None), None)


def _decided(e: Any, condition: Any, holds: bool) -> Any:
    """The expression where the condition is known to hold, or not to."""
    if isinstance(e, Where) and e.condition == condition:
        return _decided(e.args[1 if holds else 2], condition, holds)
    parts = tuple(_decided(part, condition, holds) for part in e.args)
    return built(e.func, *parts) if parts != e.args else e
