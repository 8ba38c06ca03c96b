"""Signs as expressions: 1, -1, or cases of them; products with them stay sums of entries with cases."""

from __future__ import annotations

from sympy import Expr, Integer

from derive.forms.expr import Where

__all__ = ["times"]


def times(sign: Expr, value: Expr) -> Expr:
    """The value with the sign, each case of the sign by itself.

    >>> from derive.forms.text import parse
    >>> times(parse("Where(a < 0, -1, 1)"), parse("V[a]"))
    Where(a < 0, -V[a], V[a])
    """
    if isinstance(sign, Where):
        condition, one, other = sign.args
        return Where(condition, times(one, value), times(other, value))
    if isinstance(value, Where):
        condition, one, other = value.args
        return Where(condition, times(sign, one), times(sign, other))
    return value if sign == 1 else Integer(-1) * value if sign == -1 else sign * value
