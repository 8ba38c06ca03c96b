"""Claims about layers of given numbers, and about layers of tables: by what the numbers and tables hold."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import derive
from derive import Permutations, PointGroup, Translations, finite
from derive.errors import ObligationFailed
from derive.pipeline import layer
from tests.lazily import Lazily


def stencil(numbers, edge="zero", scale=1, stride=1):
    tied = derive.dense(rank=1).then(derive.reindex()).then(derive.equivariant(Translations()))
    window = tied.then(derive.local(len(numbers) // 2)).then(derive.boundary(edge))
    window = window if stride == 1 else window.then(derive.strided(stride))
    return window.then(derive.fixed(numbers, scale=scale))


MIRROR, MIDDLE = derive.equivariant(PointGroup("D1")), derive.equivariant(PointGroup("D1", about="grid"))
TRUE = Lazily(
    {
        "the Laplacian is mirrored and turned": lambda: (
            layer("laplacian2d").derivation,
            derive.equivariant(PointGroup("D4")),
        ),
        "fractions": lambda: (stencil([1, -2, 1], scale="1/3"), MIRROR),
        "fractions behind an edge": lambda: (stencil([1, -2, 1], "reflect", "1/3"), MIDDLE),
        "a hole": lambda: (stencil([1, 0, -2, 0, 1], scale="1/4"), derive.dilated(2)),
        "zeros outside": lambda: (stencil([0, 3, 0]), derive.pointwise()),
    }
)


@pytest.mark.parametrize("name", TRUE)
def test_what_is_true_of_the_numbers_is_proved(name):
    of, structure = TRUE[name]
    assert all(v.proved for v in derive.claim(of, structure))


def test_what_is_false_of_them_is_shown_by_an_input_alone():
    slope = stencil([-1, 0, 1], scale="1/2")
    with pytest.raises(ObligationFailed, match=r"fails at n = 2, i = 0, k = 1, s = 1: residue -1\*X\[1\]\.") as refused:
        derive.claim(slope, MIRROR)
    pasted = {}
    exec(refused.value.counterexample.python, pasted)
    X, i, s = pasted["X"], pasted["i"], pasted["s"]
    kernel = slope.compile()
    assert kernel(X[s - np.arange(2)])[s - i] != kernel(X)[i]
    with pytest.raises(ObligationFailed, match=r"fails at n = 4, i = 0, k = 0: residue -1/3\*X\[0\]\."):
        derive.claim(stencil([1, -2, 1], "valid", "1/3", 2), MIDDLE)


@cache
def pairs():
    return derive.dense(outputs=6, inputs=6).then(
        derive.equivariant(Permutations(derive.wreath(derive.cyclic(2), derive.symmetric(3))))
    )


@pytest.mark.parametrize("structure", [derive.local(5), MIDDLE])
def test_a_layer_of_tables_has_a_structure(structure):
    assert all(v.proved for v in derive.claim(pairs(), structure))


def test_a_layer_of_tables_has_another_one_not():
    says = r"c\(i; k\) = 0 outside radius 1 fails at i = 0, k = 2: where V\[2\] = 1, X\[2\] = 1"
    with pytest.raises(ObligationFailed, match=says) as refused:
        derive.claim(pairs(), derive.local(1))
    pasted = {}
    exec(refused.value.counterexample.python, pasted)
    assert pairs().compile()(pasted["X"], pasted["V"], pasted["u"])[0] != 0
    with pytest.raises(ObligationFailed, match=r"H\(0\)\[i\] = 0 fails at i = 0: where u\[0\] = 1"):
        derive.claim(pairs(), derive.unbiased())


@pytest.mark.parametrize("numbers", [[-1, 0, 1], [1, 0, 1], [1, 0, 0], [2, 0]])
def test_numbers_of_which_one_is_0_have_kernels(numbers):
    """A 0 beside the first number makes them differ: no sum of equal weights is tried."""
    tied = derive.dense(rank=1).then(derive.reindex()).then(derive.equivariant(Translations()))
    window = tied.then(derive.local(derive.Box(1, len(numbers) - 2))).then(derive.boundary("zero"))
    of = window.then(derive.fixed(numbers))
    X = np.arange(1, 6)
    assert np.array_equal(of.compile()(X), np.convolve(np.pad(X, 1), numbers[::-1], "valid")[:5])


@pytest.mark.parametrize("wrapped", [False, True])
def test_shifts_of_a_torus_as_permutations_are_claimed_of_windows_and_of_dense_layers(wrapped):
    layer = derive.dense(2, (3, 3), (3, 3))
    if wrapped:
        layer = layer.then(derive.equivariant(derive.Translations(grid="torus")))
    else:
        layer = layer.then(derive.reindex()).then(derive.equivariant(derive.Translations()))
        layer = layer.then(derive.local(1)).then(derive.boundary("periodic"))
    shifts = derive.Permutations(finite.torus((3, 3)))
    found = derive.claim(layer, derive.equivariant(shifts))
    assert all(verdict.proved for verdict in found)
    assert str(found).splitlines()[0].endswith("= H(X)[i, j]: checked for every entry at these sizes")
