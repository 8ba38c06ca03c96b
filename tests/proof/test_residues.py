"""Hexagons are counted at every size on a torus and behind mirrors, tied by turns or not; brute force is the measure."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sympy import And, Integer

import derive
from derive.forms.expr import index
from derive.groups._matrices import closure
from derive.proof.beyond import layers_beyond
from derive.proof.exact import independent, rank
from derive.proof.hexagons import Hexagon
from derive.proof.lines import Line
from derive.proof.residues import seen_of_hexagon
from tests.proof.test_diamonds import axis
from tests.proof.test_hexagons import GROUPS, layer, turned

n, m, Delta = map(index, ("n", "m", "Delta"))
EDGES = ("periodic", "reflect", "symmetric")
TIED = {
    **GROUPS,
    "swap of opposites": closure((((0, -1), (-1, 0)),)),
    "both swaps": closure((((0, 1), (1, 0)), ((-1, 0), (0, -1)))),
    "mirror between steps": closure((((-1, -1), (0, 1)),)),
    "both mirrors": closure((((1, 1), (0, -1)), ((-1, 0), (0, -1)))),
}
ROUND = {"mirror of a step", "mirror between steps", "both mirrors"}  # they add axes, and don't turn by thirds


def seen(edge: str, extent: int, radius: int, step: int = 1, stride: int = 1) -> np.ndarray:
    """What one axis shows of a window, without what others show together."""
    rows = axis(edge, extent, radius, step, stride)
    return rows[independent(rows)]


def told(group, sides, radius: int) -> tuple[int, int]:
    """The rank of V ↦ W over the rationals, and how many entries there are: one for places that the group carries to each other."""
    columns: dict[tuple[int, ...], np.ndarray] = {}
    for x in product(range(-radius, radius + 1), repeat=2):
        if abs(sum(x)) <= radius:
            one, other = (side[:, v + radius] for side, v in zip(sides, x, strict=True))
            name = max(turned(g, x) for g in group)
            columns[name] = columns.get(name, 0) + np.multiply.outer(one, other).ravel()
    return rank(np.stack(list(columns.values()), axis=1)), len(columns)


def test_the_oracle() -> None:
    """Of seven entries two by two places of a torus tell four apart, of C6's two orbits both; of a mirror's three places all."""
    assert told(GROUPS[None], [seen("periodic", 2, 1)] * 2, 1) == (4, 7)
    assert told(GROUPS["C6"], [seen("periodic", 2, 1)] * 2, 1) == (2, 2)
    assert told(GROUPS["C6"], [seen("periodic", 1, 1)] * 2, 1) == (1, 2)
    assert told(GROUPS[None], [seen("symmetric", 2, 1), seen("symmetric", 1, 1)], 1) == (3, 7)
    assert {name: len(group) for name, group in TIED.items()}["both mirrors"] == 4


def compare(edge, name, sizes, steps, strides, extents, radii) -> None:
    lines = [Line(edge, -Delta, Delta, d, s, size) for d, s, size in zip(steps, strides, sizes, strict=True)]
    found = seen_of_hexagon(Hexagon(Delta, tuple(TIED[name]), (1, 1)), lines)
    assert found is not None
    number, clauses = found
    for values, radius in product(product(extents, repeat=len(set(sizes))), radii):
        sides = dict(zip(dict.fromkeys(sizes), values, strict=True))
        if radius > 2 * max(values):
            continue
        axes = [seen(edge, sides[s], radius, d, t) for s, d, t in zip(sizes, steps, strides, strict=True)]
        apart, entries = told(TIED[name], axes, radius)
        at = {size: Integer(v) for size, v in (*sides.items(), (Delta, radius))}
        assert number.xreplace(at) == apart, at
        assert (And(*clauses).xreplace(at) == True) == (apart == entries), at  # noqa: E712


QUICK = [
    ("periodic", None, (n, m), (1, 2), (2, 3)),
    ("periodic", "C2", (n, m), (2, 3), (1, 1)),
    ("periodic", "C3", (n, n), (1, 1), (1, 1)),
    ("periodic", "C6", (n, n), (2, 2), (1, 2)),
    ("periodic", "D6", (n, n), (1, 1), (1, 1)),
    ("periodic", "mirror between steps", (n, n), (1, 1), (1, 1)),
    ("reflect", "C2", (n, m), (1, 2), (1, 1)),
    ("reflect", "D3", (n, n), (1, 1), (1, 1)),
    ("symmetric", None, (n, m), (1, 2), (1, 1)),
    ("symmetric", "C2", (n, m), (1, 1), (1, 1)),
    ("symmetric", "both swaps", (n, n), (1, 1), (1, 1)),
    ("symmetric", "D6", (n, n), (1, 1), (1, 1)),
    ("symmetric", "C3", (n, n), (2, 2), (1, 1)),
]


@pytest.mark.parametrize(("edge", "name", "sizes", "steps", "strides"), QUICK, ids=str)
def test_a_hexagon_is_counted_at_every_size(edge, name, sizes, steps, strides) -> None:
    compare(edge, name, sizes, steps, strides, (1, 2, 3, 6) if sizes == (n, n) else (1, 2, 5), (0, 1, 2, 4, 5))


THIRDS = ("C3", "other D3", "C6", "D3", "D6")


@pytest.mark.parametrize(
    "name", [name if name in ("C3", "C6") else pytest.param(name, marks=pytest.mark.nightly) for name in THIRDS]
)
@pytest.mark.parametrize("edge", ["periodic", pytest.param("reflect", marks=pytest.mark.nightly)])
def test_turns_by_thirds_on_two_sizes_leave_nothing_seen_twice_where_that_is_said(edge, name) -> None:
    """The largest radius at which all are told apart."""
    lines = [Line(edge, -Delta, Delta, 1, 1, size) for size in (n, m)]
    found = seen_of_hexagon(Hexagon(Delta, tuple(TIED[name]), (1, 1)), lines)
    assert found is not None and found[0] is None
    for extents in product((1, 2, 3, 5, 6, 7) if edge == "periodic" else (1, 2, 3, 4), repeat=2):
        said, true = [], []
        for radius in range(min(extents) * (1 if edge == "periodic" else 2) + 2):
            at = dict(zip((n, m, Delta), map(Integer, (*extents, radius)), strict=True))
            said.append(And(*found[1]).xreplace(at) == True)  # noqa: E712
            apart, entries = told(TIED[name], [seen(edge, extent, radius) for extent in extents], radius)
            true.append(apart == entries)
        assert said == true == sorted(true, reverse=True), extents


@pytest.mark.nightly
@pytest.mark.parametrize("sizes", [(n, n), (n, m)], ids=str)
@pytest.mark.parametrize("steps", [(1, 1), (2, 2), (1, 2), (3, 3), (2, 3)], ids=str)
@pytest.mark.parametrize("name", TIED, ids=str)
@pytest.mark.parametrize("edge", EDGES)
def test_every_group_edge_and_step(edge, name, steps, sizes) -> None:
    """What has no number is told too: axes that are read differently and more than half a turn, mirrors that keep -1 to an axis."""
    square = sizes == (n, n) and steps[0] == steps[1]
    odd = edge == "symmetric" and name in ROUND and steps[0] % 2 == 1
    if (square or name in (None, "C2")) and not odd:
        extents = range(1, 8) if sizes == (n, n) else (1, 2, 3, 4, 6)
        compare(edge, name, sizes, steps, (2, 3) if edge == "periodic" else (1, 1), extents, range(9 if square else 7))
    else:
        lines = [Line(edge, -Delta, Delta, d, 1, size) for d, size in zip(steps, sizes, strict=True)]
        found = seen_of_hexagon(Hexagon(Delta, tuple(TIED[name]), (1, 1)), lines)
        assert found is None or (found[0] is None and name in THIRDS)


@pytest.mark.parametrize(
    ("edge", "group", "dilation"),
    [
        ("periodic", "C6", 1),
        ("symmetric", "C2", 1),
        *(
            pytest.param(*case, marks=pytest.mark.nightly)
            for case in [("periodic", "D6", 2), ("periodic", None, 1), ("reflect", "C3", 1), ("symmetric", "D3", 1)]
        ),
    ],
    ids=str,
)
def test_a_layer_has_the_numbers_of_its_ranks_and_the_exact_condition(edge, group, dilation) -> None:
    counts = layer("Delta", ("n", "n"), group, 1, dilation, edge).counts
    for extent, radius in ((1, 1), (2, 2), (4, 2), (5, 3), (6, 4)):
        at = {n: Integer(extent), Delta: Integer(radius)}
        apart = layer(radius, (extent, extent), group, 1, dilation, edge).counts.weight
        assert counts.exact_weight.xreplace(at) == apart, at
        assert (counts.when.xreplace(at) == True) == (counts.weight.xreplace(at) == apart), at  # noqa: E712


def test_sides_in_numbers_and_channels_are_counted() -> None:
    found = derive.convolution(derive.Hexagon("Delta"), edges="periodic", symmetry=derive.PointGroup("C2")).counts
    assert found.exact_weight.has(index("C")) and str(found.when) == "(2*Delta <= m) & (2*Delta <= n)"
    counts = layer("Delta", (5, 5), "C6", edge="periodic").counts
    assert [counts.exact_weight.xreplace({Delta: Integer(r)}) for r in (0, 1, 2, 3)] == [1, 2, 4, 5]
    assert str(counts.when) == "Delta <= 2"


def test_numbers_read_well() -> None:
    counts = layer("Delta", ("n", "m"), edge="periodic").counts
    ends, side = "Min(m, 2*Delta + 1) + Min(n, 2*Delta + 1)", "Min(m, 2*Delta + 1)*Min(n, 2*Delta + 1)"
    corner = f"Max(0, -3*Delta + {ends} - 2)"
    assert str(counts.exact_weight) == f"-{corner}**2 - {corner} + {side}"
    assert str(layer("Delta", ("n", "m"), "C2", edge="reflect").counts.when) == "Delta < Min(m, n)"


@pytest.mark.parametrize(
    ("edge", "group", "sides", "stride"),
    [
        ("reflect", "C6", ("n", "m"), 2),
        *(
            pytest.param(*case, marks=pytest.mark.nightly)
            for case in [("symmetric", "C2", ("n", "n"), 2), ("reflect", None, ("n", "m"), (1, 2))]
        ),
    ],
)
def test_what_has_no_number(edge, group, sides, stride) -> None:
    """Where places are left out of which a mirror shows sums."""
    found = layers_beyond(layer("Delta", sides, group, stride, edge=edge).form)
    assert found is None or found[0] is None
