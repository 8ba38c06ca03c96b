"""What the planner's arithmetic for a device is held against: seconds by hand, on a device of round numbers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cuda.killing import runtime_module

__all__ = ["instructions_by_hand", "seconds_by_hand"]

# One of these waits for its instructions, the next one for memory, twice, the third for single entries, the last for its sums.
_FULL = {"threads": 512, "block": 256, "products": 100, "rolled": 10, "accesses": 3, "entries": 5, "moved": 64}
_FULL |= {"shared": 7, "barriers": 2, "sums": 4, "own": True}
_MOVING = {"threads": 600, "block": 256, "products": 40, "accesses": 2, "entries": 20, "moved": 4096, "sums": 12}
_WAITING = {"threads": 2, "block": 40, "products": 1, "accesses": 1, "entries": 1, "moved": 1000}
_FEW = _WAITING | {"entries": 20}
_ALONE = {"threads": 1, "block": 32, "products": 1000, "accesses": 0, "entries": 0, "moved": 0, "sums": 2}
# Microseconds: a launch takes 1, a text of its own 0.1, a statement 2; what isn't slowest counts by a fifth.
_LAUNCHES = (
    (_FULL, 1, "float32", 4, 1.1 + 1.92 + 0.2 * (0.192 + 0.256 + 0.36)),
    (_FULL, 1, "float64", 8, 1.1 + 2.72 + 0.2 * (0.384 + 0.512 + 0.51)),
    (_FULL, 1, "float32", 2, 1.1 + 2.016 + 0.2 * (0.152 + 0.128 + 0.378)),
    (_FULL, 1, "int64", 8, 1.1 + 4.32 + 0.2 * (0.384 + 0.512 + 0.81)),
    (_MOVING, 2, "float32", 4, 2 * (1 + 16.384 + 0.2 * (1.632 + 0.64 + 0.102))),
    (_WAITING, 1, "float32", 4, 1 + 300 + 0.2 * (0.124 + 0.004 + 0.372)),
    (_WAITING | {"entries": 0}, 1, "float32", 4, 1 + 2400 + 0.2 * (0.124 + 0.372)),
    (_FEW, 1, "float32", 4, 1 + 18.75 + 0.2 * (0.124 + 0.08 + 0.372)),
    (_ALONE, 1, "float32", 4, 1 + 3.18 + 0.2 * 1.06),
)
_LARGE, _MIDDLE, _SMALL = 262144 / 54.4e3, 524288 / 38.4e3, 131072 / 22.4e3  # products in blocks of 128, 64 and 32
_STATEMENTS = (
    ([("matmul", 1, 1, 256, 8, 128)], 2 + 35.84 + 0.2 * _LARGE),
    ([("matmul", 1, 1, 256, 8, 128), ("room", 1, 400, 0)], 2 + 143.36 + 0.2 * _LARGE),
    ([("matmul", 1, 1, 256, 8, 128), ("room", 1, 128, 0)], 2 + 35.84 + 0.2 * _LARGE),
    ([("matmul", 1, 1, 256, 8, 128), ("room", 1, 129, 0)], 2 + 143.36 + 0.2 * _LARGE),
    ([("matmul", 1, 1, 64, 64, 128)], 2 + 20.48 + 0.2 * _MIDDLE),
    ([("matmul", 3, 1, 32, 64, 32)], 3 * (2 + _SMALL + 0.2 * 5.12)),
    ([("matmul", 1, 5, 32, 64, 32)], 2 + 25.6 + 0.2 * 3 * _SMALL),
    ([("view", 3, 100), ("held", 1, 100)], 8),
    ([("fold", 2, 1000, 4)], 2 * (4 + 0.2 * 0.625)),
    ([("copy", 1, 3200, 2)], 2 + 16 + 0.2 * 7.5),
    ([("copy", 1, 3200, 0)], 2 + 28.8 + 0.2 * 7.5),
    ([("copy", 1, 3200, 64)], 2 + 7.5 + 0.2 * 6.4),
    ([("gather", 1, 3200)], 2 + 28.8 + 0.2 * 7.5),
    ([("turned", 1, 3200, 64)], 2 + 28.8 + 0.2 * 7.5),
    ([("store", 1, 3200)], 2 + 7.5 + 0.2 * 6.4),
    ([("make copy", 1, 3200, 2), ("make matmul", 1, 100)], 2 + 16 + 0.2 * 7.5 + 2 + 0.234375 + 0.2 * 0.2),
    ([("edge", 1, 3200, 2)], 0),
)
_ROUNDED = 64 * 2.0**-53  # the seconds of a launch are less than half as many operations, and so are those by hand


def _device(kind: str) -> Any:
    rates = {"multiprocessors": 2, "clock": 1e9, "lanes": 32, "served": 16, "dram_bytes": 1e9, "cached_bytes": 4e9}
    taken = {"launch": 1e-6, "text": 1e-7, "statement": 2e-6, "cache": 1024}
    return runtime_module("gpu").Device(**rates, **taken).computing(kind)


def _launched(does: dict[str, Any], times: int) -> Any:
    return runtime_module("gpu").launched(**does)._replace(times=times)


def seconds_by_hand() -> None:
    """Of launches in each type that computes, and of statements of programs in stages, made once for many calls or not."""
    for does, times, kind, itemsize, wanted in _LAUNCHES:
        assert _device(kind).seconds([_launched(does, times)], itemsize) == pytest.approx(wanted * 1e-6, rel=_ROUNDED)
    for works, wanted in _STATEMENTS:
        assert _device("float32").seconds(works, 4) == pytest.approx(wanted * 1e-6, rel=_ROUNDED)
        kept = [work for work in works if not work[0].startswith("make")]
        assert _device("float32").seconds(works, 4, False) == _device("float32").seconds(kept, 4)
    double = _device("float64").seconds([("matmul", 1, 1, 32, 64, 32)], 8)
    assert double == pytest.approx((2 + 2 * _SMALL + 0.2 * 10.24) * 1e-6, rel=_ROUNDED)
    sizes = [_device(kind).itemsize for kind in ("float32", "float64", "int64")]
    assert sizes == [4, 8, 8]


def instructions_by_hand() -> None:
    """Of all threads; statements have none that are counted, and halves are converted."""
    works = [_launched(_FULL, 1), ("view", 1, 5), _launched(_MOVING, 2)]
    assert _device("float32").instructions(works, 4) == 512 * 240 + 2 * 600 * 102
    assert _device("float32").instructions(works[:1], 2) == 512 * 252
    assert _device("float32").instructions(works[1:2], 4) == 0
