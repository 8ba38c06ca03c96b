"""Vector channels of the hexagonal lattice: turns add them, and what they leave has the dimension that brute force finds."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import derive
from derive import Channels, Hexagon, PointGroup, Translations
from derive.errors import RuleRefused
from derive.groups._matrices import NAMED, closure
from tests.proof.spans import Combination, Elimination

BOTH = {"c": "vector", "d": "vector"}
PLANE = Channels((("c", 2),), (("d", 2),))


def layer(sizes, group, acts, radius=1, channels=PLANE):
    begin = derive.dense(2, sizes, sizes, channels=channels).then(derive.reindex())
    near = begin.then(derive.equivariant(Translations())).then(derive.local(Hexagon(radius)))
    return near.then(derive.equivariant(PointGroup(group, channels=acts)))


def solutions(sizes, group, acts, radius=1):
    """The dimension of V[a], offsets a of pairs on the grid, with V[M·a]·R_c(M) = R_d(M)·V[a] where both pairs are on it."""
    places = list(product(*map(range, sizes)))
    offsets = sorted({tuple(np.subtract(k, o).tolist()) for o in places for k in places})
    offsets = [a for a in offsets if max(*map(abs, a), abs(sum(a))) <= radius]
    rows = Elimination()
    for m in closure(NAMED[group]):
        R, S = (np.array(m) if acts.get(s) else np.eye(2, dtype=int) for s in "dc")
        for a in offsets:
            if (b := tuple((np.array(m) @ a).tolist())) not in offsets:
                continue
            for d, c in product(range(2), repeat=2):
                row = Combination({})
                for q in range(2):
                    row += Combination({(b, d, q): int(S[q, c])}) - Combination({(a, q, c): int(R[d, q])})
                rows.take(row)
    return 4 * len(offsets) - rows.rank


CASES = {
    "C6": ((3, 3), "C6", BOTH),
    "D6": ((3, 3), "D6", BOTH),
    "C3, as long as wide": ((2, 2), "C3", BOTH),
    "D3, narrow": ((3, 1), "D3", BOTH),
    "gradient": ((2, 3), "D6", {"d": "vector"}),
    "divergence": ((3, 2), "D3", {"c": "vector"}),
    "one place": ((1, 1), "C6", BOTH),
}


@pytest.mark.parametrize("name", CASES)
def test_weights_have_the_dimension_of_brute_force(name):
    made = layer(*CASES[name])
    assert all(v.proved for v in made.verdicts)
    assert made.counts.exact_weight == solutions(*CASES[name])


def test_the_dense_weights_satisfy_the_law():
    made = layer((3, 3), "C6", BOTH)
    count = int(made.counts.exact_weight)
    V = np.arange(1, count + 1)
    W, _ = made.reference(shape=(3, 3), **{made.form.weights[-1].name: V})
    R = np.array(NAMED["C6"][0])
    for o, k in product(product(range(3), repeat=2), repeat=2):
        for t in product(range(-6, 7), repeat=2):
            p, q = (tuple((R @ x + t).tolist()) for x in (o, k))
            if all(0 <= x < 3 for x in (*p, *q)):
                assert (W[(*p, slice(None), *q)] @ R == R @ W[(*o, slice(None), *k)]).all()
    assert np.count_nonzero(W)


def test_orders_commute():
    group, box = derive.equivariant(PointGroup("D6", channels=BOTH)), derive.local(Hexagon(1))
    begin = derive.dense(2, (2, 2), (2, 2), channels=PLANE).then(derive.reindex())
    shifts = derive.equivariant(Translations())
    one, other = begin.then(shifts).then(box).then(group), begin.then(group).then(box)
    assert one.counts.exact_weight == other.counts.exact_weight == 3


def test_groups_in_turn_are_joined():
    made = layer((2, 2), "C3", BOTH).then(derive.equivariant(PointGroup("C2", channels=BOTH)))
    assert made.counts.exact_weight == solutions((2, 2), "C6", BOTH)


def test_a_support_that_turns_do_not_keep_is_refused():
    begin = (
        derive.dense(2, (3, 3), (3, 3), channels=PLANE).then(derive.reindex()).then(derive.equivariant(Translations()))
    )
    with pytest.raises(RuleRefused, match=r"the support is kept by C2 .*, not by the rotation by 60°"):
        begin.then(derive.local(1)).then(derive.equivariant(PointGroup("C6", channels=BOTH)))


def test_shifts_come_along():
    begin = derive.dense(2, (2, 2), (2, 2), channels=PLANE).then(derive.reindex()).then(derive.local(Hexagon(1)))
    made = begin.then(derive.equivariant(PointGroup("C6", channels=BOTH)))
    assert "equivariant(Translations())" in [s.rule for s in made.steps]
    assert made.counts.exact_weight == solutions((2, 2), "C6", BOTH)


def test_pooled_vectors():
    """Pooling to vectors that turns leave as they are: there is none but 0."""
    pooled = derive.dense(2, (2, 2), (2, 2), channels=PLANE, places=False)
    pooled = pooled.then(derive.invariant(Translations()))
    assert pooled.then(derive.invariant(PointGroup("C6", channels={"c": "vector"}))).counts.exact_weight == 0


def test_symbolic_sizes_are_refused_with_what_to_state():
    with pytest.raises(
        RuleRefused, match=r"found where all sizes are numbers; state n, m as such, as in derive\.dense\(2, "
    ):
        layer(None, "C6", BOTH)


def test_another_number_of_channels_is_refused():
    with pytest.raises(RuleRefused, match="axis 'd' has 3 channels; the group acts there on 2"):
        layer((2, 2), "C6", BOTH, channels=Channels((("c", 2),), (("d", 3),)))
