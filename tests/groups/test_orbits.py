"""Orbits of pairs equal brute force and known theorems; witnesses carry what they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.errors import GroupRefused
from derive.groups._finite import orbits as module
from derive.groups._finite import stabiliser
from derive.groups._finite.lattice import REFLECTION, ROTATION4, p4, p4m, torus, window
from derive.groups._finite.orbits import PairOrbits, invariant_count, pair_orbits, point_orbits
from derive.groups._finite.permutation import (
    PermutationGroup,
    alternating,
    cyclic,
    dihedral,
    disjoint_product,
    product,
    rubiks_cube,
    symmetric,
    wreath,
)
from derive.groups._finite.representation import (
    Representation,
    characters,
    defining,
    monomial,
    parity,
    regular,
    trivial,
)
from tests.groups.oracles import bell, burnside, tied_pairs
from tests.pace import within

D4 = window((3, 3), [ROTATION4, REFLECTION])
VECTOR = monomial([ROTATION4, REFLECTION])


def assert_is_brute_force(orbits: PairOrbits) -> None:
    """The same partition of all pairs, with the same relative signs, zeros and count."""
    tied, free = tied_pairs(orbits.out, orbits.source)
    labels, signs = orbits.table()
    assert orbits.count == free == len(orbits.representatives)
    for (o, k), (root, sign) in tied.items():
        at_root = divmod(root, orbits.source.size)
        assert (labels[o, k] < 0) == (signs[o, k] == 0) == (sign == 0)
        assert labels[o, k] == labels[at_root]
        assert sign == 0 or signs[o, k] == sign * signs[at_root]
    assert len(set(labels[labels >= 0].tolist())) == free
    assert np.array_equal(np.bincount(labels[labels >= 0], minlength=free), orbits.sizes)


def assert_witnesses_carry(orbits: PairOrbits, pairs: list[tuple[int, int]]) -> None:
    """Each word carries its pair to sign times the representative; a forced zero to minus itself."""
    for o, k in pairs:
        label, sign = orbits.label(o, k)
        witness = orbits.witness(o, k)
        to, at = orbits.out.element(witness.word)[o], orbits.source.element(witness.word)[k]
        target = (o, k) if label < 0 else orbits.representative(int(label))
        assert (to >> 1, at >> 1) == target
        assert witness.sign == 1 - 2 * ((to ^ at) & 1) == (-1 if label < 0 else sign)


@st.composite
def signed_groups(draw: st.DrawFn, largest: int = 5) -> tuple[Representation, Representation]:
    generators = draw(st.integers(0, 3))

    def representation() -> Representation:
        n = draw(st.integers(1, largest))
        rows = [
            [2 * image + draw(st.integers(0, 1)) for image in draw(st.permutations(range(n)))]
            for _ in range(generators)
        ]
        return Representation(np.array(rows, np.int32).reshape(generators, n))

    return representation(), representation()


@settings(max_examples=150, deadline=None)
@given(signed_groups())
def test_random_signed_groups_are_brute_force(pair: tuple[Representation, Representation]) -> None:
    orbits = pair_orbits(*pair)
    assert_is_brute_force(orbits)
    assert_witnesses_carry(orbits, [(o, k) for o in range(pair[0].size) for k in range(pair[1].size)])


@settings(max_examples=100, deadline=None)
@given(signed_groups())
def test_relators_give_what_all_schreier_generators_give(pair: tuple[Representation, Representation]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stabiliser, "_DIRECT", 0)
        orbits = pair_orbits(*pair)
    assert_is_brute_force(orbits)
    assert_witnesses_carry(orbits, [(o, k) for o in range(pair[0].size) for k in range(pair[1].size)])


@settings(max_examples=40, deadline=None)
@given(signed_groups(largest=3))
def test_the_count_is_burnsides_mean_of_traces(pair: tuple[Representation, Representation]) -> None:
    assert pair_orbits(*pair).count == burnside(*pair)


GRIDS = [
    pair_orbits(defining(p4(4)), defining(p4(4))),
    pair_orbits(defining(p4m(3)), defining(p4m(3)) * VECTOR.inflate(before=2)),
    pair_orbits(defining(torus((4, 6), steps=(2, 3))), defining(torus((4, 6), steps=(2, 3)))),
    pair_orbits(defining(D4) * VECTOR, defining(D4) * (trivial(2) + characters([1, -1]) + VECTOR)),
    pair_orbits(regular(D4) + parity(D4), defining(D4)),
    pair_orbits(defining(wreath(cyclic(3), symmetric(4))), defining(wreath(cyclic(3), symmetric(4)))),
    pair_orbits(defining(disjoint_product(cyclic(3), dihedral(4))), defining(product(cyclic(3), dihedral(4)))),
]


@pytest.mark.parametrize("orbits", GRIDS)
def test_grids_and_products_are_brute_force(orbits: PairOrbits) -> None:
    assert_is_brute_force(orbits)
    pairs = [(o, k) for o in range(0, orbits.out.size, 3) for k in range(0, orbits.source.size, 5)]
    assert_witnesses_carry(orbits, pairs)


@pytest.mark.parametrize(
    ("group", "count"),
    [
        *((symmetric(n), 2) for n in (2, 3, 7, 40)),
        *((alternating(n), 2) for n in (4, 5, 9)),
        (alternating(3), 3),
        *((cyclic(n), n) for n in (1, 2, 6, 35)),
        *((dihedral(n), n // 2 + 1) for n in (3, 4, 9, 10)),
        (torus((4, 5)), 20),
        (rubiks_cube(), 9),
    ],
)
def test_known_counts_of_layers_from_v_to_v(group: PermutationGroup, count: int) -> None:
    assert pair_orbits(defining(group), defining(group)).count == count


def test_a_permutation_equivariant_layer_is_a_multiple_of_one_plus_the_mean() -> None:
    labels, signs = pair_orbits(defining(symmetric(5)), defining(symmetric(5))).table()
    assert np.array_equal(labels, 1 - np.eye(5)) and (signs == 1).all()


@pytest.mark.parametrize("n", range(2, 8))
@pytest.mark.parametrize("k", range(6))
def test_invariants_of_tensors_are_bell_numbers_only_from_n_of_k_on(n: int, k: int) -> None:
    group = defining(symmetric(n))
    assert invariant_count(group, k) == bell(k, n)
    assert (invariant_count(group, k) == bell(k, k)) == (n >= k)
    if n**k <= 4096:
        assert point_orbits(group.power(k)).count == bell(k, n)


def test_a_sign_that_fixes_a_pair_forces_zero() -> None:
    orbits = pair_orbits(characters([-1]), trivial(1))
    assert (orbits.count, orbits.vanishing) == (0, 1)
    assert orbits.label(0, 0) == (-1, 0)
    assert orbits.witness(0, 0).word == (0,) and orbits.witness(0, 0).sign == -1


def test_a_scalar_layer_to_vectors_has_a_gradient_stencil() -> None:
    """D4 about a pixel, 3×3 window, scalar to vector: the axis and diagonal arms; the rest must be 0."""
    orbits = pair_orbits(VECTOR, defining(D4))
    assert (orbits.count, orbits.vanishing) == (2, 2)
    labels, signs = orbits.table()
    w = (np.where(labels == labels[0, 1], 1, 0) + np.where(labels == labels[0, 0], 2, 0)) * signs
    assert np.abs(w[0].reshape(3, 3)).tolist() == [[2, 1, 2], [0, 0, 0], [2, 1, 2]]
    assert (w[0].reshape(3, 3)[0] == -w[0].reshape(3, 3)[2]).all()


def test_a_pseudoscalar_of_a_scalar_vanishes_on_a_window_with_all_reflections() -> None:
    orbits = pair_orbits(characters([1, -1]), defining(D4))
    assert (orbits.count, orbits.vanishing) == (0, 3)


@settings(max_examples=25, deadline=None)
@given(signed_groups(), st.integers(0, 2**32 - 1))
def test_the_parametrisation_commutes_with_every_generator(
    pair: tuple[Representation, Representation], seed: int
) -> None:
    orbits = pair_orbits(*pair)
    labels, signs = orbits.table()
    v = np.append(np.random.default_rng(seed).integers(-9, 10, orbits.count), 0)
    w = v[labels] * signs
    for a, b in zip(pair[0].matrices(), pair[1].matrices(), strict=True):
        assert np.array_equal(a @ w, w @ b)


def test_p4_of_a_torus_by_relators_is_p4_by_all_schreier_generators() -> None:
    grid = defining(p4(12))
    direct = pair_orbits(grid, grid)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stabiliser, "_DIRECT", 0)
        deduced = pair_orbits(grid, grid)
    assert np.array_equal(direct.table()[0], deduced.table()[0])
    assert direct.count == (144 + 2 + 4 + 2) // 4


def test_labels_of_large_groups_are_constant_on_orbits() -> None:
    grid = P4_CHANNELS
    orbits = pair_orbits(grid, grid)
    assert orbits.count == grid.size**2 // (4 * 4096)
    assert orbits.sizes.sum() == grid.size**2
    o, k = np.random.default_rng(1).integers(0, grid.size, (2, 5000))
    labels, signs = orbits.label(o, k)
    for g in grid.codes:
        moved, turned = orbits.label(g[o] >> 1, g[k] >> 1)
        assert np.array_equal(moved, labels) and np.array_equal(turned, signs)
    assert_witnesses_carry(orbits, [(7, 9), (16000, 3), (1234, 15000)])


P4_CHANNELS = defining(p4(64)) * regular(cyclic(4)).inflate(before=2)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("representation", "count", "seconds"),
    [
        (defining(symmetric(6)).power(2), 15, 0.1),
        (defining(rubiks_cube()), 9, 0.1),
        (P4_CHANNELS, 16_384, 2),
        (defining(p4(256)), (65_536 + 2 + 4 + 2) // 4, 10),
    ],
    ids=["S6 on T2", "cube", "p4 of 64×64, regular", "p4 of 256×256"],
)
def test_orbits_are_found_within_their_time(representation: Representation, count: int, seconds: float) -> None:
    with within(seconds):
        assert pair_orbits(representation, representation).count == count


def test_refusals_are_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    orbits = pair_orbits(trivial(1, 3), trivial(1, 2))
    with pytest.raises(GroupRefused, match=r"^The input has points 0 … 1; 2 … 2 were asked for\.$"):
        orbits.label(0, 2)
    with pytest.raises(GroupRefused, match=r"^Two representations .* same generators; these list 1 and 2\.$"):
        pair_orbits(trivial(1), trivial(2))
    with pytest.raises(GroupRefused, match=r"^Generator 0 is not a signed permutation of 2 points\.$"):
        Representation(np.array([[0, 1]], np.int32))
    with pytest.raises(GroupRefused, match=r"shape \(generators, size\); these have shape \(2,\)\.$"):
        Representation(np.array([0, 2], np.int32))
    with pytest.raises(GroupRefused, match=r"^A sign is 1 or -1; these are \[2\]\.$"):
        characters([2])
    with pytest.raises(GroupRefused, match=r"^Matrix 0 is not a signed permutation matrix of size 2\.$"):
        monomial([[[1, 1], [0, 1]]])
    monkeypatch.setattr(module, "_LARGEST_TABLE", 5)
    message = r"^A table of 3×2 labels is too large; ask `label` for the pairs you need\.$"
    with pytest.raises(GroupRefused, match=message):
        orbits.table()
