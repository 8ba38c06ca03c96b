"""The table of the benchmark is data: every row can be posed, named, and sent to another process."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from derive.bench.problem import Problem, arrays
from derive.bench.rows import ROWS, chosen
from derive.bench.running import families
from derive.errors import UnknownName
from derive.registry import names


def test_names_are_unique_and_every_peer_has_an_adapter():
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert {peer for row in ROWS for peer in row.peers} < set(families())


def test_a_goal_goes_with_peers():
    assert all((row.goal is not None) == bool(row.peers) for row in ROWS)


def test_every_layer_is_in_the_catalogue_or_compiled():
    for row in ROWS:
        assert isinstance(row.problem.layer, dict) or row.problem.layer in names("derive.catalogue")


def test_a_problem_survives_json():
    for row in ROWS:
        assert Problem.read(json.loads(json.dumps(asdict(row.problem)))) == row.problem


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("1mp-3x3", ["1mp-3x3"]),
        ("conv3d", ["volume-3x3x3"]),
        ("cv2.sepFilter2D", ["separable-5", "separable-11", "separable-31"]),
        ("16mp-*", ["16mp-3x3", "16mp-7x7", "16mp-11x11"]),
        ("derive.compile(kernel=7, stride=2)", ["7x7-stride2-b1", "7x7-stride2-b8"]),
    ],
)
def test_rows_are_found_by_row_layer_peer_and_pattern(name, found):
    assert [row.name for row in chosen([name])] == found


def test_no_names_are_all_rows_and_an_unknown_one_is_refused():
    assert chosen([]) == ROWS
    with pytest.raises(UnknownName, match=r"^No row of the benchmark is called 'conv9'; they are 1mp-3x3, .*\.$"):
        chosen(["1mp-3x3", "conv9"])


def test_shapes_and_counts():
    problem = Problem("conv2d_channels", (9, 8), (3, 5), channels=(2, 4), batch=6, stride=2)
    assert problem.input_shape == (6, 9, 8, 2)
    assert problem.result_shape == (6, 5, 4, 4)
    assert problem.weight_shape == (3, 5, 2, 4)
    assert problem.taps == 30
    assert problem.operations == 2 * 6 * 5 * 4 * 4 * 30
    assert problem.bytes == 4 * (6 * 9 * 8 * 2 + 3 * 5 * 2 * 4 + 6 * 5 * 4 * 4)
    assert problem.says == "3×5 on 9×8, 2→4, batch 6, stride 2"


def test_bounds_count_products_and_factors():
    plain = Problem("conv2d", (9, 8), (3, 3))
    assert (plain.roundings.q, plain.roundings.p) == (10, 9)
    product = Problem("separable2d", (9, 8), (3, 3), separable=True)
    assert (product.roundings.q, product.roundings.p, product.roundings.deep) == (11, 18, 1)


def test_arrays_are_the_same_every_time_aligned_and_of_the_right_type():
    problem = Problem("conv2d", (9, 8), (3, 3), dtype="float64")
    one, other = arrays(problem), arrays(problem)
    assert one.X.dtype == one.V.dtype == one.u.dtype == np.float64
    assert (one.X == other.X).all() and (one.V == other.V).all()
    assert one.X.ctypes.data % 64 == 0
    assert -1 <= one.X.min() < 0 < one.X.max() < 1
    assert np.unique(one.X).size == one.X.size
