"""The constants of the machine that predictions of time rest on, as `python -m derive calibrate` measured them, or as guessed.

They are kept as JSON in the user's cache folder: DERIVE_CACHE_DIR, or where this system keeps a user's caches. What can't be
read, isn't whole, or was measured on another processor is not used; `source` says so. Guesses rest on what the processor can
do, as NumPy knows it, and on nothing that changes from one start to the next. Where OPENBLAS_CORETYPE makes BLAS use
another processor's kernels, a file of another name is meant.
"""

import json
import math
import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "FORMAT",
    "SIDES",
    "Machine",
    "cache_folder",
    "features",
    "file_name",
    "guess",
    "load",
    "machine",
    "processor",
]

FORMAT = 2
SIDES = (4, 12, 32, 96, 320)
_FORCED = "OPENBLAS_CORETYPE"
_LOADED = 4096  # bytes of /proc/cpuinfo: the first processor's


def _products(register: int, peak: float, passed: float, itemsize: int) -> tuple[float, ...]:
    """Operations a second at all triples of `SIDES`, from bytes of a register, operations a second of a large product of float32,
    and bytes a second at which BLAS packs the sides of a product and stores its result. Columns take whole registers, packed too.
    """
    lanes = register // itemsize

    def rate(m: int, k: int, n: int) -> float:
        filled = -(-n // lanes) * lanes
        arithmetic = 2 * m * k * filled * itemsize / (4 * peak)
        return 2 * m * k * n / (arithmetic + itemsize * (m * k + k * filled + m * n) / passed)

    return tuple(rate(m, k, n) for m in SIDES for k in SIDES for n in SIDES)


@dataclass(frozen=True, slots=True)
class Machine:
    """Seconds and rates of one thread. Bytes are counted where they are read and where they are written.

    ufunc_call, matmul_call    seconds of a call on next to nothing
    thread_start               seconds to hold BLAS, hand a task to a pool and know of its end
    gemm32, gemm64             operations a second of a matrix product, m × k by k × n, at m, k, n from `SIDES`, n fastest
    cached_bytes, shared_bytes, dram_bytes   bytes a second of an addition of contiguous arrays, in the second-level cache, in the
                               third-level one, and far beyond it
    copied_bytes               bytes a second that a copy of short runs writes
    fft32, fft64               seconds of a real transform, for each point and each doubling of the length

    What isn't given is supposed of a processor with AVX2, whatever this one is.
    """

    ufunc_call: float = 0.6e-6
    matmul_call: float = 1.5e-6
    thread_start: float = 30e-6
    gemm32: tuple[float, ...] = _products(32, 90e9, 22e9, 4)
    gemm64: tuple[float, ...] = _products(32, 90e9, 22e9, 8)
    cached_bytes: float = 65e9
    shared_bytes: float = 45e9
    dram_bytes: float = 20e9
    copied_bytes: float = 16e9
    fft32: float = 0.2e-9
    fft64: float = 0.3e-9
    source: str = "guessed for AVX2: never calibrated"

    def flop_rate(self, itemsize: int, m: float, k: float, n: float) -> float:
        """Operations a second of an m × k by k × n product of 4- or 8-byte floats; between `SIDES` by the sides' logarithms.

        Below the first of them the rate falls as the side does: registers are filled in part. Three columns are two and one, which
        BLAS goes through one after the other.
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
        return total * least * (0.5 if 2 < n < SIDES[0] else 1.0)

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


@dataclass(frozen=True, slots=True)
class _Kind:
    """Processors of one kind: names that NumPy has for what they can do, beginnings of OpenBLAS's for its kernels, constants."""

    name: str
    features: tuple[str, ...]
    kernels: tuple[str, ...]
    constants: Machine


_WIDE = Machine(
    *(0.3e-6, 1e-6, 30e-6, _products(64, 240e9, 1000e9, 4), _products(64, 240e9, 1000e9, 8)),
    *(160e9, 80e9, 40e9, 35e9, 0.14e-9, 0.2e-9),
)
_USUAL = Machine()
_KINDS = (
    _Kind("AVX-512", ("AVX512_SKX", "X86_V4"), ("skylakex", "cooperlake", "sapphirerapids"), _WIDE),
    _Kind("AVX2", ("AVX2", "X86_V3"), ("haswell", "zen", "excavator"), _USUAL),
    _Kind(
        *("NEON", ("ASIMD",), ("armv8", "neoverse", "cortex", "vortex")),
        replace(_USUAL, gemm32=_products(16, 60e9, 20e9, 4), gemm64=_products(16, 60e9, 20e9, 8)),
    ),
    _Kind(
        *("registers of 16 bytes", (), ("",)),
        replace(_USUAL, gemm32=_products(16, 25e9, 9e9, 4), gemm64=_products(16, 25e9, 9e9, 8)),
    ),
)


def guess(why: str, features: Iterable[str], kernels: str = "") -> Machine:
    """What is supposed of a processor with these features, the same whenever it is asked; with BLAS's kernels of that name."""
    found = next(kind for kind in _KINDS if not kind.features or {*kind.features} & {*features})
    products = next(kind for kind in _KINDS if kernels.lower().startswith(kind.kernels)) if kernels else found
    name = found.name if products is found else f"{found.name} with products of {products.name}"
    gemm32, gemm64 = products.constants.gemm32, products.constants.gemm64
    return replace(found.constants, gemm32=gemm32, gemm64=gemm64, source=f"guessed for {name}: {why}")


@cache
def features() -> tuple[str, ...]:
    """NumPy's names for what this processor can do."""
    known = np.show_config(mode="dicts").get("SIMD Extensions", {})
    return (*known.get("baseline", ()), *known.get("found", ()))


def _guessed(why: str) -> Machine:
    return guess(why, features(), os.environ.get(_FORCED, ""))


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
        return _guessed("never calibrated")
    except ValueError:
        return _guessed(f"{path} is damaged")
    try:
        held = json.loads(text)
        made_for, made_by, date = held["processor"], held["format"], held["date"]
        constants = {f.name: _read(held["constants"][f.name], f.default) for f in fields(Machine) if f.name != "source"}
    except (ValueError, TypeError, KeyError, RecursionError):
        return _guessed(f"{path} is damaged")
    if made_by != FORMAT:
        return _guessed(f"{path} is of another version")
    if made_for != processor():
        return _guessed(f"{path} is of another processor, {made_for}")
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
    return load(cache_folder() / file_name(os.environ.get(_FORCED)))
