"""What SymPy builds, replaces and prints, remembered.

A conjunction or an extreme costs SymPy up to a millisecond, and the layers ask for the same few again and again. Its values
never change, and each of these functions depends on its arguments alone, so an answer that is kept is the one it would give.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from operator import is_
from typing import Any

from sympy import And
from sympy.printing.str import StrPrinter

__all__ = ["both", "built", "replaced", "text"]


@lru_cache(maxsize=1 << 16, typed=True)
def built(kind: Any, *parts: Any) -> Any:
    """The expression of that kind with these parts."""
    return kind(*parts)


def both(*conditions: Any) -> Any:
    """The conjunction of all conditions."""
    return built(And, *conditions)


def replaced(expression: Any, values: Mapping[Any, Any]) -> Any:
    """The expression with others in place of some of its parts, all at once, each part looked at once."""
    done: dict[Any, Any] = {}

    def of(e: Any) -> Any:
        if e in values:
            return values[e]
        if not e.args:
            return e
        if (found := done.get(key := (type(e), e))) is None:
            new = tuple(map(of, e.args))
            found = done[key] = e if all(map(is_, new, e.args)) else built(e.func, *new)
        return found

    return of(expression)


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
