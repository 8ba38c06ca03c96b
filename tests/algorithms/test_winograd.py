"""Winograd's algorithm as a program in stages: exact results, proofs, planted faults, and floats within the derived bound."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as told
from hypothesis import strategies as st
from sympy import Integer, Symbol

import derive
from derive import Diamond, convolution
from derive.algorithms._constants import Term, without_constants
from derive.algorithms._inlined import staged_obligations
from derive.algorithms.winograd import winograd
from derive.backends._stages import staged_functions
from derive.errors import NoLowering
from derive.forms.denote import denote
from derive.forms.evaluate import evaluate
from derive.forms.expr import index
from derive.forms.form import Form
from derive.ir.nodes import Access, Copy, Range
from derive.ir.stages import Constants, Halo, MatMul, Staged, Store, Table, Tiles, settings
from derive.lowering import batched, slopes, staged
from derive.pipeline import layer
from derive.proof.solver import discharge_all
from derive.runtime import primitives
from derive.runtime.constants import Constant
from derive.runtime.planning import candidates

Sizes = Mapping[Symbol, int]
LAYERS = ("conv2d_channels", "conv2d_channels_dX", "grouped2d", "p4_conv2d", "p4_lifting2d")
WINDOWS: Mapping[str, Mapping[str, Any]] = {
    "1-D, 3": {"kernel": 3, "rank": 1},
    "1-D, 5": {"kernel": 5, "rank": 1},
    "1-D, 4": {"kernel": 4, "rank": 1},
    "1-D, Delta": {"kernel": "Delta", "rank": 1},
    "2-D, 2": {"kernel": 2},
    "2-D, 3×5": {"kernel": (3, 5)},
    "2-D, 1×3": {"kernel": (1, 3)},
    "2-D, valid": {"kernel": 3, "edges": "valid"},
    "2-D, no bias": {"kernel": 3, "bias": False},
    "2-D, cross": {"kernel": Diamond(1)},
    "3-D, 3": {"kernel": 3, "rank": 3},
}


@lru_cache
def forms() -> Mapping[str, Form]:
    """Forms that fit, those of gradients by X among them."""
    found = {name: layer(name).derivation.form for name in LAYERS}
    found |= {f"{name} dX": slopes(found[name])[0].form for name in ("conv2d_channels", "grouped2d")}
    return found | {name: convolution(**options).form for name, options in WINDOWS.items()}


NAMES = (*LAYERS, "conv2d_channels dX", "grouped2d dX", *WINDOWS)


@lru_cache
def program(name: str) -> Staged:
    form = forms()[name]
    return winograd(form, frozenset({form.input.name, form.output.name}))


@lru_cache
def functions(name: str) -> Mapping[str, Any]:
    """The emitted functions of one program."""
    names: dict[str, Any] = {
        "np": np,
        "Constant": Constant,
        **{key: getattr(primitives, key) for key in primitives.__all__},
    }
    exec("\n".join(staged_functions(program(name))), names)
    return names


def sizes_of(name: str, case: Sizes, grid: Sequence[int]) -> dict[Symbol, int]:
    """Sizes of a form: those of the case, these along the grid, and a few channels."""
    form = forms()[name]
    places = iter(grid)
    grid_symbols = {s for k in form.grid(form.input) for s in form.input.axes[k].extent.free_symbols}
    return {s: case[s] if s in case else next(places) if s in grid_symbols else 2 for s in form.sizes}


def drawn(shape: Sequence[int], entry: Any) -> np.ndarray:
    made = np.empty(prod(shape), object)
    made[:] = [entry() for _ in range(prod(shape))]
    return made.reshape(shape)


def arrays_of(form: Form, sizes: Sizes, batch: int, entry: Any) -> dict[str, np.ndarray]:
    """The input of each item, the weights and the bias."""
    made = {}
    for array in (form.input, *(p.array for p in form.params)):
        lead = (batch,) if array.name == form.input.name else ()
        made[array.name] = drawn((*lead, *(int(evaluate(e, sizes)) for e in array.shape)), entry)
    return made


def run(
    name: str, arrays: Mapping[str, np.ndarray], sizes: Sizes, knobs: Mapping[str, int], span: Any = None
) -> np.ndarray:
    """The emitted functions on arrays of one type; what they don't write stays a marker."""
    made, (some, *_) = program(name), arrays.values()
    form, names, batch = forms()[name], functions(name), len(arrays[forms()[name].input.name])
    shape = tuple(int(evaluate(e, sizes)) for e in form.output.shape)
    every = {**{s.name: v for s, v in sizes.items()}, **knobs}

    def new(extents: Sequence[int]) -> np.ndarray:
        marker = Fraction(10**6) if some.dtype == object else np.nan
        return np.full(extents, marker, some.dtype)

    weights = dict.fromkeys(a.name for a in made.arguments if a.name in {p.name for p in form.weights})
    fixed = names["_winograd_fixed"](*(arrays[key] for key in weights), new, **every)
    taken = [arrays[a.name] for a in made.arguments if a.name not in weights]
    result, places = new((batch, *shape)), int(evaluate(tile(made).extent, sizes))
    for start, stop in span or ((0, places),):
        names["_winograd"](
            *taken, result, *fixed, *names["_winograd_room"](new, **every), (0, batch), (start, stop), **every
        )
    return result


def tile(made: Staged) -> Tiles:
    """The tiles of places."""
    (outer,) = made.body
    node: Any = outer
    while not isinstance(node, Tiles) or node.extent == made.batch:
        (node,) = node.body
    return node


def exact(name: str, arrays: Mapping[str, np.ndarray], sizes: Sizes) -> np.ndarray:
    form = forms()[name]
    data = form.input.name
    return np.array([denote(form, {**arrays, data: item}, sizes) for item in arrays[data]])


def cases(name: str) -> Iterator[dict[Symbol, int]]:
    for values in settings(program(name)):
        yield {s: int(v) for s, v in values.items()}


def knobs_of(made: Staged, case: Sizes, rows: int, items: int) -> dict[str, int]:
    first, *free = [k.symbol for k in made.knobs]
    return {first.name: case[first], **{s.name: v for s, v in zip(free, (rows, items), strict=True)}}


GRIDS = ((1, 1, 1), (3, 9, 2), (8, 5, 4))


@pytest.mark.parametrize("name", NAMES)
def test_the_emitted_functions_are_exact(name: str) -> None:
    """On Fractions, for images smaller than a tile and no multiple of one, items that fill no block, and places in two spans."""
    made, draw = program(name), random.Random(0)
    for case, grid in product(cases(name), GRIDS):
        sizes = sizes_of(name, case, grid if not name.endswith("valid") else [g + 2 for g in grid])
        arrays = arrays_of(forms()[name], sizes, 3, lambda: Fraction(draw.randint(-9, 9)))
        wanted = exact(name, arrays, sizes)
        for rows, items in ((1, 1), (2, 2), (4, 4)):
            assert (run(name, arrays, sizes, knobs_of(made, case, rows, items)) == wanted).all()
        places = int(evaluate(tile(made).extent, sizes))
        spans = ((0, places // 2), (places // 2, places))
        assert (run(name, arrays, sizes, knobs_of(made, case, 1, 2), spans) == wanted).all()


@pytest.mark.parametrize("name", NAMES)
def test_it_is_proved_for_all_sizes(name: str) -> None:
    made = program(name)
    assert all(v.proved for v in discharge_all(staged_obligations(made, forms()[name])))
    assert made.cases is not None and not made.strict
    assert all(v.proved for _, found in staged(forms()[name]) for v in found)


def edited(made: Staged, change: Any) -> Staged:
    """The program with statements replaced."""

    def fix(node: Any) -> Any:
        if hasattr(node, "body"):
            return replace(node, body=tuple(map(fix, node.body)))
        return change(node)

    return replace(made, fixed=tuple(map(fix, made.fixed)), body=tuple(map(fix, made.body)))


def shifted(access: Access, axis: int) -> Access:
    subscripts = list(access.subscripts)
    subscripts[axis] += 1
    return replace(access, subscripts=tuple(subscripts))


def plant(kind: str) -> Any:
    """A change of one statement."""

    def change(node: Any) -> Any:
        match kind, node:
            case "halo", Halo():
                return replace(node, source=shifted(node.source, 1))
            case "windows", Copy(source=source):
                moved = tuple(e.xreplace({e.args[0]: e.args[0] + 1}) if e.is_Add else e for e in source.subscripts)
                return replace(node, source=replace(source, subscripts=moved))
            case "step", Copy(source=source):
                (s,) = {s for e in source.subscripts for s in e.free_symbols if s.name == "S"} or {Integer(2)}
                moved = tuple(e.xreplace({s: Integer(3)}) for e in source.subscripts)
                return replace(node, source=replace(source, subscripts=moved))
            case "row", Store(target=target):
                return replace(node, target=shifted(target, 1))
            case "end", Store():
                return replace(node, condition=True)
            case "item", Store(target=target):
                return replace(node, target=shifted(target, 0))
            case "channel", MatMul(target=target, inner=inner) if target.array == "Q":
                return replace(node, inner=tuple(replace(r, stop=r.stop - 1) for r in inner))
            case "tap", MatMul(target=target, inner=inner) if target.array == "W":
                return replace(node, inner=(replace(inner[0], start=Integer(1)), *inner[1:]))
            case "bias", Store():
                return replace(node, bias=None)
        return node

    return change


PLANTS = ("halo", "windows", "step", "row", "end", "item", "channel", "tap", "bias")


@pytest.mark.parametrize("kind", PLANTS)
def test_a_changed_statement_is_refused(kind: str) -> None:
    made, form = program("conv2d_channels"), forms()["conv2d_channels"]
    wrong = edited(made, plant(kind))
    assert wrong != made
    assert not proved(wrong, form)


def proved(made: Staged, form: Form) -> bool:
    try:
        return all(v.proved for v in discharge_all(staged_obligations(made, form)))
    except NoLowering:
        return False


def with_entry(made: Staged, name: str, place: tuple[int, int, int], value: Fraction) -> Staged:
    """One entry of one matrix of a table changed."""

    def fix(constants: Constants) -> Constants:
        if constants.name != name:
            return constants
        which, row, column = place
        entries = list(constants.table.entries)
        key, matrix = entries[which]
        rows = [list(r) for r in matrix]
        rows[row][column] += value
        entries[which] = (key, tuple(map(tuple, rows)))
        return replace(constants, table=Table(constants.table.name, tuple(entries)))

    return replace(made, constants=tuple(map(fix, made.constants)))


@pytest.mark.parametrize(("name", "which"), tuple(product("AGB", range(3))))
def test_every_changed_constant_is_refused(name: str, which: int) -> None:
    made, form = program("conv2d_channels"), forms()["conv2d_channels"]
    (constants,) = [c for c in made.constants if c.name == name]
    _, matrix = constants.table.entries[which]
    for row, column in product(range(len(matrix)), range(len(matrix[0]))):
        wrong = with_entry(made, name, (which, row, column), Fraction(1, 1000))
        with pytest.raises(NoLowering, match="The constants of a term sum to .*, neither to 0 nor to 1."):
            staged_obligations(wrong, form)


def test_constants_that_are_right_elsewhere_are_refused() -> None:
    """The taps in reverse: every sum is 0 or 1 still, but the sums are those of another layer."""
    made, form = program("conv2d_channels"), forms()["conv2d_channels"]

    def turned(c: Constants) -> Constants:
        entries = tuple((key, tuple(row[::-1] for row in matrix)) for key, matrix in c.table.entries)
        return replace(c, table=Table(c.table.name, entries)) if c.name == "G" else c

    wrong = replace(made, constants=tuple(map(turned, made.constants)))
    assert not proved(wrong, form)


i, k, t, n = (index(s) for s in "iktn")


def test_a_letter_of_constants_that_other_letters_bound_is_refused() -> None:
    unit = Table("A", (((1,), ((Fraction(1), Fraction(0)), (Fraction(0), Fraction(1)))),))
    constants = Constants("A", (Integer(2), Integer(2)), unit, ((Integer(1),),))
    entries = (Access("A", (i, t)), Access("X", (i,)))
    within = (Symbol("t", integer=True) >= 0, t < 2, t >= 0)
    found = without_constants(Term((t,), within, entries), (constants,))
    assert found.letters == () and found.entries == entries[1:]
    with pytest.raises(NoLowering, match="A letter that only constants read has a range of its own; there is t < i"):
        without_constants(Term((t,), (t < i,), entries), (constants,))
    with pytest.raises(NoLowering, match="A letter that only constants read is their subscript"):
        without_constants(Term((t,), (), (Access("A", (i, t + n)), Access("X", (i,)))), (constants,))


def test_ones_in_no_line_are_stated_one_by_one() -> None:
    corner = Table("A", (((1,), ((Fraction(1), Fraction(1)), (Fraction(1), Fraction(0)))),))
    constants = Constants("A", (Integer(2), Integer(2)), corner, ((Integer(1),),))
    (fact,) = without_constants(Term((), (), (Access("A", (i, k)), Access("X", (i, k)))), (constants,)).facts
    found = {(a, b) for a, b in product(range(2), repeat=2) if fact.xreplace({i: Integer(a), k: Integer(b)}) == True}  # noqa: E712
    assert found == {(0, 0), (0, 1), (1, 0)}
    nothing = replace(constants, table=Table("A", (((1,), ((Fraction(0),) * 2,) * 2),)))
    (fact,) = without_constants(Term((), (), (Access("A", (i, k)), Access("X", (i, k)))), (nothing,)).facts
    assert fact == False  # noqa: E712


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"channels": False}, "it needs channels in and filters out"),
        ({"stride": 2}, "it needs a window whose taps are neighbours and that moves by one place"),
        ({"dilation": 2}, "it needs a window whose taps are neighbours and that moves by one place"),
        ({"kernel": 1}, "it needs a window along some axis"),
        ({"kernel": 9}, "it needs a window of a few taps, or errors are amplified too much"),
    ],
)
def test_what_is_refused_says_why(options: Mapping[str, Any], says: str) -> None:
    form = convolution(**options).form
    with pytest.raises(NoLowering, match=says):
        winograd(form, batched(form))
