"""Quarter turns of two lengths are counted where strides skip places behind symmetric edges; brute force is the measure."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sympy import Integer

import derive
from derive.forms.expr import index
from derive.groups._finite.representation import characters
from derive.proof.beyond import layers_beyond
from derive.proof.exact import independent, rank
from derive.proof.lines import Line
from derive.proof.quarters import without_stride
from tests.proof.test_diamonds import GROUPS, axis

n, m, Delta = map(index, ("n", "m", "Delta"))
TURNS = GROUPS["C4"]


def told(extents, radius: int, strides, step: int = 1, signed: bool = False) -> tuple[int, int]:
    """The rank of V ↦ W over the rationals, and how many entries are not forced to be 0."""
    sides = []
    for extent, stride in zip(extents, strides, strict=True):
        rows = axis("symmetric", extent, radius, step, stride)
        sides.append(rows[independent(rows)])
    columns: dict[tuple[int, int], np.ndarray] = {}
    for a, b in product(range(-radius, radius + 1), repeat=2):
        seen = np.multiply.outer(sides[0][:, a + radius], sides[1][:, b + radius]).ravel()
        images = ((a, b), (-b, a), (-a, -b), (b, -a))
        first = max(images)
        sign = -1 if signed and images.index(first) % 2 else 1
        if not signed or (a, b) != (0, 0):
            columns[first] = columns.get(first, 0) + sign * seen
    return (rank(np.stack(list(columns.values()), axis=1)) if columns else 0), len(columns)


def test_the_oracle() -> None:
    """Of nine entries in three orbits all are told apart on three by three places, on one place one; signed, the middle is 0."""
    assert told((3, 3), 1, (2, 2)) == (3, 3)
    assert told((1, 1), 1, (1, 1)) == (1, 3)
    assert told((3, 3), 1, (1, 1), signed=True) == (2, 2)
    assert told((3, 2), 5, (1, 1)) != told((3, 2), 5, (3, 3))


def layer(stride, dilation: int = 1, signed: bool = False) -> derive.Derivation:
    """One channel, turned to its negative by a quarter turn where it is signed."""
    start = derive.dense(2, channels=derive.Channels((("c", 1),), (("d", 1),)))
    start = start.then(derive.reindex()).then(derive.equivariant(derive.Translations())).then(derive.local("Delta"))
    start = start if dilation == 1 else start.then(derive.dilated(dilation))
    turned = derive.PointGroup("C4", channels={"d": characters((-1,))} if signed else None)
    start = start.then(derive.equivariant(turned)).then(derive.boundary("symmetric"))
    return start if stride == 1 else start.then(derive.strided(stride))


def compare(made, strides, sizes, radii, step: int = 1, signed: bool = False) -> None:
    """At so many sizes; the radii are about those at which something changes."""
    found = layers_beyond(made.form)
    assert found is not None and found[0] is not None
    number, when = found
    for extents in sizes:
        for radius in radii(*extents):
            apart, entries = told(extents, radius, strides, step, signed)
            at = {n: Integer(extents[0]), m: Integer(extents[1]), Delta: Integer(step * radius)}
            assert number.xreplace(at) == apart, at
            holds = number.xreplace(at) == entries if when is None else when.xreplace(at) == True  # noqa: E712
            assert holds == (apart == entries), at


def near(one: int, other: int) -> tuple[int, ...]:
    """Radii at which all are told apart, at which some sums are the same, and beyond both lengths together."""
    both = one + other - int(np.gcd(one, other))
    return tuple(sorted({0, min(one, other) - 1, min(one, other), *range(max(0, both - 4), both + 1)}))


@pytest.mark.parametrize(
    ("stride", "sizes"),
    [
        (2, [(1, 2), (2, 3), (3, 4), (4, 2), (4, 6)]),
        (3, [(2, 3), (2, 6), (3, 1), (4, 6), (5, 3)]),
        (4, [(6, 8), (2, 3), (3, 4), (5, 8), (8, 4)]),
        ((2, 6), [(4, 6), (2, 3), (4, 5)]),
    ],
    ids=str,
)
def test_a_stride_hides_what_the_formula_says(stride, sizes) -> None:
    strides = (stride, stride) if isinstance(stride, int) else stride
    compare(layer(stride), strides, sizes, near)


@pytest.mark.nightly
@pytest.mark.parametrize("stride", [2, 3, 4, 5, 6, (2, 4), (6, 4), (1, 3), (12, 6)], ids=str)
def test_every_size(stride) -> None:
    strides = (stride, stride) if isinstance(stride, int) else stride
    most = 10 if max(strides) < 6 else 13
    compare(layer(stride), strides, product(range(1, most), repeat=2), near)


@pytest.mark.nightly
@pytest.mark.parametrize(("stride", "step"), [(2, 2), (2, 3), (4, 2), (3, 2)])
def test_dilated_windows(stride, step) -> None:
    compare(layer(stride, dilation=step), (stride, stride), product(range(1, 8), repeat=2), near, step)


@pytest.mark.parametrize("stride", [2, pytest.param(4, marks=pytest.mark.nightly)])
def test_a_quarter_turn_may_change_the_sign(stride) -> None:
    sizes = [(2, 3), (4, 6), (6, 8)] if stride == 4 else [(1, 2), (2, 4), (3, 2)]
    compare(layer(stride, signed=True), (stride, stride), sizes, near, signed=True)


def test_axes_besides_are_counted_besides() -> None:
    """Turns about the third axis of a volume: so many more along it; none where they are reflected too."""
    p = index("p")
    lines = tuple(Line("symmetric", -Delta, Delta, 1, 4, size) for size in (n, m, p))
    group = {((*places, 2), (*turns, 1)): 1 for places, turns in TURNS}
    whole, fewer = without_stride(group, lines)
    assert [line.stride for line in whole] == [1, 1, 4]
    alone = without_stride(dict.fromkeys(TURNS, 1), lines[:2])
    at = {n: Integer(6), m: Integer(8), Delta: Integer(12), p: Integer(3)}
    assert alone[1].xreplace(at) == 2 and fewer.xreplace(at) == 2 * 3
    turned = {(places, (*some[:2], 1 if places[0] == 0 else -1)): 1 for places, some in group}
    assert without_stride(turned, lines) is None


def test_what_has_no_number() -> None:
    """Dilated, of a stride above 2: sums about another place, which no polynomials are."""
    lines = [Line("symmetric", -Delta, Delta, 3, 4, size) for size in (n, m)]
    assert without_stride(dict.fromkeys(TURNS, 1), lines) is None
    assert without_stride(dict.fromkeys(GROUPS["D4"], 1), lines) is None
    for step in (2, 3):
        alike = [Line("symmetric", -Delta, Delta, step, 2, size) for size in (n, m)]
        assert without_stride(dict.fromkeys(TURNS, 1), alike)[1] == 0


def test_a_stride_of_two_hides_nothing() -> None:
    counts, plain = layer(2).counts, layer(1).counts
    assert counts == plain and str(counts.when) == "Delta < Min(m, n)"
