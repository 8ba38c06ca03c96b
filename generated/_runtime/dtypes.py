"""Which element type a result has, which one computes it, and which values neither can hold.

Floats give `np.result_type` of the arguments; a Python number is as weak there as in NumPy. Integers and
booleans alone give int64, where a bound in exact integers shows that the result fits; beside constants with
fractions they give float64. An integer beside floats, those included, must be a value of the result's type.
float16 is computed in float32 and rounded once: by whoever calls a body, or by a body that takes float16 itself.
Constants take no other part: they are rounded to the type that computes.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .bounds import Bound, check_bounds, largest, magnitudes
from .constants import Constant
from .errors import DTypeError

__all__ = ["Types", "choose"]

DType = np.dtype[Any]

_HALF, _SINGLE, _DOUBLE, _INTEGER = map(np.dtype, (np.float16, np.float32, np.float64, np.int64))
_WEAK = (bool, int, float)


@dataclass(frozen=True, slots=True)
class Types:
    """`result` is what the caller sees; `compute` is what the body works in, and `stored` what its arrays are, constants apart."""

    result: DType
    compute: DType
    stored: DType


def choose(
    name: str,
    given: Mapping[str, Any],
    arrays: Mapping[str, Any],
    constants: Mapping[str, Constant],
    bounds: tuple[Bound, ...],
    large: tuple[str, ...],
    halves: bool = False,
) -> Types:
    """The types for one call; `given` are the arguments as they came, `arrays` the same as arrays.

    Bodies with `halves` take float16, and round what they compute in float32.

    Raises DTypeError where a result might pass int64, by its bound, or a value isn't one of the result's type.
    """
    integral = all(array.dtype.kind in "bui" for array in arrays.values())
    parts = next((key for key, constant in constants.items() if not constant.whole), None)
    if integral and parts is None:
        check_bounds(name, bounds, {**arrays, **constants}, large)
        return Types(_INTEGER, _INTEGER, _INTEGER)
    kinds = [given[key] if type(given[key]) in _WEAK else array.dtype for key, array in arrays.items()]
    result = _DOUBLE if integral else np.result_type(*kinds).newbyteorder("=")
    why = f", and integers give {result} because {parts} has fractions" if integral else ""
    for key, array in arrays.items():
        if array.dtype.kind in "bui":
            _check_holds(name, key, array, result, why)
        elif type(given[key]) is float:
            _check_reaches(name, key, given[key], result)
    compute = _SINGLE if result == _HALF else result
    return Types(result, compute, result if halves else compute)


def _check_holds(name: str, key: str, array: Any, result: DType, why: str) -> None:
    """Refuse an integer that the float `result` would round: an odd part of too many bits, or too large."""
    limits = np.finfo(result)
    bits = limits.nmant + 1
    if array.dtype.itemsize * 8 <= bits or array.dtype.kind == "b" or array.size == 0:
        return
    if largest(array) <= 2**bits:
        return
    flat = magnitudes(array)
    lowest = flat & (~flat + 1)
    fails = (flat != 0) & (flat >> bits >= lowest) | (flat > min(int(limits.max), 2**64 - 1))
    if bool(fails.any()):
        value = int(array.reshape(-1)[int(fails.argmax())])
        raise DTypeError(
            f"{name}: {key} holds {value}, which {result} can't hold exactly{why}; "
            f"pass {key} as floats if it may be rounded."
        )


def _check_reaches(name: str, key: str, value: float, result: DType) -> None:
    """Refuse a Python float that would become infinite in `result`."""
    with np.errstate(over="ignore"):
        beyond = math.isfinite(value) and not np.isfinite(result.type(value))
    if beyond:
        raise DTypeError(f"{name}: {key} is {value}, which is infinite in {result}; pass {key} as a float64 array.")
