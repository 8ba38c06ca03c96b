"""What launches are counted as, against counting."""

from __future__ import annotations

from typing import Any

import pytest
from sympy import Integer

from derive.derivation import Derivation
from derive.ir.blocks import Blocked
from derive.ir.nodes import Guard, Launch, Let, Loop, MultiplyAdd
from derive.ir.threads import PRODUCTS, Threads, blocked_threads, plain_threads, tiled_threads
from derive.ir.tiles import Tiled
from derive.lowering import terms
from derive.pipeline import layer
from derive.registry import find

LAYERS = ("conv2d", "causal1d", "dilated2d", "separable2d", "conv2d_channels")


def at(counted: Threads, sizes: dict[str, int]) -> dict[str, Any]:
    """The counts at some sizes and knobs."""
    values: dict[Any, Any] = {}
    found = {}
    for name in (
        "products",
        "threads",
        "block",
        "accesses",
        "entries",
        "moved",
        "rolled",
        "shared",
        "barriers",
        "sums",
    ):
        e = Integer(1) * getattr(counted, name)
        found[name] = e.subs({s: sizes[s.name] for s in e.free_symbols if s != PRODUCTS}).subs(values)
        if name == "products":
            values = {PRODUCTS: found[name]}
    return found


@pytest.mark.parametrize("name", LAYERS)
def test_products_of_a_thread_in_the_middle(name: str) -> None:
    """Where no edge is met, a thread multiplies as often as its loops turn."""
    entry = layer(name)
    program, form = entry.program("cupy"), entry.derivation.form
    sizes = {"n": 40, "m": 44, "Delta": 2, "C": 3, "D": 5, "R": 2, "batch": 1}
    counted = at(plain_threads(program, terms(form), 256), sizes)
    middle = {"i": 20, "j": 22, "d": 0, "z": 0}
    (launch,) = program.body
    assert isinstance(launch, Launch)
    assert counted["products"] == counted["rolled"] == turns(launch.body, {**sizes, **middle})
    stored = (*program.arguments, program.result)
    assert counted["moved"] == sum(int(_size(program.extents(s.name), sizes)) for s in stored)


def _size(extents: tuple[Any, ...], sizes: dict[str, int]) -> Any:
    total = Integer(1)
    for e in extents:
        total *= e
    return total.subs({s: sizes[s.name] for s in total.free_symbols})


def turns(body: Any, known: dict[str, int]) -> int:
    """How often products are reached, one loop after the other."""
    total = 0
    for node in body:
        value = lambda e, known=known: Integer(1) * e.subs({s: known[s.name] for s in e.free_symbols})  # noqa: E731
        match node:
            case Let(symbol=symbol, value=e):
                known = {**known, symbol.name: int(value(e))}
            case Loop(range=r, body=inner):
                for at in range(int(value(r.start)), int(value(r.stop)), int(value(r.step))):
                    total += turns(inner, {**known, r.symbol.name: at})
            case Guard(condition=condition, body=inner):
                if condition.subs({s: known[s.name] for s in condition.free_symbols}):
                    total += turns(inner, known)
            case MultiplyAdd():
                total += 1
    return total


@pytest.mark.parametrize(("columns", "width", "row"), [(4, 4, 3), (4, 1, 6), (2, 2, 3), (1, 1, 3)])
def test_a_strip_reads_each_row_and_each_weight_once(columns: int, width: int, row: int) -> None:
    """Four rows of results of a window of 3 × 3: six rows of the input, by whole accesses, and nine weights for all of them."""
    counted = strip("conv2d", {"n": 64, "m": 64, "Delta": 1, "R": 4, "S": columns, "W": width, "batch": 2})
    assert counted["threads"] == 2 * 16 * 64 // columns
    assert (counted["products"], counted["sums"]) == (4 * columns * 9, 4 * columns)
    assert counted["accesses"] == 1 + 6 * row + 9 + 4 * columns // width  # the bias, rows, weights, results
    assert counted["entries"] == 1 + 6 * row * width + 9 + 4 * columns
    assert counted["rolled"] == counted["shared"] == 0


@pytest.mark.parametrize(
    ("name", "accesses"),
    [("depthwise2d", 4 * 9 + 9 + 4 + 1), ("hexagonal2d", 1 + 3 * 3 + 9 + 1)],
)
def test_weights_of_further_axes_are_read_once(name: str, accesses: int) -> None:
    """Four results of a row; with a weight for each of four channels, and with weights in a table that both letters lead to."""
    sizes = {"n": 64, "m": 64, "p": 64, "C": 64, "Delta": 1, "R": 1, "S": 4, "W": 4, "batch": 1}
    assert strip(name, sizes)["accesses"] == accesses


def strip(name: str, sizes: dict[str, int]) -> dict[str, Any]:
    """The counts of a layer's strips."""
    blocked = layer(name).blocked("cupy")["direct"]
    assert isinstance(blocked, Blocked)
    return at(blocked_threads(blocked, 128), sizes)


def test_a_tile_shares_its_reads() -> None:
    """8 × 16 threads of 8 × 4 results: in each chunk of 8, cells are filled together, and twelve are read for 32 products."""
    tiled = layer("conv2d_channels").blocked("cupy")["direct"]
    assert isinstance(tiled, Tiled)
    sizes = {"n": 56, "m": 56, "C": 64, "D": 64, "Delta": 1, "P": 8, "Q": 16, "K": 8, "batch": 1}
    counted = at(tiled_threads(tiled), sizes)
    assert (counted["threads"], counted["block"]) == (7 * 7 * 128, 128)
    chunks = 9 * 8
    assert (counted["products"], counted["sums"]) == (32 * 9 * 64, 32)
    filled = chunks * 8 * (8 * 8 + 4 * 16) / Integer(128)
    assert counted["accesses"] == filled + 32 + 8  # cells, biases, and results four at a time
    assert counted["shared"] == filled + 12 * 9 * 64
    assert counted["barriers"] == 2 * chunks


def test_a_read_that_stands_still_is_done_once() -> None:
    """In loops that it doesn't move with; what moves with a letter held by name moves."""
    derivation = find("derive.catalogue", "separable2d")
    assert isinstance(derivation, Derivation)
    program = layer("separable2d").program("cupy")
    sizes = {"n": 40, "m": 44, "Delta": 2, "R": 1, "batch": 1}
    counted = at(plain_threads(program, terms(derivation.form), 256), sizes)
    assert counted["accesses"] == 2 * 25 + 25 / Integer(5) + 2  # the factor of a row is read once a row
