"""Arrays of fixed rationals that a layer brings along, such as a stencil's weights."""

import math
from dataclasses import dataclass, field
from fractions import Fraction
from types import ModuleType
from typing import Any

import numpy as np

__all__ = ["Constant", "rounded"]


@dataclass(frozen=True, slots=True)
class Constant:
    """The array numerators / denominator: nested tuples of integers of one depth, over one natural number."""

    numerators: Any
    denominator: int = 1
    shape: tuple[int, ...] = field(init=False)
    entries: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        table = np.array(self.numerators, dtype=object)
        object.__setattr__(self, "shape", table.shape)
        object.__setattr__(self, "entries", tuple(table.reshape(-1).tolist()))

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def whole(self) -> bool:
        """Whether every entry is stated as an integer."""
        return self.denominator == 1

    def exact(self) -> Any:
        """The entries in an object array: integers where `whole`, else Fractions."""
        exact: list[Any] = list(self.entries) if self.whole else [Fraction(n, self.denominator) for n in self.entries]
        return _object(exact).reshape(self.shape)

    def as_array(self, xp: ModuleType, dtype: np.dtype[Any]) -> Any:
        """The entries in `dtype`, C-contiguous: floats rounded once to nearest, int64 modulo 2**64 as sums in int64 are.

        An entry beyond a float type becomes infinite.
        """
        if dtype.kind == "f":
            flat = np.array([rounded(Fraction(n, self.denominator), dtype) for n in self.entries], dtype)
        else:
            flat = np.array([n % 2**64 for n in self.entries], np.uint64).astype(dtype)
        host = flat.reshape(self.shape)
        host.flags.writeable = False
        return xp.asarray(host)


def _object(values: list[Any]) -> Any:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def rounded(value: Fraction, dtype: np.dtype[Any]) -> Any:
    """The float of `dtype` nearest to a rational, ties to even, subnormals included; infinite beyond the largest.

    value·2**shift is rounded to an integer of at most `bits` bits, and scaling that by a power of two is exact.
    """
    limits, kind = np.finfo(dtype), dtype.type
    if not value:
        return kind(0)
    bits = limits.nmant + 1
    size = value.numerator.bit_length() - value.denominator.bit_length()  # 2**(size-1) < |value| < 2**(size+1)
    shift = min(bits - size + (abs(value) < Fraction(2) ** size) - 1, limits.nmant - int(limits.minexp))
    whole = round(value * Fraction(2) ** shift)
    if abs(whole) * Fraction(2) ** -shift > int(limits.max):
        return kind(math.inf if value > 0 else -math.inf)
    return np.ldexp(kind(whole), -shift)
