"""Orbits of pairs: the space of equivariant maps between two signed permutation representations, exactly.

W commutes with g iff its coefficients obey c(g·o, g·k) = c(o, k), where a signed point counts as ±: c(−o, k)
= −c(o, k). So c is free on each orbit of pairs, up to signs, and 0 on an orbit where some element fixes a
pair with sign −. Every orbit of pairs meets {b}×in for one base point b of an orbit of output points, in one
orbit of b's stabiliser: the labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from derive.errors import GroupRefused
from derive.groups._finite.codes import Ints, Word, inverse_word
from derive.groups._finite.components import signed_components
from derive.groups._finite.forest import Forest
from derive.groups._finite.representation import Representation, trivial
from derive.groups._finite.stabiliser import Stabiliser, stabilisers

__all__ = ["PairOrbits", "Witness", "invariant_count", "pair_orbits", "point_orbits"]

_LARGEST_TABLE = 1 << 26
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Witness:
    """A word that carries a pair to sign·another, first letter first: i is generator i, ~i its inverse."""

    word: Word
    sign: int


@dataclass(frozen=True, slots=True, eq=False)
class PairOrbits:
    """W[o, k] = sign·V[label] with (label, sign) = label(o, k); −1 and 0 where W[o, k] must be 0.

    count            free weights: orbits of pairs, less those that a sign forces to zero
    vanishing        the number of those
    representatives  one pair (o, k) an orbit, shape (count, 2)
    sizes            the number of pairs of each orbit, shape (count,)
    """

    out: Representation
    source: Representation
    count: int
    vanishing: int
    representatives: Ints
    sizes: Ints
    _forest: Forest
    _orbit: Ints
    _stabilisers: tuple[Stabiliser, ...]
    _root: Ints
    _number: Ints

    def label(self, o: ArrayLike, k: ArrayLike) -> tuple[Ints, Ints]:
        """Labels and signs of the pairs (o, k); the arrays broadcast."""
        rows, columns = np.broadcast_arrays(np.asarray(o, np.int32), np.asarray(k, np.int32))
        self._check(rows, columns)
        labels, signs = np.empty(rows.size, np.int32), np.empty(rows.size, np.int8)
        rows, columns, shape = rows.ravel(), columns.ravel(), rows.shape
        for start in range(0, rows.size, _CHUNK):
            here = slice(start, start + _CHUNK)
            orbit, codes = self._to_base(rows[here], columns[here])
            codes = self._root[orbit, codes]
            labels[here] = self._number[orbit, codes >> 1]
            signs[here] = np.where(labels[here] < 0, 0, 1 - 2 * (codes & 1))
        return labels.reshape(shape), signs.reshape(shape)

    def table(self) -> tuple[Ints, Ints]:
        """Labels and signs of all pairs, shape (out.size, source.size) each."""
        if self.out.size * self.source.size > _LARGEST_TABLE:
            raise GroupRefused(
                f"A table of {self.out.size}×{self.source.size} labels is too large;"
                " ask `label` for the pairs you need."
            )
        return self.label(np.arange(self.out.size)[:, None], np.arange(self.source.size))

    def representative(self, label: int) -> tuple[int, int]:
        """The pair that stands for an orbit."""
        o, k = self.representatives[label]
        return int(o), int(k)

    def witness(self, o: int, k: int) -> Witness:
        """The element that carries (o, k) to sign·(its representative): W[o, k] = sign·W[representative].

        Where W[o, k] must be 0: an element that carries (o, k) to −(o, k).
        """
        label, sign = (int(value[0]) for value in self.label([o], [k]))
        orbit, codes = self._to_base(np.array([o], np.int32), np.array([k], np.int32))
        stabiliser, code, away = self._stabilisers[int(orbit[0])], int(codes[0]), self._forest.word(o)
        home = (*inverse_word(away), *inverse_word(stabiliser.path(code)))
        if label >= 0:
            return Witness(home, sign)
        return Witness((*home, *stabiliser.path(code ^ 1), *away), -1)

    def _to_base(self, o: Ints, k: Ints) -> tuple[Ints, Ints]:
        """The number of the orbit of o, and the signed point k' with c(o, k) = c(base, k')."""
        offset = np.int32(2 * self.out.size)
        ends, carried = self._forest.carry(2 * o, 2 * k[:, None] + offset)
        return self._orbit[o], (carried[:, 0] - offset) ^ (ends & 1)

    def _check(self, o: Ints, k: Ints) -> None:
        for points, size, side in ((o, self.out.size, "output"), (k, self.source.size, "input")):
            if points.size and (points.min() < 0 or points.max() >= size):
                raise GroupRefused(
                    f"The {side} has points 0 … {size - 1}; {points.min()} … {points.max()} were asked for."
                )


def pair_orbits(out: Representation, source: Representation) -> PairOrbits:
    """The orbits of pairs (output point, input point) under the group that the paired generators generate."""
    union = (out + source).codes
    base = signed_components(out.codes)[0::2] >> 1
    bases, orbit = np.unique(base, return_inverse=True)
    forest = Forest.of(union, bases.astype(np.int32), out.size)
    tied = tuple(stabilisers(union, out.size, forest, orbit))
    root = np.array([s.root for s in tied]).reshape(len(bases), source.size, 2)
    points = np.arange(source.size)
    first = root[:, :, 0] == 2 * points
    live = first & (root[:, :, 1] != 2 * points)
    number = np.where(live, np.cumsum(live).reshape(live.shape) - 1, -1).astype(np.int32)
    number = np.take_along_axis(number, root[:, :, 0] >> 1, axis=1)
    which, k = np.nonzero(live)
    lengths = np.bincount(orbit, minlength=len(bases))
    inside = number >= 0
    sizes = np.bincount(number[inside], (lengths[:, None] * inside)[inside], minlength=len(k)).astype(np.int64)
    return PairOrbits(
        out=out,
        source=source,
        count=len(k),
        vanishing=int(first.sum()) - len(k),
        representatives=np.stack([bases[which], k], axis=1).astype(np.int32),
        sizes=sizes,
        _forest=forest,
        _orbit=orbit,
        _stabilisers=tied,
        _root=root.reshape(len(bases), 2 * source.size),
        _number=number,
    )


def point_orbits(representation: Representation) -> PairOrbits:
    """Invariant vectors, such as biases or tensors in T^k: b[o] = sign·V[label] with label(o, 0)."""
    return pair_orbits(representation, trivial(representation.generators))


def invariant_count(representation: Representation, exponent: int) -> int:
    """Dimension of the invariants of T^k: those of T^{⌊k/2⌋} ⟶ T^{⌈k/2⌉}, as the action is orthogonal."""
    half = exponent // 2
    return pair_orbits(representation.power(exponent - half), representation.power(half)).count
