"""Numbers as residues modulo the exact mode's prime. A float is the exact dyadic rational that it stores."""

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.errors import DeriveError

from .settings import MERSENNE_61, current_settings

__all__ = ["PRIMES", "from_residues", "residue_of", "to_residues"]

# By the bytes of the element. A layer is a polynomial of small degree d in its inputs, so a wrong program
# passes with probability at most the product of d / p over the primes: below 2**-50 in each row.
PRIMES: dict[int, tuple[int, ...]] = {
    2: (65521, 65519, 65497, 65479),
    4: (4294967291, 4294967279),
    8: (MERSENNE_61,),
}


def _prime() -> int:
    prime = current_settings().prime
    if prime is None:
        raise DeriveError("An array of residues is used outside exact mode.")
    return prime


def residue_of(value: Any) -> int:
    """
    >>> from derive.cuda_check.settings import using
    >>> with using(prime=65521):
    ...     residue_of(-1), residue_of(0.5) * 2 % 65521
    (65520, 1)
    """
    prime = _prime()
    if isinstance(value, int | np.integer | np.bool_):
        return int(value) % prime
    exact = Fraction(value if isinstance(value, Fraction) else float(value))
    return exact.numerator * pow(exact.denominator, -1, prime) % prime


def to_residues(values: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The residues of integers, floats or Fractions, in unsigned integers of `dtype`'s width.

    An array that says by `exact` what it was rounded from stands for that.
    """
    prime = _prime()
    values = values if getattr(values, "exact", None) is None else values.exact  # what floats were rounded from
    if prime >= 1 << 8 * dtype.itemsize:
        raise DeriveError(
            f"Residues modulo {prime} do not fit {dtype.name}; choose a prime below 2**{8 * dtype.itemsize}."
        )
    array = np.asarray(values)
    stored = np.dtype(f"u{dtype.itemsize}")
    if array.dtype.kind == "u":
        return (
            (array % np.array(prime, array.dtype)).astype(stored)
            if prime <= np.iinfo(array.dtype).max
            else array.astype(stored)
        )
    if array.dtype.kind in "ib":
        return np.mod(array.astype(np.int64), prime).astype(stored)
    flat = [residue_of(value) for value in array.ravel().tolist()]
    return np.array(flat, np.uint64).reshape(array.shape).astype(stored)


def from_residues(stored: NDArray[Any]) -> NDArray[np.uint64]:
    return stored.astype(np.uint64)
