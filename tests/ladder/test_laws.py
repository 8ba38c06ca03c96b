"""Laws of every layer, found from its derivation, on the emitted NumPy kernel in floats with exact sums."""

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ladder import laws
from tests.ladder.checks import Refuted, whole_numbers
from tests.ladder.climbing import odd_sizes
from tests.ladder.subjects import LAYERS, sizes_of, subject

EQUIVARIANT = tuple(name for name in LAYERS if laws.shift_axes(subject(name)) is not None)
WINDOWED = tuple(name for name in LAYERS if any(laws.windows(subject(name))))
PADDED = tuple(
    name
    for name in LAYERS
    if any(mask.any() for s in sizes_of(name) for mask in laws.unread_entries(subject(name), s).values())
)
pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")


def test_the_laws_are_found() -> None:
    assert {"conv2d", "conv2d_channels", "convolution2d"} <= {*EQUIVARIANT}
    assert {"conv2d", "conv2d_channels"} <= {*WINDOWED} and {*WINDOWED}.isdisjoint({"convolution2d", "dense2d"})
    assert {"conv2d", "offset2d"} <= {*PADDED} and {*PADDED}.isdisjoint({"dense2d", "fully_connected"})
    assert {*EQUIVARIANT}.isdisjoint({"dense2d", "fully_connected", "offset2d"})


@pytest.mark.parametrize("name", LAYERS)
@given(data=st.data())
def test_linearity(name: str, data: st.DataObject) -> None:
    sizes = data.draw(st.sampled_from(sizes_of(name)), label="sizes")
    laws.linear(subject(name), sizes, seed=data.draw(st.integers(0, 2**32), label="seed"))


@pytest.mark.parametrize("name", EQUIVARIANT)
def test_translation_equivariance(name: str) -> None:
    axes = laws.shift_axes(subject(name))
    assert axes is not None
    for sizes in odd_sizes(subject(name), most=6):
        laws.translation_equivariant(subject(name), sizes, axes)


@pytest.mark.parametrize("name", sorted({*LAYERS} - {*EQUIVARIANT}))
def test_layers_that_nothing_ties_break_the_law_of_shifts(name: str) -> None:
    of = subject(name)
    axes = tuple(range(len(of.form.grid(of.form.input))))
    with pytest.raises(Refuted, match="breaks the shift"):
        laws.translation_equivariant(of, odd_sizes(of)[0], axes)


@pytest.mark.parametrize("name", WINDOWED)
def test_locality_bit_for_bit(name: str) -> None:
    for clause in laws.windows(subject(name)):
        for sizes in odd_sizes(subject(name), most=6):
            laws.local(subject(name), clause, sizes)


def test_a_layer_without_a_window_breaks_locality() -> None:
    (clause,) = laws.windows(subject("conv2d"))
    of = subject("dense2d")
    sizes = dict(odd_sizes(of)[0]) | {s: 0 for s in subject("conv2d").form.sizes if s.name == "Delta"}
    with pytest.raises(Refuted, match="outside the window"):
        laws.local(of, clause, sizes)


@pytest.mark.parametrize("name", PADDED)
def test_weights_that_never_meet_the_input_are_ignored(name: str) -> None:
    for sizes in chain(odd_sizes(subject(name), most=6), sizes_of(name)[:12]):
        laws.unread_weights_are_ignored(subject(name), sizes)


@pytest.mark.parametrize("name", LAYERS)
def test_every_other_weight_is_read(name: str) -> None:
    """A NaN in any entry that some term reads reaches the result."""
    of = subject(name)
    sizes = odd_sizes(of)[0]
    for letter, mask in laws.unread_entries(of, sizes).items():
        arrays = whole_numbers(of, sizes, (np.float64,) * 3)
        for place in np.argwhere(~mask):
            poisoned = arrays[letter].copy()
            poisoned[tuple(place)] = np.nan
            assert np.isnan(of({**arrays, letter: poisoned})).any(), f"{letter}{place.tolist()} is not read"


@pytest.mark.parametrize("name", LAYERS)
def test_re_entrance(name: str) -> None:
    laws.reentrant(subject(name), odd_sizes(subject(name))[0])
