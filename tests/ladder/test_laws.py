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
from tests.ladder.subjects import LAYERS, SUBJECTS, Sizes, Subject, entry_of, sizes_of, subject

pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
# Which laws a layer has is told by its derivation, so each test takes every layer and holds it to those that it finds.
EACH = pytest.mark.parametrize("name", SUBJECTS)


def _equivariant(name: str) -> bool:
    return bool(claims(entry_of(name).derivation))


def _windowed(name: str) -> bool:
    return any(laws.unread_inputs(subject(name), s).any() for s in odd_sizes(subject(name)))


def _padded(name: str) -> bool:
    return any(mask.any() for s in sizes_of(name)[:40] for mask in laws.unread_entries(subject(name), s).values())


def _untied(name: str) -> bool:
    return same_rank(entry_of(name).derivation.form) and not _equivariant(name)


def test_the_laws_are_found() -> None:
    """On the chain, where they are known."""
    assert [*map(_equivariant, ("conv2d", "conv2d_channels", "convolution2d"))] == [True] * 3
    assert [*map(_equivariant, ("dense2d", "fully_connected", "offset2d"))] == [False] * 3
    assert [*map(_windowed, ("conv2d", "conv2d_channels", "convolution2d", "dense2d"))] == [True, True, False, False]
    assert [*map(_padded, ("conv2d", "offset2d", "dense2d", "fully_connected"))] == [True, True, False, False]
    assert [*map(_untied, ("dense2d", "offset2d", "conv2d"))] == [True, True, False]


@EACH
@settings(max_examples=15)
@given(data=st.data())
def test_linearity(name: str, data: st.DataObject) -> None:
    sizes = data.draw(st.sampled_from(sizes_of(name)), label="sizes")
    laws.linear(subject(name), sizes, seed=data.draw(st.integers(0, 2**32), label="seed"))


@EACH
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


@EACH
def test_a_kernel_obeys_the_law_of_shifts_as_its_form_does(name: str) -> None:
    of = subject(name)
    for sizes in odd_sizes(of, most=2) if same_rank(of.form) else ():
        assert _obeys(of, sizes) == _obeys(replace(of, kernel=_Oracle(of, sizes)), sizes)


def test_a_dense_layer_breaks_the_law_of_shifts() -> None:
    assert not _obeys(subject("dense2d"), odd_sizes(subject("dense2d"))[0])


@pytest.mark.parametrize("name", LAYERS)
def test_layers_that_nothing_ties_break_the_law_of_shifts(name: str) -> None:
    assert not (_untied(name) and _obeys(subject(name), odd_sizes(subject(name))[0]))


@EACH
def test_locality_bit_for_bit(name: str) -> None:
    for sizes in odd_sizes(subject(name), most=6):
        far = laws.unread_inputs(subject(name), sizes)
        if far.any():
            laws.local(subject(name), far, sizes)


def test_a_layer_without_a_window_breaks_locality() -> None:
    window, of = subject("conv2d"), subject("dense2d")
    sizes = next(s for s in sizes_of("conv2d") if laws.unread_inputs(window, s).any())
    with pytest.raises(Refuted, match="outside the window"):
        laws.local(of, laws.unread_inputs(window, sizes), sizes)


@EACH
def test_weights_that_never_meet_the_input_are_ignored(name: str) -> None:
    for sizes in chain(odd_sizes(subject(name), most=6), sizes_of(name)[:12]):
        laws.unread_weights_are_ignored(subject(name), sizes)


@EACH
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


@EACH
def test_re_entrance(name: str) -> None:
    laws.reentrant(subject(name), odd_sizes(subject(name))[0])
