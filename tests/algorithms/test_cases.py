"""Subscripts with cases: the terms are divided into disjoint affine parts, each swept in letters of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from sympy import Eq, Expr, Integer, Le, Mod, Or, true

from derive.algorithms._obligations import program_obligations
from derive.algorithms.direct import direct
from derive.backends._module import Header
from derive.backends.numpy import numpy
from derive.checking import exact_arrays, small_sizes
from derive.compiled import load_source
from derive.forms.denote import denote
from derive.forms.dense import dense_form
from derive.forms.expr import Read, Where, indices
from derive.forms.form import Array, Axis, Form, Param, Role
from derive.ir.interpreter import interpret
from derive.ir.nodes import Accumulate, Contract, Loop, MultiplyAdd, Program, walk
from derive.lowering import Gradient, gradients, lower, slopes
from derive.proof.solver import discharge_all
from tests.ladder.numbers import objects, same

i, k, n, e = indices("i k n e")
DENSE = dense_form(rank=1)


def _form(subscript: Expr, extent: Expr, free: object, at: tuple[Expr, Expr]) -> Form:
    """A layer whose weight is V[subscript]; the term at these i and k reads V[e]."""
    array = Array("V", (Axis(e, Integer(0), extent - 1, Role.CHANNEL),))
    param = Param(array, free, tuple(zip((i, k), at, strict=True)))
    return replace(DENSE, weight=Read("V", subscript), weights=(param,))


FORMS = {
    "permutations": _form(Where(Eq(i, k), 0, 1), Integer(2), Or(Eq(e, 0), Le(2, n)), (Integer(0), e)),
    "circulant": _form(Where(k < i, k - i + n, k - i), n, true, (Integer(0), e)),
    "circulant by remainders": _form(Mod(k - i, n), n, true, (Integer(0), e)),
    "every second row": _form(Mod(i, 2), Integer(2), Le(e, n - 1), (e, Integer(0))),
    "three cases": _form(
        Where(Eq(i, k), 0, Where(k < i, 1, 2)),
        Integer(3),
        Or(Eq(e, 0), Le(2, n)),
        (Where(e < 2, e, 0), Where(Eq(e, 2), 1, 0)),
    ),
}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Form:
    return FORMS[request.param]


def _cases(form: Form, target: str) -> Iterator[tuple[Program, Form, frozenset[str]]]:
    yield lower(form, target), form, frozenset({"X", "H"})
    found: dict[str, Gradient] = {slope.by: slope for slope in slopes(form)}
    for by, (program, _) in gradients(form, target, slopes(form)).items():
        yield program, found[by].form, found[by].items


@pytest.mark.parametrize("target", ["arrays", "threads"])
def test_programs_are_proved_and_mean_their_forms(form: Form, target: str) -> None:
    for program, own, _ in _cases(form, target):
        assert all(v.proved for v in discharge_all(program_obligations(program, own)))
        for sizes in islice(small_sizes(own), 3):
            arrays = exact_arrays(form, sizes) | exact_arrays(own, sizes)
            lifted = {
                s.name: arrays[s.name][None] if s.batched and program.batch is not None else arrays[s.name]
                for s in program.arguments
            }
            got = interpret(program, lifted, {**sizes, **({program.batch: 1} if program.batch is not None else {})})
            got = got[0] if program.batch is not None and program.result.batched else got
            assert same(got, denote(own, arrays, sizes))


def test_bodies_take_batches(form: Form) -> None:
    """A part that reads one entry for many places is spread over them, and not over the batch."""
    header = Header("made", "command", "title", (), (("key", "value"),), ("V",), ("U",))
    for program, own, items in _cases(form, "arrays"):
        module = load_source(
            numpy.emit(lower(form, "arrays"), header, {"X": program} if program.name != "direct" else {}), "numpy"
        )
        body = getattr(module, f"_{program.name}")
        for sizes in islice(small_sizes(own), 4):
            given = [exact_arrays(form, sizes, seed) | exact_arrays(own, sizes, seed) for seed in (1, 2)]
            arrays = {
                s.name: np.stack([g[s.name] for g in given]) if s.name in items else given[0][s.name]
                for s in program.arguments
            }
            wanted = [denote(own, {**given[0], **{x: g[x] for x in items if x in g}}, sizes) for g in given]
            batch = own.output.name in items
            shape = (*((2,) if batch else ()), *wanted[0].shape)
            result = objects([None] * int(np.prod(shape)), shape)
            body(*arrays.values(), result, lambda extent: np.empty(extent, dtype=object))
            assert same(result, np.stack(wanted) if batch else wanted[0] + wanted[1])


def test_equal_letters_are_one_and_what_is_off_the_diagonal_is_summed_up() -> None:
    """Three statements without a loop: the diagonal, and running sums of what is before it and behind it."""
    body = lower(FORMS["permutations"], "arrays").body
    assert sum(isinstance(node, (MultiplyAdd, Contract)) for node in body) == 3
    assert sorted(node.onwards for node in body if isinstance(node, Accumulate)) == [False, True]
    assert not any(isinstance(node, Loop) for node in walk(body))


def test_parts_that_overlap_or_leave_terms_out_are_refused() -> None:
    form = FORMS["permutations"]
    program = direct(form, "arrays")
    made = [node for node in program.body if not isinstance(node, MultiplyAdd)]
    parts = [node for node in program.body if isinstance(node, MultiplyAdd)]
    for kept, charts in (
        ([parts[0], parts[1], parts[1]], (*program.charts[:2], program.charts[1])),
        (parts[:2], program.charts[:2]),
        ([*parts, parts[0]], (*program.charts, program.charts[0])),
    ):
        faulty = replace(program, body=(*made, *kept), charts=charts)
        verdicts = discharge_all(program_obligations(faulty, form))
        assert [v.proved for v in verdicts] == [False, True]
