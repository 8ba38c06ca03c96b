"""Schreier trees: for each point an element, as a path of tree edges, that carries its root there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from derive.groups._finite.codes import Codes, Ints, Word, identity, inverse, inverse_word

__all__ = ["ROOT", "UNREACHED", "Forest"]

ROOT, UNREACHED = -1, -2
_MOST_SHORTCUTS = 48


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Trees on the first points of a signed permutation representation of N points.

    elements  codes of shape (2E, N): element 2j and its inverse 2j+1; the generators first, then shortcuts
    words     each element as a word in the generators
    step      for each point the element that carries its parent there up to sign, ROOT, or UNREACHED
    layers    the points at depth 0, 1, …
    """

    elements: Codes
    words: tuple[Word, ...]
    step: Ints
    layers: tuple[Ints, ...]

    @classmethod
    def of(cls, generators: Codes, roots: Ints, size: int, *, shallow: bool = True) -> Forest:
        """Trees of shortest paths from the roots; if `shallow`, with shortcuts to a depth of 2·log₂(size)."""
        both = [codes for g in generators for codes in (g, inverse(g))]
        elements = np.array(both, np.int32).reshape(len(both), generators.shape[1])
        words = tuple(word for g in range(len(generators)) for word in ((g,), (~g,)))
        forest = cls(elements, words, *_grow(elements, roots, size))
        for _ in range(_MOST_SHORTCUTS):
            if not shallow or len(forest.layers) <= 2 * size.bit_length() + 2:
                break
            forest = forest._shortened(roots, size)
        return forest

    def _shortened(self, roots: Ints, size: int) -> Forest:
        """With one more element: the one that carries a root to a deepest point."""
        far = self.layers[-1][:1]
        still = identity(self.elements.shape[1])[None, :]
        back = self.carry(2 * far, still)[1][0]
        elements = np.concatenate([self.elements, [inverse(back), back]])
        word = self.word(int(far[0]))
        return Forest(elements, (*self.words, word, inverse_word(word)), *_grow(elements, roots, size))

    @property
    def points(self) -> Ints:
        """The points that some root reaches, by depth."""
        return np.concatenate(self.layers)

    def carry(self, points: Ints, carried: Codes) -> tuple[Ints, Codes]:
        """Signed points, shape (R,), brought to their roots; the same elements act on carried, (R, K)."""
        points, carried = points.copy(), carried.copy()
        active = np.flatnonzero(self.step[points >> 1] >= 0)
        while active.size:
            p, c = points[active], carried[active]
            e = self.step[p >> 1] ^ 1
            points[active] = self.elements[e, p >> 1] ^ (p & 1)
            carried[active] = self.elements[e[:, None], c >> 1] ^ (c & 1)
            active = active[self.step[points[active] >> 1] >= 0]
        return points, carried

    def word(self, point: int) -> Word:
        """The word that carries the point's root to ± the point."""
        letters: list[Word] = []
        while (e := int(self.step[point])) >= 0:
            letters.append(self.words[e])
            point = int(self.elements[e ^ 1, point]) >> 1
        return tuple(letter for word in reversed(letters) for letter in word)

    def transporters(self, first: int) -> Codes:
        """Row o, shape (size, N − first): t_o⁻¹ on the points from `first` on, times its sign on o.

        t_o carries the root of o to ±o. Every point must be reached.
        """
        rows = np.empty((len(self.step), self.elements.shape[1] - first), np.int32)
        rows[self.layers[0]] = identity(rows.shape[1])
        for points in self.layers[1:]:
            e = self.step[points] ^ 1
            parents = self.elements[e, points]
            moves = self.elements[e, first:] - np.int32(2 * first)
            earlier = np.take_along_axis(rows[parents >> 1], moves >> 1, axis=1)
            rows[points] = earlier ^ (moves & 1) ^ (parents & 1)[:, None]
        return rows


def _grow(elements: Codes, roots: Ints, size: int) -> tuple[Ints, tuple[Ints, ...]]:
    """Breadth first from all roots at once."""
    step = np.full(size, UNREACHED, np.int32)
    step[roots] = ROOT
    layers = [np.asarray(roots)]
    while layers[-1].size:
        found = []
        for e, element in enumerate(elements):
            images = element[layers[-1]] >> 1
            fresh = images[step[images] == UNREACHED]
            step[fresh] = e
            found.append(fresh)
        layers.append(np.concatenate(found) if found else np.empty(0, np.int32))
    return step, tuple(layers[:-1])
