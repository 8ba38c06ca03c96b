"""Numbers of free parameters at given sizes, exactly."""

from __future__ import annotations

from collections.abc import Mapping
from operator import index as index_of
from typing import Any

from sympy import And, Expr, Integer

from derive.errors import DeriveError
from derive.forms.expr import index
from derive.forms.form import Form, Param
from derive.forms.notation import UNICODE
from derive.proof.counts import Counts
from derive.proof.dimension import free_entries_at

__all__ = ["at_sizes", "free_at", "free_entries", "needed"]


def free_at(form: Form, counts: Counts, at: Mapping[str, int]) -> tuple[int, int]:
    """Free weights, of which as many are counted as W tells, and free biases.

    Raises DeriveError for a size of the layer that has no value, or one that the layer does not admit.
    """
    if missing := [s.name for s in form.sizes if s.name not in at]:
        raise DeriveError(f"The size {missing[0]} has no value; state it, as in {missing[0]}=10.")
    if odd := sorted(name for name, value in at.items() if not hasattr(value, "__index__")):
        raise DeriveError(f"The size {odd[0]} is {at[odd[0]]!r}; it must be a whole number.")
    at = {name: index_of(value) for name, value in at.items()}
    if wrong := needed(form, at):
        raise DeriveError(f"The layer needs {wrong}, which these sizes are not.")
    return free_entries(form.weights, counts.exact_weight, at), free_entries(form.biases, counts.exact_bias, at)


def at_sizes(expression: Any, at: Mapping[str, int]) -> int:
    """The whole number that an expression in the sizes is. Raises DeriveError for a size without a value."""
    value = Integer(0) + expression
    if missing := sorted(s.name for s in value.free_symbols if s.name not in at):
        raise DeriveError(f"The size {missing[0]} has no value; state it, as in {missing[0]}=10.")
    return int(value.subs({index(name): Integer(number) for name, number in at.items()}))


def needed(form: Form, at: Mapping[str, int]) -> str:
    """What the form needs of its sizes that these are not, such as "n ≥ 1" or "a number for m"; nothing where it admits them."""
    if missing := [UNICODE(s) for s in form.sizes if s.name not in at]:
        return f"a number for {missing[0]}"
    sizes = {s: Integer(at[s.name]) for s in form.sizes}
    parts = sorted(And.make_args(form.given), key=str)
    return next((UNICODE(part) for part in parts if not bool(part.xreplace(sizes))), "")


def free_entries(params: tuple[Param, ...], exact: Expr | None, at: Mapping[str, int]) -> int:
    """How many free entries there are at these sizes, of weights as many as W tells; of products of weights entry by entry."""
    if exact is not None:
        return at_sizes(exact, at)
    return sum(free_entries_at(p, {index(name): value for name, value in at.items()}) for p in params)
