"""What an algorithm's counts cost on this machine, in seconds of one thread.

An algorithm says what it does as tuples (kind, times, sizes...), see `_work` in its module; the machine says how long a call, an
operation and a byte take. Working arrays that fit in the second-level cache are read from there, larger ones from memory.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .machine import Machine

__all__ = ["Counted", "counted", "held_by", "seconds"]

_CACHE = 1 << 20  # bytes: what a second-level cache holds at least on processors of today
_VIEWS = 9  # calls on next to nothing that the views of a statement take as long as
_PATH = 60  # calls on next to nothing that finding the order of a contraction takes as long as
_FAR = 4  # so many times more are worked on as fast as memory is
Work = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """Operations of floating point, bytes that working arrays move, and calls of NumPy."""

    operations: int
    bytes: int
    calls: int


def _rate(room: int, machine: Machine) -> float:
    """Bytes a second where so many bytes are worked on."""
    if room <= _CACHE:
        return machine.cached_bytes
    share = min(1.0, (room / _CACHE - 1) / (_FAR - 1))
    return float(machine.cached_bytes ** (1 - share) * machine.dram_bytes**share)


def held_by(works: Iterable[Work]) -> int:
    """How many elements the working arrays have."""
    return sum(sizes[0] for kind, _, *sizes in works if kind == "room")


def seconds(works: Iterable[Work], room: int, itemsize: int, machine: Machine, fixed: bool) -> float:
    """How long it takes; `room` is what the working arrays take together, in bytes. `fixed` counts what is made of weights."""
    rate = _rate(room, machine)
    wanted = [work for work in works if work[0] != "room" and (fixed or work[0] != "make")]
    return sum(_seconds(work, rate, itemsize, machine) for work in wanted)


def _seconds(work: Work, rate: float, itemsize: int, machine: Machine) -> float:
    kind, times, *sizes = work
    call = machine.ufunc_call
    if kind == "matmul":
        products, rows, inner, columns = sizes
        one = 2.0 * rows * inner * columns / machine.flop_rate(itemsize, rows, inner, columns)
        whole = itemsize * inner * columns
        one += whole / machine.dram_bytes if whole > _CACHE else 0.0
        far = 1 / rate - 1 / machine.cached_bytes  # what the rates of products, measured in cache, leave out
        one += far * itemsize * columns * (inner + rows)
        return float(times * (machine.matmul_call + _VIEWS * call + products * (0.15 * call + one)))
    if kind == "contract":
        rows, inner, columns = sizes
        one = 2.0 * rows * inner * columns / machine.flop_rate(itemsize, rows, inner, columns)
        whole = itemsize * inner * columns
        one += whole / machine.dram_bytes if whole > _CACHE else 0.0
        return float(times * (_PATH * call + one))
    if kind == "total":
        parts, elements = sizes
        return float(times * max(1, parts - 1) * (call + 3 * elements * itemsize / rate))
    if kind == "weigh":
        parts, runs, elements = sizes
        return float(times * (2 * _VIEWS * call + parts * runs * (0.01 * call + 5 * elements * itemsize / rate)))
    if kind == "fold":
        parts, elements = sizes
        return float(times * (parts - 1) * (call + 3 * elements * itemsize / rate))
    (elements,) = sizes
    if kind == "view":
        return float(times * 3 * _VIEWS * call)
    if kind == "sweep":
        return float(times * (_VIEWS * call + 6 * elements * itemsize / rate))
    if kind == "store":
        return float(times * (_VIEWS * call + elements * itemsize * (1 / rate + 1 / machine.dram_bytes)))
    return float(times * (4 * _VIEWS * call + elements * itemsize * (1 / machine.copied_bytes + 1 / rate)))


def counted(works: Iterable[Work], itemsize: int) -> Counted:
    """The same counts, added up."""
    operations = bytes_ = calls = 0
    for kind, times, *sizes in works:
        if kind in ("room", "make"):
            continue
        calls += times
        if kind == "matmul":
            products, rows, inner, columns = sizes
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
        elif kind == "weigh":
            parts, runs, elements = sizes
            operations += 2 * times * parts * runs * elements
            bytes_ += times * parts * 3 * runs * elements * itemsize
        elif kind != "view":
            operations += 2 * times * sizes[0] if kind == "sweep" else 0
            bytes_ += times * 2 * sizes[0] * itemsize
    return Counted(int(operations), int(bytes_), int(calls))
