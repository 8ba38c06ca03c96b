"""What the values of weights tell: a plan's alone, as other weights of the same shape may tell something else.

Each function takes the window, an array of floats or of exact numbers, and gives the parts that it is made of, or why it isn't.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import ArgumentError
from .planning import Algorithm, Candidate, candidates

if TYPE_CHECKING:
    from .machine import Machine

__all__ = ["Found", "Valued", "level", "low_rank", "mirrored", "require", "valued"]

_NOTHING = "its window is 0"
_MOST = 1 << 18  # entries times ranks that are compared exactly


@dataclass(frozen=True, slots=True)
class Found:
    """The parts of a window, the sizes that they have besides, and what they leave out.

    `lost` is Σ|V - parts|, and `met` the sum of the products of absolute values, both as multiples of Σ|V|.
    """

    parts: tuple[Any, ...]
    sizes: tuple[int, ...] = ()
    lost: float = 0.0
    met: float = 1.0


@dataclass(frozen=True, slots=True)
class Valued:
    """A candidate for weights of these values, with the arrays and the sizes that its algorithm knows by name besides."""

    candidate: Candidate
    arrays: Mapping[str, Any]
    sizes: Mapping[str, int]
    found: Found


New = Callable[[tuple[int, ...]], Any]


def valued(
    algorithms: tuple[Algorithm, ...],
    arrays: Mapping[str, Any],
    sizes: Mapping[str, int],
    new: New,
    itemsize: int,
    strict: bool,
    threads: int = 1,
    held: "Machine | None" = None,
) -> tuple[dict[str, Valued], dict[str, str]]:
    """The algorithms that the values of these weights admit, each in its best setting, and why the others don't apply."""
    admitted, reasons = {}, {}
    for algorithm in algorithms:
        if strict and not algorithm.strict:
            continue
        found = _found(algorithm, arrays, sizes, new)
        if isinstance(found, str):
            reasons[algorithm.name] = found
            continue
        parts, more = _named(algorithm, found)
        every = {**sizes, **more}
        for candidate in candidates((algorithm,), None, every, itemsize, strict, False, held, threads=threads):
            admitted[algorithm.name] = Valued(candidate, parts, more, found)
    return admitted, reasons


def require(
    name: str, algorithm: Algorithm, arrays: Mapping[str, Any], sizes: Mapping[str, int], new: New
) -> tuple[dict[str, Any], dict[str, int]]:
    """The arrays and sizes, with those that an algorithm finds in the weights. Raises ArgumentError where they are otherwise."""
    found = _found(algorithm, arrays, sizes, new)
    if isinstance(found, str):
        raise ArgumentError(f"{name}: algorithm {algorithm.name!r} does not apply: {found}.")
    parts, more = _named(algorithm, found)
    return {**arrays, **parts}, {**sizes, **more}


def _found(algorithm: Algorithm, arrays: Mapping[str, Any], sizes: Mapping[str, int], new: New) -> Found | str:
    reading = algorithm.reading
    assert reading is not None
    window = reading.seen(*(arrays[key] for key in reading.weights), new, **sizes)
    return _FINDERS[reading.by](window, *reading.axes)


def _named(algorithm: Algorithm, found: Found) -> tuple[dict[str, Any], dict[str, int]]:
    """The parts and the sizes by their letters."""
    reading = algorithm.reading
    assert reading is not None
    return dict(zip(reading.parts, found.parts, strict=True)), dict(zip(reading.sizes, found.sizes, strict=True))


def low_rank(window: Any, shared: int = 0) -> Found | str:
    """The products of `low_rank_of` for each of the windows that the last axes count, as many of them for all."""
    if not shared:
        return low_rank_of(window)
    count = window.ndim - shared
    found: list[Found] = []
    for place in np.ndindex(window.shape[count:]):
        one = low_rank_of(window[(..., *place)])
        if one == _NOTHING:
            one = Found(tuple(np.zeros((0, side), window.dtype) for side in window.shape[:count]), (0,))
        if isinstance(one, str):
            return f"at {', '.join(map(str, place))} {one}"
        found.append(one)
    most = max(one.sizes[0] for one in found)
    if not most:
        return _NOTHING
    parts = []
    for axis, side in enumerate(window.shape[:count]):
        made = np.zeros((len(found), most, side), window.dtype)
        for k, one in enumerate(found):
            made[k, : one.sizes[0]] = one.parts[axis]
        parts.append(np.ascontiguousarray(np.moveaxis(made, 0, -1)).reshape(most, side, *window.shape[count:]))
    return Found(tuple(parts), (most,), max(one.lost for one in found), max(one.met for one in found))


def low_rank_of(window: Any) -> Found | str:
    """P[r, a], Q[r, b], .. with V[a, b, ..] = Σ_r P[r, a]·Q[r, b].. up to the error that a direct sum may have.

    From singular values of V as a matrix, and of each row factor again; by elimination over the rationals where all entries are
    whole, or no floats.
    """
    exact = window.dtype.hasobject
    if exact:
        return Found(*_gathered(_eliminated(window)))
    values = window.astype(np.float64)
    allowed = _allowed(window)
    if not np.any(values):
        return _NOTHING
    scaled = values / np.max(np.abs(values))
    rough = _singular(scaled, float(allowed) * float(np.sum(np.abs(scaled))))
    side = min(window.shape)
    if len(rough) >= side:
        return f"its window has rank {side}, so that products along its axes save nothing"
    if len(rough) * window.size > _MOST:
        return "its window is too large for its rank to be certain"
    if bool(np.all(values == np.rint(values))) and float(np.max(np.abs(values))) < 2**53:
        whole = np.array([Fraction(int(v)) for v in values.reshape(-1)], object).reshape(values.shape)
        parts, sizes = _gathered(_eliminated(whole))
    else:
        parts, sizes = _gathered(_singular(values, float(allowed) * float(np.sum(np.abs(values)))))
    rounded = tuple(np.array(part, dtype=object).astype(window.dtype) for part in parts)
    lost, met = _compared(window, rounded)
    if lost > allowed:
        return f"its window has no {sizes[0]} products along its axes that are as near as rounding"
    return Found(rounded, sizes, _upwards(lost), _upwards(met))


def mirrored(window: Any, axis: int) -> Found | str:
    """The first half along an axis of a window that is the same when read from its end."""
    turned = np.flip(window, axis)
    if reason := _differing(window, turned, "are not the same on both sides"):
        return reason
    half = (window.shape[axis] + 1) // 2
    return Found((np.ascontiguousarray(np.take(window, np.arange(half), axis)),))


def level(window: Any, count: int) -> Found | str:
    """The entries of a window that are all the same along its first axes, so many of them."""
    first = window[(slice(0, 1),) * count]
    if reason := _differing(window, np.broadcast_to(first, window.shape), "are not all the same"):
        return reason
    return Found((np.array(first[(0,) * count]),))


def _differing(window: Any, other: Any, says: str) -> str:
    """Where two windows differ first."""
    same = np.array(window == other, bool)
    if same.all():
        return ""
    place = tuple(int(k) for k in np.argwhere(~same)[0])
    return f"its weights {says}: {window[place]} at {place} is not {other[place]}"


def _allowed(window: Any) -> Fraction:
    """γ of as many roundings as a direct sum of the window has, the bias included."""
    unit = Fraction(1, 2 ** (np.finfo(window.dtype).nmant + 1))
    q = int(window.size) + 1
    return Fraction(q * unit, 1 - q * unit)


Products = list[tuple[Any, ...]]


def _singular(values: Any, allowed: float) -> Products:
    """The fewest products whose sum differs by less than is allowed, half of it for each of two axes and for roundings."""
    first, *others = values.shape
    if not others:
        return [(values,)]
    left, sizes, right = np.linalg.svd(values.reshape(first, -1), full_matrices=False)
    count = int(sizes.size)
    tails = np.sqrt(np.cumsum(sizes[::-1] ** 2))[::-1] * math.sqrt(values.size)  # Σ|E| is √size·‖E‖ at most
    for k in range(1, count):
        if tails[k] <= allowed / 2:
            count = k
            break
    roots = np.sqrt(sizes[:count])
    rows = [(left[:, k] * roots[k], (right[k] * roots[k]).reshape(others)) for k in range(count)]
    below = allowed / (2 * count)
    parts = [(one, row, float(np.sum(np.abs(one))) or 1.0) for one, row in rows]
    return [(one, *rest) for one, row, met in parts for rest in _singular(row, below / met)]


def _eliminated(values: Any) -> Products:
    """Products whose sum is exactly this, as few as elimination leaves for each axis."""
    first, *others = values.shape
    if not others:
        return [(values,)]
    left = values.reshape(first, -1).copy()
    found: Products = []
    while (place := next((p for p in np.ndindex(left.shape) if left[p] != 0), None)) is not None:
        column, row = left[:, place[1]].copy(), _over(left[place[0]], left[place])
        left = left - column[:, None] * row[None, :]
        found += [(column, *rest) for rest in _eliminated(row.reshape(others))]
    return found or [tuple(np.zeros(n, int).astype(object) for n in values.shape)]


def _over(row: Any, pivot: Any) -> Any:
    return np.array([Fraction(e) / pivot if isinstance(e, int) else e / pivot for e in row], object)


def _gathered(products: Products) -> tuple[tuple[Any, ...], tuple[int]]:
    """The factors of each axis as one array, and how many there are."""
    return tuple(np.array(list(factors)) for factors in zip(*products, strict=True)), (len(products),)


def _compared(window: Any, parts: tuple[Any, ...]) -> tuple[Fraction, Fraction]:
    """Σ|V - Σ_r Π parts| and Σ_r Π Σ|parts| over Σ|V|, exactly: all entries are whole multiples of powers of two."""
    whole, unit = _whole(window)
    lost = whole.reshape(-1)
    made: Any = None
    met, scale = 0, 0
    numbers = [_whole(part) for part in parts]
    scale = sum(power for _, power in numbers)
    for factors in zip(*(part for part, _ in numbers), strict=True):
        product, sizes = np.array([1], object), 1
        for factor in factors:
            product = np.multiply.outer(product, factor).reshape(-1)
            sizes *= sum(abs(e) for e in factor)
        made, met = product if made is None else made + product, met + sizes
    up, down = max(0, scale - unit), max(0, unit - scale)
    total = sum(abs(e) for e in lost)
    apart = sum(abs(e) for e in lost * (1 << up) - made * (1 << down))
    return Fraction(apart, total << up), Fraction(met << down, total << up)


def _whole(array: Any) -> tuple[Any, int]:
    """Integers, and the power of two that they are to be divided by."""
    ratios = [float(e).as_integer_ratio() for e in array.reshape(-1)]
    power = max(below.bit_length() - 1 for _, below in ratios)
    made = np.empty(len(ratios), object)
    made[:] = [above << (power + 1 - below.bit_length()) for above, below in ratios]
    return made.reshape(array.shape), power


def _upwards(value: Fraction) -> float:
    """A float that is no less."""
    return math.nextafter(float(value), math.inf) if value else 0.0


_FINDERS: Mapping[str, Callable[..., Found | str]] = {"level": level, "low_rank": low_rank, "mirrored": mirrored}
