"""Programs in blocks in a test: which subjects have them, sizes at which some blocks are inside, and launches that take them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest

from tests.ladder.subjects import Sizes, Subject, subject

__all__ = [
    "BLOCKED",
    "SLOPES",
    "TILED",
    "blocks",
    "compiled_tiles",
    "sizes_in_blocks",
    "sizes_in_tiles",
    "strips_of",
    "tiles",
    "tiles_of",
]

ROWS = 2
GRID = {"n": 13, "m": 24, "p": 16, "C": 8, "D": 8, "R": 2}


@cache
def strips_of(name: str) -> tuple[Any, ...]:
    """The kernels in blocks of a layer's module: its own first, if it has one."""
    return _launchers(name, "CudaStrips")


@cache
def tiles_of(name: str) -> tuple[Any, ...]:
    """The kernels in tiles of a layer's module: its own first, if it has one."""
    return _launchers(name, "CudaTiles")


def _launchers(name: str, kind: str) -> tuple[Any, ...]:
    module = subject(name, "cupy").kernel.body.__globals__
    return tuple(value for value in module.values() if type(value).__name__ == kind)


BLOCKED = (
    *(
        "average_pool2d",
        "causal1d",
        "conv1d",
        "conv2d",
        "conv3d",
        "depthwise2d",
        "diamond2d",
        "dilated2d",
        "hexagonal2d",
    ),
    *("isotropic2d", "laplacian2d", "periodic2d", "reflect2d", "separable2d", "strided2d", "valid2d"),
)
# Besides those the gradients by the input of layers whose own program has none.
SLOPES = ("conv2d_channels_du", "global_pool2d", "transposed2d")
TILED = (
    *("conv2d_channels", "conv2d_channels_dX", "deepsets1d", "dense2d", "fully_connected", "grouped2d", "p4_conv2d"),
    *("p4_lifting2d", "pointwise2d"),
)


def sizes_in_blocks(of: Subject, aligned: bool = True) -> Sizes:
    """Sizes at which blocks are inside and at the edges; rows hold a whole number of wide accesses, or don't."""
    known = GRID if aligned else {k: v - (k in "mpC") for k, v in GRID.items()}
    found = {s: known.get(s.name, 1) for s in of.form.sizes}
    if len(of.form.input.axes) == 1:
        found = {s: (24 if aligned else 23) if s.name == "n" else v for s, v in found.items()}
    return found


def sizes_in_tiles(of: Subject, aligned: bool = True) -> Sizes:
    """Sizes at which tiles of 2 × 8 places and 8 weights are inside and at the edges, in chunks of 3 with a rest.

    Results hold a whole number of wide accesses, or don't.
    """
    weights = 20 if aligned else 17
    known = {"n": 6, "m": 20, "C": 4, "D": weights, "F": 2, "K": 4, "N": weights}
    if len(of.form.output.axes) == 1:
        known |= {"n": 17, "m": 9}
    return {s: known.get(s.name, 1) for s in of.form.sizes}


@contextmanager
def tiles(least: int = 0) -> Iterator[None]:
    """Launches in tiles of 2 × 2 threads, from so many results on."""
    runtime = sys.modules["derive_compiled._runtime.cuda"]
    small = {"_WORTH": least, "_FEW": (0, 0), "_ALONG": 2, "_ACROSS": 2, "_CHUNK": 3}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in small.items():
            patch.setattr(runtime, name, value)
        yield


def compiled_tiles(name: str) -> int:
    """How many texts of a layer's programs in tiles were compiled, each counted once."""
    return sum(bool(own._compiled) for own in tiles_of(name))


@contextmanager
def blocks(rows: int = ROWS, least: int = 0) -> Iterator[None]:
    """Launches in blocks of so many rows, from so many results on."""
    runtime = sys.modules["derive_compiled._runtime.cuda"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime, "_WORTH", least)
        patch.setattr(runtime, "_FILLING", 0)
        patch.setattr(runtime, "_ROWS", rows)
        yield
