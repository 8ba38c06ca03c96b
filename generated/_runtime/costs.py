"""What an algorithm's counts cost on this machine, in seconds of one thread.

An algorithm says what it does as tuples (kind, times, sizes...), see `_work` in its module; the machine says how long a call, an
operation and a byte take. Working arrays that fit in the second-level cache are read from there, larger ones from memory: what a
tile reads and writes besides has a share of the cache too, so that they begin to leave it at half of its size, and what it doesn't
keep of them from one call to the next is brought in and written back anew. Of a product whose larger side is beyond the cache,
that side is read from memory and packed; small products read it as they multiply.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .gpu import Device

if TYPE_CHECKING:
    from .machine import Machine

__all__ = ["Counted", "allocated_by", "brought", "counted", "held_by", "seconds", "swept_by", "worked_by"]

_CACHE = 1 << 20  # bytes: what a second-level cache holds at least on processors of today
_KEPT = 1 << 18  # bytes of working arrays that are there still when the next call begins
_AHEAD = 4  # times the cache: what is written and read in order is fetched ahead of its use
_LINE = 64  # bytes that an entry costs where none of its neighbours is used
_UNPACKED = 10**6  # products of numbers: a smaller matrix product of OpenBLAS doesn't pack its sides
_VIEWS = 9  # calls on next to nothing that the views of a statement take as long as
_HALO, _EDGE = 6, 5  # and those of a halo, and what fills it beyond an end of its source
_BEGUN = (
    0.01  # calls on next to nothing that a run of a copy takes as long as, and a row of a phase, besides their elements
)
_PATH = 60  # calls on next to nothing that finding the order of a contraction takes as long as
_SHARED, _FAR = 16, 64  # so many times more, a third-level cache holds, and are worked on as fast as memory is
_SWEPT, _SLICED = 5, 2.5  # calls on next to nothing that a sweep takes as long as, and each axis that it has slices of
_ROW = 0.045  # and each of its runs, which a product and a sum go through
_APART = 0.0017  # and an entry of a sweep whose entries are no neighbours
_PLAIN = 0.0035  # and an entry of a product that is no product of matrices to BLAS
_LENGTH = 0.03  # and a transform, besides its points
_CALLED = 24  # and a call of np.fft, besides its transforms
_BROKEN = 0.15  # and a run of results after which the next ones are elsewhere
_RUN = 256  # bytes of the runs by which copies are measured
Work = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """Operations of floating point, bytes that working arrays move, and calls of NumPy."""

    operations: int
    bytes: int
    calls: int


def _rate(room: int, machine: "Machine") -> float:
    """Bytes a second where so many bytes are worked on."""
    times = room / _CACHE
    near, far = min(1.0, max(0.0, times - 0.5)), min(1.0, max(0.0, (times - _SHARED) / (_FAR - _SHARED)))
    beyond = machine.shared_bytes ** (near - far) * machine.dram_bytes**far
    return float(machine.cached_bytes ** (1 - near) * beyond)


def held_by(works: Iterable[Work]) -> int:
    """How many elements the working arrays have."""
    return sum(sizes[0] for kind, _, *sizes in works if kind == "room")


def worked_by(works: Iterable[Work]) -> int:
    """How many elements a tile is worked on in, besides those of its results: arrays that live in the result are no more."""
    return sum(sizes[0] - sizes[1] for kind, _, *sizes in works if kind == "room")


def swept_by(works: Iterable[Work]) -> int:
    """How many elements three arrays have of the largest size that sweeps go through: a factor, a product and a result."""
    return max(
        (3 * int(math.prod(sizes[:2]) if kind == "contract" else sizes[0]) for kind, _, *sizes in works), default=0
    )


def allocated_by(works: Iterable[Work]) -> tuple[int, int]:
    """How many elements direct sums allocate at once: a product, with both sides of a contraction as matrices; and what is gathered
    before, and stays.
    """
    taken, gathered = 0, 0
    for kind, _, *sizes in works:
        if kind == "contract":
            rows, inner, columns = sizes
            taken = max(taken, int(inner * (rows + columns) + rows * columns))
        elif kind == "sweep":
            taken = max(taken, int(sizes[0]))
        elif kind == "copy":
            gathered += int(sizes[0])
    return taken, gathered


def brought(room: int, fixed: bool) -> int:
    """How many bytes of working arrays cross memory: all that one call has made, else what isn't kept, in and out."""
    return room if fixed else 2 * max(0, room - _KEPT)


def seconds(works: Iterable[Work], room: int, itemsize: int, machine: "Machine | Device", fixed: bool) -> float:
    """How long it takes; `room` is how many bytes are worked on in a tile. `fixed` counts what is made of weights.

    Launches are a device's to say.
    """
    if isinstance(machine, Device):
        return machine.seconds(works, itemsize, fixed)
    rate, ahead = _rate(room, machine), _rate(room // _AHEAD, machine)
    wanted = [work for work in works if work[0] != "room" and (fixed or not work[0].startswith("make"))]
    rates = {"again": ahead, "near": ahead}
    return sum(_seconds(work, rates.get(work[0], rate), itemsize, machine) for work in wanted)


def _seconds(work: Work, rate: float, itemsize: int, machine: "Machine") -> float:
    kind, times, *sizes = work
    call = machine.ufunc_call
    if kind in ("matmul", "near", "phased"):
        return _multiplied(work, rate, itemsize, machine)
    if kind in ("contract", "sweep"):
        return _directly(work, rate, itemsize, machine)
    if kind in ("total", "doubled"):
        parts, elements = sizes
        additions = max(1, parts - 1) if kind == "total" else _doublings(parts)
        return float(times * additions * (2 * call + 3 * elements * itemsize / rate))
    if kind in ("fft", "make fft"):
        return _transformed(times, sizes, itemsize if kind == "fft" else 8, machine)
    if kind == "weigh":
        parts, runs, elements = sizes
        return float(times * (2 * _VIEWS * call + parts * runs * (0.01 * call + 5 * elements * itemsize / rate)))
    if kind == "again":
        copies, runs, elements = sizes
        one = runs * (_BEGUN * call + elements * itemsize * 2 / rate)
        return float(times * (_HALO * call + copies * one))
    if kind == "edge":
        return float(times * _EDGE * call)
    if kind == "held":
        elements, broken = sizes
        return float(times * ((_VIEWS + _BROKEN * broken) * call + elements * itemsize / machine.dram_bytes))
    if kind == "fold":
        parts, elements = sizes
        return float(times * (parts - 1) * (call + 3 * elements * itemsize / rate))
    if kind in ("copy", "make copy"):
        elements, run = sizes
        begun = max(
            _BEGUN * call, _RUN * (1 / machine.copied_bytes - 2 / machine.cached_bytes)
        )  # what is lost with each run
        return float(times * (2 * _VIEWS * call + elements * (begun / max(1, run) + 2 * itemsize / rate)))
    return _moved(kind, times, sizes[0], rate, itemsize, machine)


def _directly(work: Work, rate: float, itemsize: int, machine: "Machine") -> float:
    """Sums as they are written: a contraction, or a product of slices that is added to slices."""
    kind, times, *sizes = work
    call = machine.ufunc_call
    if kind == "contract":
        rows, inner, columns = sizes
        one = _product(rows, inner, columns, rate, itemsize, machine)
        whole = itemsize * inner * columns
        packed = whole * (1 / machine.dram_bytes + 2 / machine.cached_bytes) if times * whole > _CACHE else 0.0
        sides = itemsize * inner * (rows + columns) if times > 1 else 0  # copied as matrices, unless they are whole
        copied = sides / machine.copied_bytes + sides / (machine.dram_bytes if sides > _CACHE else rate)
        return float(times * (_PATH * call + one + packed + copied))
    elements, run, axes, apart = sizes
    overhead = (_SWEPT + _SLICED * axes + _ROW * elements / max(1, run) + _APART * elements * apart) * call
    return float(times * (overhead + 5 * elements * itemsize / rate))


def _product(rows: Any, inner: Any, columns: Any, rate: float, itemsize: int, machine: "Machine") -> float:
    """One product of matrices in BLAS; that of a matrix by a vector takes as long as reading the matrix."""
    if 0 in (rows, inner, columns):
        return 0.0
    if min(rows, columns) == 1:
        return float((rows + columns) * inner * itemsize / rate + (rows + columns) * itemsize / rate)
    return 2.0 * float(rows * inner * columns) / machine.flop_rate(itemsize, rows, inner, columns)


def _multiplied(work: Work, rate: float, itemsize: int, machine: "Machine") -> float:
    """Matrix products: those of rows that share memory are as small as what isn't packed, those of one column are a plain loop."""
    kind, times, *sizes = work
    call = machine.ufunc_call
    if kind == "phased":
        products, phases, rows, inner, columns = sizes
        calls = phases * -(-rows // (phases * max(1, _UNPACKED // (inner * columns))))
        begun = float(times * products * rows * _BEGUN * call)  # rows of a phase have those of others between them
        return begun + _multiplied(
            ("near", times * calls, products, -(-rows // calls), inner, columns), rate, itemsize, machine
        )
    products, rows, inner, columns, *held = sizes
    one = _product(rows, inner, columns, rate, itemsize, machine)
    if inner == 1:
        one = _PLAIN * call * rows * columns
    largest = 0 if kind == "near" else products * inner * max(rows, columns) * itemsize
    read = largest / machine.dram_bytes if largest > _CACHE and held[0] * itemsize > _CACHE else 0.0
    if rows * inner * columns <= _UNPACKED:
        one = max(one, read / products)
    elif kind == "near":
        one += 4 * inner * columns * itemsize / machine.cached_bytes
    else:
        side = inner * max(rows, columns) * itemsize
        packed = 2 * side / machine.cached_bytes if side >= _CACHE else 0.0
        one += read / products + packed
    left = 1 / rate - 1 / machine.cached_bytes  # what the rates of products, measured in cache, leave out
    one += left * itemsize * columns * (inner + rows)
    return float(times * (machine.matmul_call + _VIEWS * call + products * (0.15 * call + one)))


def _doublings(parts: int) -> int:
    """How many additions make a sum of so many parts, each of two sums that are there already."""
    return max(0, parts.bit_length() + parts.bit_count() - 2)


def _moved(kind: str, times: Any, elements: Any, rate: float, itemsize: int, machine: "Machine") -> float:
    """What moves so many elements and does little else."""
    call = machine.ufunc_call
    if kind == "view":
        moved = elements * itemsize / _rate(times * elements * itemsize, machine)  # what is in place is read once
        return float(times * (_HALO * call + moved))
    if kind == "fill":
        return float(times * (_VIEWS * call + 2 * elements * itemsize / rate))
    if kind == "gather":
        return float(times * (_VIEWS * call + elements * _LINE / machine.dram_bytes))
    if kind == "turned":
        return float(times * (_VIEWS * call + elements * (_LINE / rate + itemsize / machine.dram_bytes)))
    if kind == "store":
        return float(times * (_VIEWS * call + elements * itemsize * (1 / rate + 1 / machine.dram_bytes)))
    return float(times * (4 * _VIEWS * call + elements * itemsize * (1 / machine.copied_bytes + 1 / rate)))


def _transformed(times: Any, sizes: Any, itemsize: int, machine: "Machine") -> float:
    """Calls of np.fft: each makes its table of roots anew, which takes as long as two transforms."""
    transforms, length = sizes
    one = _LENGTH * machine.ufunc_call + machine.fft_seconds(itemsize, length)
    return float(times * (_CALLED * machine.ufunc_call + (transforms + 2) * one))


def counted(works: Iterable[Work], itemsize: int) -> Counted:
    """The same counts, added up."""
    operations = bytes_ = calls = 0
    for kind, times, *sizes in works:
        if kind in ("room", "edge") or kind.startswith("make"):
            continue
        calls += times
        if kind == "launch":
            threads, _, products, *_, moved = sizes
            operations += times * 2 * threads * products
            bytes_ += times * moved * itemsize
        elif kind in ("matmul", "near", "phased"):
            products, *_, rows, inner, columns = sizes if kind != "matmul" else sizes[:-1]
            operations += times * products * 2 * rows * inner * columns
            bytes_ += times * products * itemsize * (rows * inner + inner * columns + rows * columns)
        elif kind == "contract":
            rows, inner, columns = sizes
            operations += times * 2 * rows * inner * columns
            bytes_ += times * itemsize * (rows * inner + inner * columns + rows * columns)
        elif kind in ("total", "fold", "doubled"):
            parts, elements = sizes
            added = _doublings(parts) if kind == "doubled" else parts - 1
            operations += times * added * elements
            bytes_ += times * added * 3 * elements * itemsize
        elif kind == "fft":
            transforms, length = sizes
            operations += int(times * transforms * 2.5 * length * math.log2(max(2, length)))
            bytes_ += times * transforms * 2 * length * itemsize
        elif kind == "weigh":
            parts, runs, elements = sizes
            operations += 2 * times * parts * runs * elements
            bytes_ += times * parts * 3 * runs * elements * itemsize
        elif kind == "again":
            copies, runs, elements = sizes
            bytes_ += times * 2 * copies * runs * elements * itemsize
        elif kind != "view":
            operations += 2 * times * sizes[0] if kind == "sweep" else 0
            bytes_ += times * 2 * sizes[0] * itemsize
    return Counted(int(operations), int(bytes_), int(calls))
