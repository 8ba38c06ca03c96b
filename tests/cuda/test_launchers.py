"""What launches are made of: the width of accesses, grids and blocks, types of scalars; and the last sizes that have one."""

from __future__ import annotations

from math import prod
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from derive.runtime.cuda import MOST_BLOCKS, UNROLLED
from tests.cuda.killing import runtime_module

MOST, NARROW = "a grid has not so many blocks", "its indices of 32 bits are proved to fit up to 2**28, and a size is {}"


class Recorder:
    """Stands for CuPy where nothing is run: keeps what would be compiled and launched."""

    def __init__(self) -> None:
        self.cuda = SimpleNamespace(Device=lambda: SimpleNamespace(id=0))
        self.launches: list[tuple[Any, ...]] = []

    def RawModule(self, *, code: str, options: tuple[str, ...]) -> Any:
        def function(grid: Any, block: Any, arguments: Any) -> None:
            numbers = dict(o.removeprefix("-D").split("=") for o in options if "=" in o)
            self.launches.append((numbers, grid, block, [type(a) for a in arguments if isinstance(a, np.generic)]))

        return SimpleNamespace(get_function=lambda name: function)


def entries(dtype: str, *shape: int, at: int = 256) -> Any:
    """An array at an address."""
    return SimpleNamespace(shape=shape, dtype=np.dtype(dtype), data=SimpleNamespace(ptr=at), size=prod(shape))


def made(module: str, kind: str, *rest: Any, **named: Any) -> tuple[Recorder, Any]:
    """A launcher of that class, and what it would launch."""
    xp = Recorder()
    return xp, getattr(runtime_module(module), kind)(xp, "", "k", *rest, **named)


# What neighbours are one access of: the type, extents of the last axis and addresses of two arrays, and how many.
WIDTHS = (
    ("float32", (24, 24), (256, 512), 4),
    ("float32", (24, 24), (260, 512), 1),
    ("float32", (24, 24), (256, 520), 1),
    ("float32", (22, 24), (256, 512), 1),
    ("float32", (24, 26), (256, 512), 1),
    ("float64", (24, 24), (272, 512), 2),
    ("float64", (22, 24), (272, 512), 2),
    ("float64", (24, 24), (264, 512), 1),
    ("float16", (24, 24), (264, 512), 4),
    ("float16", (24, 24), (260, 512), 1),
)


def _arrays(dtype: str, extents: tuple[int, int], at: tuple[int, int]) -> list[Any]:
    """The input, a constant, which has the type that computes, and the result."""
    one, other = (entries(dtype, 3, e, at=place) for e, place in zip(extents, at, strict=True))
    return [one, entries("int64", 3), other]


@pytest.mark.parametrize("case", WIDTHS)
def test_accesses_are_as_wide_as_all_arrays_allow(case: Any) -> None:
    dtype, extents, at, wanted = case
    arrays = _arrays(dtype, extents, at)
    xp, strips = made("cuda", "CudaStrips", ("R", "S", "W"))
    strips((2, 4), (24, 7, 2), arrays, (1,), (arrays[0], arrays[2]))
    other, halos = made("halos", "CudaHalos", ("R_", "P_", "Q_", "W"))
    halos((8, 2, 32), (7, 24), 1, arrays, (1,), (arrays[0], arrays[2]), Delta=1)
    assert xp.launches[-1][0]["S"] == str(wanted)
    for told, *_ in (*xp.launches, *other.launches):
        assert told["W"] == str(wanted)
        assert told["stored"] == {"float16": "__half", "float32": "float", "float64": "double"}[dtype]


def test_strips() -> None:
    xp, own = made("cuda", "CudaStrips", ("R", "S", "W"))
    arrays = _arrays("float32", (24, 24), (256, 512))
    for knobs, extents, grid, block in (
        ((2, 4), (24, 7, 2), (1, 1, 2), (32, 4)),
        ((2, 4), (24, 4, 1), (1, 1, 1), (32, 4)),
        ((2, 4), (24, 2, 3), (1, 1, 3), (128, 1)),
        ((2, 4), (600, 9, 1), (5, 2, 1), (32, 4)),
    ):
        own(knobs, extents, arrays, (1, 2), arrays[:1], Delta=1)
        told, *where, scalars = xp.launches.pop()
        assert (*where, scalars) == (grid, block, [np.int32] * 2)
        assert {key: told[key] for key in ("R", "S", "W", "Delta")} == {"R": "2", "S": "4", "W": "4", "Delta": "1"}
    own((2, 2), (24, 7, 2), arrays, (), arrays[:1])
    assert xp.launches[-1][0]["W"] == "2"
    own((2, 4), (600, 9, 1), arrays, (), _arrays("float32", (24, 23), (256, 512)))
    assert xp.launches[-1][1:3] == ((19, 2, 1), (32, 4)) and xp.launches[-1][0]["S"] == "1"
    xp, row = made("cuda", "CudaStrips", ("S", "W"), narrow=False)
    row((4,), (600, 5, 1), arrays, (1,), arrays[:1])
    assert xp.launches[-1][1:] == ((5, 2, 1), (32, 4), [np.int64])


def test_the_last_strips() -> None:
    _, own = made("cuda", "CudaStrips", ("R", "S", "W"))
    _, wide = made("cuda", "CudaStrips", ("R", "S", "W"), narrow=False)
    assert own.lacks((8, 4), (8, 8, 1), UNROLLED // 32, (8,)) == ""
    assert own.lacks((8, 4), (8, 8, 1), UNROLLED // 32 + 1, (8,)).startswith("2080 products")
    assert [own.lacks((1, 4), (8, 8, z), 9, (8,)) for z in (65535, 65536)] == ["", MOST]
    assert [own.lacks((1, 4), (8, 4 * y, 1), 9, (8,)) for y in (65535, 65536)] == ["", MOST]
    assert [wide.lacks((1, 4), (128 * x, 8, 1), 9, (8,)) for x in (MOST_BLOCKS, MOST_BLOCKS + 1)] == ["", MOST]
    for extents, sizes in (((2**28, 8, 1), (8, 8)), ((8, 8, 1), (2**28, 8)), ((8, 8, 1), (8, 2**28))):
        assert own.lacks((1, 4), extents, 9, sizes) == ""
        more = [tuple(e + (e == 2**28) for e in told) for told in (extents, sizes)]
        assert own.lacks((1, 4), more[0], 9, more[1]) == NARROW.format(2**28 + 1)


def test_tiles() -> None:
    xp, own = made("cuda", "CudaTiles", ("P", "Q", "K", "W"), (8, 4))
    for (shape, at), width in {
        ((3, 20), 256): "4",
        ((20, 3), 256): "1",
        ((3, 17, 20), 256): "4",
        ((3, 20), 264): "1",
        ((3, 17), 256): "1",
    }.items():
        result = entries("float32", *shape, at=at)
        own((2, 4, 3), (6, 20), 20, 2, [result], (1, 2), result)
        told, grid, block, scalars = xp.launches.pop()
        assert (grid, block, scalars) == ((3 * 3 * 2 * 2,), (4, 2), [np.int32] * 2)
        assert {key: told[key] for key in "PQKW"} == {"P": "2", "Q": "4", "K": "3", "W": width}
    xp, wide = made("cuda", "CudaTiles", ("P", "Q", "K", "W"), (8, 4), narrow=False)
    halves = entries("float16", 3, 20, at=264)
    wide((2, 4, 3), (20,), 20, 2, [halves], (1,), halves)
    assert xp.launches[-1][1:] == ((2 * 2 * 2,), (4, 2), [np.int64])
    assert xp.launches[-1][0]["W"] == "4"


def test_the_last_tiles() -> None:
    _, own = made("cuda", "CudaTiles", ("P", "Q", "K", "W"), (8, 4))
    _, wide = made("cuda", "CudaTiles", ("P", "Q", "K", "W"), (8, 4), narrow=False)
    assert [wide.lacks((2, 4, 3), (2, 8), 16, z, (8,)) for z in (MOST_BLOCKS, MOST_BLOCKS + 1)] == ["", MOST]
    for k in range(4):
        told = [8] * 5
        told[k] = 2**28 + 1
        assert own.lacks((2, 4, 3), told[:2], 16, told[2], told[3:]) == NARROW.format(2**28 + 1)


def test_halos() -> None:
    xp, own = made("halos", "CudaHalos", ("R_", "P_", "Q_", "W"))
    arrays = _arrays("float32", (24, 24), (256, 512))
    own((8, 2, 32), (17, 65), 3, arrays, (1, 2), arrays[:1], Delta=1)
    told, *launch = xp.launches.pop()
    assert launch == [(2 * 3 * 3,), (32, 2), [np.int32] * 2]
    assert [told[key] for key in ("R_", "P_", "Q_", "W", "Delta")] == ["8", "2", "32", "4", "1"]
    xp, wide = made("halos", "CudaHalos", ("R_", "P_", "Q_", "W"), narrow=False)
    wide((8, 2, 32), (1030,), 3, arrays, (1,), arrays[:1])
    assert xp.launches[-1][1:] == ((3 * 3,), (32, 2), [np.int64])


def test_the_last_halos() -> None:
    _, own = made("halos", "CudaHalos", ("R_", "P_", "Q_", "W"))
    _, wide = made("halos", "CudaHalos", ("R_", "P_", "Q_", "W"), narrow=False)
    settings = (8, 1, 32)
    assert own.lacks(settings, (8, 8), 1, 6128, 24, (8,)) == ""
    assert own.lacks(settings, (8, 8), 1, 6129, 24, (8,)).startswith("a tile with its halo has 6129 cells")
    assert own.lacks(settings, (8, 8), 1, 9, UNROLLED, (8,)) == ""
    assert own.lacks(settings, (8, 8), 1, 9, UNROLLED + 1, (8,)).startswith(f"{UNROLLED + 1} products")
    assert [wide.lacks(settings, (8, 32), z, 9, 9, (8,)) for z in (MOST_BLOCKS, MOST_BLOCKS + 1)] == ["", MOST]
    for k in range(5):
        told = [8] * 5
        told[k] = 2**28 + 1
        assert own.lacks(settings, told[:2], told[2], 9, 9, told[3:]) == NARROW.format(2**28 + 1)


def test_the_last_parts() -> None:
    _, own = made("cuda", "CudaParts", "fold", along=1)
    _, whole = made("cuda", "CudaParts", "fold")
    assert [own.lacks(results, (1, 4096), 2048) for results in (63, 64)] == ["", "64 results keep a device busy"]
    assert [whole.lacks(results, (2, 4096), 2048) for results in (1024, 2048)] == [
        "",
        "2048 results keep a device busy",
    ]
    assert whole.chunks(1024, (2, 4096), 2048).parts == 2
    assert own.chunks(1, (1, 4100), 2048).lengths == (1, 17 * 32)  # lanes take whole turns
