"""How many entries of a window are told apart along one axis behind an edge, at every size: the rank of V ↦ W there.

Entry a reads e(s·o + d·a) at the places o = 0, 1, ... with s·o < n.

zero        Entry a is read at some place if d·a ≤ n - 1 and -d·a ≤ s·(q - 1), the last of q places: no two read one input.
nearest     Entries that read the last place everywhere are one, and so are those that read the first: a ≥ R = ⌈(n - 1)/d⌉
            and a ≤ -L = -⌈s·(q - 1)/d⌉ of q places o. Of the others no two read alike: alike they have t with s·(t - 1) + d·a'
            ≤ 0 and n - 1 ≤ s·t + d·a for a < a', so that s ≥ n - 1 + d and q = 1. Entries that read some place inside are seen
            there alone, and of the others sums over t > o are seen, one by one: the rank is the number of clamped a.
periodic    The place 0 tells entries with other d·a mod n apart: the rank is how many remainders there are.
reflect     d·a matters mod p = 2n - 2. Entries x and -2s·o - x are read as their sum, x alone where the other is x itself or
            none of the window's. So a graph is given, of whose edges the sums are seen: one number stays open for each
            component that is bipartite and has no single x. Such a one is an orbit ±x + 2s·t, t whole, that the window has whole,
            and none of whose x is its own image. With e = gcd(d, p), p' = p/e, g = gcd(2s, p)/e, if that is whole, these are
            a mod p' up to ±a + g·t where 2a ≢ 0 mod g: c = ⌊(g - 1)/2⌋ of them, at distances 1, ..., c from the middle p'/2
            (½ less where p' is odd). The window |a| ≤ Δ lacks what is within p'/2 - Δ - 1 of it. One place alone has t = 0.
symmetric   The same with p = 2n and -1 - 2s·o - x, which leaves no x where it is, so that no orbit has a single x; where d is
            even its image is odd and none of the window's. For d = 1 there are c = gcd(s, n) orbits, of pairs n + j and
            n - 1 - j, 0 ≤ j < c, next to the middle. The window lacks those with j < n - Δ.

Of a mirrored window, V[|a|], entry k has the sums of k and -k, and the place 0 alone sees them all behind an edge that reflects or
repeats the grid: there the rank is how many remainders ±d·k there are. Nearest: k and -k are clamped to R and -L, L ≤ R, and k < R
are told apart by k. Symmetric: the sums seen are of x and x + 1 + 2s·o mod 2n; at s = 1 these leave V[x] = (-1)^x alone where d and
2n have no divisor in common, which the window holds if n ≤ Δ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import gcd, lcm
from typing import Any

import numpy as np
from sympy import And, Eq, Expr, Ge, Integer, Le, Max, Min, Mod, Or, ceiling, expand, floor, true

from derive.forms.evaluate import evaluate
from derive.forms.expr import index
from derive.forms.extension import extended
from derive.forms.form import Axis
from derive.proof.exact import PRIMES, rank, rank_modulo

__all__ = ["Case", "Line", "cases_of"]

_MOST = 64  # places of a line that are gone through


@dataclass(frozen=True, slots=True)
class Case:
    """Where the sizes satisfy `given` and no earlier case does, so many entries are told apart: all of them where `full` holds."""

    given: Any
    apart: Expr
    full: Any


@dataclass(frozen=True, slots=True)
class Line:
    """Entries `low` to `high` of one axis, a and -a one where `mirrored`, which read e(stride·o + step·a) of `extent` places."""

    edge: str
    low: Expr
    high: Expr
    step: int
    stride: int
    extent: Expr
    mirrored: bool = False

    @property
    def size(self) -> Expr:
        """How many entries there are."""
        return expand(self.high + 1 if self.mirrored else self.high - self.low + 1)

    @property
    def is_even(self) -> bool:
        """Whether the window is the same on both sides."""
        return bool(expand(self.low + self.high) == 0)


def cases_of(line: Line) -> list[Case] | None:
    """Case by case how many entries are told apart; None where no expression is known."""
    numbers = line.low.is_Integer and line.high.is_Integer and line.edge != "zero"
    if numbers:
        return _of_numbers(line)
    return (_MIRRORED if line.mirrored else _KINDS)[line.edge](line)


def _last(line: Line) -> Expr:
    """The place that the last output has."""
    return expand(line.stride * floor((line.extent - 1) / line.stride))


def _between(line: Line, left: Expr, right: Expr) -> list[Case]:
    """As many entries as there are between -left and right."""
    ends = ((left, expand(-line.low)), (right, line.high))
    apart = sum((end if end == 0 else Min(most, end) for most, end in ends), Integer(1))
    return [Case(true, apart, And(*(Le(end, most) for most, end in ends)))]


def _zero(line: Line) -> list[Case]:
    return _between(line, floor(_last(line) / line.step), floor((line.extent - 1) / line.step))


def _nearest(line: Line) -> list[Case]:
    return _between(line, ceiling(_last(line) / line.step), ceiling((line.extent - 1) / line.step))


def _periodic(line: Line) -> list[Case]:
    return _by_remainder(line, 1, lambda r: gcd(line.step, r), lambda e: _bounded(line, line.extent / e))


def _reflected(line: Line) -> list[Case] | None:
    def divisors(r: int) -> tuple[int, int]:
        e = gcd(line.step, 2 * r - 2)
        return e, (gcd(2 * line.stride, 2 * r - 2) // e - 1) // 2 if 2 * line.stride % e == 0 else 0

    def told(key: tuple[int, int]) -> tuple[Expr, Any]:
        e, orbits = key
        around = expand((2 * line.extent - 2) / e)
        if line.stride == 1:
            return _bounded(line, Max(1, around))
        return _without(line, around, orbits, ceiling(around / 2) - 1 - line.high)

    def at_once(e: int) -> tuple[Expr, Any]:
        return Min(line.high, floor((line.extent - 1) / e)) + 1, Le(line.high, 0)

    many = _by_remainder(line, line.stride, divisors, told)
    if line.stride == 1:
        return many
    one = _by_remainder(line, 1, lambda r: gcd(line.step, 2 * r - 2), at_once)
    return _one_place(line, one, many) if line.is_even else None


def _symmetric(line: Line) -> list[Case] | None:
    def divisors(r: int) -> tuple[int, int]:
        e = gcd(line.step, 2 * r)
        return e, gcd(line.stride, r) if e == 1 else 0

    def told(key: tuple[int, int]) -> tuple[Expr, Any]:
        e, orbits = key
        around = expand(2 * line.extent / e)
        if line.stride == 1:
            return _bounded(line, around - orbits)
        return _without(line, around, orbits, line.extent - line.high)

    many = _by_remainder(line, line.stride, divisors, told)
    if line.stride == 1 or line.step % 2 == 0:
        return many
    one = [Case(true, Min(line.high + 1, line.extent), Le(line.high, 0))]
    return _one_place(line, one, many) if line.is_even and line.step == 1 else None


_KINDS: dict[str, Callable[[Line], list[Case] | None]] = {
    "nearest": _nearest,
    "periodic": _periodic,
    "reflect": _reflected,
    "symmetric": _symmetric,
    "zero": _zero,
}


def _turned_over(line: Line, divisor: Callable[[int], int], around: Callable[[int], Expr]) -> list[Case]:
    """A mirrored window's remainders, which are one with their negatives: `around` many, by what `divisor` gives."""

    def told(e: int) -> tuple[Expr, Any]:
        half = floor(around(e) / 2)
        return Min(line.high, half) + 1, Le(line.high, half)

    return _by_remainder(line, 1, divisor, told)


def _mirrored_nearest(line: Line) -> list[Case]:
    most = ceiling((line.extent - 1) / line.step)
    return [Case(true, Min(line.high, most) + 1, Le(line.high, most))]


def _mirrored_periodic(line: Line) -> list[Case]:
    return _turned_over(line, lambda r: gcd(line.step, r), lambda e: line.extent / e)


def _mirrored_reflected(line: Line) -> list[Case]:
    return _turned_over(line, lambda r: gcd(line.step, 2 * r - 2), lambda e: expand((2 * line.extent - 2) / e))


def _mirrored_symmetric(line: Line) -> list[Case] | None:
    def around(e: int) -> Expr:
        return expand(2 * line.extent / e) - (1 if e == 1 else 0)

    return _turned_over(line, lambda r: gcd(line.step, 2 * r), around) if line.stride == 1 else None


_MIRRORED: dict[str, Callable[[Line], list[Case] | None]] = {
    "nearest": _mirrored_nearest,
    "periodic": _mirrored_periodic,
    "reflect": _mirrored_reflected,
    "symmetric": _mirrored_symmetric,
}


def _bounded(line: Line, period: Expr) -> tuple[Expr, Any]:
    """As many entries as there are remainders."""
    most = expand(period)
    return Min(line.size, most), Le(line.size, most)


def _without(line: Line, period: Expr, orbits: int, missing: Expr) -> tuple[Expr, Any]:
    """Remainders, less the orbits that are farther from the middle than what is missing."""
    if not orbits:
        return _bounded(line, period)
    lost = Max(0, Min(orbits, expand(orbits - missing)))
    return Min(line.size, period) - lost, And(Le(line.size, period), Le(orbits, missing))


def _one_place(line: Line, one: list[Case], many: list[Case]) -> list[Case]:
    """The first on grids of one place that is kept, the others on larger ones."""
    few, more = Le(line.extent, line.stride), Ge(line.extent, line.stride + 1)
    first = [Case(And(few, case.given), case.apart, And(few, case.full)) for case in one]
    return [*first, *(Case(case.given, case.apart, And(more, case.full)) for case in many)]


def _by_remainder(
    line: Line, steps: int, key: Callable[[int], Any], told: Callable[[Any], tuple[Expr, Any]]
) -> list[Case]:
    """What is told by a number that the extent's remainder gives, for each of them in turn."""
    period = _least_period([key(r) for r in range(1, lcm(line.step, steps) + 1)])
    found: dict[Any, list[int]] = {}
    for r in range(1, period + 1):
        found.setdefault(key(r), []).append(r % period)
    cases = []
    for value, remainders in sorted(found.items(), key=lambda item: len(item[1])):
        apart, full = told(value)
        given = Or(*(Eq(Mod(line.extent, period), r) for r in remainders)) if len(found) > 1 else true
        cases.append(Case(given, apart, And(given, full)))
    return cases


def _least_period(values: list[Any]) -> int:
    whole = len(values)
    periods = (p for p in range(1, whole + 1) if whole % p == 0)
    return next(p for p in periods if all(values[k] == values[k % p] for k in range(whole)))


def _of_numbers(line: Line) -> list[Case] | None:
    """A window of numbers: whole at some place from so many places on, and gone through on smaller grids."""
    low, high = int(line.low) * line.step, int(line.high) * line.step
    enough = max(high - low, high, -low) + line.stride
    if enough > _MOST or (line.extent.is_Integer and int(line.extent) > _MOST):
        return None
    if line.extent.is_Integer:
        told = Integer(_rank(line, int(line.extent)))
        return [Case(true, told, told == line.size)]
    ranks = [_rank(line, n) for n in range(1, enough + 1)]
    ends = [n for n in range(1, enough) if ranks[n - 1] != ranks[n]]
    for most in (line.extent, 2 * line.extent - 1, 2 * line.extent):
        if all(min(most.subs(line.extent, n), line.size) == told for n, told in enumerate(ranks, 1)):
            return [Case(true, Min(most, line.size), Le(ends[-1] + 1 if ends else 1, line.extent))]
    cases = []
    for start, end in pairwise((0, *ends)):
        told = Integer(ranks[start])
        there = Eq(line.extent, end) if end == start + 1 else And(Ge(line.extent, start + 1), Le(line.extent, end))
        cases.append(Case(Le(line.extent, end), told, And(told == line.size, there)))
    return [*cases, Case(true, line.size, Ge(line.extent, (ends or [0])[-1] + 1))]


def _rank(line: Line, extent: int) -> int:
    """The rank of the line at so many places."""
    taps = np.arange(int(line.low), int(line.high) + 1)
    places = np.arange(0, extent, line.stride)
    at, axis = index("x"), Axis(index("k"), Integer(0), Integer(extent - 1))
    places = places[:, None] + line.step * taps
    read = np.broadcast_to(evaluate(extended(line.edge, axis, at), {at: places}), places.shape)
    seen = (read[:, None, :] == np.arange(extent)[:, None]).reshape(-1, len(taps)).astype(np.int64)
    if line.mirrored:
        middle = -int(line.low)
        seen = np.concatenate([seen[:, [middle]], seen[:, middle + 1 :] + seen[:, :middle][:, ::-1]], axis=1)
    rows = np.unique(seen, axis=0)
    most = len(np.unique(rows, axis=1).T)
    return most if rank_modulo(rows, PRIMES[0], most) == most else rank(rows)
