"""What a layer takes: reading arguments, and holding their shapes against the letters."""

import inspect
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from .constants import Constant
from .device import from_other_library
from .errors import ArgumentError, DTypeError, ShapeError, SizeError
from .letters import axes_of, in_letters, in_numbers, parity_hint

__all__ = ["Fit", "Shapes", "Signature", "Sizes"]

Sizes = Callable[..., dict[str, int]]
Shapes = Callable[..., dict[str, tuple[int, ...]]]


@lru_cache(maxsize=1024)
def _keyword_sizes(sizes: Sizes, arrays: int) -> dict[str, bool]:
    """The sizes that `sizes` takes after its arrays, and whether each must be given."""
    parameters = list(inspect.signature(sizes).parameters.values())[arrays:]
    return {parameter.name: parameter.default is parameter.empty for parameter in parameters}


class _NoShape(Exception):
    """A shape was asked for that nobody gave."""


class _Shapeless:
    """Stands for an array that was left out."""

    @property
    def shape(self) -> tuple[int, ...]:
        """There is none."""
        raise _NoShape


@dataclass(frozen=True, slots=True)
class Fit:
    """Arguments that fit: the sizes, every array's shape without batch axes, and the batch axes."""

    sizes: Mapping[str, int]
    shapes: Mapping[str, tuple[int, ...]]
    batch: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """The names of a layer's arrays, their shapes in letters, and the two functions that evaluate them.

    `sizes(*arrays, **keyword sizes)` reads the sizes off the arrays; `shapes(**sizes)` gives every
    array's shape, the result's included, without batch axes. The arrays named in `batched` share any batch
    axes; `constants` are those that no caller gives. `told` are the sizes that the result's shape tells where
    no argument's does, size: (axis, factor, offset) for an extent factor·size + offset. With a `cotangent` the
    signature is of the layer's gradients, and takes that last: an array like the result.
    """

    name: str
    xp: ModuleType
    arrays: tuple[str, ...]
    batched: tuple[str, ...]
    result: str
    letters: Mapping[str, str]
    sizes: Sizes
    shapes: Shapes
    constants: Mapping[str, Constant] = field(default_factory=dict)
    told: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    cotangent: str = ""

    @property
    def given(self) -> tuple[str, ...]:
        """The letters of what a caller gives, in order."""
        own = tuple(key for key in self.arrays if key not in self.constants)
        return (*own, self.cotangent) if self.cotangent else own

    def bind(self, positional: tuple[Any, ...], named: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, int]]:
        """The value given for each array, in the layer's order, and the sizes given by keyword.

        Raises ArgumentError for one too many, unknown, given twice or missing; SizeError for a size.
        """
        names = self.given
        takes = f"{self.name} takes {', '.join(names)}"
        if len(positional) > len(names):
            raise ArgumentError(f"{takes}; {len(positional)} arguments were given.")
        given = dict(zip(names, positional, strict=False))
        free = _keyword_sizes(self.sizes, len(self.arrays))
        sizes = {}
        for key, value in named.items():
            if key in given:
                raise ArgumentError(f"{self.name}: {key} was given by position and by keyword.")
            if key in names:
                given[key] = value
            elif key in free:
                sizes[key] = self._natural(key, value)
            else:
                options = [*free, *([] if self.cotangent else ["out"])]
                raise ArgumentError(f"{takes}{''.join(f', {option}=' for option in options)}; not {key}=.")
        for key in names:
            if key not in given:
                raise ArgumentError(f"{takes}; {key} is missing.")
        for key, needed in free.items():
            if needed and key not in sizes and not (self.cotangent and key in self.told):
                raise SizeError(f"{self.name}: no shape determines {key}; give it by keyword, as {key}=2.")
        return {key: given[key] for key in names}, sizes

    def told_sizes(self, arrays: Mapping[str, Any], given: Mapping[str, int] | None = None) -> dict[str, int]:
        """The sizes that some arrays tell, where those that are missing tell none that the others don't.

        Raises ShapeError where they do.
        """
        shapes = _Shapeless()
        full = {**dict.fromkeys(self.arrays, shapes), **self.constants, **arrays}
        try:
            return self.sizes(*(full[key] for key in self.arrays), **(given or {}))
        except _NoShape as cause:
            missing = [key for key in self.arrays if full[key] is shapes]
            raise ShapeError(f"{self.name}: the shape of {missing[0]} tells a size, so it must be given.") from cause

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
                value = from_other_library(self.xp, value)
            except (TypeError, ValueError, BufferError, RuntimeError) as error:
                reason = str(error).split(". ")[0].rstrip(".")
                raise ArgumentError(f"{self.name}: {key} can't be read as an array: {reason}.") from error
        if isinstance(value, np.ma.MaskedArray):
            raise ArgumentError(f"{self.name}: {key} is a masked array; fill it, as in {key}.filled(0).")
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

    def _axes(self, key: str) -> tuple[str, ...]:
        return axes_of(self.letters[self._like(key)])

    def _like(self, key: str) -> str:
        """The array whose shape this one has: itself, or the result for the gradient by the result."""
        return self.result if key == self.cotangent else key

    def _check_axes(self, key: str, shape: tuple[int, ...]) -> None:
        axes, batched = self._axes(key), self._like(key) in self.batched
        if len(shape) != len(axes) and not (batched and len(shape) > len(axes)):
            least, plural = "at least " if batched else "", "axis" if len(axes) == 1 else "axes"
            number = f"{least}{len(axes)} {plural}, {in_letters(axes, batched)}"
            needs = number if axes or batched else "a single number"
            raise ShapeError(f"{self.name}: {key} has shape {shape}; it needs {needs}{self._owner(key)}.")
        for axis, extent in zip(axes, shape[len(shape) - len(axes) :], strict=True):
            if extent == 0:
                raise ShapeError(f"{self.name}: {key} has shape {shape}; its axis {axis} must not be empty.")

    def _owner(self, key: str) -> str:
        return f", as {self.result} has" if key == self.cotangent else ""

    def measure(self, arrays: Mapping[str, Any], given: Mapping[str, int]) -> Fit:
        """The sizes, the shapes that they give, and the batch axes that the batched arrays have in common.

        Raises ShapeError where an array's shape isn't the one that the sizes ask for.
        """
        known = {**given, **self._from_result(arrays, given)}
        sizes = self.sizes(*(arrays[key] if key in arrays else self.constants[key] for key in self.arrays), **known)
        shapes = self.shapes(**sizes)
        own = {key: array for key, array in arrays.items() if key != self.cotangent}
        for key, array in {**own, **self.constants}.items():
            self._check_shape(key, array.shape, shapes[key], sizes)
        shape, axes = shapes[self.result], axes_of(self.letters[self.result])
        if min(shape, default=1) < 1:
            raise ShapeError(
                f"{self.name}: {self.result} would have shape {in_letters(axes)}"
                f"{in_numbers(axes, shape, sizes)}; every extent must be at least 1."
            )
        if self.cotangent:
            self._check_shape(self.cotangent, arrays[self.cotangent].shape, shape, sizes)
        return Fit(sizes, shapes, self._batch(arrays))

    def _check_shape(self, key: str, shape: tuple[int, ...], needed: tuple[int, ...], sizes: Mapping[str, int]) -> None:
        axes = self._axes(key)
        actual = shape[len(shape) - len(axes) :]
        if actual != needed:
            raise ShapeError(
                f"{self.name}: {key} has shape {shape}; it needs {in_letters(axes, len(shape) > len(axes))}"
                f"{self._owner(key)}{in_numbers(axes, needed, sizes)}{parity_hint(axes, actual)}."
            )

    def _batch(self, arrays: Mapping[str, Any]) -> tuple[int, ...]:
        """The leading axes, the same for every batched array."""
        leading = {
            key: array.shape[: array.ndim - len(self._axes(key))]
            for key, array in arrays.items()
            if self._like(key) in self.batched
        }
        first = next(iter(leading), "")
        for key, batch in leading.items():
            if batch != leading[first]:
                raise ShapeError(
                    f"{self.name}: {key} has shape {arrays[key].shape}; its batch axes must be {leading[first]}, "
                    f"those of {first}."
                )
        return leading[first] if leading else ()

    def _from_result(self, arrays: Mapping[str, Any], given: Mapping[str, int]) -> dict[str, int]:
        """The sizes that only the shape of the gradient by the result tells."""
        found: dict[str, int] = {}
        if not self.cotangent:
            return found
        axes, shape = axes_of(self.letters[self.result]), arrays[self.cotangent].shape
        for size, (axis, factor, offset) in self.told.items():
            number, rest = divmod(shape[axis - len(axes)] - offset, factor)
            if size not in given:
                if rest or number < 0:
                    raise ShapeError(
                        f"{self.name}: {self.cotangent} has shape {shape}; it needs "
                        f"{in_letters(axes, len(shape) > len(axes))}{self._owner(self.cotangent)}, "
                        f"for a natural number {size}."
                    )
                found[size] = number
        return found
