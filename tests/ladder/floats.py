"""Random and adversarial floats, for the rung that bounds rounding errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tests.ladder.numbers import fixed, shapes_of
from tests.ladder.subjects import Sizes, Subject

__all__ = ["REGIMES", "climbing_sum", "drawn"]

Draw = Callable[[np.random.Generator, tuple[int, ...], Any, int], np.ndarray]


def _uniform(draw: np.random.Generator, shape: tuple[int, ...], dtype: Any, factors: int) -> np.ndarray:
    return draw.uniform(-1, 1, shape).astype(dtype)


def _scaled(low: Callable[[Any, int], int], high: Callable[[Any, int], int]) -> Draw:
    """Mantissas as above, times powers of two with an exponent between two functions of the type's limits and the factors."""

    def values(draw: np.random.Generator, shape: tuple[int, ...], dtype: Any, factors: int) -> np.ndarray:
        info = np.finfo(dtype)
        exponents = draw.integers(low(info, factors), high(info, factors) + 1, shape)
        return np.asarray(np.ldexp(_uniform(draw, shape, dtype, factors), exponents.astype(np.intc)), dtype)

    return values


def _cancelling(draw: np.random.Generator, shape: tuple[int, ...], dtype: Any, factors: int) -> np.ndarray:
    """Numbers of one size and either sign, which leave little of their sum."""
    near = 1 + np.asarray(draw.integers(0, 4, shape)).astype(dtype) * np.finfo(dtype).eps
    return np.asarray(near * draw.choice([-1, 1], shape)).astype(dtype)


def _zeros_between(draw: np.random.Generator, shape: tuple[int, ...], dtype: Any, factors: int) -> np.ndarray:
    """Zeros of both signs, subnormals and ordinary numbers, mixed."""
    tiny = np.finfo(dtype).smallest_subnormal
    choices = np.array([0.0, -0.0, tiny, -3 * tiny, 1, -1, 3], dtype=dtype)
    return draw.choice(choices, shape).astype(dtype)


REGIMES: Mapping[str, Draw] = {
    "uniform": _uniform,
    "huge": _scaled(lambda t, f: t.maxexp // f - 6, lambda t, f: t.maxexp // f - 3),
    "tiny": _scaled(lambda t, f: t.minexp // f - t.nmant // f, lambda t, f: t.minexp // f),
    "subnormal": _scaled(lambda t, f: t.minexp - t.nmant, lambda t, f: t.minexp),
    "wide": _scaled(lambda t, f: t.minexp // f, lambda t, f: t.maxexp // f - 4),
    "cancelling": _cancelling,
    "zeros between": _zeros_between,
}


def drawn(subject: Subject, sizes: Sizes, regime: str, dtype: Any, seed: int = 0) -> dict[str, np.ndarray]:
    """Every argument drawn from the regime, for products of as many as the layer multiplies; constants are what they are."""
    draw = np.random.default_rng(seed)
    shapes = shapes_of(subject.form, sizes)
    made = {name: REGIMES[regime](draw, shape, np.dtype(dtype), subject.factors) for name, shape in shapes.items()}
    return made | fixed(subject.form, sizes)


def climbing_sum(subject: Subject, sizes: Sizes, dtype: Any) -> dict[str, np.ndarray]:
    """Biases of 1 and products a little over half a unit in its last place: one by one, all round up."""
    step = np.finfo(dtype).eps / 2 * (1 + 4 * np.finfo(dtype).eps)
    biases = {p.name for p in subject.form.biases}
    shapes = shapes_of(subject.form, sizes)
    return {
        name: np.full(shape, step if name == subject.data else 1, dtype=dtype)
        if name not in biases
        else np.ones(shape, dtype=dtype)
        for name, shape in shapes.items()
    }
