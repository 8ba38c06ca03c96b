"""Programs in blocks in a test: which subjects have them, sizes at which some blocks are inside, and launches that take them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest

from tests.ladder.subjects import Sizes, Subject, subject

__all__ = ["BLOCKED", "SLOPES", "blocks", "sizes_in_blocks", "strips_of"]

ROWS = 2
GRID = {"n": 13, "m": 24, "p": 16, "C": 8, "D": 8, "R": 2}


@cache
def strips_of(name: str) -> tuple[Any, ...]:
    """The kernels in blocks of a layer's module: its own first, if it has one."""
    module = subject(name, "cupy").kernel.body.__globals__
    return tuple(value for value in module.values() if type(value).__name__ == "CudaStrips")


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


def sizes_in_blocks(of: Subject, aligned: bool = True) -> Sizes:
    """Sizes at which blocks are inside and at the edges; rows hold a whole number of wide accesses, or don't."""
    known = GRID if aligned else {k: v - (k in "mpC") for k, v in GRID.items()}
    found = {s: known.get(s.name, 1) for s in of.form.sizes}
    if len(of.form.input.axes) == 1:
        found = {s: (24 if aligned else 23) if s.name == "n" else v for s, v in found.items()}
    return found


@contextmanager
def blocks(rows: int = ROWS, least: int = 0) -> Iterator[None]:
    """Launches in blocks of so many rows, from so many results on."""
    runtime = sys.modules["derive_compiled._runtime.cuda"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime, "_WORTH", least)
        patch.setattr(runtime, "_FILLING", 0)
        patch.setattr(runtime, "_ROWS", rows)
        yield
