"""Copies of arrays that go on beyond their ends: repeated, reflected, or continued by any other places of their own."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from .primitives import met

__all__ = ["continued"]

_ALL = slice(None)
_Places = Callable[[Any], Any]


def continued(
    source: Any,
    start: tuple[int | None, ...],
    room: Any,
    beyond: Sequence[_Places | None],
    axes: tuple[int, ...] | None = None,
    steps: tuple[int, ...] | None = None,
    copied: bool = False,
) -> Any:
    """target[p] = source[at(start + steps·p)]: a view where all of that is inside, else a copy in `room`.

    Along axis k of the source `at` is beyond[k] for an array of places outside, each a place inside; where there is none of it
    entries outside are 0. `start`, `axes` and `steps` are as those of `halo`.
    """
    inside, outside, _ = met(start, source.shape, room.shape, axes, steps)
    if not (copied or outside):
        found = source[inside]
        return found if axes is None else found.transpose(axes)
    order = range(room.ndim) if axes is None else axes
    parts = [
        list(_parts(source.shape[axis], start[axis], count, 1 if steps is None else steps[axis], beyond[axis]))
        for axis, count in zip(order, room.shape, strict=True)
    ]
    for chosen in product(*parts):
        place = tuple(target for target, _ in chosen)
        read = [places for _, places in chosen]
        if any(places is None for places in read):
            room[place] = 0
            continue
        taken = dict(zip(order, read, strict=True))
        found = source[tuple(taken[k] if isinstance(taken[k], slice) else _ALL for k in range(source.ndim))]
        for axis, places in taken.items():
            if not isinstance(places, slice):
                found = found.take(places, axis)
        room[place] = found if axes is None else found.transpose(axes)
    return room


def _parts(extent: int, first: int | None, count: int, step: int, at: _Places | None) -> Iterator[tuple[slice, Any]]:
    """Places along one axis of a target, and those of the source that they are read from: a slice, an array, or None outside."""
    if first is None:
        yield _ALL, _ALL
        return
    low = min(count, -(min(0, first) // step))
    high = max(low, min(count, (extent - 1 - first) // step + 1))
    if high > low:
        begin = first + step * low
        yield slice(low, high), slice(begin, begin + step * (high - low - 1) + 1, step)
    for start, stop in ((0, low), (high, count)):
        if start < stop:
            yield slice(start, stop), None if at is None else at(first + step * np.arange(start, stop))
