"""Break what builds a finite group, or what names the part of one that keeps a mask, and a claim refuses what it then is.

The group is held against one that formulas state, or that is listed here: a layer tied by the one is proved to have the symmetry
of the other, both ways, for every weight. A subgroup that keeps a mask is one that the rule accepts behind the mask, and it is all
that it accepts. So each fault is refused by the obligations of a claim or of a step, not by a comparison of numbers.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import derive
from derive import MatrixGroup, Permutations, PointGroup, Translations
from derive.errors import GroupRefused, OrbitCut
from derive.finite import cyclic, defining, dihedral, monomial, symmetric
from derive.groups._finite import PermutationGroup, cycles
from derive.proof.cut import inside_of
from tests.rules.source_mutants import SourceMutant, source_mutants
from tests.rules.worlds import FINITE, World

SAMPLE = 4
TURN = ((0, -1), (1, 0))
SQUARE = {"T0": [2, 3, 0, 1], "T1": [1, 0, 3, 2], "R": [0, 2, 1, 3]}  # of 2×2 cells: R carries (x, y) to (-y, x)


def same(one: Any, other: Any, size: int) -> None:
    """Raises DeriveError unless layers tied by the one have the symmetry of the other, both ways."""
    for tied, claimed in ((one, other), (other, one)):
        layer = derive.dense(1, size, size).then(derive.equivariant(tied))
        derive.claim(layer, derive.equivariant(claimed))


def here(group: Any) -> Permutations:
    """A group of another world, in this one."""
    return Permutations(PermutationGroup(group.degree, group.generators))


def listed(*rows: list[int]) -> Permutations:
    return Permutations(PermutationGroup(len(rows[0]), list(rows)))


def lattices(module: Any) -> None:
    """Every way to call them, against translations that wrap, a reflection of the grid, and lists."""
    same(here(module.torus((4,))), Translations(grid="torus"), 4)
    same(here(module.torus((4,), steps=(2,))), Translations(grid="torus", step=2), 4)
    same(here(module.window((4,), [((-1,),)])), PointGroup("D1", about="grid"), 4)
    same(here(module.window((2, 2), [TURN])), listed([2, 0, 3, 1]), 4)
    same(here(module.torus((5,), [((-1,),)])), listed([1, 2, 3, 4, 0], [0, 4, 3, 2, 1]), 5)
    same(here(module.torus((2, 3))), listed([3, 4, 5, 0, 1, 2], [1, 2, 0, 4, 5, 3]), 6)
    for name in ("p4", "p4m"):
        same(here(getattr(module, name)(2)), listed(*SQUARE.values()), 4)
    cells = [(x, y) for x in range(5) for y in range(5)]
    shifts = ([(x + 1) % 5 * 5 + y for x, y in cells], [x * 5 + (y + 1) % 5 for x, y in cells])
    turned, flipped = [-y % 5 * 5 + x for x, y in cells], [x * 5 + -y % 5 for x, y in cells]
    same(here(module.p4m(5)), listed(*shifts, turned, flipped), 25)  # of fewer cells p4 ties the same pairs
    for call in (
        lambda: module.torus((2, 3), [TURN]),
        lambda: module.torus((3,), [TURN]),
        lambda: module.window((3,), [TURN]),
    ):
        with pytest.raises(GroupRefused):
            call()


def kept(module: Any) -> None:
    """What is named keeps the mask and is all that does, as the rule says of every element."""
    for group, mask in (
        (symmetric(4), derive.local(1)),
        (dihedral(4), derive.local(derive.Box(0, 1))),
        (cyclic(3), derive.local(3)),
    ):
        masked, act = derive.dense(1, group.degree, group.degree).then(mask), defining(group)
        pairs = inside_of(masked.form, {})
        found = module.preserving(act, act, pairs)
        part = PermutationGroup(group.degree, [images for _, images in found.generators])
        assert found.order == part.order
        accepted = [e for e in group.elements() if accepts(masked, e)]
        assert len(accepted) == part.order and all(e in part for e in accepted)
        refused = [g for g, e in enumerate(group.generators) if not accepts(masked, e)]
        assert module.lost_by(act, act, pairs) == refused
        names = [f"g{g}" for g in range(len(group.generators))]
        assert found.named(names) == said_of(found, names)
        assert all(act.element(word).tolist() == [2 * int(p) for p in images] for word, images in found.generators)
        assert all(permutation(module.cycles(e), group.degree) == e.tolist() for e in group.elements())


def said_of(found: Any, names: list[str]) -> str:
    """A generator of the group by its name, another element by its cycles."""
    if found.order == 1:
        return "the identity alone"
    parts = [names[w[0]] if len(w) == 1 else cycles(images) for w, images in found.generators]
    return f"a subgroup of order {found.order} ({', '.join(parts)})"


def permutation(text: str, degree: int) -> list[int]:
    """What cycles say, each of two points at least."""
    images = list(range(degree))
    for cycle in text.strip("()").split(")(") if text != "()" else ():
        points = [int(p) for p in cycle.split(" ")]
        assert len(points) > 1
        for p, q in zip(points, [*points[1:], points[0]], strict=True):
            images[p] = q
    return images


def signed(module: Any) -> None:
    """Signs don't move a mask; of two sides of different sizes the points of the larger one are named."""
    flipped, three = monomial([[[0, -1], [1, 0]]]), defining(symmetric(3))
    assert (
        module.preserving(flipped, flipped, np.eye(2, dtype=bool)).order == 2
        and module.lost_by(flipped, flipped, np.eye(2) > 0) == []
    )
    for out, source, pairs in (
        (three.power(0), three, np.array([[1, 0, 0]]) > 0),
        (three, three.power(0), np.array([[1], [0], [0]]) > 0),
    ):
        found = module.preserving(out, source, pairs)
        assert found.order == 2 and [images.tolist() for _, images in found.generators] == [[0, 2, 1]]


def accepts(masked: Any, element: Any) -> bool:
    try:
        masked.then(derive.equivariant(listed([int(p) for p in element])))
    except OrbitCut:
        return False
    return True


def matrices(module: Any) -> None:
    """Sums, products, powers, duals and the others, against matrices that are listed, and against axes one by one."""
    made, turn, swap = module.Matrices, [[0, -1], [1, -1]], [[0, 1], [1, 0]]
    one, two = made([turn]), made([turn, swap])
    alike(one, [turn])
    alike(two.dual(), [[[-1, -1], [1, 0]], swap])
    alike(one + made([[[2]]]), [[[0, -1, 0], [1, -1, 0], [0, 0, 2]]])
    alike(made([[[2]]]) + one, [[[2, 0, 0], [0, 0, -1], [0, 1, -1]]])
    alike(one * made([[[1, 1], [0, 1]]]), [[[0, 0, -1, -1], [0, 0, 0, -1], [1, 1, -1, -1], [0, 1, 0, -1]]])
    alike(made.trivial(2, 2), [[[1, 0], [0, 1]]] * 2)
    alike(made.trivial(1), [[[1]]])
    alike(made.signs([1, -1]), [[[1]], [[-1]]])
    alike(made(cyclic(3)), [[[0, 0, 1], [1, 0, 0], [0, 1, 0]]])
    alike(made(defining(cyclic(3))), [[[0, 0, 1], [1, 0, 0], [0, 1, 0]]])
    half = [[Fraction(1, 2), 0], [0, 2]]
    alike(made(made([half])), [half])
    alike(two.power(0), [[[1]], [[1]]])
    square = derive.dense(2, (2, 2), (2, 2)).then(derive.equivariant(MatrixGroup([turn], axes=(0, 1))))
    derive.claim(square, derive.equivariant(MatrixGroup(written(one.power(2)))))
    assert (
        str(two) == "2 matrices of size 2" and made.trivial(3, 2).size == 2 and len(made.trivial(3, 2).generators) == 3
    )
    wrong = (
        lambda: one + two,
        lambda: two * one,
        lambda: made([]),
        lambda: made([[[1, 0]]]),
        lambda: made([turn, [[1]]]),
    )
    for call in (
        *wrong,
        lambda: made([[[1, 1], [1, 1]]]),
        lambda: made("01"),
        lambda: made(7),
        lambda: made.signs([2]),
    ):
        with pytest.raises(GroupRefused):
            call()


def written(group: Any) -> list[list[list[Any]]]:
    return [[list(row) for row in matrix] for matrix in group.generators]


def alike(group: Any, matrices: list[Any]) -> None:
    """Generator by generator the same layers: with another matrix on the other side, so that it is this one and no other."""
    assert group.size == len(matrices[0]) and len(group.generators) == len(matrices)
    for mine, wanted in zip(written(group), matrices, strict=True):
        layer = derive.dense(1, len(wanted), len(wanted)).then(derive.equivariant(MatrixGroup([wanted])))
        derive.claim(layer, derive.equivariant(MatrixGroup([mine], [wanted])))
        derive.claim(layer, derive.equivariant(MatrixGroup([wanted], [mine])))


HELD: dict[str, Callable[[Any], Any]] = {
    "lattice": lattices,
    "preserving": lambda module: (kept(module), signed(module)),
    "matrices": matrices,
}


# Faults that change nothing, by what they make of a line: of lists that were found to be equally long, of words of one letter, of
# generators of one size, of a shift the other way round, and of signs that are left out in the next line.
SAME = {
    "rows.append(index_images(cells, (cells + shift) % size))": ("cells - shift",),
    "return np.indices(tuple(shape)).reshape(len(shape), -1).T": ("2",),
    "texts = (names[word[0]] if len(word) == 1 else cycles(images) for word, images in self.generators)": ("-1",),
    "union = (out + source).codes & ~np.int32(1)": ("(out + source).codes", "0"),
    "group = PermutationGroup(union.shape[1])": ("0",),
    "left[cycle[-2]], image = None, left[image]": ("1",),
    "return len(self.generators[0])": ("-1",),
}


def unchanged(mutant: SourceMutant) -> bool:
    return "strict dropped" in str(mutant) or str(mutant).rpartition(": ")[2] in SAME.get(mutant.source, ())


def survivors(name: str, most: int | None = None) -> list[SourceMutant]:
    """The mutants that nothing refuses, of all or of as many drawn ones, always the same."""
    module = f"{FINITE}.{name}"
    import_module(module)
    found = [m for m in source_mutants(module) if not unchanged(m)]
    drawn = found if most is None or len(found) <= most else random.Random(name).sample(found, most)
    return [m for m in drawn if passes(name, World(m).module(module))]


def passes(name: str, module: Any) -> bool:
    try:
        HELD[name](module)
    except (Exception, pytest.fail.Exception):  # noqa: BLE001  a broken module may fail in any way
        return False
    return True


@pytest.mark.parametrize("name", HELD)
def test_they_hold_as_they_are(name: str) -> None:
    HELD[name](import_module(f"{FINITE}.{name}"))


@pytest.mark.parametrize("name", HELD)
def test_no_mutant_is_accepted(name: str) -> None:
    assert [str(m) for m in survivors(name, SAMPLE)] == []


@pytest.mark.nightly
@pytest.mark.parametrize("name", HELD)
def test_no_mutant_at_all_is_accepted(name: str) -> None:
    assert [str(m) for m in survivors(name)] == []
