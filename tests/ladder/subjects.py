"""What a check is about: one emitted kernel with the derivation and the program that it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np
from sympy import Symbol

from derive.checking import small_sizes
from derive.cuda_check import NoCompiler, find_compiler, standing_in_for_cupy
from derive.derivation import Derivation
from derive.forms.form import Form
from derive.ir.nodes import Program
from derive.pipeline import catalogue, layer, load_source

__all__ = ["LAYERS", "Arrays", "Sizes", "Subject", "has_compiler", "mutant", "sizes_of", "subject"]

Arrays = Mapping[str, np.ndarray]
Sizes = Mapping[Symbol, int]
LAYERS = tuple(entry.name for entry in catalogue())


@dataclass(frozen=True)
class Subject:
    """`kernel` is the public object of an emitted module; `text` is the module's source."""

    name: str
    backend: str
    derivation: Derivation
    program: Program
    text: str
    kernel: Any

    @property
    def form(self) -> Form:
        """What the kernel computes."""
        return self.derivation.form

    @property
    def data(self) -> str:
        """The letter of the input."""
        return self.form.input.name

    @contextmanager
    def machine(self) -> Iterator[ModuleType]:
        """The array module that the kernel takes, ready for launches while the `with` block lasts."""
        if self.backend == "numpy":
            yield np
            return
        with standing_in_for_cupy() as cupy:
            yield cupy

    def __call__(self, arrays: Arrays) -> np.ndarray:
        """The public entry on NumPy arrays, back as a NumPy array."""
        with self.machine() as xp:
            result = self.kernel(*(xp.asarray(arrays[name]) for name in self.kernel.arrays))
            return np.asarray(result if xp is np else result.get())


def has_compiler() -> bool:
    """Whether CUDA text can run here."""
    try:
        find_compiler()
    except NoCompiler:
        return False
    return True


def _kernel(name: str, text: str, backend: str) -> Any:
    if backend == "numpy":
        return getattr(load_source(text, backend), name)
    with standing_in_for_cupy():
        return getattr(load_source(text, backend), name)


@lru_cache
def subject(name: str, backend: str = "numpy") -> Subject:
    """A catalogue entry's kernel for one backend, as it is emitted."""
    entry = layer(name)
    text = entry.source(backend)
    kernel = _kernel(name, text, backend)
    return Subject(name, backend, entry.derivation, entry.program(backend), text, kernel)


def mutant(original: Subject, text: str) -> Subject:
    """The subject with other text in the place of its own."""
    return replace(original, text=text, kernel=_kernel(original.name, text, original.backend))


@lru_cache
def sizes_of(name: str, most: int = 4) -> tuple[dict[Symbol, int], ...]:
    """Every small value of a layer's sizes: with 1, unequal ones, Delta 0 and Delta beyond the image."""
    found = small_sizes(subject(name).form)
    return tuple(sizes for sizes in found if max(sizes.values()) <= most)
