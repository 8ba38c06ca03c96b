"""Whether an array that the caller brings can take the result."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from .errors import OutputError

__all__ = ["check_output", "may_share", "overlaps_itself", "span"]


def span(array: Any) -> tuple[int, int]:
    """The device addresses from the array's first byte to past its last; equal if it is empty."""
    address: int = array.data.ptr
    if array.size == 0:
        return address, address
    reach = [(extent - 1) * stride for extent, stride in zip(array.shape, array.strides, strict=True)]
    low, high = sum(min(step, 0) for step in reach), sum(max(step, 0) for step in reach)
    return address + low, address + high + int(array.dtype.itemsize)


def may_share(one: Any, other: Any) -> bool:
    """Whether the memory from first to last byte of two arrays of one module has a byte in common."""
    if isinstance(one, np.ndarray):
        return np.may_share_memory(one, other)
    (start, stop), (low, high) = span(one), span(other)
    return max(start, low) < min(stop, high)


def overlaps_itself(array: Any) -> bool:
    """Whether two elements might share memory: an axis steps by no more than the finer axes cover.

    Never False for an array that does; True for rare interleaved layouts that don't.
    """
    if array.flags.c_contiguous:
        return False
    covered = int(array.dtype.itemsize)
    steps = zip(array.shape, array.strides, strict=True)
    for stride, extent in sorted((abs(stride), extent) for extent, stride in steps if extent > 1):
        if stride < covered:
            return True
        covered += (extent - 1) * stride
    return False


def check_output(
    name: str,
    xp: ModuleType,
    out: Any,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    arrays: Mapping[str, Any],
) -> None:
    """Refuse, with an OutputError, an `out` that isn't a writable array of this module, shape and dtype,
    or that may share memory with an argument or with itself."""
    if not isinstance(out, xp.ndarray):
        kind = f"{type(out).__module__}.{type(out).__qualname__}".removeprefix("builtins.")
        raise OutputError(f"{name}: out is a {kind}; it needs a {xp.__name__}.ndarray.")
    if out.shape != shape:
        raise OutputError(f"{name}: out has shape {out.shape}; the result has shape {shape}.")
    if out.dtype != dtype:
        raise OutputError(f"{name}: out has dtype {out.dtype}; the result has dtype {dtype}.")
    if not getattr(out.flags, "writeable", True):
        raise OutputError(f"{name}: out is read-only; it needs a writable array.")
    if overlaps_itself(out):
        raise OutputError(f"{name}: elements of out may share memory with each other; it needs an array of its own.")
    for key, array in arrays.items():
        if may_share(out, array):
            raise OutputError(f"{name}: out may share memory with {key}; it needs an array of its own.")
