"""Weights that are read at a remainder: the places of each remainder are slices, and nothing is copied along the data."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sympy import Expr, Integer, Mod, floor

import derive
from derive.algorithms._obligations import program_obligations
from derive.algorithms._phases import phased
from derive.algorithms._terms import own
from derive.algorithms.direct import direct
from derive.errors import NoLowering
from derive.forms.expr import Read, index
from derive.ir.nodes import Chart, Gather, Loop, Program, walk
from derive.lowering import gradients, lower, proof_of, slopes
from derive.proof.solver import discharge_all
from tests.lazily import Lazily
from tests.rules.test_structures import by, near

LAYERS = Lazily(
    {
        "every second place": lambda: near(by(2, 1), "Delta"),
        "every third place": lambda: near(by(3, 1), 1),
        "checkerboard": lambda: near(by(2, 2), "Delta"),
        "checkerboard of channels": lambda: near(by(2, 2), 1).then(derive.channels()),
        "turned": lambda: near(by(2, 2), 1).then(derive.adjoint()),
    }
)


@pytest.mark.parametrize("name", LAYERS)
def test_quotients_are_swept_and_weights_are_not_copied(name: str) -> None:
    form = LAYERS[name].form
    found = gradients(form, "arrays", slopes(form))
    for program in (lower(form, "arrays"), found[form.input.name][0], found["V"][0]):
        (chart,) = program.charts
        loops = {node.range.symbol for node in walk(program.body) if isinstance(node, Loop)}
        assert loops >= {s for s, e in chart.up if isinstance(e, Mod)}
        assert loops.isdisjoint(s for s, e in chart.up if isinstance(e, floor))
        assert not any(isinstance(node, Gather) and node.source == "V" for node in program.body)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("target", ["arrays", "threads"])
def test_programs_and_gradients_are_proved(name: str, target: str) -> None:
    form = LAYERS[name].form
    assert all(v.proved for v in proof_of(form, target))
    found = gradients(form, target, slopes(form))
    assert set(found) == {form.input.name, *(p.name for p in form.params)}
    assert all(v.proved for _, verdicts in found.values() for v in verdicts)


I, N, Q, R = map(index, "inqr")


@pytest.mark.parametrize(
    ("subscript", "value", "remainder", "quotient"),
    [
        (Mod(I, 2), 2 * Q + R, Mod(I, 2), floor(I / 2)),
        (floor(I / 3), 3 * Q + R, Mod(I, 3), floor(I / 3)),
        (Mod(N - I, 2), N - 2 * Q - R, Mod(N - I, 2), floor((N - I) / 2)),
        (Mod(I + 1, 2), 2 * Q + R, Mod(I, 2), floor(I / 2)),
    ],
)
def test_a_letter_becomes_a_quotient_and_a_remainder(
    subscript: Expr, value: Expr, remainder: Expr, quotient: Expr
) -> None:
    form = derive.dense(rank=1).form
    made = phased(replace(form, weight=Read("W", subscript, Integer(0))), own(form))
    assert made is not None
    assert dict(made.down)[I] == value
    assert (dict(made.up)[R], dict(made.up)[Q]) == (remainder, quotient)


def test_a_letter_that_is_read_through_two_periods_has_one_remainder() -> None:
    form = derive.dense(rank=1).form
    made = phased(replace(form, weight=Read("W", Mod(I, 4), Mod(I + 1, 6))), own(form))
    assert made is not None
    assert dict(made.down)[I] == 12 * Q + R


def test_without_remainders_there_is_no_such_chart() -> None:
    form = derive.dense(rank=1).form
    assert phased(form, own(form)) is None


def _charts(program: Program, old: str, new: Expr) -> Program:
    charts = (Chart(tuple((s, new if s.name == old else e) for s, e in c.down), c.up) for c in program.charts)
    return replace(program, charts=tuple(charts))


def test_a_wrong_remainder_is_refused() -> None:
    """Another period, another first place, and a loop that stops early or goes on."""
    form = LAYERS["every second place"].form
    program = direct(form, "arrays")

    def kept(faulty: Program) -> bool:
        try:
            return all(v.proved for v in discharge_all(program_obligations(faulty, form)))
        except NoLowering:
            return False

    def moved(by: int) -> Program:
        def inner(node: object) -> object:
            if isinstance(node, Loop):
                span = replace(node.range, stop=node.range.stop + by) if node.range.symbol == R else node.range
                return Loop(span, tuple(map(inner, node.body)), node.says)
            return node

        return replace(program, body=tuple(map(inner, program.body)))  # type: ignore[arg-type]

    assert kept(program) and kept(moved(0))
    faults = (_charts(program, "i", 3 * Q + R), _charts(program, "i", 2 * Q + R + 1), moved(1), moved(-1))
    assert not any(map(kept, faults))
