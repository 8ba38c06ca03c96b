"""Which element type a result has, which one computes it, and which values neither can hold.

Floats give `np.result_type` of the arguments; a Python number is as weak there as in NumPy. Integers and
booleans alone give int64, where a bound in exact integers shows that the result fits. An integer beside
floats must be a value of the result's type. float16 is computed in float32 and rounded once.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import DTypeError

__all__ = ["Types", "choose", "largest", "magnitudes", "total"]

DType = np.dtype[Any]

_LIMIT = 2**63
_HALF, _SINGLE, _INTEGER = np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.int64)
_WEAK = (bool, int, float)


@dataclass(frozen=True, slots=True)
class Types:
    """`result` is what the caller sees; `compute` is what the body works in."""

    result: DType
    compute: DType


def magnitudes(array: Any) -> Any:
    """|array| as uint64, flat: exact for every integer and boolean type, the least int64 included."""
    flat = array.reshape(-1)
    return flat.astype(np.uint64) if array.dtype.kind in "bu" else abs(flat.astype(np.int64)).astype(np.uint64)


def largest(array: Any) -> int:
    """max|array| as a Python integer; 0 if it is empty."""
    return max(int(array.max()), -int(array.min())) if array.size else 0


def total(array: Any) -> int:
    """Σ|array| as a Python integer, exact below 2**32 elements: the halves of 64 bits are summed apart."""
    flat = magnitudes(array)
    return (int((flat >> 32).sum()) << 32) + int((flat & 0xFFFFFFFF).sum())


def choose(name: str, given: Mapping[str, Any], arrays: Mapping[str, Any], data: str, bias: tuple[str, ...]) -> Types:
    """The types for one call; `given` are the arguments as they came, `arrays` the same as arrays.

    Raises DTypeError where a result might pass int64, or a value isn't one of the result's type.
    """
    if all(array.dtype.kind in "bui" for array in arrays.values()):
        _check_fits_int64(name, arrays, data, bias)
        return Types(_INTEGER, _INTEGER)
    kinds = [given[key] if type(given[key]) in _WEAK else array.dtype for key, array in arrays.items()]
    result = np.result_type(*kinds).newbyteorder("=")
    for key, array in arrays.items():
        if array.dtype.kind in "bui":
            _check_holds(name, key, array, result)
        elif type(given[key]) is float:
            _check_reaches(name, key, given[key], result)
    return Types(result, _SINGLE if result == _HALF else result)


def _check_fits_int64(name: str, arrays: Mapping[str, Any], data: str, bias: tuple[str, ...]) -> None:
    """max|data|·Π Σ|weights| + max|biases| bounds every partial sum; refuse unless it stays below 2**63."""
    weights = [key for key in arrays if key != data and key not in bias]
    gain = math.prod(total(arrays[key]) for key in weights)
    offset = sum(largest(arrays[key]) for key in bias)
    kind = arrays[data].dtype
    widest = 1 if kind.kind == "b" else -int(np.iinfo(kind).min) or int(np.iinfo(kind).max)
    if widest * gain + offset < _LIMIT:
        return  # true of any data of this type, so it need not be read
    bound = largest(arrays[data]) * gain + offset
    if bound >= _LIMIT:
        product = "·".join([f"max|{data}|", *(f"Σ|{key}|" for key in weights)])
        formula = " + ".join([product, *(f"max|{key}|" for key in bias)])
        raise DTypeError(
            f"{name}: the result might not fit int64, as {formula} = {bound} is not below 2**63; "
            "pass smaller integers, or floats."
        )


def _check_holds(name: str, key: str, array: Any, result: DType) -> None:
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
            f"{name}: {key} holds {value}, which {result} can't hold exactly; "
            f"pass {key} as floats if it may be rounded."
        )


def _check_reaches(name: str, key: str, value: float, result: DType) -> None:
    """Refuse a Python float that would become infinite in `result`."""
    with np.errstate(over="ignore"):
        beyond = math.isfinite(value) and not np.isfinite(result.type(value))
    if beyond:
        raise DTypeError(f"{name}: {key} is {value}, which is infinite in {result}; pass {key} as a float64 array.")
