"""Medians, quartiles and ratios on numbers whose answers are known."""

from __future__ import annotations

import pytest

from derive.bench.figures import quartiles, ratio
from derive.bench.limits import share_of_limit
from derive.bench.problem import Problem


def test_quartiles_of_known_numbers():
    assert quartiles([5, 1, 3, 2, 4]) == {"median": 3, "low": 2, "high": 4}
    assert quartiles([7.0]) == {"median": 7.0, "low": 7.0, "high": 7.0}
    assert quartiles([1, 2]) == {"median": 1.5, "low": 1.25, "high": 1.75}


def test_the_ratio_is_of_medians_and_its_spread_of_rounds():
    ours, theirs = [[2, 2, 200], [4, 4, 4], [6, 6, 6]], [[1, 1, 1], [2, 2, 2], [2, 2, 2]]
    assert ratio(ours, theirs) == {"median": 2, "low": 2, "high": 2.5}


def test_a_slow_round_of_the_machine_falls_on_both():
    steady = ratio([[1.0], [1.0], [1.0]], [[2.0], [2.0], [2.0]])
    assert ratio([[1.0], [9.0], [1.0]], [[2.0], [18.0], [2.0]]) == steady


@pytest.mark.parametrize(("gemm", "copy", "share"), [(1e9, 1e12, 0.18), (1e12, 1e6, 8.036)])
def test_the_limit_is_the_slower_of_operations_and_bytes(gemm, copy, share):
    problem = Problem("conv2d", (1000, 1), (3, 3))
    measured = {"gemm_float32": gemm, "copy_bytes": copy}
    assert share_of_limit(problem, seconds=1e-4 if gemm == 1e9 else 1e-3, measured=measured) == pytest.approx(share)
