"""Any image up to 40×70, under any schedule: so fast that hypothesis can look for the bad one."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.cuda_check import SCHEDULES, standing_in_for_cupy
from tests.cuda.killing import loaded
from tests.ladder.subjects import subject
from tests.pace import pace

pytestmark = pytest.mark.usefixtures("cxx")

EXAMPLES, AT_LEAST = 300, 200  # the second a second of CPU
LAYERS = ("conv2d", "strided2d", "periodic2d")


def test_images_of_any_size_at_a_rate() -> None:
    rates = {name: rate(name) for name in LAYERS}
    assert min(rates.values()) * pace() >= AT_LEAST, rates


def rate(name: str) -> float:
    """Examples a second of CPU, each of them right; by the median, as the first ones compile kernels."""
    of, kernel = subject(name), loaded(name, subject(name, "cupy").text)
    ran: list[float] = []

    @settings(max_examples=EXAMPLES, database=None)
    @given(
        n=st.integers(1, 40),
        m=st.integers(1, 70),
        radius=st.integers(0, 2),
        seed=st.integers(0, 999),
        schedule=st.sampled_from(SCHEDULES),
    )
    def equals_numpy(n: int, m: int, radius: int, seed: int, schedule: str) -> None:
        draw = np.random.default_rng(seed)
        shapes = ((n, m), (2 * radius + 1, 2 * radius + 1), ())
        arrays: list[Any] = [draw.integers(-8, 9, shape).astype(np.float32) for shape in shapes]
        with standing_in_for_cupy(schedule=schedule, seed=seed) as cupy:
            got = kernel(*map(cupy.asarray, arrays)).get()
        assert np.array_equal(got, of.kernel(*(a.astype(np.int64) for a in arrays)))
        ran.append(time.process_time())

    equals_numpy()
    assert len(ran) >= EXAMPLES
    return float(1 / np.median(np.diff(ran)))
