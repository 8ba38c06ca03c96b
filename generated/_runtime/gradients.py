"""Gradients of a layer: for each argument a body, and perhaps algorithms in stages, of which the quickest is chosen.

A gradient of the data has an entry for each item and goes like a result. One of weights adds up all items: it is small, and where
an infinity met a structural zero on the way, it is summed directly instead.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .banded import Part, directly, mend
from .choices import Asked, chosen
from .designs import choose_design, exact_designs, run_chosen, run_design
from .dtypes import Types
from .errors import ArgumentError
from .planning import Algorithm, Choice, candidates, jobs, places_of, run_staged
from .primitives import aligned, all_finite
from .threads import one_blas_thread, run_together

__all__ = ["Gradient", "Planned", "gradient_of", "planned_gradient"]


@dataclass(frozen=True, slots=True, eq=False)
class Gradient:
    """The gradient by one argument: `body(*arrays, result, new)` writes all of it, summed over the batch for an
    argument without batch axes. `arrays` are letters of the layer's arrays and of the gradient by its result.

    `algorithms`, `work` and `terms` are as those of a kernel.
    """

    body: Callable[..., None]
    arrays: tuple[str, ...]
    algorithms: tuple[Algorithm, ...] = ()
    work: Callable[..., tuple[tuple[Any, ...], ...]] | None = None
    terms: Callable[..., int] | None = None

    def using(self, algorithm: str, sizes: Mapping[str, int], **knobs: int) -> Callable[..., None]:
        """The body by one of its algorithms alone, for arrays of these sizes with one batch axis, exact ones among them.

        Knobs that aren't given are chosen, the same on every machine. Raises ArgumentError.
        """
        from .machine import Machine

        found = next((a for a in self.algorithms if a.name == algorithm), None)
        best = candidates((found,), None, sizes, 8, False, True, Machine()) if found is not None else []
        if found is None or not best or not found.fits({**sizes, **best[0].choice.knobs, **knobs}):
            raise ArgumentError(f"There is no algorithm {algorithm!r} of this gradient for these sizes.")
        choice = Choice(found, {**best[0].choice.knobs, **knobs})

        def body(*arrays: Any) -> None:
            *operands, result, new = arrays
            known = dict(zip(self.arrays, operands, strict=True))
            run_staged(choice, known, result, sizes, places_of(choice, result), new)

        return body


def gradient_of(
    kernel: Any,
    key: str,
    operands: Mapping[str, Any],
    shape: tuple[int, ...],
    types: Types,
    sizes: Mapping[str, int],
    planned: "Planned | None" = None,
) -> Any:
    """The gradient by one argument, in the type of the results; on a device as it was planned, if it was."""
    gradient, xp = kernel.gradients[key], kernel.xp
    result = xp.empty(shape, dtype=types.stored)
    if any(operands[name].size == 0 for name in gradient.arrays):
        result[...] = 0
    elif result.size and xp is not np:
        found = Planned(_design(kernel, gradient, operands, types, sizes), None) if planned is None else planned
        run_chosen(kernel, gradient, key, found.choice, operands, result, sizes, types, found.made)
    elif result.size:
        choice = Choice(None, {})
        if gradient.algorithms and types.compute.kind == "f" and _finite(kernel, gradient, operands):
            choice = chosen(gradient, Asked(tuple(sizes.items()), types.compute, fixed=True))
        if choice.algorithm is None:
            _directly(kernel, gradient, operands, result, types.compute)
        else:
            taken = {name: kernel.flat(name, operands[name]) for name in gradient.arrays}
            flat = kernel.flat(key, result)
            run_staged(choice, taken, flat, sizes, places_of(choice, flat))
            if key not in kernel.signature.batched and not all_finite(result):
                _again(kernel, gradient, operands, result, types.compute)
    return result.astype(types.result, copy=False)


def _design(
    kernel: Any, gradient: Gradient, operands: Mapping[str, Any], types: Types, sizes: Mapping[str, int]
) -> Choice:
    """What a device launches for a gradient."""
    choice = choose_design(gradient, sizes, types)
    if isinstance(choice.algorithm, Algorithm) and not kernel.finite(operands):
        return choose_design(exact_designs(gradient, "")[0], sizes, types)
    return choice


def _finite(kernel: Any, gradient: Gradient, operands: Mapping[str, Any]) -> bool:
    """Whether all weights that it takes are: one that never meets the input must not meet structural zeros either."""
    return all(all_finite(operands[name]) for name in gradient.arrays if name in kernel.weights)


def _directly(kernel: Any, gradient: Gradient, operands: Mapping[str, Any], result: Any, compute: Any) -> None:
    """The body, which writes all of the result."""
    taken = tuple(operands[name] for name in gradient.arrays)
    run_design(Choice(None, {}), gradient, taken, result, compute, kernel.xp)


def _again(kernel: Any, gradient: Gradient, operands: Mapping[str, Any], result: Any, compute: Any) -> None:
    """The same, of sums that met an infinity: what there is to warn of has been said, or isn't so."""
    with np.errstate(invalid="ignore", over="ignore"):
        _directly(kernel, gradient, operands, result, compute)


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """A gradient of a plan: what was chosen for it, and what that makes of the plan's weights, if that is there."""

    choice: Choice
    made: tuple[Any, ...] | None


def planned_gradient(plan: Any, key: str, operands: Mapping[str, Any]) -> Any:
    """The gradient by one argument, for a plan's shape and weights, in the type that computes."""
    kernel, gradient = plan.kernel, plan.kernel.gradients[key]
    shape = plan.shape if key == kernel.data else operands[key].shape
    result = np.empty(shape, plan.compute)
    if any(operands[name].size == 0 for name in gradient.arrays):
        result[...] = 0
        return result
    found = plan.gradients.get(key)
    if found is None:
        found = plan.gradients[key] = _planned(plan, gradient, operands)
    if found.choice.algorithm is None:
        _directly(kernel, gradient, operands, result, plan.compute)
        return result
    batched = key in kernel.signature.batched
    flat = kernel.flat(key, result)
    _run(plan, key, found, {name: kernel.flat(name, operands[name]) for name in gradient.arrays}, flat, batched)
    if not batched and not all_finite(result):
        _again(kernel, gradient, operands, result, plan.compute)
    elif batched and plan.strict:
        _mend(kernel, gradient, operands, flat)
    return result


def _planned(plan: Any, gradient: Gradient, operands: Mapping[str, Any]) -> Planned:
    choice = Choice(None, {})
    if _finite(plan.kernel, gradient, operands):
        choice = chosen(gradient, Asked(tuple(plan.sizes.items()), plan.compute, strict=plan.strict))
    if choice.algorithm is None:
        return Planned(choice, ())
    given = (operands[name] for name in choice.algorithm.weights)
    new = lambda shape: aligned(shape, plan.compute)  # noqa: E731
    return Planned(choice, choice.algorithm.fixed(*given, new, **plan.sizes, **choice.knobs))


def _run(plan: Any, key: str, found: Planned, arrays: Mapping[str, Any], result: Any, batched: bool) -> None:
    """What was chosen, in the plan's threads where items have gradients of their own."""
    algorithm, every = found.choice.algorithm, {**plan.sizes, **found.choice.knobs}
    assert algorithm is not None and found.made is not None
    made = found.made
    given = [arrays[name] for name in algorithm.arrays]

    def part(items: tuple[int, int], span: tuple[int, int]) -> None:
        rooms = plan.rooms(key, algorithm, every)
        with np.errstate(invalid="ignore"):
            algorithm.body(*given, result, *made, *rooms, items, span, **every)

    places = places_of(found.choice, result)
    work = jobs(plan.sizes["batch"], places, plan.threads if batched else 1)
    if len(work) == 1:
        part(*work[0])
        return
    with one_blas_thread():
        run_together([lambda w=w: part(*w) for w in work])  # type: ignore[misc]


def _mend(kernel: Any, gradient: Gradient, operands: Mapping[str, Any], flat: Any) -> None:
    """Tiles of the gradient that aren't all finite are summed directly."""
    batched = {name: kernel.flat(name, operands[name]) for name in gradient.arrays if _has_items(kernel, name)}

    def summed(item: int, target: Any, part: Part | None) -> bool:
        own = {**operands, **{name: array[item] for name, array in batched.items()}}
        arrays = tuple(own[name] for name in gradient.arrays)
        return directly(gradient.body, arrays, target, lambda shape: np.empty(shape, flat.dtype), part)

    mend(flat, 0, summed)


def _has_items(kernel: Any, name: str) -> bool:
    return (kernel.result if name == kernel.cotangent else name) in kernel.signature.batched
