"""Point groups stated one after the other: the layers are those of the group that they generate, in every order."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import derive
from derive import Box, Channels, Diamond, Hexagon, PointGroup, Translations
from derive.groups._finite.representation import Representation
from derive.groups._matrices import closure
from tests.groups.tying import on_grid, partition, tied

equivariant, local = derive.equivariant, derive.local


def within(low, high):
    return lambda a: low <= min(a) and max(a) <= high


def hexagon(a):
    return max(*map(abs, a), abs(sum(a))) <= 2


CORNERS = {"about": "corner"}
# the grid's rank, a support as it is stated and as a predicate, two groups, the order of what they generate
CASES = {
    "C2, a mirror": (2, 1, within(-1, 1), [PointGroup("C2"), PointGroup("D1", axes=(0,))], 4),
    "C4, a mirror": (2, 1, within(-1, 1), [PointGroup("C4"), PointGroup("D1", axes=(0,))], 8),
    "two mirrors": (2, 1, within(-1, 1), [PointGroup("D1", axes=(0,)), PointGroup("D1", axes=(1,))], 4),
    "C2, C3": (2, Hexagon(2), hexagon, [PointGroup("C2"), PointGroup("C3")], 6),
    "C2, D3": (2, Hexagon(2), hexagon, [PointGroup("C2"), PointGroup("D3")], 12),
    "two diagonals": (
        2,
        Diamond(1),
        lambda a: sum(map(abs, a)) <= 1,
        [PointGroup((((0, 1), (1, 0)),)), PointGroup("D1", axes=(1,))],
        8,
    ),
    "corners": (
        2,
        Box(1, 2),
        within(-1, 2),
        [PointGroup("C2", **CORNERS), PointGroup("D1", axes=(0,), **CORNERS)],
        4,
    ),
    "a mirror, C4": (3, 1, within(-1, 1), [PointGroup("D1", axes=(0,)), PointGroup("C4", axes=(1, 2))], 8),
    "overlapping": (3, 1, within(-1, 1), [PointGroup("C2", axes=(0, 1)), PointGroup("C2", axes=(1, 2))], 4),
    "by 2": (2, 1, within(-1, 1), [PointGroup("C2", step=2), PointGroup("D1", axes=(0,), step=2)], 4),
}
SIZES = {2: [(1, 1), (1, 3), (2, 2), (3, 2)], 3: [(1, 1, 1), (2, 1, 2), (1, 2, 2)]}


def start(rank, channels=None):
    return derive.dense(rank, channels=channels).then(derive.reindex())


def moves(rank, groups):
    found = []
    for group in groups:
        axes = group.axes or tuple(range(rank))
        found += [tuple(map(tuple, on_grid(m, axes, rank).tolist())) for m in group.generators]
    return closure(tuple(found))


@pytest.mark.parametrize(("between", "turned"), [(False, False), (True, True)])
@pytest.mark.parametrize("name", CASES)
def test_two_point_groups_tie_what_they_generate(name, between, turned):
    rank, support, inside, groups, order = CASES[name]
    one, other = map(equivariant, groups[::-1] if turned else groups)
    step = groups[0].step
    layer = start(rank).then(equivariant(Translations(step=step)))
    for part in (one, local(support), other) if between else (local(support), one, other):
        layer = layer.then(part)
    assert all(v.proved for v in layer.verdicts)
    matrices = [np.array(m) for m in moves(rank, groups)]
    assert len(matrices) == order
    for sizes in SIZES[rank]:
        twice = int(groups[0].about == "corner")
        expected = tied(sizes, inside, matrices, twice, (step,) * rank)
        found, count = partition(layer, sizes, 0)
        assert {frozenset(c) for c in found} == {frozenset(c) for c in expected}, sizes
        assert count == len(expected), sizes


@pytest.mark.parametrize("groups", [("C2", "D1"), ("D1", "C2")])
def test_about_the_grid_too(groups):
    parts = {"C2": PointGroup("C2", about="grid"), "D1": PointGroup("D1", axes=(0,), about="grid")}
    pooled = derive.dense(2, places=False)
    for group in groups:
        pooled = pooled.then(derive.invariant(parts[group]))
    assert pooled.form == derive.dense(2, places=False).then(derive.invariant(PointGroup("D2", about="grid"))).form
    at = dict(zip(("n", "m"), pooled.form.sizes, strict=True))
    for n, m in product(range(1, 5), repeat=2):
        assert pooled.counts.weight.subs({at["n"]: n, at["m"]: m}) == -(-n // 2) * -(-m // 2)


VECTORS = {"c": "vector", "d": "vector"}
TURNED = Representation([[1, 2]])  # what the mirror of the first axis does to vectors
SIGNS = {"c": "sign"}
CHANNELS = {
    "names stay": (PointGroup("C4", channels=VECTORS), PointGroup("D2", channels=VECTORS), "D4", VECTORS),
    "codes": (
        PointGroup("C4", channels=VECTORS),
        PointGroup("D1", axes=(0,), channels={"c": TURNED, "d": TURNED}),
        "D4",
        VECTORS,
    ),
    "signs of one": (
        PointGroup("C2"),
        PointGroup("D1", axes=(0,), channels=SIGNS),
        "D2",
        {"c": Representation([[1], [1]])},
    ),
    "signs of both": (PointGroup("D1", axes=(0,), channels=SIGNS), PointGroup("C2", channels=SIGNS), "D2", SIGNS),
}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", CHANNELS)
def test_channels_of_both_are_those_of_the_group_that_they_generate(name, turned):
    *groups, whole, acts = CHANNELS[name]
    begin = start(2, Channels((("c", 2),), (("d", 2),))).then(equivariant(Translations())).then(local(1))
    layer = begin
    for group in groups[::-1] if turned else groups:
        layer = layer.then(equivariant(group))
    assert layer.form == begin.then(equivariant(PointGroup(whole, channels=acts))).form


def test_shifts_by_other_steps_stay_two_statements():
    layer = start(2)
    for group in (PointGroup("D1", axes=(0,), step=2), PointGroup("D1", axes=(1,))):
        layer = layer.then(equivariant(group))
    assert [s.rule for s in layer.steps if "PointGroup" in s.rule] == ['equivariant(PointGroup("D2", step=(2, 1)))']
