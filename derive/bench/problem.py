"""What is computed in a row: shapes, type and structure, and the arrays themselves, which are the same in every process."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from derive.ir.rounding import Roundings

__all__ = ["Arrays", "Layer", "Problem", "arrays", "empty"]

Layer = str | dict[str, Any]

_SEED = 20240229
_LINE = 64  # bytes: libraries are faster on arrays that begin where a line of the cache does, and all get such


@dataclass(frozen=True, slots=True)
class Problem:
    """A cross-correlation with zero edges, and the layer that computes it here: a name of the catalogue, or the arguments of
    `derive.compile`; results have the grid's shape, or one in `stride` of it along each axis.

    `channels` are C and D, or None; `depthwise`: every channel has a window of its own. `separable`: the window is the
    product of one factor an axis. `batch` is None for one image without a batch axis.
    """

    layer: Layer
    grid: tuple[int, ...]
    window: tuple[int, ...]
    dtype: str = "float32"
    channels: tuple[int, int] | None = None
    batch: int | None = None
    stride: int = 1
    depthwise: bool = False
    separable: bool = False

    @classmethod
    def read(cls, data: dict[str, Any]) -> Problem:
        """From what JSON made of `dataclasses.asdict`."""
        read: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
        return cls(**read)

    @property
    def derivation(self) -> str:
        """The layer as a user types it."""
        if isinstance(self.layer, str):
            return self.layer
        return f"derive.compile({', '.join(f'{key}={value!r}' for key, value in self.layer.items())})"

    @property
    def taps(self) -> int:
        """How many products one result adds."""
        mixed = 1 if self.channels is None or self.depthwise else self.channels[0]
        return prod(self.window) * mixed

    @property
    def input_shape(self) -> tuple[int, ...]:
        """X's shape, channels last."""
        return (*self._batch, *self.grid, *(() if self.channels is None else self.channels[:1]))

    @property
    def result_shape(self) -> tuple[int, ...]:
        """H's shape, channels last."""
        places = tuple(-(-n // self.stride) for n in self.grid)
        return (*self._batch, *places, *(() if self.channels is None else self.channels[1:]))

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """V's shape: the window, then C and D, or C alone where channels don't mix."""
        if self.channels is None:
            return self.window
        return (*self.window, *(self.channels[:1] if self.depthwise else self.channels))

    @property
    def _batch(self) -> tuple[int, ...]:
        return () if self.batch is None else (self.batch,)

    @property
    def operations(self) -> int:
        """Multiplications and additions of the sums as written, separable windows axis by axis."""
        each = sum(self.window) if self.separable else self.taps
        return 2 * prod(self.result_shape) * each

    @property
    def bytes(self) -> int:
        """What must be read and written at least."""
        weights = sum(self.window) if self.separable else prod(self.weight_shape)
        return np.dtype(self.dtype).itemsize * (prod(self.input_shape) + weights + prod(self.result_shape))

    @property
    def roundings(self) -> Roundings:
        """Of the sums as written, in any order: T products of f entries; see derive/ir/rounding.py."""
        factors = 1 + len(self.window) if self.separable else 2
        return Roundings(q=self.taps + factors - 1, p=self.taps * (factors - 1), deep=factors - 2)

    @property
    def says(self) -> str:
        """One line for people."""
        size = "×".join(map(str, self.grid))
        window = "×".join(map(str, self.window))
        parts = [f"{window} on {size}"]
        if self.channels is not None:
            parts.append(f"{self.channels[0]} channels" if self.depthwise else "→".join(map(str, self.channels)))
        parts += [f"batch {self.batch}"] * (self.batch is not None)
        parts += [f"stride {self.stride}"] * (self.stride != 1)
        parts += ["separable"] * self.separable
        parts += [self.dtype] * (self.dtype != "float32")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True, eq=False)
class Arrays:
    """The data, the weights, the biases, and the window's factors where it has any."""

    X: np.ndarray
    V: np.ndarray
    u: np.ndarray
    factors: tuple[np.ndarray, ...] = ()


def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """A new array that begins where a line of the cache does."""
    size = prod(shape) * np.dtype(dtype).itemsize
    room = np.empty(size + _LINE, np.uint8)
    begin = -room.ctypes.data % _LINE
    made: np.ndarray = room[begin : begin + size].view(dtype).reshape(shape)
    return made


def arrays(problem: Problem) -> Arrays:
    """Uniform on [-1, 1); without channels the bias is 0, since most libraries have none there.

    V of a separable window is the product of the factors in float64, rounded once.
    """
    draw = np.random.default_rng(_SEED)

    def uniform(shape: tuple[int, ...]) -> np.ndarray:
        made, wide = empty(shape, problem.dtype), np.dtype(problem.dtype)
        draw.random(dtype=wide.type, out=made)
        made *= 2
        made -= 1
        return made

    X = uniform(problem.input_shape)
    if problem.separable:
        factors = tuple(uniform((side,)) for side in problem.window)
        V = factors[0].astype(np.float64)
        for factor in factors[1:]:
            V = np.multiply.outer(V, factor.astype(np.float64))
        return Arrays(X, V, np.zeros((), X.dtype), factors)
    bias = np.zeros((), X.dtype) if problem.channels is None else uniform(problem.channels[1:])
    return Arrays(X, uniform(problem.weight_shape), bias)
