"""What finds a faulty kernel: faults of launches, wrong results on whole numbers, and exact arithmetic modulo a prime."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from derive.compiled import load_source
from derive.cuda_check import MERSENNE_61, SCHEDULES, standing_in_for_cupy
from derive.registry import find
from tests.ladder.checks import whole_numbers
from tests.ladder.layouts import LAYOUTS
from tests.ladder.subjects import Arrays, Sizes, Subject, entry_of

__all__ = ["Case", "alone", "cases", "killed", "loaded", "runtime_module", "with_runtime"]

STEPS = 1 << 14
TYPES = ("float32", "float64", "int64", "float16")


def alone(name: str) -> str:
    """A layer's CuPy module without its gradients."""
    entry = entry_of(name)
    text: str = find("derive.backends", "cupy").emit(entry.program("cupy"), entry.header("cupy"))
    return text


def loaded(name: str, text: str) -> Any:
    """The layer of an emitted text."""
    with standing_in_for_cupy():
        return getattr(load_source(text, "cupy"), name)


def runtime_module(name: str) -> ModuleType:
    """A module of the runtime that emitted modules import."""
    with standing_in_for_cupy():
        load_source(f"from .._runtime import {name}", "cupy")
    return sys.modules[f"derive_compiled._runtime.{name}"]


@contextmanager
def with_runtime(text: str) -> Iterator[None]:
    """Modules that are loaded inside the `with` block launch by another text of the runtime's `cuda.py`."""
    with standing_in_for_cupy():
        load_source("from .._runtime import cuda", "cupy")
    own = sys.modules["derive_compiled._runtime.cuda"]
    changed = ModuleType(own.__name__)
    changed.__package__ = own.__package__
    sys.modules[own.__name__] = changed
    try:
        exec(compile(text, "<cuda.py>", "exec"), vars(changed))
        yield
    finally:
        sys.modules[own.__name__] = own


@dataclass(frozen=True)
class Case:
    """Arguments of a layer, and what NumPy makes of them."""

    arrays: Arrays
    stated: dict[str, int]
    wanted: np.ndarray
    dtype: str
    steps: int = STEPS

    def passes(self, kernel: Any, turn: int) -> bool:
        """Whether the kernel gives the same, in the same type."""
        with standing_in_for_cupy(schedule=SCHEDULES[turn % 3], seed=turn, step_limit=self.steps) as cupy:
            layout = LAYOUTS["every second" if turn % 2 else "contiguous"]
            given = [layout(cupy, cupy.asarray(self.arrays[name])) for name in kernel.arguments]
            got = kernel(*given, **self.stated).get()
        return got.dtype == self.dtype and np.array_equal(got, self.wanted)

    def modulo(self, kernel: Any) -> list[int]:
        """The same on random residues of float64's width."""
        draw = np.random.default_rng(0)
        drawn = {name: draw.integers(0, 1 << 60, np.shape(a)) for name, a in self.arrays.items()}
        with standing_in_for_cupy(prime=MERSENNE_61, step_limit=self.steps) as cupy:
            given = [cupy.asarray(drawn[name].astype(object), np.float64) for name in kernel.arguments]
            values: list[int] = kernel(*given, **self.stated).get().ravel().tolist()
        return values


def cases(
    of: Subject, every: Sequence[Sizes], types: tuple[str, ...] = TYPES[:1], items: int = 2, steps: int = STEPS
) -> list[Case]:
    """All sizes in each type, the first three with a batch."""
    made = []
    for turn, sizes in enumerate(every):
        for dtype in types:
            arrays = whole_numbers(of, sizes, (dtype,) * 3, (items,) if turn < 3 else (), seed=turn)
            whole = {name: a if a.dtype == object else a.astype(np.int64) for name, a in arrays.items()}
            made.append(Case(arrays, of.stated(sizes), of(whole, sizes), dtype, steps))
    return made


def killed(make: Callable[[], Any], every: Sequence[Case], exact: list[int]) -> str | None:
    """What tells a faulty kernel from the right one, whose residues in the first case are `exact`; None if nothing does."""
    try:
        kernel = make()
        for turn, case in enumerate(every):
            if not case.passes(kernel, turn):
                return "another result"
        return None if every[0].modulo(kernel) == exact else "another residue"
    except Exception as fault:  # noqa: BLE001 - the right kernel raises nothing
        return f"{type(fault).__name__}: {fault}"
