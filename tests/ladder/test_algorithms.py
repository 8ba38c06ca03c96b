"""The ladder for every algorithm of every layer: the emitted text on exact numbers, small integers and floats, and the laws."""

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from derive.pipeline import load_source
from tests.ladder import laws
from tests.ladder.checks import exact_scalars, rounding_errors, small_integers, whole_numbers
from tests.ladder.climbing import odd_sizes
from tests.ladder.floats import REGIMES, drawn
from tests.ladder.layouts import LAYOUTS, OUTPUTS
from tests.ladder.motions import claims, motions
from tests.ladder.subjects import Sizes, Subject, algorithms, sizes_of, subject

PAIRS = algorithms()
EACH = pytest.mark.parametrize(("name", "algorithm"), PAIRS)
SUMS = pytest.mark.parametrize(("name", "algorithm"), algorithms(strict=True))  # the others have tests of their own on floats
_MOST = 32  # of a knob on exact numbers, if it may be as small


def _settings(of: Subject) -> list[Subject]:
    """The subject with its knobs as they are chosen, and with each at odd numbers: the least, and one that divides nothing."""
    found = next(a for a in _whole(of).algorithms if a.name == of.algorithm)
    free = [{knob: (_last(values) if values else number) for knob, values in found.knobs.items()} for number in (1, 3)]
    least = {knob: (values[0] if values else 2) for knob, values in found.knobs.items()}
    kernels = [_whole(of).using(of.algorithm, **knobs) for knobs in (*free, least)]
    return [of, *(replace(of, kernel=kernel) for kernel in kernels)]


def _last(values: tuple[int, ...]) -> int:
    """The largest value of a knob that exact numbers can bear."""
    return max((v for v in values if v <= _MOST), default=values[0])


def _whole(of: Subject) -> Any:
    """The public object, with all its algorithms."""
    return getattr(load_source(of.text, of.backend), of.name)


def _drawn_sizes(of: Subject, most: int) -> list[Sizes]:
    found = sizes_of(of.name)
    return random.Random(1).sample(found, min(most, len(found)))


@pytest.mark.parametrize("numbers", ["symbols", "fractions", "residues"])
@EACH
def test_the_text_is_the_form_on_exact_numbers(name: str, algorithm: str, numbers: str) -> None:
    for of in _settings(subject(name, algorithm=algorithm)):
        for sizes in _drawn_sizes(of, 6 if numbers == "symbols" else 12):
            exact_scalars(of, numbers, sizes)


@SUMS
def test_small_integers_are_equal(name: str, algorithm: str) -> None:
    of = subject(name, algorithm=algorithm)
    for sizes in odd_sizes(of):
        for dtype in ("float16", "float32", "float64"):
            for batch in ((), (3,), (2, 1)):
                small_integers(of, whole_numbers(of, sizes, (dtype,) * 3, batch), sizes)


@pytest.mark.parametrize("layout", LAYOUTS)
@SUMS
def test_any_layout_and_output(name: str, algorithm: str, layout: str) -> None:
    of = subject(name, algorithm=algorithm)
    sizes = odd_sizes(of)[0]
    for output in OUTPUTS:
        small_integers(of, whole_numbers(of, sizes, (np.float32,) * 3, (2,)), sizes, layout, output)


@pytest.mark.parametrize("regime", REGIMES)
@SUMS
def test_errors_are_within_the_bound_of_direct_sums(name: str, algorithm: str, regime: str) -> None:
    of = subject(name, algorithm=algorithm)
    for seed, sizes in enumerate(odd_sizes(of)):
        for dtype in ("float16", "float32", "float64"):
            rounding_errors(of, drawn(of, sizes, regime, dtype, seed), sizes)


@SUMS
def test_laws(name: str, algorithm: str) -> None:
    of = subject(name, algorithm=algorithm)
    for sizes in odd_sizes(of):
        laws.linear(of, sizes)
        laws.local(of, laws.unread_inputs(of, sizes), sizes, finite=True)
        for claim in claims(of.derivation):
            laws.equivariant(of, motions(claim, sizes, most=40), sizes)


@EACH
def test_weights_that_never_meet_the_input_are_ignored(name: str, algorithm: str) -> None:
    """By the public entry, which may choose another algorithm for them: on whole numbers all give the same."""
    of = replace(subject(name), kernel=_whole(subject(name)))
    for sizes in sizes_of(name)[:40]:
        masks = laws.unread_entries(of, sizes)
        if any(mask.any() for mask in masks.values()):
            arrays = whole_numbers(of, sizes, (np.float64,) * 3)
            before = of(arrays, sizes)
            for value in (np.nan, np.inf, 2.0**900):
                hidden = {n: np.where(mask, value, arrays[n]) for n, mask in masks.items()}
                assert np.array_equal(of({**arrays, **hidden}, sizes), before)


def test_there_are_algorithms() -> None:
    assert {("conv2d", "rows"), ("conv3d", "rows"), ("diamond2d", "rows"), ("strided2d", "rows")} <= set(PAIRS)
    assert ("conv1d", "fft") in PAIRS
    assert ("conv1d", "fft") not in algorithms(strict=True)
