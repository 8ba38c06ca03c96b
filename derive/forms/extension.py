"""What lies beyond the edge of an array of n places: maps e of all integers into 0 .. n - 1, each the identity inside.

    periodic    ... c d | a b c d | a b ...        e(x) = x mod n
    symmetric   ... b a | a b c d | d c ...        period 2n: the last place is repeated
    reflect     ... c b | a b c d | c b ...        period 2n - 2: the last place is the mirror
    nearest     ... a a | a b c d | d d ...        e(x) = min(max(x, 0), n - 1)

The names are those of `numpy.pad`, where periodic is 'wrap' and nearest is 'edge'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sympy import Expr, Integer, Max, Min, Mod

from derive.forms.form import Axis

__all__ = ["EXTENSIONS", "extended"]


def _periodic(place: Expr, extent: Expr) -> Expr:
    return Mod(place, extent)


def _symmetric(place: Expr, extent: Expr) -> Expr:
    around = Mod(place, 2 * extent)
    return Min(around, 2 * extent - 1 - around)


def _reflect(place: Expr, extent: Expr) -> Expr:
    period = Max(1, 2 * extent - 2)  # one place alone is its own mirror
    around = Mod(place, period)
    return Min(around, period - around)


def _nearest(place: Expr, extent: Expr) -> Expr:
    return Max(Integer(0), Min(place, extent - 1))


EXTENSIONS: Mapping[str, Callable[[Expr, Expr], Expr]] = {
    "nearest": _nearest,
    "periodic": _periodic,
    "reflect": _reflect,
    "symmetric": _symmetric,
}


def extended(edge: str, axis: Axis, place: Expr) -> Expr:
    """The place of the axis that is read at `place`, inside or not."""
    return EXTENSIONS[edge](place - axis.lower, axis.extent) + axis.lower
