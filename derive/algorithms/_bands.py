"""Banded matrices of weights, and what programs in stages say of their form."""

from __future__ import annotations

from sympy import Expr, Integer, Symbol, expand

from derive.algorithms._entries import entry
from derive.algorithms._weights import gathered
from derive.algorithms._window import Moving, Window
from derive.errors import NoLowering
from derive.ir.nodes import Access, Copy, Loop, Range
from derive.ir.stages import Room, Stage

__all__ = ["Band", "banded"]

ZERO = Integer(0)
Band = tuple[str, Symbol, Symbol, Symbol, Expr]


def banded(
    found: Window,
    moving: Moving,
    factor: int,
    ranks: tuple[tuple[Symbol, Expr], ...],
    band: Band,
    called: str = "F",
    lying: bool = False,
) -> tuple[Access, tuple[Stage, ...], tuple[Room, ...]]:
    """B[.., r, t] = weight[.., a] where r = stride·t + reach·a: for each rank the matrix of T results of a window.

    A `lying` one has t before r. `band` names the array, t and r, and how many of each. The entry that a product reads comes first,
    then what makes it.
    """
    name, t, r, columns, height = band
    tap = moving.tap
    if tap is None:
        raise NoLowering(f"it needs taps along {moving.place}")
    letters, extents = (*(s for s, _ in ranks), tap), (*(e for _, e in ranks), moving.taps)
    held, made, fixed = gathered(found, letters, extents, factor, called)
    place = expand(moving.stride * t + moving.reach * tap)
    target = Access(name, (*letters[:-1], *((t, place) if lying else (place, t))))
    over = tuple(Range(s, ZERO, e) for s, e in zip(letters, extents, strict=True))
    copy = Copy(target, over, Access(held, letters))
    loop = Loop(Range(t, ZERO, columns), (copy,), f"{entry(target)} = {entry(Access(held, letters))}")
    room = Room(name, (*extents[:-1], *((columns, height) if lying else (height, columns))), True)
    return Access(name, (*letters[:-1], *((t, r) if lying else (r, t)))), (*fixed, loop), (*made, room)
