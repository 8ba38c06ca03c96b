"""Diamonds of a named radius are counted behind edges at every size, tied or not; brute force is the measure."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from sympy import And, Integer, Rational

import derive
from derive.forms.expr import index
from derive.proof.beyond import layers_beyond
from derive.proof.diamonds import Diamond, diamond_of, seen_of_diamond
from derive.proof.inside import read_inside
from derive.proof.levels import _ways, summed
from derive.proof.lines import Line
from derive.proof.sides import BETWEEN_ENDS
from tests.proof.test_beyond import MODES

Delta = index("Delta")
SIZES = tuple(map(index, "nmp"))
SAME, SWAP = (0, 1), (1, 0)
GROUPS = {
    None: (((0, 1), (1, 1)),),
    "D1": tuple((SAME, (a, 1)) for a in (1, -1)),
    "diagonal": ((SAME, (1, 1)), (SWAP, (1, 1))),
    "C2": tuple((SAME, (a, a)) for a in (1, -1)),
    "D2": tuple((SAME, signs) for signs in product((1, -1), repeat=2)),
    "C4": tuple((way, (a, a if way == SAME else -a)) for way in (SAME, SWAP) for a in (1, -1)),
    "D4": tuple((way, signs) for way in (SAME, SWAP) for signs in product((1, -1), repeat=2)),
}
FULL = [(way, signs) for way in permutations(range(3)) for signs in product((1, -1), repeat=3)]
SPACE = {
    "turned": tuple(((0, 1, 2), (a, a, a)) for a in (1, -1)),
    "cycled": tuple((way, (1, 1, 1)) for way in ((0, 1, 2), (1, 2, 0), (2, 0, 1))),
    "O": tuple(g for g in FULL if np.linalg.det(np.diag(g[1]) @ np.eye(3)[list(g[0])]) > 0),
    "Oh": tuple(FULL),
}


def axis(edge: str, extent: int, radius: int, step: int, stride: int) -> np.ndarray:
    """What each place of a window sees along one axis: a row for every output and input, one of those alike."""
    padded = np.pad(np.arange(extent), radius * step, mode=MODES[edge])  # type: ignore[call-overload]
    reads = np.array(
        [[padded[o + step * (a + radius)] for a in range(-radius, radius + 1)] for o in range(0, extent, stride)]
    )
    rows = reads[:, None, :] == np.arange(extent)[None, :, None]
    return np.unique(rows.reshape(-1, 2 * radius + 1).astype(np.int64), axis=0)


def told(group, sides: list[np.ndarray], weights: tuple[int, ...], radius: int) -> tuple[int, int]:
    """The rank of V ↦ W by definition, and how many entries there are: places that the group carries to each other share one."""
    columns: dict[tuple[int, ...], np.ndarray] = {}
    for x in product(range(-radius, radius + 1), repeat=len(sides)):
        if sum(w * abs(v) for w, v in zip(weights, x, strict=True)) <= radius:
            seen = np.ones(1, np.int64)
            for side, v in zip(sides, x, strict=True):
                seen = np.multiply.outer(seen, side[:, v + radius]).ravel()
            images = []
            for places, signs in group:
                image = dict(zip(places, (sign * v for sign, v in zip(signs, x, strict=True)), strict=True))
                images.append(tuple(image[k] for k in range(len(x))))
            columns[max(images)] = columns.get(max(images), 0) + seen
    matrix = np.stack(list(columns.values()), axis=1)
    return int(np.linalg.matrix_rank(matrix.astype(float))), len(columns)


def counted(group, lines, diamond):
    """The number and the condition, by the module that is about the edge."""
    if lines[0].edge not in BETWEEN_ENDS:
        return seen_of_diamond(dict.fromkeys(group, 1), lines, diamond)
    number, _, clauses = read_inside(
        dict.fromkeys(group, 1), lines, frozenset(), diamond, And(*(line.extent >= 1 for line in lines))
    )
    return number, clauses


def compare(edge, group, weights, step, stride, square, extents, radii) -> None:
    names = SIZES[: len(weights)] if not square else SIZES[:1] * len(weights)
    lines = [Line(edge, -(Delta // w), Delta // w, step, stride, s) for w, s in zip(weights, names, strict=True)]
    number, clauses = counted(group, lines, Diamond(weights, Delta)) or (None, None)
    assert number is not None
    for sizes in product(extents, repeat=len(set(names))):
        at = dict(zip(dict.fromkeys(names), sizes, strict=True))
        for radius in radii:
            sides = [axis(edge, at[s], radius, step, stride) for s in names]
            rank, entries = told(group, sides, weights, radius)
            numbers = {s: Integer(v) for s, v in (*at.items(), (Delta, radius))}
            assert number.xreplace(numbers) == rank, numbers
            assert (And(*clauses).xreplace(numbers) == True) == (rank == entries), numbers  # noqa: E712


EDGES = ("periodic", "reflect", "symmetric", "nearest")
QUICK = [
    ("periodic", None, (1, 1), 1, 1, False),
    ("symmetric", None, (1, 1), 1, 2, True),
    ("reflect", None, (1, 1), 1, 2, True),
    ("symmetric", None, (1, 1), 3, 2, True),
    ("nearest", None, (1, 2), 1, 3, False),
    ("reflect", "D1", (1, 1), 1, 1, False),
    ("reflect", "C2", (1, 1), 1, 3, True),
    ("nearest", "D2", (2, 3), 2, 2, True),
    ("reflect", "C4", (1, 1), 1, 3, True),
    ("symmetric", "D4", (1, 1), 1, 2, True),
    ("nearest", "diagonal", (1, 1), 1, 2, True),
    ("nearest", "C4", (1, 1), 1, 2, False),
    ("nearest", "D4", (1, 1), 2, 3, False),
]


def test_the_oracle() -> None:
    """Of five places of a torus of two by two three are told apart, of one place's nearest one; C4 leaves 4 of 13, 7 of 25."""
    assert told(GROUPS[None], [axis("periodic", 2, 1, 1, 1)] * 2, (1, 1), 1) == (3, 5)
    assert told(GROUPS[None], [axis("nearest", 1, 2, 1, 1)] * 2, (1, 1), 2) == (1, 13)
    assert told(GROUPS["C4"], [axis("reflect", 9, 2, 1, 1)] * 2, (1, 1), 2) == (4, 4)
    assert told(GROUPS["C4"], [axis("reflect", 9, 3, 1, 1)] * 2, (1, 1), 3) == (7, 7)
    assert (len(SPACE["O"]), len(SPACE["Oh"])) == (24, 48)


@pytest.mark.parametrize(("edge", "group", "weights", "step", "stride", "square"), QUICK, ids=str)
def test_a_diamond_is_counted_at_every_size(edge, group, weights, step, stride, square) -> None:
    compare(edge, GROUPS[group], weights, step, stride, square, (1, 2, 3, 4) if square else (1, 3), (0, 1, 2, 4))


@pytest.mark.parametrize("steps", [(1, 1), (2,), (1, 2), (2, 3), (2, 4), (1, 3, 4)], ids=str)
def test_sums_of_steps_are_counted_by_a_formula_that_is_0_below_0(steps) -> None:
    most = index("u")
    formula = _ways(steps, most)
    for number in range(-sum(steps), 9):
        some = product(*(range(0, number + 1, step) for step in steps))
        assert formula.xreplace({most: Integer(number)}) == sum(sum(places) <= number for places in some), number


def test_sums_from_numbers_on_are_counted_below_the_first_of_them_too() -> None:
    """Those from 4 on stood in one formula with those from 2 on, which at 0 and 1 was no longer 0."""
    number = summed({((1, 1), Integer(start)): Rational(1) for start in (2, 4)}, Delta, 2)
    for radius in range(8):
        ways = sum(start + a + b <= radius for start in (2, 4) for a, b in product(range(8), repeat=2))
        assert number.xreplace({Delta: Integer(radius)}) == ways


@pytest.mark.nightly
@pytest.mark.parametrize("square", [True, False])
@pytest.mark.parametrize(("step", "stride"), [(1, 1), (1, 2), (1, 3), (2, 1), (3, 2)])
@pytest.mark.parametrize("group", list(GROUPS), ids=str)
@pytest.mark.parametrize("edge", EDGES)
def test_every_group_edge_and_step(edge, group, step, stride, square) -> None:
    together = group in ("C2", "C4") and stride > 1 and edge == "symmetric"
    if together or (group in ("diagonal", "C4", "D4") and not square and edge != "nearest"):
        lines = [Line(edge, -Delta, Delta, step, stride, s) for s in (SIZES[0], SIZES[0] if square else SIZES[1])]
        assert seen_of_diamond(dict.fromkeys(GROUPS[group], 1), lines, Diamond((1, 1), Delta)) is None
    else:
        compare(edge, GROUPS[group], (1, 1), step, stride, square, range(1, 7 if square else 5), range(7))


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("group", "weights"), [*product((None, *SPACE), [(1, 1, 1)]), (None, (2, 3, 3)), ("turned", (1, 1, 2))]
)
@pytest.mark.parametrize(("edge", "stride"), [("periodic", 1), ("reflect", 1), ("reflect", 2), ("nearest", 1)])
def test_three_axes(edge, stride, group, weights) -> None:
    some = SPACE[group] if group else (((0, 1, 2), (1, 1, 1)),)
    compare(edge, some, weights, 1, stride, True, range(1, 5), range(5))


def layer(sides: tuple[str, ...], edge: str, group: str | None = None, dilation: object = 1) -> derive.Derivation:
    found = derive.dense(2, sides, sides).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    found = found.then(derive.local(derive.Diamond("Delta")))
    found = found if dilation == 1 else found.then(derive.dilated(dilation))
    found = found.then(derive.equivariant(derive.PointGroup(group))) if group else found
    return found.then(derive.boundary(edge))


def test_a_layer_finds_its_diamond_and_its_group() -> None:
    """C4 has the orbits of D4 up to a radius of 2."""
    number, when = layers_beyond(layer(("n", "n"), "symmetric", "C4").form) or (None, None)
    excess = "Max(0, Delta - 2*n + 1)"
    assert str(number) == f"({excess} + 1)*{excess}/2 + (Delta**2 + Delta + 2)/2 - Max(0, Delta - n + 1)**2"
    assert when == (Delta <= SIZES[0] - 1)


@pytest.mark.nightly
@pytest.mark.parametrize(("edge", "dilation"), [("nearest", (1, 2)), ("periodic", (2, 2)), ("reflect", (2, 3))])
def test_offsets_of_a_dilated_diamond_weigh(edge, dilation) -> None:
    counts = layer(("n", "m"), edge, dilation=dilation).counts
    for sizes, radius in product(product((1, 2, 5), (1, 4)), (0, 2, 3, 6)):
        sides = [axis(edge, k, radius, step, 1) for k, step in zip(sizes, dilation, strict=True)]
        rank, entries = told(GROUPS[None], sides, dilation, radius)
        at = {**dict(zip(SIZES, map(Integer, sizes), strict=False)), Delta: Integer(radius)}
        assert (counts.exact_weight.xreplace(at), counts.when.xreplace(at) == True) == (rank, rank == entries)  # noqa: E712


def test_expressions_read_well() -> None:
    counts = derive.convolution(derive.Diamond("Delta"), edges="nearest", channels=False).counts
    corner = "Max(0, Delta - m - n + 1)"
    sides = "2*Max(0, Delta - m + 1)**2 - 2*Max(0, Delta - n + 1)**2"
    assert str(counts.exact_weight) == f"2*Delta**2 + 2*Delta + 2*({corner} + 1)*{corner} - {sides} + 1"
    assert str(counts.when) == "Delta < Min(m, n)"


def test_what_has_no_number() -> None:
    """Axes of different sizes that a group exchanges, and ones that it turns only together behind a strided symmetric edge."""
    sides = [Line("periodic", -Delta, Delta, 1, 1, s) for s in SIZES[:2]]
    assert seen_of_diamond(dict.fromkeys(GROUPS["D4"], 1), sides, Diamond((1, 1), Delta)) is None
    lines = [Line("symmetric", -Delta, Delta, 1, 2, s) for s in SIZES[:2]]
    assert seen_of_diamond(dict.fromkeys(GROUPS["C2"], 1), lines, Diamond((1, 1), Delta)) is None
    assert seen_of_diamond(dict.fromkeys(GROUPS["D2"], 1), lines, Diamond((1, 1), Delta)) is not None


def test_a_window_is_proved_to_be_a_diamond() -> None:
    """Of a box that is too small for one, or with parts more or less, it is not; weights are taken without what they share."""
    a, b, delta = map(index, ("a", "b", "Delta"))
    box = {a: (-delta, delta), b: (-delta, delta)}
    whole = And(*(sign * a + other * b <= delta for sign, other in product((1, -1), repeat=2)))
    assert diamond_of(delta >= 0, box, whole) == Diamond((1, 1), delta)
    longer = And(*(sign * 2 * a + other * 4 * b <= delta for sign, other in product((1, -1), repeat=2)))
    halves = {a: (-(delta // 2), delta // 2), b: (-(delta // 4), delta // 4)}
    assert diamond_of(delta >= 0, halves, longer) == Diamond((1, 2), delta // 2)
    assert diamond_of(delta >= 0, {**box, a: (-delta, delta - 1)}, whole) is None
    assert diamond_of(delta >= 0, box, And(whole, a <= 2)) is None
    assert diamond_of(delta >= 0, box, And(*whole.args[1:])) is None
