"""Layers whose windows may be of low rank, mirrored, or the same everywhere, and arrays with such windows."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from derive import convolution
from derive.derivation import Derivation
from derive.forms.form import Form
from derive.ir.stages import Staged
from derive.lowering import batched
from derive.pipeline import compile_layer, layer
from derive.registry import find
from derive.rules.strided import strided
from tests.lazily import CATALOGUE

__all__ = ["WINDOWS", "derivation", "fractions", "kernel", "program", "window_of"]

_MORE: Mapping[str, Any] = {
    "strided (2, 3)": lambda: convolution(kernel=3, stride=(2, 3), channels=False),
    "dilated": lambda: convolution(kernel=3, dilation=(2, 3), channels=False),
    "even": lambda: convolution(kernel=(2, 4), channels=False),
    "strided causal": lambda: CATALOGUE["causal1d"].then(strided(2)),
    "strided twice": lambda: CATALOGUE["conv2d"].then(strided(2)),
    "depthwise 3-D": lambda: convolution(kernel=3, rank=3, groups="depthwise"),
    "depthwise dilated": lambda: convolution(kernel=(2, 3), dilation=(2, 3), groups="depthwise", bias=False),
    "depthwise strided": lambda: convolution(kernel=3, stride=2, groups="depthwise"),
}
WINDOWS: Mapping[str, tuple[str, ...]] = {
    "lowrank": (
        *("conv2d", "valid2d", "isotropic2d", "conv3d", "strided (2, 3)", "dilated", "even"),
        *("depthwise2d", "depthwise strided", "depthwise dilated"),
    ),
    "folded": ("conv2d", "valid2d", "conv3d", "strided (2, 3)", "dilated", "even"),
    "box": (
        *("conv1d", "conv2d", "conv3d", "depthwise2d", "strided (2, 3)", "dilated", "even", "strided causal"),
        *("depthwise 3-D", "depthwise strided"),
    ),
}


@lru_cache
def derivation(name: str) -> Derivation:
    return _MORE[name]() if name in _MORE else layer(name).derivation


@lru_cache
def program(algorithm: str, name: str) -> tuple[Staged, Form]:
    form = derivation(name).form
    return find("derive.algorithms", algorithm)(form, batched(form)), form


@lru_cache
def kernel(name: str) -> Any:
    """The emitted object, with all its algorithms."""
    return compile_layer(derivation(name)).kernel


def fractions(draw: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Fractions of small numbers."""
    made = np.empty(int(np.prod(shape)), object)
    made[:] = [Fraction(int(draw.integers(-9, 10)), int(draw.integers(1, 9))) for _ in range(made.size)]
    return made.reshape(shape)


def window_of(algorithm: str, name: str, shape: tuple[int, ...], draw: np.random.Generator, entries: Any) -> np.ndarray:
    """Weights of this shape that the algorithm admits."""
    if algorithm == "box":
        shared = shape[-1:] if "depthwise" in name else ()
        return np.broadcast_to(entries(draw, shared), shape).copy()
    if algorithm == "folded":
        half = entries(draw, (*shape[:-1], (shape[-1] + 1) // 2))
        return np.concatenate([half, half[..., : shape[-1] // 2][..., ::-1]], axis=-1)
    if name == "isotropic2d":
        return np.multiply.outer(*[entries(draw, shape[:1])] * 2)  # V[max, min] of an outer product of one with itself
    if "depthwise" in name:
        left, right = (entries(draw, (2, side, shape[-1])) for side in shape[:2])
        return np.array((left[:, :, None] * right[:, None]).sum(axis=0))
    made: Any = 0
    for _ in range(2 if len(shape) == 2 else 1):
        product: Any = np.array(1, object)
        for side in shape:
            product = np.multiply.outer(product, entries(draw, (side,)))
        made = made + product
    return made
