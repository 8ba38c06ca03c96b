"""What stages of emitted programs are made of on a device: views of its arrays, and what decides whether one is copied at all.

Copies, stores and products themselves are launches. Working arrays come from the module's own pool, on the current stream.
"""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from .constants import Constant
from .planning import Algorithm, Choice, places_of
from .primitives import kronecker_of, laid, met

__all__ = ["Rounded", "held", "kronecker", "made_of", "run_products", "strided_on", "viewed"]

Array = Any


class Rounded(np.ndarray[Any, Any]):
    """Floats, with the numbers that they were rounded from."""

    exact: Any = None


def strided_on(xp: ModuleType) -> Callable[..., Array]:
    """What makes views of a module's arrays: entry p is array[start + Σ p[k]·step on axis, for (axis, step) = steps[k]]."""

    def strided(
        array: Array, start: tuple[int, ...], shape: tuple[int, ...], steps: tuple[tuple[int, ...], ...]
    ) -> Array:
        _, strides = laid(array.strides, start, steps)
        corner = array[tuple(slice(s, None) for s in start)] if any(start) else array
        return xp.lib.stride_tricks.as_strided(corner, shape, strides)

    return strided


def viewed(
    source: Array,
    start: tuple[int | None, ...],
    room: Array,
    axes: tuple[int, ...] | None = None,
    steps: tuple[int, ...] | None = None,
) -> Array:
    """target[p] = source[start + steps·p] as a view, where all of that is inside and of the room's type; else the room."""
    inside, outside, _ = met(start, source.shape, room.shape, axes, steps)
    if outside or source.dtype != room.dtype:
        return room
    found = source[inside] if axes is None else source[inside].transpose(axes)
    return found if found.flags.c_contiguous else room


def held(target: Array, room: Array) -> Array:
    """Where products are stored: in the result at once, where it has their type, and no gaps or other places; else in the room."""
    whole = target.size == room.size and target.dtype == room.dtype and target.flags.c_contiguous
    return target.reshape(room.shape) if whole else room


def kronecker(tables: tuple[Constant, ...], new: Callable[..., Array]) -> Array:
    """The array of Π tables[j][p_j, q_j] with all axes p, then all axes q; each entry is rounded once."""
    product = kronecker_of(tables)
    made = new(product.shape)
    host = product.as_array(np, made.dtype).view(Rounded)
    host.exact = product.exact()
    made.set(host)
    return made


def made_of(
    choice: Choice, weights: Mapping[str, Array], sizes: Mapping[str, int], new: Callable[..., Array]
) -> tuple[Array, ...]:
    """What a program in stages makes of weights, which have the type that computes."""
    algorithm = choice.algorithm
    assert isinstance(algorithm, Algorithm)
    made: tuple[Array, ...] = algorithm.fixed(
        *(weights[key] for key in algorithm.weights), new, **sizes, **choice.knobs
    )
    return made


def run_products(
    choice: Choice,
    arrays: Mapping[str, Array],
    result: Array,
    sizes: Mapping[str, int],
    new: Callable[..., Array],
    made: tuple[Array, ...],
) -> None:
    """The whole of a program in stages, on arrays whose batch is one axis; `made` is what it made of the weights."""
    algorithm = choice.algorithm
    assert isinstance(algorithm, Algorithm)
    every = {**sizes, **choice.knobs}
    given = (arrays[key] for key in algorithm.arrays)
    span = (0, places_of(choice, result))
    algorithm.body(*given, result, *made, *algorithm.room(new, **every), (0, sizes["batch"]), span, **every)
