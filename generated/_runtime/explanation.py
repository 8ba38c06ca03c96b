"""Why a plan does what it does, as a table in words."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from .planning import Candidate
from .tables import in_columns

__all__ = ["Explanation"]

_WIDTH = 80  # columns of a terminal


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a plan does what it does: every candidate with what was predicted of it, the chosen one first.

    `errors` are their bounds as multiples of Σ|w|·max|x|. `unfit` gives for each other algorithm the reason why it does not apply;
    `weights` is what was made of the weights, in bytes.
    """

    chosen: str
    candidates: tuple[Candidate, ...]
    errors: tuple[float, ...]
    unfit: Mapping[str, str]
    weights: int
    bound: str
    source: str

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("algorithm", "knobs", "predicted", "operations", "moved", "memory", "error")]
        for c, error in zip(self.candidates, self.errors, strict=True):
            knobs = " ".join(f"{k}={v}" for k, v in c.choice.knobs.items())
            times = f"{c.seconds * 1e3:.3f} ms"
            numbers = map(_short, (c.counted.operations, c.counted.bytes, c.room))
            rows.append((c.choice.name, knobs, times, *numbers, f"{error:.1e}"))
        table = in_columns(rows)
        used = self.candidates[0].threads
        split = f" A call is split over {used} threads." if used > 1 else ""
        lines = ["", f"{self.chosen} is predicted to be the quickest ({self.source}).{split}"]
        lines += [f"Weights as it needs them take {self.weights} bytes. {self.bound}"]
        lines += [f"{name} does not apply: {reason}." for name, reason in self.unfit.items()]
        return "\n".join([*table, *(part for line in lines for part in textwrap.wrap(line, _WIDTH) or [""])])


def _short(number: int) -> str:
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return str(number)
