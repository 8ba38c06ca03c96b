"""Programs in blocks in a test: which subjects have them, sizes at which some blocks are inside, and launches that take them."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

import pytest

from tests.ladder.subjects import Sizes, Subject, subject

__all__ = [
    "BLOCKED",
    "HALOED_SLOPES",
    "PASSED",
    "SLOPES",
    "TILED",
    "blocks",
    "compiled_tiles",
    "designed",
    "direct",
    "halos",
    "halos_of",
    "sizes_in_blocks",
    "sizes_in_halos",
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


@cache
def halos_of(name: str) -> tuple[Any, ...]:
    """The kernels of tiles with a halo of a layer's module, those that keep a first pass among them."""
    return _launchers(name, "CudaHalos")


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
# Of these all keep what they read in shared memory, and these keep a first pass too.
PASSED = ("separable2d",)
HALOED_SLOPES = ("transposed2d",)
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
def designed(name: str | None, *numbers: int) -> Iterator[None]:
    """Launches by the design of that name with these numbers for its last knobs, where it has them; else by one thread a result."""
    runtime = "derive_compiled._runtime"
    nothing = sys.modules[f"{runtime}.planning"].Choice(None, {})

    def choose(of: Any, sizes: dict[str, int], types: Any) -> Any:
        for design in of.algorithms:
            if design.name == name:
                knobs = dict(zip(design.knobs, numbers[-len(design.knobs) :], strict=True))
                return type(nothing)(design, knobs) if design.fits({**sizes, **knobs}) else nothing
        return nothing

    with pytest.MonkeyPatch.context() as patch:
        for module in ("kernel", "gradients"):
            patch.setattr(sys.modules[f"{runtime}.{module}"], "choose_design", choose)
        yield


def direct() -> AbstractContextManager[None]:
    """Launches of one thread a result."""
    return designed(None)


def tiles() -> AbstractContextManager[None]:
    """Launches in tiles of 2 × 2 threads, and in chunks of 3."""
    return designed("tiles", 2, 2, 3)


def sizes_in_halos(of: Subject, aligned: bool = True) -> Sizes:
    """Sizes at which tiles of 8 rows of 32 places are inside and at the edges; rows hold whole wide accesses, or don't."""
    known: dict[str, int] = {"n": 27, "m": 104, "p": 104, "C": 72, "R": 2, "Delta": 1}
    form = of.form
    if len(form.input.axes) == 1:
        known["n"] = 1032
    if len(form.input.axes) == 3:
        known |= {"n": 3, "m": 27} if "p" in {s.name for s in form.sizes} else {"n": 4, "m": 26}
    last = {s.name for s in form.input.shape[-1].free_symbols}
    return {s: known.get(s.name, 1) - (s.name in last and not aligned) for s in form.sizes}


def halos(name: str = "halos", threads: int = 1) -> AbstractContextManager[None]:
    """Launches of tiles with a halo, of so many threads along rows."""
    return designed(name, 8, threads, 32)


def compiled_tiles(name: str) -> int:
    """How many texts of a layer's programs in tiles were compiled, each counted once."""
    return sum(bool(own._compiled) for own in tiles_of(name))


def blocks(rows: int = ROWS) -> AbstractContextManager[None]:
    """Launches in blocks of so many rows."""
    return designed("strips", rows, 4)
