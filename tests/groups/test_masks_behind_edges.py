"""Windows of any shape that a point group keeps, behind every edge: their orbits are those of the offsets, by brute force."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import derive
from derive.checking import check_emitted
from derive.forms.conditions import regardless
from derive.forms.text import parse
from derive.groups._matrices import NAMED, closure
from derive.pipeline import Layer
from tests.proof.orbits import classes

WINDOWS = {
    "diamond": (derive.Diamond(2), lambda a: sum(map(abs, a)) <= 2, ("C4", "D4", "D2")),
    "disk": (derive.Disk(2), lambda a: sum(x * x for x in a) <= 4, ("C4", "D4")),
    "cross": (derive.Cross(2), lambda a: min(map(abs, a)) == 0, ("C4", "D4")),
    "hexagon": (derive.Hexagon(1), lambda a: max(*map(abs, a), abs(sum(a))) <= 1, ("C6", "D6")),
}
EDGES = ("zero", "valid", "periodic", "reflect", "symmetric", "nearest")


def orbits(inside, group: str) -> int:
    matrices = closure(NAMED[group])
    offsets = [a for a in product(range(-2, 3), repeat=2) if inside(a)]
    return len(classes(offsets, lambda a: [tuple((np.array(m) @ a).tolist()) for m in matrices]))


PAIRS = [(s, g) for s, (_, _, groups) in WINDOWS.items() for g in groups]


def every_third():
    """Each window of each group behind every edge; by day behind two of the six, each edge with three of them."""
    for (row, (shape, group)), (column, edge) in product(enumerate(PAIRS), enumerate(EDGES)):
        yield pytest.param(shape, group, edge, marks=pytest.mark.nightly if (row + column) % 3 else ())


@pytest.mark.parametrize(("shape", "group", "edge"), list(every_third()))
def test_weights_are_as_many_as_orbits_of_offsets(shape: str, group: str, edge: str) -> None:
    support, inside, _ = WINDOWS[shape]
    layer = derive.convolution(support, edges=edge, channels=False, symmetry=derive.PointGroup(group))
    assert all(verdict.proved for verdict in layer.verdicts)
    assert layer.free_parameters["weight"] == orbits(inside, group)


@pytest.mark.parametrize("edge", ["valid", "periodic"])
def test_they_have_exact_kernels(edge: str) -> None:
    layer = derive.convolution(derive.Diamond(2), edges=edge, channels=False, symmetry=derive.PointGroup("D4"))
    check_emitted(Layer("layer", layer, "A layer of a test.", "", ""))


def test_a_condition_regardless_of_the_grid() -> None:
    tied = parse("(a <= n - 1) & (((b <= n - 1) & (a <= r)) | ((b <= r) & (a <= n)))")
    assert regardless(tied, parse("n").free_symbols) == parse("(a <= r) | (b <= r)")
    chosen = parse("0 <= Where((a <= n - 1) & (a <= r), a, b)")
    assert regardless(chosen, parse("n").free_symbols) == parse("0 <= Where(a <= r, a, b)")
