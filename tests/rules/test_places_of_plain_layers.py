"""Places are selected of layers whose offsets have no letters of their own: H[i] = Σ_k V[k - i]·X[k]."""

from __future__ import annotations

from functools import reduce

import pytest

import derive
from derive.checking import check_emitted
from derive.pipeline import Layer

NEAR = {"all": (), "a diamond": (derive.local(derive.Diamond(2)),), "zero edges": (derive.boundary("zero"),)}


@pytest.mark.parametrize("near", NEAR)
def test_entries_are_read_elsewhere_by_the_places_that_are_kept(near):
    """As many as with offsets that 'reindex' names."""
    rules = (derive.equivariant(derive.Translations()), *NEAR[near], derive.strided((3, 2)))
    plain = reduce(derive.Derivation.then, rules, derive.dense(2))
    named = reduce(derive.Derivation.then, (derive.reindex(), *rules), derive.dense(2))
    for n, m in ((1, 4), (3, 2), (5, 5)):
        assert plain.free_parameters_at(n=n, m=m) == named.free_parameters_at(n=n, m=m)
    check_emitted(Layer("layer", plain, "A layer of a test.", "", ""))


def test_places_of_places_are_emitted():
    """Their number is a quotient of a quotient, which no polyhedron says: designs that need one are left out."""
    rules = (derive.reindex(), derive.strided(2), derive.strided(3), derive.adjoint())
    layer = reduce(derive.Derivation.then, rules, derive.dense(1))
    assert layer.free_parameters_at(n=14) == {"weight": 42, "bias": 0}
    check_emitted(Layer("layer", layer, "A layer of a test.", "", ""))
