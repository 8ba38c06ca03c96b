"""Permutation groups by generators: named families, products, wreath products, Rubik's cube."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product as pairs
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from derive.errors import GroupRefused
from derive.forms.arguments import explained, is_whole, said
from derive.groups._finite.chain import Chain, chain_of
from derive.groups._finite.codes import Ints

__all__ = [
    "PermutationGroup",
    "alternating",
    "cyclic",
    "dihedral",
    "disjoint_product",
    "index_images",
    "product",
    "rubiks_cube",
    "symmetric",
    "wreath",
]

_MOST_POINTS = 1 << 24  # a generator of so many takes 64 MB


@explained
@dataclass(frozen=True, slots=True, eq=False)
class PermutationGroup:
    """The group that the rows g of `generators`, shape (generators, degree), generate: k goes to g[k]."""

    degree: int
    generators: Ints = field(default_factory=lambda: np.empty((0, 0), np.int32))

    def __post_init__(self) -> None:
        if not is_whole(self.degree) or not 1 <= self.degree <= _MOST_POINTS:
            raise GroupRefused(
                f"A permutation group takes how many points it acts on, then its generators; not {said(self.degree)}."
            )
        rows = _images(self.degree, self.generators)
        for number, images in enumerate(np.sort(rows, axis=1)):
            if not np.array_equal(images, np.arange(self.degree)):
                raise GroupRefused(f"Generator {number} is not a permutation of 0 … {self.degree - 1}.")
        rows = rows.astype(np.int32)
        rows.flags.writeable = False
        object.__setattr__(self, "generators", rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PermutationGroup) and np.array_equal(self.generators, other.generators)

    def __hash__(self) -> int:
        return hash((self.degree, self.generators.tobytes()))

    @property
    def chain(self) -> Chain:
        """A base with verified transversals."""
        return chain_of(self.generators.shape, self.generators.tobytes())

    @property
    def order(self) -> int:
        """The number of elements, exactly."""
        return self.chain.order

    def __contains__(self, images: ArrayLike) -> bool:
        return self.chain.contains(np.asarray(images, np.int32))

    def elements(self, limit: int = 1 << 14) -> Ints:
        """All elements, shape (order, degree), the identity first, then by length of their shortest words."""
        found = [np.arange(self.degree, dtype=np.int32)]
        seen = {found[0].tobytes()}
        for element in found:
            for g in self.generators:
                moved = g[element]
                if (key := moved.tobytes()) not in seen:
                    seen.add(key)
                    found.append(moved)
            if len(found) > limit:
                raise GroupRefused(f"The group has more than {limit} elements, too many to list.")
        return np.array(found)


def _images(degree: int, generators: Any) -> Ints:
    """The generators as rows of whole numbers. Raises GroupRefused for a table of something else."""
    try:
        table = np.array(generators)
    except ValueError as cause:
        raise GroupRefused("Generators are rows of equally many images; these are not.") from cause
    if table.size and (table.dtype.kind not in "iu" or table.size % degree or table.ndim not in (1, 2)):
        raise GroupRefused(
            f"A generator lists the images of {degree} points, whole numbers; {said(generators)} lists none."
        )
    return table.reshape(-1, degree)


def _group(degree: int, rows: Iterable[ArrayLike]) -> PermutationGroup:
    """The group that these rows generate. Raises GroupRefused for no points."""
    _check_points(degree)
    return PermutationGroup(degree, np.array([np.asarray(row) for row in rows], np.int32).reshape(-1, degree))


def _check_points(degree: int) -> None:
    if not is_whole(degree):
        raise GroupRefused(f"A permutation group acts on a whole number of points; {said(degree)} is none.")
    if degree < 1:
        raise GroupRefused(f"A permutation group acts on at least one point; {degree} are asked for.")
    if degree > _MOST_POINTS:
        raise GroupRefused(f"A permutation group acts on at most {_MOST_POINTS} points; {said(degree)} are asked for.")


def _cycle(degree: int, points: Sequence[int]) -> Ints:
    images = np.arange(degree)
    images[list(points)] = np.roll(points, -1)
    return images


def symmetric(n: int) -> PermutationGroup:
    """S_n, by a transposition and an n-cycle."""
    _check_points(n)
    return _group(n, [_cycle(n, (0, 1)), _cycle(n, range(n))] if n > 1 else [])


def alternating(n: int) -> PermutationGroup:
    """A_n, by the 3-cycles (0 1 k)."""
    _check_points(n)
    return _group(n, [_cycle(n, (0, 1, k)) for k in range(2, n)])


def cyclic(n: int) -> PermutationGroup:
    """C_n on n points."""
    _check_points(n)
    return _group(n, [_cycle(n, range(n))] if n > 1 else [])


def dihedral(n: int) -> PermutationGroup:
    """The rotations k ⟶ k+1 and reflections k ⟶ −k of n points on a circle."""
    _check_points(n)
    return _group(n, [_cycle(n, range(n)), -np.arange(n) % n])


def disjoint_product(a: PermutationGroup, b: PermutationGroup) -> PermutationGroup:
    """A × B on the disjoint union: the points of A, then those of B; the generators of A, then those of B."""
    left, right = np.arange(a.degree), np.arange(b.degree) + a.degree
    rows = [np.append(g, right) for g in a.generators] + [np.append(left, g + a.degree) for g in b.generators]
    return _group(a.degree + b.degree, rows)


def product(a: PermutationGroup, b: PermutationGroup) -> PermutationGroup:
    """A × B on the pairs (i, j), point i·b.degree + j; the generators of A, then those of B."""
    i, j = np.arange(a.degree)[:, None] * b.degree, np.arange(b.degree)[None, :]
    rows = [g[:, None] * b.degree + j for g in a.generators] + [i + g[None, :] for g in b.generators]
    return _group(a.degree * b.degree, [row.ravel() for row in rows])


def wreath(bottom: PermutationGroup, top: PermutationGroup) -> PermutationGroup:
    """bottom ≀ top on pairs (block, point): bottom acts in each block by itself, top permutes the blocks.

    The generators are those of bottom in the first block of each orbit of top, then those of top; the order
    is |bottom|^top.degree·|top|.
    """
    for group in (bottom, top):
        if not isinstance(group, PermutationGroup):
            raise GroupRefused(f"A wreath product is of two permutation groups; {group!r} is none.")
    m, n = bottom.degree, top.degree
    points = np.arange(n * m).reshape(n, m)
    rows = []
    for block in _first_points(top):
        for g in bottom.generators:
            images = points.copy()
            images[block] = points[block][g]
            rows.append(images.ravel())
    return _group(n * m, rows + [points[g].ravel() for g in top.generators])


def _first_points(group: PermutationGroup) -> list[int]:
    seen: set[int] = set()
    first = []
    for start in range(group.degree):
        if start not in seen:
            first.append(start)
            orbit = [start]
            for point in orbit:
                orbit += [q for q in {int(g[point]) for g in group.generators} if q not in orbit]
            seen.update(orbit)
    return first


def index_images(points: Ints, images: Ints) -> Ints:
    """The permutation that carries points[k] to images[k], integers of shape (N, d), as indices."""
    order, moved = np.lexsort(points.T), np.lexsort(images.T)
    if not np.array_equal(points[order], images[moved]):
        raise GroupRefused("The map does not carry the set of points onto itself.")
    permutation = np.empty(len(points), np.int32)
    permutation[moved] = order
    return permutation


def rubiks_cube() -> PermutationGroup:
    """The six quarter turns of Rubik's cube on its 48 stickers, order 2²⁷·3¹⁴·5³·7²·11.

    The cube fills [−3, 3]³. A sticker is a point of its surface: one coordinate is ±3, the others are −2, 0
    or 2, and not both 0 (face centres stay). A quarter turn rotates the stickers beyond the plane at ±1 on
    its axis.
    """
    cells = np.array(list(pairs((-3, -2, 0, 2, 3), repeat=3)))
    surface = (np.abs(cells) == 3).sum(1) == 1
    points = cells[surface & ((cells == 0).sum(1) < 2)]
    rows = []
    for axis in range(3):
        for side in (1, -1):
            images = points.copy()
            layer = points[:, axis] * side > 1
            a, b = (axis + 1) % 3, (axis + 2) % 3
            images[layer, a], images[layer, b] = -points[layer, b], points[layer, a]
            rows.append(index_images(points, images))
    return _group(len(points), rows)
