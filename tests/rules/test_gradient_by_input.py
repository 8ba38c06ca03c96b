"""The gradient by X, as the rule states it: the adjoint, in the letters of a gradient."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import derive
from derive import Permutations
from derive.checking import check_emitted
from derive.errors import ObligationFailed, RuleRefused
from derive.pipeline import Layer
from derive.proof.certificate import verify
from derive.proof.obligations import step_obligations
from tests.lazily import CATALOGUE, Lazily


@cache
def signal():
    return derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Translations())).then(derive.local(1))


LAYERS = Lazily(
    {
        "strided": lambda: signal().then(derive.boundary("zero")).then(derive.strided(2)),
        "reflected": lambda: signal().then(derive.boundary("reflect")),
        "tied by a table": lambda: derive.dense(outputs=4, inputs=4).then(
            derive.equivariant(Permutations(derive.cyclic(4)))
        ),
    }
)


@pytest.mark.parametrize("name", LAYERS)
def test_it_is_the_adjoint_of_g(name):
    slope, turned = LAYERS[name].then(derive.gradient("X")), LAYERS[name].then(derive.adjoint())
    named = replace(turned.form, output=slope.form.output, input=slope.form.input)
    assert named == slope.form and (slope.form.output.name, slope.form.input.name) == ("dX", "G")
    assert verify(slope.certificate(), against=slope.theorem).theorem == slope.theorem
    made = Layer("slope", slope, "A gradient.", "emit", "page")
    assert made.backends == ("cupy", "numpy") and all(v.proved for v in made.verdicts)
    check_emitted(made)


def test_its_kernel_is_the_layers_own_gradient():
    from generated import conv2d_channels as conv
    from generated import conv2d_channels_dX

    draw = np.random.default_rng(0)
    X, V, u = draw.integers(-9, 10, (4, 5, 2)), draw.integers(-9, 10, (3, 3, 2, 3)), draw.integers(-9, 10, 3)
    G = draw.integers(-9, 10, (4, 5, 3))
    found = CATALOGUE["conv2d_channels"].then(derive.gradient("X")).compile()(G, V)
    assert np.array_equal(found, conv2d_channels_dX(G, V))
    assert np.array_equal(found, conv.vjp(*(a.astype(float) for a in (X, V, u, G)))[0])


def test_other_names_and_a_second_g_are_refused():
    slope = LAYERS["reflected"].then(derive.gradient("X"))
    with pytest.raises(RuleRefused, match="this layer's input is called so; 'adjoint' calls it otherwise"):
        slope.then(derive.gradient("V"))
    step = slope.steps[-1].step
    wrong = replace(step.after, output=replace(step.after.output, name="dV"))
    with pytest.raises(ObligationFailed, match="not well formed"):
        step_obligations(replace(step, after=wrong))
