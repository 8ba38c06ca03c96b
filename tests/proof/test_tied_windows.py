"""Windows of a named radius that a group ties, and crosses, are counted behind edges at every size; brute force is the measure."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sympy import Integer

import derive
from derive.forms.expr import index
from derive.proof.beyond import layers_beyond
from derive.proof.lines import Line, cases_of
from tests.proof.test_beyond import MODES, determined

n, m, Delta = map(index, ("n", "m", "Delta"))
ORBITS = {
    None: lambda x: x,
    "C2": lambda x: max(x, tuple(-v for v in x)),
    "C4": lambda x: max(x, (-x[1], x[0]), (-x[0], -x[1]), (x[1], -x[0])),
    "D4": lambda x: tuple(sorted(map(abs, x))),
}


def axis(edge: str, extent: int, radius: int, stride: int) -> np.ndarray:
    """What each place of a window sees along one axis: a row for every output and input, one of those alike."""
    padded = np.pad(np.arange(extent), radius, mode=MODES[edge])  # type: ignore[call-overload]
    reads = np.array([[padded[o + a] for a in range(2 * radius + 1)] for o in range(0, extent, stride)])
    rows = reads[:, None, :] == np.arange(extent)[None, :, None]
    return np.unique(rows.reshape(-1, 2 * radius + 1).astype(np.int64), axis=0)


def told(group: str | None, cross: bool, sides: list[np.ndarray], radius: int) -> tuple[int, int]:
    """The rank of V ↦ W by definition, each entry of V by itself, and how many entries there are."""
    seen = np.einsum("ia,jb->ijab", *sides).reshape(-1, *(2 * [2 * radius + 1]))
    columns: dict[tuple[int, ...], np.ndarray] = {}
    for x in product(range(-radius, radius + 1), repeat=2):
        if not cross or 0 in x:
            key = ORBITS[group](x)
            columns[key] = columns.get(key, 0) + seen[:, x[0] + radius, x[1] + radius]
    matrix = np.stack(list(columns.values()), axis=1)
    return int(np.linalg.matrix_rank(matrix.astype(float))), len(columns)


def layer(edge: str, group: str | None, cross: bool, stride: int, square: bool) -> derive.Derivation:
    sides = ("n", "n" if square else "m")
    found = derive.dense(2, sides, sides).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    found = found.then(derive.local(derive.Cross("Delta") if cross else "Delta"))
    found = found.then(derive.equivariant(derive.PointGroup(group))) if group else found
    found = found.then(derive.boundary(edge))
    return found.then(derive.strided(stride)) if stride > 1 else found


FURTHER = [
    ("reflect", "C4", False, 2, True),
    ("nearest", "C4", False, 2, True),
    ("reflect", "D4", False, 1, False),
    ("reflect", "D4", True, 1, True),
    ("reflect", "C4", False, 2, False),
    ("symmetric", "C4", False, 1, False),
]
LAYERS = [
    *(pytest.param(*case, marks=pytest.mark.nightly) for case in FURTHER),
    ("periodic", "C2", False, 1, False),
    ("symmetric", "C2", False, 2, False),
    ("nearest", "C2", False, 3, False),
    ("symmetric", "C4", False, 2, True),
    ("periodic", "C4", False, 1, False),
    ("symmetric", "D4", False, 2, False),
    ("reflect", "C4", True, 1, False),
    ("nearest", "C4", False, 2, False),
    ("nearest", "D4", False, 1, False),
    ("nearest", "D4", True, 3, False),
    ("symmetric", None, True, 1, False),
]


def test_the_oracle() -> None:
    """On two places of a torus -1 and 1 are one: of nine places four are told apart, of D4's three orbits three, of five two."""
    sides = [axis("periodic", 2, 1, 1)] * 2
    assert (told(None, False, sides, 1), told("D4", False, sides, 1)) == ((4, 9), (3, 3))
    assert (told(None, True, sides, 1), told("D4", True, sides, 1)) == ((3, 5), (2, 2))


@pytest.mark.parametrize(("edge", "group", "cross", "stride", "square"), LAYERS, ids=str)
def test_a_tied_window_or_a_cross_is_counted_at_every_size(edge, group, cross, stride, square) -> None:
    found = layers_beyond(layer(edge, group, cross, stride, square).form)
    assert found is not None
    number, when = found
    for one, other, radius in product((1, 2, 3, 5), (1, 2, 4), (0, 1, 3)):
        other = one if square else other
        rank, entries = told(group, cross, [axis(edge, k, radius, stride) for k in (one, other)], radius)
        sizes = {n: Integer(one), m: Integer(other), Delta: Integer(radius)}
        assert number.xreplace(sizes) == rank, sizes
        assert (when.xreplace(sizes) == True) == (rank == entries), sizes  # noqa: E712


def test_expressions_read_well() -> None:
    counts = layer("reflect", "D4", False, 1, True).counts
    assert str(counts.exact_weight) == "(Min(Delta, n - 1) + 1)*(Min(Delta, n - 1) + 2)/2"
    assert str(counts.when) == "Delta < n"
    torus = layer("periodic", "C2", False, 1, False).counts
    crossed = layer("periodic", "D4", True, 1, False).counts
    assert str(crossed.exact_weight) == "Min(Delta, floor(m/2) + floor(n/2) - floor(Gcd(m, n)/2)) + 1"
    halves = "(Min(Delta, floor(m/2)) + 1)*(Min(Delta, floor(n/2)) + 1)"
    assert str(torus.exact_weight) == f"{halves} + Min(Delta, floor(m/2 - 1/2))*Min(Delta, floor(n/2 - 1/2))"


@pytest.mark.nightly
def test_volumes_of_equal_sides_under_all_rotations_and_reflections() -> None:
    """At Δ = 1 on three places all four orbits, at one place one; with more the multisets of three of min(Δ, n - 1) + 1."""
    sides = ("n",) * 3
    found = derive.dense(3, sides, sides).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    found = found.then(derive.local("Delta")).then(derive.equivariant(derive.PointGroup("Oh")))
    number, when = layers_beyond(found.then(derive.boundary("reflect")).form) or (None, None)
    assert [number.subs({n: k, Delta: r}) for k, r in ((3, 1), (1, 4), (3, 9))] == [4, 1, 10]
    assert [when.subs({n: 3, Delta: r}) for r in (2, 3)] == [True, False]


@pytest.mark.parametrize(("edge", "step", "stride"), [("reflect", 1, 2), ("symmetric", 1, 3), ("symmetric", 3, 2)])
def test_windows_with_a_radius_of_their_own_on_each_side(edge, step, stride) -> None:
    left, right = index("l"), index("r")
    cases = cases_of(Line(edge, -left, right, step, stride, n))
    for extent, low, high in product(range(1, 7), (0, 1, 2, 5), (0, 1, 3, 4)):
        sizes = {n: Integer(extent), left: Integer(low), right: Integer(high)}
        number = next(case.apart for case in cases if case.given.xreplace(sizes) == True)  # noqa: E712
        taps = range(-low * step, high * step + 1, step)
        rank = determined(edge, extent, taps, stride)
        assert number.xreplace(sizes) == rank, sizes
        full = any(case.full.xreplace(sizes) == True for case in cases)  # noqa: E712
        assert full == (rank == len(taps)), sizes


def test_a_dilated_cross_on_a_torus_sees_half_of_an_even_side() -> None:
    found = (
        derive.dense(2, ("n", "n"), ("n", "n")).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    )
    counts = (
        found.then(derive.local(derive.Cross("Delta"))).then(derive.dilated(2)).then(derive.boundary("periodic")).counts
    )
    for extent, radius in product(range(1, 8), range(6)):
        taps, seen = 2 * (radius // 2) + 1, extent if extent % 2 else extent // 2
        sizes = {n: Integer(extent), Delta: Integer(radius)}
        assert counts.exact_weight.xreplace(sizes) == 2 * min(taps, seen) - 1
        assert (counts.when.xreplace(sizes) == True) == (taps <= seen), sizes  # noqa: E712
