"""Sums over the integer points of a polyhedron, chamber by chamber.

    Σ_{x : all L ≤ x ≤ all U} f   =   Σ_{j,k} [L_j largest, U_k least, L_j ≤ U_k]·(F(U_k) - F(L_j - 1))

One variable at a time, F by Faulhaber; chambers that the context excludes are dropped. A bound ⌈e/p⌉ becomes
affine in each residue class of the symbols in e: y = p·y' + r. (W. Pugh, 'Counting solutions to Presburger
formulas: how and why', PLDI 1994.)

The terms that remain are disjoint in all variables but overlap in the sizes alone: `cells` sorts that out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import lcm

from derive.forms.polynomial import Polynomial, affine, compose, sum_between
from derive.forms.rows import Row, eliminate, empty, irredundant, solve, tidy

__all__ = ["Term", "TooLong", "Unbounded", "Work", "points"]


class Unbounded(Exception):
    """A variable (its column) without a lower or an upper bound."""


class TooLong(Exception):
    """A sum that takes more steps than it was given."""


@dataclass(slots=True)
class Work:
    """How many steps a sum may take still: a number of them and not of seconds, so that a count is the same everywhere."""

    left: int

    def spend(self, steps: int = 1) -> None:
        """Raises TooLong where there are not so many left."""
        self.left -= steps
        if self.left < 0:
            raise TooLong


@dataclass(frozen=True, slots=True)
class Term:
    """[rows ≥ 0]·value, in variables x' where x = modulus·x' + residue; `given` is the context in x'."""

    rows: tuple[Row, ...]
    given: tuple[Row, ...]
    value: Polynomial
    moduli: tuple[int, ...]
    residues: tuple[int, ...]


def points(rows: Sequence[Row], given: Sequence[Row], over: frozenset[int], work: Work) -> Iterator[Term]:
    """Terms in the remaining columns whose sum is the number of points of `rows`. Raises TooLong."""
    width = len((*rows, *given)[0]) - 1
    one = affine([0] * width + [1])
    yield from _sum(Term(tuple(rows), tuple(given), one, (1,) * width, (0,) * width), over, work)


def _sum(term: Term, over: frozenset[int], work: Work) -> Iterator[Term]:
    work.spend(1 + len(term.value))
    rows = tidy(term.rows)
    if rows is None or empty([*rows, *term.given]):
        return
    term = replace(term, rows=irredundant(rows, term.given))
    if not over:
        yield term
        return
    column = min(over, key=lambda c: (_cost(term.rows, c), c))
    equality = solve(term.rows, column)
    if equality is not None and equality[column] == 1:
        at = tuple(0 if c == column else -value for c, value in enumerate(equality))
        inside = replace(term, rows=tuple(eliminate(term.rows, column)[0]), value=compose(term.value, column, at))
        yield from _sum(inside, over - {column}, work)
    elif any(abs(row[column]) > 1 for row in term.rows):
        for part in _residue_classes(term, column, over, work):
            yield from _sum(part, over, work)
    else:
        for part in _by_active_bounds(term, column):
            yield from _sum(part, over - {column}, work)


def _cost(rows: Sequence[Row], column: int) -> tuple[int, int]:
    """Equations first, then few chambers; columns that need residue classes last."""
    equality = solve(rows, column)
    if equality is not None and equality[column] == 1:
        return (0, 0)
    values = [row[column] for row in rows if row[column]]
    chambers = sum(value > 0 for value in values) * sum(value < 0 for value in values)
    return (max(map(abs, values), default=1), chambers)


def _minus(left: Row, right: Row, gap: int) -> Row:
    return (*(a - b for a, b in zip(left[:-1], right[:-1], strict=True)), left[-1] - right[-1] - gap)


def _without(row: Row, column: int, sign: int) -> Row:
    return tuple(0 if c == column else sign * value for c, value in enumerate(row))


def _by_active_bounds(term: Term, column: int) -> Iterator[Term]:
    """One term for each pair of a largest lower and a least upper bound; ties go to the first."""
    low = [_without(row, column, -1) for row in term.rows if row[column] > 0]
    high = [_without(row, column, 1) for row in term.rows if row[column] < 0]
    if not low or not high:
        raise Unbounded(column)
    rest = tuple(row for row in term.rows if row[column] == 0)
    for j, lower in enumerate(low):
        largest = [_minus(lower, other, int(t < j)) for t, other in enumerate(low) if t != j]
        if empty([*rest, *largest, *term.given]):
            continue
        for k, upper in enumerate(high):
            least = [_minus(other, upper, int(t < k)) for t, other in enumerate(high) if t != k]
            rows = (*rest, *largest, *least, _minus(upper, lower, 0))
            yield replace(term, rows=rows, value=sum_between(term.value, column, lower, upper))


def _residue_classes(term: Term, column: int, over: frozenset[int], work: Work) -> Iterator[Term]:
    """y = p·y' + r for the columns y that keep ⌈e/p⌉ from being affine; the classes of a summed y add up."""
    coarse = [row for row in term.rows if abs(row[column]) > 1]
    period = lcm(*(abs(row[column]) for row in coarse))
    if period > work.left:
        raise TooLong
    split = sorted({c for row in coarse for c in range(len(row) - 1) if c != column and row[c] % row[column]})
    for residues in product(range(period), repeat=len(split)):
        work.spend(1 + len(term.value))
        part = term
        for c, residue in zip(split, residues, strict=True):
            part = _in_class(part, c, period, residue, c in over)
        given = tidy(part.given)
        if given is not None and not empty(given):
            yield replace(part, given=given, rows=tidy(part.rows) or ((0,) * (len(part.moduli)) + (-1,),))


def _in_class(term: Term, column: int, period: int, residue: int, summed: bool) -> Term:
    def put(row: Row) -> Row:
        moved = row[-1] + row[column] * residue
        return (*(value * period if c == column else value for c, value in enumerate(row[:-1])), moved)

    at = [period * int(c == column) for c in range(len(term.moduli))] + [residue]
    moduli, residues = list(term.moduli), list(term.residues)
    if not summed:
        residues[column] += moduli[column] * residue
        moduli[column] *= period
    return Term(
        tuple(map(put, term.rows)),
        tuple(map(put, term.given)),
        compose(term.value, column, at),
        tuple(moduli),
        tuple(residues),
    )
