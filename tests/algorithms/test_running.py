"""Running sums: what is summed up to a place is added up once for all places, and a wrong sum is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest

import derive
from derive.algorithms._extend import fresh_name
from derive.algorithms._obligations import program_obligations
from derive.algorithms.direct import direct
from derive.checking import exact_arrays, run_body, run_exactly, small_sizes
from derive.errors import NoLowering
from derive.forms.denote import denote
from derive.forms.expr import index
from derive.forms.form import Form
from derive.ir.interpreter import interpret
from derive.ir.nodes import Accumulate, Loop, Program, walk
from derive.ir.rounding import roundings
from derive.lowering import gradients, lower, slopes
from derive.proof.solver import discharge_all
from tests.ladder.numbers import same
from tests.lazily import Lazily


@cache
def sets():
    return derive.dense(rank=1).then(derive.equivariant(derive.Symmetric()))


LAYERS = Lazily(
    {
        "one channel": lambda: sets(),
        "channels": lambda: derive.dense(rank=1).then(derive.channels()).then(derive.equivariant(derive.Symmetric())),
        "turned": lambda: sets().then(derive.adjoint()),
    }
)


@pytest.mark.parametrize("name", LAYERS)
def test_no_program_loops_over_places_and_all_are_proved(name: str) -> None:
    form = LAYERS[name].form
    found = gradients(form, "arrays", slopes(form))
    for program, own in ((lower(form, "arrays"), form), *((found[s.by][0], s.form) for s in slopes(form))):
        assert all(v.proved for v in discharge_all(program_obligations(program, own)))
        assert not any(isinstance(node, Loop) for node in walk(program.body))
    assert any(isinstance(node, Accumulate) for node in lower(form, "arrays").body)


@pytest.mark.parametrize("name", LAYERS)
def test_bodies_are_their_forms(name: str) -> None:
    form, kernel = LAYERS[name].form, LAYERS[name].compile().kernel
    for seed, sizes in enumerate(small_sizes(form)):
        arrays = exact_arrays(form, sizes, seed)
        assert same(run_exactly(kernel, form, arrays, sizes), denote(form, arrays, sizes))
        for slope in slopes(form):
            letter = slope.form.input.name
            given = {**arrays, letter: exact_arrays(slope.form, sizes, seed + 1)[letter]}
            made = kernel.gradients[slope.by]
            got = run_body(made.body, made.arrays, slope.form, given, sizes)
            assert same(got, denote(slope.form, given, sizes)), (slope.by, sizes)


def test_small_integers_are_added_in_the_result_s_type() -> None:
    import numpy as np

    kernel = sets().compile()
    X = np.full(300, 100, dtype=np.int8)
    assert (kernel(X, np.array([1, 1]), 0) == 30000).all()


def _faults(program: Program) -> Iterator[Program]:
    """Each running sum from the other end, of other places, of fewer or more, and left out."""
    for position, node in enumerate(program.body):
        if isinstance(node, Accumulate):
            span = node.over
            for changed in (
                replace(node, onwards=not node.onwards),
                replace(node, place=node.place + 1),
                replace(node, place=span.stop - 1 - node.place),
                replace(node, over=replace(span, start=span.start + 1)),
                replace(node, over=replace(span, start=span.start - 1, stop=span.stop - 1)),
                replace(node, over=replace(span, symbol=index("w"))),
                replace(node, source=node.target),
                None,
            ):
                rest = () if changed is None else (changed,)
                yield replace(program, body=(*program.body[:position], *rest, *program.body[position + 1 :]))


def _kept(program: Program, form: Form) -> bool:
    try:
        return all(v.proved for v in discharge_all(program_obligations(program, form)))
    except NoLowering:
        return False


@pytest.mark.parametrize("name", ["one channel", "channels"])
def test_a_faulty_sum_is_refused(name: str) -> None:
    form = LAYERS[name].form
    found = gradients(form, "arrays", slopes(form))
    for program, own in ((direct(form, "arrays"), form), *((found[s.by][0], s.form) for s in slopes(form))):
        assert _kept(program, own)
        for faulty in _faults(program):
            assert not _kept(faulty, own), faulty.body


def test_a_sum_over_places_that_something_else_tells_is_refused() -> None:
    program = direct(sets().form, "arrays")
    body = tuple(replace(n, place=n.place + index("w")) if isinstance(n, Accumulate) else n for n in program.body)
    with pytest.raises(NoLowering, match="is over places that sizes tell"):
        program_obligations(replace(program, body=body), sets().form)


def test_the_interpreter_adds_up_from_either_end() -> None:
    form = sets().form
    sizes = {form.sizes[0]: 5}
    arrays = exact_arrays(form, sizes)
    assert same(interpret(direct(form, "arrays"), arrays, sizes), denote(form, arrays, sizes))


def test_roundings_count_every_addition_of_a_running_sum() -> None:
    program = lower(sets().form, "arrays")
    counted = roundings(program, {sets().form.sizes[0]: 10})
    assert (counted.q, counted.deep) == (9 + 3 + 1, 1)


@pytest.mark.parametrize("powers", [(2, 1), (1, 2)])
def test_layers_on_tensors_run_at_every_size_one_place_too(powers: tuple[int, int]) -> None:
    inputs, outputs = powers
    layer = derive.dense(1, ("n",) * outputs, ("n",) * inputs).then(derive.equivariant(derive.Symmetric()))
    kernel = layer.compile().kernel
    for seed, sizes in enumerate(small_sizes(layer.form)):
        arrays = exact_arrays(layer.form, sizes, seed)
        assert same(run_exactly(kernel, layer.form, arrays, sizes), denote(layer.form, arrays, sizes)), sizes


def test_working_arrays_have_as_many_names_as_are_needed() -> None:
    taken = {"Z", *(f"Z{k}" for k in range(1, 200))}
    assert fresh_name(taken) == "Z200"
