"""Point groups that do different things to the same channels: both laws hold, so what they tie and force to 0 is what is left."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import derive
from derive import Channels, PointGroup, Translations, equivariant
from derive.forms.expr import index
from derive.groups._fibre import representation
from derive.groups._finite.representation import Representation
from tests.proof.spans import Combination, Elimination

SWAP = Representation(np.array([[2, 0]], np.int32))  # the channels change places
SECOND = Representation(np.array([[0, 3]], np.int32))  # the second one changes its sign
TURN = Representation(np.array([[2, 1]], np.int32))  # of order four, and -1 after two
CASES = {
    "nothing and a swap": (1, PointGroup("D1"), PointGroup("D1", channels={"c": SWAP, "d": SWAP})),
    "nothing and a sign": (1, PointGroup("D1"), PointGroup("D1", channels={"d": "sign"})),
    "signs of inputs": (1, PointGroup("D1"), PointGroup("D1", channels={"c": "sign"})),
    "nothing and one sign": (1, PointGroup("D1"), PointGroup("D1", channels={"d": SECOND})),
    "a swap and one sign": (1, PointGroup("D1", channels={"d": SWAP}), PointGroup("D1", channels={"d": SECOND})),
    "half turns": (2, PointGroup("C4"), PointGroup("C2", channels={"d": SECOND})),
    "a quarter turn of channels": (2, PointGroup("C2"), PointGroup("C4", channels={"c": SECOND, "d": TURN})),
    "a reflection of one axis": (2, PointGroup("D2"), PointGroup("D1", axes=(0,), channels={"d": "sign"})),
}


def layer(rank, *groups):
    """Layers of two channels on either side that commute with shifts and with these."""
    found = derive.dense(rank, channels=Channels((("c", 2),), (("d", 2),))).then(derive.reindex())
    for group in (Translations(), *groups):
        found = found.then(equivariant(group))
    return found


def moves(group, letter, rank):
    """What each generator does to a place and a channel: a matrix on all axes, images and signs of channels."""
    acts = representation((group.channels or {}).get(letter, "trivial"), group.generators)
    axes = group.axes or tuple(range(rank))
    for m, codes in zip(group.generators, acts.codes, strict=True):
        whole = np.eye(rank, dtype=int)
        whole[np.ix_(axes, axes)] = m
        both = [codes[0] ^ 2 * c for c in range(2)] if acts.size == 1 else codes
        yield whole, [int(c) >> 1 for c in both], [1 - 2 * (int(c) & 1) for c in both]


def left(shape, groups):
    """How many numbers the laws leave of W and of U, from their definition: by any shift, wherever both places are inside."""
    rank = len(shape)
    places = list(np.ndindex(*shape))
    reach = [range(-2 * max(shape), 2 * max(shape) + 1)] * rank
    inside = set(places)
    still = PointGroup("D1", axes=(0,))
    weights, biases = Elimination(), Elimination()
    for group in (None, *groups):
        own = group or still
        for (m, outs, s), (_, ins, t) in zip(moves(own, "d", rank), moves(own, "c", rank), strict=True):
            turn = m if group else np.eye(rank, dtype=int)
            for shift, o in product(product(*reach), places):
                there = tuple(map(int, turn @ o + shift))
                if there not in inside:
                    continue
                for d in range(2):
                    biases.take(Combination({(there, outs[d]): 1}) - Combination({(o, d): s[d]}))
                    for k, c in product(places, range(2)):
                        moved = tuple(map(int, turn @ k + shift))
                        if moved in inside:
                            law = Combination({(there, outs[d], moved, ins[c]): 1})
                            weights.take(law - Combination({(o, d, k, c): s[d] * t[c]}))
    return 4 * len(places) ** 2 - weights.rank, 2 * len(places) - biases.rank


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_both_laws_are_derived_in_either_order(name, turned):
    rank, *groups = CASES[name]
    found = layer(rank, *(groups[::-1] if turned else groups))
    assert all(verdict.proved for verdict in found.verdicts)
    shape = (3,) if rank == 1 else (2, 2)
    at = {index(s): side for s, side in zip("nm", shape, strict=False)}
    assert (found.counts.exact_weight.subs(at), found.counts.exact_bias.subs(at)) == left(shape, groups)


def test_the_oracle():
    """Shifts alone leave offsets; a reflection that changes every sign besides leaves odd windows and no bias."""
    assert left((3,), ()) == (20, 2)
    assert left((3,), (PointGroup("D1"),)) == (12, 2)
    assert left((3,), (PointGroup("D1", channels={"d": "sign"}),)) == (8, 0)


def test_the_step_names_both():
    found = layer(*CASES["nothing and a sign"])
    assert found.steps[-1].rule == 'equivariant(PointGroup("D1") and PointGroup("D1", channels={"d": "sign"}))'
    assert found.form.vanishes
