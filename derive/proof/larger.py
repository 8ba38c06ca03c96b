"""Sizes beyond the smallest, and entries by which a claim is tried there at once: what fails needs room now and then.

A layer that keeps every third place shows what shifts by 2 do to it on 7 places.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod

import numpy as np
from sympy import Symbol

from derive.forms.evaluate import evaluate
from derive.forms.form import Form, Role

__all__ = ["at_random", "larger"]

_LONGEST, _WIDEST = 20, 5
_MOST_SIZES, _MOST_ENTRIES, _MOST_TERMS = 600, 1 << 12, 1 << 16


def larger(form: Form, tried: Sequence[Mapping[Symbol, int]]) -> Iterator[dict[Symbol, int]]:
    """Sizes that aren't among those tried, the smallest sums first: small ones together, and long axes beside the least sizes."""
    known = {tuple(sizes.values()) for sizes in tried}
    names = list(tried[0]) if tried else []
    lengths = {s for axis in form.input.axes if axis.role is Role.GRID for s in axis.extent.free_symbols}
    short = [sizes for sizes in tried if all(sizes[s] <= 1 for s in lengths) and sum(sizes.values()) <= len(sizes) + 1]
    long = (
        tuple({**sizes, s: length}.values())
        for sizes, s, length in product(short, names, range(_LONGEST + 1))
        if s in lengths
    )
    together = product(range(_WIDEST + 1), repeat=len(names)) if names else ()
    every = sorted({*together, *long} - known, key=lambda t: (sum(t), t[::-1]))
    found = (dict(zip(names, values, strict=True)) for values in every)
    fitting = (sizes for sizes in found if _fits(form, sizes))
    yield from (sizes for _, sizes in zip(range(_MOST_SIZES), fitting, strict=False))


def _fits(form: Form, sizes: Mapping[Symbol, int]) -> bool:
    """Whether the form has these sizes, arrays that aren't empty, and so few entries that all are gone through."""
    arrays = (form.output, form.input, *(p.array for p in form.params))
    if not evaluate(form.given, sizes) or any(evaluate(e, sizes) <= 0 for array in arrays for e in array.shape):
        return False
    outputs, inputs = (prod(int(evaluate(e, sizes)) for e in array.shape) for array in (form.output, form.input))
    terms = outputs * prod(int(evaluate(axis.extent, sizes)) for axis in form.reduction)
    return outputs * inputs <= _MOST_ENTRIES and terms <= _MOST_TERMS


def at_random(form: Form, sizes: Mapping[Symbol, int]) -> dict[str, np.ndarray]:
    """Whole numbers for every array that is learned, drawn anew in the same way each time, beside those that are given."""
    from derive.proof.small import numbered

    draw = np.random.default_rng(0)
    arrays = {}
    for param in form.params:
        if param.values is None:
            shape = [int(evaluate(e, sizes)) for e in param.array.shape]
            arrays[param.name] = draw.integers(1, 1 << 20, shape).astype(object)
    return arrays | numbered(form, sizes)
