"""Signed permutation (monomial) representations: sums, tensor products, powers, and those of channels.

A representation lists one signed permutation a generator. Two representations of one group list the same
generators in the same order; together they stand for the group that those pairs generate, so that no relation
has to be trusted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike

from derive.errors import GroupRefused
from derive.groups._finite.codes import Codes, Ints, Word, compose, identity, inverse
from derive.groups._finite.permutation import PermutationGroup

__all__ = ["Representation", "characters", "defining", "monomial", "parity", "regular", "trivial"]


@dataclass(frozen=True, slots=True, eq=False)
class Representation:
    """Generator g carries e_k to ±e_{k'}: codes[g, k] = 2·k' + (1 where −), shape (generators, size)."""

    codes: Codes

    def __post_init__(self) -> None:
        codes = np.array(self.codes, np.int32)
        if codes.ndim != 2:
            raise GroupRefused(
                f"A representation has codes of shape (generators, size); these have shape {codes.shape}."
            )
        for number, images in enumerate(np.sort(codes >> 1, axis=1)):
            if not np.array_equal(images, np.arange(codes.shape[1])):
                raise GroupRefused(f"Generator {number} is not a signed permutation of {codes.shape[1]} points.")
        codes.flags.writeable = False
        object.__setattr__(self, "codes", codes)

    @property
    def generators(self) -> int:
        """How many generators are listed."""
        return int(self.codes.shape[0])

    @property
    def size(self) -> int:
        """The dimension: how many points the generators permute."""
        return int(self.codes.shape[1])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Representation) and np.array_equal(self.codes, other.codes)

    def __hash__(self) -> int:
        return hash((self.codes.shape, self.codes.tobytes()))

    def __add__(self, other: Representation) -> Representation:
        """The direct sum: the points of `self`, then those of `other`."""
        self._match(other)
        return Representation(np.concatenate([self.codes, other.codes + np.int32(2 * self.size)], axis=1))

    def __mul__(self, other: Representation) -> Representation:
        """The tensor product: e_i ⊗ e_j is point i·other.size + j."""
        self._match(other)
        a, b = self.codes[:, :, None], other.codes[:, None, :]
        images = (a >> 1) * np.int32(other.size) + (b >> 1)
        return Representation((2 * images + ((a ^ b) & 1)).reshape(self.generators, self.size * other.size))

    def power(self, exponent: int) -> Representation:
        """The tensor power T^k, whose points are k-tuples in row-major order; T^0 is trivial."""
        return reduce(Representation.__mul__, [self] * exponent, trivial(self.generators))

    def inflate(self, *, before: int = 0, after: int = 0) -> Representation:
        """The representation of a larger group, whose further generators act trivially."""
        still = identity(self.size)[None, :]
        return Representation(np.concatenate([still.repeat(before, 0), self.codes, still.repeat(after, 0)]))

    def matrices(self) -> Ints:
        """The generators as matrices over the integers, shape (generators, size, size)."""
        dense = np.zeros((self.generators, self.size, self.size), np.int64)
        rows, columns = np.indices(self.codes.shape)
        dense[rows, self.codes >> 1, columns] = 1 - 2 * (self.codes & 1)
        return dense

    def element(self, word: Word) -> Codes:
        """The codes of a word in the generators, whose first letter acts first."""
        element = identity(self.size)
        for letter in word:
            element = compose(self.codes[letter] if letter >= 0 else inverse(self.codes[~letter]), element)
        return element

    def _match(self, other: Representation) -> None:
        if self.generators != other.generators:
            raise GroupRefused(
                f"Two representations of one group list the same generators; these list {self.generators} and"
                f" {other.generators}."
            )


def trivial(generators: int, size: int = 1) -> Representation:
    """Every generator is the identity."""
    return Representation(identity(size)[None, :].repeat(generators, 0))


def characters(signs: Iterable[int]) -> Representation:
    """One dimension, on which generator g acts as the sign signs[g]."""
    values = list(signs)
    if any(value not in (1, -1) for value in values):
        raise GroupRefused(f"A sign is 1 or -1; these are {values}.")
    return Representation(np.array([[value < 0] for value in values], np.int32).reshape(len(values), 1))


def defining(group: PermutationGroup) -> Representation:
    """The group's own action on its points."""
    return Representation(2 * group.generators)


def parity(group: PermutationGroup) -> Representation:
    """The sign representation: −1 for an odd permutation."""
    return characters(_sign(images) for images in group.generators)


def _sign(images: Ints) -> int:
    seen, sign = np.zeros(len(images), bool), 1
    for start in range(len(images)):
        point, length = start, 0
        while not seen[point]:
            seen[point], point, length = True, images[point], length + 1
        sign = -sign if length and length % 2 == 0 else sign
    return sign


def regular(group: PermutationGroup, limit: int = 1 << 14) -> Representation:
    """The action by left multiplication on the elements, in the order of `group.elements`."""
    elements = group.elements(limit)
    index = {element.tobytes(): number for number, element in enumerate(elements)}
    images = [[index[g[element].tobytes()] for element in elements] for g in group.generators]
    return Representation(2 * np.array(images, np.int32).reshape(len(group.generators), len(elements)))


def monomial(matrices: Sequence[ArrayLike], size: int | None = None) -> Representation:
    """Signed permutation matrices, such as a point group's own; `size` is needed when there are none."""
    dense = [np.asarray(matrix) for matrix in matrices]
    size = dense[0].shape[0] if size is None else size
    for number, matrix in enumerate(dense):
        ok = matrix.shape == (size, size) and bool(np.isin(matrix, (-1, 0, 1)).all())
        if not ok or (np.abs(matrix).sum(0) != 1).any() or (np.abs(matrix).sum(1) != 1).any():
            raise GroupRefused(f"Matrix {number} is not a signed permutation matrix of size {size}.")
    codes = [2 * np.abs(matrix).argmax(0) + (matrix.sum(0) < 0) for matrix in dense]
    return Representation(np.array(codes, np.int32).reshape(len(dense), size))
