"""That what is computed of indices fits 32 bits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from sympy import Abs, Add, Le, Mod, ceiling, floor
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanAtom, BooleanFunction

from derive.remembered import both, built, fraction

__all__ = ["fits"]

_FITS = 2**31 - 1


def fits(*expressions: Any) -> object:
    """No part of them leaves 32 bits, in whatever order sums are added up; a remainder is found by way of twice its divisor.

    Of sums of magnitudes those are left out whose terms are terms of another.
    """
    totals = dict.fromkeys(total for e in expressions for total in _totals(e))
    terms = {total: total.as_coefficients_dict() for total in totals}
    largest = [t for t in totals if not any(o != t and _within(terms[t], terms[o]) for o in totals)]
    return both(*(built(Le, total, _FITS) for total in largest))


def _within(terms: Mapping[Any, Any], others: Mapping[Any, Any]) -> bool:
    return all(factor <= others.get(term, 0) for term, factor in terms.items())


@lru_cache(maxsize=1 << 14)
def _totals(expression: Any) -> tuple[Any, ...]:
    """The sums of magnitudes that the parts of an expression stay below."""
    if isinstance(expression, Relational | BooleanFunction | BooleanAtom):
        return _all(expression.args)
    if isinstance(expression, (floor, ceiling)):
        top, bottom = fraction(expression.args[0])
        return _all((2 * bottom, bottom - top, top))
    total = Add(*(Abs(term) for term in Add.make_args(expression)))
    more = (2 * expression.args[1],) if isinstance(expression, Mod) else ()
    return (total, *_all((*expression.args, *more)))


def _all(expressions: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(total for e in expressions for total in _totals(e))
