"""Sums of one array shifted, as NumPy text: by doubling, on flat arrays."""

from __future__ import annotations

from sympy import Expr, Integer, expand

from derive.backends._expressions import python
from derive.backends._views import Named, Views
from derive.errors import EmitError
from derive.ir.stages import ShiftedSum

__all__ = ["doubled"]


def doubled(views: Views, node: ShiftedSum, shift: Expr) -> list[str]:
    """One call on flat views, and room for half of its sums. Raises EmitError where one letter doesn't make all shifts."""
    source, target = node.source.array, node.target.array
    summed = [r for r in node.over if r.symbol in shift.free_symbols]
    if len(summed) != 1 or len(node.source.subscripts) != len(node.target.subscripts):
        raise EmitError(f"The sum into {target} is no sum of one array that one letter shifts.")
    step = shift.coeff(summed[0].symbol)
    for array in (source, target):
        views.named[f"{array}_flat"] = Named(array, f"{array}.reshape(-1)", frozenset())
    views.named[f"{target}_spare"] = Named(target, f"new({target}.shape).reshape(-1)", frozenset())
    size: Expr = Integer(0)
    ends = {r.symbol: r.stop - 1 for r in node.over}
    for subscript, extent in zip(node.target.subscripts, views.program.shape(target), strict=True):
        size = size * extent + subscript.xreplace(ends)
    numbers = map(python, (step, summed[0].stop, expand(size + 1)))
    return [f"doubled({', '.join([f'{source}_flat', f'{target}_flat', f'{target}_spare', *numbers])})"]
