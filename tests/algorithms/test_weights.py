"""Weights in a basis or with signs: every algorithm multiplies by the window that is made of them, once."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import derive
from derive.algorithms._inlined import staged_obligations
from derive.algorithms._weights import Basis, basis
from derive.algorithms._window import window
from derive.algorithms.im2col import im2col
from derive.forms.denote import denote
from derive.forms.expr import index
from derive.ir.nodes import Copy
from derive.lowering import batched
from derive.proof.solver import discharge_all
from derive.registry import find

HALF = Fraction(1, 2)
TURN = ((0, -1), (1, 0))
# A rotation by a sixth in coordinates of its own: its basis has fractions that no float holds.
SIXTH = ((HALF, Fraction(-3, 4)), (Fraction(1), HALF))
PAIR = derive.Channels((("c", 2),), (("d", 2),))
LAYERS = {
    "complex": {"symmetry": derive.MatrixGroup([TURN], on="channels")},
    "fractions": {"symmetry": derive.MatrixGroup([SIXTH], on="channels")},
    "strided": {"symmetry": derive.MatrixGroup([SIXTH], on="channels"), "stride": 2},
    "a diamond": {"symmetry": derive.MatrixGroup([TURN], on="channels"), "kernel": derive.Diamond(1)},
    "reflected": {"symmetry": derive.MatrixGroup([SIXTH], on="channels"), "edges": "reflect"},
    "a line": {"symmetry": derive.MatrixGroup([SIXTH], on="channels"), "kernel": 5, "rank": 1},
}
REGIMES = {"ones": (0, 0), "wide": (-30, 30), "tiny": (-140, -100), "huge": (20, 30)}


def made(name: str):
    return derive.convolution(channels=PAIR, **LAYERS[name])


@pytest.mark.parametrize("name", LAYERS)
def test_each_algorithm_errs_by_no_more_than_it_says(name: str) -> None:
    layer = made(name)
    kernel, rank = layer.compile().kernel, len(layer.form.output.axes) - 1
    shape = (7, 8, 9)[:rank]
    sizes = {index(letter): extent for letter, extent in zip("nmp", shape, strict=False)}
    (param,) = (p for p in layer.form.weights if p.values is None)
    taps = tuple(int(e) for e in param.array.shape)
    draw, claimed = np.random.default_rng(0), 0
    assert {"im2col", "left"} <= {a.name for a in kernel.algorithms}
    for algorithm in kernel.algorithms:
        for low, high in REGIMES.values():
            X, V = (
                np.ldexp(draw.uniform(-1, 1, s), draw.integers(low, high + 1, s)).astype(np.float32)
                for s in ((*shape, 2), taps)
            )
            plan = kernel.plan(X.shape, V, algorithm=algorithm.name)
            with np.errstate(all="ignore"):
                got, bound = plan(X), plan.error_bound(X)
            exact = denote(layer.form, {"X": fractions(X), param.name: fractions(V)} | numbers(layer), sizes)
            for value, true, most in zip(got.ravel(), exact.ravel(), bound.ravel(), strict=True):
                claimed += bool(np.isfinite(most))
                assert not np.isfinite(most) or abs(Fraction(float(value)) - true) <= Fraction(float(most))
    assert claimed > 100


def fractions(array):
    return np.vectorize(lambda v: Fraction(float(v)), otypes=[object])(array)


def numbers(layer):
    return {
        p.name: np.array([Fraction(int(v.p), int(v.q)) for v in p.values], object).reshape(
            [int(e) for e in p.array.shape]
        )
        for p in layer.form.weights
        if p.values is not None
    }


def test_what_making_the_window_rounds_is_counted():
    """Sums of two products: one rounding, and two more in a product by 4/3, which no float holds."""
    assert basis(window(made("complex").form)) == Basis(1, 2, 1)
    assert basis(window(made("fractions").form)) == Basis(3, 2, 2)
    assert basis(window(find("derive.catalogue", "conv2d_channels").form)) == Basis()
    assert Basis(3, 2, 2).losses(9, Fraction(5, 2), (1, 2, 3, 4)) == (1, 2, 3 + 3 * 9 * 2, 8)


VECTORS = {
    "channels": PAIR,
    "symmetry": derive.PointGroup("C4", channels={"c": "vector", "d": "vector"}),
}


@pytest.mark.parametrize(
    "told", [{"kernel": 5}, {"kernel": derive.Diamond(2), "edges": "periodic"}, {"stride": 2}], ids=str
)
def test_weights_with_signs_are_the_form_on_small_integers(told) -> None:
    layer = derive.convolution(**VECTORS, **told)
    kernel = layer.compile().kernel
    sizes = {index("n"): 7, index("m"): 9}
    (param,) = layer.form.weights
    draw = np.random.default_rng(1)
    X, V = (draw.integers(-4, 5, s).astype(np.float32) for s in ((7, 9, 2), [int(e) for e in param.array.shape]))
    exact = denote(layer.form, {"X": fractions(X), param.name: fractions(V)}, sizes)
    assert {"im2col", "left"} <= {a.name for a in kernel.algorithms}
    for algorithm in kernel.algorithms:
        got = kernel.plan(X.shape, V, algorithm=algorithm.name)(X)
        assert np.array_equal(np.rint(got).astype(int), exact.astype(int)), algorithm.name


def test_a_wrong_sign_is_no_program_of_the_form() -> None:
    form = derive.convolution(**VECTORS).form
    program = im2col(form, batched(form))
    wrong = replace(program, fixed=tuple(map(_turned, program.fixed)))
    assert all(v.proved for v in discharge_all(staged_obligations(program, form)))
    assert not all(v.proved for v in discharge_all(staged_obligations(wrong, form)))


def _turned(node):
    return (
        replace(node, times=-node.times)
        if isinstance(node, Copy)
        else replace(node, body=tuple(map(_turned, node.body)))
    )


def test_the_window_is_made_once_for_a_plan():
    kernel = made("complex").compile().kernel
    plan = kernel.plan((64, 64, 2), np.ones((3, 3, 2), np.float32), algorithm="im2col")
    assert [a.size for a in plan.made] == [3 * 3 * 2 * 2]
