"""Why a plan does what it does, as a table in words."""

import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .planning import Candidate, quickest_first
from .tables import in_columns

__all__ = ["Explanation"]

_WIDTH = 80  # columns of a terminal
_ALIKE = 1.05  # so many times more is as much
_HEADER = ("algorithm", "knobs", "predicted", "operations", "moved", "memory", "error")
_GRADIENTS = ("gradient", *_HEADER[:-1])


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a plan does what it does: every candidate with what was predicted of it, the chosen one first, the others in their order.

    `errors` are their bounds as multiples of Σ|w|·max|x|; none are stated of a gradient. `unfit` gives for each other algorithm the
    reason why it does not apply; `weights` is what was made of the weights, in bytes, None where a first call makes it.
    `gradients` explain, for each argument of the layer, what a plan for a device launches for the gradient by it. Of a device
    `instructions` are those of threads that a result takes, as counted; NaN where the library does most of the work.
    """

    chosen: str
    candidates: tuple[Candidate, ...]
    errors: tuple[float, ...]
    unfit: Mapping[str, str]
    weights: int | None
    bound: str
    source: str
    gradients: Mapping[str, "Explanation"] = field(default_factory=dict)
    instructions: tuple[float, ...] = ()

    def __str__(self) -> str:
        words = [part for line in ["", *self._words()] for part in textwrap.wrap(line, _WIDTH) or [""]]
        slopes = in_columns([_GRADIENTS, *self._slopes()], _WIDTH) if self.gradients else []
        return "\n".join(
            [*in_columns([self._header, *self._rows()], _WIDTH), *words, *([""] if slopes else []), *slopes]
        )

    @property
    def _header(self) -> tuple[str, ...]:
        return _HEADER if self.errors else _HEADER[:-1]

    def _repr_html_(self) -> str:
        """What a notebook shows: the same as a table, and the reasons folded."""
        from html import escape  # needed in notebooks alone

        def tabled(head: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
            cells = (f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
            names = "".join(f"<th>{name}</th>" for name in head)
            return f"<table><thead><tr>{names}</tr></thead><tbody>{''.join(cells)}</tbody></table>"

        chosen, weights, *unfit = map(escape, self._words())
        reasons = "".join(f"<li>{reason}</li>" for reason in unfit)
        folded = (
            f"<details><summary>Algorithms that do not apply</summary><ul>{reasons}</ul></details>" if unfit else ""
        )
        table = tabled(self._header, self._rows())
        slopes = tabled(_GRADIENTS, self._slopes()) if self.gradients else ""
        return f"<div>{table}<p>{chosen}</p><p>{weights}</p>{folded}{slopes}</div>"

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for position, c in enumerate(self.candidates):
            yield (*_row(c), *(f"{error:.1e}" for error in self.errors[position : position + 1]))

    def _slopes(self) -> Iterator[tuple[str, ...]]:
        """What is launched for each gradient."""
        for by, explained in self.gradients.items():
            yield (f"d{by}", *_row(explained.candidates[0]))

    def _words(self) -> Iterator[str]:
        """What was chosen and why; what the weights take and how far results err; why other algorithms don't apply."""
        used = self.candidates[0].threads
        split = f" A call is split over {used} threads." if used > 1 else ""
        yield f"{' '.join(self._why())}{split}"
        weights = "" if self.weights is None else f"Weights as it needs them take {self.weights} bytes. "
        yield f"{weights}{self.bound}{self._counted()}"
        reasons: dict[str, list[str]] = {}
        for name, reason in self.unfit.items():
            reasons.setdefault(reason, []).append(name)
        yield from (_unfit(names, reason) for reason, names in reasons.items())

    def _why(self) -> Iterator[str]:
        """What is predicted to be the quickest, and what the next best would take, as a share of the chosen one's time."""
        first, others = self.candidates[0], self.candidates[1:]
        best = quickest_first([*self.candidates])[0]
        if best is not first:
            yield f"{self.chosen} was asked for."
        yield f"{best.choice.name} is predicted to be the quickest ({self.source})."
        other = best if best is not first else others[0] if others else None
        if other is not None and first.seconds > 0:
            name, share = "It" if best is not first else other.choice.name, other.seconds / first.seconds
            yield f"{name} would take {share:.2f} times as long, {_compared(first, other)}."

    def _counted(self) -> str:
        """How many instructions of threads a result takes, by those candidates that are launches alone."""
        told = zip(self.candidates, self.instructions, strict=bool(self.instructions))
        each = [f"{c.choice.name} {number:.1f}" for c, number in told if number == number]
        return f" Instructions of threads for a result, counted: {', '.join(each)}." if each else ""


def _unfit(names: list[str], reason: str) -> str:
    if len(names) == 1:
        return f"{names[0]} does not apply: {reason}."
    return f"{', '.join(names[:-1])} and {names[-1]} do not apply: {reason.replace('it needs', 'they need', 1)}."


def _compared(first: Candidate, other: Candidate) -> str:
    """What differs most between two candidates."""
    if other.seconds < first.seconds and first.choice.strict and not other.choice.strict:
        return "which is not enough for errors of its own"
    if other.seconds < first.seconds and other.threads != first.threads:
        return f"by {other.threads} threads, too little less for what is uncertain of these"
    counts = (
        ("operations", first.counted.operations, other.counted.operations),
        ("bytes moved", first.counted.bytes, other.counted.bytes),
        ("calls of NumPy", first.counted.calls, other.counted.calls),
    )
    more = {what: theirs / max(1, own) for what, own, theirs in counts}
    what = (max if other.seconds >= first.seconds else min)(more, key=lambda key: more[key])
    return "at other rates" if 1 / _ALIKE < more[what] < _ALIKE else f"with {more[what]:.2g} times the {what}"


def _row(c: Candidate) -> tuple[str, ...]:
    knobs = " ".join(f"{k}={v}" for k, v in c.choice.knobs.items())
    numbers = map(_short, (c.counted.operations, c.counted.bytes, c.room))
    return (c.choice.name, knobs, _time(c.seconds), *numbers)


def _time(seconds: float) -> str:
    """Three digits; a line where nothing is predicted."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= 0.9995 * size:
            number = seconds / size
            return f"{number:.{0 if number >= 99.95 else 1 if number >= 9.995 else 2}f} {unit}"
    return "-" if math.isnan(seconds) else f"{seconds * 1e9:.3g} ns"


def _short(number: int) -> str:
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return str(number)
