"""Values of index expressions on whole index grids at once, exactly, as NumPy arrays.

Used by the oracles only: nothing here is shared with the code that emits kernels.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from sympy import (
    Abs,
    Add,
    And,
    Eq,
    Ge,
    Gt,
    Integer,
    Le,
    Lt,
    Max,
    Min,
    Mod,
    Mul,
    Ne,
    Not,
    Or,
    Pow,
    Rational,
    Sum,
    Symbol,
    ceiling,
    floor,
)
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

from derive.errors import TextError
from derive.forms.expr import Gcd, Read, Where
from derive.remembered import fraction

__all__ = ["evaluate", "grid"]

Reader = Callable[..., Any]


def grid(ranges: Mapping[Symbol, tuple[int, int]]) -> dict[Symbol, np.ndarray]:
    """Index arrays for all points of a box (both ends belong to it), one axis a symbol."""
    axes = [np.arange(low, high + 1) for low, high in ranges.values()]
    return dict(zip(ranges, np.meshgrid(*axes, indexing="ij"), strict=True)) if axes else {}


def evaluate(expression: Any, at: Mapping[Symbol, Any], read: Reader | None = None) -> Any:
    """The value of an expression; `at` gives every symbol an integer or an array of integers.

    `read(name, *subscripts)` gives the entries of an array. Both branches of a case are
    evaluated, so `read` must accept subscripts outside the array.
    """

    return _Values(at, read).of(expression)


@dataclass(frozen=True, slots=True)
class _Values:
    """Those of the letters and of the entries of arrays, and so of all that is made of them."""

    at: Mapping[Symbol, Any]
    read: Reader | None

    def of(self, e: Any) -> Any:
        """The value of an expression."""
        if isinstance(e, Symbol):
            return self.at[e]
        if isinstance(e, Integer):
            return int(e)
        if isinstance(e, (BooleanTrue, BooleanFalse)):
            return bool(e)
        if isinstance(e, Rational):
            return e
        if isinstance(e, Read):
            if self.read is None:
                raise TextError(f"'{e}' has no value here: no array was given.")
            return self.read(e.array, *map(self.of, e.subscripts))
        if isinstance(e, Where):
            condition, first, other = map(self.of, e.args)
            return np.where(condition, first, other)
        if isinstance(e, (floor, ceiling)):
            return _rounded(e, self.of)
        if isinstance(e, Sum):
            *inner, (letter, low, high) = e.limits
            summand = Sum(e.function, *inner) if inner else e.function
            steps = range(int(self.of(low)), int(self.of(high)) + 1)
            return sum((evaluate(summand, {**self.at, letter: k}, self.read) for k in steps), start=0)
        for kind, combine in _TABLE.items():
            if isinstance(e, kind):
                return combine(*map(self.of, getattr(e, "args", ())))
        raise TextError(f"'{e}' has no exact value: {type(e).__name__} is not part of the language.")


def _rounded(e: Any, value: Callable[[Any], Any]) -> Any:
    numerator, denominator = fraction(e.args[0])
    top, bottom = value(numerator), value(denominator)
    return top // bottom if isinstance(e, floor) else -((-top) // bottom)


def _fold(combine: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda *values: reduce(combine, values)


_TABLE: Mapping[type, Callable[..., Any]] = {
    Add: _fold(operator.add),
    Mul: _fold(operator.mul),
    Pow: operator.pow,
    Mod: operator.mod,
    Abs: abs,
    Gcd: np.gcd,
    Max: _fold(np.maximum),
    Min: _fold(np.minimum),
    And: _fold(np.logical_and),
    Or: _fold(np.logical_or),
    Not: np.logical_not,
    Eq: operator.eq,
    Ne: operator.ne,
    Ge: operator.ge,
    Gt: operator.gt,
    Le: operator.le,
    Lt: operator.lt,
}
