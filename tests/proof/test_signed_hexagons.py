"""Hexagons whose entries change their signs when turned are counted on a torus and behind mirrors; brute force is the measure."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sympy import And, Integer

import derive
from derive.forms.expr import index
from derive.groups._finite.representation import characters
from derive.groups._matrices import closure
from derive.proof.exact import rank
from derive.proof.hexagons import Hexagon
from derive.proof.lines import Line
from derive.proof.residues import seen_of_hexagon
from tests.proof.spans import layers_of
from tests.proof.test_hexagons import turned
from tests.proof.test_residues import TIED, seen
from tests.proof.test_thirds import near, roots

n, m, Delta, unknown = map(index, ("n", "m", "Delta", "unknown"))
SIXTH = ((0, -1), (1, 1))


def determinant(matrix) -> int:
    (a, b), (c, d) = matrix
    return a * d - b * c


def alternating(matrix) -> int:
    """-1 for half a turn and a sixth."""
    return -1 if matrix in {((-1, 0), (0, -1)), SIXTH, ((1, 1), (-1, 0))} else 1


SIGNED = {
    "C2": (TIED["C2"], alternating),
    "C6": (TIED["C6"], alternating),
    "D3": (TIED["D3"], determinant),
    "other D3": (TIED["other D3"], determinant),
    "D6": (TIED["D6"], determinant),
    "swap": (TIED["swap"], determinant),
    "mirror of a step": (TIED["mirror of a step"], determinant),
    "both mirrors": (TIED["both mirrors"], determinant),
}


def hexagon(name) -> Hexagon:
    group, sign = SIGNED[name]
    return Hexagon(Delta, tuple(group), (1, 1), tuple(map(sign, group)))


def told(name, sides, radius: int) -> tuple[int, int]:
    """The rank of V ↦ W over the rationals, and how many entries there are that no sign forces to be 0."""
    made = hexagon(name)
    columns: dict[tuple[int, ...], np.ndarray] = {}
    for x in product(range(-radius, radius + 1), repeat=2):
        images = {(turned(g, x), sign) for g, sign in made.characters}
        first = max(place for place, _ in images)
        if abs(sum(x)) <= radius and len(images) == len({place for place, _ in images}):
            one, other = (side[:, v + radius] for side, v in zip(sides, x, strict=True))
            sign = next(s for place, s in images if place == first)
            columns[first] = columns.get(first, 0) + sign * np.multiply.outer(one, other).ravel()
    return (rank(np.stack(list(columns.values()), axis=1)) if columns else 0), len(columns)


def test_the_oracle() -> None:
    """C2 leaves three of seven entries, of which one place tells none; D6 leaves none up to a radius of 2, and one at 3."""
    assert closure((SIXTH,)) and set(closure((SIXTH,))) == set(TIED["C6"])
    assert told("C2", [seen("periodic", 3, 1)] * 2, 1) == (3, 3)
    assert told("C2", [seen("periodic", 1, 1)] * 2, 1) == (0, 3)
    assert [told("D6", [seen("periodic", 9, r)] * 2, r) for r in (2, 3)] == [(0, 0), (1, 1)]


def compare(edge, name, sizes, steps, extents, radii) -> None:
    lines = [Line(edge, -Delta, Delta, d, 1, size) for d, size in zip(steps, sizes, strict=True)]
    found = seen_of_hexagon(hexagon(name), lines, unknown)
    assert found is not None and found[0] is not None
    number, clauses = found
    for values in product(extents, repeat=len(set(sizes))):
        sides = dict(zip(dict.fromkeys(sizes), values, strict=True))
        for radius in radii(*(roots(edge, sides[s], d) for s, d in zip(sizes, steps, strict=True))):
            axes = [seen(edge, sides[s], radius, d) for s, d in zip(sizes, steps, strict=True)]
            apart, entries = told(name, axes, radius)
            at = {size: Integer(v) for size, v in (*sides.items(), (Delta, radius))}
            assert number.xreplace(at) in (apart, unknown), at
            holds = And(*clauses or ()).xreplace(at) == True  # noqa: E712
            if clauses is not None:
                assert holds == (apart == entries) or (not holds and lines[0] != lines[1] and name[0] != "C"), at


def upto(p: int, q: int) -> range:
    return range(max(p, q) + 1)


QUICK = [
    ("periodic", "C2", (n, m), (1, 2)),
    ("periodic", "C6", (n, n), (1, 1)),
    ("periodic", "C6", (n, m), (1, 1)),
    ("periodic", "D6", (n, n), (1, 1)),
    ("periodic", "other D3", (n, n), (2, 2)),
    ("reflect", "D3", (n, n), (1, 1)),
    ("symmetric", "C6", (n, n), (1, 1)),
    ("symmetric", "swap", (n, n), (1, 1)),
]


@pytest.mark.parametrize(("edge", "name", "sizes", "steps"), QUICK, ids=str)
def test_a_signed_hexagon_is_counted_at_every_size(edge, name, sizes, steps) -> None:
    compare(edge, name, sizes, steps, (1, 2, 3) if edge != "periodic" else (1, 2, 4, 6), near)


@pytest.mark.nightly
@pytest.mark.parametrize("sizes", [(n, n), (n, m)], ids=str)
@pytest.mark.parametrize("steps", [(1, 1), (2, 2), (1, 2), (3, 3)], ids=str)
@pytest.mark.parametrize("name", SIGNED)
@pytest.mark.parametrize("edge", ["periodic", "reflect", "symmetric"])
def test_every_group_edge_and_step(edge, name, steps, sizes) -> None:
    lines = [Line(edge, -Delta, Delta, d, 1, size) for d, size in zip(steps, sizes, strict=True)]
    found = seen_of_hexagon(hexagon(name), lines, unknown)
    if found is not None and found[0] is not None:
        compare(edge, name, sizes, steps, range(1, 7 if edge == "periodic" else 5), upto)
    else:
        alike = sizes == (n, n) and steps[0] == steps[1]
        odd = edge == "symmetric" and any(step % 2 for step in steps)
        assert odd or (not alike and name not in ("C2", "C6", "D3", "other D3", "D6"))


def layer(group, acts, edge: str, sides=("n", "n")) -> derive.Derivation:
    made = derive.dense(2, sides, sides, channels=derive.Channels((("c", 1),), (("d", 1),)))
    made = made.then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    made = made.then(derive.local(derive.Hexagon("Delta")))
    turns = derive.PointGroup(group, channels={"d": acts})
    return made.then(derive.equivariant(turns)).then(derive.boundary(edge))


@pytest.mark.parametrize(
    ("group", "acts", "edge", "says"),
    [
        ("C6", characters((-1,)), "periodic", "2*Delta <= n - 1"),
        ("D3", "sign", "reflect", None),
        pytest.param("C2", characters((-1,)), "symmetric", "Delta < n", marks=pytest.mark.nightly),
        pytest.param("D6", "sign", "periodic", None, marks=pytest.mark.nightly),
    ],
)
def test_a_layer_has_the_numbers_of_its_ranks(group, acts, edge, says) -> None:
    made = layer(group, acts, edge)
    counts = made.counts
    assert says is None or str(counts.when) == says
    for extent, radius in ((1, 1), (2, 2), (3, 2), (4, 3)):
        sizes = {n: extent, Delta: radius}
        apart = layers_of(made.form, sizes).rank
        apart -= int(counts.exact_bias.subs(sizes))
        assert counts.exact_weight.subs(sizes) == apart, sizes
        assert (counts.when.subs(sizes) == True) == (counts.weight.subs(sizes) == apart), sizes  # noqa: E712


def test_between_ends_the_entries_are_counted_as_before() -> None:
    counts = layer("C6", characters((-1,)), "zero").counts
    assert str(counts.when) == "Delta < n" and counts.exact_weight.subs({n: 3, Delta: 9}) == 6
    assert str(layer("C6", characters((-1,)), "nearest").counts.when) == "2*Delta <= n - 1"
