"""Exact mode: a program's source on residues, modulo enough primes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fake_cupy import standing_in_for_cupy
from .residues import PRIMES

__all__ = ["run_mod_p"]


def run_mod_p(
    program: Callable[..., Any], arrays: Sequence[NDArray[Any]], *, dtype: Any = np.float32, **settings: Any
) -> dict[int, Any]:
    """`program(cupy, *device_arrays)` modulo each prime that suits `dtype`: prime to residues as uint64.

    `arrays` hold integers, or objects that are Fractions; inside, they are arrays of `dtype`.
    """
    element = np.dtype(dtype)
    results: dict[int, Any] = {}
    for prime in PRIMES[element.itemsize]:
        with standing_in_for_cupy(prime=prime, **settings) as cupy:
            out = program(cupy, *(cupy.asarray(array, element) for array in arrays))
            results[prime] = tuple(item.get() for item in out) if isinstance(out, tuple) else out.get()
    return results
