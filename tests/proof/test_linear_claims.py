"""Claims about layers of matrix groups, and by matrix groups: true ones are proved, false ones have a counterexample to paste."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from sympy import Rational

import derive
from derive import Channels, Matrices, MatrixGroup, Permutations, Translations
from derive.errors import ObligationFailed, RuleRefused
from derive.proof.goal import Status

C4, FLIP = Matrices([[[0, -1], [1, 0]]]), Matrices([[[0, 1], [1, 0]]])
CYCLE, TURNED = Matrices(derive.cyclic(3)), Matrices([[[0, 0, 1], [0, 1, 0], [1, 0, 0]]])
PLANE = Channels((("c", 2),), (("d", 2),))


def dense():
    return derive.dense(outputs=3, inputs=3)


def circulant():
    return dense().then(derive.equivariant(MatrixGroup(CYCLE)))


def permuted():
    return dense().then(derive.equivariant(Permutations(derive.cyclic(3))))


def on_channels(group):
    return derive.equivariant(MatrixGroup(group, on="channels"))


def window():
    layer = derive.dense(rank=2, channels=PLANE).then(derive.reindex()).then(derive.equivariant(Translations()))
    return layer.then(derive.local("Delta")).then(on_channels(C4))


def plane():
    return derive.dense(rank=1, channels=PLANE).then(on_channels(C4))


TRUE = {
    "its own": (circulant, derive.equivariant(MatrixGroup(CYCLE))),
    "a power": (circulant, derive.equivariant(MatrixGroup(Matrices([[[0, 1, 0], [0, 0, 1], [1, 0, 0]]])))),
    "permutations": (circulant, derive.equivariant(Permutations(derive.cyclic(3)))),
    "shifts": (circulant, derive.equivariant(Translations(grid="torus"))),
    "by tables": (permuted, derive.equivariant(MatrixGroup(CYCLE))),
    "permutations by tables": (permuted, derive.equivariant(Permutations(derive.cyclic(3)))),
    "both": (lambda: circulant().then(derive.equivariant(MatrixGroup(TURNED))), derive.equivariant(MatrixGroup(TURNED))),
    "channels": (plane, on_channels(C4)),
    "a window": (window, on_channels(C4)),
    "shifts of a window": (window, derive.equivariant(Translations())),
}  # fmt: skip


@pytest.mark.parametrize("name", TRUE)
def test_what_is_true_is_proved(name):
    make, structure = TRUE[name]
    assert all(v.status in (Status.EXHAUSTIVE, Status.PROVED) for v in derive.claim(make(), structure))


FALSE = {
    "another group": (circulant, derive.equivariant(MatrixGroup(TURNED)), {"i": 0, "k": 0}),
    "locality": (circulant, derive.local(1), {"i": 2, "k": 0}),
    "invariance": (circulant, derive.invariant(MatrixGroup(CYCLE)), {"i": 0, "k": 0}),
    "no bias": (circulant, derive.unbiased(), {"i": 0}),
    "none at all": (dense, derive.equivariant(MatrixGroup(CYCLE)), {"i": 1, "k": 0}),
    "by tables": (permuted, derive.equivariant(MatrixGroup(TURNED)), {"i": 0, "k": 0}),
    "channels": (plane, on_channels(FLIP), {"n": 1, "i": 0, "d": 0, "k": 0, "c": 0}),
    "depthwise": (plane, derive.depthwise(), {"n": 1, "i": 0, "d": 0, "k": 0, "c": 1}),
}


@pytest.mark.parametrize("name", FALSE)
def test_what_is_false_has_a_counterexample(name):
    make, structure, at = FALSE[name]
    with pytest.raises(ObligationFailed, match="fails at") as caught:
        derive.claim(make(), structure)
    found = caught.value.counterexample
    assert dict((*found.sizes, *found.indices)) == at and found.residue != 0
    pasted: dict[str, object] = {}
    exec(found.python, pasted)
    assert {name: pasted[name] for name in at} == at
    entries = np.concatenate([np.ravel(a) for a in pasted.values() if isinstance(a, np.ndarray)])
    assert entries.any() and (entries == entries.astype(int)).all()


def test_a_fraction_is_a_difference_too():
    reflected = [[Fraction(n, 3) for n in row] for row in ((-1, 2, 2), (2, -1, 2), (2, 2, -1))]
    with pytest.raises(ObligationFailed, match=r"the two sides differ by -?2/3") as caught:
        derive.claim(dense(), derive.equivariant(MatrixGroup(Matrices([reflected]))))
    assert abs(caught.value.counterexample.residue) == Rational(2, 3)


def test_layers_with_other_numbers_are_not_the_same():
    """The same letters over two bases: no claim of sameness, as names of numbers say nothing."""
    one = derive.dense(outputs=2, inputs=2).then(derive.equivariant(MatrixGroup(C4)))
    other = derive.dense(outputs=2, inputs=2).then(derive.equivariant(MatrixGroup(FLIP)))
    assert [p.array for p in one.form.weights] == [p.array for p in other.form.weights]
    assert derive.same_layer(one, one).proved
    with pytest.raises(RuleRefused, match="the same names and boxes"):
        derive.same_layer(one.then(derive.unbiased()) if one.form.biases else one, other.then(derive.unbiased()))
