"""A layer's emitted module by each of its designs: what it is called on, and what NumPy's exact sums make of that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from itertools import product
from math import prod
from typing import Any

import numpy as np

from derive.checking import run_body
from derive.ir.nodes import Program
from derive.ir.rounding import Roundings, error_bound, roundings
from derive.lowering import slopes
from derive.runtime.planning import Algorithm
from tests.cuda.blocks import blocks, direct, halos, sizes_in_blocks, sizes_in_halos, sizes_in_tiles, tiles
from tests.cuda.parts import parted
from tests.cuda.test_parts import sizes_in_parts
from tests.cuda.test_products import sizes_of
from tests.ladder.climbing import odd_sizes
from tests.ladder.numbers import fixed, shapes_of
from tests.ladder.subjects import Sizes, Subject, entry_of, signs, subject

__all__ = ["BATCH", "Way", "bounds", "drawn", "exactly", "ways"]

BATCH = 2
Arrays = Mapping[str, np.ndarray]
# By the design: sizes, the rows among them that are no whole blocks, and some that are.
_BLOCKS: dict[str, tuple[Callable[[Subject, bool], Sizes], int, int]] = {
    "strips": (sizes_in_blocks, 13, 14),
    "halos": (sizes_in_halos, 27, 24),
    "passes": (sizes_in_halos, 27, 24),
    "tiles": (sizes_in_tiles, 0, 0),
}
_HELD: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "direct": direct,
    "strips": blocks,
    "halos": halos,
    "passes": lambda: halos("passes"),
    "tiles": tiles,
}


@dataclass(frozen=True)
class Way:
    """A layer and its gradients by one design, at sizes that show all that its kernels do."""

    of: Subject
    design: str
    sizes: Sizes
    others: Sizes

    @property
    def elsewhere(self) -> Way:
        """The same at its other sizes."""
        return replace(self, sizes=self.others, others=self.sizes)

    @property
    def designs(self) -> dict[str, Any]:
        """The design of the result and of the gradients that have it, by their letters; None is one thread a result."""
        every = {self.of.kernel.result: self.of.kernel, **self.of.kernel.gradients}
        if self.design == "direct":
            return dict.fromkeys(every)
        found = {key: [a for a in of.algorithms if a.name == self.design] for key, of in every.items()}
        return {key: known[0] for key, known in found.items() if known}

    def __call__(self, xp: Any, arrays: Arrays, dtype: Any = None) -> dict[str, Any]:
        """What has the design, still on the device; elements are of `dtype` if that is given."""
        of, keys = self.of, self.designs
        kernel = of.kernel if self.design in {*_HELD, "parts"} else of.kernel.using(self.design)
        others = {
            key: replace(g, body=_nothing, algorithms=()) for key, g in kernel.gradients.items() if key not in keys
        }
        kernel = replace(kernel, gradients={**kernel.gradients, **others})
        given = {n: xp.asarray(arrays[n], dtype) for n in (*kernel.arguments, kernel.cotangent)}
        operands, found = [given[n] for n in kernel.arguments], {}
        with self.held():
            if kernel.result in keys:
                found[kernel.result] = kernel(*operands, **of.stated(self.sizes))
            if {*keys} - {kernel.result}:
                slope = kernel.vjp(*operands, given[kernel.cotangent], **of.stated(self.sizes, gradient=True))
                found |= {n: g for n, g in zip(kernel.arguments, slope, strict=True) if n in keys}
        return found

    def held(self) -> AbstractContextManager[None]:
        """Launches by the design."""
        return parted(self.threads) if self.design == "parts" else _HELD.get(self.design, nullcontext)()

    @property
    def threads(self) -> int:
        """Of programs in parts: enough that every sum has some, of several terms where sums are few."""
        shapes = self.of.kernel.shapes(**{s.name: v for s, v in self.sizes.items()})
        return max(1 << 10, 1 << (64 * max(prod(shapes[key]) for key in self.designs)).bit_length())


def _nothing(*_: Any, **__: Any) -> None:
    """The body of a gradient that isn't asked for."""


def ways(of: Subject) -> Iterator[Way]:
    """By one thread a result, and by every design that the layer or one of its gradients has.

    Blocks and tiles end with the grid, and at their other sizes beyond it, where rows are no whole accesses either.
    """
    yield Way(of, "direct", *odd_sizes(of, most=2))
    every = (of.kernel, *of.kernel.gradients.values())
    for design in dict.fromkeys(d.name for known in every for d in known.algorithms):
        if design not in _BLOCKS:
            found = sizes_in_parts(of) if design == "parts" else sizes_of(of)
            yield Way(of, design, found, found)
            continue
        sizes, beyond, rows = _BLOCKS[design]
        found = {s: rows if (s.name, v) == ("n", beyond) else v for s, v in sizes(of, True).items()}
        yield Way(of, design, found, sizes(of, False))


def drawn(way: Way, make: Callable[[tuple[int, ...]], Any]) -> dict[str, np.ndarray]:
    """Every argument and the gradient by the result, made by their shapes; constants are what they are."""
    form, kernel = way.of.form, way.of.kernel
    shapes = shapes_of(form, way.sizes)
    shapes[kernel.cotangent] = tuple(int(e.subs(way.sizes)) for e in form.output.shape)
    own = {*way.of.batched, *({kernel.cotangent} if form.output.name in way.of.batched else ())}
    constants = fixed(form, way.sizes)
    made = {n: make((*((BATCH,) if n in own else ()), *s)) for n, s in shapes.items() if n not in constants}
    return made | constants


def exactly(way: Way, arrays: Arrays) -> dict[str, np.ndarray]:
    """The result and every gradient by NumPy's direct sums of exact objects, which other tests hold against the form."""
    form, host = way.of.form, subject(way.of.name).kernel
    given = {n: np.asarray(a, object) for n, a in arrays.items()}
    items = {*way.of.batched, *({host.cotangent} if form.output.name in way.of.batched else ())}

    def summed(made: Any, names: tuple[str, ...], of: Any, batched: bool) -> np.ndarray:
        each = [
            run_body(made.body, names, of, {n: a[k] if n in items else a for n, a in given.items()}, way.sizes)
            for k in range(BATCH)
        ]
        return np.stack(each) if batched else np.asarray(sum(each[1:], each[0]))

    found, keys = {}, way.designs
    if host.result in keys:
        found[host.result] = summed(host, host.arrays, form, form.output.name in way.of.batched)
    for slope in slopes(form):
        if slope.by in keys:
            made = host.gradients[slope.by]
            found[slope.by] = summed(made, made.arrays, slope.form, slope.form.output.name in slope.items)
    return found


@cache
def _programs(name: str) -> dict[str, Program]:
    """The direct program of the result and of each gradient."""
    of = subject(name, "cupy")
    return {of.kernel.result: of.program, **entry_of(name).gradients("cupy")}


def bounds(way: Way, arrays: Arrays, dtype: str) -> dict[str, np.ndarray]:
    """How far each entry may be from the exact one, for arguments of at most 1."""
    of, absolute = way.of, {n: abs(np.asarray(a)) for n, a in arrays.items()}
    found = {}
    for key, sums in exactly(way, absolute).items():
        design, program = way.designs[key], _programs(of.name)[key]
        if design is None or design.bound is None:
            known = {**way.sizes} | ({program.batch: BATCH} if program.batch is not None else {})
            counted, total = roundings(program, known, signs(of.kernel.constants)), sums
        else:
            counted, total = _staged(way, design, absolute), _norms(way, key, absolute, sums.shape)
        at = [float(error_bound(counted, Fraction(m), dtype)) for m in (0, 1)]  # it is affine in the magnitude
        found[key] = at[0] + (at[1] - at[0]) * total.astype(float)
    return found


def _staged(way: Way, staged: Algorithm, absolute: Arrays) -> Roundings:
    """Of the settings that have the largest bound, whose α is among the roundings."""
    most = Roundings(0, 0)
    for values in product(*(v or (1,) for v in staged.knobs.values())):
        every = {
            **{s.name: v for s, v in way.sizes.items()},
            "batch": BATCH,
            **dict(zip(staged.knobs, values, strict=True)),
        }
        if staged.fits(every):
            q, above, below, *lost = staged.bound(**every)  # type: ignore[misc]
            weights = sum(int(np.ceil(float(absolute[n].sum()))) for n in way.of.kernel.weights)
            found = Roundings(-(-q * above // below), 2 * (lost[0] + lost[1] + lost[2] * weights))
            most = max(most, found, key=lambda counted: counted.q)
    return most


def _norms(way: Way, key: str, absolute: Arrays, shape: tuple[int, ...]) -> np.ndarray:
    """Σ|w|·max|x| + max|u|."""
    kernel = way.of.kernel
    data = kernel.data if key == kernel.result else kernel.cotangent
    weights = sum(float(absolute[n].sum()) for n in kernel.weights)
    bias = max((float(absolute[n].max()) for n in kernel.bias), default=0.0)
    return np.full(shape, weights * float(absolute[data].max()) + bias)
