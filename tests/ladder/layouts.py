"""How an array may lie in memory, and where a result may go, for either array module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["LAYOUTS", "OUTPUTS"]


def _fortran(xp: Any, array: Any) -> Any:
    return xp.ascontiguousarray(array.T).T if array.ndim > 1 else array


def _every_second(xp: Any, array: Any) -> Any:
    if array.ndim == 0:
        return array
    wide = xp.zeros(tuple(2 * extent for extent in array.shape), dtype=array.dtype)
    part = wide[(slice(None, None, 2),) * array.ndim]
    part[...] = array
    return part


def _backwards(xp: Any, array: Any) -> Any:
    if array.ndim == 0:
        return array
    turned = (slice(None, None, -1),) * array.ndim
    return xp.ascontiguousarray(array[turned])[turned]


def _read_only(xp: Any, array: Any) -> Any:
    kept = array.copy()
    if xp is np:
        kept.flags.writeable = False
    return kept


def _of_another_endianness(xp: Any, array: Any) -> Any:
    return array.astype(array.dtype.newbyteorder()) if xp is np else array


LAYOUTS: Mapping[str, Callable[[Any, Any], Any]] = {
    "contiguous": lambda xp, array: array,
    "fortran": _fortran,
    "every second": _every_second,
    "backwards": _backwards,
    "read-only": _read_only,
    "bytes swapped": _of_another_endianness,
}


def _empty(xp: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    return xp.empty(shape, dtype=dtype)


OUTPUTS: Mapping[str, Callable[[Any, tuple[int, ...], Any], Any]] = {
    "fresh": lambda xp, shape, dtype: None,
    "contiguous": _empty,
    "fortran": lambda xp, shape, dtype: _fortran(xp, _empty(xp, shape, dtype)),
    "every second": lambda xp, shape, dtype: _every_second(xp, xp.zeros(shape, dtype=dtype)),
    "backwards": lambda xp, shape, dtype: _backwards(xp, _empty(xp, shape, dtype)),
}
