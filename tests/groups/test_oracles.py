"""The brute-force helpers, on answers known from elsewhere."""

from fractions import Fraction

import numpy as np

from derive.groups._finite.representation import Representation, characters
from tests.groups.oracles import all_elements, bell, burnside, constraint_matrix, tied_pairs

SWAP = Representation(np.array([[2, 0]], np.int32))
NEGATED_SWAP = Representation(np.array([[2, 1]], np.int32))


def test_a_swap_and_a_negated_swap_generate_two_and_four_elements() -> None:
    assert len(all_elements(SWAP.codes)) == 2
    assert len(all_elements(NEGATED_SWAP.codes)) == 4


def test_union_find_ties_the_pairs_of_a_swap() -> None:
    tied, free = tied_pairs(SWAP, SWAP)
    assert tied == {(0, 0): (0, 1), (1, 1): (0, 1), (0, 1): (1, 1), (1, 0): (1, 1)}
    assert free == 2


def test_union_find_finds_signs_and_forced_zeros() -> None:
    minus, plus = characters([-1]), characters([1])
    assert tied_pairs(minus, plus) == ({(0, 0): (0, 0)}, 0)
    tied, free = tied_pairs(SWAP, minus)
    assert tied == {(0, 0): (0, 1), (1, 0): (0, -1)} and free == 1


def test_burnside_is_the_mean_of_products_of_traces() -> None:
    assert burnside(SWAP, SWAP) == Fraction(4 + 0, 2)
    assert burnside(NEGATED_SWAP, characters([1])) == 0


def test_constraints_of_a_swap_have_rank_two() -> None:
    matrix = constraint_matrix(list(SWAP.matrices()), list(SWAP.matrices()))
    assert matrix.shape == (4, 4)
    assert np.linalg.matrix_rank(matrix.astype(float)) == 2


def test_bell_numbers() -> None:
    assert [bell(n, n) for n in range(1, 8)] == [1, 2, 5, 15, 52, 203, 877]
    assert [bell(4, b) for b in (1, 2, 3)] == [1, 8, 14]
