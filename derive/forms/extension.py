"""What lies beyond the edge of an array of n places: maps e of all integers into 0 .. n - 1, each the identity inside.

    periodic    ... c d | a b c d | a b ...        e(x) = x mod n
    symmetric   ... b a | a b c d | d c ...        period 2n: the last place is repeated
    reflect     ... c b | a b c d | c b ...        period 2n - 2: the last place is the mirror
    nearest     ... a a | a b c d | d d ...        e(x) = min(max(x, 0), n - 1)

The names are those of `numpy.pad`, where periodic is 'wrap' and nearest is 'edge'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from sympy import Expr, Integer, Max, Min, Mod, expand

from derive.forms.form import Array, Axis
from derive.remembered import built

__all__ = ["EXTENSIONS", "WORDS", "extended", "places_beyond"]

WORDS: Mapping[str, str] = {
    "nearest": "continued by the nearest place",
    "periodic": "repeated",
    "reflect": "reflected in the last place",
    "symmetric": "reflected behind the last place",
}


def _periodic(place: Expr, extent: Expr) -> Expr:
    return Mod(place, extent)


def _symmetric(place: Expr, extent: Expr) -> Expr:
    around = Mod(place, 2 * extent)
    return built(Min, around, 2 * extent - 1 - around)


def _reflect(place: Expr, extent: Expr) -> Expr:
    period = built(Max, 1, 2 * extent - 2)  # one place alone is its own mirror
    around = Mod(place, period)
    return built(Min, around, period - around)


def _nearest(place: Expr, extent: Expr) -> Expr:
    return built(Max, Integer(0), built(Min, place, extent - 1))


EXTENSIONS: Mapping[str, Callable[[Expr, Expr], Expr]] = {
    "nearest": _nearest,
    "periodic": _periodic,
    "reflect": _reflect,
    "symmetric": _symmetric,
}


@lru_cache(maxsize=4096)
def extended(edge: str, axis: Axis, place: Expr) -> Expr:
    """The place of the axis that is read at `place`, inside or not."""
    return EXTENSIONS[edge](place - axis.lower, axis.extent) + axis.lower


@lru_cache(maxsize=1024)
def places_beyond(array: Array, read: tuple[Expr, ...]) -> tuple[str, tuple[Expr, ...]] | None:
    """The edge beyond which an array is read, and the places before they are brought inside; None where none is."""
    for edge in EXTENSIONS:
        places = tuple(_place(edge, axis, e) for axis, e in zip(array.axes, read, strict=True))
        if places != read and not any(e.has(Mod, Max, Min) for e in places):
            return edge, places
    return None


def _place(edge: str, axis: Axis, read: Expr) -> Expr:
    """The place before it is brought inside; 2x mod 2n comes as 2·(x mod n)."""
    around = [m.args[0] for m in read.atoms(Mod)]
    inner = [*around, *(expand(2 * e) for e in around), *(e for m in read.atoms(Min) for e in m.args)]
    plain = (e for e in sorted(inner, key=str) if not e.has(Mod, Max, Min))
    found = (e for e in plain if extended(edge, axis, e) == read)
    return next(found, read)
