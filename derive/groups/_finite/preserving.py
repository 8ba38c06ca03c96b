"""The largest subgroup that preserves a set of pairs (output point, input point), by the orbit of the set.

A set that g carries to another is a point of the group's action on sets. Its stabiliser is the largest subgroup that preserves it:
Schreier's generators t_y⁻¹·g·t_x generate it, one for each set x of the orbit and generator g that carries x to y.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from derive.groups._finite.codes import Codes, Ints, Word, compose, identity, inverse, inverse_word
from derive.groups._finite.permutation import PermutationGroup
from derive.groups._finite.representation import Representation

__all__ = ["Preserving", "cycles", "lost_by", "preserving"]

_MOST = 1 << 12


@dataclass(frozen=True, slots=True)
class Preserving:
    """A subgroup by generators, each with its images of the larger side's points and its word, first letter first; its order."""

    generators: tuple[tuple[Word, Ints], ...]
    order: int

    def named(self, names: Sequence[str]) -> str:
        """The subgroup in words, its generators as products of those of these names."""
        if self.order == 1:
            return "the identity alone"
        texts = (names[word[0]] if len(word) == 1 else cycles(images) for word, images in self.generators)
        return f"a subgroup of order {self.order} ({', '.join(texts)})"


def lost_by(out: Representation, source: Representation, pairs: Ints) -> list[int]:
    """The numbers of the generators that carry some pair of the set out of it."""
    moves = zip(out.codes >> 1, source.codes >> 1, strict=True)
    return [g for g, (rows, columns) in enumerate(moves) if (pairs[np.ix_(rows, columns)] != pairs).any()]


def preserving(out: Representation, source: Representation, pairs: Ints) -> Preserving | None:
    """The subgroup that preserves the set, given as a table of booleans; None where the set's orbit is too long to list."""
    union = (out + source).codes & ~np.int32(1)
    size, seen = out.size, {pairs.tobytes(): 0}
    found: list[tuple[Ints, Codes, Word]] = [(pairs, identity(union.shape[1]), ())]
    small: list[tuple[Codes, Word]] = []
    group = PermutationGroup(union.shape[1])
    for here, element, word in found:
        for g, images in enumerate(union):
            rows, columns = images[:size] >> 1, (images[size:] >> 1) - size
            there = np.empty_like(here)
            there[np.ix_(rows, columns)] = here
            moved, longer = compose(images, element), (*word, g)
            number = seen.setdefault(there.tobytes(), len(found))
            if number == len(found):
                found.append((there, moved, longer))
            else:
                _, back, way = found[number]
                own = compose(inverse(back), moved)
                if own.tobytes() not in {e.tobytes() for e, _ in small} and (own >> 1) not in group:
                    small.append((own, (*longer, *inverse_word(way))))
                    group = PermutationGroup(union.shape[1], np.array([e >> 1 for e, _ in small]))
        if len(found) > _MOST:
            return None
    side = slice(0, size) if size >= source.size else slice(size, None)
    points = [((e >> 1)[side] - (side.start or 0), word) for e, word in small]
    return Preserving(tuple((word, images) for images, word in points), group.order)


def cycles(images: Ints) -> str:
    """A permutation as its cycles, such as (0 4)(1 3)."""
    left, text = images.tolist(), ""
    for start, image in enumerate(left):
        cycle = [start]
        while image not in (start, None):
            cycle.append(image)
            left[cycle[-2]], image = None, left[image]
        left[cycle[-1]] = None
        text += f"({' '.join(map(str, cycle))})" if len(cycle) > 1 else ""
    return text or "()"
