"""Integer matrix groups of low rank: generators by name, all elements, names and words for them.

square      C2 C4 D1 D2 D4          hexagonal   C3 C6 D3 D6, in axial coordinates: a sixth of a turn is
cubic       Ci T Th Td O Oh                     e₁ ⟶ e₂ ⟶ e₂ - e₁, whose matrix has determinant 1
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

import sympy as sp

from derive.errors import RuleRefused

__all__ = ["NAMED", "Matrix", "closure", "described", "determinant", "identity", "named", "order", "product"]

Matrix = tuple[tuple[int, ...], ...]

_QUARTER: Matrix = ((0, -1), (1, 0))
_HALF: Matrix = ((-1, 0), (0, -1))
_THIRD: Matrix = ((-1, -1), (1, 0))
_SIXTH: Matrix = ((0, -1), (1, 1))
_FIRST: Matrix = ((-1, 0), (0, 1))
_SECOND: Matrix = ((1, 0), (0, -1))
_SWAP: Matrix = ((0, 1), (1, 0))
_TURN3: Matrix = ((0, -1, 0), (1, 0, 0), (0, 0, 1))
_HALF3: Matrix = ((-1, 0, 0), (0, -1, 0), (0, 0, 1))
_CYCLE3: Matrix = ((0, 0, 1), (1, 0, 0), (0, 1, 0))
_INVERSION: Matrix = ((-1, 0, 0), (0, -1, 0), (0, 0, -1))
_SWAP3: Matrix = ((0, 1, 0), (1, 0, 0), (0, 0, 1))

NAMED: Mapping[str, tuple[Matrix, ...]] = {
    "D1": (((-1,),),),
    "C2": (_HALF,),
    "C3": (_THIRD,),
    "C4": (_QUARTER,),
    "C6": (_SIXTH,),
    "D2": (_FIRST, _SECOND),
    "D3": (_THIRD, _SWAP),
    "D4": (_QUARTER, _FIRST),
    "D6": (_SIXTH, _SWAP),
    "Ci": (_INVERSION,),
    "T": (_HALF3, _CYCLE3),
    "Th": (_HALF3, _CYCLE3, _INVERSION),
    "Td": (_HALF3, _CYCLE3, _SWAP3),
    "O": (_TURN3, _CYCLE3),
    "Oh": (_TURN3, _CYCLE3, _INVERSION),
}

_MOST = 1152  # the largest finite group of integer matrices of rank 4
_TURNS = {2: 180, 3: 120, 4: 90, 6: 60}


def product(one: Matrix, other: Matrix) -> Matrix:
    """The matrix that acts as `other`, then as `one`."""
    columns = list(zip(*other, strict=True))
    return tuple(tuple(sum(x * y for x, y in zip(row, column, strict=True)) for column in columns) for row in one)


def identity(rank: int) -> Matrix:
    """The unit matrix."""
    return tuple(tuple(int(p == q) for q in range(rank)) for p in range(rank))


@lru_cache(maxsize=256)
def closure(generators: tuple[Matrix, ...]) -> tuple[Matrix, ...]:
    """All elements, the identity first. Raises RuleRefused for matrices that are no integer ones or generate too many."""
    rank = len(generators[0])
    for m in generators:
        if len(m) != rank or any(len(row) != rank for row in m) or any(type(x) is not int for row in m for x in row):
            raise RuleRefused(
                f"A point group is given by square matrices of whole numbers; {m} is none of rank {rank}."
            )
        if abs(determinant(m)) != 1:
            raise RuleRefused(f"The matrix {m} doesn't carry the lattice onto itself: its determinant isn't 1 or -1.")
    found = {identity(rank): None}
    waiting = list(found)
    for element in waiting:
        for m in generators:
            other = product(m, element)
            if other not in found:
                found[other] = None
                waiting.append(other)
        if len(found) > _MOST:
            raise RuleRefused(
                f"The matrices {generators} generate more than {_MOST} elements; a point group is finite."
            )
    return tuple(found)


def order(m: Matrix) -> int:
    """How often a matrix of finite order is applied until nothing has moved."""
    power, times = m, 1
    while power != identity(len(m)):
        power, times = product(m, power), times + 1
    return times


def named(elements: Iterable[Matrix]) -> str | None:
    """The name of a group of these elements, up to a choice of axes: in the plane every one has a name."""
    wanted = frozenset(elements)
    (rank,) = {len(m) for m in wanted}
    if rank <= 2:
        turns = sum(determinant(m) == 1 for m in wanted)
        return f"{'C' if turns == len(wanted) else 'D'}{turns}"
    for name, generators in NAMED.items():
        if len(generators[0]) == rank and len(closure(generators)) == len(wanted):
            for frame in _frames(rank):
                back = tuple(zip(*frame, strict=True))
                if frozenset(product(product(frame, m), back) for m in closure(generators)) == wanted:
                    return name
    return "C1" if len(wanted) == 1 else None


@lru_cache(maxsize=8)
def _frames(rank: int) -> tuple[Matrix, ...]:
    """All signed permutations of the axes, for ranks with named groups."""
    if rank > 3:
        return (identity(rank),)
    swaps = [_permuted(rank, p) for p in range(rank - 1)]
    flip = tuple(tuple(-x if p == 0 else x for x in row) for p, row in enumerate(identity(rank)))
    return closure((flip, *swaps))


def _permuted(rank: int, p: int) -> Matrix:
    rows = list(identity(rank))
    rows[p], rows[p + 1] = rows[p + 1], rows[p]
    return tuple(rows)


def determinant(m: Matrix) -> int:
    """1 for a rotation, -1 for what turns left into right."""
    return int(sp.Matrix(m).det())


def described(m: Matrix) -> str:
    """A matrix in words, in the plane, or as the map of an offset."""
    turns = order(m)
    if len(m) == 2 and determinant(m) == 1 and turns in _TURNS:
        counterclockwise = m[1][0] > 0
        angle = _TURNS[turns] if counterclockwise or turns == 2 else 360 - _TURNS[turns]
        return f"the rotation by {angle}°"
    kind = "the reflection" if determinant(m) < 0 and turns == 2 else "the map"
    letters = "abexyz"[: len(m)]
    if len(m) > len(letters):
        return f"the map with matrix {m}"
    images = ", ".join(_row(row, letters) for row in m)
    return f"{kind} ({', '.join(letters)}) ⟶ ({images})"


def _row(row: tuple[int, ...], letters: str) -> str:
    return str(sum(x * sp.Symbol(s) for x, s in zip(row, letters, strict=True)))
