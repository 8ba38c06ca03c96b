"""What programs are counted to do, against what they do."""

from itertools import product

import numpy as np
import pytest
from sympy import Symbol

from derive.algorithms.im2col import im2col
from derive.algorithms.rows import rows
from derive.algorithms.shifted import shifted
from derive.ir.cost import direct_work, work
from derive.ir.stages import Staged
from derive.pipeline import layer
from derive.runtime.planning import _parts
from derive.runtime.primitives import aligned, held

BATCH = Symbol("batch", integer=True)


@pytest.mark.parametrize(
    "sizes", [{"n": 5, "m": 4, "Delta": 1}, {"n": 3, "m": 7, "Delta": 2}, {"n": 2, "m": 2, "Delta": 1}]
)
def test_slices_count_as_long_as_they_are(sizes: dict[str, int]) -> None:
    """Taps at an edge meet fewer places: the counts add up to the products that there are."""
    counted = direct_work(layer("conv2d").program("numpy"), BATCH)
    (sweep,) = [w for w in counted if w.kind == "sweep"]
    values = {Symbol(name, integer=True): value for name, value in sizes.items()} | {BATCH: 3}
    times, elements, run, axes = (count.subs(values).doit() for count in sweep.counts)
    n, m, delta = sizes.values()
    offsets = range(-delta, delta + 1)
    products = sum(max(0, n - abs(a)) * max(0, m - abs(b)) for a, b in product(offsets, offsets))
    assert times * elements == 3 * products
    assert times * run == sum(max(0, m - abs(b)) for a, b in product(offsets, offsets) if abs(a) < n) and axes == 2


def _counts(program: Staged, kind: str) -> list[int]:
    values = {"batch": 2, "n": 6, "m": 5, "Delta": 1, "C": 3, "D": 4, "N": 2, "R": 3}
    (found,) = [w for w in work(program) if w.kind == kind]
    return [int(count.xreplace({s: values[s.name] for s in count.free_symbols})) for count in found.counts]


def test_a_product_of_windows_counts_each_term_once() -> None:
    program = im2col(layer("conv2d_channels").derivation.form, frozenset({"X", "H"}))
    times, products, rows, inner, columns = _counts(program, "matmul")
    assert (times, products, rows, inner, columns) == (2, 1, 2 * 3 * 5, 9 * 3, 4)
    assert times * rows * inner * columns == 2 * 6 * 5 * 27 * 4


def test_shifted_products_count_runs_of_columns_and_channels() -> None:
    program = shifted(layer("depthwise2d").derivation.form, frozenset({"X", "H"}))
    assert _counts(program, "weigh") == [2, 9, 2 * 3, 5 * 3]


def test_copies_count_how_many_entries_are_neighbours() -> None:
    """Rows of the padded tile; of its windows, a row of taps with all their channels."""
    program = im2col(layer("conv2d_channels").derivation.form, frozenset({"X", "H"}))
    values = {"batch": 2, "n": 6, "m": 5, "Delta": 1, "C": 3, "D": 4, "N": 2, "R": 3}
    runs = [
        w.counts[2].xreplace({s: values[s.name] for s in w.counts[2].free_symbols})
        for w in work(program)
        if w.kind == "copy"
    ]
    assert runs == [(5 + 2) * 3, 3 * 3]


def test_sums_of_flat_arrays_count_what_is_between_rows() -> None:
    program = rows(layer("conv2d").derivation.form, frozenset({"X", "H"}))
    (found,) = [w for w in work(program) if w.kind == "total"]
    values = {"batch": 2, "n": 6, "m": 5, "Delta": 1, "S": 2, "G": 3}
    lets = {let.symbol: let.value for let in program.lets}
    counts = [e.xreplace(lets).subs({s: values[s.name] for s in e.xreplace(lets).free_symbols}) for e in found.counts]
    assert counts == [2 * 1, 3, 2 * 3 * 16]


@pytest.mark.parametrize(
    ("extent", "parts"), [(56, (1, 2, 4, 7, 14, 28, 56)), (7, (1, 2, 4, 7)), (1, (1,)), (None, ())]
)
def test_a_tile_is_a_part_of_its_extent(extent: int | None, parts: tuple[int, ...]) -> None:
    assert _parts(extent) == parts


def test_a_working_array_lives_in_the_result_where_that_is_whole() -> None:
    result, room = np.zeros((4, 6, 3)), aligned((1, 2, 3), float)
    assert held(result[1:2, 2:4], room).base is result
    assert held(result[1:2, 2:3], room) is room
    assert held(result[:2, 2:4], aligned((2, 2, 3), float)) is not result
    assert not np.shares_memory(held(result[:2, 2:4], aligned((2, 2, 3), float)), result)
