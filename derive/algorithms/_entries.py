"""What the comments of emitted source are made of: entries and numbers as formulas have them."""

from __future__ import annotations

from sympy import Expr

from derive.forms.expr import Read
from derive.forms.notation import SOURCE
from derive.ir.nodes import Access

__all__ = ["entry", "multiplied", "spelled"]


def entry(of: Access | Read) -> str:
    """An entry of an array; the one of a scalar by its name alone."""
    return SOURCE.read(of.array, ", ".join(map(spelled, of.subscripts)))


def spelled(subscript: Expr) -> str:
    """Where along an axis."""
    return SOURCE.apart(subscript)


def multiplied(times: Expr) -> str:
    """What an entry is multiplied by, before it; nothing for 1."""
    if times in (1, -1):
        return "" if times == 1 else "-"
    return f"{SOURCE(times) if times.is_number else SOURCE.factor(times)}·"
