"""Constraints of what a transformation makes: proved, stated in the theorem as its own, emitted, and found in the dense layer."""

from __future__ import annotations

import numpy as np
import pytest

import derive
from derive.checking import check_emitted
from derive.errors import CertificateError
from derive.pipeline import Layer
from derive.proof.certificate import verify
from derive.proof.theorem import compare
from tests.lazily import Lazily


def shifts():
    return derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Translations()))


LAYERS = Lazily(
    {
        "every third sum": lambda: (
            derive.dense(1).then(derive.strided(3)).then(derive.invariant(derive.Translations(step=3)))
        ),
        "adjoint within a window": lambda: (
            derive.dense(1).then(derive.reindex()).then(derive.adjoint()).then(derive.local(1))
        ),
        "adjoint of shifts": lambda: (
            derive.dense(1)
            .then(derive.adjoint())
            .then(derive.equivariant(derive.Translations()))
            .then(derive.local(1))
            .then(derive.boundary("zero"))
        ),
        "unbiased inside": lambda: (
            shifts().then(derive.local(1)).then(derive.boundary("valid")).then(derive.unbiased())
        ),
        "strided, then none of the biases": lambda: (
            shifts().then(derive.local("Delta")).then(derive.boundary()).then(derive.strided(2)).then(derive.unbiased())
        ),
    }
)


@pytest.mark.parametrize("name", LAYERS)
def test_the_emitted_kernel_is_the_dense_layer(name):
    check_emitted(Layer("layer", LAYERS[name], "A layer of a test.", "", ""))


def test_the_dense_layer_takes_the_last_parameters():
    W, U = LAYERS["adjoint within a window"].reference(shape=(3,), V=np.arange(1, 10).reshape(3, 3))
    assert W.tolist() == [[2, 4, 0], [3, 5, 7], [0, 6, 8]] and not U.any()


@pytest.mark.parametrize("name", LAYERS)
def test_certificates_are_proved_anew(name):
    found = verify(LAYERS[name].certificate())
    compare(found.theorem, LAYERS[name].theorem)


def test_the_theorem_says_of_which_layer_a_constraint_is():
    assert str(LAYERS["adjoint within a window"].theorem).splitlines()[2:7] == [
        "Transformed  adjoint of H[i] = U[i] + Σ_a V[i, a]·X[i + a]        0 ≤ i + a < n",
        "Which is     X[k] = Σ_a V[k - a, a]·H[k - a]        -n < a - k ≤ 0",
        "             X[0..n - 1], H[0..n - 1], V[0..n - 1, 1 - n..n - 1]; n ≥ 1",
        "Constraints  V[i, k - i] = 0 for all k, i with 0 ≤ i < n, 0 ≤ k < n, not (-1 ≤ k - i ≤ 1)",
        "Last form    X[k] = Σ_a V[k - a, a]·H[k - a]        -1 ≤ a ≤ 1, -n < a - k ≤ 0",
    ]


def test_a_constraint_before_the_transformation_is_another_theorem():
    early = shifts().then(derive.local(1)).then(derive.unbiased()).then(derive.boundary("valid"))
    late = LAYERS["unbiased inside"]
    assert early.form == late.form
    with pytest.raises(CertificateError, match="transformations differ"):
        compare(late.theorem, early.theorem)
