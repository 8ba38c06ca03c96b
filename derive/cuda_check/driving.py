"""Calls the kernels of an emitted module on small arrays of every size, type and layout that they take."""

import inspect
import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from types import ModuleType
from typing import Any

import numpy as np

__all__ = ["called", "drive", "emitted_kernels", "many", "small", "ways", "wide"]

SMALL = (1, 2, 3, 5)
LARGE = (1, 4, 33)
TYPES = ("float32", "float64", "float16", "int64")
MOST_CASES, MOST_ENTRIES = 24, 1 << 15
SIDES = (131, 64, 32, 16, 8, 4, 2)
ITEMS, MANY = 2, 64  # of a batch; so many give a sum over the items its parts
PARTS = ("arguments", "batched", "letters", "result", "shapes", "sizes", "told", "vjp")


def emitted_kernels(names: Mapping[str, Any]) -> dict[str, Any]:
    """The objects of an emitted module that are layers, by their names; those of NumPy launch nothing."""
    values = (v for v in names.values() if not isinstance(v, type) and getattr(v, "xp", None) is not np)
    return {v.name: v for v in values if all(hasattr(v, part) for part in PARTS)}


def drive(kernel: Any, cupy: ModuleType) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Every case in words, and what the layer and its gradients gave, as host arrays.

    A layer with several algorithms goes by each of them, besides the one that it chooses; so do its gradients.
    """
    cases = [*_cases(kernel), *([_case(found)] if (found := wide(kernel)) else [])]
    for way, layer in ways(kernel):
        for turn, (case, sizes) in enumerate(cases):
            dtype = TYPES[turn % len(TYPES)]
            if (results := called(layer, cupy, sizes, dtype, turn)) is not None:
                yield f"{way}{case} in {dtype}", results
        for dtype in TYPES:
            if (results := many(layer, cupy, dtype)) is not None:
                yield f"{way}{MANY} items in {dtype}", results


def ways(kernel: Any) -> Iterator[tuple[str, Any]]:
    """The layer as it chooses, and by each algorithm that it or a gradient has, with what names the way."""
    yield "", kernel
    every = (kernel, *kernel.gradients.values())
    for name in dict.fromkeys(a.name for of in every for a in getattr(of, "algorithms", ())):
        yield f"{name}, ", kernel.using(name)


def _cases(kernel: Any) -> list[tuple[str, dict[str, int]]]:
    """Sizes that give every array at least one entry and not too many: small ones, and a few that fill blocks."""
    names = list(inspect.signature(kernel.shapes).parameters)
    drawn = dict.fromkeys(values for choice in (SMALL, LARGE) for values in _values(choice, len(names)))
    fitting = [sizes for values in drawn if _fits(kernel, sizes := dict(zip(names, values, strict=True)))]
    kept = random.Random(0).sample(range(len(fitting)), min(MOST_CASES, len(fitting)))
    return [_case(fitting[at]) for at in sorted(kept)]


def _case(sizes: dict[str, int]) -> tuple[str, dict[str, int]]:
    """Sizes in words, and as they are."""
    return ", ".join(f"{name} = {value}" for name, value in sizes.items()), sizes


def wide(kernel: Any, sides: Sequence[int] = SIDES) -> dict[str, int] | None:
    """Sizes at which data and result are as large as is quick to run, for kernels of many results; others, such as radii, are 1."""
    every = list(inspect.signature(kernel.shapes).parameters)
    own = {axis.strip() for key in (kernel.data, kernel.result) for axis in kernel.letters[key].split(",")}
    found = ({name: side if name in own else 1 for name in every} for side in sides)
    return next((sizes for sizes in found if _fits(kernel, sizes)), None)


def small(kernel: Any) -> dict[str, int] | None:
    """Sizes at which data and result are two places wide, or one, for kernels of sums of few terms."""
    return wide(kernel, (2, 1))


def many(kernel: Any, cupy: ModuleType, dtype: str) -> tuple[Any, ...] | None:
    """What `called` gives for a batch of many small items; None where there are no such sizes."""
    sizes = small(kernel)
    return None if sizes is None else called(kernel, cupy, sizes, dtype, 1, MANY)


def _values(choice: tuple[int, ...], count: int) -> list[tuple[int, ...]]:
    if len(choice) ** count <= 1 << 10:
        return list(product(choice, repeat=count))
    draw = random.Random(count)
    return [tuple(draw.choice(choice) for _ in range(count)) for _ in range(1 << 8)]


def _fits(kernel: Any, sizes: dict[str, int]) -> bool:
    shapes = kernel.shapes(**sizes)
    entries = [int(np.prod(shape)) for shape in shapes.values()]
    return all(extent > 0 for shape in shapes.values() for extent in shape) and max(entries) <= MOST_ENTRIES


def called(
    kernel: Any, cupy: ModuleType, sizes: Mapping[str, int], dtype: str, turn: int, items: int = ITEMS
) -> tuple[Any, ...] | None:
    """What the layer and its gradients give for whole numbers; None where it refuses these.

    Every other turn has a batch of so many items, and every fourth gaps between entries.
    """
    shapes, draw = kernel.shapes(**sizes), np.random.default_rng(turn)
    wanted = list(inspect.signature(kernel.sizes).parameters)[len(kernel.arrays) :]
    told = {name: sizes[name] for name in wanted}
    batch = (items,) if turn % 2 else ()

    def made(key: str, like: str | None = None) -> Any:
        lead = batch if key in kernel.batched or (not kernel.batched and key in (kernel.data, kernel.result)) else ()
        values = draw.integers(-3, 4, (*lead, *shapes[key])).astype(dtype)
        array = cupy.asarray(values)
        return cupy.asarray(np.repeat(values, 2, -1))[..., ::2] if turn % 4 == 3 and values.ndim else array

    given = [made(key) for key in kernel.arguments]
    try:
        results = [kernel(*given, **told)]
        if kernel.gradients:
            stated = {name: value for name, value in told.items() if name not in kernel.told}
            results += kernel.vjp(*given, made(kernel.result), **stated)
    except Exception as refused:
        if _is_refusal(refused):
            return None
        raise
    return tuple(result.get() if hasattr(result, "get") else np.asarray(result) for result in results)


def _is_refusal(error: Exception) -> bool:
    """Whether a layer refused its arguments; its errors are its own package's, so they are known by name."""
    return any(kind.__name__ == "LayerError" for kind in type(error).__mro__)
