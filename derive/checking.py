"""Emitted source run on exact numbers before it is written: against the form, and against the dense layer.

The body beneath the public entry runs unchanged on object arrays of integers; scratch gets the same type. Other
backends' programs run in the interpreter, their text by the tests.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
from sympy import Symbol

from derive.errors import DeriveError
from derive.forms.denote import denote
from derive.forms.evaluate import evaluate
from derive.forms.form import Form
from derive.ir.interpreter import interpret
from derive.pipeline import Layer, load_source

__all__ = ["CheckFailed", "check_emitted", "exact_arrays", "run_exactly", "small_sizes"]

_MOST = 4000
_SAMPLES = 4


class CheckFailed(DeriveError):
    """Emitted source that computes something else than its form."""


def small_sizes(form: Form) -> Iterator[dict[Symbol, int]]:
    """Small values of all sizes that the form admits, the odd ones first: 1, larger than the image, unequal."""
    choices = sorted(product((1, 3, 4, 2, 0), repeat=len(form.sizes)), key=lambda v: (len(set(v)) < min(3, len(v)), v))
    for values in choices:
        sizes = dict(zip(form.sizes, values, strict=True))
        if bool(evaluate(form.given, sizes)) and _points(form, sizes) <= _MOST:
            yield sizes


def _points(form: Form, sizes: Mapping[Symbol, int]) -> int:
    total = 1
    for axis in (*form.output.axes, *form.reduction):
        total *= max(1, int(evaluate(axis.extent, sizes)))
    return total


def exact_arrays(form: Form, sizes: Mapping[Symbol, int], seed: int = 0) -> dict[str, np.ndarray]:
    """Arguments of the right shapes with integer entries, as object arrays."""
    draw = random.Random(seed)
    arrays = {}
    for array in (form.input, *(p.array for p in form.params)):
        shape = tuple(int(evaluate(e, sizes)) for e in array.shape)
        flat = np.array([draw.randint(-9, 9) for _ in range(int(np.prod(shape, dtype=int)))], dtype=object)
        arrays[array.name] = flat.reshape(shape)
    return arrays


def run_exactly(kernel: Any, form: Form, arrays: Mapping[str, np.ndarray], sizes: Mapping[Symbol, int]) -> np.ndarray:
    """The kernel's own body on object arrays."""
    shape = tuple(int(evaluate(e, sizes)) for e in form.output.shape)
    result = np.empty(shape, dtype=object)
    operands = [arrays[name] for name in kernel.arrays]
    kernel.body(*operands, result, lambda extent: np.empty(extent, dtype=object))
    return result


def check_emitted(layer: Layer) -> None:
    """Raises CheckFailed where a backend's program or source differs from the form at a small size."""
    form = layer.derivation.form
    kernel = getattr(load_source(layer.source("numpy"), "numpy"), layer.name)
    for sizes, _ in zip(small_sizes(form), range(_SAMPLES), strict=False):
        arrays = exact_arrays(form, sizes)
        wanted = denote(form, arrays, sizes)
        _compare(layer, "numpy", run_exactly(kernel, form, arrays, sizes), wanted, sizes)
        for backend in layer.backends:
            _compare(layer, backend, _interpreted(layer, backend, arrays, sizes), wanted, sizes)


def _interpreted(
    layer: Layer, backend: str, arrays: Mapping[str, np.ndarray], sizes: Mapping[Symbol, int]
) -> np.ndarray:
    program = layer.program(backend)
    if program.batch is None:
        return interpret(program, arrays, sizes)
    batched = {s.name for s in program.arguments if s.batched}
    lifted = {name: a[None] if name in batched else a for name, a in arrays.items()}
    one: np.ndarray = interpret(program, lifted, {**sizes, program.batch: 1})[0]
    return one


def _compare(layer: Layer, backend: str, got: np.ndarray, wanted: np.ndarray, sizes: Mapping[Symbol, int]) -> None:
    if got.shape != wanted.shape or not bool(np.all(got == wanted)):
        at = ", ".join(f"{s} = {v}" for s, v in sizes.items())
        raise CheckFailed(f"The {backend} kernel of '{layer.name}' differs from its form at {at}.")
