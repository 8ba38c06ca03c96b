"""What a check is about: one emitted kernel with the derivation and the program that it came from."""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from math import lcm
from types import ModuleType
from typing import Any

import numpy as np
from sympy import Symbol

import generated
from derive.checking import small_sizes
from derive.compiled import load_source
from derive.cuda_check import NoCompiler, find_compiler, standing_in_for_cupy
from derive.derivation import Derivation
from derive.forms.form import Form
from derive.ir.nodes import Contract, MultiplyAdd, Program, walk
from derive.ir.rounding import Roundings, roundings
from derive.lowering import batched
from derive.pipeline import Layer, layer
from derive.registry import names
from tests.ladder.structures import SKIPPING, STRUCTURES
from tests.shipped import text_of

__all__ = [
    "ELSEWHERE",
    "LAYERS",
    "SUBJECTS",
    "Arrays",
    "Sizes",
    "Subject",
    "algorithms",
    "entry_of",
    "has_compiler",
    "mutant",
    "signs",
    "sizes_of",
    "subject",
]

Arrays = Mapping[str, np.ndarray]
Sizes = Mapping[Symbol, int]
MOST = 240
LAYERS = names("derive.catalogue")
SUBJECTS = (*LAYERS, *STRUCTURES)
ELSEWHERE = (("strided_channels", "phased"),)  # algorithms of layers that aren't shipped


def signs(constants: Mapping[str, Any]) -> dict[str, bool]:
    """Which arrays that a kernel brings along hold 1, -1 and 0 alone."""
    return {key: c.denominator == 1 and {*c.entries} <= {-1, 0, 1} for key, c in constants.items()}


@dataclass(frozen=True)
class Subject:
    """`kernel` is the public object of an emitted module, held to one `algorithm`; `text` is the module's source."""

    name: str
    backend: str
    derivation: Derivation
    program: Program
    text: str
    kernel: Any
    algorithm: str = "direct"

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

    @property
    def batched(self) -> frozenset[str]:
        """The letters of the arrays that have batch axes."""
        return batched(self.form)

    @property
    def unit(self) -> int:
        """The common denominator of the layer's constants."""
        return lcm(*(int(v.q) for p in self.form.params for v in p.values or ()))

    @property
    def dyadic(self) -> bool:
        """Whether floats hold every constant of the layer, so that sums of small integers are exact."""
        return self.unit.bit_count() == 1

    @property
    def factors(self) -> int:
        """How many entries a term multiplies, two or more."""
        return max([2, *(len(n.factors) for n in walk(self.program.body) if isinstance(n, (MultiplyAdd, Contract)))])

    def roundings(self, sizes: Sizes, items: int = 1) -> Roundings:
        """What its program rounds, over so many items of a batch where it adds them up."""
        known = dict(sizes) if self.program.batch is None else {**sizes, self.program.batch: items}
        return roundings(self.program, known, signs(self.kernel.constants))

    def stated(self, sizes: Sizes, gradient: bool = False) -> dict[str, int]:
        """The sizes that callers give by keyword; for gradients those that the result's shape doesn't tell either."""
        takes = list(inspect.signature(self.kernel.sizes).parameters)[len(self.kernel.arrays) :]
        told = self.kernel.told if gradient else ()
        return {s.name: v for s, v in sizes.items() if s.name in takes and s.name not in told}

    def __call__(self, arrays: Arrays, sizes: Sizes) -> np.ndarray:
        """The public entry on NumPy arrays, back as a NumPy array."""
        with self.machine() as xp:
            given = (xp.asarray(arrays[name]) for name in self.kernel.arguments)
            result = self.kernel(*given, **self.stated(sizes))
            return np.asarray(result if xp is np else result.get())


def has_compiler() -> bool:
    """Whether CUDA text can run here."""
    try:
        find_compiler()
    except NoCompiler:
        return False
    return True


def _kernel(name: str, text: str, backend: str, algorithm: str = "direct") -> Any:
    if backend == "numpy":
        kernel = getattr(load_source(text, backend), name)
        swept = {key: replace(gradient, algorithms=()) for key, gradient in kernel.gradients.items()}
        kernel = replace(kernel, gradients=swept)
        return replace(kernel, algorithms=(), work=None) if algorithm == "direct" else kernel.using(algorithm)
    with standing_in_for_cupy():
        return getattr(load_source(text, backend), name)


@lru_cache
def entry_of(name: str) -> Layer:
    """A catalogue entry, or one of the structures beside it."""
    beside = next((known for known in (STRUCTURES, SKIPPING) if name in known), None)
    return layer(name) if beside is None else Layer(name, beside[name], name, "emit", "page")


@lru_cache
def subject(name: str, backend: str = "numpy", algorithm: str = "direct") -> Subject:
    """The kernel of a catalogue entry, or of one of the structures beside it, for one backend, by one of its algorithms."""
    entry = entry_of(name)
    text = text_of(entry, backend)
    kernel = _kernel(name, text, backend, algorithm)
    return Subject(name, backend, entry.derivation, entry.program(backend), text, kernel, algorithm)


@lru_cache
def algorithms() -> tuple[tuple[str, str], ...]:
    """Every layer with each of its algorithms besides direct sums, by the shipped modules, which need no derivation.

    An algorithm that no shipped layer has climbs on another one.
    """
    shipped = ((name, algorithm.name) for name in LAYERS for algorithm in getattr(generated, name).numpy.algorithms)
    return (*shipped, *ELSEWHERE)


def mutant(original: Subject, text: str) -> Subject:
    """The subject with other text in the place of its own."""
    return replace(original, text=text, kernel=_kernel(original.name, text, original.backend, original.algorithm))


@lru_cache
def sizes_of(name: str, most: int = 4) -> tuple[dict[Symbol, int], ...]:
    """Small values of a layer's sizes: with 1, unequal ones, Delta 0 and Delta beyond the image; drawn ones of too many."""
    found = [sizes for sizes in small_sizes(entry_of(name).derivation.form) if max(sizes.values(), default=0) <= most]
    kept = sorted(random.Random(0).sample(range(len(found)), min(MOST, len(found))))
    return tuple(found[place] for place in kept)
