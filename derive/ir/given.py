"""What a program in stages brings along: matrices of rationals, the settings it exists for, and its bound on errors."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from sympy import Expr, Symbol

__all__ = ["Amplified", "Cases", "Constants", "MatrixTable"]


@dataclass(frozen=True, slots=True)
class MatrixTable:
    """Matrices of rationals, each under a key."""

    name: str
    entries: tuple[tuple[tuple[int, ...], tuple[tuple[Fraction, ...], ...]], ...]


@dataclass(frozen=True, slots=True)
class Constants:
    """An array of given numbers: a Kronecker product, with an axis for each row and each column.

    Its entry [p, .., q, ..] is the product of the entries [p, q] of the matrices that the table has under the keys, in their order.
    """

    name: str
    shape: tuple[Expr, ...]
    table: MatrixTable
    keys: tuple[tuple[Expr, ...], ...]

    def matrices(self) -> tuple[tuple[tuple[Fraction, ...], ...], ...]:
        """The matrices, once the keys are numbers."""
        entries = dict(self.table.entries)
        return tuple(entries[tuple(map(int, key))] for key in self.keys)


@dataclass(frozen=True, slots=True)
class Cases:
    """The values that some knobs and sizes have together; there is no program for any others."""

    symbols: tuple[Symbol, ...]
    values: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Amplified:
    """A bound on errors, |error| ≤ γ_q·(α·Σ|w|·max|x| + |u|) with the maximum over what a block of results reads.

    `factors` are α and `roundings` the most roundings on a path but for sums over so many `channels`, one for each of the cases:
    q = roundings + channels. What underflows adds (1 + γ_q)·L·η with L = l + C·(m + x·max|x|) + w·Σ|w| for C channels: l, m, x
    and w are the `losses` of a case.

    The factor α·Σ|w|·max|x| is at least what the program gives for absolute values, constants included, which bounds as well.
    """

    factors: tuple[Fraction, ...]
    roundings: tuple[int, ...]
    channels: Expr
    losses: tuple[tuple[int, int, int, int], ...]
