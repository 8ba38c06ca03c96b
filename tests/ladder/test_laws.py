"""Laws of every layer, found from its derivation, on the emitted NumPy kernel in floats with exact sums."""

from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.groups.translations import Translations
from tests.ladder import laws
from tests.ladder.checks import Refuted, whole_numbers
from tests.ladder.climbing import odd_sizes
from tests.ladder.motions import Claim, claims, motions, same_rank
from tests.ladder.numbers import fixed, wanted
from tests.ladder.subjects import LAYERS, SUBJECTS, Sizes, Subject, sizes_of, subject

EQUIVARIANT = tuple(name for name in SUBJECTS if claims(subject(name).derivation))
WINDOWED = tuple(
    name for name in SUBJECTS if any(laws.unread_inputs(subject(name), s).any() for s in odd_sizes(subject(name)))
)
PADDED = tuple(
    name
    for name in SUBJECTS
    if any(mask.any() for s in sizes_of(name)[:40] for mask in laws.unread_entries(subject(name), s).values())
)
pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")


def test_the_laws_are_found() -> None:
    """On the chain, where they are known."""
    assert {"conv2d", "conv2d_channels", "convolution2d"} <= {*EQUIVARIANT}
    assert {"conv2d", "conv2d_channels"} <= {*WINDOWED} and {*WINDOWED}.isdisjoint({"convolution2d", "dense2d"})
    assert {"conv2d", "offset2d"} <= {*PADDED} and {*PADDED}.isdisjoint({"dense2d", "fully_connected"})
    assert {*EQUIVARIANT}.isdisjoint({"dense2d", "fully_connected", "offset2d"})


@pytest.mark.parametrize("name", SUBJECTS)
@settings(max_examples=15)
@given(data=st.data())
def test_linearity(name: str, data: st.DataObject) -> None:
    sizes = data.draw(st.sampled_from(sizes_of(name)), label="sizes")
    laws.linear(subject(name), sizes, seed=data.draw(st.integers(0, 2**32), label="seed"))


@pytest.mark.parametrize("name", EQUIVARIANT)
def test_equivariance(name: str) -> None:
    """Under the elements of each group that a step demands."""
    of = subject(name)
    for claim in claims(of.derivation):
        for sizes in odd_sizes(of, most=6):
            laws.equivariant(of, motions(claim, sizes, most=400), sizes)


class _Oracle:
    """A kernel that computes what the form says."""

    def __init__(self, of: Subject, sizes: Sizes) -> None:
        self.of, self.at, self.arguments = of, sizes, of.kernel.arguments

    def __getattr__(self, name: str) -> Any:
        return getattr(self.of.kernel, name)

    def __call__(self, *arguments: Any, **_: int) -> np.ndarray:
        arrays = dict(zip(self.arguments, (np.asarray(a).astype(object) for a in arguments), strict=True))
        return wanted(self.of.form, arrays | fixed(self.of.form, self.at), self.at).astype(float)


def _obeys(of: Subject, sizes: Sizes) -> bool:
    """The law of shifts, whether or not a step demands it."""
    try:
        laws.equivariant(of, motions(Claim(of.form, (), Translations()), sizes, most=40), sizes)
    except Refuted:
        return False
    return True


SHIFTABLE = tuple(name for name in SUBJECTS if same_rank(subject(name).form))


@pytest.mark.parametrize("name", SHIFTABLE)
def test_a_kernel_obeys_the_law_of_shifts_as_its_form_does(name: str) -> None:
    of = subject(name)
    for sizes in odd_sizes(of, most=2):
        assert _obeys(of, sizes) == _obeys(replace(of, kernel=_Oracle(of, sizes)), sizes)


def test_layers_that_nothing_ties_break_the_law_of_shifts() -> None:
    untied = [name for name in SHIFTABLE if name in LAYERS and name not in EQUIVARIANT]
    assert "dense2d" in untied
    assert [name for name in untied if _obeys(subject(name), odd_sizes(subject(name))[0])] == []


@pytest.mark.parametrize("name", WINDOWED)
def test_locality_bit_for_bit(name: str) -> None:
    for sizes in odd_sizes(subject(name), most=6):
        laws.local(subject(name), laws.unread_inputs(subject(name), sizes), sizes)


def test_a_layer_without_a_window_breaks_locality() -> None:
    window, of = subject("conv2d"), subject("dense2d")
    sizes = next(s for s in sizes_of("conv2d") if laws.unread_inputs(window, s).any())
    with pytest.raises(Refuted, match="outside the window"):
        laws.local(of, laws.unread_inputs(window, sizes), sizes)


@pytest.mark.parametrize("name", PADDED)
def test_weights_that_never_meet_the_input_are_ignored(name: str) -> None:
    for sizes in chain(odd_sizes(subject(name), most=6), sizes_of(name)[:12]):
        laws.unread_weights_are_ignored(subject(name), sizes)


@pytest.mark.parametrize("name", SUBJECTS)
def test_every_other_weight_is_read(name: str) -> None:
    """A NaN in any entry that some term reads reaches the result."""
    of = subject(name)
    sizes = odd_sizes(of)[0]
    for letter, mask in laws.unread_entries(of, sizes).items():
        arrays = whole_numbers(of, sizes, (np.float64,) * 3)
        for place in np.argwhere(~mask):
            poisoned = arrays[letter].copy()
            poisoned[tuple(place)] = np.nan
            assert np.isnan(of({**arrays, letter: poisoned}, sizes)).any(), f"{letter}{place.tolist()} is not read"


@pytest.mark.parametrize("name", SUBJECTS)
def test_re_entrance(name: str) -> None:
    laws.reentrant(subject(name), odd_sizes(subject(name))[0])
