"""Which modules are broken: an emitted one for each design of launches, with the cases that tell a faulty one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tests.cuda.blocks import designed, direct, halos, tiles
from tests.cuda.killing import (
    STEPS,
    Case,
    Residues,
    blocks_of,
    cases,
    fate,
    launched,
    loaded,
    prebuilt,
    runtime_module,
)
from tests.cuda.mutants import Mutant, flag_mutants, function_mutants, kernel_mutants
from tests.cuda.parts import parted
from tests.ladder.subjects import subject

__all__ = ["BROKEN", "Broken"]

LONG = 1 << 17


@dataclass(frozen=True)
class Trial:
    """One thing that a kernel must do right, and with which options the right one's texts are compiled for it."""

    what: Case | Residues
    options: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Broken:
    """A design of a layer: the launches that take it, and sizes by letters; `program` is what the module calls it.

    One of products by the library has `knobs` with which tiles are several, and the last of them smaller. Of one with very many
    mutants so many are drawn `nightly`.
    """

    name: str
    layer: str
    letters: str
    sizes: tuple[tuple[int, ...], ...]
    launches: Callable[[], AbstractContextManager[None]] = nullcontext
    program: str = "direct"
    types: tuple[str, ...] = ("float32",)
    items: int = 2
    steps: int = STEPS
    rounded: bool = False
    knobs: tuple[tuple[str, int], ...] = ()
    nightly: int | None = None

    @property
    def text(self) -> str:
        """The emitted module, with all of its designs."""
        return subject(self.layer, "cupy").text

    @property
    def functions(self) -> tuple[str, ...]:
        """The functions that launch it."""
        return tuple(re.findall(rf"^def (_{self.program}(?:_fixed|_room)?)\(", self.text, re.M))

    def kernel(self, text: str) -> Any:
        """The layer of a text, by this design where that is one of products by the library."""
        found = loaded(self.layer, text)
        return found.using(self.program, **dict(self.knobs)) if self.knobs else found

    @lru_cache(maxsize=32)  # noqa: B019 - of a frozen table
    def trials(self) -> tuple[Trial, ...]:
        """All that a kernel must do right, as the right one does."""
        of = subject(self.layer)
        runtime_module("cuda")  # whose launches are made to take the design
        named = (dict(zip(self.letters.split(), sizes, strict=True)) for sizes in self.sizes)
        every = [{s: sizes[s.name] for s in of.form.sizes} for sizes in named]
        made = cases(of, every, self.types, self.items, self.steps, self.rounded, self.program == "direct")
        with self.launches():
            residues = Residues.of(made[0], self.kernel(self.text))
            return tuple(self._trial(what) for what in (*made, residues))

    def _trial(self, what: Case | Residues) -> Trial:
        """A trial of the right kernel, which stands it."""
        kernel = self.kernel(self.text)
        assert fate(what, kernel) is None, (self.name, what)
        return Trial(what, tuple(dict.fromkeys(f._module.options for f in launched(kernel))))

    @lru_cache(maxsize=32)  # noqa: B019 - of a frozen table
    def kernels(self) -> tuple[str, ...]:
        """The functions of CUDA C that all trials launch."""
        kernel = self.kernel(self.text)
        with self.launches():
            for trial in self.trials():
                fate(trial.what, kernel)
        names = tuple(dict.fromkeys(f.name for f in launched(kernel)))
        own = (f"{self.layer}_{self.program}", f"{self.layer}_fold")
        assert all(name.startswith(own) for name in names), names
        return names

    def mutants(self) -> list[Mutant]:
        """Of its kernels, and of the functions that launch them."""
        text = self.text
        return [
            *kernel_mutants(text, self.kernels()),
            *function_mutants(text, self.functions),
            *flag_mutants(text),
        ]

    def judged(self, mutants: Sequence[Mutant]) -> Iterator[tuple[Mutant, str | None]]:
        """Each mutant with what kills it: all are compiled for a trial, and those that outlive it for the next."""
        found: dict[Mutant, str] = {}
        own = blocks_of(self.text)
        for trial in self.trials():
            alive = [mutant for mutant in mutants if mutant not in found]
            changed = [code for m in alive for name, code in blocks_of(m.text).items() if code != own.get(name, code)]
            prebuilt(trial.what, changed, trial.options)
            for mutant in alive:
                if killer := self._fate(trial, mutant.text):
                    found[mutant] = killer
        return ((mutant, found.get(mutant)) for mutant in mutants)

    def fate(self, text: str) -> str | None:
        """What kills a text, if anything does."""
        return next((found for trial in self.trials() if (found := self._fate(trial, text))), None)

    def _fate(self, trial: Trial, text: str) -> str | None:
        with self.launches():
            return fate(trial.what, self.kernel(text))


BROKEN = (
    Broken(
        "direct",
        "conv2d",
        "n m Delta",
        ((4, 5, 1), (13, 18, 2), (2, 3, 4), (1, 257, 1)),
        direct,
        types=("float32", "float16"),
    ),
    Broken(
        "steps",
        "strided2d",
        "n m Delta",
        ((4, 5, 1), (26, 38, 2), (201, 5, 1), (1, 513, 1), (1, 512, 1), (512, 1, 1)),
        direct,
    ),
    Broken(
        "sums",
        "conv2d_channels_dV",
        "n m D Delta C",
        ((4, 5, 3, 1, 2), (3, 2, 6, 2, 3), (2, 3, 2, 4, 1), (2, 3, 257, 0, 1), (4, 3, 8, 3, 7), (1, 1, 16, 1, 16)),
        direct,
    ),
    Broken(
        "strips",
        "conv2d",
        "n m Delta",
        ((13, 24, 1), (2, 43, 1), (12, 22, 2), (9, 143, 0), (5, 9, 6)),
        lambda: designed("strips", 2, 4),
        "strips",
        ("float32", "float64", "float16"),
    ),
    # Tiles inside, aligned or not, and one that reads a row too many; a window beyond the image; more weights than threads.
    Broken(
        "halos",
        "conv2d",
        "n m Delta",
        ((51, 104, 1), (50, 104, 2), (49, 103, 2), (5, 9, 6), (56, 72, 8)),
        lambda: halos("halos", 3),
        "halos",
        ("float32", "float16"),
        steps=LONG,
    ),
    Broken(
        "passes",
        "separable2d",
        "n m Delta R",
        ((35, 104, 1, 2), (34, 104, 2, 1), (33, 103, 2, 1), (5, 9, 6, 1), (38, 72, 6, 5)),
        lambda: halos("passes", 2),
        "passes",
        steps=LONG,
        nightly=24,
    ),
    Broken(
        "tiles",
        "conv2d_channels",
        "n m Delta C D",
        ((6, 20, 1, 4, 20), (6, 20, 1, 4, 17), (6, 16, 1, 4, 20), (4, 16, 0, 4, 20)),
        tiles,
        "tiles",
        steps=LONG,
        nightly=24,
    ),
    # A last chunk of few rows, or of few items; a window beyond the image; many parts, as many and one; many results.
    Broken(
        "parts",
        "conv2d_channels_dV",
        "n m D Delta C",
        (
            (5, 2, 6, 1, 6),
            (3, 4, 10, 1, 11),
            (2, 3, 2, 4, 1),
            (40, 9, 1, 0, 1),
            (5, 13, 1, 0, 1),
            (257, 1, 1, 0, 1),
            (257, 1, 2, 0, 1),
            (2, 3, 257, 0, 1),
        ),
        lambda: parted(1 << 11),
        "parts",
        ("float32", "float16"),
        items=3,
    ),
    Broken(
        "shifts",
        "conv2d_channels",
        "n m Delta C D",
        ((7, 5, 1, 3, 4), (3, 6, 2, 2, 5), (2, 3, 3, 1, 2), (4, 3, 1, 2, 3)),
        program="shifts",
        types=("float32", "float16"),
        items=3,
        knobs=(("N", 2), ("R", 3)),
    ),
)
