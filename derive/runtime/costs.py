"""What an algorithm's counts cost on this machine, in seconds of one thread.

An algorithm says what it does as tuples (kind, times, sizes...), see `_work` in its module; the machine says how long a call, an
operation and a byte take. Working arrays that fit in the second-level cache are read from there, larger ones from memory. Of a
product whose larger side is beyond the cache, that side is read from memory and packed; small products read it as they multiply.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .machine import Machine

__all__ = ["Counted", "counted", "held_by", "seconds"]

_CACHE = 1 << 20  # bytes: what a second-level cache holds at least on processors of today
_AHEAD = 4  # times the cache: what is written and read in order is fetched ahead of its use
_ROWS = 4  # rows below which a product's registers are filled in part
_LINE = 64  # bytes that an entry costs where none of its neighbours is used
_UNPACKED = 10**6  # products of numbers: a smaller matrix product of OpenBLAS doesn't pack its sides
_VIEWS = 9  # calls on next to nothing that the views of a statement take as long as
_RUN = 0.01  # calls on next to nothing that a run of a copy takes as long as, besides its elements
_PATH = 60  # calls on next to nothing that finding the order of a contraction takes as long as
_FAR = 4  # so many times more are worked on as fast as memory is
Work = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """Operations of floating point, bytes that working arrays move, and calls of NumPy."""

    operations: int
    bytes: int
    calls: int


def _rate(room: int, machine: "Machine") -> float:
    """Bytes a second where so many bytes are worked on."""
    if room <= _CACHE:
        return machine.cached_bytes
    share = min(1.0, (room / _CACHE - 1) / (_FAR - 1))
    return float(machine.cached_bytes ** (1 - share) * machine.dram_bytes**share)


def held_by(works: Iterable[Work]) -> int:
    """How many elements the working arrays have."""
    return sum(sizes[0] for kind, _, *sizes in works if kind == "room")


def seconds(works: Iterable[Work], room: int, itemsize: int, machine: "Machine", fixed: bool) -> float:
    """How long it takes; `room` is what the working arrays take together, in bytes. `fixed` counts what is made of weights."""
    rate, ahead = _rate(room, machine), _rate(room // _AHEAD, machine)
    wanted = [work for work in works if work[0] != "room" and (fixed or not work[0].startswith("make"))]
    rates = {"again": ahead, "near": ahead}
    return sum(_seconds(work, rates.get(work[0], rate), itemsize, machine) for work in wanted)


def _seconds(work: Work, rate: float, itemsize: int, machine: "Machine") -> float:
    kind, times, *sizes = work
    call = machine.ufunc_call
    if kind in ("matmul", "near", "phased"):
        return _multiplied(work, rate, itemsize, machine)
    if kind == "contract":
        rows, inner, columns = sizes
        one = 2.0 * rows * inner * columns / machine.flop_rate(itemsize, rows, inner, columns)
        whole = itemsize * inner * columns
        packed = whole * (1 / machine.dram_bytes + 2 / machine.cached_bytes) if times * whole > _CACHE else 0.0
        return float(times * (_PATH * call + one + packed))
    if kind == "total":
        parts, elements = sizes
        return float(times * max(1, parts - 1) * (call + 3 * elements * itemsize / rate))
    if kind in ("fft", "make fft"):
        return _transformed(times, sizes, itemsize if kind == "fft" else 8, machine)
    if kind == "weigh":
        parts, runs, elements = sizes
        return float(times * (2 * _VIEWS * call + parts * runs * (0.01 * call + 5 * elements * itemsize / rate)))
    if kind == "again":
        copies, runs, elements = sizes
        one = runs * (_RUN * call + elements * itemsize * 2 / rate)
        return float(times * (_VIEWS * call + copies * one))
    if kind == "fold":
        parts, elements = sizes
        return float(times * (parts - 1) * (call + 3 * elements * itemsize / rate))
    return _moved(kind, times, sizes[0], rate, itemsize, machine)


def _multiplied(work: Work, rate: float, itemsize: int, machine: "Machine") -> float:
    """Matrix products; those of rows that share memory are as small as what isn't packed."""
    kind, times, *sizes = work
    call = machine.ufunc_call
    if kind == "phased":
        products, phases, rows, inner, columns = sizes
        calls = phases * -(-rows // (phases * max(1, _UNPACKED // (inner * columns))))
        return _multiplied(
            ("near", times * calls, products, -(-rows // calls), inner, columns), rate, itemsize, machine
        )
    products, rows, inner, columns = sizes
    one = 2.0 * rows * inner * columns / machine.flop_rate(itemsize, rows, inner, columns)
    if kind == "near":
        one /= min(1.0, rows / _ROWS)
    largest = 0 if kind == "near" else products * inner * max(rows, columns) * itemsize
    read = largest / machine.dram_bytes if largest > _CACHE else 0.0
    if rows * inner * columns <= _UNPACKED:
        one = max(one, read / products)
    elif kind == "near":
        one += 4 * inner * columns * itemsize / machine.cached_bytes
    elif read:
        one += (read + 2 * largest / machine.cached_bytes) / products
    far = 1 / rate - 1 / machine.cached_bytes  # what the rates of products, measured in cache, leave out
    one += far * itemsize * columns * (inner + rows)
    return float(times * (machine.matmul_call + _VIEWS * call + products * (0.15 * call + one)))


def _moved(kind: str, times: Any, elements: Any, rate: float, itemsize: int, machine: "Machine") -> float:
    """What moves so many elements and does little else."""
    call = machine.ufunc_call
    if kind == "view":
        return float(times * 3 * _VIEWS * call)
    if kind == "gather":
        return float(times * (_VIEWS * call + elements * _LINE / machine.dram_bytes))
    if kind == "sweep":
        return float(times * (_VIEWS * call + 6 * elements * itemsize / rate))
    if kind == "held":
        return float(times * (_VIEWS * call + elements * itemsize / machine.dram_bytes))
    if kind == "store":
        return float(times * (_VIEWS * call + elements * itemsize * (1 / rate + 1 / machine.dram_bytes)))
    return float(times * (4 * _VIEWS * call + elements * itemsize * (1 / machine.copied_bytes + 1 / rate)))


def _transformed(times: Any, sizes: Any, itemsize: int, machine: "Machine") -> float:
    """Calls of np.fft: each makes its table of roots anew, which takes as long as two transforms."""
    transforms, length = sizes
    return float(times * (14 * machine.ufunc_call + (transforms + 2) * machine.fft_seconds(itemsize, length)))


def counted(works: Iterable[Work], itemsize: int) -> Counted:
    """The same counts, added up."""
    operations = bytes_ = calls = 0
    for kind, times, *sizes in works:
        if kind == "room" or kind.startswith("make"):
            continue
        calls += times
        if kind in ("matmul", "near", "phased"):
            products, *_, rows, inner, columns = sizes
            operations += times * products * 2 * rows * inner * columns
            bytes_ += times * products * itemsize * (rows * inner + inner * columns + rows * columns)
        elif kind == "contract":
            rows, inner, columns = sizes
            operations += times * 2 * rows * inner * columns
            bytes_ += times * itemsize * (rows * inner + inner * columns + rows * columns)
        elif kind in ("total", "fold"):
            parts, elements = sizes
            operations += times * (parts - 1) * elements
            bytes_ += times * (parts - 1) * 3 * elements * itemsize
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
