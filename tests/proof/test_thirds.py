"""Hexagons that turns by thirds tie on two sizes are counted on a torus and behind mirrors; brute force is the measure."""

from __future__ import annotations

from itertools import product
from math import gcd

import pytest
from sympy import And, Integer

import derive
from derive.forms.expr import index
from derive.proof.dimension import Dimension
from derive.proof.hexagons import Hexagon
from derive.proof.lines import Line
from derive.proof.residues import seen_of_hexagon
from tests.proof.spans import layers_of
from tests.proof.test_residues import TIED, seen, told

n, m, Delta, unknown = map(index, ("n", "m", "Delta", "unknown"))


def roots(edge: str, extent: int, step: int) -> int:
    """How many are seen along an axis."""
    around = {"periodic": extent, "reflect": 2 * extent - 2, "symmetric": 2 * extent}[edge]
    return max(1, around // gcd(step, around)) if around else 1


def is_open(name: str, p: int, q: int, entries: int, lost: int) -> bool:
    """Whether no formula is known."""
    h = gcd(p, q)
    if name in ("C3", "C6"):
        return p + q - h < entries + lost < p + q
    return entries > q - lost + min(q - lost, 2 * p - 2 * h)


def compare(edge, name, steps, extents, radii) -> tuple[int, int]:
    """How many sizes have a number and how many have none; those are where some residues reach half of both sizes."""
    lines = [Line(edge, -Delta, Delta, d, 1, size) for d, size in zip(steps, (n, m), strict=True)]
    found = seen_of_hexagon(Hexagon(Delta, tuple(TIED[name]), (1, 1)), lines, unknown)
    assert found is not None
    number, clauses = found
    told_of = [0, 0]
    for one, other in extents:
        p, q = (roots(edge, *axis) for axis in zip((one, other), steps, strict=True))
        for radius in radii(p, q):
            sides = [seen(edge, extent, radius, d) for extent, d in zip((one, other), steps, strict=True)]
            apart, entries = told(TIED[name], sides, radius)
            at = {n: Integer(one), m: Integer(other), Delta: Integer(radius)}
            lost = edge == "symmetric" and steps == (1, 1)
            between = p != q and is_open(name, min(p, q), max(p, q), 2 * radius + 1, lost)
            assert number.xreplace(at) == (unknown if between else apart), at
            assert (And(*clauses).xreplace(at) == True) == (apart == entries), at  # noqa: E712
            told_of[between] += 1
    return told_of[0], told_of[1]


def near(p: int, q: int) -> list[int]:
    """Radii about those at which another formula holds."""
    least, both = min(p, q), p + q
    return sorted({0, least - 1, least, least + 1, (both - gcd(p, q) - 1) // 2, both // 2, both // 2 + 1})


QUICK = [
    ("periodic", "C3", (1, 1), [(1, 3), (2, 5), (4, 3), (6, 3), (3, 3)]),
    ("periodic", "C6", (1, 1), [(2, 3), (5, 3), (4, 6), (2, 2), (1, 2)]),
    ("periodic", "C6", (1, 2), [(4, 4), (3, 5)]),
    ("reflect", "C3", (1, 1), [(1, 2), (2, 3), (4, 2)]),
    ("symmetric", "C6", (2, 2), [(3, 4), (2, 3)]),
    ("symmetric", "C3", (1, 1), [(1, 2), (2, 3), (2, 4)]),
    ("symmetric", "C6", (1, 1), [(1, 3), (3, 2)]),
    ("periodic", "D6", (1, 1), [(3, 5), (3, 6), (5, 4)]),
    ("periodic", "other D3", (1, 1), [(2, 5), (4, 6)]),
    ("symmetric", "D3", (1, 1), [(2, 3)]),
    ("reflect", "D6", (1, 2), [(1, 2), (2, 4)]),
]


@pytest.mark.parametrize(("edge", "name", "steps", "extents"), QUICK, ids=str)
def test_two_sizes_are_counted(edge, name, steps, extents) -> None:
    assert compare(edge, name, steps, extents, near)[0] > len(extents)


@pytest.mark.nightly
@pytest.mark.parametrize("steps", [(1, 1), (1, 2), (2, 2), (3, 2)], ids=str)
@pytest.mark.parametrize("name", ["C3", "C6", "D3", "other D3", "D6"])
@pytest.mark.parametrize("edge", ["periodic", "reflect", "symmetric"])
def test_every_edge_and_step(edge, name, steps) -> None:
    if edge == "symmetric" and steps in ((1, 2), (3, 2)):
        lines = [Line(edge, -Delta, Delta, d, 1, size) for d, size in zip(steps, (n, m), strict=True)]
        assert seen_of_hexagon(Hexagon(Delta, tuple(TIED[name]), (1, 1)), lines, unknown) is None
        return
    most = 9 if edge == "periodic" else 5
    extents = list(product(range(1, most), repeat=2))
    known, none = compare(edge, name, steps, extents, lambda p, q: range((p + q) // 2 + 2))
    assert none < known / (5 if name in ("C3", "C6") else 1)


def test_one_size_with_two_steps_may_have_as_many_roots_along_both() -> None:
    lines = [Line("periodic", -Delta, Delta, d, 1, n) for d in (1, 2)]
    number, clauses = seen_of_hexagon(Hexagon(Delta, tuple(TIED["C6"]), (1, 1)), lines, unknown) or (None, [])
    for extent, radius in product(range(1, 7), range(6)):
        at = {n: Integer(extent), Delta: Integer(radius)}
        apart, entries = told(TIED["C6"], [seen("periodic", extent, radius, d) for d in (1, 2)], radius)
        assert number.xreplace(at) in (apart, unknown) and (number.xreplace(at) == apart or extent % 2 == 0), at
        assert (And(*clauses).xreplace(at) == True) == (apart == entries), at  # noqa: E712


def layer(sides=("n", "m"), group: str = "C6") -> derive.Derivation:
    found = derive.dense(2, sides, sides).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    found = found.then(derive.local(derive.Hexagon("Delta"))).then(derive.equivariant(derive.PointGroup(group)))
    return found.then(derive.boundary("periodic"))


def test_a_layer_has_the_number_of_its_rank_where_there_is_no_formula_too() -> None:
    exact = layer().counts.exact_weight
    assert exact.has(Dimension)
    for values in ((3, 4, 3), (4, 6, 4), (6, 4, 5), (2, 5, 3)):
        sizes = dict(zip((n, m, Delta), values, strict=True))
        assert exact.subs(sizes) == layers_of(layer().form, sizes).rank - 1, sizes


def test_channels_are_counted_besides_and_sides_in_numbers() -> None:
    turned = derive.PointGroup("C3")
    made = derive.convolution(derive.Hexagon("Delta"), edges="periodic", symmetry=turned, groups="depthwise")
    (channels,) = set(made.form.sizes) - {n, m, Delta}
    exact = made.counts.exact_weight
    assert [exact.subs({n: 2, m: 3, Delta: r, channels: 5}) for r in (1, 2, 4)] == [5 * 3, 5 * 6, 5 * 6]
    assert [exact.subs({n: 4, m: 6, Delta: 4, channels: c}) for c in (1, 7)] == [20, 140]
    counts = layer((3, 4)).counts
    assert not counts.exact_weight.has(Dimension)
    assert [counts.exact_weight.subs({Delta: r}) for r in (0, 2, 3, 4)] == [1, 4, 7, 7]
