"""The ladder for every algorithm of every layer: the emitted text on exact numbers, small integers and floats, and the laws."""

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sympy import Integer

import generated
from derive.compiled import load_source
from derive.ir.stages import at_knobs
from derive.registry import names
from tests.algorithms.supposed_forms import WINDOWS
from tests.ladder import laws, test_error_bounds, test_gradient_algorithms
from tests.ladder.checks import exact_scalars, rounding_errors, small_integers, whole_numbers
from tests.ladder.climbing import odd_sizes
from tests.ladder.floats import REGIMES, drawn
from tests.ladder.layouts import LAYOUTS, OUTPUTS
from tests.ladder.motions import claims, motions
from tests.ladder.subjects import ELSEWHERE, LAYERS, Sizes, Subject, algorithms, entry_of, sizes_of, subject

PAIRS = algorithms()
EACH = pytest.mark.parametrize(
    ("name", "algorithm"),
    [pytest.param(*pair, marks=pytest.mark.nightly if pair in ELSEWHERE else ()) for pair in PAIRS],
)
_MOST = 32  # of a knob on exact numbers, if it may be as small
STRICT = pytest.mark.parametrize(
    ("name", "algorithm"),
    [(name, a.name) for name in LAYERS for a in getattr(generated, name).numpy.algorithms if a.strict],
)


def _settings(of: Subject) -> list[tuple[Subject, Mapping[str, int]]]:
    """The subject with its knobs as they are chosen, and with each at odd numbers: the least, and one that divides nothing."""
    found = _algorithm(of)
    free = [{knob: (_last(values) if values else number) for knob, values in found.knobs.items()} for number in (1, 3)]
    least = {knob: (values[0] if values else 2) for knob, values in found.knobs.items()}
    made = [(replace(of, kernel=_whole(of).using(of.algorithm, **knobs)), knobs) for knobs in (*free, least)]
    return [(of, {}), *made]


def _last(values: tuple[int, ...]) -> int:
    """The largest value of a knob that exact numbers can bear."""
    return max((v for v in values if v <= _MOST), default=values[0])


def _algorithm(of: Subject) -> Any:
    return next(a for a in _whole(of).algorithms if a.name == of.algorithm)


def _whole(of: Subject) -> Any:
    """The public object, with all its algorithms."""
    return getattr(load_source(of.text, of.backend), of.name)


def _drawn_sizes(of: Subject, most: int, knobs: Mapping[str, int]) -> list[Sizes]:
    algorithm = _algorithm(of)
    known = [(sizes, {s.name: v for s, v in sizes.items()}) for sizes in sizes_of(of.name)]
    found = [sizes for sizes, values in known if algorithm.serves({**values, **knobs})]
    return random.Random(1).sample(found, min(most, len(found)))


def _exact(name: str, algorithm: str) -> list[tuple[Subject, Sizes]]:
    """The subject at odd sizes, with knobs by which floats compute small integers exactly, if there are any."""
    of = subject(name, algorithm=algorithm)
    (program,) = [p for p in entry_of(name).staged("numpy") if p.name == algorithm]
    if program.normwise is not None:
        return []
    if program.cases is None:
        return [(of, sizes) for sizes in odd_sizes(of)]
    found = []
    for values in (dict(zip(program.cases.symbols, case, strict=True)) for case in program.cases.values):
        numbers = {s: Integer(v) for s, v in values.items()}
        matrices = [m for c in at_knobs(program, numbers).constants for m in c.matrices()]
        if all(e.denominator.bit_count() == 1 for m in matrices for row in m for e in row):
            knobs = {s.name: v for s, v in values.items() if s.name in _algorithm(of).knobs}
            kernel = _whole(of).using(algorithm, **knobs)
            at = [s for s in sizes_of(name) if all(s.get(symbol, v) == v for symbol, v in values.items())]
            at = sorted(at, key=lambda s: (min(s.values()) > 1, len(set(s.values()))))[-3:] + at[:1]
            found += [(replace(of, kernel=kernel), sizes) for sizes in at]
    return found


@pytest.mark.parametrize("numbers", ["symbols", "fractions", "residues"])
@EACH
def test_the_text_is_the_form_on_exact_numbers(name: str, algorithm: str, numbers: str) -> None:
    found = _settings(subject(name, algorithm=algorithm))
    transformed = _algorithm(found[0][0]).cases is not None and numbers == "symbols"
    for of, knobs in found[-1:] if transformed else found:
        for sizes in _drawn_sizes(of, 1 if transformed else 6 if numbers == "symbols" else 12, knobs):
            exact_scalars(of, numbers, sizes)


@EACH
def test_small_integers_are_equal(name: str, algorithm: str) -> None:
    for of, sizes in _exact(name, algorithm):
        for dtype in ("float16", "float32", "float64"):
            for batch in ((), (3,), (2, 1)):
                small_integers(of, whole_numbers(of, sizes, (dtype,) * 3, batch), sizes)


@pytest.mark.parametrize("layout", LAYOUTS)
@EACH
def test_any_layout_and_output(name: str, algorithm: str, layout: str) -> None:
    for of, sizes in _exact(name, algorithm)[:1]:
        for output in OUTPUTS:
            small_integers(of, whole_numbers(of, sizes, (np.float32,) * 3, (2,)), sizes, layout, output)


@pytest.mark.parametrize("regime", REGIMES)
@STRICT
def test_errors_are_within_the_bound_of_direct_sums(name: str, algorithm: str, regime: str) -> None:
    of = subject(name, algorithm=algorithm)
    for seed, sizes in enumerate(odd_sizes(of)):
        for dtype in ("float16", "float32", "float64"):
            rounding_errors(of, drawn(of, sizes, regime, dtype, seed), sizes)


@EACH
def test_laws(name: str, algorithm: str) -> None:
    for of, sizes in _exact(name, algorithm):
        laws.linear(of, sizes)
        laws.local(of, laws.unread_inputs(of, sizes), sizes, finite=True, whole=(name, algorithm) in ELSEWHERE)
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


def test_every_algorithm_of_the_folder_climbs() -> None:
    """As one of a layer, of a gradient, or of weights with certain values: a new file is on one of these lists, or asks to be."""
    every = {name for name in names("derive.algorithms") if name != "direct"}
    of_layers = {algorithm for _, algorithm in PAIRS}
    of_gradients = {algorithm.rpartition("_d")[0] for _, _, algorithm in test_gradient_algorithms.PAIRS}
    assert every == of_layers | of_gradients | {*WINDOWS}
    assert {*WINDOWS} == {a.name for name in LAYERS for a in getattr(generated, name).numpy.valued}
    assert every <= {algorithm for _, algorithm in test_error_bounds.STATED} | of_gradients


def test_there_are_algorithms() -> None:
    rows = {(name, "rows") for name in ("conv2d", "conv3d", "diamond2d", "strided2d")}
    others = {
        ("conv1d", "toeplitz"),
        ("separable2d", "separable"),
        ("conv2d_channels", "im2col"),
        ("depthwise2d", "shifted"),
        ("conv1d", "fft"),
    }
    assert rows | others <= set(PAIRS)
