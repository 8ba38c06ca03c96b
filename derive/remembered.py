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

__all__ = ["both", "built", "replaced", "text"]


@lru_cache(maxsize=1 << 16, typed=True)
def built(kind: Any, *parts: Any) -> Any:
    """The expression of that kind with these parts."""
    return kind(*parts)


def both(*conditions: Any) -> Any:
    """The conjunction of all conditions."""
    return built(And, *conditions)


def replaced(expression: Any, values: Mapping[Any, Any]) -> Any:
    """The expression with others in place of some of its parts, all at once."""
    if expression in values:
        return values[expression]
    parts = expression.args
    new = tuple(replaced(part, values) for part in parts)
    return expression if all(map(is_, new, parts)) else built(expression.func, *new)


@lru_cache(maxsize=1 << 16)
def text(expression: Any) -> str:
    """The expression as SymPy prints it: a fixed order for what stands in a set."""
    return str(expression)
