"""Layers that commute with rotations and reflections: their weights are tied exactly as brute force ties them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest

import derive
from derive.derivation import Derivation
from derive.errors import DeriveError, RuleRefused
from derive.forms.expr import index
from derive.groups._matrices import NAMED, closure, described, named, order
from derive.proof.obligations import step_obligations
from derive.proof.solver import decide_with_cvc5, discharge
from tests.groups.tying import on_grid, partition, tied
from tests.lazily import Lazily
from tests.proof.orbits import classes


@cache
def image():
    return derive.dense(2).then(derive.reindex()).then(derive.equivariant(derive.Translations()))


@cache
def signal():
    return derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Translations()))


@cache
def volume():
    return derive.dense(3).then(derive.reindex()).then(derive.equivariant(derive.Translations()))


def under(layer: Derivation, support: object, group: str, **options: object) -> Derivation:
    near = layer if support is None else layer.then(derive.local(support))
    return near.then(derive.equivariant(derive.PointGroup(group, **options)))


def box(low: int, high: int):
    return lambda offset, radius: all(low * radius <= a <= high * radius for a in offset)


def everything(offset, radius):
    return True


def hexagon(offset, radius):
    return max(*map(abs, offset), abs(sum(offset))) <= radius


def diamond(offset, radius):
    return sum(map(abs, offset)) <= radius


# layer, support as a predicate, the group's matrices, twice the centre of its offsets
CASES = Lazily(
    {
        "mirror": lambda: (under(signal(), "Delta", "D1"), box(-1, 1), "D1", 0, None),
        "mirror about a corner": lambda: (
            under(signal(), derive.Box(1, 2), "D1", about="corner"),
            box(-1, 2),
            "D1",
            1,
            None,
        ),
        "C2": lambda: (under(image(), "Delta", "C2"), box(-1, 1), "C2", 0, None),
        "C4": lambda: (under(image(), "Delta", "C4"), box(-1, 1), "C4", 0, None),
        "D2": lambda: (under(image(), "Delta", "D2"), box(-1, 1), "D2", 0, None),
        "D4": lambda: (under(image(), "Delta", "D4"), box(-1, 1), "D4", 0, None),
        "D4 on the whole image": lambda: (under(image(), None, "D4"), everything, "D4", 0, None),
        "D4 on a diamond": lambda: (under(image(), derive.Diamond("Delta"), "D4"), diamond, "D4", 0, None),
        "D4 about a corner": lambda: (
            under(image(), derive.Box(1, 2), "D4", about="corner"),
            box(-1, 2),
            "D4",
            1,
            None,
        ),
        "C4 about a corner": lambda: (under(image(), derive.Box(0, 1), "C4", about="corner"), box(0, 1), "C4", 1, None),
        "one axis": lambda: (under(image(), 1, "D1", axes=(1,)), box(-1, 1), "D1", 0, (1,)),
        "D6": lambda: (under(image(), derive.Hexagon("Delta"), "D6"), hexagon, "D6", 0, None),
        "C6": lambda: (under(image(), derive.Hexagon(1), "C6"), lambda a, r: hexagon(a, 1), "C6", 0, None),
        "C3": lambda: (under(image(), derive.Hexagon(2), "C3"), lambda a, r: hexagon(a, 2), "C3", 0, None),
        "D3": lambda: (under(image(), derive.Hexagon(2), "D3"), lambda a, r: hexagon(a, 2), "D3", 0, None),
    }
)


@pytest.mark.parametrize("name", CASES)
def test_weights_are_tied_as_brute_force_ties_them(name):
    layer, support, group, twice, axes = CASES[name]
    rank = len(layer.form.grid(layer.form.input))
    chosen = tuple(range(rank)) if axes is None else axes
    matrices = [on_grid(m, chosen, rank) for m in closure(NAMED[group])]
    most = 7 if rank == 1 else 4
    for sizes in product(range(1, most), repeat=rank):
        for radius in range(4) if index("Delta") in layer.form.sizes else [1]:
            expected = tied(sizes, lambda a, r=radius: support(a, r), matrices, twice)
            found, count = partition(layer, sizes, radius)
            assert {frozenset(c) for c in found} == {frozenset(c) for c in expected}, (sizes, radius)
            assert count == len(expected), (sizes, radius)


def test_the_cube():
    layer = under(volume(), 1, "Oh")
    assert layer.counts.weight == 4 and all(v.proved for v in layer.verdicts)
    found, count = partition(layer, (3, 3, 3), 1)
    assert count == len(found) == 4


def about_the_grid(sizes, matrices):
    places = list(product(*map(range, sizes)))
    middle = np.array(sizes) - 1

    def images(pair):
        for m in matrices:
            ends = (m @ (2 * np.array(end) - middle) + middle for end in np.split(np.array(pair), 2))
            yield tuple(int(x) // 2 for end in ends for x in end)

    return classes([o + k for o in places for k in places], images)


GRIDS = Lazily(
    {
        "mirror": lambda: (derive.dense(1), "D1", (0,)),
        "mirror of offsets": lambda: (derive.dense(1).then(derive.reindex()), "D1", (0,)),
        "one axis": lambda: (derive.dense(2), "D1", (1,)),
        "half a turn": lambda: (derive.dense(2), "C2", (0, 1)),
    }
)


@pytest.mark.parametrize("name", GRIDS)
def test_groups_about_the_grid(name):
    start, group, axes = GRIDS[name]
    layer = start.then(derive.equivariant(derive.PointGroup(group, about="grid", axes=axes)))
    rank = len(layer.form.grid(layer.form.input))
    matrices = [on_grid(m, axes, rank) for m in closure(NAMED[group])]
    for sizes in product(range(1, 7 if rank == 1 else 4), repeat=rank):
        expected = about_the_grid(sizes, matrices)
        found, count = partition(layer, sizes, 0)
        assert {frozenset(c) for c in found} == {frozenset(c) for c in expected}, sizes
        assert count == len(expected), sizes
    if name == "mirror":
        assert str(layer.counts.exact_weight) == "ceiling(n**2/2)" and str(layer.counts.exact_bias) == "ceiling(n/2)"


def test_free_parameters_of_the_square():
    assert str(CASES["D4"][0].counts.weight) == "(Delta + 1)*(Delta + 2)/2"
    assert str(CASES["D4"][0].counts.when) == "Delta < Min(m, n)"
    assert str(CASES["C4"][0].counts.weight) == "Delta**2 + Delta + 1"


def test_orders_of_independent_constraints_commute():
    one = under(image(), "Delta", "D4")
    other = image().then(derive.equivariant(derive.PointGroup("D4"))).then(derive.local("Delta"))
    assert derive.same_layer(one, other).proved
    assert one.form.reduction == other.form.reduction and one.form.weight == other.form.weight


@pytest.mark.parametrize(
    ("make", "group", "says"),
    [
        (
            lambda: image().then(derive.local(derive.Box((2, 1)))),
            "D4",
            r"kept by D2 .* not by the rotation by 90°: offset \(2, 0\)",
        ),
        (
            lambda: image().then(derive.local(derive.Causal(1))),
            "D4",
            r"kept by D1 \(the reflection \(a, b\) ⟶ \(b, a\)\)",
        ),
        (lambda: image().then(derive.local(derive.Box((1, 0), (0, 0)))), "C4", "kept by the identity alone"),
        (lambda: image().then(derive.local("Delta")), "D6", "kept by D2 .* not by the rotation by 60°"),
        (lambda: image().then(derive.local(derive.Hexagon(1))), "D4", "kept by D2"),
        (
            lambda: image().then(derive.local("Delta")).then(derive.boundary("zero")).then(derive.strided(2)),
            "C2",
            r"output \(0, 0\) reads input \(0, 0\), and output \(1, 0\) doesn't read input \(1, 0\)\.$",
        ),
    ],
)
def test_a_support_that_the_group_does_not_keep_is_refused(make, group, says):
    layer = make()
    with pytest.raises(RuleRefused, match=says):
        layer.then(derive.equivariant(derive.PointGroup(group)))


def test_a_support_stated_after_the_group_is_held_to_it():
    tied_first = image().then(derive.equivariant(derive.PointGroup("D4")))
    says = r"offsets \(0, 2\) and \(2, 0\) have one weight .* only \(2, 0\) is in Box.*, of which it keeps D2 \(.*\)\.$"
    with pytest.raises(RuleRefused, match=says):
        tied_first.then(derive.local(derive.Box((2, 1))))
    with pytest.raises(RuleRefused, match=r"of which it keeps C2 \(the rotation by 180°\)\.$"):
        under(image(), None, "C6").then(derive.unbiased()).then(derive.local(1))
    with pytest.raises(RuleRefused, match=r"of which it keeps the identity alone\.$"):
        under(signal(), None, "D1").then(derive.local(derive.Causal("Delta")))
    assert tied_first.then(derive.local(derive.Disk(2))).counts.when is not None


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (
            lambda: derive.equivariant(derive.PointGroup("D4")).apply(derive.dense(2).then(derive.reindex()).form),
            "Weights depend on the place still",
        ),
        (lambda: under(image(), None, "D5"), "There is no point group 'D5'"),
        (lambda: under(image(), None, "D1"), "acts on 1 axes; name which of the grid's 2"),
        (lambda: under(image(), None, "D4", axes=(0, 2)), "names an axis that a grid of 2 axes doesn't have"),
        (lambda: under(image(), None, "D4", about="edge"), "'edge' is none of them"),
        (lambda: under(image(), None, "D4", about="grid"), "doesn't carry a grid of sizes n, m onto itself"),
        (lambda: under(image(), None, "C3", about="corner"), "carries offsets between pixels to places that are none"),
        (lambda: under(image(), None, ()), "by a name or by at least one matrix"),
        (lambda: under(image(), None, (((1, 0), (0, 1)),)), "is the identity alone, which ties nothing"),
        (lambda: under(image(), None, (((1, 1), (0, 1)),)), "a point group is finite"),
        (lambda: under(image(), None, (((2, 0), (0, 1)),)), "determinant isn't 1 or -1"),
        (lambda: under(image(), None, (((1, 0),),)), "square matrices of whole numbers"),
    ],
)
def test_what_a_point_group_needs(build, says):
    with pytest.raises(RuleRefused, match=says):
        build()


def test_groups_have_the_orders_and_names_that_one_knows():
    orders = {"D1": 2, "C2": 2, "C3": 3, "C4": 4, "C6": 6, "D2": 4, "D3": 6, "D4": 8, "D6": 12}
    orders |= {"Ci": 2, "T": 12, "Th": 24, "Td": 24, "O": 24, "Oh": 48}
    assert {name: len(closure(generators)) for name, generators in NAMED.items()} == orders
    assert all(named(closure(generators)) == name for name, generators in NAMED.items() if name not in {"C2"})
    assert [described(m) for m in closure(NAMED["C6"])[1:]] == [
        f"the rotation by {angle}°" for angle in (60, 120, 180, 240, 300)
    ]
    assert {order(m) for m in closure(NAMED["Oh"])} == {1, 2, 3, 4, 6}


def test_both_solvers_agree():
    for name in ("D4", "mirror about a corner"):
        for verdict in CASES[name][0].steps[-1].verdicts:
            assert all(decide_with_cvc5(goal.smt).value == "proved for all sizes" for goal in verdict.obligation.goals)


def broken(step):
    try:
        return {o.name for o in step_obligations(step) if not discharge(o).proved}
    except DeriveError:
        return {"well formed"}


def test_a_smaller_or_larger_group_than_stated_is_caught():
    """The parameters of D2 under the law of D4 leave it; those of D4 under the law of D2 lose some of its layers."""
    small, large = under(image(), "Delta", "D2").steps[-1].step, under(image(), "Delta", "D4").steps[-1].step
    assert broken(small) == broken(large) == set()
    assert "restricted" in broken(replace(small, clauses=large.clauses, instances=large.instances))
    assert "complete" in broken(replace(large, clauses=small.clauses, instances=small.instances))


def test_a_dropped_element_is_caught():
    step = under(image(), "Delta", "C4").steps[-1].step
    for number in range(len(step.clauses)):
        kept = tuple(i for i in step.instances if i.clause != number)
        assert "complete" in broken(replace(step, instances=kept))
