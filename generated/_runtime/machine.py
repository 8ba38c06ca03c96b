"""The constants of the machine that predictions of time rest on, as `python -m derive calibrate` measured them, or as guessed.

They are kept as JSON in the user's cache folder: DERIVE_CACHE_DIR, or where this system keeps a user's caches. What can't be
read, isn't whole, or was measured on another processor is not used; `source` says so. Where OPENBLAS_CORETYPE makes BLAS use
another processor's kernels, a file of another name is meant.
"""

import json
import math
import os
import platform
import sys
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["FORMAT", "SIDES", "Machine", "cache_folder", "file_name", "load", "machine", "processor"]

FORMAT = 1
SIDES = (4, 12, 32, 96, 320)
_LOADED = 4096  # bytes of /proc/cpuinfo: the first processor's


def _guessed(scale: float) -> tuple[float, ...]:
    """Rates by the least of the three sides alone."""
    by_least = {4: 25e9, 12: 45e9, 32: 60e9, 96: 60e9, 320: 82e9}
    return tuple(scale * by_least[min(m, k, n)] for m in SIDES for k in SIDES for n in SIDES)


@dataclass(frozen=True, slots=True)
class Machine:
    """Seconds and rates of one thread. Bytes are counted where they are read and where they are written.

    ufunc_call, matmul_call    seconds of a call on next to nothing
    thread_start               seconds to hold BLAS, hand a task to a pool and know of its end
    gemm32, gemm64             operations a second of a matrix product, m × k by k × n, at m, k, n from `SIDES`, n fastest
    cached_bytes, dram_bytes   bytes a second of an addition of contiguous arrays, in the second-level cache and far beyond it
    copied_bytes               bytes a second that a copy of short runs writes
    fft32, fft64               seconds of a real transform, for each point and each doubling of the length
    """

    ufunc_call: float = 1e-6
    matmul_call: float = 3e-6
    thread_start: float = 30e-6
    gemm32: tuple[float, ...] = _guessed(1.0)
    gemm64: tuple[float, ...] = _guessed(0.5)
    cached_bytes: float = 60e9
    dram_bytes: float = 13e9
    copied_bytes: float = 16e9
    fft32: float = 0.11e-9
    fft64: float = 0.17e-9
    source: str = "guessed: never calibrated"

    def flop_rate(self, itemsize: int, m: float, k: float, n: float) -> float:
        """Operations a second of an m × k by k × n product of 4- or 8-byte floats; between `SIDES` by the sides' logarithms.

        Below the first of them the rate falls as the side does: registers are filled in part.
        """
        table = self.gemm32 if itemsize <= 4 else self.gemm64
        places = [_place(side) for side in (m, k, n)]
        total, count = 0.0, len(SIDES)
        for corner in range(8):
            share, index = 1.0, 0
            for bit, (low, part) in enumerate(places):
                up = corner >> bit & 1
                share *= part if up else 1 - part
                index = index * count + min(low + up, count - 1)
            total += share * table[index]
        least = min(1.0, m / SIDES[0]) * min(1.0, k / SIDES[0]) * min(1.0, n / SIDES[0])
        return total * least

    def matmul_seconds(self, itemsize: int, m: float, k: float, n: float) -> float:
        """Seconds of one product, its call included, with everything in cache."""
        return self.matmul_call + 2.0 * m * k * n / self.flop_rate(itemsize, m, k, n)

    def fft_seconds(self, itemsize: int, length: int) -> float:
        """Seconds of one real transform of so many points among many."""
        return (self.fft32 if itemsize <= 4 else self.fft64) * length * math.log2(max(2, length))


def _place(side: float) -> tuple[int, float]:
    """The measured side below, and how far towards the next."""
    for low in range(len(SIDES) - 1):
        if side < SIDES[low + 1]:
            part = math.log(max(side, SIDES[0]) / SIDES[low]) / math.log(SIDES[low + 1] / SIDES[low])
            return low, part
    return len(SIDES) - 1, 0.0


def cache_folder() -> Path:
    """Where the derivations' own cache is."""
    named = os.environ.get("DERIVE_CACHE_DIR")
    if named:
        return Path(named)
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - it has an answer where Path.home() raises
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else home / "AppData" / "Local") / "derive" / "Cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "derive"
    kept = os.environ.get("XDG_CACHE_HOME", "").strip()
    return (Path(kept) if os.path.isabs(kept) else home / ".cache") / "derive"  # noqa: PTH117


def file_name(kernels: str | None) -> str:
    """The file's name, given what OPENBLAS_CORETYPE says."""
    named = "".join(letter for letter in kernels or "" if letter.isalnum())
    return f"machine-{named}.json" if named else "machine.json"


@cache
def processor() -> str:
    """The processor's name, as the system gives it."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            for line in file.read(_LOADED).splitlines():
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def load(path: Path) -> Machine:
    """What a file says, or the guesses, whose `source` says why."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return Machine()
    except ValueError:
        return Machine(source=f"guessed: {path} is damaged")
    try:
        held = json.loads(text)
        made_for, made_by, date = held["processor"], held["format"], held["date"]
        constants = {f.name: _read(held["constants"][f.name], f.default) for f in fields(Machine) if f.name != "source"}
    except (ValueError, TypeError, KeyError, RecursionError):
        return Machine(source=f"guessed: {path} is damaged")
    if made_by != FORMAT:
        return Machine(source=f"guessed: {path} is of another version")
    if made_for != processor():
        return Machine(source=f"guessed: {path} is of another processor, {made_for}")
    return Machine(**constants, source=f"calibrated {date}")


def _read(value: Any, default: Any) -> Any:
    """A positive number, or as many as there should be."""
    if isinstance(default, tuple):
        if not isinstance(value, list) or len(value) != len(default):
            raise ValueError
        return tuple(_read(entry, 0.0) for entry in value)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < math.inf:
        raise ValueError
    return float(value)


@cache
def machine() -> Machine:
    """This machine: read once."""
    return load(cache_folder() / file_name(os.environ.get("OPENBLAS_CORETYPE")))
