"""What stages of emitted programs are made of: views, tiles, copies with a halo, sums of flat arrays, and the last store.

They know no layer, take arrays of any element type, exact ones included, and allocate nothing but where they say so.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from .constants import Constant

__all__ = [
    "aligned",
    "all_finite",
    "doubled",
    "folded",
    "halo",
    "held",
    "kronecker",
    "kronecker_of",
    "laid",
    "met",
    "phased",
    "put",
    "stretches",
    "strided",
    "tiles",
    "total",
]

_FEW = 1 << 12  # numbers that are looked at sooner than a warning is switched off
_Index = tuple[Any, ...]
_ALL = slice(None)
_EVERY = tuple((_ALL,) * rank for rank in range(64))
_UNPACKED = 10**6  # products of numbers: what OpenBLAS takes without copies
_MANY, _LONG = 8, 1 << 14  # rows of so many numbers at most that are added to as one
_APART = 3  # products that are called for one by one sooner than as one stack
_ALIGNMENT = 64  # bytes; sums into other places run at half the speed


def aligned(shape: tuple[int, ...], dtype: Any) -> Any:
    """An uninitialised C-contiguous array that begins where a vector register does."""
    kind = np.dtype(dtype)
    if kind.hasobject:
        return np.empty(shape, kind)
    raw = np.empty(prod(shape) * kind.itemsize + _ALIGNMENT, np.uint8)
    return np.ndarray(shape, kind, raw, -raw.__array_interface__["data"][0] % _ALIGNMENT)


def all_finite(array: Any) -> bool:
    """Whether no entry is infinite or no number."""
    flat = array.reshape(-1)
    if flat.size < _FEW:
        return bool(np.isfinite(flat).all())
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.dot(flat, flat))) or bool(np.isfinite(flat).all())


def tiles(start: int, stop: int, step: int) -> Iterator[tuple[int, int]]:
    """Intervals low, high of `step` places that together are start..stop; the last begins earlier rather than be short.

    Fewer places than a step are one short interval, and none are none.
    """
    low = start
    while low + step < stop:
        yield low, low + step
        low += step
    if low < stop:
        yield max(start, stop - step), stop


def stretches(start: int, stop: int, step: int) -> Iterator[tuple[int, int]]:
    """Intervals low, high of `step` places that are apart and together start..stop; the last may be short."""
    return ((low, min(low + step, stop)) for low in range(start, stop, step))


def strided(array: Any, start: tuple[int, ...], shape: tuple[int, ...], steps: tuple[tuple[int, ...], ...]) -> Any:
    """The view whose entry p is array[start + Σ p[k]·step on axis, for (axis, step) = steps[k]], or for each two of a longer one.

    The array is contiguous or a slice of one along its first axis; NumPy refuses a view that leaves it.
    """
    offset, strides = laid(array.strides, start, steps)
    if 0 in shape:
        return np.empty(shape, array.dtype)
    if array.dtype.hasobject or not array.flags.c_contiguous:
        corner = array[tuple(slice(s, None) for s in start)]
        return np.lib.stride_tricks.as_strided(corner, shape, strides)
    return np.ndarray(shape, array.dtype, array, offset, strides)


@lru_cache(maxsize=1024)
def laid(
    own: tuple[int, ...], start: tuple[int, ...], steps: tuple[tuple[int, ...], ...]
) -> tuple[int, tuple[int, ...]]:
    """How far a view begins behind an array of these strides, and its own strides."""
    offset = sum(place * stride for place, stride in zip(start, own, strict=True))
    moved = (sum(own[axis] * step for axis, step in zip(s[::2], s[1::2], strict=True)) for s in steps)
    return offset, tuple(moved)


def halo(
    source: Any,
    start: tuple[int | None, ...],
    room: Any,
    axes: tuple[int, ...] | None = None,
    steps: tuple[int, ...] | None = None,
    copied: bool = False,
) -> Any:
    """target[p] = source[start + steps·p] where that is inside, 0 elsewhere: a view where all is, else a copy in `room`.

    Axis k of the target goes along axis axes[k] of the source, or along its own; `start` and `steps` are the source's. An axis of
    the source that starts at None has one entry, which is copied again.
    """
    inside, outside, filled = met(start, source.shape, room.shape, axes, steps)
    found = source[inside]
    if axes is not None:
        found = found.transpose(axes)
    if not (copied or outside):
        return found
    for part in outside:
        room[part] = 0
    room[filled] = found
    return room


@lru_cache(maxsize=1024)
def met(
    start: tuple[int | None, ...],
    extents: tuple[int, ...],
    counts: tuple[int, ...],
    axes: tuple[int, ...] | None,
    steps: tuple[int, ...] | None,
) -> tuple[_Index, tuple[_Index, ...], _Index]:
    """What a halo reads, which parts of its target are outside, and which part takes what is read."""
    inside, filled = [_ALL] * len(extents), [_ALL] * len(counts)
    outside: list[_Index] = []
    for k, count in enumerate(counts):
        axis = k if axes is None else axes[k]
        first, extent = start[axis], extents[axis]
        if first is None:
            continue
        step = 1 if steps is None else steps[axis]
        low = min(count, -(min(0, first) // step))
        high = max(low, min(count, (extent - 1 - first) // step + 1))
        begin = first + step * low
        inside[axis] = slice(begin, begin + step * (high - low - 1) + 1 if high > low else begin, step)
        if low > 0:
            outside.append((*_EVERY[k], slice(0, low)))
        if high < count:
            outside.append((*_EVERY[k], slice(high, count)))
        if (low, high) != (0, count):
            filled[k] = slice(low, high)
    return tuple(inside), tuple(outside), tuple(filled)


def total(parts: Sequence[Any], out: Any) -> None:
    """out = Σ parts, flat arrays of which each is as long as `out` at least."""
    first, *rest = parts
    size = out.size
    if not rest:
        out[...] = first[:size]
        return
    np.add(first[:size], rest[0][:size], out=out)
    for part in rest[1:]:
        np.add(out, part[:size], out=out)


def doubled(source: Any, out: Any, spare: Any, step: int, count: int, size: int) -> None:
    """out[i] = Σ source[i + step·b] over b < count for i < size, in flat arrays of one length.

    From sums of one, of two and so on, each of two sums of half as many and of one more where `count` in binary says so.
    """
    many = [1]
    for bit in bin(count)[3:]:
        many += [2 * many[-1], 2 * many[-1] + 1] if bit == "1" else [2 * many[-1]]
    if count == 1:
        out[:size] = source[:size]
    rooms = (out, spare) if len(many) % 2 == 0 else (spare, out)
    held = source
    for turn, (before, after) in enumerate(pairwise(many)):
        end, start = size + step * (count - after), step * before
        more = source if after == before + 1 and before > 1 else held
        made = rooms[turn % 2]
        np.add(held[:end], more[start : start + end], out=made[:end])
        held = made


def folded(parts: Any) -> Any:
    """Σ parts, an array of equal arrays, in the place of the first."""
    first = parts[0]
    for part in parts[1:]:
        np.add(first, part, out=first)
    return first


def phased(left: Any, right: Any, out: Any) -> None:
    """out = left @ right, for a left matrix whose rows share memory: in phases of rows that don't, which BLAS takes as they are.

    Each product is small enough that OpenBLAS multiplies its sides where they are instead of copying them first.
    """
    step, width = left.strides[-2], left.shape[-1] * left.itemsize
    phases = -(-width // step) if step else 1
    few = max(1, _UNPACKED // max(1, right.shape[-2] * right.shape[-1]))
    for part, shape in _phases(left.shape[-2], phases, few):
        if shape:
            rows, made = (a[part].reshape(*a.shape[:-2], *shape, a.shape[-1]).swapaxes(-3, -2) for a in (left, out))
            np.matmul(rows, right[..., None, None, :, :], out=made)
        else:
            np.matmul(left[part], right, out=out[part])


@lru_cache(maxsize=256)
def _phases(rows: int, phases: int, few: int) -> tuple[tuple[_Index, tuple[int, ...]], ...]:
    """Parts of all rows: `few` of one phase each, or where these are many, stacks of so many blocks and phases of them."""
    found: list[tuple[_Index, tuple[int, ...]]] = []
    first = 0
    while first < rows:
        held = min(phases, rows - first)
        many = min(few, (rows - first) // held)
        blocks = (rows - first) // (many * held)
        last = first + blocks * many * held
        if blocks * held > _APART:
            found.append(((..., slice(first, last), _ALL), (blocks, many, held)))
        else:
            starts = (low + phase for low in range(first, last, many * held) for phase in range(held))
            found += [((..., slice(low, low + (many - 1) * held + 1, held), _ALL), ()) for low in starts]
        first = last
    return tuple(found)


def held(target: Any, room: Any, apart: bool = False) -> Any:
    """Where a working array is that the result takes as it is: in the result, unless that has gaps or other places.

    One whose axes stay `apart` may have gaps, but within its last axis.
    """
    flags = target.flags
    if target.size == room.size:
        if flags.c_contiguous:
            return target.reshape(room.shape)
        if apart and target.strides[-1] == target.itemsize:
            found = target.reshape(room.shape)
            if np.may_share_memory(found, target):
                return found
    return room


def put(target: Any, source: Any, bias: Any = None, split: Sequence[int] = ()) -> None:
    """target = source + bias, where the source may have axes of the target `split` in two, or once more for each time one is named.

    What the source holds beyond the ends of the target's axes is dropped. It may be the target, in another shape.
    """
    single = bias is None or np.ndim(bias) == 0
    if bias is not None and single and not bias:
        bias = None
    if single and np.may_share_memory(target, source):
        if bias is not None:
            np.add(target, bias, out=target)
        return
    short = bool(split) and split[-1] == target.ndim - 1
    if split and not short and target.size == source.size and target.flags.c_contiguous:
        parts: Iterable[tuple[Any, Any]] = ((target.reshape(source.shape), source),)
    elif split and single and source.flags.c_contiguous and len(set(split)) == len(split):
        parts = ((target, source.reshape(_joined(source.shape, tuple(split)))),)
    else:
        parts = _split(target, source, split)
    for part, found in parts:
        if found.shape != part.shape:
            found = found[tuple(slice(0, extent) for extent in part.shape)]
        if bias is not None:
            _biased(found, bias, part)
        elif not np.may_share_memory(part, found):
            part[...] = found


def _biased(source: Any, bias: Any, target: Any) -> None:
    """target = source + bias; many short rows that follow each other are added to as longer ones, with the bias beside itself."""
    places, width = target.shape[-2:] if target.ndim > 2 else (1, 0)
    many = np.shape(bias) == (width,) and target.size >= _MANY * places * width and places * width <= _LONG
    if many and target.flags.c_contiguous and source.flags.c_contiguous:
        row = np.empty((places, width), bias.dtype)
        row[...] = bias
        source, bias, target = (a.reshape(-1, places * width) for a in (source, row, target))
    np.add(source, bias, out=target)


@lru_cache(maxsize=256)
def _joined(shape: tuple[int, ...], split: tuple[int, ...]) -> tuple[int, ...]:
    """A shape with each two axes as one that the axes `split` of a target are split in."""
    rest = iter(shape)
    return tuple(next(rest) * next(rest) if k in split else next(rest) for k in range(len(shape) - len(split)))


def _split(target: Any, source: Any, axes: Sequence[int]) -> Iterator[tuple[Any, Any]]:
    """Views of one shape: the whole blocks of each axis, and what is left of the last block; or of an axis whose blocks are
    short runs of memory, or are split again, each place of them.
    """
    if not axes:
        yield target, source
        return
    *others, axis = axes
    place = axis + len(others)
    lead, before = (slice(None),) * axis, (slice(None),) * place
    extent, block = target.shape[axis], source.shape[place + 1]
    if axis in others or axis == target.ndim - 1:
        for k in range(min(block, extent)):
            yield from _split(target[(*lead, slice(k, None, block))], source[(*before, slice(None), k)], others)
        return
    whole, rest = divmod(extent, block)
    if whole:
        shape = (*target.shape[:axis], whole, block, *target.shape[axis + 1 :])
        part = target[(*lead, slice(0, whole * block))].reshape(shape)
        yield from _split(part, source[(*before, slice(0, whole))], others)
    if rest:
        part = target[(*lead, slice(whole * block, extent))][(*lead, None)]
        yield from _split(part, source[(*before, slice(whole, whole + 1), slice(0, rest))], others)


def kronecker(tables: tuple[Constant, ...], new: Any) -> Any:
    """The array of Π tables[j][p_j, q_j] with all axes p, then all axes q; floats are rounded once."""
    product = kronecker_of(tables)
    made = new(product.shape)
    made[...] = product.exact() if made.dtype.hasobject else _as_floats(tables, str(made.dtype))
    return made


@lru_cache(maxsize=64)
def _as_floats(tables: tuple[Constant, ...], dtype: str) -> Any:
    return kronecker_of(tables).as_array(np, np.dtype(dtype))


@lru_cache(maxsize=64)
def kronecker_of(tables: tuple[Constant, ...]) -> Constant:
    rank, product, below = len(tables), np.array(1, object), 1
    for table in tables:
        product = np.multiply.outer(product, np.array(table.numerators, object))
        below *= table.denominator
    product = product.transpose(*range(0, 2 * rank, 2), *range(1, 2 * rank, 2))
    return Constant(_nested(product), below)


def _nested(array: Any) -> Any:
    return tuple(map(_nested, array)) if isinstance(array, np.ndarray) and array.ndim else array
