"""Every emitted CUDA kernel against the NumPy kernel of its layer, on whole numbers, where both must give the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from inspect import signature
from types import ModuleType
from typing import Any

import numpy as np

from derive.cuda_check.driving import called, ways, wide

__all__ = ["disagreements", "layers"]

TYPES = ("float32", "float64", "int64", "float16")
_SMALL = (3, 5, 2, 7, 4, 6)
_ODD = 37  # a size that no block, tile or access divides


class _OnHost(np.ndarray):
    """An array of NumPy's that is fetched as one of CuPy's is."""

    def get(self) -> np.ndarray:
        """The same array."""
        return np.asarray(self)


def _numpy() -> ModuleType:
    """As much of a module of arrays as drawing arguments takes."""
    module = ModuleType("numpy")
    vars(module)["asarray"] = lambda values: np.asarray(values).view(_OnHost)
    return module


def layers() -> tuple[str, ...]:
    """All that are generated for both."""
    package = import_module("generated")
    return tuple(package.__all__)


def disagreements(cupy: Any, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each layer with a sentence about the first case in which a kernel of it or of a gradient differs, or none."""
    for name in names:
        own, other = (getattr(import_module(f"generated.{kind}.{name}"), name) for kind in ("cupy", "numpy"))
        cases = [(turn, sizes, layer) for turn, sizes in enumerate(_cases(other)) for _, layer in ways(own)]
        said = (_differs(layer, other, cupy, sizes, turn) for turn, sizes, layer in cases)
        yield name, next(filter(None, said), "")


def _cases(kernel: Any) -> Iterator[dict[str, int]]:
    """Few results, with radii up to beyond the image, and many."""
    names = list(signature(kernel.shapes).parameters)
    for turn in range(3):
        yield {name: _SMALL[(place + turn) % len(_SMALL)] for place, name in enumerate(names)}
    if (found := wide(kernel)) is not None:
        yield found
    windows = {axis.strip() for key in kernel.weights for axis in kernel.letters[key].split(",")}
    images = {axis.strip() for key in (kernel.data, kernel.result) for axis in kernel.letters[key].split(",")}
    odd = {name: _ODD if name in images and name not in windows else 17 if name in images else 2 for name in names}
    if max(int(np.prod(shape)) for shape in kernel.shapes(**odd).values()) <= 1 << 20:
        yield odd


def _differs(own: Any, other: Any, cupy: Any, sizes: dict[str, int], turn: int) -> str:
    """A sentence, where a result is another than NumPy's; '' where they agree, or where the layer refuses these sizes.

    NumPy computes with integers, directly, and what it gives is rounded once.
    """
    dtype = TYPES[turn % len(TYPES)]
    wanted, found = called(other, _numpy(), sizes, "int64", turn), called(own, cupy, sizes, dtype, turn)
    if wanted is None or found is None:
        return "" if wanted is None and found is None else f"one of both refuses {_said(sizes)}"
    most = max(int(np.prod(shape)) for shape in other.shapes(**sizes).values()) * 2
    for what, got, right in zip(("result", *(f"gradient by {a}" for a in own.arguments)), found, wanted, strict=False):
        if not _agree(got, right, most):
            return f"the {what} differs from NumPy's at {_said(sizes)} in {dtype}"
    return ""


def _agree(got: np.ndarray, right: np.ndarray, terms: int) -> bool:
    """The same entries; or, where constants are no whole numbers, as near as sums of so many terms are in any order.

    Entries are at most 3 and constants at most 1, so that |error| ≤ γ_q·9·terms with q = terms + 2, of both.
    """
    if right.dtype.kind == "i":
        with np.errstate(over="ignore"):
            return bool(got.shape == right.shape and np.array_equal(got, right.astype(got.dtype)))
    unit = (terms + 2) * float(np.finfo(got.dtype).eps)
    return bool(got.shape == right.shape and np.all(np.abs(got - right) <= 9 * terms * unit / (1 - min(unit, 0.5))))


def _said(sizes: dict[str, int]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in sizes.items())
