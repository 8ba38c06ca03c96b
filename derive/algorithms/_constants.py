"""Constants in composed terms: a letter that only constants read is summed over, and what is left must be 0 or 1.

    Σ_t A[i, t]·G[t, a]·B[t, k]·w·x   ⟶   w·x where k = i + a        as the sum over t is [k = i + a]

The sums are taken over the rationals, from the numbers themselves. Where one is 0 there is no term and where it is 1 there is one;
the places of the ones are then a fact about the subscripts. Any other sum is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from typing import Any

from sympy import And, Eq, Expr, Integer, Or, S, Symbol, false

from derive.errors import NoLowering
from derive.ir.nodes import Access
from derive.ir.stages import Constants
from derive.remembered import built

__all__ = ["Term", "without_constants"]

Point = tuple[int, ...]


@dataclass(frozen=True)
class Term:
    """What an access is a sum of: entries of arrays, multiplied, over the letters for which the facts hold, and a sign.

    That is so if each of `needs` holds: a conclusion with the facts it may rest on.
    """

    letters: tuple[Symbol, ...]
    facts: tuple[Any, ...]
    entries: tuple[Access, ...]
    needs: tuple[tuple[tuple[Any, ...], Any], ...] = ()
    times: Expr = S.One


@dataclass(frozen=True)
class _Factor:
    """One entry of one matrix."""

    matrix: tuple[tuple[Fraction, ...], ...]
    places: tuple[Expr, Expr]

    @property
    def extents(self) -> tuple[int, int]:
        return len(self.matrix), len(self.matrix[0])

    @property
    def symbols(self) -> set[Symbol]:
        return {s for e in self.places for s in e.free_symbols}


def without_constants(term: Term, constants: Sequence[Constants]) -> Term:
    """The term without its constants. Raises NoLowering where their sum is not 0 or 1, or isn't theirs alone."""
    known = {c.name: c for c in constants}
    factors = [f for e in term.entries if e.array in known for f in _factors(known[e.array], e)]
    if not factors:
        return term
    entries = tuple(e for e in term.entries if e.array not in known)
    read = {s for a in entries for e in a.subscripts for s in e.free_symbols}
    lone = {s for f in factors for s in f.symbols if s in term.letters and s not in read}
    facts = [part for fact in term.facts for part in And.make_args(fact)]
    told = [f for f in facts if f.free_symbols & lone]
    if mixed := [f for f in told if len(f.free_symbols) > 1]:
        raise NoLowering(f"A letter that only constants read has a range of its own; there is {mixed[0]}.")
    values = {s: _values(s, [f for f in told if s in f.free_symbols], factors) for s in lone}
    found = [_where(group, values) for group in _groups(factors, lone)]
    letters = tuple(s for s in term.letters if s not in lone)
    kept = (*(f for f in facts if not f.free_symbols & lone), *found)
    return replace(term, letters=letters, facts=kept, entries=entries)


def _factors(constants: Constants, entry: Access) -> Iterator[_Factor]:
    rank = len(constants.keys)
    rows, columns = entry.subscripts[:rank], entry.subscripts[rank:]
    for matrix, row, column in zip(constants.matrices(), rows, columns, strict=True):
        yield _Factor(matrix, (row, column))


def _values(symbol: Symbol, facts: Sequence[Any], factors: Iterable[_Factor]) -> tuple[int, ...]:
    """What a letter runs through: the places of every axis that it is the place on, for which the facts hold."""
    axes = [(e, n) for f in factors for e, n in zip(f.places, f.extents, strict=True) if symbol in e.free_symbols]
    if any(e != symbol for e, _ in axes):
        raise NoLowering(f"A letter that only constants read is their subscript; {axes[0][0]} is none.")
    every = range(min(n for _, n in axes))
    return tuple(v for v in every if all(f.xreplace({symbol: Integer(v)}) == True for f in facts))  # noqa: E712


def _groups(factors: Iterable[_Factor], lone: set[Symbol]) -> Iterator[list[_Factor]]:
    """Factors that letters of constants alone hold together."""
    left = list(factors)
    while left:
        group, met = [left.pop(0)], set[Symbol]()
        while met != (met := met | {s for f in group for s in f.symbols & lone}):
            group += [f for f in left if f.symbols & met]
            left = [f for f in left if not f.symbols & met]
        yield group


def _where(group: Sequence[_Factor], values: dict[Symbol, tuple[int, ...]]) -> Any:
    """The condition that the product of the factors, summed over their own letters, is 1 and not 0."""
    lone = [s for s in values if any(s in f.symbols for f in group)]
    axes = [(e, n) for f in group for e, n in zip(f.places, f.extents, strict=True) if e not in lone]
    slots = list(dict.fromkeys(e for e, _ in axes))
    extents = [min(n for e, n in axes if e == slot) for slot in slots]
    position = {e: k for k, e in enumerate((*slots, *lone))}
    entries = [(f.matrix, position[f.places[0]], position[f.places[1]]) for f in group]
    each, ones = list(product(*(values[s] for s in lone))), []
    for point in product(*map(range, extents)):
        total = sum(_product(entries, point + own) for own in each)
        if total not in (0, 1):
            place = ", ".join(f"{e} = {v}" for e, v in zip(slots, point, strict=True))
            raise NoLowering(f"The constants of a term sum to {total} at {place}, neither to 0 nor to 1.")
        ones += [point] if total else []
    return _stated(slots, extents, ones)


def _product(entries: Iterable[tuple[Any, int, int]], at: Point) -> Fraction:
    found = Fraction(1)
    for matrix, row, column in entries:
        if not (entry := matrix[at[row]][at[column]]):
            return Fraction(0)
        found *= entry
    return found


def _stated(slots: Sequence[Expr], extents: Sequence[int], points: list[Point]) -> Any:
    """The condition that the subscripts are one of the points: an equation where one says it, else each of them."""
    wanted = set(points)
    if not points:
        return false
    for last, expression in enumerate(slots):
        others = [k for k in range(len(slots)) if k != last]
        for steps in product((1, 0, -1), repeat=len(others)):

            def value(point: Point, steps: Point = steps, others: list[int] = others) -> int:
                return sum(step * point[k] for step, k in zip(steps, others, strict=True))

            start = points[0][last] - value(points[0])
            if all(p[last] == start + value(p) for p in points) and wanted == {
                p for p in product(*map(range, extents)) if p[last] == start + value(p)
            }:
                return built(
                    Eq, expression, start + sum(step * slots[k] for step, k in zip(steps, others, strict=True))
                )
    return Or(*(And(*(built(Eq, e, v) for e, v in zip(slots, point, strict=True))) for point in points))
