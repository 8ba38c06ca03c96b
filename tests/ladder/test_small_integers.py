"""Rung 2: small integers through the public entry of the NumPy kernels, equal to the exact result."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ladder.checks import small_integers, whole_numbers
from tests.ladder.climbing import odd_sizes
from tests.ladder.layouts import LAYOUTS, OUTPUTS
from tests.ladder.subjects import SUBJECTS, sizes_of, subject

# float16 holds every integer up to 2**11: 9 times the most terms of these sizes stays below.
FLOATS = ("float16", "float32", "float64", "longdouble")
MIXED = (
    ("int8", "int64", "int16"),
    ("bool", "int32", "uint8"),
    ("uint8", "float32", "float32"),
    ("uint64", "uint8", "bool"),
    ("float16", "float32", "float64"),
    ("float32", "float16", "int8"),
    ("int32", "float32", "float32"),
    ("float64", "bool", "float16"),
)
TYPES = (*((name,) * 3 for name in FLOATS), *MIXED)
BATCHES = ((), (1,), (2,), (2, 3), (0,), (2, 0))


@pytest.mark.parametrize("types", TYPES, ids="-".join)
@pytest.mark.parametrize("name", SUBJECTS)
def test_every_element_type(name: str, types: tuple[str, str, str]) -> None:
    for sizes in odd_sizes(subject(name)):
        small_integers(subject(name), whole_numbers(subject(name), sizes, types), sizes)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", SUBJECTS)
def test_every_layout_with_every_output(name: str, layout: str) -> None:
    sizes = odd_sizes(subject(name))[0]
    for output, (batch, dtype) in product(OUTPUTS, (((), "float32"), ((2,), "float16"), ((), "int64"))):
        arrays = whole_numbers(subject(name), sizes, (dtype,) * 3, batch)
        small_integers(subject(name), arrays, sizes, layout, output)


@pytest.mark.parametrize("batch", BATCHES, ids=str)
@pytest.mark.parametrize("name", SUBJECTS)
def test_every_batch(name: str, batch: tuple[int, ...]) -> None:
    for sizes, output in product(odd_sizes(subject(name)), ("fresh", "contiguous")):
        arrays = whole_numbers(subject(name), sizes, (np.float32,) * 3, batch)
        small_integers(subject(name), arrays, sizes, output=output)


@pytest.mark.parametrize("name", SUBJECTS)
@settings(max_examples=25)
@given(data=st.data())
def test_any_of_these_together(name: str, data: st.DataObject) -> None:
    sizes = data.draw(st.sampled_from(sizes_of(name, 3)), label="sizes")
    types, batch = data.draw(st.sampled_from(TYPES), label="types"), data.draw(st.sampled_from(BATCHES))
    arrays = whole_numbers(subject(name), sizes, types, batch, seed=data.draw(st.integers(0, 2**32)))
    layout, output = data.draw(st.sampled_from(sorted(LAYOUTS))), data.draw(st.sampled_from(sorted(OUTPUTS)))
    small_integers(subject(name), arrays, sizes, layout, output)
