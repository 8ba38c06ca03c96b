"""Integers modulo a 61-bit prime, as objects that an array can hold."""

from __future__ import annotations

from numbers import Rational
from typing import Any

__all__ = ["PRIME", "Residue"]

PRIME = 2**61 - 1


class Residue:
    """An integer modulo PRIME; a rational number beside it counts as one."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        top, bottom = (value.value, 1) if isinstance(value, Residue) else (int(value.numerator), int(value.denominator))
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


_SCALARS = (Residue, Rational)
