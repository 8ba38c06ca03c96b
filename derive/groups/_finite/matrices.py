"""Representations by matrices over the rationals: sums, tensor products, powers, duals, trivial ones and signs.

A representation lists one invertible matrix a generator. Two of one group list the same generators in the same order; together
they stand for the group that those pairs generate, so that neither a relation nor that it is finite has to be trusted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Any, TypeAlias

import numpy as np

from derive.errors import GroupRefused
from derive.forms.arguments import explained
from derive.groups._finite.codes import Ints
from derive.groups._finite.matrix_groups import exact_matrix, rank
from derive.groups._finite.permutation import PermutationGroup
from derive.groups._finite.representation import Representation, defining

__all__ = ["Matrices", "Square"]

Square: TypeAlias = tuple[tuple[Fraction, ...], ...]


@explained
@dataclass(frozen=True, slots=True)
class Matrices:
    """Generator g acts as the matrix generators[g], whose column k is the image of e_k.

    Made of matrices of integers or fractions, or of a group or a representation by signed permutations. Raises GroupRefused for
    anything else, for matrices of several sizes, and for one that is not invertible.
    """

    generators: tuple[Square, ...]

    def __init__(self, generators: Any) -> None:
        given = generators.generators if isinstance(generators, Matrices) else _listed(generators)
        object.__setattr__(self, "generators", tuple(map(_square, given)))
        if not self.generators:
            raise GroupRefused("A matrix group needs a generator; the trivial group's is an identity matrix.")
        for number, matrix in enumerate(self.generators):
            if len(matrix) != self.size:
                raise GroupRefused(
                    f"The generators of a matrix group have one size; generator 0 has {self.size} rows and generator"
                    f" {number} has {len(matrix)}."
                )
            if rank(np.array(matrix, object).reshape(self.size, self.size)) < self.size:
                raise GroupRefused(f"Generator {number} is not invertible, so it generates no group.")

    @property
    def size(self) -> int:
        """The dimension."""
        return len(self.generators[0])

    def __str__(self) -> str:
        return f"{len(self.generators)} matrices of size {self.size}"

    def __add__(self, other: Matrices) -> Matrices:
        """The direct sum: the coordinates of `self`, then those of `other`."""
        self._match(other)
        zero = Fraction(0)
        return Matrices(
            [
                [*((*row, *[zero] * other.size) for row in a), *((*[zero] * self.size, *row) for row in b)]
                for a, b in zip(self.generators, other.generators, strict=True)
            ]
        )

    def __mul__(self, other: Matrices) -> Matrices:
        """The tensor product: e_i ⊗ e_j is coordinate i·other.size + j."""
        self._match(other)
        return Matrices(
            [
                [[x * y for x in row for y in column] for row in a for column in b]
                for a, b in zip(self.generators, other.generators, strict=True)
            ]
        )

    def power(self, exponent: int) -> Matrices:
        """The tensor power T^k, whose coordinates are k-tuples in row-major order; T^0 is trivial."""
        return reduce(Matrices.__mul__, [self] * exponent, Matrices.trivial(len(self.generators)))

    def dual(self) -> Matrices:
        """The representation by inverse transposes: of forms, where `self` is one of vectors."""
        import sympy as sp

        inverses = (sp.Matrix(matrix).inv().T for matrix in self.generators)
        return Matrices([[list(map(_fraction, m.row(p))) for p in range(self.size)] for m in inverses])

    @staticmethod
    def trivial(generators: int, size: int = 1) -> Matrices:
        """Every generator is the identity."""
        return Matrices([np.eye(size, dtype=int)] * generators)

    @staticmethod
    def signs(signs: Iterable[int]) -> Matrices:
        """One dimension, on which generator g acts as the sign signs[g]."""
        values = list(signs)
        if any(value not in (1, -1) for value in values):
            raise GroupRefused(f"A sign is 1 or -1; these are {values}.")
        return Matrices([[[value]] for value in values])

    def _match(self, other: Matrices) -> None:
        if not isinstance(other, Matrices) or len(other.generators) != len(self.generators):
            raise GroupRefused(
                f"Two representations of one group list the same generators; these list {len(self.generators)} and"
                f" {len(getattr(other, 'generators', ()))}."
            )


def _listed(given: Any) -> Sequence[Any]:
    """The matrices of the generators."""
    if isinstance(given, PermutationGroup):
        given = defining(given)
    if isinstance(given, Representation):
        return list(given.matrices())
    if isinstance(given, (str, bytes)) or not isinstance(given, (Sequence, np.ndarray)):
        raise GroupRefused(
            f"A representation is a list of matrices, one a generator, such as [[[0, -1], [1, 0]]]; {given!r} is none."
        )
    return list(given)


def _square(given: Any) -> Square:
    matrix: Ints = exact_matrix(given)
    if matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise GroupRefused(f"A generator is a square matrix; this has shape {matrix.shape}.")
    return tuple(tuple(row) for row in matrix)


def _fraction(value: Any) -> Fraction:
    return Fraction(int(value.p), int(value.q))
