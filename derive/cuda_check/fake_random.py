"""`cupy.random` and `cupy.testing` of the stand-in: NumPy's, on arrays of the device."""

import types
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .array_functions import asarray
from .device_array import ndarray

__all__ = ["random_module", "testing_module"]


class Generator:
    """NumPy's generator; where a method takes no `dtype`, it gives float64, and the result is converted."""

    def __init__(self, seed: Any = None) -> None:
        self._own = np.random.default_rng(seed)

    def _drawn(self, name: str, *values: Any, dtype: Any = None) -> ndarray:
        drawn = getattr(self._own, name)(*values)
        return asarray(drawn if dtype is None else np.asarray(drawn).astype(dtype))

    def random(self, size: Any = None, dtype: Any = None) -> ndarray:
        return self._drawn("random", size, dtype=dtype)

    def uniform(self, low: float = 0.0, high: float = 1.0, size: Any = None, dtype: Any = None) -> ndarray:
        return self._drawn("uniform", low, high, size, dtype=dtype)

    def normal(self, loc: float = 0.0, scale: float = 1.0, size: Any = None, dtype: Any = None) -> ndarray:
        return self._drawn("normal", loc, scale, size, dtype=dtype)

    def standard_normal(self, size: Any = None, dtype: Any = None) -> ndarray:
        return self._drawn("standard_normal", size, dtype=dtype)

    def integers(self, low: int, high: int | None = None, size: Any = None, dtype: Any = np.int64) -> ndarray:
        return self._drawn("integers", low, high, size, dtype=dtype)

    def permutation(self, values: Any) -> ndarray:
        return self._drawn("permutation", values.get() if isinstance(values, ndarray) else values)

    def choice(self, values: Any, size: Any = None, replace: bool = True) -> ndarray:
        return self._drawn("choice", values.get() if isinstance(values, ndarray) else values, size, replace)

    # The names of the older interface.
    random_sample = random
    randint = integers

    def rand(self, *shape: int, dtype: Any = None) -> ndarray:
        return self.random(shape or None, dtype)

    def randn(self, *shape: int, dtype: Any = None) -> ndarray:
        return self.standard_normal(shape or None, dtype)

    def seed(self, seed: Any = None) -> None:
        self._own = np.random.default_rng(seed)


def random_module() -> types.ModuleType:
    """Functions of one generator, and what makes others."""
    module, shared = types.ModuleType("cupy.random"), Generator(0)
    drawn = [name for name in dir(shared) if not name.startswith("_") and name != "integers"]
    vars(module).update({name: getattr(shared, name) for name in drawn})
    vars(module).update(default_rng=Generator, Generator=Generator, RandomState=Generator)
    return module


def testing_module() -> types.ModuleType:
    """NumPy's assertions, on copies of the arrays."""
    module = types.ModuleType("cupy.testing")
    for name in ("assert_array_equal", "assert_allclose", "assert_array_almost_equal", "assert_array_less"):
        setattr(module, name, partial(_asserts, getattr(np.testing, name)))
    return module


def _asserts(own: Callable[..., None], actual: Any, desired: Any, *values: Any, **options: Any) -> None:
    own(*(a.get() if isinstance(a, ndarray) else a for a in (actual, desired)), *values, **options)
