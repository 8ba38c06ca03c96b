"""Arguments made of exact numbers, and what the form and the dense layer make of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import count
from typing import Any

import numpy as np
from sympy import Abs, Mul, Symbol, expand

from derive.derivation import Derivation
from derive.forms.denote import denote
from derive.forms.evaluate import evaluate
from derive.forms.form import Form
from derive.forms.products import weighted
from derive.forms.sizes import size_sources
from derive.lowering import batched
from derive.reference import starting
from tests.ladder.residues import PRIME, Residue
from tests.ladder.subjects import Arrays, Sizes

__all__ = [
    "NUMBERS",
    "as_fractions",
    "by_dense",
    "filled",
    "fixed",
    "magnitude",
    "numbered",
    "objects",
    "same",
    "shapes_of",
    "wanted",
]

Draw = Callable[[random.Random], Any]
_serial = count()

NUMBERS: Mapping[str, Draw] = {
    "symbols": lambda draw: Symbol(f"x{next(_serial)}"),
    "fractions": lambda draw: Fraction(draw.randint(-999, 999), draw.randint(1, 99)),
    "residues": lambda draw: Residue(draw.randrange(PRIME)),
    "integers": lambda draw: draw.randint(-9, 9),
}


def shapes_of(form: Form, sizes: Sizes) -> dict[str, tuple[int, ...]]:
    """The shape of every argument, the input first."""
    arrays = (form.input, *(p.array for p in form.params))
    return {a.name: tuple(int(evaluate(e, sizes)) for e in a.shape) for a in arrays}


def objects(values: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    """An object array of these values."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array.reshape(shape)


def filled(form: Form, sizes: Sizes, numbers: str, seed: int = 0) -> dict[str, np.ndarray]:
    """Every argument full of such numbers, each drawn afresh; constants are what they are."""
    draw, make = random.Random(seed), NUMBERS[numbers]
    shapes = shapes_of(form, sizes)
    drawn = {n: objects([make(draw) for _ in range(int(np.prod(s)))], s) for n, s in shapes.items()}
    return drawn | fixed(form, sizes)


def fixed(form: Form, sizes: Sizes) -> dict[str, np.ndarray]:
    """The arrays of numbers that a layer brings along, exactly."""
    shapes = shapes_of(form, sizes)
    given = {p.name: [Fraction(int(v.p), int(v.q)) for v in p.values] for p in form.params if p.values is not None}
    whole = {n: [int(v) if v.denominator == 1 else v for v in values] for n, values in given.items()}
    return {n: objects(values, shapes[n]) for n, values in whole.items()}


def same(left: np.ndarray, right: np.ndarray) -> bool:
    """Whether two object arrays are equal entry by entry; symbols as polynomials."""
    if left.shape != right.shape:
        return False
    return all(_equal(x, y) for x, y in zip(left.ravel(), right.ravel(), strict=True))


def _equal(left: Any, right: Any) -> bool:
    return bool(left == right) or (hasattr(left, "free_symbols") and expand(left - right) == 0)


def as_fractions(array: np.ndarray, absolute: bool = False) -> np.ndarray:
    """The exact values of floats, integers or objects."""
    if array.dtype.kind == "f":
        exact = [Fraction(*value.as_integer_ratio()) for value in array.ravel()]
    else:
        exact = [Fraction(value if array.dtype.kind == "O" else int(value)) for value in array.ravel()]
    return objects([abs(x) for x in exact] if absolute else exact, array.shape)


def wanted(form: Form, arrays: Arrays, sizes: Sizes) -> np.ndarray:
    """What the form makes of the arguments, for each item of the batch, or over all items where the result has none."""
    rank, items = len(form.input.axes), batched(form)
    data = arrays[form.input.name]
    batch = data.shape[: data.ndim - rank]
    shape = tuple(int(evaluate(e, sizes)) for e in form.output.shape)
    result = objects([0] * int(np.prod((*batch, *shape))), (*batch, *shape))
    for item in np.ndindex(*batch):
        result[item] = denote(form, {n: a[item] if n in items else a for n, a in arrays.items()}, sizes)
    return result if form.output.name in items else result.reshape(-1, *shape).sum(axis=0).reshape(shape)


def magnitude(form: Form, arrays: Arrays, sizes: Sizes) -> np.ndarray:
    """Σ|w||x| + |u| for each result entry."""
    return wanted(numbered(form, Abs), {name: as_fractions(a, absolute=True) for name, a in arrays.items()}, sizes)


def numbered(form: Form, change: Callable[[Any], Any]) -> Form:
    """The form with another number in front of every product, such as its magnitude."""

    def changed(value: Any) -> Any:
        product = weighted(value, (t.name for t in form.tables))
        return value if product is None or not product.factors else Mul(change(product.times), *product.factors)

    return replace(form, weight=changed(form.weight), bias=changed(form.bias))


def by_dense(derivation: Derivation, arrays: Arrays, sizes: Sizes) -> np.ndarray | None:
    """H = U + W·X with the dense W and U that the embeddings make of the parameters; None for layers without."""
    form, start = derivation.form, starting(derivation)
    if start is None:
        return None
    data = arrays[form.input.name]
    grid = tuple(int(evaluate(start.input.axes[p].extent, sizes)) for p in start.grid(start.input))
    params = {p.name: arrays[p.name] for p in form.params if not p.data}
    told = {s.size for s in size_sources(form, [p.array for p in form.params if not p.data])}
    stated = {s.name: value for s, value in sizes.items() if s not in told}
    weights, biases = derivation.reference(shape=grid, **params, **stated)
    flat = weights.reshape(*biases.shape, data.size)
    return np.asarray(biases + (flat * data.reshape(-1)).sum(axis=-1))
