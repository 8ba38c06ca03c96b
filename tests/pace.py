"""Limits of time that hold on any machine: seconds of a processor that adds the first ten million numbers in half a second."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from time import process_time

__all__ = ["pace", "within"]

_COUNT, _SECONDS = 10**6, 0.05


def pace() -> float:
    """How many times as long this processor takes just now as the one that limits are meant for; 1 for a quicker one."""
    start, total = process_time(), 0
    for k in range(_COUNT):
        total += k
    return max(1.0, (process_time() - start) / _SECONDS)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fails where a block takes more CPU seconds, its processes' included, by the slower of the paces before and after it."""
    before, start = pace(), _spent()
    yield
    spent = _spent() - start
    assert spent < seconds * max(before, pace())


def _spent() -> float:
    return sum(os.times()[:4])
