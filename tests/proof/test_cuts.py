"""A mask that cuts a group's orbits is refused with a layer to paste, whichever was stated first, at the smallest sizes."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import derive
from derive import Box, Causal, Channels, Diamond, Permutations, PointGroup, Symmetric, Translations
from derive.errors import OrbitCut
from derive.finite import cyclic, dihedral, symmetric, wreath
from derive.finite import product as both

ONE = Channels((("c", 1),), (("d", 1),))
FOUR = Channels((("c", 1),), (("d", 4),))
SHIFTS = [derive.reindex(), derive.equivariant(Translations())]


def stated(*rules, rank=1, size=None, channels=None):
    layer = derive.dense(rank, size, size, channels=channels)
    for rule in rules:
        layer = layer.then(rule)
    return layer


def by(group, mask, before=SHIFTS, **dense):
    """The group and the mask in both orders."""
    steps = [derive.equivariant(group), derive.local(mask)]
    return [lambda: stated(*before, *steps[::-1], **dense), lambda: stated(*before, *steps, **dense)]


CUT = {
    "a mirror": by(PointGroup("D1"), Box(1, 2)),
    "a mirror of the grid": by(PointGroup("D1", about="grid"), Box(1, 2), [derive.reindex()]),
    "a mirror with a sign": by(PointGroup("D1", channels={"d": "sign"}), Box(1, 2), channels=ONE),
    "quarter turns": by(PointGroup("C4"), Causal(1), rank=2),
    "quarter turns of a long box": by(PointGroup("D4"), Box((1, 2), (1, 2)), rank=2),
    "quarter turns of regular channels": by(
        PointGroup("C4", channels={"d": "regular"}), Box((1, 0), (1, 1)), rank=2, channels=FOUR
    ),
    "sixth turns": by(PointGroup("C6"), Diamond("Delta"), rank=2),
    "thirds of turns of a cube": by(
        PointGroup((((0, 1, 0), (0, 0, 1), (1, 0, 0)),)), Box((1, 1, 1), (1, 1, 2)), rank=3
    ),
    "shifts by a step and a mirror": by(
        PointGroup("D1"), Box(0, 1), [derive.reindex(), derive.equivariant(Translations(step=2))]
    ),
    "shifts of a torus": by(Translations(grid="torus"), 1, []),
    "all permutations": by(Symmetric(), 1, []),
    "a cycle": by(Permutations(cyclic(5)), 1, [], size=5),
    "a product": by(Permutations(both(cyclic(3), cyclic(3))), 1, [], rank=2, size=(3, 3)),
    "a wreath product": by(Permutations(wreath(cyclic(2), cyclic(3))), 1, [], size=6),
    "permutations of one axis": by(Permutations(symmetric(3), axes=(0,)), 1, [], rank=2, size=(3, 3)),
}


@pytest.mark.parametrize("what", CUT)
def test_a_cut_is_shown_in_both_orders(what):
    for make in CUT[what]:
        with pytest.raises(OrbitCut, match=r"(the support is kept by|the support must be kept by).*\.$") as refused:
            make()
        scope = {}
        exec(refused.value.counterexample.python, scope)
        assert scope["left"] != scope["right"] and 0 in (scope["left"], scope["right"])
        assert set(np.unique(scope["W"])) <= {-1, 0, 1} and scope["W"].any()


# What the group does to a grid of this shape, and what of it a mask has; `None` stays outside.
def mirrored(shape, p):
    return tuple(n - 1 - x for n, x in zip(shape, p, strict=True))


def turned(a):
    return (-a[1], a[0])


SMALLEST = {
    "a mirror of the grid": (1, lambda n, o, k: (mirrored(n, o), mirrored(n, k)), lambda a: -1 <= a[0] <= 2),
    "a mirror": (1, lambda n, o, k: (k, o), lambda a: -1 <= a[0] <= 2),
    "shifts of a torus": (
        1,
        lambda n, o, k: (((o[0] + 1) % n[0],), ((k[0] + 1) % n[0],)),
        lambda a: abs(a[0]) <= 1,
    ),
    "all permutations": (
        1,
        lambda n, o, k: tuple(((1, 0, *range(2, n[0]))[p[0]],) for p in (o, k)),
        lambda a: abs(a[0]) <= 1,
    ),
}


@pytest.mark.parametrize("what", SMALLEST)
def test_the_sizes_are_the_smallest(what):
    """By brute force over all pairs of places: no smaller grid has a pair inside that is carried outside of the mask."""
    rank, move, inside = SMALLEST[what]

    def cuts(shape):
        places = list(product(*map(range, shape)))
        for o, k in product(places, repeat=2):
            there = move(shape, o, k) if max(shape) > 1 else (o, k)
            offsets = [tuple(y - x for x, y in zip(*pair, strict=True)) for pair in ((o, k), there)]
            if inside(offsets[0]) != inside(offsets[1]):
                return True
        return False

    smallest = next(n for n in range(1, 9) if cuts((n,) * rank))
    for make in CUT[what]:
        with pytest.raises(OrbitCut) as refused:
            make()
        assert dict(refused.value.counterexample.sizes) == {"n": smallest}


def test_the_layer_has_the_symmetry_but_for_the_mask():
    """W is what the mask leaves of an orbit: quarter turns carry each of its offsets to one that it has, or that is outside."""
    for make in CUT["quarter turns of a long box"]:
        with pytest.raises(OrbitCut) as refused:
            make()
        scope = {}
        exec(refused.value.counterexample.python, scope)
        pairs = [(tuple(p[:2]), tuple(p[2:])) for p in np.argwhere(scope["W"]).tolist()]
        offsets = {(k[0] - o[0], k[1] - o[1]) for o, k in pairs}
        orbit, a = set(), next(iter(offsets))
        for _ in range(4):
            a = turned(a)
            orbit.add(a)
        assert offsets == {a for a in orbit if abs(a[0]) <= 1 and abs(a[1]) <= 2} != orbit


KEPT = {
    (1, 3): r"a subgroup of order 2 \(\(0 2\)\) at n = 3",
    (2, 4): r"a subgroup of order 4 \(\(0 3\), \(1 2\)\) at n = 4",
}


@pytest.mark.parametrize(("radius", "n"), KEPT)
def test_of_all_permutations_those_that_keep_a_mask_are_named(radius, n):
    """Not only the identity: the reversal keeps a symmetric band, and at the smallest size more may."""
    for make in by(Symmetric(), radius, []):
        with pytest.raises(OrbitCut, match=KEPT[radius, n]):
            make()
    with pytest.raises(
        OrbitCut, match=r"kept by a subgroup of order 2 \(\(0 2\)\) at n = 3, m = 1, not by a transposition"
    ):
        stated(derive.local(1), derive.equivariant(Symmetric("n")), rank=2)


def test_masks_before_matrices_are_the_same_layers():
    """Constraints that don't depend on each other: in either order the same layers are left."""
    turns = derive.equivariant(derive.MatrixGroup([[[0, -1], [1, 0]]]))
    first, then = stated(turns, derive.local(0), size=2), stated(derive.local(0), turns, size=2)
    assert first.form == then.form and [s.rule for s in first.steps] == [s.rule for s in then.steps]


def test_permutations_that_cut_are_the_dihedral_group_of_a_path():
    for make in by(Permutations(dihedral(5)), 1, [], size=5):
        with pytest.raises(OrbitCut, match=r"a subgroup of order 2 \(\(0 4\)\(1 3\)\)"):
            make()
