"""What an adapter is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from derive.bench.problem import Arrays, Problem

__all__ = ["Adapter", "Family", "Participant"]


@dataclass(frozen=True, slots=True, eq=False)
class Participant:
    """A prepared problem: `call()` computes it, `read(what call gave)` is H with channels last.

    `fourier`: the library may have transformed, and is held to that bound. `multiple` is the algorithm's own bound where it
    has one. `note` says what a reader of the figures should know.
    """

    call: Callable[[], Any]
    read: Callable[[Any], np.ndarray]
    fourier: bool = False
    multiple: float | None = None
    note: str = ""


Adapter = Callable[[Problem, Arrays, int], Participant]


@dataclass(frozen=True, slots=True)
class Family:
    """One library: its module's name, its package's, how it is told the number of threads, and its functions by name."""

    module: str
    package: str
    start: Callable[[int], None]
    adapters: Mapping[str, Adapter]
