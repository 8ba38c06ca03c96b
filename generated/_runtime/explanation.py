"""Why a plan does what it does, as a table in words."""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .planning import Candidate
from .tables import in_columns

__all__ = ["Explanation"]

_WIDTH = 80  # columns of a terminal
_HEADER = ("algorithm", "knobs", "predicted", "operations", "moved", "memory", "error")


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
        table = in_columns([_HEADER, *self._rows()])
        return "\n".join(
            [*table, *(part for line in ["", *self._words()] for part in textwrap.wrap(line, _WIDTH) or [""])]
        )

    def _repr_html_(self) -> str:
        """What a notebook shows: the same as a table, and the reasons folded."""
        from html import escape  # needed in notebooks alone

        rows = [f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in self._rows()]
        head = "".join(f"<th>{name}</th>" for name in _HEADER)
        chosen, weights, *unfit = map(escape, self._words())
        reasons = "".join(f"<li>{reason}</li>" for reason in unfit)
        folded = (
            f"<details><summary>Algorithms that do not apply</summary><ul>{reasons}</ul></details>" if unfit else ""
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        return f"<div>{table}<p>{chosen}</p><p>{weights}</p>{folded}</div>"

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for c, error in zip(self.candidates, self.errors, strict=True):
            knobs = " ".join(f"{k}={v}" for k, v in c.choice.knobs.items())
            times = f"{c.seconds * 1e3:.3f} ms"
            numbers = map(_short, (c.counted.operations, c.counted.bytes, c.room))
            yield (c.choice.name, knobs, times, *numbers, f"{error:.1e}")

    def _words(self) -> Iterator[str]:
        """What was chosen and why; what the weights take and how far results err; why other algorithms don't apply."""
        used = self.candidates[0].threads
        split = f" A call is split over {used} threads." if used > 1 else ""
        yield f"{self.chosen} is predicted to be the quickest ({self.source}).{split}"
        yield f"Weights as it needs them take {self.weights} bytes. {self.bound}"
        yield from (f"{name} does not apply: {reason}." for name, reason in self.unfit.items())


def _short(number: int) -> str:
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return str(number)
