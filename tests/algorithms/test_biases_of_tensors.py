"""Biases on tensor powers: u[p(i, j), q(i, j, k)] is copied at once, since its subscripts move with the same letters."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sympy import Integer, false

import derive
from derive.algorithms._obligations import program_obligations
from derive.checking import check_emitted, exact_arrays, interpreted, run_exactly
from derive.derivation import Derivation
from derive.errors import NoLowering
from derive.forms.denote import denote
from derive.forms.expr import index
from derive.ir.nodes import Gather
from derive.lowering import lower
from derive.pipeline import Layer
from derive.proof.solver import discharge

n = index("n")


def tensors(outputs: int, inputs: int) -> Derivation:
    """The layers that commute with all permutations, from one tensor power to another."""
    layer = derive.dense(1, ("n",) * outputs, ("n",) * inputs)
    return layer.then(derive.equivariant(derive.Symmetric()))


def alone(layer: Derivation) -> Derivation:
    """What is left of a layer without its weights."""
    return Derivation(replace(layer.form, weight=Integer(0), weights=(), domain=false), ())


@pytest.mark.parametrize("outputs", [2, 3, pytest.param(4, marks=pytest.mark.nightly)])
def test_they_are_copied_in_one_step_and_proved(outputs: int) -> None:
    layer = alone(tensors(outputs, 1))
    program = lower(layer.form, "arrays")
    (copied,) = [node for node in program.body if isinstance(node, Gather)]
    assert len(copied.places) == outputs - 1 and len(copied.over) == outputs
    assert all(discharge(o).proved for o in program_obligations(program, layer.form))
    kernel = layer.compile()
    for size in range(1, 5):
        arrays = exact_arrays(layer.form, {n: size})
        wanted = denote(layer.form, arrays, {n: size})
        assert (run_exactly(kernel.kernel, layer.form, arrays, {n: size}) == wanted).all()
        for target in ("arrays", "threads"):
            assert (interpreted(lower(layer.form, target), arrays, {n: size}) == wanted).all()


@pytest.mark.parametrize("fault", ["place", "order", "shape"])
def test_another_copy_is_refused(fault: str) -> None:
    form = alone(tensors(3, 1)).form
    program = lower(form, "arrays")
    (node,) = [m for m in program.body if isinstance(m, Gather)]
    wrong = {
        "place": replace(node, places=node.places[:1] * 2),
        "order": replace(node, places=node.places[::-1]),
        "shape": replace(node, places=node.places[:1]),
    }[fault]
    other = replace(program, body=tuple(wrong if m is node else m for m in program.body))
    try:
        refused = [o.name for o in program_obligations(other, form) if not discharge(o).proved]
    except NoLowering as cause:
        refused = [str(cause)]
    assert refused


@pytest.mark.nightly
@pytest.mark.parametrize(("outputs", "inputs"), [(3, 1), (1, 3), (3, 2)])
def test_whole_layers_have_kernels_at_symbolic_sizes(outputs: int, inputs: int) -> None:
    layer = Layer("tensors", tensors(outputs, inputs), "Tensors.", "python -m derive emit", "docs")
    assert layer.backends == ("cupy", "numpy")
    check_emitted(layer)


@pytest.mark.parametrize(("outputs", "inputs"), [(3, 1), (1, 3)])
def test_whole_layers_denote_their_forms(outputs: int, inputs: int) -> None:
    form = tensors(outputs, inputs).form
    for target in ("arrays", "threads"):
        program = lower(form, target)
        for size in (1, 2, 3):
            arrays = exact_arrays(form, {n: size})
            assert (interpreted(program, arrays, {n: size}) == denote(form, arrays, {n: size})).all()
