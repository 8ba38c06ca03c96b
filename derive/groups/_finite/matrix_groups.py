"""Finite matrix groups over the rationals: exact bases of {W: R_out(g)·W = W·R_in(g) for each generator g}.

Solved modulo a prime, lifted to fractions, and checked over the integers. The check proves dimension ≥ d for
the d vectors found, which are independent by their shape; the rank modulo a prime never exceeds the rank over
the rationals, which proves ≤ d. So a checked answer is exact whatever the primes were; a lift that fails the
check asks for one prime more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from numbers import Rational
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from derive.errors import GroupRefused
from derive.forms.modular import kernel, multiply, primes, rational, reduced
from derive.groups._finite.codes import Ints

__all__ = ["Basis", "exact_matrix", "fraction_free_kernel", "intertwiners", "invariants", "null_space", "rank"]

_MOST_PRIMES = 64


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """Vectors numerators[i]/denominators[i], i < count, in reduced row echelon form.

    numerators    Python integers, shape (count, …): (count, n) of a null space, (count, p, q) of intertwiners
    denominators  positive Python integers, one a vector
    free          the flat position, in row-major order, where vector i is 1 and the others are 0: its
                  coefficient is V[i]
    """

    numerators: Ints
    denominators: tuple[int, ...]
    free: tuple[int, ...]

    @property
    def count(self) -> int:
        """The dimension: the number of free parameters."""
        return len(self.free)

    def fractions(self) -> Ints:
        """The basis as an array of Fractions, of the numerators' shape."""
        values = [Fraction(n, d) for row, d in zip(self.numerators, self.denominators, strict=True) for n in row.flat]
        array = np.empty(len(values), object)
        array[:] = values
        return array.reshape(self.numerators.shape)

    def shaped(self, *shape: int) -> Basis:
        """The same basis with each vector as an array of that shape."""
        return Basis(self.numerators.reshape(self.count, *shape), self.denominators, self.free)


def null_space(matrix: ArrayLike) -> Basis:
    """{x: matrix·x = 0} for a matrix of integers or fractions, shape (rows, n)."""
    cleared, _ = _integers(matrix)

    def solve(p: int) -> Ints:
        return kernel(_residues(cleared, p), p)

    def check(vectors: Ints) -> bool:
        return not _product(cleared, vectors.T).any()

    return _lift(solve, check, lambda: cleared)


def rank(matrix: ArrayLike) -> int:
    """The rank over the rationals."""
    return int(np.shape(matrix)[1]) - null_space(matrix).count


def intertwiners(out: Sequence[ArrayLike], source: Sequence[ArrayLike]) -> Basis:
    """All W, shape (p, q), with out[g]·W = W·source[g]; the generators' matrices are integers or fractions.

    Each matrix is invertible, and the pairs generate a group; nothing else is assumed of them.
    """
    pairs = list(zip(map(_square, out), map(_square, source), strict=True))
    if not pairs:
        raise GroupRefused("A matrix group needs a generator; the trivial group's is an identity matrix.")
    p, q = pairs[0][0][0].shape[0], pairs[0][1][0].shape[0]
    if any(a.shape[0] != p or b.shape[0] != q for (a, _), (b, _) in pairs):
        raise GroupRefused("The generators of a matrix group have one size; these differ.")
    scaled = [(a * beta, b * alpha) for (a, alpha), (b, beta) in pairs]

    def check(vectors: Ints) -> bool:
        w = vectors.reshape(-1, p, q)
        return all(np.array_equal(_product(a, w), _product(w, b)) for a, b in scaled)

    def stacked() -> Ints:
        return np.concatenate([_commutator(a, b) for a, b in scaled])

    return _lift(lambda modulus: _common_kernel(scaled, modulus), check, stacked).shaped(p, q)


def invariants(generators: Sequence[ArrayLike]) -> Basis:
    """All vectors v, shape (p,), with generators[g]·v = v."""
    basis = intertwiners(generators, [[[1]]] * len(generators))
    return basis.shaped(basis.numerators.shape[1])


def fraction_free_kernel(matrix: Ints) -> Basis:
    """The null space of a matrix of integers by fraction-free elimination (Bareiss, 1968), without primes.

    Columns are eliminated from the last: then the basis has its leading 1 at the free columns.
    """
    rows, columns = matrix.astype(object)[:, ::-1].copy(), matrix.shape[1]
    pivots: list[int] = []
    scale = 1
    for column in range(columns):
        top = len(pivots)
        lead = next((i for i in range(top, len(rows)) if rows[i, column] != 0), None)
        if lead is None:
            continue
        rows[[top, lead]] = rows[[lead, top]]
        pivot, pivot_row = rows[top, column], rows[top].copy()
        rows = (pivot * rows - np.outer(rows[:, column], pivot_row)) // scale
        rows[top], scale = pivot_row, pivot
        pivots.append(column)
    free = [f for f in range(columns - 1, -1, -1) if f not in pivots]
    vectors = []
    for f in free:
        vector = [Fraction(0)] * columns
        vector[f] = Fraction(1)
        for i, column in enumerate(pivots):
            vector[column] = Fraction(-rows[i, f], scale)
        vectors.append(vector[::-1])
    return _basis(vectors, [columns - 1 - f for f in free], columns)


def _common_kernel(pairs: Sequence[tuple[Ints, Ints]], modulus: int) -> Ints:
    """Vectors of the first generator's kernel, then those of them in the second's, and so on."""
    (a, b), *others = [(_residues(a, modulus), _residues(b, modulus)) for a, b in pairs]
    size = len(a) * len(b)
    vectors = kernel(_commutator(a, b) % modulus, modulus)
    for a, b in others:
        w = vectors.reshape(len(vectors), len(a), len(b))
        moved = multiply(np.broadcast_to(a, (len(w), *a.shape)), w, modulus) - multiply(w, b, modulus)
        combinations = kernel(moved.reshape(len(w), size).T % modulus, modulus)
        vectors = multiply(combinations, vectors, modulus)
    return vectors


def _commutator(a: Ints, b: Ints) -> Ints:
    """The matrix of W ⟶ a·W − W·b on W in row-major order."""
    commutator: Ints = np.kron(a, np.eye(len(b), dtype=a.dtype)) - np.kron(np.eye(len(a), dtype=a.dtype), b.T)
    return commutator


def _lift(solve: Callable[[int], Ints], check: Callable[[Ints], bool], whole: Callable[[], Ints]) -> Basis:
    """Solutions modulo primes, joined by Chinese remainders until their fractions pass the check."""
    known: dict[bytes, tuple[int, Ints]] = {}
    for p in primes(_MOST_PRIMES):
        vectors, free = reduced(solve(p), p)
        modulus, earlier = known.get(free.tobytes(), (1, 0 * vectors.astype(object)))
        joined = earlier + modulus * ((vectors - earlier) * pow(modulus, -1, p) % p)
        known[free.tobytes()] = modulus * p, joined
        basis = _fractions(joined, modulus * p, free)
        if basis is not None and check(basis.numerators):
            return basis
    return fraction_free_kernel(whole())


def _fractions(residues: Ints, modulus: int, free: Ints) -> Basis | None:
    table = {r: rational(r, modulus) for r in set(residues.flat)}
    vectors = [[table[r] for r in row] for row in residues]
    if any(value is None for value in table.values()):
        return None
    return _basis(vectors, free.tolist(), residues.shape[1])


def _basis(vectors: Sequence[Sequence[Any]], free: Sequence[int], length: int) -> Basis:
    denominators = tuple(lcm(*(value.denominator for value in vector)) for vector in vectors)
    numerators = np.empty((len(vectors), length), object)
    for i, (vector, d) in enumerate(zip(vectors, denominators, strict=True)):
        numerators[i] = [value.numerator * (d // value.denominator) for value in vector]
    return Basis(numerators, denominators, tuple(free))


def exact_matrix(matrix: ArrayLike) -> Ints:
    """A matrix of integers or fractions as one of Fractions. Raises GroupRefused for anything else."""
    given = _two_axes(matrix)
    exact = np.empty(given.size, object)
    exact[:] = list(_exact(given))
    return exact.reshape(given.shape)


def _two_axes(matrix: ArrayLike) -> Ints:
    given: Ints = np.asarray(matrix, object)
    if given.ndim != 2:
        raise GroupRefused(f"A matrix has two axes; this has shape {given.shape}.")
    return given


def _integers(matrix: ArrayLike) -> tuple[Ints, int]:
    """A matrix as Python integers over one common denominator."""
    given = _two_axes(matrix)
    values = list(_exact(given))
    denominator = lcm(*(value.denominator for value in values))
    cleared = np.empty(len(values), object)
    cleared[:] = [value.numerator * (denominator // value.denominator) for value in values]
    return cleared.reshape(given.shape), denominator


def _exact(given: Ints) -> Iterator[Fraction]:
    for value in given.flat:
        if not isinstance(value, Rational | np.integer):
            raise GroupRefused(f"Entries are integers or fractions; {value!r} is neither.")
        yield Fraction(int(value.numerator), int(value.denominator))


def _square(matrix: ArrayLike) -> tuple[Ints, int]:
    cleared, denominator = _integers(matrix)
    if cleared.shape[0] != cleared.shape[1]:
        raise GroupRefused(f"A generator is a square matrix; this has shape {cleared.shape}.")
    return cleared, denominator


def _residues(matrix: Ints, p: int) -> Ints:
    return (matrix % p).astype(np.int64)


def _product(a: Ints, b: Ints) -> Ints:
    """a·b, in 64-bit integers where no sum can overflow and in Python integers elsewhere."""
    largest = [max((abs(value) for value in m.flat), default=0) for m in (a, b)]
    if largest[0] * largest[1] * max(1, a.shape[-1]) < 1 << 62 and max(largest) < 1 << 62:
        return np.asarray(np.matmul(a.astype(np.int64), b.astype(np.int64)))
    return np.asarray(np.matmul(a, b))
