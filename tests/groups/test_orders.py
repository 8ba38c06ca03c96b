"""Orders of independent constraints commute: each pair, stated in both orders, gives one layer with one count."""

from __future__ import annotations

from functools import reduce
from itertools import combinations, permutations

import pytest
from sympy import And, Eq

import derive
from derive import Box, Channels, Diamond, Disk, Mask, Matrices, MatrixGroup, Permutations, PointGroup, Translations
from derive.errors import RuleRefused
from derive.forms.expr import map_reads
from derive.proof.goal import Goal, Obligation, Status
from derive.proof.solver import discharge
from derive.proof.step import ArrayMap, Kind

local, equivariant = derive.local, derive.equivariant
PLANE = Channels((("c", 2),), (("d", 2),))
LINES = {
    "shifts": equivariant(Translations()),
    "mirror": equivariant(PointGroup("D1")),
    "mirror about the grid": equivariant(PointGroup("D1", about="grid")),
    "box": local(1),
    "mask": local(Mask([1, 0, 1, 0, 1])),
}
STEPPED = {
    "shifts by 2": equivariant(Translations(step=2)),
    "mirror by 2": equivariant(PointGroup("D1", step=2)),
    "box": local(1),
}
CORNERS = {
    "shifts": equivariant(Translations()),
    "mirror about a corner": equivariant(PointGroup("D1", about="corner")),
    "box": local(Box(1, 2)),
}
PLANES = {
    "shifts": equivariant(Translations()),
    "half turns": equivariant(PointGroup("C2")),
    "mirror of one axis": equivariant(PointGroup("D1", axes=(1,))),
    "diamond": local(Diamond(2)),
    "disk": local(Disk(1)),
}
FIBRES = {
    "shifts": equivariant(Translations()),
    "mirror": equivariant(PointGroup("D1")),
    "turns of channels": equivariant(MatrixGroup(Matrices([[[0, -1], [1, 0]]]), on="channels")),
    "box": local("Delta"),
}
GROUPS = {
    "shifts": equivariant(Translations()),
    "mirror": equivariant(PointGroup("D1")),
    "depthwise": derive.depthwise(),
    "box": local("Delta"),
}
STARTS = {
    "lines": (lambda: derive.dense(1).then(derive.reindex()), LINES | {"gaps": derive.dilated(2)}),
    "places": (lambda: derive.dense(1), LINES),
    "stepped": (lambda: derive.dense(1).then(derive.reindex()), STEPPED),
    "corners": (lambda: derive.dense(1).then(derive.reindex()), CORNERS),
    "planes": (lambda: derive.dense(2).then(derive.reindex()), PLANES),
    "fibres": (lambda: derive.dense(1, channels=PLANE).then(derive.reindex()), FIBRES),
    "groups": (lambda: derive.dense(1).then(derive.channels("C", "C")).then(derive.reindex()), GROUPS),
}
PAIRS = [(start, *pair) for start, (_, parts) in STARTS.items() for pair in combinations(parts, 2)]


def contains(one, other):
    """Whether each layer of the other is one of the first, for all sizes: its parameters are found by sections, and give it back.

    W = E'(V') is E(S(W)) where the sections S of the first one's steps are read off W.
    """
    own = {p.name: ArrayMap(p.name, p.array.symbols, other.reference_maps[p.name]) for p in other.dense.params}
    values = dict(own)

    def at(expression):
        return map_reads(expression, lambda read: values[read.array].at(read.subscripts))

    for step in (s.step for s in one.steps if s.kind is not Kind.EXTENSION):
        values |= {m.array: ArrayMap(m.array, m.binders, at(m.value)) for m in step.sections}
    given = And(one.form.given, other.form.given)
    goals = tuple(
        Goal((given, p.array.holds()), Eq(at(one.reference_maps[p.name]), own[p.name].value)) for p in one.dense.params
    )
    return (
        discharge(Obligation("contained", "Each layer of the other is one of the first.", goals)).status
        is Status.PROVED
    )


def agree(one, other):
    """One layer, which is proved: of parameters with other boxes, that each layer of the one is one of the other."""
    if one.form == other.form:
        return True
    try:
        return derive.same_layer(one, other).proved
    except RuleRefused:
        return contains(one, other) and contains(other, one)


@pytest.mark.parametrize(("start", "one", "other"), PAIRS)
def test_each_pair_commutes(start, one, other):
    begin, parts = STARTS[start]
    forth = begin().then(parts[one]).then(parts[other])
    back = begin().then(parts[other]).then(parts[one])
    assert agree(forth, back)
    assert forth.counts.exact_weight == back.counts.exact_weight and forth.counts.bias == back.counts.bias


def test_other_layers_are_told_apart():
    begin, parts = STARTS["lines"]
    assert not agree(begin().then(parts["box"]).then(parts["shifts"]), begin().then(parts["box"]).then(parts["mirror"]))
    assert not agree(begin().then(parts["box"]), begin().then(parts["mask"]))


def test_a_point_group_brings_its_shifts_along():
    layer = derive.dense(1).then(derive.equivariant(PointGroup("D1", step=2)))
    assert [s.rule for s in layer.steps] == [
        "equivariant(Translations(step=2))",
        'equivariant(PointGroup("D1", step=2))',
    ]


def test_shifts_that_leave_more_come_first():
    coarse, fine = equivariant(Translations(step=2)), equivariant(Translations())
    both = [derive.dense(1).then(a).then(b) for a, b in ((coarse, fine), (fine, coarse))]
    assert both[0].form == both[1].form == derive.dense(1).then(fine).form
    around = [equivariant(Translations(grid=grid)) for grid in ("box", "torus")]
    assert derive.dense(1).then(around[0]).then(around[1]).form == derive.dense(1).then(around[1]).form


def test_a_torus_and_a_group_about_a_corner_are_one_layer_in_either_order():
    """k - i and -1 - (k - i) are one, modulo n: of n differences ⌈n/2⌉ are told apart."""
    group, shifts = equivariant(PointGroup("D1", about="corner")), equivariant(Translations(grid="torus"))
    layers = [derive.dense(1).then(a).then(b) for a, b in ((group, shifts), (shifts, group))]
    assert layers[0].form == layers[1].form and all(v.proved for layer in layers for v in layer.verdicts)
    assert str(layers[0].counts.exact_weight) == "ceiling(n/2)"


def test_a_window_on_a_torus_and_permutations_go_through():
    window = (
        derive.dense(1)
        .then(derive.reindex())
        .then(equivariant(Translations()))
        .then(local("Delta"))
        .then(equivariant(PointGroup("D1")))
    )
    assert str(window.then(derive.boundary("periodic")).counts.weight) == "Delta + 1"
    numbered = derive.dense(1, 6, 6).then(equivariant(Permutations(derive.dihedral(6))))
    rolled = derive.dense(1, 6, 6).then(equivariant(Translations(grid="torus"))).then(equivariant(PointGroup("D1")))
    assert numbered.counts.weight == rolled.counts.weight == 4


EVEN = {
    "a line": (1, (), PointGroup("D1", about="corner"), Box("Delta", "Delta + 1")),
    "a short one": (1, (), PointGroup("D1", about="corner"), Box(1, 2)),
    "a plane": (2, ("n", "n"), PointGroup("D4", about="corner"), Box("Delta", "Delta + 1")),
}


@pytest.mark.parametrize("edge", ["periodic", "reflect", "zero"])
@pytest.mark.parametrize("what", EVEN)
def test_even_windows_have_an_edge_in_whichever_order_they_are_stated(what, edge):
    """The box of weights that a symmetry about a corner leaves is the window's, also where that is wider than the grid."""
    rank, sizes, group, near = EVEN[what]
    rules = (equivariant(Translations()), local(near), equivariant(group))
    start = derive.dense(rank, *((sizes,) * 2 if sizes else ())).then(derive.reindex())
    made = [
        reduce(lambda d, rule: d.then(rule), order, start).then(derive.boundary(edge)) for order in permutations(rules)
    ]
    assert all(layer.form == made[0].form and all(v.proved for v in layer.verdicts) for layer in made)


LATER = {"box": local(1), "mask": local(Mask([1, 0, 1, 0, 1])), "depthwise": derive.depthwise()}


@pytest.mark.parametrize("later", LATER)
def test_signs_let_other_constraints_follow(later):
    begin = derive.dense(1, channels=Channels((("c", "C"),), (("d", "C"),))).then(derive.reindex())
    mirror, other = equivariant(PointGroup("D1", channels={"d": "sign"})), LATER[later]
    assert begin.then(mirror).then(other).form == begin.then(other).then(mirror).form


def test_a_mask_after_signs_is_refused_with_what_survives():
    begin = derive.dense(2, channels=PLANE).then(derive.reindex()).then(equivariant(Translations()))
    signed = begin.then(equivariant(PointGroup("D4", channels={"c": "vector"})))
    with pytest.raises(RuleRefused, match=r"kept by D2 \(.*\), not by the rotation by 90°: offset \(1, 0\) is inside"):
        signed.then(local(Mask([[0, 1, 0], [0, 1, 0], [0, 1, 0]])))


@pytest.mark.parametrize(
    "group", [derive.Translations(), derive.Translations(step=2), derive.PointGroup("D1")], ids=str
)
def test_a_symmetry_after_a_stride_without_a_window_is_refused(group):
    strided = derive.dense(rank=1).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    with pytest.raises(derive.DeriveError, match="state the symmetry before strides and compositions"):
        strided.then(derive.strided(2)).then(derive.equivariant(group))
