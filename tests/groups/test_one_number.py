"""Layers that pool all places without channels: the output is one number, and so is G."""

from __future__ import annotations

import numpy as np
import pytest

import derive
from derive import Permutations, Symmetric, Translations
from derive.checking import check_emitted
from derive.pipeline import Layer
from tests.lazily import Lazily


def pooled(group: object, *sizes: object) -> derive.Derivation:
    given = (sizes, sizes) if sizes else (None, None)
    return derive.dense(2, *given, places=False).then(derive.invariant(group))


# A layer, and its weights where they are as many as may be.
POOLS = Lazily(
    {
        "shifts": lambda: (pooled(Translations()), 1),
        "a checkerboard": lambda: (pooled(Translations(step=2)), 4),
        "rows alone": lambda: (pooled(Translations((0,), step=3)), "3*m"),
        "permutations": lambda: (pooled(Symmetric(), "n", "n"), 2),
        "stickers": lambda: (pooled(Permutations(derive.rubiks_cube()), 6, 8), 2),
    }
)


@pytest.mark.parametrize("name", POOLS)
def test_one_number_has_kernels_and_every_gradient(name: str) -> None:
    layer, weights = POOLS[name]
    made = Layer("pool", layer, "A pool.", "emit", "page")
    assert (str(layer.free_parameters["weight"]), layer.free_parameters["bias"]) == (str(weights), 1)
    assert made.backends == ("cupy", "numpy") and all(v.proved for v in made.verdicts)
    assert all({*made.gradients(b)} == {"X", "V", "u"} for b in made.backends)
    check_emitted(made)


@pytest.mark.parametrize("name", ["shifts", "stickers"])
def test_it_adds_up_a_batch(name: str) -> None:
    layer, _ = POOLS[name]
    kernel, draw = layer.compile(), np.random.default_rng(0)
    X, G = draw.integers(-9, 10, (3, 6, 8)).astype(float), draw.integers(-9, 10, 3).astype(float)
    V = draw.integers(-9, 10, [int(e) for e in layer.form.weights[0].array.shape]).astype(float)
    W, U = layer.reference(shape=(6, 8), V=V, u=np.array(5.0))
    assert np.array_equal(kernel(X, V, 5.0), (X * W).sum((1, 2)) + U)
    dX, dV, du = kernel.vjp(X, V, 5.0, G)
    assert np.array_equal(dX, G[:, None, None] * W) and du == G.sum()
    assert (dV * V).sum() == (G * (kernel(X, V, 5.0) - 5)).sum()
