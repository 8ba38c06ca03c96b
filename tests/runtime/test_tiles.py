"""What proofs of programs in stages take for granted of tiles and halos, at every small size."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from derive.runtime.planning import jobs
from derive.runtime.primitives import all_finite, halo, stretches, strided, tiles


@pytest.mark.parametrize("step", range(1, 8))
def test_tiles_are_inside_at_most_a_step_long_and_together_everything(step):
    for start, stop in product(range(4), range(20)):
        found = list(tiles(start, stop, step))
        places = {p for low, high in found for p in range(low, high)}
        assert places == set(range(start, stop))
        assert all(start <= low < high <= stop and high - low <= step for low, high in found)
        assert all(high - low == step for low, high in found) or stop - start < step


def test_a_halo_is_the_source_inside_and_0_outside():
    source = np.arange(1, 43).reshape(6, 7)
    for first, second, steps, copied in product(range(-3, 7), range(-4, 8), ((1, 1), (2, 1), (1, 3)), (False, True)):
        room = np.full((3, 4), -1)
        found = halo(source, (first, second), room, steps=steps, copied=copied)
        for p, q in np.ndindex(3, 4):
            i, j = first + steps[0] * p, second + steps[1] * q
            inside = 0 <= i < 6 and 0 <= j < 7
            assert found[p, q] == (source[i, j] if inside else 0)
        whole = first >= 0 and first + 2 * steps[0] < 6 and second >= 0 and second + 3 * steps[1] < 7
        assert np.shares_memory(found, source) == (whole and not copied)


def test_a_halo_may_order_axes_in_another_way():
    source = np.arange(24).reshape(4, 6)
    found = halo(source, (-1, 2), np.full((5, 3), -1), axes=(1, 0))
    wanted = [[source[p - 1, 2 + q] if 0 <= p - 1 < 4 and 2 + q < 6 else 0 for p in range(3)] for q in range(5)]
    assert found.tolist() == wanted


@pytest.mark.parametrize("kind", [np.int64, np.float32, object])
def test_a_strided_view_has_the_entries_that_it_says(kind):
    array = np.arange(120).astype(kind).reshape(10, 12)
    for base in (array, array[2:]):
        view = strided(base, (1, 3), (2, 3, 4), ((0, 2), (0, 1), (1, 2)))
        for g, r, y in np.ndindex(2, 3, 4):
            assert view[g, r, y] == base[1 + 2 * g + r, 3 + 2 * y]


def test_a_strided_view_never_leaves_its_array():
    with pytest.raises((TypeError, ValueError)):
        strided(np.zeros((4, 4), np.float32), (1, 0), (4, 4), ((0, 1), (1, 1)))


@pytest.mark.parametrize("threads", range(1, 6))
def test_jobs_are_all_of_it_once(threads):
    for batch, places in product(range(1, 7), range(1, 12)):
        met = [(z, p) for items, span in jobs(batch, places, threads) for z in range(*items) for p in range(*span)]
        assert sorted(met) == list(product(range(batch), range(places)))
        assert len(jobs(batch, places, threads)) <= threads


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_entry_that_is_not_finite_is_found_and_a_huge_one_is_not_taken_for_one(value):
    array = np.full((3, 5), 1e300)
    assert all_finite(array)
    array[2, 3] = value
    assert not all_finite(array)


@pytest.mark.parametrize("step", range(1, 8))
def test_stretches_are_apart_and_together_everything(step):
    for start, stop in product(range(4), range(20)):
        found = list(stretches(start, stop, step))
        assert [p for low, high in found for p in range(low, high)] == [*range(start, stop)]
        assert all(high - low == step for low, high in found[:-1])
