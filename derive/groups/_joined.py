"""Two point groups about one centre as the one that they generate: layers that commute with both commute with all of it.

Each acts on its own axes, the others stay; channels that one of them doesn't name are left as they are by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from derive.errors import RuleRefused
from derive.groups._fibre import Acts, adds, codes_of, representation
from derive.groups._finite.representation import Representation
from derive.groups._matrices import NAMED, Matrix, closure, identity

__all__ = ["Generated", "generated", "listed"]


@dataclass(frozen=True, slots=True)
class Generated:
    """What generates a point group: matrices on these axes of a grid, the step of shifts along each, acts on channels."""

    axes: tuple[int, ...]
    generators: tuple[Matrix, ...]
    steps: tuple[int, ...]
    channels: Mapping[str, Acts]
    differ: bool = False
    """Whether one matrix does several things to channels, since the two groups differ there."""

    @property
    def name(self) -> str | None:
        """The name that stands for just these matrices."""
        elements = frozenset(closure(self.generators))
        alike = (name for name, given in NAMED.items() if len(given[0]) == len(self.axes))
        return next((name for name in alike if frozenset(closure(NAMED[name])) == elements), None)


def generated(one: Generated, other: Generated) -> Generated | None:
    """Both together; None where shifts go by other steps, or one adds channels and the other doesn't."""
    steps = dict(zip(one.axes, one.steps, strict=True))
    if any(steps.setdefault(axis, step) != step for axis, step in zip(other.axes, other.steps, strict=True)):
        return None
    letters = dict.fromkeys((*one.channels, *other.channels))
    if any(
        _name(s, one, other) is None and any(adds(g.channels.get(s), g.generators) for g in (one, other))
        for s in letters
    ):
        return None
    axes = tuple(sorted(steps))
    generators = (*_on(axes, one), *_on(axes, other))
    joint = Generated(axes, generators, tuple(steps[axis] for axis in axes), {})
    named = generators if joint.name is None else NAMED[joint.name]
    given = {s: how for s in letters if (how := _name(s, one, other)) is not None}
    own = {s: _both(s, one, other) for s in letters if s not in given}
    try:
        elements = {s: codes_of(codes, generators) for s, codes in own.items()}
    except RuleRefused:
        all_codes = own | {s: representation(how, generators) for s, how in given.items()}
        return replace(joint, generators=generators, channels=all_codes, differ=True)
    acts = given | {s: Representation(np.array([e[m] for m in named], np.int32)) for s, e in elements.items()}
    return replace(joint, generators=named, channels={s: acts[s] for s in letters})


def _on(axes: Sequence[int], group: Generated) -> tuple[Matrix, ...]:
    """The generators on more axes, of which they leave the others."""
    place = {axes.index(axis): p for p, axis in enumerate(group.axes)}
    unit = identity(len(axes))

    def entry(m: Matrix, p: int, q: int) -> int:
        return m[place[p]][place[q]] if p in place and q in place else unit[p][q]

    spans = range(len(axes))
    return tuple(tuple(tuple(entry(m, p, q) for q in spans) for p in spans) for m in group.generators)


def _name(letter: str, one: Generated, other: Generated) -> str | None:
    """The name by which both act on channels, where it says what they do together too."""
    how = one.channels.get(letter)
    by_matrix = how in ("trivial", "sign", "determinant") or (how == "vector" and one.axes == other.axes)
    return how if isinstance(how, str) and how == other.channels.get(letter) and by_matrix else None


def _both(letter: str, one: Generated, other: Generated) -> Representation:
    """What the generators of the one, then those of the other, do to a channel axis."""
    return listed([representation(group.channels.get(letter, "trivial"), group.generators) for group in (one, other)])


def listed(parts: Sequence[Representation]) -> Representation:
    """The generators of each, one after the other; signs alone are those of each channel that another moves."""
    size = max(part.size for part in parts)
    return Representation(np.concatenate([_widened(part, size) for part in parts]))


def _widened(part: Representation, size: int) -> np.ndarray:
    """A representation by signs alone on that many channels, of which each gets the sign."""
    return part.codes if part.size == size else 2 * np.arange(size, dtype=np.int32) + part.codes
