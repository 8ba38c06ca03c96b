"""What a layer takes: reading arguments, and holding their shapes against the letters."""

import inspect
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from .errors import ArgumentError, DTypeError, ShapeError, SizeError
from .letters import axes_of, in_letters, in_numbers, parity_hint

__all__ = ["Shapes", "Signature", "Sizes"]

Sizes = Callable[..., dict[str, int]]
Shapes = Callable[..., dict[str, tuple[int, ...]]]


@lru_cache(maxsize=1024)
def _keyword_sizes(sizes: Sizes, arrays: int) -> dict[str, bool]:
    """The sizes that `sizes` takes after its arrays, and whether each must be given."""
    parameters = list(inspect.signature(sizes).parameters.values())[arrays:]
    return {parameter.name: parameter.default is parameter.empty for parameter in parameters}


@dataclass(frozen=True, slots=True)
class Signature:
    """The names of a layer's arrays, their shapes in letters, and the two functions that evaluate them.

    `sizes(*arrays, **keyword sizes)` reads the sizes off the arrays; `shapes(**sizes)` gives every
    array's shape, the result's included, without batch axes.
    """

    name: str
    xp: ModuleType
    arrays: tuple[str, ...]
    data: str
    result: str
    letters: Mapping[str, str]
    sizes: Sizes
    shapes: Shapes

    def bind(self, positional: tuple[Any, ...], named: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, int]]:
        """The value given for each array, in the layer's order, and the sizes given by keyword.

        Raises ArgumentError for one too many, unknown, given twice or missing; SizeError for a size.
        """
        takes = f"{self.name} takes {', '.join(self.arrays)}"
        if len(positional) > len(self.arrays):
            raise ArgumentError(f"{takes}; {len(positional)} arguments were given.")
        given = dict(zip(self.arrays, positional, strict=False))
        free = _keyword_sizes(self.sizes, len(self.arrays))
        sizes = {}
        for key, value in named.items():
            if key in given:
                raise ArgumentError(f"{self.name}: {key} was given by position and by keyword.")
            if key in self.arrays:
                given[key] = value
            elif key in free:
                sizes[key] = self._natural(key, value)
            else:
                raise ArgumentError(f"{takes}{''.join(f', {size}=' for size in free)}, out=; not {key}=.")
        for key in self.arrays:
            if key not in given:
                raise ArgumentError(f"{takes}; {key} is missing.")
        for key, needed in free.items():
            if needed and key not in sizes:
                raise SizeError(f"{self.name}: no shape determines {key}; give it by keyword, as {key}=2.")
        return {key: given[key] for key in self.arrays}, sizes

    def _natural(self, key: str, value: Any) -> int:
        try:
            number = operator.index(value)
        except TypeError:
            number = -1
        if number < 0:
            raise SizeError(f"{self.name}: {key} is {value!r}; it must be a natural number.")
        return number

    def read(self, key: str, value: Any) -> Any:
        """`value` as an array of the module, of real numbers, with the axes that its letters name.

        Raises ArgumentError if it is no array, DTypeError for its element type, ShapeError for its axes.
        """
        if not isinstance(value, self.xp.ndarray):
            try:
                value = np.asarray(value)
            except (TypeError, ValueError) as error:
                reason = str(error).split(". ")[0].rstrip(".")
                raise ArgumentError(f"{self.name}: {key} can't be read as an array: {reason}.") from error
        if value.dtype.kind not in "biuf":
            raise DTypeError(
                f"{self.name}: {key} has dtype {value.dtype}; it needs real numbers: bool, integer or float."
            )
        if value.dtype.kind == "f" and value.dtype.itemsize > 8 and self.xp is not np:
            raise DTypeError(
                f"{self.name}: {key} has dtype {value.dtype}, which {self.xp.__name__} lacks; pass float64."
            )
        array = self.xp.asarray(value)
        self._check_axes(key, array.shape)
        return array

    def _check_axes(self, key: str, shape: tuple[int, ...]) -> None:
        axes, batched = axes_of(self.letters[key]), key == self.data
        if len(shape) != len(axes) and not (batched and len(shape) > len(axes)):
            least, plural = "at least " if batched else "", "axis" if len(axes) == 1 else "axes"
            needs = f"{least}{len(axes)} {plural}, {in_letters(axes, batched)}" if axes else "a single number"
            raise ShapeError(f"{self.name}: {key} has shape {shape}; it needs {needs}.")
        for axis, extent in zip(axes, shape[len(shape) - len(axes) :], strict=True):
            if extent == 0:
                raise ShapeError(f"{self.name}: {key} has shape {shape}; its axis {axis} must not be empty.")

    def measure(self, arrays: Mapping[str, Any], given: Mapping[str, int]) -> tuple[int, ...]:
        """The result's shape: the data's batch axes, then what the sizes make of the result's letters.

        Raises ShapeError where an array's shape isn't the one that the sizes ask for.
        """
        sizes = self.sizes(*arrays.values(), **given)
        shapes = self.shapes(**sizes)
        for key, array in arrays.items():
            axes, needed = axes_of(self.letters[key]), shapes[key]
            actual = array.shape[array.ndim - len(axes) :]
            if actual != needed:
                raise ShapeError(
                    f"{self.name}: {key} has shape {array.shape}; it needs "
                    f"{in_letters(axes, key == self.data and array.ndim > len(axes))}"
                    f"{in_numbers(axes, needed, sizes)}{parity_hint(axes, actual)}."
                )
        shape, axes = shapes[self.result], axes_of(self.letters[self.result])
        if min(shape, default=1) < 1:
            raise ShapeError(
                f"{self.name}: {self.result} would have shape {in_letters(axes)}"
                f"{in_numbers(axes, shape, sizes)}; every extent must be at least 1."
            )
        data = arrays[self.data]
        batch: tuple[int, ...] = data.shape[: data.ndim - len(axes_of(self.letters[self.data]))]
        return batch + shape
