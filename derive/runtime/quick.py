"""Calls whose arguments need no other layout or type: what they have in common is found once, so that NumPy's own calls are left.

Nothing that is kept here was computed from values: shapes and types alone, and of a plan what it owns.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from .choices import strides_of
from .costs import held_by
from .dtypes import Types
from .errors import LayerError
from .planning import Algorithm, Choice, places_of
from .primitives import aligned, all_finite
from .signature import Fit

__all__ = ["Known", "Quick", "call_at_once", "known", "quick", "takes_at_once"]

_EXACT = 2**11  # whole numbers as far as this are numbers of every type of floats
_SMALL = 1 << 17  # bytes of working arrays that are kept from call to call
_KEPT = 8  # calls that a thread keeps them for
_local = threading.local()


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What shapes and types of a call's arguments determine, values apart.

    `flat` are the shapes of all arrays and of the result with one batch axis in front, `weights` the places of those arguments.
    """

    shape: tuple[int, ...]
    types: Types
    fit: Fit
    choice: Choice
    sizes: Mapping[str, int]
    flat: tuple[tuple[int, ...], ...]
    weights: tuple[int, ...]
    small: bool


def known(kernel: Any, arguments: tuple[Any, ...]) -> Known | None:
    """The same for all arguments that are alike: NumPy arrays of floats, and small Python numbers; None for others."""
    key: list[Any] = []
    for value in arguments:
        kind = type(value)
        if (kind is np.ndarray or isinstance(value, np.floating)) and value.dtype.kind == "f":
            key.append((value.shape, value.dtype) if key else (value.shape, value.dtype, strides_of(value)))
        elif (kind is float or kind is int) and abs(value) <= _EXACT:
            key.append(kind)
        else:
            return None
    try:
        return _known(kernel, tuple(key))
    except LayerError:
        return None


@lru_cache(maxsize=1024)
def _known(kernel: Any, key: tuple[Any, ...]) -> Known:
    alike = (part() if isinstance(part, type) else np.broadcast_to(np.zeros((), part[1]), part[0]) for part in key)
    call = kernel.prepare(*alike)
    choice = kernel.choose(call, key[0][2])
    sizes = {**kernel.sizes_of(call.fit), **choice.knobs}
    arrays = (*kernel.arrays, kernel.result)
    shapes = (*(a.shape for a in call.operands), call.shape)
    flat = tuple(kernel.flat_shape(name, shape) for name, shape in zip(arrays, shapes, strict=True))
    weights = tuple(k for k, name in enumerate(kernel.arrays) if name in kernel.weights)
    work = () if choice.algorithm is None else choice.algorithm.work(**sizes)
    small = held_by(work) * call.types.compute.itemsize <= _SMALL
    return Known(call.shape, call.types, call.fit, choice, sizes, flat, weights, small)


def call_at_once(kernel: Any, found: Known, arguments: tuple[Any, ...], out: Any) -> Any:
    """The result by an algorithm in stages; None where the arguments or `out` want another way."""
    algorithm, kind = found.choice.algorithm, found.types.compute
    if algorithm is None or kind != found.types.result or kernel.result not in kernel.signature.batched:
        return None
    if out is not None and not takes_at_once(out, arguments, found.shape, kind):
        return None
    operands = [np.ascontiguousarray(a, kind).reshape(s) for a, s in zip(arguments, found.flat, strict=False)]
    if not all(all_finite(operands[place]) for place in found.weights):
        return None
    whole = np.empty(found.shape, kind) if out is None else out
    result = whole.reshape(found.flat[-1])
    known = dict(zip(kernel.arrays, operands, strict=True))
    made = algorithm.fixed(*[known[key] for key in algorithm.weights], lambda s: aligned(s, kind), **found.sizes)
    given = [known[key] for key in algorithm.arrays]
    spans = (0, found.sizes["batch"]), (0, places_of(found.choice, result))
    with np.errstate(invalid="ignore"):  # a structural zero times an infinity
        algorithm.body(*given, result, *made, *_rooms(found, algorithm, kind), *spans, **found.sizes)
    return whole


def _rooms(found: Known, algorithm: Algorithm, kind: np.dtype[Any]) -> tuple[Any, ...]:
    """Working arrays; small ones belong to a thread, which keeps those of a few kinds of call."""
    kept: dict[Known, tuple[Any, ...]] = _local.__dict__.setdefault("rooms", {})
    rooms = kept.get(found)
    if rooms is None:
        rooms = algorithm.room(lambda shape: aligned(shape, kind), **found.sizes)
        if found.small:
            if len(kept) >= _KEPT:
                kept.clear()
            kept[found] = rooms
    return rooms


@dataclass(frozen=True, slots=True, eq=False)
class Quick:
    """An algorithm in one thread and in the type of the data; shapes have one batch axis in front."""

    algorithm: Algorithm
    given: tuple[int, ...]
    result: tuple[int, ...]
    before: tuple[Any, ...]
    spans: tuple[tuple[int, int], tuple[int, int]]
    sizes: Mapping[str, int]

    def run(self, plan: Any, X: Any, out: Any) -> tuple[Any, Any]:
        """Writes the result; gives both arrays with one batch axis."""
        given, result = X.reshape(self.given), out.reshape(self.result)
        after = plan.local.__dict__.get("after")
        if after is None:
            rooms = plan.rooms(plan.kernel.result, self.algorithm, self.sizes)
            after = plan.local.after = (*plan.made, *rooms, *self.spans)
        with np.errstate(invalid="ignore"):  # a structural zero times an infinity
            self.algorithm.body(given, *self.before, result, *after, **self.sizes)
        return given, result


def quick(plan: Any) -> Quick | None:
    """What a plan binds, if its calls are of that kind."""
    kernel, algorithm = plan.kernel, plan.choice.algorithm
    plain = plan.threads == 1 and plan.compute == plan.dtype and 0 not in (*plan.shape, *plan.result)
    items = {kernel.data, kernel.result} <= {*kernel.signature.batched}
    if algorithm is None or not plain or not items or kernel.data not in algorithm.arrays[:1]:
        return None
    shape, result = kernel.flat_shape(kernel.data, plan.shape), kernel.flat_shape(kernel.result, plan.result)
    before = tuple(plan.operands[key] for key in algorithm.arrays[1:])
    places = 1 if algorithm.tiled is None else result[1 + algorithm.tiled]
    spans = (0, result[0]), (0, places)
    return Quick(algorithm, shape, result, before, spans, plan.every)


def takes_at_once(out: Any, arrays: tuple[Any, ...], shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Whether an array takes the result for sure: in order, and in memory that is nobody else's."""
    if type(out) is not np.ndarray or out.shape != shape or out.dtype != dtype:
        return False
    flags = out.flags
    if not (flags.owndata and flags.writeable and flags.c_contiguous):
        return False
    return all(a is not out and (type(a) is not np.ndarray or a.flags.owndata) for a in arrays)
