"""Mirrored windows and those of equal weights in floats: within the bound of direct sums, on weights that are so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from derive.compiled import load_source
from tests.ladder.checks import rounding_errors, small_integers, whole_numbers
from tests.ladder.climbing import odd_sizes
from tests.ladder.floats import REGIMES, drawn
from tests.ladder.layouts import LAYOUTS, OUTPUTS
from tests.ladder.subjects import Subject, subject

PAIRS = [
    *(("folded", name) for name in ("conv2d", "strided2d", "conv3d")),
    *(("box", name) for name in ("conv1d", "conv2d", "depthwise2d", "strided2d")),
]
EACH = pytest.mark.parametrize(("algorithm", "name"), PAIRS)


def by(algorithm: str, name: str) -> Subject:
    """The layer by that algorithm alone."""
    of = subject(name)
    return replace(of, kernel=getattr(load_source(of.text, "numpy"), name).using(algorithm), algorithm=algorithm)


def admitted(algorithm: str, name: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """The arrays with weights that the algorithm admits, made of some of theirs."""
    window = arrays["V"]
    if algorithm == "folded":
        half = window[..., : (window.shape[-1] + 1) // 2]
        made = np.concatenate([half, half[..., : window.shape[-1] // 2][..., ::-1]], axis=-1)
    else:
        axes = window.ndim - (name == "depthwise2d")
        made = np.broadcast_to(window[(slice(0, 1),) * axes], window.shape).copy()
    return {**arrays, "V": made}


@pytest.mark.parametrize("regime", REGIMES)
@EACH
def test_errors_are_within_the_bound_of_direct_sums(algorithm: str, name: str, regime: str) -> None:
    of = by(algorithm, name)
    for seed, sizes in enumerate(odd_sizes(of)):
        for dtype in ("float16", "float32", "float64"):
            rounding_errors(of, admitted(algorithm, name, drawn(of, sizes, regime, dtype, seed)), sizes)


@pytest.mark.parametrize("layout", LAYOUTS)
@EACH
def test_small_integers_are_equal_in_any_layout(algorithm: str, name: str, layout: str) -> None:
    of = by(algorithm, name)
    for sizes in odd_sizes(of)[:2]:
        for output in OUTPUTS:
            arrays = admitted(algorithm, name, whole_numbers(of, sizes, (np.float32,) * 3, (2,)))
            small_integers(of, arrays, sizes, layout, output)
