"""How many points a union of boxes has whose ends are sizes, rounded quotients of sizes too, as one expression without cases.

    #{ |a| ≤ Δ, a ≤ n - 1, -a ≤ 2⌊n/2⌋ - 1 } = Min(Δ, n - 1) + Min(Δ, 2⌊n/2⌋ - 1) + 1

A set is a sum of intersections, each with its sign, by inclusion and exclusion. One of these has for every letter ends that are
the least of several expressions, and beside them comparisons of letters, such as b ≤ a. Ends are tightened by these (b ends where
a does), so that the number of points is one polynomial in the ends, found by `count`. A letter that only numbers restrict is put
in value by value, as the remainder is of which weights are that repeat along a grid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product
from math import prod
from typing import Any

import sympy as sp
from sympy import Add, And, Expr, Ge, Integer, Le, Max, Min, Or, Symbol, floor

from derive.forms.conditions import split
from derive.forms.count import NotCountable, count
from derive.forms.expr import index
from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.forms.quotients import rounded
from derive.forms.unions import intersections, without_implied
from derive.remembered import both, fraction, replaced, text

__all__ = ["Sizes", "count_boxes"]

_MOST_VALUES, _MOST_TERMS, _FEW_ENDS = 512, 256, 12
Node = tuple[
    Symbol, int
]  # a letter, and which of its ends: 1 for the letter, -1 for minus the letter, each at most its ends
Ends = frozenset[Expr]


@dataclass(frozen=True, slots=True)
class _Box:
    """Σ-free points: every node at most each of its ends, and node ≤ other node + number for each of `ties`."""

    ends: frozenset[tuple[Node, Ends]]
    ties: frozenset[tuple[Node, Node, int]]


def count_boxes(condition: Any, over: tuple[Symbol, ...], given: Polyhedron) -> Expr:
    """The number of points, for all sizes that `given` admits. Raises NotCountable for what is no such union.

    >>> a, n, Delta = sp.symbols("a n Delta", integer=True)
    >>> window = (abs(a) <= Delta) & (a <= n - 1) & (-a <= 2*floor(n/2))
    >>> count_boxes(window, (a,), Polyhedron.of(n >= 1, Delta >= 0))
    Min(Delta, n - 1) + Min(Delta, 2*floor(n/2)) + 1
    """
    told = _told(condition, over)
    ranges = {s: _range(condition, s) for s in told}
    if prod(map(len, ranges.values())) > _MOST_VALUES:
        raise NotCountable("Too many values of remainders and channels to put in one by one.")
    left = tuple(s for s in over if s not in told)
    cases: dict[Any, int] = {}
    for values in product(*ranges.values()):
        case = replaced(condition, dict(zip(ranges, map(Integer, values), strict=True)))
        cases[case] = cases.get(case, 0) + 1
    sizes = Sizes({e for case in cases for e in case.atoms(floor)}, left, given)
    number = Add(*(times * _case(case, left, sizes) for case, times in cases.items() if case != False))  # noqa: E712  SymPy's
    return _shortest(number)


def _shortest(number: Expr) -> Expr:
    """As it is, multiplied out or as a product, in what ends are as letters."""
    ends = sorted(number.atoms(Min, Max), key=lambda e: (-e.count_ops(), text(e)))
    letters = {e: index(f"e{p}_") for p, e in enumerate(ends)}
    plain = replaced(number, letters)
    ways = [plain, sp.expand(plain)]
    ways += [sp.factor(plain)] if len(ends) <= _FEW_ENDS else []
    back = {letter: e for e, letter in letters.items()}
    return min((replaced(e, back) for e in ways), key=lambda e: e.count_ops())


class Sizes:
    """What is known of sizes and of their rounded quotients, each of which has a letter here.

    Raises NotCountable for a quotient that speaks of letters, or isn't by a number.
    """

    def __init__(self, quotients: Iterable[Expr], letters: Iterable[Symbol], given: Polyhedron) -> None:
        self.letters = {e: index(f"q{number}_") for number, e in enumerate(sorted(quotients, key=text))}
        self.back = {letter: e for e, letter in self.letters.items()}
        taken, facts = set(letters), []
        for e, letter in self.letters.items():
            top, bottom = fraction(e.args[0])
            if e.free_symbols & taken or rounded(top) or not bottom.is_Integer:
                raise NotCountable(f"'{text(e)}' is no quotient of sizes by a number.")
            facts += [Ge(top - bottom * letter, 0), Le(top - bottom * letter, bottom - 1)]
        self.given = given & Polyhedron.of(*facts)
        self.known: dict[Expr, bool] = {}

    def affine(self, condition: Any) -> Any:
        """With the letters for the quotients."""
        return replaced(condition, self.letters)

    def least(self, e: Expr, other: Expr) -> bool:
        """Whether one is never more than another."""
        return self.positive(other - e)

    def positive(self, e: Expr) -> bool:
        """Whether it is found never to be less than 0."""
        e = sp.expand(self.affine(e))
        if e not in self.known:
            self.known[e] = bool(e >= 0) if e.is_Integer else self.given.implies(Ge(e, 0))
        return self.known[e]

    def never(self, *conditions: Any) -> bool:
        """Whether no sizes satisfy these."""
        return (self.given & Polyhedron.of(*conditions)).is_empty()

    def fewest(self, ends: Iterable[Expr]) -> Ends:
        """Without ends that are never less than another one."""
        ordered = sorted(ends, key=lambda e: (e.count_ops(), text(e)))
        return frozenset(without_implied(ordered, lambda e, other: self.least(other, e)))


def _told(condition: Any, over: Sequence[Symbol]) -> list[Symbol]:
    """The letters in alternatives that are compared with numbers alone, and those that quotients are of."""
    atoms = [e for part in condition.atoms(Or) for e in part.atoms(sp.core.relational.Relational)]
    compared = condition.atoms(sp.core.relational.Relational)
    divided = {s for e in condition.atoms(floor) for s in e.free_symbols}
    alone = {s for s in over if all(e.free_symbols == {s} for e in compared if e.has(s))}
    return [s for s in over if s in divided or (s in alone and any(e.has(s) for e in atoms))]


def _range(condition: Any, letter: Symbol) -> range:
    """The values between the numbers that a condition says the letter is between."""
    lower, upper = ([e for e in ends if e.is_Integer] for ends in split(condition)[0].bounds(letter))
    if not lower or not upper:
        raise NotCountable(f"'{letter}' isn't between two numbers.")
    return range(max(map(int, lower)), min(map(int, upper)) + 1)


def _case(condition: Any, over: tuple[Symbol, ...], sizes: Sizes) -> Expr:
    """One choice of the told letters: intersections, and for each its polynomial in the ends."""
    try:
        found = _intersections(sizes.affine(condition), over, sizes)
        return Add(*(times * _points(box, over, sizes) for box, times in found.items()))
    except NotAffine as reason:
        raise NotCountable(str(reason)) from None


def _intersections(condition: Any, over: tuple[Symbol, ...], sizes: Sizes) -> dict[_Box, int]:
    """The set as a sum of boxes, each so many times."""
    total: dict[_Box, int] = {}
    for alternatives in _apart(condition, sizes.given):
        widest = _widest([_box(option, over, sizes) for option in alternatives], sizes)
        for box, times in intersections(widest, lambda one, other: _meet(one, other, sizes), _MOST_TERMS).items():
            total[box] = total.get(box, 0) + times
    return {box: times for box, times in total.items() if times}


def _widest(boxes: Sequence[_Box], sizes: Sizes) -> list[_Box]:
    """Without boxes that are within others, end by end."""

    def within(one: _Box, other: _Box) -> bool:
        own = dict(one.ends)
        ends = ((node, e) for node, found in other.ends for e in found)
        return other.ties <= one.ties and all(any(sizes.least(x, e) for x in own.get(node, ())) for node, e in ends)

    return without_implied(boxes, within)


def _apart(condition: Any, given: Polyhedron) -> Iterator[list[Polyhedron]]:
    """Lists of polyhedra: those of one list may overlap, those of two lists have no point in common."""
    affine, rest = split(condition)
    choices = [part for part in And.make_args(rest) if part is not sp.true]
    if not choices:
        yield [affine]
        return
    for part in choices:
        if not isinstance(part, Or):
            raise NotAffine(f"'{text(part)}' isn't a combination of affine conditions.")
        heads = [affine & split(option)[0] & given for option in part.args]
        if all((x & y).is_empty() for x, y in combinations(heads, 2)):
            others = both(*(other for other in choices if other != part))
            for option in part.args:
                yield from _apart(both(affine.conditions, others, option), given)
            return
    options = [
        p for choice in product(*(part.args for part in choices)) for p in _plain(both(affine.conditions, *choice))
    ]
    yield [p for p in options if not (p & given).is_empty()]


def _plain(condition: Any) -> list[Polyhedron]:
    affine, rest = split(condition)
    if rest is sp.true:
        return [affine]
    part = min(And.make_args(rest), key=text)
    if not isinstance(part, Or):
        raise NotAffine(f"'{text(part)}' isn't a combination of affine conditions.")
    others = both(affine.conditions, *(other for other in And.make_args(rest) if other != part))
    return [p for option in part.args for p in _plain(both(others, option))]


def _box(polyhedron: Polyhedron, over: tuple[Symbol, ...], sizes: Sizes) -> _Box:
    """The ends of every letter, and the comparisons of two letters. Raises NotCountable for rows of other kinds."""
    ends: dict[Node, set[Expr]] = {}
    ties = set()
    for e in polyhedron.expressions:
        rates = {s: int(e.coeff(s)) for s in over if e.coeff(s) != 0}
        rest = e - Add(*(rate * s for s, rate in rates.items()))
        if (
            any(abs(rate) != 1 for rate in rates.values())
            or len(rates) > 2
            or (len(rates) == 2 and not rest.is_Integer)
        ):
            raise NotCountable(f"'{text(e)}' is no end of a letter and no comparison of two.")
        nodes = [(s, -rate) for s, rate in rates.items()]
        if len(nodes) == 1:
            ends.setdefault(nodes[0], set()).add(replaced(rest, sizes.back))
        elif nodes:
            (s, x), (t, y) = nodes
            ties |= {((s, x), (t, -y), int(rest)), ((t, y), (s, -x), int(rest))}
        elif not sizes.positive(rest):
            raise NotCountable(f"'{text(e)}' is about sizes alone.")
    box = _Box(frozenset((node, sizes.fewest(found)) for node, found in ends.items()), frozenset(ties))
    _check(box, over, sizes)
    return box


def _check(box: _Box, over: tuple[Symbol, ...], sizes: Sizes) -> None:
    """Raises NotCountable unless an interval of two ends by sizes holds 0 or is empty on both sides of it; see `_clamped`."""
    ends = dict(box.ends)
    for s in over:
        upper, lower = (ends.get((s, sign), frozenset()) for sign in (1, -1))
        if not upper or not lower:
            raise NotCountable(f"'{s}' has no end.")
        if _number(upper) is None and _number(lower) is None:
            one, other = ([sizes.affine(e) for e in side] for side in (upper, lower))
            apart = [(one, x, y) for y in other for x in (-1,)] + [(other, x, y) for y in one for x in (0,)]
            for side, least, low in apart:
                if not sizes.never(*(Ge(e, 0 if least else 1) for e in side), Le(low, -1)):
                    raise NotCountable(f"'{s}' is between ends on one side of 0.")
            tied = [k for (x, y, k) in box.ties if s in (x[0], y[0])]
            if any(tied):
                raise NotCountable(f"'{s}' is between two ends by sizes and a number apart from another letter.")


def _meet(one: _Box, other: _Box, sizes: Sizes) -> _Box:
    ends: dict[Node, Ends] = dict(one.ends)
    for node, found in other.ends:
        ends[node] = sizes.fewest(ends.get(node, frozenset()) | found)
    return _Box(frozenset(ends.items()), one.ties | other.ties)


def _number(ends: Ends) -> int | None:
    """The end that is a number, where there is no other."""
    (e,) = ends if len(ends) == 1 else (None,)
    return int(e) if e is not None and e.is_Integer else None


def _points(box: _Box, over: tuple[Symbol, ...], sizes: Sizes) -> Expr:
    """How many points it has: the polynomial in its ends, at these."""
    ends = _tightened(box, sizes)
    numbers = tuple((node, _number(found)) for node, found in sorted(ends.items(), key=text))
    polynomial, letters = _polynomial(numbers, tuple(sorted(box.ties, key=text)), over)
    values = {letters[node]: _clamped(node, ends, sizes) for node in letters}
    return replaced(polynomial, values)


def _tightened(box: _Box, sizes: Sizes) -> dict[Node, Ends]:
    """What ends say of each other: x ≤ y + k and y ≤ e give x ≤ e + k."""
    ends: dict[Node, Ends] = dict(box.ends)
    for _ in box.ties:
        new = dict(ends)
        for x, y, k in box.ties:
            new[x] = sizes.fewest(new.get(x, frozenset()) | {e + k for e in ends.get(y, frozenset())})
        if new == ends:
            break
        ends = new
    return ends


def _clamped(node: Node, ends: Mapping[Node, Ends], sizes: Sizes) -> Expr:
    """The least of a node's ends, though not so little that the interval has less than no place.

    That is from a number l up to at least l - 1. Between two ends by sizes there is 0 wherever there is a place, so that these
    are taken to be 0 below and -1 above at least: the interval is empty then as it was.
    """
    (letter, sign), least = node, Min(*ends[node])
    opposite = _number(ends[letter, -sign])
    bound = -opposite - 1 if opposite is not None else (-1 if sign == 1 else 0)
    return least if all(sizes.positive(e - bound) for e in ends[node]) else Max(bound, least)


@lru_cache(maxsize=1024)
def _polynomial(
    numbers: tuple[tuple[Node, int | None], ...], ties: tuple[tuple[Node, Node, int], ...], over: tuple[Symbol, ...]
) -> tuple[Expr, dict[Node, Symbol]]:
    """The number of points as a polynomial in ends that are tightened and clamped, with the letter that stands for each of them."""
    letters = {node: index(f"e{p}_") for p, (node, value) in enumerate(numbers) if value is None}
    ends = {node: letters.get(node, Integer(0 if value is None else value)) for node, value in numbers}
    rows = [Le(sign * s, end) for (s, sign), end in ends.items()]
    rows += [Le(x[1] * x[0], y[1] * y[0] + k) for x, y, k in ties]
    facts = [Le(ends[x], ends[y] + k) for x, y, k in ties]
    facts += [Ge(ends[s, 1] + ends[s, -1], -1) for s in over]
    for (s, sign), letter in letters.items():
        facts += [Ge(letter, -1 if sign == 1 else 0)] if (s, -sign) in letters else []
    number = count(Polyhedron.of(*rows), over, Polyhedron.of(*(f for f in facts if f != True)))  # noqa: E712  SymPy's
    if number.has(sp.Piecewise, Min, Max):
        raise NotCountable("Letters that are compared in ways that are no order.")
    return sp.factor(number), letters
