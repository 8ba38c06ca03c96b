"""What stages are made of: products of rows that share memory, sums in place, results that are made where they belong."""

from __future__ import annotations

import numpy as np
import pytest

from derive.runtime.costs import brought, seconds, swept_by
from derive.runtime.machine import Machine
from derive.runtime.primitives import folded, halo, held, phased, put, strided


@pytest.mark.parametrize("kind", [np.int64, np.float64, object])
@pytest.mark.parametrize(("step", "width"), [(1, 5), (2, 3), (3, 3), (4, 3), (3, 7)])
def test_rows_that_share_memory_give_the_same_products(step: int, width: int, kind: type) -> None:
    line = np.arange(step * 10 + width).astype(kind)
    left = strided(line, (0,), (11, width), ((0, step), (0, 1)))
    right = (np.arange(width * 2).reshape(width, 2) - 3).astype(kind)
    out = np.empty((11, 2), kind)
    phased(left, right, out)
    wanted = [
        [sum(int(line[step * h + r]) * int(right[r, t]) for r in range(width)) for t in range(2)] for h in range(11)
    ]
    assert (out == np.array(wanted)).all()


def test_parts_are_added_up_in_the_first() -> None:
    parts = np.arange(24).reshape(3, 2, 4)
    wanted = parts.sum(axis=0)
    found = folded(parts)
    assert (found == wanted).all()
    assert np.shares_memory(found, parts[0])


def test_a_result_is_made_in_its_place_where_it_fits() -> None:
    result, room = np.zeros(12), np.zeros((3, 4))
    assert np.shares_memory(held(result, room), result)
    assert held(result, room).shape == room.shape
    assert held(result[:8], room) is room
    assert held(np.zeros(24)[::2], room) is room


def test_a_source_in_the_place_of_its_target_is_left_there() -> None:
    result = np.arange(12.0)
    put(result, held(result, np.zeros((3, 4))), split=(0,))
    assert (result == np.arange(12)).all()
    put(result, held(result, np.zeros((3, 4))), np.float64(2), split=(0,))
    assert (result == np.arange(12) + 2).all()


@pytest.mark.parametrize("bias", [0, 1, np.array([[1]])])
@pytest.mark.parametrize("gaps", [False, True])
def test_what_a_source_holds_beyond_its_target_is_dropped(gaps: bool, bias: object) -> None:
    numbers = np.arange(240).reshape(4, 5, 12)
    source, result = numbers[:, :, :2] if gaps else numbers[:, :, :2].copy(), np.empty((3, 9), int)
    put(result, source, bias, split=(1,))
    wanted = numbers[:, :, :2] + bias
    assert (result == wanted.reshape(4, 10)[:3, :9]).all()


def test_a_source_may_have_several_axes_split() -> None:
    source, result = np.arange(120).reshape(3, 2, 4, 5), np.empty((5, 18), int)
    put(result, source, None, split=(0, 1))
    assert (result == np.arange(120).reshape(6, 20)[:5, :18]).all()


@pytest.mark.parametrize("kind", [np.float32, object])
@pytest.mark.parametrize("shape", [(12, 5, 3), (2, 5, 3), (4, 4, 5, 3), (60, 3)])
def test_a_bias_is_added_to_every_row(shape: tuple[int, ...], kind: type) -> None:
    numbers, bias = np.arange(np.prod(shape)).reshape(shape).astype(kind), np.arange(3).astype(kind) * 100
    wanted = numbers + bias
    for target in (np.empty(shape, kind), np.empty((*shape, 2), kind)[..., 0], numbers):
        put(target, numbers, bias)
        assert (target == wanted).all()


def test_products_take_longer_where_their_arrays_leave_the_cache() -> None:
    works, machine = [("matmul", 1, 8, 8, 12, 1000, 12 * (8 + 1000))], Machine()
    near, between, far = (seconds(works, room << 19, 4, machine, True) for room in (1, 2, 128))
    assert near < between < far
    moved = 4 * 8 * 1000 * (8 + 12)
    assert far - near == pytest.approx(moved * (1 / machine.dram_bytes - 1 / machine.cached_bytes))


def test_working_arrays_are_brought_in_anew_where_the_cache_does_not_keep_them() -> None:
    assert brought(1 << 18, False) == 0
    assert brought(3 << 18, False) == 1 << 20
    assert brought(1 << 18, True) == 1 << 18


def test_a_sum_of_one_part_costs_nothing() -> None:
    assert seconds([("fold", 7, 1, 1000)], 0, 4, Machine(), True) == 0
    assert seconds([("fold", 7, 2, 1000)], 0, 4, Machine(), True) > 0


def test_working_arrays_beyond_a_cache_are_as_fast_as_the_next_one():
    made = Machine(ufunc_call=0, cached_bytes=100e9, shared_bytes=50e9, dram_bytes=10e9)
    took = [seconds([("fold", 1, 2, 10**6)], room, 4, made, True) for room in (1 << 18, 1 << 22, 1 << 27)]
    assert [a / took[0] for a in took] == pytest.approx([1, 2, 10])


def test_three_columns_take_as_long_as_two_and_one():
    made = Machine()
    one, two, three, four = (made.matmul_seconds(4, 70, 1800, n) - made.matmul_call for n in (1, 2, 3, 4))
    assert three == pytest.approx(2 * four) and one == pytest.approx(two) == pytest.approx(four)


def test_a_sweep_costs_by_what_it_moves_by_its_runs_and_by_its_axes() -> None:
    machine = Machine()
    plain = seconds([("sweep", 1, 4096, 4096, 1, 0)], 0, 4, machine, True)
    rows = seconds([("sweep", 1, 4096, 16, 2, 0)], 0, 4, machine, True)
    assert plain < rows < seconds([("sweep", 1, 4096, 16, 3, 0)], 0, 4, machine, True)
    assert plain < seconds([("sweep", 1, 4096, 4096, 1, 1)], 0, 4, machine, True)
    assert swept_by([("fill", 1, 100), ("sweep", 9, 90, 9, 2, 0)]) == 300
    assert swept_by([("contract", 9, 10, 20, 30)]) == 600 and swept_by(()) == 0


def test_copies_of_long_runs_are_quicker() -> None:
    machine = Machine()
    short, long = (seconds([("copy", 1, 10**5, run)], 0, 4, machine, True) for run in (3, 300))
    assert short > 2 * long


def test_a_product_of_a_column_by_a_row_is_a_plain_loop() -> None:
    works = [[("matmul", 1, 1, 1000, inner, 48, 1048 * inner)] for inner in (1, 2)]
    machine = Machine()
    assert seconds(works[0], 0, 4, machine, True) > seconds(works[1], 0, 4, machine, True)


def test_a_product_in_a_stack_is_packed_for_its_own_sides_alone() -> None:
    machine = Machine()
    one, two, four = (
        seconds([("matmul", 1, n, 112, 147, 64, 90_000)], 1 << 19, 4, machine, True) for n in (10, 20, 40)
    )
    assert four - two == pytest.approx(2 * (two - one))


def test_a_contraction_of_whole_arrays_copies_nothing() -> None:
    once, twice = (seconds([("contract", times, 1000, 50, 40)], 0, 4, Machine(), True) for times in (1, 2))
    assert twice > 2 * once


def test_rows_that_share_memory_are_multiplied_in_small_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenBLAS copies the sides of a product of more than 10⁶ numbers first; that many rows come in several products."""
    line = np.arange(4 * 70_000 + 8) % 7.0
    left, right = strided(line, (0,), (70_000, 8), ((0, 4), (0, 1))), (np.arange(32.0) % 5).reshape(8, 4)
    found, sizes, product = np.empty((70_000, 4)), [], np.matmul

    def counted(one: np.ndarray, two: np.ndarray, out: np.ndarray) -> None:
        sizes.extend([one.shape[-2] * two.size] * (one.size // (one.shape[-2] * one.shape[-1])))
        product(one, two, out=out)

    monkeypatch.setattr(np, "matmul", counted)
    phased(left, right, found)
    assert (found == product(np.ascontiguousarray(left), right)).all()
    assert max(sizes) <= 10**6 < sum(sizes)


@pytest.mark.parametrize("kind", [np.float64, object])
def test_a_copy_again_is_shifted_by_its_number(kind: type) -> None:
    source, room = np.arange(12).reshape(3, 4).astype(kind), np.full((5, 2, 8), 7).astype(kind)
    target = strided(room, (0, 0, 1), (5, 2, 6), ((0, 1), (1, 1, 2, -1), (2, 1)))
    halo(source[:, None], (-1, None, -1), target, copied=True)
    wanted = np.pad(np.arange(12).reshape(3, 4), 1)
    assert (room[:, 0, 1:7] == wanted).all()
    assert (room[:, 1, 0:6] == wanted).all()
    assert (room[:, 0, [0, 7]] == 7).all()


def test_a_result_is_made_in_a_part_of_its_rows_where_each_is_whole_in_memory() -> None:
    result, room = np.zeros((6, 10)), np.zeros((3, 2, 4))
    assert np.shares_memory(held(result[:, 2:6], room, apart=True), result)
    assert held(result[:, 2:10:2], room, apart=True) is room
    assert held(np.zeros((4, 6)).T, room, apart=True) is room
    assert held(result[:, 2:6], room) is room
    made = held(result[:, 2:6], room, apart=True)
    made[...] = 3
    put(result[:, 2:6], made, np.zeros(()), split=(0,))
    put(result[:, 2:6], made, np.float64(2), split=(0,))
    assert (result[:, 2:6] == 5).all()
    assert (result[:, [0, 1, 6, 7, 8, 9]] == 0).all()
