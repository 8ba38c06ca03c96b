"""Time on a device: by its own events, around calls that are queued while it is kept busy, on arrays that no cache holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

__all__ = ["Clock", "rotating"]

_SPIN = r"""
extern "C" __global__ void spin(long long cycles) {
    const long long begun = clock64();
    while (clock64() - begun < cycles) {}
}
"""
_SAMPLES, _GROUP = 9, 16
_CYCLES = 2e9  # a second of a fast device's clock


class Clock:
    """Seconds a call. A device that spins while calls are queued shows none of the time that Python takes to queue them."""

    def __init__(self, cupy: Any) -> None:
        self.cupy = cupy
        self.spin = cupy.RawKernel(_SPIN, "spin")

    def seconds(self, calls: Sequence[Callable[[], Any]], samples: int = _SAMPLES) -> float:
        """The median over samples, each of which makes all calls in turn, some more than once."""
        turns = max(1, _GROUP // len(calls))
        for call in calls:
            call()
        self._synchronize()
        begun = time.perf_counter()
        for call in calls:
            call()
        queued = (time.perf_counter() - begun) * turns
        self._synchronize()
        found = [self._sample(calls, turns, queued) for _ in range(samples)]
        return float(median(found)) / (turns * len(calls))

    def _sample(self, calls: Sequence[Callable[[], Any]], turns: int, queued: float) -> float:
        cuda = self.cupy.cuda
        first, last = cuda.Event(), cuda.Event()
        self.spin((1,), (1,), (self.cupy.int64(int(2 * queued * _CYCLES)),))
        first.record()
        for _ in range(turns):
            for call in calls:
                call()
        last.record()
        last.synchronize()
        return float(cuda.get_elapsed_time(first, last)) / 1e3

    def _synchronize(self) -> None:
        self.cupy.cuda.get_current_stream().synchronize()


def rotating(cupy: Any, size: int, most: int = 8) -> int:
    """How many sets of arrays of so many bytes are more than twice the device's cache."""
    cache = int(cupy.cuda.Device().attributes.get("L2CacheSize", 64 << 20))
    return max(1, min(most, -(-2 * cache // max(1, size)) + 1))
