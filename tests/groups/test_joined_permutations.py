"""Two groups by generators, stated one after the other: the layers that commute with the generators of both."""

from __future__ import annotations

from functools import reduce

import pytest

import derive
from derive.checking import check_emitted
from derive.finite import monomial, parity
from derive.pipeline import Layer

ROWS = derive.PermutationGroup(9, [[3, 4, 5, 6, 7, 8, 0, 1, 2]])  # of a 3×3 torus
COLUMNS = derive.PermutationGroup(9, [[1, 2, 0, 4, 5, 3, 7, 8, 6]])
TWO = derive.Channels((("c", 2),), (("d", 2),))
SWAP = monomial([((0, 1), (1, 0))])


def turned(group, channels=None):
    return derive.equivariant(derive.Permutations(group, channels=channels))


def after(*rules, **options):
    return reduce(derive.Derivation.then, rules, derive.dense(outputs=9, inputs=9, **options))


def test_shifts_by_rows_and_by_columns_are_those_of_a_torus():
    layer = after(turned(COLUMNS), turned(ROWS))
    assert layer.free_parameters == {"weight": 9, "bias": 1, "when": True}
    assert [s.rule.split("(")[0] for s in layer.steps] == ["equivariant"]
    check_emitted(Layer("layer", layer, "A layer of a test.", "", ""))


@pytest.mark.parametrize("first", [ROWS, COLUMNS], ids=["rows first", "columns first"])
def test_channels_that_only_one_of_them_moves(first):
    """Exchanged with each shift by a row, which has an odd order: whenever a channel is, places may stay."""
    rows, columns = turned(ROWS, {"c": SWAP, "d": SWAP}), turned(COLUMNS)
    layer = after(*((rows, columns) if first is ROWS else (columns, rows)), channels=TWO)
    assert layer.free_parameters == {"weight": 18, "bias": 1, "when": True}


def test_a_sign_of_one_of_them_holds_of_each_channel():
    """d ⟶ -d with each odd permutation, of which shifts of three rows have none; exchanged by the other group."""
    signs = parity(COLUMNS)
    layer = after(turned(COLUMNS, {"d": signs}), turned(ROWS, {"d": SWAP}), channels=TWO)
    assert layer.free_parameters == {"weight": 18, "bias": 1, "when": True}
