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
from tests.cuda.mutants import Mutant, constant_mutants, flag_mutants, function_mutants, kernel_mutants
from tests.cuda.parts import parted
from tests.ladder.subjects import subject

__all__ = ["BROKEN", "Broken"]

LONG = 1 << 17
# n m Delta C D N R, of layers that mix channels: tiles are several, and the last one smaller.
_MIXED = ((7, 5, 1, 3, 4, 2, 3), (3, 6, 2, 2, 5, 2, 3), (2, 3, 3, 1, 2, 2, 3), (4, 3, 1, 2, 3, 2, 3))


@dataclass(frozen=True)
class Trial:
    """One thing that a kernel must do right, with which knobs, and with which options the right one's texts are compiled for it."""

    what: Case | Residues
    knobs: tuple[tuple[str, int], ...]
    options: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Broken:
    """A design of a layer: the launches that take it, and sizes by letters; `program` is what the module calls it.

    Letters that are no sizes of the layer are knobs of a program in stages, with which tiles are several, and the last of them
    smaller. Of one with very many mutants so many are drawn `nightly`.
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
    nightly: int | None = None

    @property
    def text(self) -> str:
        """The emitted module, with all of its designs."""
        return subject(self.layer, "cupy").text

    @property
    def functions(self) -> tuple[str, ...]:
        """The functions that launch it."""
        return tuple(re.findall(rf"^def (_{self.program}(?:_fixed|_room)?)\(", self.text, re.M))

    @property
    def tables(self) -> tuple[str, ...]:
        """The constants that it brings along."""
        return tuple(re.findall(rf"^(_{self.program}_[A-Z]_?) = ", self.text, re.M))

    def kernel(self, text: str, knobs: tuple[tuple[str, int], ...] = ()) -> Any:
        """The layer of a text, by this design where that is one in stages."""
        found = loaded(self.layer, text)
        return found.using(self.program, **dict(knobs)) if knobs else found

    @lru_cache(maxsize=32)  # noqa: B019 - of a frozen table
    def trials(self) -> tuple[Trial, ...]:
        """All that a kernel must do right, as the right one does."""
        of = subject(self.layer)
        runtime_module("cuda")  # whose launches are made to take the design
        own = {s.name: s for s in of.form.sizes}
        found: list[Trial] = []
        with self.launches():
            for number, sizes in enumerate(self.sizes):
                told = dict(zip(self.letters.split(), sizes, strict=True))
                knobs = tuple((name, value) for name, value in told.items() if name not in own)
                known = {own[name]: value for name, value in told.items() if name in own}
                made = cases(of, known, number, self.types, self.items, self.steps, self.rounded)
                found += [self._trial(case.counted(self.kernel(self.text, knobs)), knobs) for case in made]
                if number == 0 or self.rounded:  # nearest whole numbers tell less
                    residues = Residues.of(made[0], self.kernel(self.text, knobs))
                    found.append(self._trial(residues, knobs))
        return tuple(sorted(found, key=lambda trial: isinstance(trial.what, Residues)))

    def _trial(self, what: Case | Residues, knobs: tuple[tuple[str, int], ...]) -> Trial:
        """A trial of the right kernel, which stands it."""
        kernel = self.kernel(self.text, knobs)
        assert fate(what, kernel) is None, (self.name, what)
        return Trial(what, knobs, tuple(dict.fromkeys(f._module.options for f in launched(kernel))))

    @lru_cache(maxsize=32)  # noqa: B019 - of a frozen table
    def kernels(self) -> tuple[str, ...]:
        """The functions of CUDA C that all trials launch."""
        found: list[Any] = []
        with self.launches():
            for trial in self.trials():
                kernel = self.kernel(self.text, trial.knobs)
                fate(trial.what, kernel)
                found += launched(kernel)
        names = tuple(dict.fromkeys(function.name for function in found))
        own = (f"{self.layer}_{self.program}", f"{self.layer}_fold")
        assert all(name.startswith(own) for name in names), names
        return names

    def mutants(self) -> list[Mutant]:
        """Of its kernels, of the functions that launch them, and of its constants."""
        text = self.text
        return [
            *kernel_mutants(text, self.kernels()),
            *function_mutants(text, self.functions),
            *flag_mutants(text),
            *constant_mutants(text, self.tables, "constant"),
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
            return fate(trial.what, self.kernel(text, trial.knobs))


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
        ((51, 104, 1, 2), (50, 104, 2, 1), (49, 103, 2, 1), (5, 9, 6, 1), (54, 72, 6, 3), (50, 103, 2, 1)),
        lambda: halos("passes", 3),
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
        "n m Delta C D N R",
        _MIXED,
        program="shifts",
        types=("float32", "float16"),
        items=3,
    ),
    Broken(
        "im2col",
        "conv2d_channels",
        "n m Delta C D N R",
        _MIXED,
        program="im2col",
        types=("float32", "float16"),
        items=3,
    ),
    # All transforms that it has: of 2×2 results and of 4×4, for windows of 3×3 and of 5×5.
    Broken(
        "winograd",
        "conv2d_channels",
        "n m Delta C D S L N",
        ((7, 5, 1, 3, 4, 2, 2, 2), (3, 6, 2, 3, 5, 2, 1, 2), (9, 6, 1, 7, 2, 4, 1, 2), (5, 4, 1, 2, 3, 2, 3, 2)),
        program="winograd",
        types=("float32", "float16"),
        items=3,
        rounded=True,
    ),
    Broken(
        "product",
        "pointwise2d",
        "n m C D N",
        ((4, 5, 3, 4, 2), (1, 6, 2, 5, 2), (2, 3, 1, 2, 2), (4, 3, 2, 3, 2)),
        program="product",
        types=("float32", "float16"),
        items=3,
    ),
    # All transforms that it has: of 2×2 results to 4×4, for two to four taps of a phase.
    Broken(
        "phased",
        "strided_channels",
        "n m Delta C D S L N",
        (
            (13, 9, 1, 3, 4, 2, 2, 2),
            (5, 12, 2, 3, 5, 2, 1, 2),
            (5, 8, 3, 2, 2, 2, 1, 2),
            (7, 9, 1, 2, 3, 3, 3, 2),
            (8, 11, 2, 1, 2, 3, 1, 2),
            (6, 8, 3, 8, 2, 3, 1, 2),
            (19, 12, 1, 8, 2, 4, 1, 2),
            (9, 8, 2, 8, 2, 4, 1, 2),
        ),
        program="phased",
        types=("float32", "float16"),
        items=3,
        rounded=True,
        nightly=100,
    ),
    Broken(
        "gathered",
        "scattered_channels",
        "n m Delta C D N",
        ((7, 5, 1, 3, 4, 2), (6, 9, 2, 2, 5, 2), (2, 3, 3, 1, 2, 2), (4, 3, 0, 2, 3, 2)),
        program="shifts",
        types=("float32", "float16"),
        items=3,
    ),
)
