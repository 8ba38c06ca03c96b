"""Orders are exact, constructors are the groups they say, and what is not a permutation is refused."""

from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.errors import GroupRefused
from derive.groups._finite import chain
from derive.groups._finite.lattice import (
    REFLECTION,
    ROTATION2,
    ROTATION3,
    ROTATION4,
    ROTATION6,
    p4,
    p4m,
    torus,
    window,
)
from derive.groups._finite.permutation import (
    PermutationGroup,
    alternating,
    cyclic,
    dihedral,
    disjoint_product,
    index_images,
    product,
    rubiks_cube,
    symmetric,
    wreath,
)
from tests.groups.oracles import all_elements

MATHIEU_11 = PermutationGroup(
    11, np.array([[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0], [0, 1, 6, 9, 5, 3, 10, 2, 8, 4, 7]], np.int32)
)
TRANSLATIONS_OF_THE_CUBE = torus((3, 3, 3), [np.roll(np.eye(3, dtype=int), 1, axis=0), -np.eye(3, dtype=int)])

ORDERS = [
    *((symmetric(n), factorial(n)) for n in (1, 2, 3, 5, 8, 20)),
    *((alternating(n), factorial(n) // 2) for n in (3, 4, 7, 12)),
    *((cyclic(n), n) for n in (1, 2, 9, 1000)),
    *((dihedral(n), 2 * n) for n in (3, 4, 100)),
    (rubiks_cube(), 43_252_003_274_489_856_000),
    (disjoint_product(symmetric(4), dihedral(5)), 24 * 10),
    (product(symmetric(4), dihedral(5)), 24 * 10),
    (wreath(cyclic(2), symmetric(5)), 2**5 * 120),
    (wreath(symmetric(3), cyclic(4)), 6**4 * 4),
    (wreath(cyclic(3), disjoint_product(cyclic(2), cyclic(3))), 3**5 * 6),
    (torus((4, 6)), 24),
    (torus((4, 6), steps=(2, 3)), 4),
    (torus((4, 6), [ROTATION2, REFLECTION]), 24 * 4),
    (p4(5), 4 * 25),
    (p4m(5), 8 * 25),
    (p4m(64), 8 * 4096),
    (torus((5, 5), [ROTATION6]), 6 * 25),
    (torus((5, 5), [ROTATION3]), 3 * 25),
    (TRANSLATIONS_OF_THE_CUBE, 27 * 6),
    (window((3, 3), [ROTATION4, REFLECTION]), 8),
    (window((4, 4), [ROTATION4, REFLECTION]), 8),
    (window((3, 4), [ROTATION2, REFLECTION]), 4),
    (MATHIEU_11, 7920),
]


@pytest.mark.parametrize(("group", "order"), ORDERS)
def test_orders_are_exact(group: PermutationGroup, order: int) -> None:
    assert group.order == order


@pytest.mark.parametrize(("group", "order"), [pair for pair in ORDERS if pair[1] <= 8000])
def test_elements_are_as_many_as_the_order_and_all_are_members(group: PermutationGroup, order: int) -> None:
    elements = group.elements()
    assert len(elements) == order == len(np.unique(elements, axis=0))
    assert all(element in group for element in elements[:: max(1, order // 20)])


permutations = st.integers(1, 7).flatmap(
    lambda n: st.tuples(st.just(n), st.lists(st.permutations(range(n)), max_size=3))
)


@given(permutations, st.data())
def test_random_groups_have_the_order_and_members_of_brute_force(
    group: tuple[int, list[list[int]]], data: st.DataObject
) -> None:
    n, rows = group
    built = PermutationGroup(n, np.array(rows, np.int32))
    elements = {tuple(element >> 1) for element in all_elements(2 * built.generators)}
    assert built.order == len(elements)
    candidate = data.draw(st.permutations(range(n)))
    assert (candidate in built) == (tuple(candidate) in elements)


@settings(max_examples=30)
@given(permutations)
def test_verification_mends_a_chain_that_was_guessed_too_small(group: tuple[int, list[list[int]]]) -> None:
    n, rows = group
    built = PermutationGroup(n, np.array(rows, np.int32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chain, "_guess", lambda generators: chain_of_first_level(generators))
        chain.chain_of.cache_clear()
        mended = built.order
    chain.chain_of.cache_clear()
    assert mended == built.order == len(built.elements())


def chain_of_first_level(generators: np.ndarray) -> list[chain._Level]:
    return [chain._Level.of(generators, chain._moved(generators[0]))] if len(generators) else []


def test_every_turn_of_the_cube_moves_twenty_stickers_in_five_4_cycles() -> None:
    cube = rubiks_cube()
    assert cube.degree == 48 and len(cube.generators) == 6
    for turn in cube.generators:
        assert (turn != np.arange(48)).sum() == 20
        assert np.array_equal(turn[turn[turn[turn]]], np.arange(48))
        assert (turn[turn] != np.arange(48)).sum() == 20


def test_a_single_flipped_edge_is_outside_the_cube_group() -> None:
    """An edge's two stickers are those that the same turns move, and no third."""
    cube = rubiks_cube()
    moved = (cube.generators != np.arange(48)).T
    partners = [np.flatnonzero((moved == moved[i]).all(1)).tolist() for i in range(48)]
    edge = next(stickers for stickers in partners if len(stickers) == 2)
    flipped = np.arange(48)
    flipped[edge] = edge[::-1]
    assert flipped not in cube
    assert cube.generators[0][cube.generators[1]] in cube


def test_a_row_that_is_not_a_permutation_is_refused() -> None:
    with pytest.raises(GroupRefused, match=r"^Generator 1 is not a permutation of 0 … 2\.$"):
        PermutationGroup(3, np.array([[0, 1, 2], [0, 0, 2]], np.int32))
    assert [0, 0, 2] not in symmetric(3)


def test_a_rotation_of_an_oblong_torus_or_window_is_refused() -> None:
    message = r"^The matrix \[\[0, -1\], \[1, 0\]\] does not act on a torus of shape \(4, 6\)\.$"
    with pytest.raises(GroupRefused, match=message):
        torus((4, 6), [ROTATION4])
    with pytest.raises(GroupRefused, match=r"^The map does not carry the set of points onto itself\.$"):
        window((3, 4), [ROTATION4])
    with pytest.raises(GroupRefused, match=r"^A grid of 1 axes has no action of a matrix of shape \(2, 2\)\.$"):
        torus((4,), [ROTATION4])


def test_points_are_found_in_any_order() -> None:
    points = np.array([[1, 0], [0, 0], [0, 1]])
    assert index_images(points, points[[2, 0, 1]]).tolist() == [2, 0, 1]


def test_a_group_too_large_to_list_is_refused() -> None:
    with pytest.raises(GroupRefused, match=r"^The group has more than 100 elements, too many to list\.$"):
        symmetric(6).elements(100)
