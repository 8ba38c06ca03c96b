"""How many entries of a window are told apart along one axis behind an edge, at every size: the rank of V ↦ W there.

Entry a reads e(s·o + d·a) at the places o = 0, 1, ... with s·o < n.

periodic    The place 0 tells entries with other d·a mod n apart: the rank is how many remainders there are.
reflect     d·a matters mod p = 2n - 2. Entries x and -2s·o - x are read as their sum, x alone where the other is x itself or
            none of the window's. So a graph is given, of whose edges the sums are seen: one number stays open for each
            component that is bipartite and has no single x. Such a one is an orbit ±x + 2s·t, t whole, that the window has whole,
            and none of whose x is its own image. With e = gcd(d, p), p' = p/e, g = gcd(2s, p)/e, if that is whole, these are
            a mod p' up to ±a + g·t where 2a ≢ 0 mod g. The entries from Δ + 1 on that the window lacks until it begins again,
            p' less its size, touch those orbits of which ±a mod g is among them: around the middle p'/2 of an even window,
            whose middle is a multiple of p' from 0, else by what Δ leaves mod g. One place alone has t = 0.
symmetric   The same with p = 2n and -1 - 2s·o - x, which leaves no x where it is, so that no orbit has a single x. Where e > 1 the
            place 0 shows a multiple of e alone, as its image is none. Else p' = 2n, g = 2·gcd(s, n), and a has the images
            u - a + g·t, u = -1/d mod g: gcd(s, n) orbits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from math import gcd, lcm
from typing import Any

import numpy as np
from sympy import And, Eq, Expr, Ge, Integer, Le, Max, Min, Mod, Or, ceiling, expand, false, floor, true

from derive.forms.evaluate import evaluate
from derive.forms.expr import index
from derive.forms.extension import extended
from derive.forms.form import Axis
from derive.proof.exact import PRIMES, rank, rank_modulo

__all__ = ["Case", "Line", "Starts", "by_remainder", "cases_of"]

Starts = tuple[tuple[int, Expr], ...]

_MOST = 64  # places of a line that are gone through


@dataclass(frozen=True, slots=True)
class Case:
    """Where the sizes satisfy `given` and no earlier case does, so many entries are told apart: all of them where `full` holds.

    `starts` says it of windows that are even: of -r to r the sum of ±max(0, r - start + 1) are, signs given first.
    """

    given: Any
    apart: Expr
    full: Any
    starts: Starts = ()

    def where(self, condition: Any) -> Case:
        """The same where this holds too."""
        return replace(self, given=And(condition, self.given), full=And(condition, self.full))


@dataclass(frozen=True, slots=True)
class Line:
    """Entries `low` to `high` of one axis, which read e(stride·o + step·a) of `extent` places."""

    edge: str
    low: Expr
    high: Expr
    step: int
    stride: int
    extent: Expr

    @property
    def size(self) -> Expr:
        """How many entries there are."""
        return expand(self.high - self.low + 1)

    @property
    def is_even(self) -> bool:
        """Whether the window is the same on both sides."""
        return bool(expand(self.low + self.high) == 0)


def cases_of(line: Line) -> list[Case]:
    """Case by case how many entries are told apart."""
    numbers = line.low.is_Integer and line.high.is_Integer
    if numbers and (told := _of_numbers(line)) is not None:
        return told
    return _KINDS[line.edge](line)


def _up_to(*lasts: Expr) -> Starts:
    """The place itself, and one entry more with every radius up to each of these."""
    return tuple(part for k, last in enumerate(lasts) for part in ((1, Integer(min(k, 1))), (-1, expand(last + 1))))


def _periodic(line: Line) -> list[Case]:
    return _where(by_remainder(line, 1, lambda r: gcd(line.step, r)), lambda e: [_bounded(line, line.extent / e)])


def _reflected(line: Line) -> list[Case]:
    def divisors(r: int) -> tuple[int, int]:
        e = gcd(line.step, 2 * r - 2)
        return e, gcd(2 * line.stride, 2 * r - 2) // e if 2 * line.stride % e == 0 else 1

    def told(key: tuple[int, int]) -> list[Case]:
        e, period = key
        around = expand((2 * line.extent - 2) / e)
        if line.stride == 1:
            return [_bounded(line, Max(1, around))]
        return _without(line, around, period, 0)

    def at_once(e: int) -> list[Case]:
        half, ends = floor((line.extent - 1) / e), (expand(-line.low), line.high)
        full = And(Or(*(Le(end, 0) for end in ends)), Le(Max(*ends), half))
        return [Case(true, Min(Max(*ends), half) + 1, full, _up_to(half))]

    many = _where(by_remainder(line, line.stride, divisors), told)
    if line.stride == 1:
        return many
    few = Le(line.extent, line.stride)
    one = _where(by_remainder(line, 1, lambda r: gcd(line.step, 2 * r - 2)), at_once)
    return [*(c.where(few) for c in one), *_more(line, many)]


def _symmetric(line: Line) -> list[Case]:
    def divisors(r: int) -> tuple[int, int, int]:
        if (e := gcd(line.step, 2 * r)) > 1:
            return e, 1, 0
        period = 2 * gcd(line.stride, r)
        return e, period, pow(-line.step, -1, period)

    def told(key: tuple[int, int, int]) -> list[Case]:
        e, period, turn = key
        around = expand(2 * line.extent / e)
        if line.stride == 1:
            return [_bounded(line, around - (1 if e == 1 else 0))]
        return _without(line, around, period, turn)

    many = _where(by_remainder(line, line.stride, divisors), told)
    if line.stride == 1:
        return many
    if line.step == 1:
        ends = (line.high + 1, expand(-line.low))
        full = And(Or(Le(-line.low, 0), And(Le(line.high, 0), Eq(line.low, 0))), Le(line.high + 1, line.extent))
        one = Case(true, Min(Max(*ends), line.extent), full, _up_to(line.extent - 1))
        return [one.where(Le(line.extent, line.stride)), *_more(line, many)]
    alone = (case for r in range(1, line.stride + 1) for case in _pairs(line, r))
    return [*alone, *_more(line, many)]


def _pairs(line: Line, extent: int) -> list[Case]:
    """One place alone, which sees sums of x and -1 - x, behind an edge that reflects so many places with the last repeated."""
    here = Eq(line.extent, extent)
    e = gcd(line.step, 2 * extent)
    around = 2 * extent // e
    if e > 1:
        return [_bounded(line, Integer(around)).where(here)]
    turn = pow(-line.step, -1, around)
    orbits = {frozenset((x, (turn - x) % around)) for x in range(around)}
    firsts = sorted((min(x), min(-y % around for y in x)) for x in orbits)
    left, right = expand(-line.low), line.high
    apart = sum((Max(_step(right + 1 - up), _step(left + 1 - down)) for up, down in firsts), Integer(0))
    alone = [
        (low, high)
        for low in range(extent + 1)
        for high in range(extent + 1)
        if sum(up <= high or down <= low for up, down in firsts) == low + high + 1
    ]
    ends = [(a, b) for a, b in alone if not any((a, b) != (c, d) and a <= c and b <= d for c, d in alone)]
    full = Or(*(And(Le(left, a), Le(right, b)) for a, b in ends))
    starts = tuple((sign, Integer(min(first) + later)) for first in firsts for sign, later in ((1, 0), (-1, 1)))
    return [Case(true, apart, full, starts).where(here)]


_KINDS: dict[str, Callable[[Line], list[Case]]] = {
    "periodic": _periodic,
    "reflect": _reflected,
    "symmetric": _symmetric,
}


def _bounded(line: Line, period: Expr) -> Case:
    """As many entries as there are remainders."""
    most = expand(period)
    even, odd = (Max(*(floor((part - less) / 2) for part in Max.make_args(most))) for less in (0, 1))
    return Case(true, Min(line.size, most), Le(line.size, most), _up_to(even, odd))


def _step(excess: Expr) -> Expr:
    """1 where it is positive, else 0."""
    return Max(0, Min(1, expand(excess)))


def _without(line: Line, around: Expr, period: int, turn: int) -> list[Case]:
    """Remainders, less the orbits {x, turn - x} mod the period of which the window lacks no entry."""
    pairs = {frozenset((x, (turn - x) % period)) for x in range(period)}
    orbits = [tuple(sorted(orbit)) for orbit in pairs if len(orbit) == 2]
    if not orbits:
        return [_bounded(line, around)]
    if line.is_even:
        near = [min(min(x % period, -x % period) for x in orbit) for orbit in orbits]
        return [_less(line, around, near, ceiling(around / 2) - 1 - line.high)]
    found: dict[tuple[int, ...], list[int]] = {}
    for rest in range(period):
        met = sorted(min((x - rest - 1) % period for x in orbit) + 1 for orbit in orbits)
        found.setdefault(tuple(met), []).append(rest)
    cases = []
    for times, rests in found.items():
        given = Or(*(Eq(Mod(line.high, period), rest) for rest in rests)) if len(found) > 1 else true
        if given != false:
            case = _less(line, around, list(times), expand(around - line.size))
            cases.append(case.where(given))
    return cases


def _less(line: Line, around: Expr, met: list[int], missing: Expr) -> Case:
    """Less those orbits that are met later than by the first entries that are missing, so many."""
    first, last = min(met), max(met)
    if sorted(met) == list(range(first, last + 1)):
        lost = Max(0, Min(len(met), expand(last - missing)))
    else:
        lost = sum((met.count(k) * _step(k - missing) for k in sorted(set(met))), Integer(0))
    bounded = _bounded(line, around)
    radii = (expand(missing + line.high + 1 - k) for k in met)
    starts = (*bounded.starts, *(part for r in radii for part in ((-1, r), (1, r + 1))))
    return Case(true, bounded.apart - lost, And(bounded.full, Le(last, missing)), starts)


def _more(line: Line, many: list[Case]) -> list[Case]:
    """On grids of more than one place that is kept."""
    return [replace(c, full=And(Ge(line.extent, line.stride + 1), c.full)) for c in many]


def by_remainder(line: Line, steps: int, key: Callable[[int], Any]) -> list[tuple[Any, Any]]:
    """What a number is that the extent's remainder gives, and where; the values that fewer remainders have come first."""
    period = _least_period([key(r) for r in range(1, lcm(line.step, steps) + 1)])
    found: dict[Any, list[int]] = {}
    for r in range(1, period + 1):
        found.setdefault(key(r), []).append(r % period)
    every = sorted(found.items(), key=lambda item: len(item[1]))
    return [
        (Or(*(Eq(Mod(line.extent, period), r) for r in rests)) if len(found) > 1 else true, value)
        for value, rests in every
    ]


def _where(pairs: list[tuple[Any, Any]], told: Callable[[Any], list[Case]]) -> list[Case]:
    """The cases of every value, where it is that."""
    return [case.where(given) for given, value in pairs for case in told(value)]


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
    rows = np.unique(seen, axis=0)
    most = len(np.unique(rows, axis=1).T)
    return most if rank_modulo(rows, PRIMES[0], most) == most else rank(rows)
