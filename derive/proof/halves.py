"""How many even and how many odd functions on a window are told apart along one axis behind an edge, at every size.

A function f on |a| ≤ Δ is read as Σ_a f(a)·[e(s·o + d·a) = k]. Of even ones products with certain cosines are seen, of odd ones
with sines: with z^a for z of a finite set of roots of 1, which has z⁻¹ with z. As polynomials of cos θ these are independent on the
window, 1, ..., cos Δθ of Δ + 1 different z up to z⁻¹ (sin θ, ..., sin Δθ of Δ): as many functions are told apart as the smaller of
both numbers says. With e, p' of `lines`, by the orbits that stay open there:

periodic    p' = n/e roots: z^p' = 1.
reflect     Sums of x and -2s·o - x are seen. The place 0 shows all sums of x and -x, so all even functions: p' = (2n - 2)/e roots.
            Of odd ones those of period g stay open: the roots with z^p' = 1 and not z^g = 1; none if one place is kept alone.
symmetric   Where d and 2n have no common divisor, sums of x and u - x, u odd, at the place 0. An even f that isn't seen has
            f(x + u) = -f(x), so that f = (-1)^x: p' = 2n roots but -1. An odd one has f(x + u) = f(x), so that f = 0: p' roots.
            Elsewhere all remainders are seen.

Along one of two axes, or the other, what is seen at roots of either is told apart, by the same count: as many functions as the
window or both sets of roots together have. Roots of orders p and q are shared if they are of order gcd(p, q); of the sines
those of period g or h stay open, and of the shared ones those of gcd(q, g) or gcd(p, h), both for gcd(g, h).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import gcd
from typing import Any

from sympy import (
    And,
    Expr,
    Ge,
    Integer,
    Le,
    Max,
    Min,
    Not,
    Or,
    Piecewise,
    expand,
    false,
    floor,
    piecewise_fold,
)

from derive.forms.expr import Gcd
from derive.proof.lines import Line, by_remainder

__all__ = ["Half", "at_most", "halves_of", "joined_halves", "written"]


@dataclass(frozen=True, slots=True)
class Half:
    """Functions on half a window of places up to `high`, of which in each case, given first, those up to some place are told apart.

    With `central`, which is told apart always, at 0.
    """

    high: Expr
    cases: tuple[tuple[Any, Expr], ...]
    central: int

    @property
    def apart(self) -> Expr:
        """How many are told apart."""
        return written([(Min(self.high, last) + self.central, given) for given, last in self.cases])

    def all_but(self, few: int) -> Any:
        """That no more than a few are not."""
        return Or(*(And(given, Le(self.high, last + few)) for given, last in self.cases))

    def at_most(self, few: int) -> Any:
        """That no more than a few are."""
        few -= self.central
        return Or(Le(self.high, few), *(And(given, Le(last, few)) for given, last in self.cases)) if few >= 0 else false


def written(pairs: list[tuple[Expr, Any]]) -> Expr:
    """A value for each case, of which the last is wherever no other is."""
    return pairs[0][0] if len(pairs) == 1 else Piecewise(*pairs[:-1], (pairs[-1][0], True), evaluate=False)


def at_most(value: Expr, few: Any) -> Any:
    """That a value, perhaps one for each case, is no more than a few: without cases within the inequality."""
    found = piecewise_fold(value)
    if not isinstance(found, Piecewise):
        return Le(found, few)
    before: list[Any] = []
    options = []
    for one, given in found.args:
        options.append(And(given, *map(Not, before), Le(one, few)))
        before.append(given)
    return Or(*options)


@dataclass(frozen=True, slots=True)
class _Roots:
    """Where it is so, the roots of 1 of an order, but for -1 where `open_even`.

    Of odd functions those of period `open_odd` stay open, and all where one place is `alone`.
    """

    given: Any
    order: Expr
    open_even: bool = False
    open_odd: int = 1
    alone: bool = False

    @property
    def even(self) -> Expr:
        """The last k of the cosines, from 0."""
        return floor((self.order - 1 if self.open_even else self.order) / 2)

    @property
    def odd(self) -> Expr:
        """How many sines there are."""
        return Integer(0) if self.alone else floor((self.order - 1) / 2) - (self.open_odd - 1) // 2


def halves_of(line: Line) -> tuple[Half, Half]:
    """The even functions and the odd ones."""
    single = line.edge == "reflect" and line.stride == 1  # of one place there are no sines
    found = list(_roots(line))
    return _halves(line, [(r.given, r.even, Max(0, r.odd) if single else r.odd) for r in found])


def joined_halves(one: Line, other: Line) -> tuple[Half, Half]:
    """The even functions and the odd ones that are told apart along one or the other of two axes with the same window.

    Both have the same edge.
    """
    pairs = product(_roots(one), _roots(other))
    return _halves(one, [(And(a.given, b.given), *_joined(a, b, one.edge == "reflect")) for a, b in pairs])


def _joined(a: _Roots, b: _Roots, none: bool) -> tuple[Expr, Expr]:
    """The last cosine of both sets of roots together, and how many sines they have.

    With `none`, an order may be 0, as of one place: all roots of the other set seem shared then.
    """
    shared = Gcd(a.order, b.order)
    (g, p), (h, q) = ((r.open_odd, r.order) for r in (a, b))
    even = (a.even, b.even, floor((shared - 1 if a.open_even or b.open_even else shared) / 2))
    odd = (a.odd, b.odd, _sines(shared) - _sines(Gcd(q, g)) - _sines(Gcd(p, h)) + _sines(Integer(gcd(g, h))))
    if a.alone or b.alone:
        odd = (*odd[:2], Integer(0))
    together = [one + other - both for one, other, both in (even, odd)]
    return (Max(*even[:2], together[0]), Max(0, *odd[:2], together[1])) if none else (together[0], together[1])


def _sines(order: Expr) -> Expr:
    """Of the roots of 1 of this order how many there are up to inverses, without those that are their own."""
    return floor((order - 1) / 2)


def _halves(line: Line, cases: list[tuple[Any, Expr, Expr]]) -> tuple[Half, Half]:
    even = tuple((given, expand(last)) for given, last, _ in cases)
    return Half(line.high, even, 1), Half(line.high, tuple((given, expand(last)) for given, _, last in cases), 0)


def _roots(line: Line) -> Iterator[_Roots]:
    extent, step, stride = line.extent, line.step, line.stride
    if line.edge == "periodic":
        for given, e in by_remainder(line, 1, lambda r: gcd(step, r)):
            yield _Roots(given, extent / e)
    elif line.edge == "symmetric":
        for given, e in by_remainder(line, 1, lambda r: gcd(step, 2 * r)):
            yield _Roots(given, expand(2 * extent / e), open_even=e == 1)
    else:
        yield from _reflected(line, extent, step, stride)


def _reflected(line: Line, extent: Expr, step: int, stride: int) -> Iterator[_Roots]:
    def divisors(r: int) -> tuple[int, int]:
        e = gcd(step, 2 * r - 2)
        return e, gcd(2 * stride, 2 * r - 2) // e if 2 * stride % e == 0 else 1

    pairs = by_remainder(line, stride, divisors)
    if stride == 1:
        yield from (_Roots(given, expand((2 * extent - 2) / e)) for given, (e, _) in pairs)
        return
    for given, e in by_remainder(line, 1, lambda r: gcd(step, 2 * r - 2)):
        yield _Roots(And(given, Le(extent, stride)), expand((2 * extent - 2) / e), alone=True)
    for given, (e, period) in pairs:
        yield _Roots(And(given, Ge(extent, stride + 1)), expand((2 * extent - 2) / e), open_odd=period)
