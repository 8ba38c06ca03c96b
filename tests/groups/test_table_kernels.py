"""Kernels of layers whose weights are read by tables: equal to the dense layer, with exact gradients; faults are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sympy import Integer

import derive
from derive import Channels, Permutations
from derive.algorithms._obligations import program_obligations
from derive.checking import check_emitted, run_exactly
from derive.errors import DeriveError, NoLowering
from derive.finite import (
    cyclic,
    defining,
    dihedral,
    monomial,
    p4,
    p4m,
    parity,
    product,
    rubiks_cube,
    symmetric,
    wreath,
)
from derive.forms.denote import denote
from derive.forms.expr import Read
from derive.ir.interpreter import interpret
from derive.ir.nodes import Contract, Gather, Program, Scatter
from derive.ir.rounding import roundings
from derive.pipeline import Layer
from derive.proof.goal import Status
from derive.proof.solver import discharge, discharge_all
from tests.groups.oracles import tied_pairs
from tests.lazily import Lazily

S3, C4 = symmetric(3), cyclic(4)
TURN = monomial([[[0, -1], [1, 0]]])
MIXED = monomial([[[-1, 0, 0], [0, 0, 1], [0, 1, 0]]])


def tied(group: Permutations, *sizes: int, channels: Channels | None = None) -> derive.Derivation:
    return derive.dense(outputs=sizes, inputs=sizes, channels=channels).then(derive.equivariant(group))


def layer_of(derivation: derive.Derivation) -> Layer:
    return Layer("made", derivation, "Made here.", "emit", "page")


# A layer and its number of weights.
LAYERS = Lazily(
    {
        "Rubik's cube": lambda: (tied(Permutations(rubiks_cube()), 48), 9),
        "S6 on tensors": lambda: (tied(Permutations(symmetric(6), axes=(0, 1)), 6, 6), 15),
        "signs": lambda: (tied(Permutations(MIXED), 3), 5),
        "p4": lambda: (tied(Permutations(p4(3)), 3, 3), 3),
        "p4m": lambda: (tied(Permutations(p4m(4)), 4, 4), 6),
        "wreath product": lambda: (tied(Permutations(wreath(cyclic(2), symmetric(3))), 6), 3),
        "direct product": lambda: (tied(Permutations(product(cyclic(2), cyclic(3))), 2, 3), 6),
    }
)


@pytest.mark.parametrize("name", LAYERS)
def test_kernels_and_gradients_are_exact(name: str) -> None:
    derivation, weights = LAYERS[name]
    layer = layer_of(derivation)
    assert derivation.free_parameters["weight"] == weights
    assert layer.backends == ("cupy", "numpy")
    assert all(v.proved for v in layer.verdicts)
    assert all({*layer.gradients(b)} == {"X", "V", "u"} for b in layer.backends)
    check_emitted(layer)


def test_a_kernel_in_floats_and_its_vjp() -> None:
    layer = tied(Permutations(rubiks_cube()), 48)
    kernel, draw = layer.compile().kernel, np.random.default_rng(0)
    X, V, u, G = (draw.integers(-3, 4, shape).astype(np.float32) for shape in ((2, 48), (9,), (2,), (2, 48)))
    W, U = layer.reference(shape=(48,), V=V, u=u)
    H = kernel(X, V, u)
    assert H.dtype == np.float32 and np.array_equal(H, X @ W.T + U)
    dX, dV, du = kernel.vjp(X, V, u, G)
    assert np.array_equal(dX, G @ W) and dV.dtype == np.float32
    pairs = np.einsum("zi,zk->ik", G, X)
    slope = [(pairs * (layer.reference(shape=(48,), V=np.eye(9)[t], u=u)[0] != 0)).sum() for t in range(9)]
    assert np.array_equal(dV, slope)
    assert du.sum() == G.sum()


# Group, sizes of the channels, their letters and how they are acted on, the two representations, number of the still pairs.
ACTS = {
    "regular to regular": ({"r": "regular", "s": "regular"}, ("s", 6), ("r", 6)),
    "vector to sign": ({"v": "vector", "d": "sign"}, ("v", 3), ("d", 1)),
    "sums and products": ({"v": defining(S3) + parity(S3), "w": defining(S3) * parity(S3)}, ("v", 4), ("w", 3)),
}


@pytest.mark.parametrize("name", ACTS)
def test_channels_are_acted_on(name: str) -> None:
    acts, inner, outer = ACTS[name]
    layer = tied(Permutations(S3, channels=acts), 3, channels=Channels((inner,), (outer,)))
    group = Permutations(S3, channels=acts)
    source, target = (defining(S3) * group._acts(acts[letter]) for letter, _ in (inner, outer))
    assert layer.free_parameters["weight"] == tied_pairs(target, source)[1]
    check_emitted(layer_of(layer))


def test_channels_of_any_number_stay() -> None:
    layer = (
        derive.dense(outputs=4, inputs=4).then(derive.equivariant(Permutations(dihedral(4)))).then(derive.channels())
    )
    C, D = layer.form.sizes
    assert layer.free_parameters["weight"] == 3 * C * D
    assert str(layer.form.weight) == "V[T[i, k], d, c]"
    assert all(v.proved for v in layer_of(layer).verdicts)
    kernel, draw = layer.compile().kernel, np.random.default_rng(1)
    X, V, u = (draw.integers(-3, 4, shape).astype(float) for shape in ((5, 4, 2), (3, 3, 2), (1, 3)))
    W, U = layer.reference(shape=(4,), V=V, u=u)
    assert np.array_equal(kernel(X, V, u), np.einsum("idkc,zkc->zid", W, X) + U)


def after(name: str) -> derive.Derivation:
    layer = tied(Permutations(MIXED), 3)
    return {
        "adjoint": lambda: layer.then(derive.adjoint()),
        "gradient by the weights": lambda: layer.then(derive.gradient()),
        "gradient by the biases": lambda: layer.then(derive.gradient("bias")),
        "unbiased": lambda: layer.then(derive.unbiased()),
        "fixed": lambda: layer.then(derive.fixed([2, -1, 3, 0, -5])),
        "compose": lambda: layer.then(derive.compose(layer.then(derive.unbiased()))),
    }[name]()


RULES = ("adjoint", "gradient by the weights", "gradient by the biases", "unbiased", "fixed", "compose")


@pytest.mark.parametrize("name", RULES)
def test_rules_after_tables(name: str) -> None:
    layer = layer_of(after(name))
    assert layer.backends == ("cupy", "numpy") and all(v.proved for v in layer.verdicts)
    check_emitted(layer)


def test_the_adjoint_of_the_adjoint_is_the_layer() -> None:
    layer = tied(Permutations(MIXED), 3)
    again = layer.then(derive.adjoint()).then(derive.adjoint()).form
    assert again == layer.then(derive.unbiased()).form


def test_every_obligation_says_how_it_was_decided() -> None:
    layer = layer_of(tied(Permutations(C4), 4))
    found = {v.status for v in layer.lowered_verdicts["numpy"]}
    assert found == {Status.PROVED, Status.EXHAUSTIVE}
    assert "of them checked for every entry at these sizes" in layer.source("numpy")


def test_tables_stand_in_the_text_once_and_signs_in_a_byte() -> None:
    layer = layer_of(tied(Permutations(MIXED), 3))
    text, cuda = layer.source("numpy"), layer.source("cupy")
    assert text.count("table_T = ") == 1 and "np.int8)" in text
    assert cuda.count("__device__ const int table_T[3][3] = {") == 1
    assert "(real)table_S[i][k] * (real)V[table_T[i][k]]" in cuda


def test_a_sign_rounds_nothing() -> None:
    plain, signed = (layer_of(tied(group, 3)).program("numpy") for group in (Permutations(S3), Permutations(MIXED)))
    assert roundings(plain, {}) == roundings(signed, {})
    table = next(t for t in signed.tables if t.name == "S")
    doubled = tuple(replace(t, values=tuple(2 * v for v in t.values)) if t == table else t for t in signed.tables)
    assert roundings(replace(signed, tables=doubled), {}).q == roundings(signed, {}).q + 1


def _nodes(program: Program, change: Callable) -> Program:
    return replace(program, body=tuple(map(change, program.body)))


def _transposed(node: object) -> object:
    if isinstance(node, Gather) and len(node.over) == 2:
        return replace(node, places=tuple(Read(e.array, *reversed(e.subscripts)) for e in node.places))
    return node


def _unsigned(node: object) -> object:
    return replace(node, times=Integer(1)) if isinstance(node, (Gather, Scatter)) else node


def _negated(node: object) -> object:
    return replace(node, times=Integer(-1)) if isinstance(node, Contract) else node


def _next(node: object) -> object:
    if isinstance(node, Scatter):
        return replace(node, place=node.place + 1)
    return replace(node, places=tuple(e + 1 for e in node.places)) if isinstance(node, Gather) else node


PLANTS = {
    "rows for columns": _transposed,
    "signs left out": _unsigned,
    "a sign too many": _negated,
    "one further": _next,
}
GROUP = Permutations(monomial([[[0, -1, 0], [0, 0, 1], [1, 0, 0]]]))


@pytest.mark.parametrize("fault", PLANTS)
def test_a_fault_in_a_program_is_refused(fault: str) -> None:
    """And each changes what the program computes."""
    layer = tied(GROUP, 3)
    program = layer_of(layer).program("numpy")
    assert all(v.proved for v in discharge_all(program_obligations(program, layer.form)))
    planted = _nodes(program, PLANTS[fault])
    assert planted != program
    assert [v for v in map(discharge, program_obligations(planted, layer.form)) if not v.proved]
    draw = np.random.default_rng(2)
    arrays = {p.name: draw.integers(-9, 10, tuple(map(int, p.array.shape))).astype(object) for p in layer.form.params}
    arrays["X"] = draw.integers(-9, 10, 3).astype(object)
    wanted = denote(layer.form, arrays, {})
    assert np.array_equal(interpret(program, arrays, {}), wanted)
    if fault == "one further":
        with pytest.raises(DeriveError, match="has no place"):
            interpret(planted, arrays, {})
    else:
        assert not np.array_equal(interpret(planted, arrays, {}), wanted)


def test_another_table_is_another_program() -> None:
    layer = tied(Permutations(C4), 4)
    program = layer_of(layer).program("numpy")
    table = program.tables[0]
    wrong = replace(program, tables=(replace(table, values=table.values[::-1]), *program.tables[1:]))
    with pytest.raises(NoLowering, match="brings along other tables than its form reads"):
        program_obligations(wrong, layer.form)


def test_signs_in_kernels_of_groups_with_formulas() -> None:
    channels = Channels((("c", "C"),), (("d", 2),))
    near = derive.dense(2, channels=channels).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    group = derive.PointGroup("D4", channels={"d": "vector"})
    layer = near.then(derive.local(1)).then(derive.equivariant(group)).then(derive.boundary("zero"))
    check_emitted(layer_of(layer))
    assert "(1 if a >= 0 else -1)" in layer.compile().source


def test_a_bias_that_no_slice_names() -> None:
    layer = derive.dense(1).then(derive.equivariant(derive.PointGroup("D1", about="grid")))
    check_emitted(layer_of(layer))
    form, kernel = layer.form, layer.compile().kernel
    sizes = {form.sizes[0]: 5}
    arrays = {"X": np.arange(5, dtype=object), "V": np.arange(15, dtype=object).reshape(3, 5)}
    arrays["u"] = np.array([1, 10, 100], dtype=object)
    assert np.array_equal(run_exactly(kernel, form, arrays, sizes), denote(form, arrays, sizes))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: tied(Permutations(C4), 4).then(derive.pointwise()), r"V\[T\[i, k\]\] is read by a table, and this rule names"),
        (lambda: tied(Permutations(C4), 4).then(derive.strided(2)), "'strided' refused: the weight"),
        (lambda: tied(Permutations(S3, channels={"e": "sign"}), 3), "acts on channels 'e'; there are no channels"),
        (lambda: tied(Permutations(S3, channels={"d": "odd"}), 3, channels=Channels()), "no action 'odd' on channels"),
        (lambda: tied(Permutations(S3, channels={"d": "regular"}), 3, channels=Channels((), (("d", 5),))),
         "'d' has 5 channels; the group acts there on 6"),
        (lambda: tied(Permutations(S3, channels={"d": TURN}), 3, channels=Channels((), (("d", 2),))),
         "on 'd' lists 1 generators; the group has 2"),
        (lambda: tied(Permutations(TURN, channels={"d": "sign"}), 2, channels=Channels()), "say nothing of 'sign' channels"),
    ],
)  # fmt: skip
def test_refusals(make: Callable[[], object], says: str) -> None:
    with pytest.raises(DeriveError, match=says):
        make()
