"""Windows with zero edges are counted at every size, tied or not, strided and dilated; brute force is the measure."""

from __future__ import annotations

from functools import reduce
from itertools import product

import numpy as np
import pytest
from sympy import And, Ge, Integer

import derive
from derive.forms.expr import index
from derive.proof.beyond import _along
from derive.proof.diamonds import Diamond
from derive.proof.inside import read_inside
from derive.proof.lines import Line
from tests.proof.test_diamonds import GROUPS, SPACE, axis

Delta = index("Delta")
SIZES = tuple(map(index, "nmp"))
BOX, CROSS, DIAMOND = "box", "cross", "diamond"
CUBE = frozenset([frozenset(range(3))])
TIED = {**GROUPS, "other diagonal": (((0, 1), (1, 1)), ((1, 0), (-1, -1)))}


def orbits(group, shape, weights, radius, extents, step, stride) -> tuple[int, int]:
    """How many orbits have an offset that is read at some place, and how many there are."""
    read = [
        {a for a in range(-radius, radius + 1) for o in range(0, n, stride) if 0 <= o + step * a < n} for n in extents
    ]
    alive, every = set(), set()
    for x in product(range(-radius, radius + 1), repeat=len(extents)):
        if shape == CROSS and sum(map(bool, x)) > 1:
            continue
        if shape == DIAMOND and sum(w * abs(v) for w, v in zip(weights, x, strict=True)) > radius:
            continue
        images = []
        for places, signs in group:
            image = dict(zip(places, (sign * v for sign, v in zip(signs, x, strict=True)), strict=True))
            images.append(tuple(image[k] for k in range(len(x))))
        every.add(max(images))
        if all(v in offsets for v, offsets in zip(x, read, strict=True)):
            alive.add(max(images))
    return len(alive), len(every)


def compare(group, shape, weights, names, step, stride, extents, radii) -> None:
    lines = [Line("zero", -Delta, Delta, step, stride, s) for s in names]
    axes = range(len(names))
    supports = frozenset(map(frozenset, ([k] for k in axes) if shape == CROSS else [axes]))
    given = And(Ge(Delta, 0), *(Ge(s, 1) for s in names))
    diamond = Diamond(weights, Delta) if shape == DIAMOND else None
    read, whole, clauses = read_inside(dict.fromkeys(group, 1), lines, supports, diamond, given)
    for sizes in product(extents, repeat=len(set(names))):
        at = dict(zip(dict.fromkeys(names), sizes, strict=True))
        for radius in radii:
            alive, every = orbits(group, shape, weights, radius, [at[s] for s in names], step, stride)
            numbers = {s: Integer(v) for s, v in (*at.items(), (Delta, radius))}
            assert (read.xreplace(numbers), whole.xreplace(numbers)) == (alive, every), numbers
            assert (And(*clauses).xreplace(numbers) == True) == (alive == every), numbers  # noqa: E712


PLANES = [
    (None, DIAMOND, (1, 1), 1, 3),
    (None, BOX, (1, 1), 2, 3),
    ("D1", DIAMOND, (1, 2), 2, 2),
    ("C2", DIAMOND, (2, 3), 1, 3),
    ("C2", BOX, (1, 1), 1, 2),
    ("diagonal", BOX, (1, 1), 1, 3),
    ("diagonal", DIAMOND, (1, 1), 3, 2),
    ("other diagonal", BOX, (1, 1), 1, 3),
    ("D2", CROSS, (1, 1), 2, 1),
    ("C4", BOX, (1, 1), 1, 3),
    ("C4", CROSS, (1, 1), 1, 2),
    ("C4", DIAMOND, (1, 1), 1, 2),
    ("D4", BOX, (1, 1), 3, 2),
    ("D4", DIAMOND, (1, 1), 2, 3),
]


@pytest.mark.parametrize(("group", "shape", "weights", "step", "stride"), PLANES, ids=str)
def test_a_plane_of_two_sizes(group, shape, weights, step, stride) -> None:
    compare(TIED[group], shape, weights, SIZES[:2], step, stride, (1, 2, 3, 6), (0, 1, 2, 5))


@pytest.mark.parametrize(("group", "shape", "stride"), [("cycled", BOX, 2), ("O", BOX, 1), ("Oh", CROSS, 3)], ids=str)
def test_a_volume_of_three_sizes(group, shape, stride) -> None:
    compare(SPACE[group], shape, (1, 1, 1), SIZES, 1, stride, (1, 3), (2, 4))


@pytest.mark.nightly
@pytest.mark.parametrize("shape", [BOX, DIAMOND])
@pytest.mark.parametrize("group", SPACE)
def test_volumes(group, shape) -> None:
    for names, stride in ((SIZES, 1), (SIZES, 2), ((SIZES[0], SIZES[0], SIZES[1]), 2)):
        compare(SPACE[group], shape, (1, 1, 1), names, 1, stride, (1, 2, 3, 5), (0, 1, 2, 4))


def lines_of(edge: str, strides: tuple[int, ...]) -> list[Line]:
    return [Line(edge, -Delta, Delta, 1, stride, s) for stride, s in zip(strides, SIZES, strict=True)]


def test_what_is_read_of_a_cube_by_other_strides_along_each_axis_has_no_number_but_its_condition() -> None:
    """All is read where the window is less than every side. The boxes are too many to be told apart by their sides' order."""
    read, _, clauses = read_inside(dict.fromkeys(SPACE["O"], 1), lines_of("zero", (2, 3, 5)), CUBE, None, Ge(Delta, 0))
    assert read is None
    assert str(And(*clauses)) == "(Delta <= m - 1) & (Delta <= n - 1) & (Delta <= p - 1)"


def test_clamped_volumes_of_three_sizes() -> None:
    """Behind nearest edges too: the rank of V ↦ W by definition."""
    window = list(product(range(-2, 3), repeat=3))
    for group, stride in (("O", 2), ("cycled", 1)):
        given = And(Ge(Delta, 0), *(Ge(s, 1) for s in SIZES))
        read, _, clauses = read_inside(
            dict.fromkeys(SPACE[group], 1), lines_of("nearest", (stride,) * 3), CUBE, None, given
        )
        for sizes in ((1, 2, 3), (4, 1, 2), (2, 2, 2), (3, 4, 3)):
            columns: dict[tuple[int, ...], np.ndarray] = {}
            sides = [axis("nearest", size, 2, 1, stride) for size in sizes]
            for x in window:
                images = [tuple(s * x[k] for k, s in zip(*element, strict=True)) for element in SPACE[group]]
                seen = np.ravel(reduce(np.multiply.outer, (side[:, v + 2] for side, v in zip(sides, x, strict=True))))
                columns[max(images)] = columns.get(max(images), 0) + seen
            rank = int(np.linalg.matrix_rank(np.stack(list(columns.values())).astype(float)))
            numbers = {Delta: Integer(2), **dict(zip(SIZES, map(Integer, sizes), strict=True))}
            assert read.xreplace(numbers) == rank, numbers
            assert (And(*clauses).xreplace(numbers) == True) == (rank == len(columns)), numbers  # noqa: E712


def layer(shape, group, sides, stride, dilation=1) -> derive.Derivation:
    found = derive.dense(2, sides, sides).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    found = found.then(derive.local(shape))
    found = found.then(derive.dilated(dilation)) if dilation > 1 else found
    found = found.then(derive.equivariant(derive.PointGroup(group))) if group else found
    found = found.then(derive.boundary("zero"))
    return found.then(derive.strided(stride)) if stride > 1 else found


@pytest.mark.parametrize(
    ("shape", "group", "stride", "dilation"),
    [(DIAMOND, "D4", 2, 1), (BOX, "C4", 3, 1), (CROSS, "D2", 1, 3)],
    ids=str,
)
def test_a_layer_has_its_number_and_the_exact_condition(shape, group, stride, dilation) -> None:
    window = {DIAMOND: derive.Diamond("Delta"), BOX: "Delta", CROSS: derive.Cross("Delta")}[shape]
    counts = layer(window, group, ("n", "m"), stride, dilation).counts
    for one, other, radius in product((1, 3, 4), (2, 7), (0, 1, 4, 6)):
        numbers = {s: Integer(v) for s, v in zip((*SIZES[:2], Delta), (one, other, radius), strict=True)}
        found = orbits(GROUPS[group], shape, (1, 1), radius // dilation, (one, other), dilation, stride)
        assert (counts.exact_weight.xreplace(numbers), counts.weight.xreplace(numbers)) == found, numbers
        assert (counts.when.xreplace(numbers) == True) == (found[0] == found[1]), numbers  # noqa: E712


def test_numbers_read_well() -> None:
    counts = layer(derive.Diamond("Delta"), "D4", ("n", "n"), 2).counts
    excess = "Max(0, Delta - n + 1)"
    assert (str(counts.weight), str(counts.when)) == ("floor((Delta + 2)**2/4)", "Delta < n")
    whole = "floor((Delta + 2)**2/4) + floor(Max(0, Delta - 2*n + 1)**2/4)"
    assert str(counts.exact_weight) == f"-({excess} + 1)*{excess}/2 + {whole}"


def test_what_goes_backwards_is_turned_with_its_place() -> None:
    both = {element: sign for sign, element in zip((1, -1), GROUPS["diagonal"], strict=True)}
    assert _along(both, (1, -1)) == {((0, 1), (1, 1)): 1, ((1, 0), (-1, -1)): -1}
    assert set(_along(dict.fromkeys(GROUPS["C4"], 1), (1, -1))) == set(GROUPS["C4"])


def test_without_letters_for_offsets_it_is_the_sum_over_entries() -> None:
    """Where inputs are read by their own letters no line is seen, and the sum says the same at numbers."""
    layer = derive.dense(2).then(derive.equivariant(derive.Translations()))
    for rule in (derive.local(derive.Diamond("Delta")), derive.equivariant(derive.PointGroup("D4")), derive.strided(2)):
        layer = layer.then(rule)
    for n, m, radius in ((1, 2, 2), (3, 2, 3)):
        alive, _ = orbits(TIED["D4"], DIAMOND, (1, 1), radius, (n, m), 1, 2)
        assert layer.counts.weight.subs(dict(zip(layer.form.sizes, (n, m, radius), strict=True))).doit() == alive
