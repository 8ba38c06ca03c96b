"""What programs are counted to do, against what they do."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from sympy import Expr, Integer, Mul, Symbol, expand

from derive import PointGroup, Translations, dense, equivariant, reindex
from derive.algorithms.direct import direct
from derive.algorithms.half_im2col import half_im2col
from derive.algorithms.im2col import im2col
from derive.algorithms.left import left
from derive.algorithms.panels import panels
from derive.algorithms.polyphase import polyphase
from derive.algorithms.rows import rows
from derive.algorithms.separable import separable
from derive.algorithms.shifted import shifted
from derive.algorithms.toeplitz import toeplitz
from derive.ir.cost import work
from derive.ir.direct_cost import direct_work
from derive.ir.nodes import Access, Copy, Range
from derive.ir.stages import Halo, MatMul, Staged, Store, statements
from derive.pipeline import layer
from derive.runtime.costs import held_by, seconds, worked_by
from derive.runtime.machine import Machine
from derive.runtime.planning import _parts
from derive.runtime.primitives import aligned, held

BATCH = Symbol("batch", integer=True)
BATCHED = frozenset({"X", "H"})
VALUES = {"batch": 2, "n": 6, "m": 5, "Delta": 1, "C": 3, "D": 4, "N": 2, "R": 3, "S": 2, "G": 3}


@pytest.mark.parametrize(
    "sizes", [{"n": 5, "m": 4, "Delta": 1}, {"n": 3, "m": 7, "Delta": 2}, {"n": 2, "m": 2, "Delta": 1}]
)
def test_slices_count_as_long_as_they_are(sizes: dict[str, int]) -> None:
    """Taps at an edge meet fewer places: the counts add up to the products that there are."""
    counted = direct_work(layer("conv2d").program("numpy"), BATCH)
    (sweep,) = [w for w in counted if w.kind == "sweep"]
    values = {Symbol(name, integer=True): value for name, value in sizes.items()} | {BATCH: 3}
    times, elements, run, axes, apart = (count.subs(values).doit() for count in sweep.counts)
    n, m, delta = sizes.values()
    offsets = range(-delta, delta + 1)
    products = sum(max(0, n - abs(a)) * max(0, m - abs(b)) for a, b in product(offsets, offsets))
    assert times * elements == 3 * products
    assert times * run == sum(max(0, m - abs(b)) for a, b in product(offsets, offsets) if abs(a) < n) and (
        axes,
        apart,
    ) == (2, 0)


@pytest.mark.parametrize("name", ["deepsets1d", "diamond2d", "hexagonal2d", "laplacian2d", "valid2d"])
def test_slices_whose_ends_move_with_several_loops_are_whole_axes(name: str) -> None:
    """Not of no length: then every entry would count as a run."""
    program = layer(name).program("numpy")
    sizes = {
        s: 1 if s.name == "Delta" else 50 for w in direct_work(program, BATCH) for e in w.counts for s in e.free_symbols
    }
    sweeps = [w.counts for w in direct_work(program, BATCH) if w.kind == "sweep"]
    assert sweeps and all(run.subs(sizes).doit() >= 48 for _, _, run, *_ in sweeps)


def test_slices_whose_loop_begins_where_another_is_count_nothing_but_sizes() -> None:
    """Sixths of a turn tie weights by cases, one of them a loop of one value, that of another's: its letter is no size."""
    image = dense(2).then(reindex()).then(equivariant(Translations())).then(equivariant(PointGroup("C6")))
    counted = direct_work(direct(image.form, "arrays"), BATCH)
    assert {s for w in counted for e in w.counts for s in e.free_symbols} == {*image.form.sizes, BATCH}


def test_slices_of_every_second_entry_are_apart() -> None:
    (sweep,) = [w for w in direct_work(layer("strided2d").program("numpy"), BATCH) if w.kind == "sweep"]
    assert sweep.counts[-1] == 1


def test_weights_that_meet_first_are_one_contraction_and_the_rest_a_sweep() -> None:
    found = direct_work(layer("separable2d").program("numpy"), BATCH)
    (many, rows, inner, columns), (times, *_) = (w.counts for w in found if w.kind in ("contract", "sweep"))
    assert many == times and (rows, str(inner), columns) == (1, "R", 1)
    (one,) = [w for w in direct_work(layer("conv2d_channels").program("numpy"), BATCH) if w.kind == "contract"]
    assert str(one.counts[2]) == "C"


def _lets(program: Staged) -> dict[Symbol, Expr]:
    return {let.symbol: let.value for let in program.lets}


def _counts(program: Staged, kind: str, **more: int) -> list[int]:
    values = {**VALUES, **more}
    (found,) = [w for w in work(program) if w.kind == kind]
    counts = [e.xreplace(_lets(program)).xreplace(_lets(program)) for e in found.counts]
    return [int(count.xreplace({s: values[s.name] for s in count.free_symbols})) for count in counts]


def test_a_product_of_windows_counts_each_term_once() -> None:
    program = im2col(layer("conv2d_channels").derivation.form, frozenset({"X", "H"}))
    times, products, rows, inner, columns, held = _counts(program, "matmul")
    assert (times, products, rows, inner, columns) == (2, 1, 2 * 3 * 5, 9 * 3, 4)
    assert times * rows * inner * columns == 2 * 6 * 5 * 27 * 4 and held == rows * inner + inner * columns


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


def test_products_that_share_entries_hold_them_once() -> None:
    """Half of im2col: five columns of the tile's five rows, of which each product reads three."""
    program = half_im2col(layer("conv2d_channels").derivation.form, BATCHED)
    times, products, rows, inner, columns, held = _counts(program, "matmul")
    assert (times, products, rows, inner, columns) == (2, 2 * 3, 5, 27, 4)
    assert held == 2 * 5 * (3 + 2) * 3 * 3 + inner * columns < products * rows * inner


def test_rooms_in_the_result_are_no_more_to_work_on() -> None:
    """What the last store finds in its place is lent by the result; a sum of flat arrays is none of it."""
    items, tile, result = 2, 2 * 5 * (5 + 2) * 3, 2 * 3 * 5 * 4
    _, whole, lent = _counts(half_im2col(layer("conv2d_channels").derivation.form, BATCHED), "room")
    assert (whole, lent) == (tile + items * 5 * 5 * 9 + result, result)
    assert worked_by([("room", 1, whole, lent)]) == whole - lent < held_by([("room", 1, whole, lent)])
    assert _counts(rows(layer("conv2d").derivation.form, BATCHED), "room", S=2, G=3)[2] == 0


def test_what_is_turned_has_no_neighbours() -> None:
    """Weights that are turned once, and results where they are stored; other stores and weights as they are have runs."""
    form = layer("conv2d_channels").derivation.form
    assert _counts(left(form, BATCHED), "make copy") == [1, 3 * 3 * 3 * 4, 1]
    assert _counts(left(form, BATCHED), "turned") == [2, 2 * 3 * 5 * 4]
    assert not {"make", "make copy", "turned"} & {w.kind for w in work(im2col(form, BATCHED))}
    apart, along = (seconds([("make copy", 1, 10**6, run)], 0, 4, Machine(), True) for run in (1, 64))
    assert apart > 3 * along and seconds([("make copy", 1, 10**6, 1)], 0, 4, Machine(), False) == 0
    apart, turned, along = (
        seconds([(kind, 1, 10**6)], 0, 4, Machine(), True) for kind in ("gather", "turned", "store")
    )
    assert apart > turned > along


def test_results_are_stored_in_runs_where_tiles_are_beside_each_other() -> None:
    program = panels(layer("conv2d").derivation.form, BATCHED)
    assert [_counts(program, "held", S=2, G=3, C=c)[2] for c in (2, 5)] == [2 * 3, 0]


def test_blocks_that_are_one_axis_in_memory_are_stored_once() -> None:
    """The last axis is split in two, and met as often as blocks have places unless the source is stored as it is."""
    form = layer("separable2d").derivation.form
    program = separable(form, BATCHED)
    *_, store = statements(program.body)
    assert isinstance(store, Store)
    for node, times in ((store, 1), (replace(store, bias=Access("u", (store.over[-1].symbol,))), store.over[-1].stop)):
        found = [w for w in work(replace(program, body=(node,))) if w.kind == "store"][-1]
        places = Mul(*(r.stop - r.start for r in store.over if r not in store.summed))
        assert expand(found.counts[1] - times * places) == 0


def test_halos_have_zeros_at_the_ends_of_tiles_that_follow_each_other() -> None:
    """Above the first tile of rows and below the last, left and right of each, for all items at once; never where all is inside."""
    assert _counts(im2col(layer("conv2d_channels").derivation.form, BATCHED), "edge", R=1) == [2 + 2 * 6]
    assert not [w for w in work(rows(layer("valid2d").derivation.form, BATCHED)) if w.kind == "edge"]


def test_copies_of_every_second_entry_run_as_far_as_those_of_all() -> None:
    program = polyphase(layer("strided2d").derivation.form, BATCHED)
    (copy,) = [n for n in statements(program.body) if isinstance(n, Copy)]
    *_, found = [w for w in work(program) if w.kind == "copy"]
    *heights, width = program.shape(copy.target.array)
    assert copy.source.subscripts[-1].coeff(copy.over[-1].symbol) == 2
    assert expand(found.counts[1] - Mul(*heights, width)) == 0 and found.counts[2] == width


def test_phases_of_a_product_are_no_more_products() -> None:
    """Neither where weights alone determine it, nor where its right side was copied again."""
    program = toeplitz(layer("conv1d").derivation.form, BATCHED)
    (product,) = [n for n in statements(program.body) if isinstance(n, MatMul)]
    (found,) = [w for w in work(program) if w.kind == "phased"]
    once = work(replace(program, fixed=(product,), body=()))[1]
    batch, phases, rows, inner, columns = found.counts[1:]
    assert once.kind == "make" and once.counts[1] == batch * rows * inner * columns and phases != 1
    letters = [Range(Symbol(f"k{k}"), Integer(0), e) for k, e in enumerate(program.shape(product.right.array))]
    target = Access(product.right.array, tuple(r.symbol for r in letters))
    again = Halo(target, tuple(letters), Access(program.arguments[0].name, (letters[0].symbol, Integer(0))), True)
    assert [w.kind for w in work(replace(program, body=(again, product)))][-1] == "phased"


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
