"""Affine inequalities over the integers as plain vectors, and Fourier-Motzkin elimination on them.

A row (c₁, …, c_k, d) of exact Python integers states c₁·x₁ + … + c_k·x_k + d ≥ 0. Dividing by
g = gcd(c₁, …, c_k) tightens it:

    g·(c·x) + d ≥ 0   ⟺   c·x + ⌊d / g⌋ ≥ 0        over the integers

Elimination of x (Fourier-Motzkin): every pair of a lower and an upper bound

    p·x + e ≥ 0,   -q·x + f ≥ 0   ⟶   q·e + p·f ≥ 0        p, q > 0

describes the shadow over the rationals; over the integers too where p = 1 or q = 1 in every pair
(W. Pugh, 'The Omega test', Communications of the ACM 35:8, 1992).
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import gcd
from operator import neg

__all__ = [
    "FALSE",
    "Row",
    "eliminate",
    "empty",
    "implied",
    "irredundant",
    "normalise",
    "opposite",
    "solve",
    "tidy",
]

Row = tuple[int, ...]
FALSE: tuple[Row, ...] = ((-1,),)


def normalise(row: Sequence[int]) -> Row:
    """The row divided by the gcd of its coefficients, its constant rounded down."""
    g = gcd(*row[:-1])
    if g <= 1:
        return tuple(row)
    return tuple(c // g for c in row)


def opposite(row: Row) -> Row:
    """The negation over the integers: not (e ≥ 0) is -e - 1 ≥ 0."""
    return (*map(neg, row[:-1]), -row[-1] - 1)


def tidy(rows: Iterable[Sequence[int]]) -> tuple[Row, ...] | None:
    """Sorted, normalised, one row a direction; None where one row, or two parallel ones, are false."""
    tightest: dict[Row, int] = {}
    for row in rows:
        key, constant = tuple(row[:-1]), row[-1]
        if (g := gcd(*key)) > 1:
            key, constant = tuple([c // g for c in key]), constant // g
        if g:
            if constant < tightest.get(key, constant + 1):
                tightest[key] = constant
        elif constant < 0:
            return None
    for key, constant in tightest.items():
        if constant + tightest.get(tuple(map(neg, key)), -constant) < 0:
            return None
    return tuple(sorted((*key, constant) for key, constant in tightest.items()))


def solve(rows: Iterable[Row], column: int) -> Row | None:
    """An equality (e ≥ 0 beside -e ≥ 0) with the smallest non-zero coefficient at `column`, made positive."""
    present = set(rows)
    found = [row for row in present if row[column] > 0 and tuple(map(neg, row)) in present]
    return min(found, key=lambda row: (row[column], row), default=None)


def eliminate(rows: Iterable[Row], column: int) -> tuple[list[Row], bool]:
    """Rows without `column`, and whether they are its exact shadow on the integers."""
    rows = list(rows)
    if (equality := solve(rows, column)) is not None:
        p = equality[column]
        shadow = [tuple(p * c - row[column] * e for c, e in zip(row, equality, strict=True)) for row in rows]
        return shadow, p == 1
    lower = [row for row in rows if row[column] > 0]
    upper = [row for row in rows if row[column] < 0]
    shadow = [row for row in rows if row[column] == 0]
    exact = True
    for low in lower:
        for high in upper:
            p, q = low[column], -high[column]
            exact = exact and (p == 1 or q == 1)
            shadow.append(tuple(q * a + p * b for a, b in zip(low, high, strict=True)))
    return shadow, exact


def _paired(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """The rows without those on letters that are bounded on one side only: such a letter has a value for all others."""
    while rows:
        columns = enumerate(zip(*(row[:-1] for row in rows), strict=True))
        loose = [c for c, values in columns if (max(values) > 0) != (min(values) < 0)]
        if not loose:
            break
        rows = tuple(row for row in rows if not any(row[c] for c in loose))
    return rows


def _cheapest(rows: Sequence[Row]) -> int | None:
    """The column whose elimination adds fewest rows; None when no column is left."""
    best, best_cost = None, None
    for column, values in enumerate(zip(*(row[:-1] for row in rows), strict=True)):
        lower = len([value for value in values if value > 0])
        upper = len([value for value in values if value < 0])
        if lower + upper == 0:
            continue
        cost = lower * upper - lower - upper
        if best_cost is None or cost < best_cost:
            best, best_cost = column, cost
    return best


@lru_cache(maxsize=1 << 16)
def _empty(rows: tuple[Row, ...]) -> bool:
    remaining: tuple[Row, ...] | None = rows
    while remaining:
        remaining = _paired(remaining)
        column = _cheapest(remaining)
        if column is None:
            return False
        remaining = tidy(eliminate(remaining, column)[0])
    return remaining is None


def empty(rows: Iterable[Row]) -> bool:
    """True where the rows have no rational solution, so no integer one; tightening may find more."""
    tidied = tidy(rows)
    return tidied is None or _empty(tidied)


def implied(rows: Iterable[Row], row: Row) -> bool:
    """True where every rational (so every integer) solution of `rows` satisfies `row`."""
    return empty([*rows, opposite(row)])


def irredundant(rows: Sequence[Row], given: Sequence[Row] = ()) -> tuple[Row, ...]:
    """The rows without those that the others imply in the context; the longest ones are tried first."""
    return _irredundant(tuple(rows), tuple(given))


@lru_cache(maxsize=1 << 14)
def _irredundant(rows: tuple[Row, ...], given: tuple[Row, ...]) -> tuple[Row, ...]:
    kept = list(rows)
    for row in sorted(rows, key=lambda row: (-sum(map(bool, row[:-1])), -sum(map(abs, row)), row)):
        others = [other for other in kept if other != row]
        context = [*others, *given]
        if not _alone(row, context) and implied(context, row):
            kept = others
    return tuple(kept)


def _alone(row: Row, others: Sequence[Row]) -> bool:
    """Whether some entry bounds its letter on a side on which no other row does: then no sum of others is this row."""
    return any(
        (value > 0 and all(other[column] <= 0 for other in others))
        or (value < 0 and all(other[column] >= 0 for other in others))
        for column, value in enumerate(row[:-1])
    )
