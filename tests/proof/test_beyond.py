"""Windows that read beyond an edge, or nothing: as many numbers as W determines at every size, all exactly where it is said."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sympy import Integer

import derive
from derive.forms.expr import index
from derive.proof.beyond import layers_beyond
from tests.proof.spans import Combination, Elimination, layers_of

MODES = {"periodic": "wrap", "nearest": "edge", "reflect": "reflect", "symmetric": "symmetric", "zero": "constant"}
WINDOWS = {"Delta": lambda r: (-r, r), derive.Causal("Delta"): lambda r: (-r, 0)}
STEPS = [("Delta", *steps) for steps in ((1, 1), (2, 1), (3, 1), (1, 2), (1, 3), (2, 3), (2, 2), (3, 2), (6, 1))]
STEPS += [(derive.Causal("Delta"), 1, 1), (derive.Causal("Delta"), 2, 1)]
NUMBERS = [(3, 1, 1), (3, 2, 2), (2, 3, 1), (5, 3, 2)]


def determined(edge: str, n: int, taps: range, stride: int, mirrored: bool = False) -> int:
    """The rank of V ↦ W, with W read off NumPy's padding: places are counted from 1, and a 0 is none."""
    reach = max(map(abs, taps), default=0)
    padded = np.pad(np.arange(1, n + 1), reach, mode=MODES[edge])  # type: ignore[call-overload]
    columns: dict[int, Combination] = {}
    for a in taps:
        column = Combination({(o, int(padded[o * stride + a + reach])): 1 for o in range(len(range(0, n, stride)))})
        key = abs(a) if mirrored else a
        columns[key] = columns[key] + column if key in columns else column
    return Elimination(Combination({cell: v for cell, v in c.terms.items() if cell[1]}) for c in columns.values()).rank


def layer(edge: str, kernel: object, stride: int, dilation: int) -> derive.Derivation:
    return derive.convolution(kernel, stride, dilation, edges=edge, rank=1, channels=False)


def test_the_oracle() -> None:
    """On three places with a period of four, -1 and 3 are one; the mirror's own places are seen alone."""
    assert determined("periodic", 3, range(-2, 3), 1) == 3
    assert determined("reflect", 3, range(-2, 3), 1) == 4
    assert determined("symmetric", 3, range(-3, 4), 1) == 5
    assert determined("nearest", 3, range(-5, 6), 3) == 3
    form = layer("symmetric", "Delta", 2, 1).form
    for n, r in ((3, 1), (4, 3), (5, 6)):
        assert layers_of(form, {index("n"): n, index("Delta"): r}).rank == 1 + determined(
            "symmetric", n, range(-r, r + 1), 2
        )


@pytest.mark.parametrize(("kernel", "stride", "dilation"), STEPS, ids=str)
@pytest.mark.parametrize("edge", MODES)
def test_a_radius_by_name_counts_at_every_size(edge, kernel, stride, dilation) -> None:
    found = layer(edge, kernel, stride, dilation)
    counts = found.counts
    for n, r in product(range(1, 9), range(7)):
        low, high = WINDOWS[kernel](r)
        sizes = {index("n"): Integer(n), index("Delta"): Integer(r)}
        rank = determined(edge, n, range(low * dilation, high * dilation + 1, dilation), stride)
        assert counts.exact_weight.xreplace(sizes) == rank, sizes
        assert (counts.when.xreplace(sizes) == True) == (rank == high - low + 1), sizes  # noqa: E712


@pytest.mark.parametrize(("stride", "dilation"), [steps[1:] for steps in STEPS[:9]], ids=str)
@pytest.mark.parametrize("edge", [edge for edge in MODES if edge != "zero"])
def test_a_mirrored_window_counts_at_every_size(edge, stride, dilation) -> None:
    mirror = derive.PointGroup("D1")
    found = derive.convolution("Delta", stride, dilation, edges=edge, rank=1, channels=False, symmetry=mirror)
    counts = found.counts
    for n, r in product(range(1, 9), range(7)):
        sizes = {index("n"): Integer(n), index("Delta"): Integer(r)}
        rank = determined(edge, n, range(-r * dilation, r * dilation + 1, dilation), stride, mirrored=True)
        assert counts.exact_weight.xreplace(sizes) == rank, sizes
        assert (counts.when.xreplace(sizes) == True) == (rank == r + 1), sizes  # noqa: E712


def test_mirrors_of_single_axes_are_multiplied() -> None:
    """D1 along one axis of two, D2 along both; beside a named radius a number of places."""
    n, m, delta = map(index, ("n", "m", "Delta"))
    one = derive.PointGroup("D1", axes=(0,))
    for group, kernel, sides in ((one, "Delta", (True, False)), (derive.PointGroup("D2"), ("Delta", 3), (True, True))):
        found = derive.convolution(kernel, edges="reflect", channels=False, symmetry=group).counts
        for sizes in product((1, 2, 4), (1, 3), (0, 2, 3)):
            reach = (sizes[2], sizes[2] if kernel == "Delta" else 1)
            ranks = [
                determined("reflect", size, range(-r, r + 1), 1, mirrored)
                for size, r, mirrored in zip(sizes[:2], reach, sides, strict=True)
            ]
            assert found.exact_weight.subs(dict(zip((n, m, delta), sizes, strict=True))) == ranks[0] * ranks[1]


@pytest.mark.parametrize(("side", "stride", "dilation"), NUMBERS, ids=str)
@pytest.mark.parametrize("edge", MODES)
def test_a_window_of_numbers_counts_at_every_size(edge, side, stride, dilation) -> None:
    counts = layer(edge, side, stride, dilation).counts
    low, high = -((side - 1) // 2), side // 2
    for n in range(1, 14):
        rank = determined(edge, n, range(low * dilation, high * dilation + 1, dilation), stride)
        assert counts.exact_weight.subs(index("n"), n) == rank, n
        assert (counts.when.subs(index("n"), n) == True) == (rank == side), n  # noqa: E712


def test_axes_are_multiplied_and_channels_besides() -> None:
    found = derive.convolution((3, 2), (1, 2), edges="reflect").counts
    for n, m in product(range(1, 6), repeat=2):
        rank = determined("reflect", n, range(-1, 2), 1) * determined("reflect", m, range(2), 2)
        assert found.exact_weight.subs({index("n"): n, index("m"): m}) == rank * index("C") * index("D")
    grouped = derive.convolution(3, groups="depthwise", edges="periodic", rank=1).counts
    assert str(grouped.exact_weight) == "C*Min(3, n)"


def test_expressions_read_well() -> None:
    texts = {e: str(layer(e, "Delta", 1, 1).counts.exact_weight) for e in MODES}
    assert texts == {
        "periodic": "Min(n, 2*Delta + 1)",
        "nearest": "2*Min(Delta, n - 1) + 1",
        "reflect": "Min(2*Delta + 1, Max(1, 2*n - 2))",
        "symmetric": "Min(2*Delta + 1, 2*n - 1)",
        "zero": "Min(2*Delta + 1, 2*n - 1)",
    }
    strided = {s: layer("zero", "Delta", s, 1).counts for s in (2, 3)}
    assert str(strided[2].when) == "Delta <= 2*floor(n/2 - 1/2)"
    assert str(strided[3].exact_weight) == "Min(Delta, n - 1) + Min(Delta, 3*floor(n/3 - 1/3)) + 1"
    assert str(layer("periodic", "Delta", 1, 1).free_parameters["when"]) == "2*Delta <= n - 1"


def test_weights_of_their_own_at_each_place_are_no_window() -> None:
    """Which of them count turns on the place, so the axes' numbers aren't multiplied."""
    found = derive.dense(1).then(derive.reindex()).then(derive.local("Delta")).then(derive.boundary("zero"))
    assert layers_beyond(found.form) is None


@pytest.mark.parametrize("edge", ["periodic", "reflect", "symmetric", "nearest"])
@pytest.mark.parametrize(("support", "group"), [(derive.Disk(2), "D4"), (derive.Diamond(2), "C2")], ids=str)
def test_any_window_counts_where_sizes_are_numbers(support, group, edge) -> None:
    found = derive.dense(2, (3, 4), (3, 4)).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    found = found.then(derive.local(support)).then(derive.equivariant(derive.PointGroup(group)))
    found = found.then(derive.boundary(edge)).then(derive.strided((2, 1)))
    counts = found.counts
    assert layers_of(found.form, {}).rank == counts.weight + counts.bias
    assert (counts.exact_weight, counts.exact_bias, counts.when) == (counts.weight, counts.bias, True)


@pytest.mark.parametrize("support", [derive.Disk(2), derive.Mask(((1, 0), (1, 1)), origin=(0, 0))], ids=str)
def test_a_window_that_is_no_box_is_left_to_others(support) -> None:
    found = derive.convolution(support, edges="periodic", channels=False)
    assert layers_beyond(found.form) is None
