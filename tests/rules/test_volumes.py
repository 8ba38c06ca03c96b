"""Windows in volumes that a group of the cube keeps: derived within seconds, with one weight for each orbit of offsets."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import derive
from derive.checking import check_emitted
from derive.derivation import Derivation
from derive.forms.expr import index
from derive.groups._matrices import NAMED, closure
from derive.pipeline import Layer
from tests.pace import within
from tests.proof.orbits import classes

SECONDS = (
    60  # of CPU; these take 3 to 8 on one machine, 4 to 21 on another of the same pace, and took up to more than 600
)

CASES = {
    "a disk": (derive.Disk(2), "Oh", {}, lambda a: sum(x * x for x in a) <= 4),
    "a disk on a torus": (derive.Disk(2), "Oh", {"edges": "periodic"}, lambda a: sum(x * x for x in a) <= 4),
    "a cube, strided": (3, "O", {"edges": "symmetric", "stride": 2}, lambda a: max(map(abs, a)) <= 1),
    "a larger cube, strided": (5, "O", {"stride": 2}, lambda a: True),
    "a cross, strided": (derive.Cross(1), "Oh", {"edges": "reflect", "stride": 2}, lambda a: sum(map(abs, a)) <= 1),
    "a diamond, strided": (derive.Diamond(2), "Oh", {"edges": "reflect", "stride": 3}, lambda a: sum(map(abs, a)) <= 2),
}


def orbits(inside, group: str, reach: int = 2) -> int:
    """How many classes of offsets the group makes of a window."""
    matrices = closure(NAMED[group])
    offsets = [a for a in product(range(-reach, reach + 1), repeat=3) if inside(a)]
    return len(classes(offsets, lambda a: [tuple((np.array(m) @ a).tolist()) for m in matrices]))


def derived(kernel: object, group: str, **options: object) -> Derivation:
    return derive.convolution(kernel, rank=3, channels=False, symmetry=derive.PointGroup(group), **options)


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.nightly if n == "a disk" else ()) for n in CASES])
def test_weights_are_as_many_as_orbits_of_offsets(name: str) -> None:
    kernel, group, options, inside = CASES[name]
    with within(SECONDS):
        layer = derived(kernel, group, **options)
        assert layer.free_parameters["weight"] == orbits(inside, group)
    assert all(verdict.proved for verdict in layer.verdicts)


@pytest.mark.nightly
def test_a_strided_one_behind_edges_has_an_exact_kernel() -> None:
    kernel, group, options, _ = CASES["a cross, strided"]
    check_emitted(Layer("layer", derived(kernel, group, **options), "A layer of a test.", "", ""))


@pytest.mark.parametrize("group", ["O", "Oh"])
def test_a_named_radius_has_one_formula_for_all(group: str) -> None:
    number = derived(derive.Diamond("r"), group).free_parameters["weight"]
    assert "Piecewise" not in str(number)
    for r in range(5):
        assert number.subs(index("r"), r) == orbits(lambda a, r=r: sum(map(abs, a)) <= r, group, reach=r)


def test_all_offsets_of_a_cube_are_counted() -> None:
    """On unequal sides the number has very many cases, which nobody waits for."""
    tied = derive.dense(rank=3).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    counts = tied.then(derive.equivariant(derive.PointGroup("O"))).counts
    assert str(counts.when) == "Eq(m, n) & Eq(n, p)"
    for n in range(1, 5):
        at = dict.fromkeys(map(index, "nmp"), n)
        assert counts.weight.subs(at) == orbits(lambda a, n=n: max(map(abs, a)) < n, "O", reach=n)


@pytest.mark.parametrize("rank", [1, 2])
def test_a_thinned_strided_layer_behind_a_reflecting_edge_is_transposed(rank: int) -> None:
    layer = derive.convolution("Delta", rank=rank, edges="reflect", stride=3, dilation=2, channels=False)
    numbers = layer.then(derive.adjoint()).free_parameters
    assert numbers["weight"] == (2 * index("Delta") + 1) ** rank
    assert numbers["when"].subs({index("Delta"): 1} | dict.fromkeys(map(index, "nm"), 9)) == True  # noqa: E712


def test_a_cross_of_a_named_radius_is_strided() -> None:
    layer = derive.convolution(derive.Cross("r"), rank=3, stride=3, channels=False)
    assert layer.free_parameters["weight"] == 6 * index("r") + 1
