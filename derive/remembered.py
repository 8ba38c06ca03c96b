"""What SymPy builds, replaces and prints, remembered.

A conjunction or an extreme costs SymPy up to a millisecond, and the layers ask for the same few again and again. Its values
never change, and each of these functions depends on its arguments alone, so an answer that is kept is the one it would give.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from operator import is_
from typing import Any

from sympy import And, Basic, false, true
from sympy.printing.str import StrPrinter

from derive.affine import EXTREMES, RELATIONS, extreme, place_among, relation

__all__ = ["both", "built", "fraction", "letters_of", "replaced", "text"]


@lru_cache(maxsize=1 << 16, typed=True)
def built(kind: Any, *parts: Any) -> Any:
    """The expression of that kind with these parts."""
    if kind is And:
        return _conjunction(parts)
    if kind in RELATIONS:
        return relation(kind, *parts)
    return extreme(kind, parts) if kind in EXTREMES else kind(*parts)


def _conjunction(parts: tuple[Any, ...]) -> Any:
    """What `And` makes of the parts, with the place of each among others and its opposite from memory."""
    flat: dict[Any, None] = {}
    for part in parts:
        if part == False:  # noqa: E712
            return false
        flat.update(dict.fromkeys(() if part == True else part.args if isinstance(part, And) else (part,)))  # noqa: E712
    kept: dict[Any, Any] = {}
    for part in sorted(flat, key=place_among):
        same, opposite = _senses(part)
        if opposite in kept:
            return false
        kept.setdefault(same, part)
    if len(kept) < 2:
        return next(iter(kept.values()), true)
    made = Basic.__new__(And, *kept.values())
    made._argset = frozenset(kept.values())
    return made


@lru_cache(maxsize=1 << 16)
def _senses(part: Any) -> tuple[Any, Any]:
    """A relation as all that say the same are written, and its opposite; another part is itself, and opposes none."""
    return (part.canonical, part.canonical.negated.canonical) if part.is_Relational else (part, None)


def both(*conditions: Any) -> Any:
    """The conjunction of all conditions."""
    return built(And, *conditions)


@lru_cache(maxsize=1 << 14)
def fraction(expression: Any) -> tuple[Any, Any]:
    """The expression as one quotient: what is divided, and by what."""
    top, bottom = expression.together().as_numer_denom()
    return top, bottom


def replaced(expression: Any, values: Mapping[Any, Any]) -> Any:
    """The expression with others in place of some of its parts, all at once, each part looked at once."""
    return _replaced(expression, values, {}) if values else expression


def _replaced(e: Any, values: Mapping[Any, Any], done: dict[Any, Any]) -> Any:
    # not a function inside the other: one that names itself is a cycle, with all that it has remembered
    if (found := values.get(e)) is not None:
        return found
    if not (args := e.args):
        return e
    if (found := done.get(key := (type(e), e))) is None:
        new = tuple([_replaced(a, values, done) for a in args])
        found = done[key] = e if all(map(is_, new, args)) else built(e.func, *new)
    return found


@lru_cache(maxsize=1 << 17)
def letters_of(expression: Any) -> frozenset[Any]:
    """The letters that are free in it, as SymPy finds them: of parts that it has among others, once."""
    if not expression.args or type(expression).free_symbols is not Basic.free_symbols:
        return frozenset(expression.free_symbols)
    return frozenset().union(*map(letters_of, expression.args))


class _Printer(StrPrinter):  # type: ignore[misc]
    """SymPy's, which prints what it has printed before from memory: what a part looks like does not depend on where it stands."""

    def _print(self, expr: Any, **options: Any) -> str:
        return _printed(expr)

    def plain(self, expr: Any) -> str:
        """Printed by SymPy, but for its parts."""
        return str(super()._print(expr))


_PRINTER = _Printer()


@lru_cache(maxsize=1 << 17, typed=True)
def _printed(expression: Any) -> str:
    return _PRINTER.plain(expression)


def text(expression: Any) -> str:
    """The expression as SymPy prints it: a fixed order for what stands in a set."""
    return _printed(expression)
