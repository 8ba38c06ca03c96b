"""What a plan is asked for, checked: a shape, an element type, weights."""

from numbers import Real
from typing import Any

import numpy as np

from .errors import ArgumentError, DTypeError
from .threads import one_blas_thread

__all__ = ["checked_weights", "extents", "float_type", "with_biases"]

_TYPED = (np.ndarray, np.generic, Real, type(None))  # weights that have a type, or a number's, which follows others


def checked_weights(
    kernel: Any, weights: tuple[Any, ...], algorithm: str, threads: int, accuracy: str
) -> tuple[Any, ...]:
    """The weights and biases, None for each bias that was left out. Raises ArgumentError."""
    names = kernel.arguments[1:]
    if len(weights) > len(names):
        raise ArgumentError(f"{kernel.name}.plan takes a shape and {', '.join(names)}; more were given.")
    weights = (*weights, *([None] * (len(names) - len(weights))))
    if missing := [n for n, w in zip(names, weights, strict=True) if w is None and n not in kernel.bias]:
        raise ArgumentError(f"{kernel.name}.plan takes a shape and {', '.join(names)}; {missing[0]} is missing.")
    if not isinstance(algorithm, str):
        raise ArgumentError(f"{kernel.name}.plan: algorithm is a name, such as 'auto', not {_shown(algorithm)}.")
    if not isinstance(accuracy, str) or accuracy not in ("default", "strict"):
        raise ArgumentError(f"{kernel.name}.plan: accuracy is 'default' or 'strict', not {_shown(accuracy)}.")
    if not isinstance(threads, int) or isinstance(threads, bool) or threads < 1:
        raise ArgumentError(f"{kernel.name}.plan: threads is a natural number of at least 1, not {_shown(threads)}.")
    if threads > 1:
        one_blas_thread()
    return tuple(
        w if isinstance(w, _TYPED) else kernel.signature.read(n, w) for n, w in zip(names, weights, strict=True)
    )


def extents(kernel: Any, shape: Any) -> tuple[int, ...]:
    """X's shape as whole numbers. Raises ArgumentError for anything else."""
    natural = isinstance(shape, (tuple, list)) and all(isinstance(e, (int, np.integer)) and e >= 0 for e in shape)
    if natural and not any(isinstance(e, bool) for e in shape):
        return tuple(map(int, shape))
    raise ArgumentError(
        f"{kernel.name}.plan: shape is that of {kernel.data}, a tuple of natural numbers, not {_shown(shape)}."
    )


def _shown(value: Any) -> str:
    """What was given, in a line."""
    return f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else repr(value)


def float_type(kernel: Any, dtype: Any, weights: tuple[Any, ...]) -> np.dtype[Any]:
    """The element type that is asked for, or that of the weights. Raises ArgumentError, and DTypeError for no floats."""
    if dtype is None:
        return _type_of(weights)
    try:
        kind: np.dtype[Any] = np.dtype(dtype)
    except TypeError as cause:
        raise ArgumentError(f"{kernel.name}.plan: dtype is NumPy's name of a type, not {_shown(dtype)}.") from cause
    if kind.kind != "f":
        called = f"; for {kind} call {kernel.name} itself" if kind.kind in "biu" else f", not {kind}"
        raise DTypeError(f"{kernel.name}.plan needs floats{called}.")
    return kind


def _type_of(weights: tuple[Any, ...]) -> np.dtype[Any]:
    given = [w for w in weights if w is not None]
    kind = np.result_type(*given) if given else np.dtype(np.float64)
    return np.dtype(kind if kind.kind == "f" else np.float64)


def with_biases(kernel: Any, like: Any, weights: tuple[Any, ...], kind: np.dtype[Any]) -> list[Any]:
    """The weights, with zeros for biases that were left out or are None."""
    names = kernel.arguments[1:]
    if all(value is not None for value in weights):
        return list(weights)
    given = {n: np.asarray(v) for n, v in zip(names, weights, strict=True) if v is not None}
    shapes = kernel.shapes(**kernel.signature.told_sizes({kernel.data: like, **given}))
    return [np.zeros(shapes[n], kind) if value is None else value for n, value in zip(names, weights, strict=True)]
