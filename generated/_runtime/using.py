"""A layer by one of its algorithms in stages alone."""

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Any

from .errors import ArgumentError
from .letters import axes_of
from .machine import Machine
from .planning import Choice, candidates, places_of, run_staged

__all__ = ["using"]


def using(kernel: Any, algorithm: str, knobs: Mapping[str, int]) -> Any:
    """See `Kernel.using`."""
    every = (*kernel.algorithms, *kernel.valued)
    found = next((a for a in every if a.name == algorithm), None)
    if found is None:
        names = ", ".join(a.name for a in every) or "none"
        raise ArgumentError(f"{kernel.name} has no algorithm {algorithm!r} in stages; there are {names}.")

    def body(*arrays: Any) -> None:
        *operands, result, new = arrays
        known = dict(zip(kernel.arrays, operands, strict=True))
        data, rank = known[kernel.data], len(axes_of(kernel.letters[kernel.data]))
        shape = result.shape[result.ndim - len(axes_of(kernel.letters[kernel.result])) :]
        told = {size: (shape[at] - more) // times for size, (at, times, more) in kernel.told.items()}
        sizes = {**kernel.sizes(*operands, **told), "batch": prod(data.shape[: data.ndim - rank])}
        if found.reading is not None:
            from .values import require

            known, sizes = require(kernel.name, found, known, sizes, new)

        best = candidates((found,), None, sizes, 8, False, True, Machine())
        if not best or not found.fits({**sizes, **best[0].choice.knobs, **knobs}):
            raise ArgumentError(f"{kernel.name}: algorithm {algorithm!r} is for {found.only} alone.")
        choice = Choice(found, {**best[0].choice.knobs, **knobs})
        flat = {key: kernel.flat(key, known[key]) for key in known}
        target = kernel.flat(kernel.result, result)
        run_staged(choice, flat, target, sizes, places_of(choice, target), new)

    return replace(kernel, body=body, contiguous=True, algorithms=(), valued=(), work=None)
