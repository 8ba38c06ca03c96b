"""The table: what is timed, against whom, and the goal, as data.

`goal` is the ratio to beat: seconds of ours divided by those of the fastest of the row's peers. Rows without peers are there
for the time a pixel, which should not grow with the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from derive.bench.problem import Layer, Problem
from derive.bench.tried import TRIED
from derive.errors import UnknownName

__all__ = ["ROWS", "Row", "chosen"]

_TORCH = ("torch", "torch channels-last")
_LINE = (
    "np.correlate",
    "cv2.filter2D",
    "scipy.ndimage.correlate1d",
    "scipy.signal.correlate",
    "scipy.signal.oaconvolve",
    "torch",
)
_SPACE = ("numba loops", "scipy.ndimage.correlate", *_TORCH)
_SMALL, _LARGE = (1000, 1000), (4096, 4096)
_GROWING = {"4mp": (2048, 2048), "64mp": (8192, 8192)}
_STEM = (
    "The product alone takes 1.1 of 1.7 ms, at the machine's limit. Tried, against 1.57 ms by im2col in the same minutes: half of "
    "im2col, rows one after another, 1.40, which is kept; columns one after another in four phases, 1.60; Toeplitz products "
    "of 2 and 4 places, 1.65 and 2.21; a product for each row of taps, added up, 2.83; polyphase would add 30% of products to save "
    "as much in copies. Tiles of 14, 28, 56 and 112 rows take 1.63, 1.55, 1.59 and 1.60 ms; 28 are chosen, 14 were before what "
    "lives in the result counted as no room. Since then, half of im2col by 7, 14, 28 and 56 rows takes 1.70, 1.58, 1.54 and 1.52; "
    "the bias added to 112 places at once 5% less than place by place."
)
_DEEP = (
    "One pass of products over nine taps takes 0.34 ms and torch 0.09 in all. Tried, against 0.47 ms by one contraction for "
    "some rows, which is kept: products and sums by tiles of 1 to 28 rows, 0.53 to 1.12; the contraction in pieces for "
    "the first-level cache, 0.49 to 0.61; Winograd's F(2, 3) down the rows, 0.56 to 0.78; products on BLAS for 8 or 16 channels "
    "at a time, mostly of zeros, 1.75 to 2.20; Toeplitz products of 2 to 8 channels and places, 1.21 to 2.03. On a busy machine, "
    "where one contraction takes 0.70 and torch 0.17: channels first, 0.46 to transpose the input and 0.30 the result, with "
    "panels of shifts between, 0.32 to copy and 0.39 to multiply, or rows on BLAS, 0.45 for the products alone; runs of the 128 "
    "channels of a place, 0.85; sums over rows, then two flat additions, 0.60 to 0.67; the contraction on the input in place, with "
    "weights that are 0 where a tap would leave its row, 0.43, which needs a stage that reads past the end of a row. That is the "
    "contraction alone, 0.43 to 0.46 by 14, 28 or 56 rows, 0.44 to 0.64 by 28, 14, 8, 4 or 2 places, weights in the first-level "
    "cache then; for each row of taps, and added, 0.60 to 0.75; a product and a sum a tap on 1, 2, 4 or 8 rows 1.08, 0.74, "
    "0.56, 0.52. NumPy contracts four numbers at a time: three reads and a write for each of 0.9 million fours are 0.34 ms. "
    "With AVX2, on a busy machine where one contraction takes 1.49 and torch channels-last 2.39: products and sums on "
    "margined rows as flat arrays, weights repeated along them, by 1, 2 and 4 rows 3.61, 2.80 and 2.33; by blocks for the "
    "first-level cache of 14, 28 and 56 places of a row and of 8 rows 8.33, 4.86, 3.46 and 2.23; nine products of a row and"
    " one reduction 3.13; channels first with Toeplitz products of 8, 14 and 28 places a channel 7.59, 6.84 and 5.79, of "
    "three rows side by side 5.42 and 4.54; blocks of 4 and 8 channels on a diagonal 13.7 and 7.86."
)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table; `tried` is what the page says where the goal is missed."""

    name: str
    problem: Problem
    peers: tuple[str, ...] = ()
    goal: float | None = None
    tried: str = ""


def _windows(label: str, grid: tuple[int, int], peer: str, goals: dict[int, float], **more: Any) -> list[Row]:
    """One channel, square windows."""
    return [
        Row(f"{label}-{k}x{k}", Problem("conv2d", grid, (k, k), **more), (peer,), goal) for k, goal in goals.items()
    ]


def _batches(
    name: str, layer: Layer, goals: tuple[float, float], *sizes: Any, stride: int = 1, tried: str = ""
) -> list[Row]:
    """A layer with channels at batch 1 and 8."""
    grid, window, channels = sizes
    return [
        Row(
            f"{name}-b{batch}",
            Problem(layer, grid, window, channels=channels, batch=batch, stride=stride),
            _TORCH,
            goal,
            tried,
        )
        for batch, goal in zip((1, 8), goals, strict=True)
    ]


def _filters(side: int, channels: int, *goals: float) -> list[Row]:
    name = f"{channels}to{channels}-{side}x{side}"
    return _batches(name, "conv2d_channels", (goals[0], goals[1]), (side, side), (3, 3), (channels, channels))


_TABLE: tuple[Row, ...] = (
    *_windows("1mp", _SMALL, "cv2.filter2D", {3: 1.5, 5: 1.2, 7: 0.95, 11: 0.85, 31: 1.0}),
    *_windows("16mp", _LARGE, "cv2.filter2D", {3: 1.0, 7: 0.8, 11: 0.8}),
    *_windows("1mp-float64", _SMALL, "cv2.filter2D", {7: 0.6, 11: 0.7}, dtype="float64"),
    *(
        Row(f"separable-{k}", Problem("separable2d", _SMALL, (k, k), separable=True), ("cv2.sepFilter2D",), goal)
        for k, goal in ((5, 0.9), (11, 0.6), (31, 0.3))
    ),
    *_windows("ndimage", _SMALL, "scipy.ndimage.correlate", {3: 0.12, 5: 0.08, 7: 0.05}),
    *(Row(f"line-{k}", Problem("conv1d", (1_000_000,), (k,)), _LINE, 0.4) for k in (9, 101)),
    Row("volume-3x3x3", Problem("conv3d", (128, 128, 128), (3, 3, 3)), _SPACE, 0.7),
    *_filters(56, 64, 0.95, 0.9),
    *_filters(28, 128, 0.7, 0.85),
    *_filters(14, 256, 0.9, 0.8),
    *_filters(7, 512, 0.85, 1.2),
    *_batches("1x1-64to256", "pointwise2d", (1.05, 1.05), (56, 56), (1, 1), (64, 256)),
    *_batches(
        "7x7-stride2", {"kernel": 7, "stride": 2}, (1.5, 1.6), (224, 224), (7, 7), (3, 64), stride=2, tried=_STEM
    ),
    Row(
        "depthwise-128",
        Problem("depthwise2d", (56, 56), (3, 3), channels=(128, 128), batch=1, depthwise=True),
        _TORCH,
        1.4,
        _DEEP,
    ),
    Row(
        "64to64-float64-b8",
        Problem("conv2d_channels", (56, 56), (3, 3), dtype="float64", channels=(64, 64), batch=8),
        _TORCH,
        0.4,
    ),
    Row("32x32-3x3", Problem("conv2d", (32, 32), (3, 3)), ("scipy.ndimage.correlate",), 0.8),
    *(Row(f"{label}-{k}x{k}", Problem("conv2d", grid, (k, k))) for label, grid in _GROWING.items() for k in (3, 7, 11)),
)

ROWS: tuple[Row, ...] = tuple(replace(row, tried=row.tried or TRIED.get(row.name, "")) for row in _TABLE)


def chosen(names: Sequence[str]) -> tuple[Row, ...]:
    """The rows of these names: a row's, a layer's, a peer's, or a pattern such as `1mp-*`; all of them for none.

    Raises UnknownName for a name that none of them has.
    """
    for name in names:
        if not any(_called(row, name) for row in ROWS):
            known = ", ".join(row.name for row in ROWS)
            raise UnknownName(f"No row of the benchmark is called '{name}'; they are {known}.")
    return tuple(row for row in ROWS if not names or any(_called(row, name) for name in names))


def _called(row: Row, name: str) -> bool:
    return any(fnmatchcase(word, name) for word in (row.name, row.problem.derivation, *row.peers))
