"""Hexagons with zero and nearest edges are counted at every size, strided and dilated; brute force is the measure."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sympy import And, Ge, Integer, Max

import derive
from derive.forms.expr import index
from derive.groups._matrices import NAMED, closure
from derive.proof import hexagons
from derive.proof.beyond import layers_inside
from derive.proof.dimension import Dimension
from derive.proof.exact import rank
from derive.proof.hexagons import Hexagon, read_of_hexagon
from derive.proof.lines import Line
from derive.render.numbers import numbers
from derive.rules._images import repeated

n, m, Delta = map(index, ("n", "m", "Delta"))
GROUPS = {
    None: (((1, 0), (0, 1)),),
    **{name: closure(NAMED[name]) for name in ("C2", "C3", "C6", "D3", "D6")},
    "swap": closure((((0, 1), (1, 0)),)),
    "mirror of a step": closure((((1, 1), (0, -1)),)),
    "other D3": closure((((-1, -1), (1, 0)), ((0, -1), (-1, 0)))),
}


def turned(matrix, place):
    return tuple(sum(x * v for x, v in zip(row, place, strict=True)) for row in matrix)


def orbits(group, radius, extents, steps, strides, forwards=(1, 1)) -> tuple[int, int]:
    """How many orbits have an offset that is read at some place, and how many there are."""
    read = [
        {f * a for a in range(-radius, radius + 1) for o in range(0, size, s) if 0 <= o + d * a < size}
        for size, d, s, f in zip(extents, steps, strides, forwards, strict=True)
    ]
    alive, every = set(), set()
    for x in product(range(-radius, radius + 1), repeat=2):
        if abs(sum(x)) <= radius:
            every.add(name := max(turned(g, x) for g in group))
            if all(v in offsets for v, offsets in zip(x, read, strict=True)):
                alive.add(name)
    return len(alive), len(every)


def compare(name, steps, strides, forwards, sizes, extents, radii) -> None:
    group = GROUPS[name]
    lines = [Line("zero", -Delta, Delta, d, s, size) for d, s, size in zip(steps, strides, sizes, strict=True)]
    given = And(Ge(Delta, 0), *(Ge(size, 1) for size in sizes))
    read, whole, clauses = read_of_hexagon(Hexagon(Delta, tuple(group), forwards), lines, given)
    for values, radius in product(product(extents, repeat=len(set(sizes))), radii):
        sides = dict(zip(dict.fromkeys(sizes), values, strict=True))
        at = {size: Integer(v) for size, v in (*sides.items(), (Delta, radius))}
        alive, every = orbits(group, radius, [sides[s] for s in sizes], steps, strides, forwards)
        assert (read.xreplace(at), whole.xreplace(at)) == (alive, every), at
        assert (And(*clauses).xreplace(at) == True) == (alive == every), at  # noqa: E712


STEPS = [((1, 1), (1, 1), (1, 1)), ((1, 1), (2, 2), (1, 1)), ((1, 2), (2, 3), (1, 1)), ((2, 2), (3, 1), (1, -1))]


def test_the_oracle() -> None:
    """Seven offsets of a hexagon of radius 1, of C6's two orbits; of one place's the place itself; D6's orbits of radius 2."""
    assert orbits(GROUPS[None], 1, (2, 2), (1, 1), (1, 1)) == (7, 7)
    assert orbits(GROUPS["C6"], 1, (1, 2), (1, 1), (1, 1)) == (2, 2)
    assert orbits(GROUPS["C3"], 1, (1, 1), (1, 1), (1, 1)) == (1, 3)
    assert orbits(GROUPS["D6"], 2, (9, 9), (1, 1), (2, 2)) == (4, 4)


@pytest.mark.parametrize(
    ("name", "steps", "strides", "forwards"),
    [
        (None, *STEPS[2]),
        (None, *STEPS[3]),
        ("C2", *STEPS[1]),
        ("swap", *STEPS[1]),
        ("C6", *STEPS[0]),
        ("D6", *STEPS[0]),
    ],
    ids=str,
)
def test_a_hexagon_of_two_sizes(name, steps, strides, forwards) -> None:
    compare(name, steps, strides, forwards, (n, m), (1, 2, 5), (0, 2, 3, 6))


@pytest.mark.parametrize("name", ["C3", "C6", "D3", "mirror of a step"])
def test_a_hexagon_of_one_size(name) -> None:
    compare(name, *STEPS[1], (n, n), (1, 2, 3, 6), (0, 2, 3, 6))


@pytest.mark.nightly
@pytest.mark.parametrize("sizes", [(n, m), (n, n)], ids=str)
@pytest.mark.parametrize(("steps", "strides", "forwards"), [*STEPS, ((1, 1), (2, 2), (-1, -1))], ids=str)
@pytest.mark.parametrize("name", GROUPS)
def test_every_group_and_step(name, steps, strides, forwards, sizes) -> None:
    compare(name, steps, strides, forwards, sizes, (1, 2, 3, 5, 8), (0, 1, 2, 3, 5, 7))


def layer(radius, sides, group=None, stride=1, dilation=1, edge="zero") -> derive.Derivation:
    found = derive.dense(2, sides, sides).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    found = found.then(derive.local(derive.Hexagon(radius)))
    found = found if dilation == 1 else found.then(derive.dilated(dilation))
    found = found.then(derive.equivariant(derive.PointGroup(group))) if group else found
    found = found.then(derive.boundary(edge))
    return found if stride == 1 else found.then(derive.strided(stride))


@pytest.mark.parametrize(
    ("sides", "group", "stride", "dilation"),
    [
        (("n", "n"), None, 2, 2),
        (("n", "m"), "C2", 2, 1),
        *(
            pytest.param(*case, marks=pytest.mark.nightly)
            for case in [(("n", "m"), "C6", 2, 1), (("n", "m"), "D6", (1, 2), 1), (("n", "m"), "C3", 3, 1)]
        ),
    ],
    ids=str,
)
def test_a_layer_has_its_number_and_the_exact_condition(sides, group, stride, dilation) -> None:
    counts = layer("Delta", sides, group, stride, dilation).counts
    strides = stride if isinstance(stride, tuple) else (stride, stride)
    for one, other, radius in product((1, 2, 5), (1, 4), (0, 1, 2, 4, 6)):
        other = one if sides[0] == sides[1] else other
        found = orbits(GROUPS[group], radius // dilation, (one, other), (dilation, dilation), strides)
        at = {n: Integer(one), m: Integer(other), Delta: Integer(radius)}
        assert (counts.exact_weight.xreplace(at), counts.weight.xreplace(at)) == found, at
        assert (counts.when.xreplace(at) == True) == (found[0] == found[1]), at  # noqa: E712


def test_images_are_those_that_cases_have_one_after_the_other() -> None:
    """A sixth of a turn leads to all of them; what grows without end is left as it is."""
    a, b = map(index, "ab")
    still, sixth, shift = {a: a, b: b}, {a: -b, b: a + b}, {a: a + 1, b: b}
    assert len(repeated([still, sixth], [a, b])) == 6
    assert repeated([still, shift], [a, b]) == [still, shift]
    assert repeated([still, {a: Max(a, b), b: b}], [a, b]) == [still]


@pytest.mark.nightly
def test_turns_that_carry_offsets_beyond_mirrored_ones_are_found_where_places_are_left_out() -> None:
    """C6 ties (1, 2) to (3, -1) and (-2, 3), and their opposites: on two by five places some are read where none of these is."""
    found = layer(3, ("n", "m"), "C6", 2)
    assert all(v.proved for v in found.verdicts)
    for sizes in ((2, 5), (1, 4), (6, 6)):
        read, _ = orbits(GROUPS["C6"], 3, sizes, (1, 1), (2, 2))
        assert numbers(found.form, dict(zip("nm", sizes, strict=True)))["weights"] == read, sizes


def seen_beyond(group, radius, extents, steps, strides) -> int:
    """The rank of W for one weight for each orbit, where beyond the edge the nearest place is read."""
    columns: dict[tuple[int, int], np.ndarray] = {}
    for x in product(range(-radius, radius + 1), repeat=2):
        if abs(sum(x)) <= radius:
            along = [
                np.eye(size, dtype=int)[np.clip(np.arange(0, size, s) + d * a, 0, size - 1)]
                for a, size, d, s in zip(x, extents, steps, strides, strict=True)
            ]
            name = max(turned(g, x) for g in group)
            columns[name] = columns.get(name, 0) + np.kron(*along).ravel()
    return rank(np.array(list(columns.values()), dtype=object))


@pytest.mark.parametrize(
    ("name", "steps", "strides"),
    [
        (None, (1, 1), (1, 1)),
        ("C2", (1, 1), (2, 1)),
        *(
            pytest.param(name, *steps, marks=pytest.mark.nightly)
            for name in (None, "C2", "swap")
            for steps in (((1, 1), (1, 3)), ((2, 2), (1, 1)), ((1, 2), (2, 3)), ((2, 1), (3, 1)))
        ),
    ],
    ids=str,
)
def test_a_hexagon_behind_nearest_edges_is_counted_at_every_size(name, steps, strides) -> None:
    lines = [Line("nearest", -Delta, Delta, d, s, size) for d, s, size in zip(steps, strides, (n, m), strict=True)]
    given, group = And(Ge(Delta, 0), Ge(n, 1), Ge(m, 1)), tuple(GROUPS[name])
    read, whole, clauses = read_of_hexagon(Hexagon(Delta, group, (1, 1)), lines, given)
    for extents in [(1, 1), (1, 3), (4, 1), (2, 3), (4, 3)]:
        for radius in (0, 1, 2, 4):
            at = dict(zip((n, m, Delta), map(Integer, (*extents, radius)), strict=True))
            seen = seen_beyond(group, radius, extents, steps, strides)
            assert read.xreplace(at) == seen, at
            assert (And(*clauses).xreplace(at) == True) == (seen == whole.xreplace(at)), at  # noqa: E712


CLAMPED = [
    ("C3", 1, 1),
    ("C3", 1, 3),
    ("C6", 1, 2),
    ("C6", 3, 1),
    ("D3", 2, 1),
    ("D3", 1, 2),
    ("D6", 1, 1),
    ("D6", 2, 3),
]
CLAMPED += [("other D3", 3, 1), ("other D3", 2, 3), ("C3", 2, 4), ("C6", 1, 5)]


@pytest.mark.parametrize(
    ("name", "step", "stride"),
    [c if k in (0, 1) else pytest.param(*c, marks=pytest.mark.nightly) for k, c in enumerate(CLAMPED)],
)
def test_a_turned_hexagon_behind_nearest_edges_of_one_size_is_counted_at_every_size(name, step, stride) -> None:
    lines, group = [Line("nearest", -Delta, Delta, step, stride, n)] * 2, tuple(GROUPS[name])
    assert Hexagon(Delta, group, (1, 1)).is_clamped(lines)
    read, whole, clauses = read_of_hexagon(Hexagon(Delta, group, (1, 1)), lines, And(Ge(Delta, 0), Ge(n, 1)))
    for extent, radius in product((1, 2, 3, 4, 6), (0, 1, 2, 3, 5, 7)):
        at = {n: Integer(extent), Delta: Integer(radius)}
        seen = seen_beyond(group, radius, (extent, extent), (step, step), (stride, stride))
        assert read.xreplace(at) == seen, at
        assert (And(*clauses).xreplace(at) == True) == (seen == whole.xreplace(at)), at  # noqa: E712


def test_what_is_known_of_turned_hexagons_behind_nearest_edges() -> None:
    """C3's two kinds of neighbours are seen as one at one place of two; two sizes, and mirrors alone, are left to others."""
    one, other, kept = (Line("nearest", -Delta, Delta, 1, s, size) for size, s in ((n, 2), (m, 2), (n, 1)))
    thirds, sixths, mirror = (tuple(GROUPS[name]) for name in ("C3", "C6", "mirror of a step"))
    assert seen_beyond(thirds, 1, (2, 2), (1, 1), (2, 2)) == 2 < orbits(thirds, 1, (2, 2), (1, 1), (1, 1))[0]
    refused = [(thirds, (1, -1), one, one), (sixths, (1, 1), one, other), (sixths, (1, -1), one, one)]
    for group, forwards, *lines in (*refused, (mirror, (1, 1), kept, kept)):
        assert not Hexagon(Delta, group, forwards).is_clamped(lines)
    assert Hexagon(Delta, thirds, (-1, -1)).is_clamped([one, one])
    assert Hexagon(Delta, thirds, (1, -1)).is_clamped([kept, kept])


def test_a_layer_of_a_hexagon_behind_nearest_edges_has_its_number_and_the_exact_condition() -> None:
    found = layer("Delta", ("n", "m"), "C2", edge="nearest")
    assert not found.counts.exact_weight.has(Dimension) and str(found.counts.when) == "Delta < Min(m, n)"
    turned_alike = layer("Delta", ("n", "n"), "D6", edge="nearest").counts
    assert not turned_alike.exact_weight.has(Dimension) and str(turned_alike.when) == "Delta < n"


ADDING = [
    ("C6", (1, 1)),
    ("D6", (1, 1)),
    ("C3", (1, 1)),
    ("other D3", (2, 1)),
    ("mirror of a step", (2, 2)),
    ("D6", (2, 2)),
]


@pytest.mark.parametrize(
    ("name", "strides"),
    [c if k in (0, 3) else pytest.param(*c, marks=pytest.mark.nightly) for k, c in enumerate(ADDING)],
)
def test_all_are_told_apart_behind_nearest_edges_of_two_sizes_where_that_is_said(name, strides) -> None:
    """What is told apart there isn't what is read, and there is no number."""
    group, given = tuple(GROUPS[name]), And(Ge(Delta, 0), Ge(n, 1), Ge(m, 1))
    lines = [Line("nearest", -Delta, Delta, 1, s, size) for s, size in zip(strides, (n, m), strict=True)]
    read, whole, clauses = read_of_hexagon(Hexagon(Delta, group, (1, 1)), lines, given)
    assert read is None
    for extents in product((1, 2, 3, 4, 6), repeat=2):
        for radius in range(min(max(extents), 2 * min(extents)) + 1):
            at = dict(zip((n, m, Delta), map(Integer, (*extents, radius)), strict=True))
            ends = [s * ((k - 1) // s) for k, s in zip(extents, strides, strict=True)]
            said = And(*clauses).xreplace(at) == True  # noqa: E712
            assert said or radius > min(ends), at
            if said:
                assert seen_beyond(group, radius, extents, (1, 1), strides) == whole.xreplace(at), at


def test_a_layer_of_a_turned_hexagon_behind_nearest_edges_of_two_sizes_has_no_formula() -> None:
    found = layer("Delta", ("n", "m"), "C6", edge="nearest")
    assert found.counts.exact_weight.has(Dimension)
    assert str(found.counts.when) == "(Delta < Max(m, n)) & (Delta < 2*Min(m, n))"
    assert str(layer("Delta", ("n", "m"), "C3", edge="nearest").counts.when) == "Delta < Min(m, n)"


def test_another_window_of_as_many_offsets_is_no_hexagon() -> None:
    mirrored = derive.local(derive.Mask(((1, 1, 0), (1, 1, 1), (0, 1, 1))))
    start = derive.dense(2).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    assert layers_inside(start.then(mirrored).then(derive.boundary("zero")).form) is None


def test_groups_are_looked_for_among_twelve_turns_and_reflections() -> None:
    assert set(hexagons._TURNS) == set(GROUPS["D6"])
    assert len({turned(g, (1, 2)) for g in hexagons._TURNS}) == 12


def test_numbers_read_well() -> None:
    counts = layer("Delta", ("n", "n"), "D6", 2).counts
    assert (str(counts.weight), str(counts.when)) == ("floor((Delta + 2)**2/4)", "Delta < n")
