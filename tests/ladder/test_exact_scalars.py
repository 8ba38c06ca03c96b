"""Rung 1: the emitted NumPy body, unchanged, on symbols, Fractions and residues modulo a 61-bit prime."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ladder.checks import exact_scalars
from tests.ladder.subjects import SUBJECTS, sizes_of, subject

EXACT = ("symbols", "fractions", "residues")


@pytest.mark.parametrize("numbers", EXACT)
@pytest.mark.parametrize("name", SUBJECTS)
@settings(max_examples=12)
@given(data=st.data())
def test_the_body_is_the_form_and_the_dense_layer(name: str, numbers: str, data: st.DataObject) -> None:
    sizes = data.draw(st.sampled_from(sizes_of(name, 3)), label="sizes")
    exact_scalars(subject(name), numbers, sizes, seed=data.draw(st.integers(0, 2**32), label="seed"))


@pytest.mark.nightly
@pytest.mark.parametrize("numbers", EXACT)
@pytest.mark.parametrize("name", SUBJECTS)
def test_at_every_small_size(name: str, numbers: str) -> None:
    for sizes in sizes_of(name):
        exact_scalars(subject(name), numbers, sizes)
