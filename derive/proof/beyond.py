"""How many layers a window has whose places read beyond an edge: the rank of V ↦ W, at every size.

    Σ_{|a| ≤ Δ} V[a]·X[(i + a) mod n]   ⟶   min(2Δ + 1, n)

Along one axis the entry a reads e(s·o + d·a) at the places o = 0, 1, ... with s·o < n. A box of such axes is a product of
them, W the tensor product of theirs, and its rank the product of the ranks.

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
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import gcd, lcm
from typing import Any

import numpy as np
from sympy import (
    And,
    Eq,
    Expr,
    Ge,
    Integer,
    Le,
    Max,
    Min,
    Mod,
    Mul,
    Or,
    Piecewise,
    Symbol,
    ceiling,
    expand,
    floor,
    true,
)

from derive.forms.conditions import simplified
from derive.forms.evaluate import evaluate
from derive.forms.expr import Read, index
from derive.forms.extension import extended, places_beyond
from derive.forms.form import Axis, Edge, Form, Param
from derive.forms.polyhedron import Polyhedron
from derive.proof.exact import PRIMES, rank, rank_modulo

__all__ = ["layers_beyond"]

_MOST = 64  # places of a line that are gone through


@dataclass(frozen=True, slots=True)
class _Case:
    """Where the sizes satisfy `given` and no earlier case does, so many entries are told apart: all of them where `full` holds."""

    given: Any
    apart: Expr
    full: Any


@dataclass(frozen=True, slots=True)
class _Line:
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


def layers_beyond(form: Form) -> tuple[Expr, Any] | None:
    """How many numbers W determines of a window that is a box, and the exact condition that these are all.

    None for another form, a window that lacks the place itself, and where no expression is known along an axis of symbolic sides.
    """
    found = _lines(form)
    if found is None:
        return None
    lines, copies = found
    number, when = copies, true
    for line in lines:
        numbers = line.low.is_Integer and line.high.is_Integer and line.edge != "zero"
        cases = _of_numbers(line) if numbers else _KINDS[line.edge](line)
        if cases is None:
            return None
        number *= _written(cases)
        when = And(when, Or(*(case.full for case in cases)))
    return number, when


def _written(cases: list[_Case]) -> Expr:
    pairs = [(case.apart, case.given) for case in cases]
    return pairs[0][0] if len(pairs) == 1 else Piecewise(*pairs[:-1], (pairs[-1][0], True), evaluate=False)


def _lines(form: Form) -> tuple[list[_Line], Expr] | None:
    """The axes of a window that is a box, each read along its own, and for how many values of the other letters there is one."""
    beyond = ("zero", form.read) if form.edge is Edge.ZERO else places_beyond(form.input, form.read)
    (param,) = form.weights if len(form.weights) == 1 else (None,)
    if beyond is None or param is None or param.data or not isinstance(form.weight, Read) or form.domain != true:
        return None
    letters = form.weight.subscripts
    whole = form.edge is Edge.ZERO or simplified(param.free, param.array.holds(), form.given) == true
    if not whole or len(set(letters)) < len(letters):
        return None
    lines: dict[Symbol, _Line] = {}
    for p, q in zip(form.grid(form.output), form.grid(form.input), strict=True):
        found = _line(form, beyond, p, q)
        if found is None or found[0] in lines:
            return None
        lines[found[0]] = found[1]
    if not Polyhedron.of(form.given).implies(And(*(And(Le(x.low, 0), Ge(x.high, 0)) for x in lines.values()))):
        return None
    others = [a.extent for s, a in zip(letters, param.array.axes, strict=True) if s not in lines]
    seen = {form.output.symbols[p] for p in range(len(form.output.axes)) if p not in form.grid(form.output)}
    seen |= {e for q, e in enumerate(form.read) if q not in form.grid(form.input)}
    if not {*letters, *form.reduction_symbols} <= {*lines, *seen} or not set(lines) <= set(letters):
        return None
    return (list(lines.values()), Mul(*others)) if _boxed(form, param, set(lines)) else None


def _boxed(form: Form, param: Param, window: set[Symbol]) -> bool:
    """Whether the sum goes over all of the array along the window's letters."""
    ends = {axis.symbol: (axis.lower, axis.upper) for axis in form.reduction}
    own = zip(form.weight.args[1:], param.array.axes, strict=True)
    return all(ends.get(s) == (axis.lower, axis.upper) for s, axis in own if s in window)


def _line(form: Form, beyond: tuple[str, tuple[Expr, ...]], p: int, q: int) -> tuple[Symbol, _Line] | None:
    edge, places = beyond
    out, source = form.output.axes[p], form.input.axes[q]
    stride = places[q].coeff(out.symbol)
    rest = expand(places[q] - stride * out.symbol)
    letters = [axis for axis in form.reduction if axis.symbol in rest.free_symbols]
    if len(letters) != 1 or source.lower != 0 or (edge != "zero" and form.read[q] != extended(edge, source, places[q])):
        return None
    (axis,) = letters
    step = rest.coeff(axis.symbol)
    whole = stride.is_Integer and step.is_Integer and stride > 0 and step != 0 and rest == step * axis.symbol
    if not whole or (out.lower, out.upper) != (0, expand(floor((source.extent - 1) / stride))):
        return None
    return axis.symbol, _turned(edge, axis, int(step), int(stride), source.extent)


def _turned(edge: str, axis: Axis, step: int, stride: int, extent: Expr) -> _Line:
    """The line with a step forwards."""
    low, high = (axis.lower, axis.upper) if step > 0 else (expand(-axis.upper), expand(-axis.lower))
    return _Line(edge, low, high, abs(step), stride, extent)


def _last(line: _Line) -> Expr:
    """The place that the last output has."""
    return expand(line.stride * floor((line.extent - 1) / line.stride))


def _between(line: _Line, left: Expr, right: Expr) -> list[_Case]:
    """As many entries as there are between -left and right."""
    ends = ((left, expand(-line.low)), (right, line.high))
    apart = sum((end if end == 0 else Min(most, end) for most, end in ends), Integer(1))
    return [_Case(true, apart, And(*(Le(end, most) for most, end in ends)))]


def _zero(line: _Line) -> list[_Case]:
    return _between(line, floor(_last(line) / line.step), floor((line.extent - 1) / line.step))


def _nearest(line: _Line) -> list[_Case]:
    return _between(line, ceiling(_last(line) / line.step), ceiling((line.extent - 1) / line.step))


def _periodic(line: _Line) -> list[_Case]:
    return _by_remainder(line, 1, lambda r: gcd(line.step, r), lambda e: _bounded(line, line.extent / e))


def _reflected(line: _Line) -> list[_Case] | None:
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


def _symmetric(line: _Line) -> list[_Case] | None:
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
    one = [_Case(true, Min(line.high + 1, line.extent), Le(line.high, 0))]
    return _one_place(line, one, many) if line.is_even and line.step == 1 else None


_KINDS: dict[str, Callable[[_Line], list[_Case] | None]] = {
    "nearest": _nearest,
    "periodic": _periodic,
    "reflect": _reflected,
    "symmetric": _symmetric,
    "zero": _zero,
}


def _bounded(line: _Line, period: Expr) -> tuple[Expr, Any]:
    """As many entries as there are remainders."""
    most = expand(period)
    return Min(line.size, most), Le(line.size, most)


def _without(line: _Line, period: Expr, orbits: int, missing: Expr) -> tuple[Expr, Any]:
    """Remainders, less the orbits that are farther from the middle than what is missing."""
    if not orbits:
        return _bounded(line, period)
    lost = Max(0, Min(orbits, expand(orbits - missing)))
    return Min(line.size, period) - lost, And(Le(line.size, period), Le(orbits, missing))


def _one_place(line: _Line, one: list[_Case], many: list[_Case]) -> list[_Case]:
    """The first on grids of one place that is kept, the others on larger ones."""
    few, more = Le(line.extent, line.stride), Ge(line.extent, line.stride + 1)
    first = [_Case(And(few, case.given), case.apart, And(few, case.full)) for case in one]
    return [*first, *(_Case(case.given, case.apart, And(more, case.full)) for case in many)]


def _by_remainder(
    line: _Line, steps: int, key: Callable[[int], Any], told: Callable[[Any], tuple[Expr, Any]]
) -> list[_Case]:
    """What is told by a number that the extent's remainder gives, for each of them in turn."""
    period = _least_period([key(r) for r in range(1, lcm(line.step, steps) + 1)])
    found: dict[Any, list[int]] = {}
    for r in range(1, period + 1):
        found.setdefault(key(r), []).append(r % period)
    cases = []
    for value, remainders in sorted(found.items(), key=lambda item: len(item[1])):
        apart, full = told(value)
        given = Or(*(Eq(Mod(line.extent, period), r) for r in remainders)) if len(found) > 1 else true
        cases.append(_Case(given, apart, And(given, full)))
    return cases


def _least_period(values: list[Any]) -> int:
    whole = len(values)
    periods = (p for p in range(1, whole + 1) if whole % p == 0)
    return next(p for p in periods if all(values[k] == values[k % p] for k in range(whole)))


def _of_numbers(line: _Line) -> list[_Case] | None:
    """A window of numbers: whole at some place from so many places on, and gone through on smaller grids."""
    low, high = int(line.low) * line.step, int(line.high) * line.step
    enough = max(high - low, high, -low) + line.stride
    if enough > _MOST or (line.extent.is_Integer and int(line.extent) > _MOST):
        return None
    if line.extent.is_Integer:
        told = Integer(_rank(line, int(line.extent)))
        return [_Case(true, told, told == line.size)]
    ranks = [_rank(line, n) for n in range(1, enough + 1)]
    ends = [n for n in range(1, enough) if ranks[n - 1] != ranks[n]]
    for most in (line.extent, 2 * line.extent - 1, 2 * line.extent):
        if all(min(most.subs(line.extent, n), line.size) == told for n, told in enumerate(ranks, 1)):
            return [_Case(true, Min(most, line.size), Le(ends[-1] + 1 if ends else 1, line.extent))]
    cases = []
    for start, end in pairwise((0, *ends)):
        told = Integer(ranks[start])
        there = Eq(line.extent, end) if end == start + 1 else And(Ge(line.extent, start + 1), Le(line.extent, end))
        cases.append(_Case(Le(line.extent, end), told, And(told == line.size, there)))
    return [*cases, _Case(true, line.size, Ge(line.extent, (ends or [0])[-1] + 1))]


def _rank(line: _Line, extent: int) -> int:
    """The rank of the line at so many places."""
    taps = np.arange(int(line.low), int(line.high) + 1)
    places = np.arange(0, extent, line.stride)
    at, axis = index("x"), Axis(index("k"), Integer(0), Integer(extent - 1))
    places = places[:, None] + line.step * taps
    read = np.broadcast_to(evaluate(extended(line.edge, axis, at), {at: places}), places.shape)
    seen = read[:, None, :] == np.arange(extent)[:, None]
    rows = np.unique(seen.reshape(-1, len(taps)).astype(np.int64), axis=0)
    most = len(np.unique(rows, axis=1).T)
    return most if rank_modulo(rows, PRIMES[0], most) == most else rank(rows)
