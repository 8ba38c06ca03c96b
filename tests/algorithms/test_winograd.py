"""Winograd's algorithm as a program in stages: exact results, proofs, and planted faults."""

import random
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import Any

import pytest
from sympy import Integer

from derive import convolution
from derive.algorithms._constants import Term, without_constants
from derive.algorithms._inlined import staged_obligations
from derive.algorithms.winograd import winograd
from derive.errors import NoLowering
from derive.forms.evaluate import evaluate
from derive.forms.expr import index
from derive.forms.form import Form
from derive.ir.nodes import Access, Copy
from derive.ir.stages import Constants, Halo, MatMul, MatrixTable, Staged, Store
from derive.lowering import batched, staged
from derive.pipeline import layer
from derive.proof.solver import discharge_all
from tests.algorithms.winograd_forms import (
    NAMES,
    arrays_of,
    cases,
    exact,
    forms,
    knobs_of,
    program,
    run,
    sizes_of,
    tile,
)

GRIDS = ((1, 1, 1), (3, 6, 2), (6, 3, 2))


@pytest.mark.parametrize("name", NAMES)
def test_the_emitted_functions_are_exact(name: str) -> None:
    """On Fractions, for images smaller than a tile and no multiple of one, items that fill no block, and places in two spans."""
    made, draw = program(name), random.Random(0)
    for case, grid in product(cases(name), GRIDS):
        sizes = sizes_of(name, case, grid if not name.endswith("valid") else [g + 2 for g in grid])
        arrays = arrays_of(forms()[name], sizes, 3, lambda: Fraction(draw.randint(-9, 9)))
        wanted = exact(name, arrays, sizes)
        places = int(evaluate(tile(made).extent, sizes))
        halves = ((0, places // 2), (places // 2, places))
        for rows, items, spans in ((1, 2, halves), (2, 4, None)):
            assert (run(name, arrays, sizes, knobs_of(made, case, rows, items), spans) == wanted).all()


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
            case "product", MatMul(target=target, inner=inner) if target.array == "R":
                return replace(node, inner=(replace(inner[0], start=Integer(1)), *inner[1:]))
            case "bias", Store():
                return replace(node, bias=None)
        return node

    return change


PLANTS = ("halo", "windows", "step", "row", "end", "item", "channel", "tap", "product", "bias")


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
        return replace(constants, table=MatrixTable(constants.table.name, tuple(entries)))

    return replace(made, constants=tuple(map(fix, made.constants)))


@pytest.mark.parametrize(("name", "which"), tuple(product("AGB", range(3))))
def test_a_changed_constant_is_refused(name: str, which: int) -> None:
    made, form = program("conv2d_channels"), forms()["conv2d_channels"]
    assert made.cases is not None
    made = replace(made, cases=replace(made.cases, values=made.cases.values[which : which + 1]))
    (constants,) = [c for c in made.constants if c.name == name]
    _, matrix = constants.table.entries[which]
    assert staged_obligations(made, form)
    for row, column in random.Random(which).sample(tuple(product(range(len(matrix)), range(len(matrix[0])))), 4):
        wrong = with_entry(made, name, (which, row, column), Fraction(1, 1000))
        with pytest.raises(NoLowering, match=r"The constants of a term sum to .*, neither to 0 nor to 1\."):
            staged_obligations(wrong, form)


def test_constants_that_are_right_elsewhere_are_refused() -> None:
    """The taps in reverse: every sum is 0 or 1 still, but the sums are those of another layer."""
    made, form = program("conv2d_channels"), forms()["conv2d_channels"]

    def turned(c: Constants) -> Constants:
        entries = tuple((key, tuple(row[::-1] for row in matrix)) for key, matrix in c.table.entries)
        return replace(c, table=MatrixTable(c.table.name, entries)) if c.name == "G" else c

    wrong = replace(made, constants=tuple(map(turned, made.constants)))
    assert not proved(wrong, form)


i, k, t, n = map(index, "iktn")


def test_a_letter_of_constants_that_other_letters_bound_is_refused() -> None:
    unit = MatrixTable("A", (((1,), ((Fraction(1), Fraction(0)), (Fraction(0), Fraction(1)))),))
    constants = Constants("A", (Integer(2), Integer(2)), unit, ((Integer(1),),))
    entries = (Access("A", (i, t)), Access("X", (i,)))
    found = without_constants(Term((t,), (t >= 0, t < 2), entries), (constants,))
    assert found.letters == () and found.entries == entries[1:]
    with pytest.raises(NoLowering, match="A letter that only constants read has a range of its own; there is t < i"):
        without_constants(Term((t,), (t < i,), entries), (constants,))
    with pytest.raises(NoLowering, match="A letter that only constants read is their subscript"):
        without_constants(Term((t,), (), (Access("A", (i, t + n)), Access("X", (i,)))), (constants,))


def test_ones_in_no_line_are_stated_one_by_one() -> None:
    corner = MatrixTable("A", (((1,), ((Fraction(1), Fraction(1)), (Fraction(1), Fraction(0)))),))
    constants = Constants("A", (Integer(2), Integer(2)), corner, ((Integer(1),),))
    (fact,) = without_constants(Term((), (), (Access("A", (i, k)), Access("X", (i, k)))), (constants,)).facts
    found = {(a, b) for a, b in product(range(2), repeat=2) if fact.xreplace({i: Integer(a), k: Integer(b)}) == True}  # noqa: E712
    assert found == {(0, 0), (0, 1), (1, 0)}
    nothing = replace(constants, table=MatrixTable("A", (((1,), ((Fraction(0),) * 2,) * 2),)))
    (fact,) = without_constants(Term((), (), (Access("A", (i, k)), Access("X", (i, k)))), (nothing,)).facts
    assert fact == False  # noqa: E712


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"channels": False}, "it needs channels in or filters out"),
        ({"groups": "depthwise"}, "it needs channels in or filters out"),
        ({"stride": 2}, "it needs a window that moves by one place"),
        ({"kernel": 1}, "it needs a window of a few taps, or errors are amplified too much"),
        ({"kernel": 9}, "it needs a window of a few taps, or errors are amplified too much"),
    ],
)
def test_what_is_refused_says_why(options: Mapping[str, Any], says: str) -> None:
    form = convolution(**options).form
    with pytest.raises(NoLowering, match=says):
        winograd(form, batched(form))


def test_a_form_without_a_window_is_refused() -> None:
    form = layer("pointwise2d").derivation.form
    with pytest.raises(NoLowering, match="it needs a window along some axis"):
        winograd(form, batched(form))
