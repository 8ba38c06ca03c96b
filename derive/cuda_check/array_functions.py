"""Functions of the stand-in's module: NumPy's, on arrays of the device. Exact mode computes on integers."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .device_array import allocate, host_of, ndarray, wrap
from .residues import from_residues, residue_of, to_residues
from .settings import current_settings

__all__ = ["FUNCTIONS", "VIEWS", "apply", "as_strided", "asarray", "ascontiguousarray", "result_type"]

# Names that CuPy has and that behave as NumPy's; an unknown name fails here as it would on a device.
NAMES = """
    add subtract multiply divide true_divide floor_divide negative matmul dot vdot tensordot einsum inner outer cross kron trace
    sum prod mean var std median average cumsum cumprod diff amax amin max min argmax argmin nansum nanmax nanmin ptp percentile
    quantile abs absolute fabs maximum minimum fmax fmin sqrt cbrt square reciprocal power mod fmod remainder sign hypot exp
    exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh floor ceil trunc rint round around
    clip where real imag conj angle bitwise_and bitwise_or bitwise_xor invert left_shift right_shift logical_and logical_or
    logical_xor logical_not concatenate stack hstack vstack dstack column_stack split array_split pad tile repeat flip flipud
    fliplr rot90 roll take take_along_axis arange linspace logspace eye identity tri tril triu diag diagonal meshgrid indices
    nonzero flatnonzero argwhere sort argsort searchsorted unique bincount histogram digitize interp convolve correlate all any
    equal not_equal less less_equal greater greater_equal isnan isinf isfinite isclose allclose array_equal isscalar
    count_nonzero
"""
FUNCTIONS = tuple(NAMES.split())
VIEWS = (
    "reshape",
    "transpose",
    "swapaxes",
    "moveaxis",
    "expand_dims",
    "squeeze",
    "broadcast_to",
    "ravel",
    "atleast_1d",
    "atleast_2d",
)


def _unwrap(value: Any, exact: bool) -> Any:
    if isinstance(value, ndarray):
        host = host_of(value)
        return from_residues(host).astype(object) if exact and value.residue else host
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError(f"Unsupported type {type(value)}")
    if exact and isinstance(value, float | np.floating):
        return residue_of(value)
    return type(value)(_unwrap(item, exact) for item in value) if isinstance(value, list | tuple) else value


def _arrays(values: Sequence[Any]) -> list[ndarray]:
    nested = [_arrays(value) if isinstance(value, list | tuple) else [value] for value in values]
    return [item for items in nested for item in items if isinstance(item, ndarray)]


def apply(function: Callable[..., Any], values: Sequence[Any], options: dict[str, Any]) -> Any:
    out = options.pop("out", None)
    declared = [array.dtype for array in _arrays([*values, *options.values()]) if array.residue]
    exact = bool(declared)
    if exact and function is np.isfinite:
        return _wrap(np.ones(values[0].shape, bool), None)
    result = function(*(_unwrap(v, exact) for v in values), **{name: _unwrap(v, exact) for name, v in options.items()})
    wrapped = _wrap(result, np.result_type(*declared) if exact else None)
    if out is None:
        return wrapped
    if out.shape != wrapped.shape or out.dtype != wrapped.dtype:
        name = f"{function.__name__} gives {wrapped.dtype} of shape {wrapped.shape}"
        raise ValueError(f"{name}, and out= is {out.dtype} of shape {out.shape}.")
    out[...] = wrapped
    return out


def _wrap(result: Any, declared: np.dtype[Any] | None) -> Any:
    if isinstance(result, tuple | list):
        return type(result)(_wrap(item, declared) for item in result)
    values = np.asarray(result)
    if declared is not None and values.dtype == object:
        fresh = allocate(values.shape, declared)
        prime = current_settings().prime or 1
        host_of(fresh)[...] = to_residues((values % prime).astype(np.uint64), declared)
        return fresh
    fresh = allocate(values.shape, values.dtype)
    host_of(fresh)[...] = values
    return fresh


def as_strided(array: ndarray, shape: tuple[int, ...], strides: tuple[int, ...]) -> ndarray:
    """A view by its strides, which CuPy takes on trust. Raises ValueError for one that leaves the memory behind its first entry."""
    host = host_of(array)
    last = sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    within = sum((size - 1) * stride for size, stride in zip(host.shape, host.strides, strict=True))
    if 0 not in shape and (min(strides, default=0) < 0 or last > within):
        raise ValueError(f"A view of shape {shape} and strides {strides} leaves an array of shape {host.shape}.")
    return wrap(np.lib.stride_tricks.as_strided(host, shape, strides), array)


def view(name: str) -> Callable[..., ndarray]:
    function = getattr(np, name)

    def of(array: ndarray, *values: Any, **options: Any) -> ndarray:
        return wrap(function(host_of(array), *values, **options), array)

    of.__name__ = name
    return of


def asarray(values: Any, dtype: Any = None, order: str = "K", copy: bool | None = None) -> ndarray:
    """Host values are copied to the device; an array that is there already stays."""
    if isinstance(values, ndarray):
        fitting = dtype is None or np.dtype(dtype) == values.dtype
        kept = values if fitting and not copy else values.astype(dtype or values.dtype)
        return ascontiguousarray(kept) if order == "C" else kept
    host = np.asarray(values, dtype=None if current_settings().prime else dtype)
    declared = np.dtype(dtype) if dtype is not None else host.dtype
    fresh = allocate(host.shape, declared, "F" if order in "FKA" and host.flags.fnc else "C")
    host_of(fresh)[...] = to_residues(host, declared) if fresh.residue else host
    return fresh


def ascontiguousarray(values: Any, dtype: Any = None) -> ndarray:
    array = asarray(values, dtype)
    if array.flags.c_contiguous and array.ndim:
        return array
    return array.copy("C") if array.ndim else array.reshape(1)


def result_type(*values: Any) -> np.dtype[Any]:
    return np.result_type(*(value.dtype if isinstance(value, ndarray) else value for value in values))
