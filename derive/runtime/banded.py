"""Direct sums that make no large arrays on the way, and that may be those of a part of the results alone.

Bodies read as their formulas: `H[..., i0:i1] += V[a] * X[..., i0 + a:i1 + a]`, `H[...] += np.einsum(...)`. Here they get arrays
that put products and contractions off until these are added, and then add them band by band, to the part that is wanted.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np

from .primitives import all_finite, stretches, tiles

__all__ = ["BAND", "WHOLE", "Part", "directly", "mend"]

WHOLE = 7_900_000  # bytes of all arrays of a call up to which it is made as it is written: 8 MB with what Python holds besides
BAND = 4 << 20  # bytes of a band, where they are more: smaller ones take longer
_FINITE = 1 << 14  # results that are tested at once, and summed anew if one isn't finite


class _NotInPart(Exception):
    """A statement that can't be kept to a part of the results."""


@dataclass(frozen=True, slots=True)
class Part:
    """The places low..high along an axis of the results, which have no gaps."""

    axis: int
    low: int
    high: int


def directly(
    body: Callable[..., None],
    arrays: tuple[Any, ...],
    result: Any,
    new: Callable[[tuple[int, ...]], Any],
    part: Part | None = None,
    **knobs: int,
) -> bool:
    """What a body writes, of a part alone if that is given; whether it could be kept to that: it wrote nothing else."""
    if part is None and result.nbytes + sum(a.nbytes for a in arrays) <= WHOLE:
        body(*arrays, result, new, **knobs)
        return True
    target = result.view(_Held)
    target.place = None if part is None else _Place.of(result, part)
    try:
        body(*(a.view(_Held) for a in arrays), target, new, **knobs)
    except _NotInPart:
        return False
    return True


def mend(result: Any, axis: int, summed: Callable[[int, Any, Part | None], bool]) -> None:
    """Tiles of a result, along an axis of its items, that aren't all finite are summed anew by `summed(item, target, part)`: in
    their place, or where that can't be kept to a part, beside it with all of the item.
    """
    extent = result.shape[1 + axis]
    step = max(1, _FINITE * extent // max(1, result[0].size))
    for item in range(result.shape[0]):
        whole = None
        for low, high in tiles(0, extent, step):
            place = (*(slice(None),) * axis, slice(low, high))
            if all_finite(result[item][place]):
                continue
            with np.errstate(invalid="ignore", over="ignore"):
                if whole is None and summed(item, result[item], Part(axis, low, high)):
                    continue
                if whole is None:
                    whole = np.empty(result.shape[1:], result.dtype)
                    summed(item, whole, None)
            result[item][place] = whole[place]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a part of an array is: `stride` bytes from place to place along its axis, of which there are `extent`."""

    part: Part
    begin: int
    stride: int
    extent: int

    @classmethod
    def of(cls, array: Any, part: Part) -> "_Place":
        return cls(part, _address(array), array.strides[part.axis], array.shape[part.axis])

    def within(self, view: Any) -> tuple[int | None, int, int]:
        """The axis of a view along which the part's places are, and from where to where; none for a view of one of all places.

        Raises _NotInPart for a view that is turned round, or has several such axes.
        """
        steps = [(k, s) for k, (s, n) in enumerate(zip(view.strides, view.shape, strict=True)) if n > 1]
        along = [(k, s // self.stride) for k, s in steps if self.stride <= s < self.stride * self.extent]
        if len(along) > 1 or any(s <= 0 for _, s in steps) or any(view.strides[k] % self.stride for k, _ in along):
            raise _NotInPart
        first = (_address(view) - self.begin) // self.stride % self.extent
        if not along:
            return None, 0, int(self.part.low <= first < self.part.high)
        ((axis, step),) = along
        begin, end = (min(view.shape[axis], max(0, -((first - e) // step))) for e in (self.part.low, self.part.high))
        return axis, begin, max(begin, end)


def _address(array: Any) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


@dataclass(frozen=True, slots=True, eq=False)
class _Later(np.lib.mixins.NDArrayOperatorsMixin):
    """Π factors, or the contraction of them that `spec` says, times numbers; `labels` name the axes of each, `kept` the result's.

    Axes of a product are counted from the last one, and so are axes in the place of dots.
    """

    factors: tuple[Any, ...]
    labels: tuple[tuple[Any, ...], ...]
    kept: tuple[Any, ...] | None = None
    spec: str = ""
    times: tuple[Any, ...] = ()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **more: Any) -> Any:
        return _called(ufunc, method, inputs, **more)

    def __array_function__(self, func: Any, types: Any, args: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        return _asked(func, args, named)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        kept = self.kept if self.kept is not None else max(self.labels, key=len)
        made = np.zeros(
            tuple(self.extent(label) for label in kept), dtype or np.result_type(*self.factors, *self.times)
        )
        self.add_to(made, np.add)
        return made

    def __getitem__(self, key: Any) -> Any:
        return self.__array__()[key]

    def __getattr__(self, name: str) -> Any:
        """Whatever else is asked of it, the array tells that it stands for."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.__array__(), name)

    def extent(self, label: Any) -> int:
        """How many places an axis has."""
        return max((a.shape[k] for a, own in self._named() for k, one in enumerate(own) if one == label), default=1)

    def _named(self) -> Iterator[tuple[Any, tuple[Any, ...]]]:
        return zip(self.factors, self.labels, strict=True)

    def cut(self, label: Any, low: int, high: int) -> "_Later":
        """The same for some places along an axis."""

        def of(array: Any, own: tuple[Any, ...]) -> Any:
            if label not in own:
                return array
            return array[
                tuple(
                    slice(low, high) if one == label and n > 1 else slice(None)
                    for one, n in zip(own, array.shape, strict=True)
                )
            ]

        return replace(self, factors=tuple(of(a, own) for a, own in self._named()))

    def add_to(self, room: Any, add: Any) -> None:
        """room = room ± this, band by band."""
        names = _counted(room.ndim) if self.kept is None else self.kept
        names = (None,) * (room.ndim - len(names)) + names
        every = [(room, names), *((a, own) for a, own in self._named())]
        total = sum(a.nbytes for a, _ in (every if self.spec else every[:1]))
        shares = {
            one: sum(a.nbytes for a, own in every if one in own) for _, own in every for one in own if one is not None
        }
        extents = {one: max(self.extent(one), room.shape[names.index(one)] if one in names else 1) for one in shares}
        wide = [one for one in shares if extents[one] > 1]
        if total <= BAND or not wide:
            add(room, self._made(), out=room)
            return
        most = max(shares[one] for one in wide)
        label = next(one for one in wide if 2 * shares[one] >= most)  # the outermost: what is cut stays in long runs
        for low, high in stretches(0, extents[label], max(1, extents[label] * BAND // total)):
            at = (..., *(slice(low, high) if one == label else slice(None) for one in names))
            self.cut(label, low, high).add_to(room[at], add)

    def _made(self) -> Any:
        parts = (np.einsum(self.spec, *self.factors, optimize=True),) if self.spec else self.factors
        return reduce(np.multiply, (*self.times, *parts))


def _counted(rank: int) -> tuple[int, ...]:
    return tuple(range(-rank, 0))


def _product(inputs: tuple[Any, ...]) -> _Later:
    """A product that is put off: of arrays, or of one contraction, and of numbers."""
    later = [a for a in inputs if isinstance(a, _Later)]
    numbers = tuple(a for a in inputs if isinstance(a, (int, float, np.generic)))
    if len(later) == 1 and len(numbers) == len(inputs) - 1:
        return replace(later[0], times=(*later[0].times, *numbers))
    factors = tuple(_plain(a) for a in inputs if not isinstance(a, (int, float, np.generic)))
    return _Later(factors, tuple(_counted(a.ndim) for a in factors), times=numbers)


def _contraction(spec: str, factors: tuple[Any, ...]) -> Any:
    """A contraction that is put off."""
    given = tuple(map(_plain, factors))
    sides, result = spec.split("->")
    every = sides.split(",")

    def named(side: str, rank: int) -> tuple[Any, ...]:
        before, dots, after = side.partition("...")
        return (*before, *(_counted(rank - len(before) - len(after)) if dots else ()), *after)

    labels = tuple(named(side, a.ndim) for side, a in zip(every, given, strict=True))
    lead = max((sum(isinstance(one, int) for one in own) for own in labels), default=0)
    return _Later(given, labels, named(result, lead + len(result.replace("...", ""))), spec)


class _Held(np.ndarray[Any, Any]):
    """An array whose products are put off; of one that has a place, only its part is written, and nothing is read."""

    place: _Place | None

    def __array_finalize__(self, other: Any) -> None:
        self.place = getattr(other, "place", None)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **more: Any) -> Any:
        return _called(ufunc, method, inputs, **more)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _asked(func, args, kwargs)

    def __setitem__(self, key: Any, value: Any) -> None:
        if self.place is None:
            self.view(np.ndarray)[key] = _plain(value)
            return
        target = self[key]
        if not isinstance(target, _Held):
            raise _NotInPart
        if not _same(target, value):  # as what an addition in place hands back is
            _kept(target, _plain(value), lambda room, band, out: room.__setitem__(..., band))


def _same(target: Any, value: Any) -> bool:
    """Whether a value is the target itself, in another view of it."""
    if not isinstance(value, _Held) or (value.shape, value.strides) != (target.shape, target.strides):
        return False
    return _address(value) == _address(target)


def _plain(value: Any) -> Any:
    """What isn't held or put off. Raises _NotInPart for what is being written."""
    if isinstance(value, _Held):
        if value.place is not None:
            raise _NotInPart
        return value.view(np.ndarray)
    return np.asarray(value) if isinstance(value, _Later) else value


def _called(ufunc: Any, method: str, inputs: tuple[Any, ...], out: tuple[Any, ...] = (), **more: Any) -> Any:
    if method == "__call__" and not more:
        if ufunc is np.multiply and not out:
            return _product(inputs)
        if ufunc in (np.add, np.subtract) and out and out[0] is inputs[0] and isinstance(out[0], _Held):
            _kept(out[0], inputs[1], ufunc)
            return out[0]
    named = {"out": tuple(map(_plain, out))} if out else {}
    return getattr(ufunc, method)(*map(_plain, inputs), **named, **more)


def _asked(func: Any, args: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    if func is np.einsum and "out" not in named:
        return _contraction(args[0], args[1:])
    return func(*map(_plain, args), **{key: _plain(value) for key, value in named.items()})


def _kept(target: Any, value: Any, write: Any) -> None:
    """What is added to a target, or written there, in its part."""
    later = value if isinstance(value, _Later) else _product((value,))
    room = target.view(np.ndarray)
    if target.place is not None and room.size:
        axis, low, high = target.place.within(room)
        if axis is None:
            if low == high:
                return
        else:
            names = _counted(room.ndim) if later.kept is None else later.kept
            behind = axis - (room.ndim - len(names))
            later = later.cut(names[behind], low, high) if behind >= 0 else later
            room = room[(*(slice(None),) * axis, slice(low, high))]
    if room.size:
        later.add_to(room, write)
