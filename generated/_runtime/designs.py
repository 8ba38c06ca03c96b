"""Programs of a layer for a device besides that of one thread a result, and the choice among them, which is the planner's.

A choice rests on sizes and element types alone, as on a processor.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from .banded import directly
from .device_stages import made_of, run_products
from .dtypes import Types
from .errors import ArgumentError
from .gpu import DEVICE
from .planning import Algorithm, Candidate, Choice, candidates

__all__ = [
    "STRICT",
    "WEIGHTS",
    "Design",
    "choose_design",
    "designs_of",
    "exact_designs",
    "instructions",
    "lacking",
    "run_chosen",
    "run_design",
    "using_design",
    "weights_of",
]

STRICT = "it multiplies structural zeros, which 'strict' doesn't admit on a device"
WEIGHTS = "not all weights are finite, and it multiplies structural zeros"


@dataclass(frozen=True, slots=True)
class Design:
    """A program in blocks, tiles or parts: `body(*arrays, result, new, **knobs)` writes the result as one thread a result would.

    knobs   the values that each knob may have
    work    its launches, counted: see `gpu`
    lacks   `lacks(**sizes, **knobs)` is why no launch has these numbers; an empty text where one has

    What follows is as for every algorithm: its error bound is that of direct sums.
    """

    name: str
    says: str
    body: Callable[..., None]
    knobs: Mapping[str, tuple[int, ...]]
    work: Callable[..., tuple[tuple[Any, ...], ...]]
    lacks: Callable[..., str]
    extents: None = None
    strict: bool = True
    bound: None = None

    def fits(self, values: Mapping[str, int]) -> bool:
        """Whether a launch has these sizes and knobs."""
        return not self.lacks(**values)

    def amplifies(self, values: Mapping[str, int]) -> float:
        """As the bound of direct sums does."""
        return 0.0


def designs_of(
    of: Any, sizes: Mapping[str, int], types: Types, fixed: bool = True, bounded: bool = True
) -> list[Candidate]:
    """The designs of a kernel or of a gradient in their best settings, one thread a result among them, the quickest first.

    Programs in stages are for floats; what they make of weights counts where it isn't made once for many calls. Where errors are
    to be `bounded`, those are left out whose bound is much larger than that of direct sums.
    """
    held = DEVICE.computing(str(types.compute))
    terms = int(of.terms(**sizes)) if bounded and of.terms is not None else None
    known = of.algorithms if types.compute.kind == "f" else _of_threads(of.algorithms)
    itemsize = types.stored.itemsize
    return candidates(known, of.work, {**sizes, "itemsize": itemsize}, itemsize, False, fixed, held, terms)


def instructions(of: Any, choice: Choice, sizes: Mapping[str, int], types: Types, results: int) -> float:
    """How many instructions of threads a result takes, as counted; NaN where none are counted, or most of it is the library's."""
    itemsize, work = types.stored.itemsize, of.work if choice.algorithm is None else choice.algorithm.work
    if work is None or isinstance(choice.algorithm, Algorithm):
        return float("nan")
    counted = work(**sizes, **choice.knobs, itemsize=itemsize)
    return DEVICE.computing(str(types.compute)).instructions(counted, itemsize) / results


def _of_threads(designs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Those whose sums are direct ones, in parts or not: an infinity reaches the results alone that its windows belong to."""
    return tuple(design for design in designs if isinstance(design, Design))


def exact_designs(of: Any, why: str) -> tuple[Any, dict[str, str]]:
    """A kernel or a gradient without programs in stages, and why it is without them."""
    kept = _of_threads(of.algorithms)
    return replace(of, algorithms=kept), {d.name: why for d in of.algorithms if d not in kept}


def lacking(of: Any, sizes: Mapping[str, int]) -> dict[str, str]:
    """Why designs have no launch for these sizes: what the smallest of each lacks."""
    found = {}
    for design in of.algorithms:
        if isinstance(design, Algorithm):
            if not design.serves(sizes):
                found[design.name] = f"it is for {design.only} alone"
            continue
        least = {knob: values[-1] for knob, values in design.knobs.items()}
        if reason := design.lacks(**sizes, **least):
            found[design.name] = reason
    return found


def choose_design(of: Any, sizes: Mapping[str, int], types: Types) -> Choice:
    """The design for a call."""
    return _chosen(of, tuple(sizes.items()), types) if of.algorithms else Choice(None, {})


@lru_cache(maxsize=1024)
def _chosen(of: Any, sizes: tuple[tuple[str, int], ...], types: Types) -> Choice:
    found = designs_of(of, dict(sizes), types)
    return found[0].choice if found else Choice(None, {})


def run_chosen(
    kernel: Any,
    of: Any,
    key: str,
    choice: Choice,
    arrays: Mapping[str, Any],
    result: Any,
    sizes: Mapping[str, int],
    types: Types,
    made: tuple[Any, ...] | None = None,
) -> None:
    """What was chosen, for the kernel or for its gradient by `key`; what a program in stages made of weights may be there."""
    xp, compute = kernel.xp, types.compute
    if not isinstance(choice.algorithm, Algorithm):
        run_design(choice, of, tuple(arrays[name] for name in of.arrays), result, compute, xp)
        return
    new = lambda extents: xp.empty(extents, dtype=compute)  # noqa: E731
    known = weights_of(kernel, arrays, compute)
    made = made_of(choice, known, sizes, new) if made is None else made
    flat = {name: array.reshape(kernel.flat_shape(name, array.shape)) for name, array in known.items()}
    run_products(choice, flat, result.reshape(kernel.flat_shape(key, result.shape)), sizes, new, made)


def weights_of(kernel: Any, arrays: Mapping[str, Any], compute: np.dtype[Any]) -> dict[str, Any]:
    """Arrays as programs in stages take them: weights and biases in the type that computes."""
    own = {*kernel.weights, *kernel.bias}
    return {name: a.astype(compute, copy=False) if name in own else a for name, a in arrays.items()}


def run_design(choice: Choice, of: Any, arrays: tuple[Any, ...], result: Any, compute: Any, xp: Any) -> None:
    """What was chosen, for a kernel or for a gradient; its scratch is of the type that computes."""
    body, new = of.body if choice.algorithm is None else choice.algorithm.body, lambda s: xp.empty(s, dtype=compute)
    if xp is np:
        directly(body, arrays, result, new)
    else:
        body(*arrays, result, new, **choice.knobs)


def using_design(kernel: Any, name: str, knobs: Mapping[str, int]) -> Any:
    """The layer and its gradients by one design wherever it has a launch, and by one thread a result elsewhere."""
    every = (kernel, *kernel.gradients.values())
    if not (known := dict.fromkeys(d.name for of in every for d in of.algorithms)) or name not in known:
        names = ", ".join(known) or "none"
        raise ArgumentError(f"{kernel.name} has no design {name!r}; there are {names}.")
    gradients = {key: _restricted(of, name, knobs) for key, of in kernel.gradients.items()}
    return replace(_restricted(kernel, name, knobs), gradients=gradients)


def _restricted(of: Any, name: str, knobs: Mapping[str, int]) -> Any:
    """A kernel or a gradient with one design, in some settings of it."""
    return replace(of, algorithms=tuple(_settled(of.algorithms, name, knobs)), work=None)


def _settled(designs: tuple[Design, ...], name: str, knobs: Mapping[str, int]) -> Iterator[Design]:
    for design in designs:
        if design.name == name:
            yield replace(design, knobs={k: (knobs[k],) if k in knobs else v for k, v in design.knobs.items()})
