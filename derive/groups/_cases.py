"""Tables over letters with few values, written as expressions: the same everywhere, a form with one wrap, or cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import product

from sympy import Eq, Expr, Ge, Integer, Lt, Symbol

from derive.forms.expr import Where

__all__ = ["written"]

Values = tuple[int, ...]


def written(letters: tuple[Symbol, ...], table: Mapping[Values, Expr]) -> Expr:
    """An expression in the letters with these values.

    >>> from derive.forms.expr import indices
    >>> written(indices("r s"), {(r, s): Integer((s - r) % 4) for r in range(4) for s in range(4)})
    Where(-r + s < 0, -r + s + 4, -r + s)
    """
    if len(set(table.values())) == 1:
        return next(iter(table.values()))
    if all(value.is_Integer for value in table.values()):
        for candidate, values in _remainders(letters, table):
            if values == table:
                return candidate
    return _cases(letters, table)


def _remainders(
    letters: tuple[Symbol, ...], table: Mapping[Values, Expr]
) -> Iterator[tuple[Expr, Mapping[Values, Expr]]]:
    """Linear forms, and their remainders where adding or taking away the period once gives them."""
    period = int(max(table.values())) + 1
    for start in range(1 - period, period):
        for rates in product((0, 1, -1), repeat=len(letters)):
            form = sum((rate * s for rate, s in zip(rates, letters, strict=True)), start=Integer(start))
            at = {v: start + sum(r * x for r, x in zip(rates, v, strict=True)) for v in table}
            remainders = {v: Integer(value % period) for v, value in at.items()}
            if all(0 <= value < period for value in at.values()):
                yield form, remainders
            elif all(-period <= value < period for value in at.values()):
                yield Where(Lt(form, 0), form + period, form), remainders
            elif all(0 <= value < 2 * period for value in at.values()):
                yield Where(Ge(form, period), form - period, form), remainders


def _cases(letters: tuple[Symbol, ...], table: Mapping[Values, Expr]) -> Expr:
    """By the values of the first letter; equal parts together, the most frequent one without a condition."""
    first, *rest = letters
    parts = {
        x: written(tuple(rest), {v[1:]: e for v, e in table.items() if v[0] == x})
        for x in dict.fromkeys(v[0] for v in table)
    }
    other = Counter(parts.values()).most_common()[0][1]
    last = [part for part, times in Counter(parts.values()).items() if times == other][-1]
    value = last
    for x, part in reversed(parts.items()):
        if part != last:
            value = Where(Eq(first, x), part, value)
    return value
