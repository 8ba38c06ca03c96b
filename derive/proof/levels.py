"""How many products of levels have a weighted sum that is at most a radius.

    δ_k = 1 for k = 0, ..., e and 0 beyond: x⁰ - x^(e + 1)   ⟶   #{k + l ≤ Δ} = (Δ+2)(Δ+1)/2 - 2·(Δ-e+1)(Δ-e)/2 + ...

How many there are of level k, δ_k, is a sum of ±1 from some starts on. With x^k for level k it is Σ ±x^start / (1 - x), and the
number is the coefficient of x^Δ in the product of these and 1/(1 - x): for each product of starts the ways to have t_1 + t_2 ≤ Δ
less the sum of the starts. Where levels weigh, they stand with w·t_1 + v·t_2.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from math import gcd, lcm

from sympy import Dummy, Expr, Integer, Max, Piecewise, Poly, Rational, Symbol, expand, factor, ff, floor

from derive.forms.piecewise import Writer
from derive.forms.polynomial import Polynomial
from derive.proof.lines import Starts
from derive.remembered import built, fraction, replaced

__all__ = ["Levels", "Terms", "in_short", "summed", "times"]

_LEFT = Dummy("u", integer=True)
_FEW = 3  # different rounded parts

Levels = tuple[tuple[int, Starts], ...]  # functions kept with a sign, and from which levels on one more or less is seen
Terms = dict[tuple[tuple[int, ...], Expr], Rational]  # how often each start is there, of sums of steps


def times(series: Mapping[Expr, Rational], step: int, levels: Levels, turn: int) -> dict[Expr, Rational]:
    """The series times that of these levels, each `step` times as far; with a `turn` below 0 functions count with their sign."""
    found: dict[Expr, Rational] = {}
    for at, many in series.items():
        for sign, starts in levels:
            for one, start in starts:
                place = expand(at + step * start)
                found[place] = found.get(place, Integer(0)) + many * one * (sign if turn < 0 else 1)
    return found


def summed(terms: Terms, radius: Expr, most: int) -> Expr:
    """Each term is how often sums of steps are at most the radius less its start; starts that differ by little stand together.

    The count is a formula that also is 0 for numbers from -1 down to -`most`, the sum of the steps.
    """
    apart: dict[Expr, list[tuple[int, tuple[int, ...], Rational]]] = {}
    for (steps, start), many in terms.items():
        later, rest = start.as_coeff_Add()
        if many:
            apart.setdefault(rest, []).append((int(later), steps, many))
    left, number = _LEFT, Integer(0)
    for rest, some in apart.items():
        while some:
            first = min(later for later, _, _ in some)
            reach = first + most - (1 if rest or first else 0)
            near = [part for part in some if part[0] <= reach]
            some = [part for part in some if part[0] > reach]
            formula = sum(many * _ways(steps, left - 1 - (later - first)) for later, steps, many in near)
            excess = expand(radius - rest - first + 1)
            if rest or first:
                number += replaced(in_short(formula, left), {left: built(Max, 0, excess)})
            else:
                letter = radius if radius.is_Symbol else left  # what is a quotient already isn't built anew
                number += in_short(formula.xreplace({left: letter + 1}), letter).xreplace({left: radius})
    return number


@lru_cache(maxsize=512)
def in_short(formula: Expr, left: Symbol) -> Expr:
    """In few operations: with what is rounded as it stands, or by remainders, of which most formulas are rounded as a whole.

    A sum of many rounded parts is no product, and looking for one would take most of the time.
    """
    named = {e: Dummy() for e in formula.atoms(floor)}
    flat = expand(formula.xreplace(named))
    back = {name: e for e, name in named.items()}
    whole = [_by_remainder(formula, left)] if named else []
    product = [factor(flat)] if len(named) <= _FEW else []
    return min((e.xreplace(back) for e in (flat, *product, *whole)), key=lambda e: (e.has(Piecewise), e.count_ops()))


def _by_remainder(formula: Expr, left: Symbol) -> Expr:
    period = lcm(*(int(fraction(e.args[0])[1]) for e in formula.atoms(floor)))
    values: list[Polynomial] = []
    for rest in range(period):

        def without(inner: Expr, rest: int = rest) -> Expr:
            top, bottom = fraction(inner)
            return (top - top.subs(left, rest) % bottom) / bottom

        terms = Poly(formula.replace(floor, without), left).terms()
        values.append({powers: Fraction(int(c.p), int(c.q)) for powers, c in terms if c})
    classes = tuple(((period, rest),) for rest in range(period))
    return Writer((left,), (left,), (), classes).periodic(tuple(values))


def _ways(steps: tuple[int, ...], most: Expr) -> Expr:
    """In how many ways Σ step·t ≤ most for t ≥ 0.

    With 1/Π (1 - x^step) = Q(x)/(1 - x^L)^d, L the steps' least common multiple, they are the sum of q_j·C(⌊(most - j)/L⌋ + d, d):
    of steps 1 and 2 it is ⌊(most + 2)²/4⌋.
    """
    if (common := gcd(*steps)) > 1:
        return _ways(tuple(step // common for step in steps), floor((most + common) / common) - 1)
    if steps == (1, 2):
        return floor((most + 2) ** 2 / 4)
    d, whole = len(steps), lcm(*steps)
    x = Dummy("x")
    sums = Poly(1, x)
    for step in steps:
        sums *= Poly(sum(x**k for k in range(0, whole, step)), x)
    return sum(many * ff(floor((most - j) / whole) + d, d) / ff(d, d) for (j,), many in sums.terms())
