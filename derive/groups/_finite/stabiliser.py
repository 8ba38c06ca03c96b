"""How the stabiliser of a point up to sign ties the points of a second representation.

An element g with g·b = ±b acts on the pairs (b, k) by c(b, k) = c(g·b, g·k) = ±c(b, g·k): as the signed
permutation k ⟶ ±g·k. Only its orbits matter, so Schreier generators are looked at until the partition is
shown to be invariant under all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from derive.groups._finite.codes import Codes, Ints, Word, compose, doubled, inverse, inverse_word
from derive.groups._finite.components import merge
from derive.groups._finite.forest import Forest
from derive.groups._finite.relators import Edges, every_edge, find_relators, tree_edges, unexplained_edges

__all__ = ["Stabiliser", "stabilisers"]

_DIRECT = 1 << 23
_CELLS = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Stabiliser:
    """The signed orbits of the stabiliser of ±b, for a base point b, on K points of a second representation.

    root        the smallest code of each signed point's orbit, shape (2K,)
    generators  elements that tie just these orbits, as codes of shape (H, K), with the sign on b multiplied
                in
    words       those elements as words in the group's generators
    """

    root: Ints
    generators: Codes
    words: tuple[Word, ...]

    def path(self, code: int) -> Word:
        """A word that carries the root of the signed point there and fixes b, both up to the sign on b."""
        lifted = np.array([doubled(g) for g in self.generators], np.int32).reshape(-1, len(self.root))
        tree = Forest.of(lifted, self.root[[code]], len(self.root), shallow=False)
        letters = (self.words[i] if i >= 0 else inverse_word(self.words[~i]) for i in tree.word(code))
        return tuple(letter for word in letters for letter in word)


@dataclass(frozen=True, slots=True, eq=False)
class _Orbit:
    """One orbit of the first representation: its points, a tree, and t_o⁻¹ on the second's points."""

    points: Ints
    forest: Forest
    rows: Callable[[Ints], Codes]


def stabilisers(union: Codes, out: int, forest: Forest, orbit_of: Ints) -> list[Stabiliser]:
    """One for each root, in order. The union's first `out` points are those of the first representation."""
    points = forest.points
    points = points[np.argsort(orbit_of[points], kind="stable")]
    starts = np.flatnonzero(np.diff(orbit_of[points], prepend=-1))
    if out * (union.shape[1] - out) <= _DIRECT:
        table = forest.transporters(out)
        orbits = (_Orbit(orbit, forest, table.__getitem__) for orbit in np.split(points, starts[1:]))
        return [_stabiliser(union, out, orbit, _all_edges(union, out, orbit)) for orbit in orbits]
    relators = find_relators(union)
    plain = (_plain(union, out, root) for root in forest.layers[0])
    return [_stabiliser(union, out, orbit, _few_edges(union, orbit, relators)) for orbit in plain]


def _plain(union: Codes, out: int, root: int) -> _Orbit:
    forest = Forest.of(union, np.array([root], np.int32), out, shallow=False)
    still = np.arange(2 * out, 2 * union.shape[1], 2, dtype=np.int32)[None, :]

    def rows(points: Ints) -> Codes:
        ends, carried = forest.carry(2 * points, np.repeat(still, len(points), 0))
        signed: Codes = (carried - np.int32(2 * out)) ^ (ends & 1)[:, None]
        return signed

    return _Orbit(forest.points, forest, rows)


def _all_edges(union: Codes, out: int, orbit: _Orbit) -> Iterator[Edges]:
    return every_edge(len(orbit.points), len(union), max(1, _CELLS // (union.shape[1] - out)))


def _few_edges(union: Codes, orbit: _Orbit, relators: tuple[Word, ...]) -> Iterator[Edges]:
    place = np.full(union.shape[1], -1, np.int32)
    place[orbit.points] = np.arange(len(orbit.points))
    images = place[union[:, orbit.points] >> 1]
    tree = tree_edges(images, orbit.forest.step[orbit.points])
    return unexplained_edges(images, tree, relators, max(1, _CELLS // union.shape[1]))


def _stabiliser(union: Codes, out: int, orbit: _Orbit, edges: Iterator[Edges]) -> Stabiliser:
    """Join the orbits that a Schreier generator ties, edge by edge; most edges keep the partition."""
    source = union[:, out:] - np.int32(2 * out)
    root = np.arange(2 * source.shape[1], dtype=np.int32)
    generators, words = [], []
    for positions, s in edges:
        o = orbit.points[positions]
        to = union[s, o]
        before = orbit.rows(o)
        moved = source[s]
        after = np.take_along_axis(orbit.rows(to >> 1), moved >> 1, axis=1) ^ (moved & 1) ^ (to & 1)[:, None]
        for i in np.flatnonzero((root[before] != root[after]).any(1)):
            a, b = before[i], after[i]
            if (root[a] != root[b]).any():
                root = merge(root, np.append(a, a ^ 1), np.append(b, b ^ 1))
                generators.append(compose(b, inverse(a)))
                home = inverse_word(orbit.forest.word(int(to[i]) >> 1))
                words.append((*orbit.forest.word(int(o[i])), int(s[i]), *home))
    codes = np.array(generators, np.int32).reshape(len(generators), source.shape[1])
    return Stabiliser(root, codes, tuple(words))
