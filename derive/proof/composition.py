"""How an outer layer is fitted to the output of an inner one: the places it reads are those that the inner one has."""

from __future__ import annotations

from sympy import Expr, Symbol

from derive.errors import ObligationFailed
from derive.forms.form import Form

__all__ = ["composed"]


def composed(outer: Form, inner: Form) -> Form:
    """The outer layer with the sizes of its input replaced by the extents of the inner layer's output.

    Raises ObligationFailed where the boxes don't fit.
    """
    theirs, mine = inner.output.axes, outer.input.axes
    if len(theirs) != len(mine) or any(a.role is not b.role for a, b in zip(theirs, mine, strict=True)):
        raise ObligationFailed(
            f"The outer layer reads {len(mine)} axes of {outer.input.name}; "
            f"the inner one has {len(theirs)} of {inner.output.name}, or of another kind."
        )
    values: dict[Symbol, Expr] = {}
    for axis, other in zip(mine, theirs, strict=True):
        size = axis.extent
        if size == other.extent:
            continue
        if not isinstance(size, Symbol) or values.get(size, other.extent) != other.extent:
            raise ObligationFailed(f"The outer layer reads {size} places where the inner one has {other.extent}.")
        values[size] = other.extent
    fitted = outer.at(values)
    if any((a.lower, a.upper) != (b.lower, b.upper) for a, b in zip(fitted.input.axes, theirs, strict=True)):
        raise ObligationFailed("The two layers count their places from different origins.")
    return fitted
