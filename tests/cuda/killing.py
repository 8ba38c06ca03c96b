"""What finds a faulty kernel: faults of launches, wrong results on whole numbers, and exact arithmetic modulo a prime."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import pytest

from derive.compiled import load_source
from derive.cuda_check import (
    MERSENNE_61,
    SCHEDULES,
    RawModule,
    fake_cupy,
    prebuild_modules,
    raw_module,
    standing_in_for_cupy,
)
from tests.ladder.checks import whole_numbers
from tests.ladder.layouts import LAYOUTS
from tests.ladder.subjects import Arrays, Sizes, Subject

__all__ = [
    "STEPS",
    "TYPES",
    "Case",
    "Residues",
    "blocks_of",
    "cases",
    "fate",
    "launched",
    "loaded",
    "prebuilt",
    "runtime_module",
    "with_runtime",
]

STEPS = 1 << 14
THREADS = (8, 256)  # of a block of `CudaKernel`, in turn: few of them tell what many hide
TYPES = ("float32", "float64", "int64", "float16")
_RUNTIME = "derive_compiled._runtime."


def loaded(name: str, text: str) -> Any:
    """The layer of an emitted text."""
    with standing_in_for_cupy():
        return getattr(load_source(text, "cupy"), name)


def runtime_module(name: str) -> ModuleType:
    """A module of the runtime that emitted modules import."""
    with standing_in_for_cupy():
        load_source(f"from .._runtime import {name}", "cupy")
    return sys.modules[_RUNTIME + name]


@contextmanager
def with_runtime(name: str, text: str) -> Iterator[None]:
    """Functions and methods of a module of the runtime are those of another text while the `with` block lasts."""
    own = runtime_module(name)
    changed = ModuleType(own.__name__)
    changed.__package__ = own.__package__
    sys.modules[own.__name__] = changed  # dataclasses look their module up
    try:
        exec(compile(text, f"<{name}.py>", "exec"), vars(changed))
    finally:
        sys.modules[own.__name__] = own
    kept = list(_replaced(own, changed))
    vars(changed).update({key: kind for key, kind in vars(own).items() if isinstance(kind, type)})
    try:
        for holder, key, _, new in kept:
            setattr(holder, key, new)
        yield
    finally:
        for holder, key, old, _ in kept:
            setattr(holder, key, old)


def _replaced(own: ModuleType, changed: ModuleType) -> Iterator[tuple[Any, str, Any, Any]]:
    """Where a function is found, under which name, and what stands there in its stead: methods, and what was imported."""
    holders = [module for name, module in sys.modules.items() if name.startswith(_RUNTIME)]
    for key, value in list(vars(own).items()):
        if isinstance(value, type) and value.__module__ == own.__name__:
            for method, old in list(vars(value).items()):
                own_code = isinstance(old, (FunctionType, property)) and not method.startswith("__")
                if own_code or method == "__call__":
                    yield value, method, old, vars(getattr(changed, key))[method]
        elif isinstance(inspect.unwrap(value), FunctionType) and value.__module__ == own.__name__:
            yield from ((h, key, value, vars(changed)[key]) for h in holders if vars(h).get(key) is value)


def _between(cupy: Any, array: Any) -> Any:
    """The same, without gaps, one entry behind a place where wide accesses may begin."""
    if array.ndim == 0:
        return array
    whole = cupy.zeros(array.size + 1, dtype=array.dtype)
    part = whole[1:].reshape(array.shape)
    part[...] = array
    return part


_PLACED: tuple[Callable[[Any, Any], Any], ...] = (LAYOUTS["contiguous"], LAYOUTS["every second"], _between)


@dataclass(slots=True)
class Taken:
    """Blocks of threads that were launched, and bytes of arrays that were made."""

    blocks: int = 0
    bytes: int = 0


@contextmanager
def launches(threads: int) -> Iterator[Taken]:
    """What is taken inside the `with` block, where `CudaKernel` has so many threads a block."""
    taken = Taken()
    launched_as_before, made_as_before = raw_module.launch, fake_cupy.allocate

    def launch(kernel: Any, grid: tuple[int, ...], *rest: Any) -> Any:
        taken.blocks += prod(grid)
        return launched_as_before(kernel, grid, *rest)

    def allocate(*told: Any) -> Any:
        made = made_as_before(*told)
        taken.bytes += made.nbytes
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(raw_module, "launch", launch)
        patch.setattr(fake_cupy, "allocate", allocate)
        patch.setitem(sys.modules[_RUNTIME + "cuda"].CudaKernel.__call__.__globals__, "_BLOCK", threads)
        yield taken


@dataclass(frozen=True)
class Case:
    """Arguments of a layer, and what NumPy makes of them; results of programs that round are the nearest whole numbers.

    Of `turn` depend the order of threads, and where arrays and the result lie. `taken` is what the right kernel takes of a device.
    """

    arrays: Arrays
    stated: dict[str, int]
    wanted: np.ndarray
    dtype: str
    turn: int
    threads: int
    steps: int = STEPS
    rounded: bool = False
    taken: Taken | None = None
    prime: int | None = None

    def counted(self, kernel: Any) -> Case:
        """With what the right kernel takes, which does nothing wrong."""
        got, taken = self.run(kernel)
        assert self.agrees(got), self
        return replace(self, taken=taken)

    def found(self, kernel: Any) -> str | None:
        """What the kernel does wrong, if anything: another result, or one of another type, or more taken than need be."""
        got, taken = self.run(kernel)
        if not self.agrees(got):
            return "another result"
        return None if taken == self.taken else "other blocks or bytes"

    def agrees(self, got: np.ndarray) -> bool:
        """Whether a result has the values and the type that are wanted."""
        return bool(got.dtype == self.dtype and np.array_equal(np.rint(got) if self.rounded else got, self.wanted))

    def run(self, kernel: Any) -> tuple[np.ndarray, Taken]:
        """What a kernel makes of the arguments, and what it takes."""
        placed, other = _PLACED[self.turn % 3], _PLACED[(self.turn + 1) % 3]
        settings = {"schedule": SCHEDULES[self.turn % 3], "seed": self.turn, "step_limit": self.steps}
        with standing_in_for_cupy(**settings) as cupy, launches(self.threads) as taken:
            given = [placed(cupy, cupy.asarray(self.arrays[name])) for name in kernel.arguments]
            out = other(cupy, cupy.zeros(self.wanted.shape, dtype=self.dtype)) if self.turn % 3 else None
            got = kernel(*given, **self.stated, out=out).get()
        return got, taken


@dataclass(frozen=True)
class Residues:
    """Random residues of float64's width in the place of a case's arguments, and what the right kernel makes of them."""

    case: Case
    wanted: list[int]
    prime: int = MERSENNE_61

    @classmethod
    def of(cls, case: Case, kernel: Any) -> Residues:
        return cls(case, cls(case, []).values(kernel))

    def values(self, kernel: Any) -> list[int]:
        draw = np.random.default_rng(0)
        drawn = {name: draw.integers(0, 1 << 60, np.shape(a)) for name, a in self.case.arrays.items()}
        with standing_in_for_cupy(prime=self.prime, step_limit=self.case.steps) as cupy:
            given = [cupy.asarray(drawn[name].astype(object), np.float64) for name in kernel.arguments]
            values: list[int] = kernel(*given, **self.case.stated).get().ravel().tolist()
        return values

    def found(self, kernel: Any) -> str | None:
        """What the kernel does wrong, if anything."""
        return None if self.values(kernel) == self.wanted else "another residue"


def cases(
    of: Subject,
    sizes: Sizes,
    number: int,
    types: tuple[str, ...] = TYPES[:1],
    items: int = 2,
    steps: int = STEPS,
    rounded: bool = False,
) -> list[Case]:
    """Sizes in each type, with a batch where their number is one of the first three."""
    made: list[Case] = []
    for place, dtype in enumerate(types):
        arrays = whole_numbers(of, sizes, (dtype,) * 3, (items,) if number < 3 else (), seed=number)
        whole = {name: a if a.dtype == object else a.astype(np.int64) for name, a in arrays.items()}
        turn, threads = number * len(types) + place, THREADS[(number + place) % 2]
        made.append(Case(arrays, of.stated(sizes), of(whole, sizes), dtype, turn, threads, steps, rounded))
    return made


def fate(trial: Case | Residues, kernel: Any) -> str | None:
    """What a trial finds, whatever the kernel raises; None for one that does right."""
    try:
        return trial.found(kernel)
    except Exception as fault:  # noqa: BLE001 - the right kernel raises nothing
        return f"{type(fault).__name__}: {fault}"


def launched(kernel: Any) -> list[Any]:
    """Every function of CUDA C that a layer has compiled."""
    own = [v for v in kernel.body.__globals__.values() if not isinstance(v, type)]
    own += [part for several in own for part in getattr(several, "_kernels", ())]
    return [function for one in own for function in getattr(one, "_compiled", {}).values()]


def prebuilt(trial: Case | Residues, codes: Sequence[str], options: Sequence[tuple[str, ...]]) -> None:
    """Compiles what a trial launches, many texts at once."""
    modules = [RawModule(code=code, options=told) for told in options for code in codes]
    with standing_in_for_cupy(prime=trial.prime):
        prebuild_modules(modules)


def blocks_of(text: str) -> dict[str, str]:
    """The CUDA C of an emitted module, by the names that it has there."""
    return dict(re.findall(r'^([A-Z0-9_]+) = r"""(.*?)"""', text, re.M | re.S))


def kernels_in(text: str) -> list[str]:
    """The names of the kernels of an emitted module, or of one of its texts."""
    found = re.findall(r"__global__ void (\w+)\(", text)
    assert len(found) == text.count("__global__")
    return found
