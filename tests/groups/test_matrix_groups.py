"""Null spaces over the rationals are exact: against SymPy, against orbits of pairs, and with bad primes."""

from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.errors import GroupRefused
from derive.forms.modular import kernel, multiply, primes, rational, reduced
from derive.groups._finite import matrix_groups as module
from derive.groups._finite.lattice import ROTATION3, ROTATION6
from derive.groups._finite.matrix_groups import (
    Basis,
    fraction_free_kernel,
    intertwiners,
    invariants,
    null_space,
    rank,
)
from derive.groups._finite.orbits import pair_orbits
from derive.groups._finite.permutation import symmetric
from derive.groups._finite.representation import Representation, defining, parity, regular
from tests.groups.oracles import constraint_matrix
from tests.groups.test_orbits import signed_groups

rationals = st.fractions(-4, 4, max_denominator=5)
matrices = st.tuples(st.integers(1, 4), st.integers(1, 5)).flatmap(
    lambda shape: st.lists(
        st.lists(rationals, min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
    )
)


def assert_is_echelon(basis: Basis) -> None:
    values = basis.fractions().reshape(basis.count, int(np.prod(basis.numerators.shape[1:])))
    for i, f in enumerate(basis.free):
        assert [values[j, f] for j in range(basis.count)] == [int(i == j) for j in range(basis.count)]
        assert not any(values[i, :f])


@settings(deadline=None)
@given(matrices)
def test_null_spaces_are_sympys(matrix: list[list[Fraction]]) -> None:
    basis = null_space(matrix)
    exact = sympy.Matrix([[sympy.Rational(x.numerator, x.denominator) for x in row] for row in matrix])
    assert basis.count == len(exact.nullspace()) and rank(matrix) == exact.rank()
    assert_is_echelon(basis)
    assert all(not any(np.array(matrix, object).dot(vector)) for vector in basis.fractions())


@settings(deadline=None)
@given(matrices)
def test_fraction_free_elimination_gives_the_same_basis(matrix: list[list[Fraction]]) -> None:
    cleared = np.array([[int(x * 60) for x in row] for row in matrix], object)
    a, b = null_space(cleared), fraction_free_kernel(cleared)
    assert a.free == b.free and a.denominators == b.denominators
    assert np.array_equal(a.numerators, b.numerators)


def test_entries_too_large_for_one_prime_are_lifted_from_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "fraction_free_kernel", None)
    row = [[10**30 + 57, 10**29 + 3, -(10**31) - 9]]
    basis = null_space(row)
    assert basis.fractions()[0].tolist() == [1, 0, Fraction(10**30 + 57, 10**31 + 9)]


def test_primes_that_divide_the_entries_do_not_mislead() -> None:
    p, q = primes(2)
    matrix = [[p, 0, 0], [0, p * q, q]]
    assert null_space(matrix).fractions().tolist() == [[0, 1, -p]]
    assert rank([[p * q]]) == 1


def test_without_primes_the_fallback_is_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_PRIMES", 0)
    basis = intertwiners([ROTATION6], [ROTATION6])
    assert basis.count == 2 and basis.numerators.shape == (2, 2, 2)


@settings(max_examples=40, deadline=None)
@given(signed_groups().filter(lambda pair: pair[0].generators > 0))
def test_intertwiners_of_signed_permutations_are_orbits_of_pairs(
    pair: tuple[Representation, Representation],
) -> None:
    out, source = (list(r.matrices()) for r in pair)
    basis, orbits = intertwiners(out, source), pair_orbits(*pair)
    constraints = sympy.Matrix(constraint_matrix(out, source).tolist())
    assert basis.count == orbits.count == constraints.shape[1] - constraints.rank()
    first = {}
    labels, _ = orbits.table()
    for position, label in enumerate(labels.ravel().tolist()):
        first.setdefault(label, position)
    assert set(basis.free) == {position for label, position in first.items() if label >= 0}


def conjugated(matrices: np.ndarray, seed: int) -> list[np.ndarray]:
    """P·M·P⁻¹ as Fractions, for a P whose inverse is rational."""
    n, random = matrices.shape[1], np.random.default_rng(seed)
    p = sympy.Matrix((np.tril(random.integers(-2, 3, (n, n)), -1) + 2 * np.eye(n, dtype=int)).tolist())
    p = p * sympy.Matrix((np.triu(random.integers(-2, 3, (n, n)), 1) + np.eye(n, dtype=int)).tolist())
    return [np.array((p * sympy.Matrix(m.tolist()) * p.inv()).tolist(), object) for m in matrices]


@pytest.mark.parametrize(
    ("representation", "count"),
    [
        (defining(symmetric(5)), 2),
        (regular(symmetric(3)), 6),
        (defining(symmetric(4)) + parity(symmetric(4)), 3),
    ],
)
def test_a_change_of_basis_keeps_the_dimension(representation: Representation, count: int) -> None:
    a, b = conjugated(representation.matrices(), 0), conjugated(representation.matrices(), 1)
    basis = intertwiners(a, b)
    assert basis.count == count
    assert_is_echelon(basis)
    for w in basis.fractions():
        assert all(np.array_equal(g.dot(w), w.dot(h)) for g, h in zip(a, b, strict=True))


def test_the_commutant_of_a_sixth_of_a_turn_is_the_eisenstein_numbers() -> None:
    assert intertwiners([ROTATION6], [ROTATION6]).count == 2
    assert intertwiners([ROTATION3], [[[1]]]).count == 0


def test_invariants_of_a_permutation_representation_are_sums_over_orbits() -> None:
    basis = invariants(list(defining(symmetric(3)).matrices()))
    assert basis.fractions().tolist() == [[1, 1, 1]]


def test_residues() -> None:
    assert primes(3) == (2147483647, 2147483629, 2147483587)
    assert rational(Fraction(3, 7).numerator * pow(7, -1, 101 * 103) % (101 * 103), 101 * 103) == Fraction(3, 7)
    rows, pivots = reduced(np.array([[2, 4], [1, 2]]), 7)
    assert rows.tolist() == [[1, 2]] and pivots.tolist() == [0]
    assert kernel(np.array([[2, 4], [1, 2]]), 7).tolist() == [[5, 1]]
    p = 2147483647
    a = np.array([[p - 1, p - 2], [p - 3, 5]])
    assert multiply(a, a, p).tolist() == [[int(x) % p for x in row] for row in a.astype(object).dot(a.astype(object))]


def test_refusals_are_sentences() -> None:
    with pytest.raises(GroupRefused, match=r"^Entries are integers or fractions; 0\.5 is neither\.$"):
        null_space([[0.5]])
    with pytest.raises(GroupRefused, match=r"^A generator is a square matrix; this has shape \(1, 2\)\.$"):
        intertwiners([[[1, 2]]], [[[1]]])
    with pytest.raises(GroupRefused, match=r"^A matrix has two axes; this has shape \(2,\)\.$"):
        null_space([1, 2])
    with pytest.raises(GroupRefused, match=r"^A matrix group needs a generator"):
        intertwiners([], [])
    with pytest.raises(GroupRefused, match=r"have one size; these differ\.$"):
        intertwiners([[[1]], [[1, 0], [0, 1]]], [[[1]], [[1]]])
