"""Integers modulo a 61-bit prime, as objects that an array can hold."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

__all__ = ["PRIME", "Residue"]

PRIME = 2**61 - 1


class Residue:
    """An integer modulo PRIME; an integer or a Fraction beside it counts as one."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        top, bottom = (value.numerator, value.denominator) if isinstance(value, Fraction) else (int(value), 1)
        self.value = top * pow(bottom, -1, PRIME) % PRIME

    def __add__(self, other: Any) -> Residue:
        return Residue(self.value + Residue(other).value) if isinstance(other, _SCALARS) else NotImplemented

    def __sub__(self, other: Any) -> Residue:
        return Residue(self.value - Residue(other).value) if isinstance(other, _SCALARS) else NotImplemented

    def __rsub__(self, other: Any) -> Residue:
        return Residue(Residue(other).value - self.value) if isinstance(other, _SCALARS) else NotImplemented

    def __mul__(self, other: Any) -> Residue:
        return Residue(self.value * Residue(other).value) if isinstance(other, _SCALARS) else NotImplemented

    def __neg__(self) -> Residue:
        return Residue(-self.value)

    def __int__(self) -> int:
        return self.value

    def __eq__(self, other: object) -> bool:
        return self.value == Residue(other).value if isinstance(other, _SCALARS) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"Residue({self.value})"

    __radd__ = __add__
    __rmul__ = __mul__


_SCALARS = (Residue, int, np.integer, Fraction)
