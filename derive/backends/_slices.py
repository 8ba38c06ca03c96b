"""Slices of arrays, and axes of one where broadcasting needs them."""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Expr, Integer, Symbol, expand

from derive.backends._expressions import python
from derive.errors import EmitError
from derive.ir.nodes import Access, Range

__all__ = ["aligned", "slice_text"]

Lines = list[str]


def slice_text(subscript: Expr, ranges: Mapping[Symbol, Range], extent: Expr | None) -> str:
    moving = [s for s in ranges if s in subscript.free_symbols]
    if not moving:
        return python(subscript)
    if len(moving) > 1:
        raise EmitError(f"A subscript that moves with two indices at once, {subscript}, is no slice.")
    symbol, span = moving[0], ranges[moving[0]]
    step = subscript.coeff(symbol)
    offset = expand(subscript - step * symbol)
    if not (isinstance(step, Integer) and step > 0):
        raise EmitError(f"The subscript {subscript} runs backwards or by a symbolic step, which is no slice.")
    start, stop = expand(step * span.start + offset), expand(step * span.stop + offset)
    if step == 1 and start == 0 and extent is not None and expand(stop - extent) == 0:
        return ":"
    first = "" if start == 0 else python(start)
    return f"{first}:{python(stop)}" + (f":{step}" if step != 1 else "")


def aligned(parts: Lines, access: Access, over: tuple[Range, ...], kept: tuple[Symbol, ...], batched: bool) -> Lines:
    """`None` where broadcasting from the right would meet the wrong axis."""
    mine = access.along(over)
    if not mine and not batched:
        return parts
    wanted = kept[0 if batched else kept.index(mine[0]) :]
    if [s for s in wanted if s in mine] == list(wanted):
        return parts
    waiting, lined = list(parts), []
    for symbol in (*wanted, None):
        while waiting and not _moves(waiting[0]):
            lined.append(waiting.pop(0))
        if symbol is not None:
            lined.append(waiting.pop(0) if symbol in mine else "None")
    return lined


def _moves(part: str) -> bool:
    return ":" in part
