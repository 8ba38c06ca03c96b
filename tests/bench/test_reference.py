"""The reference is the sum as the formula writes it, and the bound refuses what rounding can't do."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from derive.bench.problem import Arrays, Problem, arrays
from derive.bench.reference import agreement, reference

PROBLEMS = [
    Problem("conv1d", (11,), (3,)),
    Problem("conv2d", (5, 4), (3, 5)),
    Problem("conv2d_channels", (5, 4), (3, 3), channels=(2, 3), batch=2),
    Problem("depthwise2d", (4, 3), (3, 3), channels=(2, 2), batch=1, depthwise=True),
    Problem({"kernel": 5, "stride": 2}, (7, 6), (5, 5), channels=(2, 3), batch=1, stride=2),
]


def by_the_formula(problem: Problem, given: Arrays) -> np.ndarray:
    """H entry by entry, in Python."""
    rank, H = len(problem.grid), np.zeros(problem.result_shape)
    X = given.X if problem.batch is not None else given.X[None]
    out = H if problem.batch is not None else H[None]
    for z in range(X.shape[0]):
        for place in np.ndindex(*out.shape[1 : 1 + rank]):
            total = np.array(given.u, dtype=np.float64)
            for tap in product(*(range(side) for side in problem.window)):
                at = tuple(i * problem.stride + a - s // 2 for i, a, s in zip(place, tap, problem.window, strict=True))
                if all(0 <= k < n for k, n in zip(at, problem.grid, strict=True)):
                    x, v = X[(z, *at)].astype(np.float64), given.V[tap].astype(np.float64)
                    total = total + (x * v if problem.channels is None or problem.depthwise else x @ v)
            out[(z, *place)] = total
    return H


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.says)
def test_the_reference_is_the_formula(problem):
    given = arrays(problem)
    made = reference(problem, given)
    wide = replace(problem, dtype="float64")
    assert agreement(wide, given, made, by_the_formula(problem, given)).share <= 1


def test_small_integers_are_exact():
    problem = Problem("conv2d", (40, 30), (3, 3))
    draw = np.random.default_rng(0)
    X, V = (draw.integers(-9, 10, shape).astype(np.float32) for shape in ((40, 30), (3, 3)))
    given = Arrays(X, V, np.float32(0) + np.zeros(()))
    assert (by_the_formula(problem, given) == reference(problem, given).H).all()


@pytest.mark.parametrize("fourier", [False, True])
@pytest.mark.parametrize("plant", ["tap", "shift", "nan"])
def test_a_wrong_result_is_refused_and_the_right_one_is_not(plant, fourier):
    problem = Problem("conv2d", (40, 30), (7, 7))
    given = arrays(problem)
    made = reference(problem, given)
    right = made.H.astype(np.float32)
    assert agreement(problem, given, made, right, fourier).share <= 1
    wrong = {
        "tap": lambda: right - given.V[3, 3] * given.X,
        "shift": lambda: np.roll(right, 1, axis=0),
        "nan": lambda: np.where(np.arange(30) == 7, np.nan, right),
    }[plant]()
    assert agreement(problem, given, made, wrong, fourier).share > 1


def test_one_entry_off_by_little_is_refused_where_sums_are_claimed():
    problem = Problem("conv2d", (40, 30), (7, 7))
    given = arrays(problem)
    made = reference(problem, given)
    wrong = made.H.astype(np.float32)
    wrong[0, 0] += 1e-3
    assert agreement(problem, given, made, wrong).share > 1
    assert agreement(problem, given, made, wrong, multiple=1e-3).share <= 1


def test_another_shape_is_refused():
    problem = PROBLEMS[1]
    given = arrays(problem)
    made = reference(problem, given)
    assert agreement(problem, given, made, made.H.T).share == float("inf")
