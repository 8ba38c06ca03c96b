"""What a gradient must be: the derivative of the layer, which is linear in each of its arguments."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from sympy import Abs, Symbol

from derive.forms.form import Form
from derive.ir.nodes import Program
from derive.ir.rounding import error_bound, in_range, roundings
from derive.lowering import Gradient, batched
from tests.ladder.numbers import as_fractions, numbered, objects, shapes_of

__all__ = ["BATCH", "constants", "directions", "exact_slope", "linear_part", "pairing", "slope_bounds"]

Arrays = Mapping[str, np.ndarray]
Sizes = Mapping[Symbol, int]
BATCH = (2,)


def pairing(left: np.ndarray, right: np.ndarray) -> Any:
    """⟨left, right⟩ in exact numbers."""
    return sum((x * y for x, y in zip(left.ravel().tolist(), right.ravel().tolist(), strict=True)), 0)


def directions(form: Form, sizes: Sizes, batch: tuple[int, ...], seed: int) -> dict[str, np.ndarray]:
    """Small whole numbers for every argument of the layer and for its result, with batch axes where they belong."""
    draw = np.random.default_rng(seed)
    shapes = shapes_of(form, sizes)
    shapes[form.output.name] = tuple(int(e.subs(sizes)) for e in form.output.shape)
    items, fixed = batched(form), set(constants(form))
    return {n: draw.integers(-3, 4, (*(batch if n in items else ()), *s)) for n, s in shapes.items() if n not in fixed}


def linear_part(kernel: Any, arrays: Arrays, by: str, change: np.ndarray, sizes: Sizes) -> np.ndarray:
    """H(... p + E ...) - H(... p ...): what the result gains by a change E of one argument."""
    takes = list(inspect.signature(kernel.sizes).parameters)[len(kernel.arrays) :]
    free = {s.name: value for s, value in sizes.items() if s.name in takes}
    moved = {**arrays, by: arrays[by] + change}
    after = kernel(*(moved[name] for name in kernel.arguments), **free)
    return np.asarray(after - kernel(*(arrays[name] for name in kernel.arguments), **free))


def constants(form: Form) -> dict[str, np.ndarray]:
    """The arrays of numbers that the layer brings along, exactly."""
    found = {}
    for param in form.weights:
        if param.values is not None:
            shape = tuple(int(e) for e in param.array.shape)
            found[param.name] = objects([Fraction(int(v.p), int(v.q)) for v in param.values], shape)
    return found


def exact_slope(
    slope: Gradient, arrays: Arrays, sizes: Sizes, batch: tuple[int, ...], absolute: bool = False
) -> np.ndarray:
    """The gradient's own form on every item of the batch, summed over the items where it has none of its own."""
    from derive.forms.denote import denote

    form = numbered(slope.form, Abs) if absolute else slope.form
    arrays = {**arrays, **{n: abs(a) if absolute else a for n, a in constants(form).items()}}
    items = [
        denote(form, {n: a[item] if n in slope.items else a for n, a in arrays.items()}, sizes)
        for item in np.ndindex(*batch)
    ]
    shape = items[0].shape
    if form.output.name in slope.items:
        return objects([x for item in items for x in item.ravel()], (*batch, *shape))
    return np.asarray(sum(items[1:], items[0]))


def slope_bounds(
    program: Program, slope: Gradient, arrays: Arrays, sizes: Sizes, batch: tuple[int, ...], dtype: Any
) -> list[Fraction | None]:
    """How far each entry of a gradient may be from the exact one; None where nothing is claimed."""
    known = {**sizes, program.batch: int(np.prod(batch))} if program.batch is not None else sizes
    fixed = {p.name: {*p.values} <= {-1, 0, 1} for p in slope.form.weights if p.values is not None}
    counted = roundings(program, known, fixed)
    absolute = {n: as_fractions(a, absolute=True) for n, a in arrays.items()}
    known_to_it = {**absolute, **{n: abs(a) for n, a in constants(slope.form).items()}}
    more = counted.amplified(max(known_to_it[s.name].ravel()) for s in program.arguments)
    totals = exact_slope(slope, absolute, sizes, batch, absolute=True).ravel()
    return [
        error_bound(counted, t, dtype, amplified=more) if in_range(counted, t, dtype, more) else None for t in totals
    ]
