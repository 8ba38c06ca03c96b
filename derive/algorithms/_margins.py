"""Rows with margins of zeros: which positions of such a row stand for a column of the input."""

from __future__ import annotations

from sympy import Expr, Ge, Integer, Max, expand

from derive.algorithms._window import Moving
from derive.forms.form import Form
from derive.proof.goal import Goal, Status
from derive.proof.solver import decide
from derive.remembered import built

__all__ = ["columns", "larger"]


def columns(form: Form, along: Moving) -> tuple[Expr, Expr]:
    """The first position, counted from where the first window begins, and the one past the last."""
    first, last = along.base, expand(along.base + along.span)
    start = expand(larger(form, Integer(0), first) - along.base)
    stop = expand(-larger(form, -along.extent, -last) - along.base)
    return start, larger(form, start, stop)


def larger(form: Form, one: Expr, two: Expr) -> Expr:
    """The larger of two, for all sizes where one of them always is."""
    for left, right in ((one, two), (two, one)):
        if decide(Goal((form.given,), built(Ge, left, right)).smt) is Status.PROVED:
            return left
    return built(Max, one, two)
