"""Weights tied by shifts by a step and a point group, in a window of any radius: counted exactly at all sizes."""

from __future__ import annotations

import sys
from itertools import product

import numpy as np
import pytest
from sympy import Integer, Lt, Max, Min, floor, symbols

import derive
from derive.forms.boxes import count_boxes
from derive.forms.count import NotCountable
from derive.forms.evaluate import evaluate, grid
from derive.forms.expr import indices
from derive.forms.polyhedron import Polyhedron
from derive.groups._matrices import NAMED, closure

N, M, DELTA = indices("n m Delta")


def windowed(rank, group, step, **options):
    law = derive.equivariant(derive.PointGroup(group, step=step, **options))
    return derive.dense(rank).then(derive.reindex()).then(law).then(derive.local("Delta"))


def orbits(group, step, sizes, radius):
    """Classes of (remainders of a place, offset) that occur on the grid, under matrices that move both."""

    def line(n):
        return [(i % step, k - i) for i in range(n) for k in range(n) if abs(k - i) <= radius]

    left = {tuple(zip(*pair, strict=True)) for pair in product(*map(line, sizes))}
    matrices, count = [np.array(m) for m in closure(NAMED[group])], 0
    while left:
        phase, offset = (np.array(part) for part in left.pop())
        left -= {(tuple((m @ phase % step).tolist()), tuple((m @ offset).tolist())) for m in matrices}
        count += 1
    return count


def put(number, at):
    """A number, or whether a condition holds, at sizes."""
    return number.xreplace({s: Integer(value) for s, value in at.items()})


CASES = [(1, "D1", 3), (2, "D2", 2)]
LONG = [
    (1, "D1", 2),
    (1, "D1", 4),
    (2, "C2", 2),
    (2, "C4", 2),
    (2, "D4", 2),
    (2, "D2", 3),
    (2, "C4", 3),
    (2, "D4", 3),
    (2, "C2", 4),
    (2, "D4", 4),
]


@pytest.mark.parametrize(
    ("rank", "group", "step"), [*CASES, *(pytest.param(*case, marks=pytest.mark.nightly) for case in LONG)]
)
def test_a_window_of_any_radius_has_one_exact_count(rank, group, step):
    """And the short number holds exactly where its condition does: at no other size is it the number."""
    counts = windowed(rank, group, step).counts
    many = range(1, 9)
    for sizes in product(many, repeat=rank):
        for radius in (0, 1, 2, 3, 5, 8):
            at = dict(zip((N, M), sizes, strict=False)) | {DELTA: radius}
            expected = orbits(group, step, sizes, radius)
            assert put(counts.exact_weight, at) == expected, at
            assert bool(put(counts.when, at)) == (put(counts.weight, at) == expected), at


def test_a_grid_of_two_sides_has_a_number_for_every_radius():
    counts = windowed(2, "D2", 2).counts
    m, n = (Min(DELTA, size - 1) + Min(DELTA, 2 * floor(size / 2) - 1) + 2 for size in (M, N))
    assert counts.exact_weight == m * n
    assert counts.when == (Lt(DELTA, 2 * floor(M / 2)) & Lt(DELTA, 2 * floor(N / 2)))


@pytest.mark.parametrize("acts", ["sign", "regular"])
def test_channels_that_the_group_permutes_or_signs(acts):
    """Two outputs that a reflection swaps have an entry for each offset; where it changes the sign, none for what it leaves."""
    start = derive.dense(1, channels=derive.Channels((("c", 2),), (("d", 2),))).then(derive.reindex())
    law = derive.equivariant(derive.PointGroup("D1", step=2, channels={"d": acts}))
    number = start.then(law).then(derive.local("Delta")).counts.exact_weight
    for n, radius in product(range(1, 7), range(7)):
        pairs = {(i % 2, k - i) for i in range(n) for k in range(n) if abs(k - i) <= radius}
        whole = pairs | {(i, -a) for i, a in pairs}
        still = [pair for pair in whole if pair[1] == 0]
        expected = 2 * len(whole) if acts == "regular" else 2 * (len(whole) - len(still))
        assert put(number, {N: n, DELTA: radius}) == expected


BOX = symbols("a b n m r", integer=True)


def enumerated(condition, over, at):
    ends = dict.fromkeys(over, (-12, 12))
    return int(np.broadcast_to(evaluate(condition, at | grid(ends)), (25,) * len(over)).sum())


def test_unions_of_boxes_are_counted_as_their_points():
    a, b, n, m, r = BOX
    near = (abs(a) <= r) & (abs(b) <= r)
    one = (a <= n - 1) & (b <= 3 * floor(m / 3) - 1) & (m - 3 >= -b)
    other = (a <= m - 1) & (-b <= n - 1)
    for condition in (
        near & (one | other),
        near & (b <= a) & (one | other) & (b >= 0),
        (a >= 0) & near & (one | other),
    ):
        given = Polyhedron.of(n >= 1, m >= 1, r >= 0)
        number = count_boxes(condition, (a, b), given)
        for sizes in product((1, 2, 3, 4, 7), (1, 2, 3, 5, 6), (0, 1, 4, 9)):
            at = dict(zip((n, m, r), sizes, strict=True))
            assert evaluate(number, at) == enumerated(condition, (a, b), at), at


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        (lambda a, b, n, m, r: (a <= n) & (-a <= n) & (a + b <= n) & (b >= 0), "no end of a letter"),
        (lambda a, b, n, m, r: (a <= n) & (-a <= -2) & (2 * a <= n) & (b >= 0) & (b <= 1), "no end of a letter"),
        (lambda a, b, n, m, r: (a <= n) & (-a <= m - 9) & (b >= 0) & (b <= n), "on one side of 0"),
        (lambda a, b, n, m, r: (a >= 0) & (a <= floor(b / 2)) & (b >= 0) & (b <= n), "isn't between two numbers"),
        (lambda a, b, n, m, r: (a >= 0) & (b >= 0) & (b <= n), "'a' has no end"),
    ],
)
def test_what_is_no_union_of_boxes_is_refused(condition, says):
    a, b, n, m, r = BOX
    with pytest.raises(NotCountable, match=says):
        count_boxes(condition(*BOX), (a, b), Polyhedron.of(n >= 1, m >= 1, r >= 0))


def test_an_end_that_is_never_clamped_is_seen(monkeypatch):
    """On a grid of fewer places than the step an interval has ends on the wrong sides of each other: it is empty, not negative."""
    boxes = sys.modules["derive.forms.boxes"]
    monkeypatch.setattr(boxes, "_clamped", lambda node, ends, sizes: Min(*ends[node]))
    a, b, n, m, r = BOX
    condition = (a >= 0) & (a <= n - 3) & (b >= 0) & (b <= r)
    number = boxes.count_boxes(condition, (a, b), Polyhedron.of(n >= 1, m >= 1, r >= 0))
    assert evaluate(number, {n: 1, r: 2}) != 0
    monkeypatch.undo()
    number = count_boxes(condition, (a, b), Polyhedron.of(n >= 1, m >= 1, r >= 0))
    assert evaluate(number, {n: 1, r: 2}) == 0 and number.has(Max)
