"""Measuring the constants that predictions of time rest on, and keeping them where the emitted runtime reads them.

Everything is measured in a process of its own, in which BLAS has one thread from the start, by the CPU time of that thread; a
constant is the least of a few samples of a few milliseconds each: whatever else the machine does makes calls slower, never quicker.
Calls that take longer than a sample are made as often as there are samples: a machine a hundred times slower takes half a minute.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from derive.artifacts import write
from derive.errors import DeriveError
from derive.runtime.errors import ArgumentError
from derive.runtime.machine import FORMAT, SIDES, Machine, cache_folder, file_name, load, machine, processor
from derive.runtime.threads import one_blas_thread, run_together

__all__ = [
    "FORCED",
    "calibrate",
    "constants",
    "machine",
    "one_thread",
    "per_call",
    "processor",
    "summary",
    "without_calls",
]

FORCED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
_CACHED = 96 * 1024  # bytes of an array of which three fit the second-level cache
_SHARED = 2 * 1024 * 1024  # and of which three fit the third-level cache alone
_BEYOND = 64 * 1024 * 1024
_RUN = 64  # elements of a run that is copied
_ROUNDS = 3
_TASKS, _WAITED = 200, 1.0  # tasks that are handed to a thread, and seconds after which no more are


def one_thread(threads: int = 1) -> dict[str, str]:
    """Variables under which the usual libraries start with so many threads."""
    names = (
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OMP_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    )
    return {name: str(threads) for name in names}


def calibrate(unforced: bool = False) -> tuple[Path, Machine]:
    """Measure, keep, and read back; `unforced`: with the kernels that BLAS chooses by the processor.

    Raises OutputError where the folder can't be written.
    """
    environment = {**os.environ, **one_thread()}
    for name in FORCED if unforced else ():
        environment.pop(name, None)
    command = [sys.executable, "-m", "derive.calibration"]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    try:
        measured = json.loads(done.stdout)
    except ValueError:
        raise DeriveError(f"The measuring process ended with status {done.returncode} and no figures.") from None
    folder = cache_folder()
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    held = {"format": FORMAT, "processor": processor(), "numpy": np.__version__, "date": date, "constants": measured}
    name = file_name(environment.get(FORCED[0]))
    write({name: json.dumps(held, indent=2) + "\n"}, folder)
    return folder / name, load(folder / name)


def summary(made: Machine) -> dict[str, str]:
    """The constants for people."""
    said = {
        "a ufunc's call": f"{made.ufunc_call * 1e6:.2f} µs",
        "a matrix product's call": f"{made.matmul_call * 1e6:.2f} µs",
        "a task handed to a thread": f"{made.thread_start * 1e6:.0f} µs",
    }
    for bits, table in ((32, made.gemm32), (64, made.gemm64)):
        least, most = (f"{rate / 1e9:.1f}·10⁹" for rate in (min(table), max(table)))
        said[f"products of float{bits}"] = f"{least} to {most} operations/s, by shape"
    for name, rate in (
        *(("cache", made.cached_bytes), ("the shared cache", made.shared_bytes)),
        ("memory", made.dram_bytes),
    ):
        said[f"additions in {name}"] = f"{rate / 1e9:.1f} GB/s"
    said["copies of short runs"] = f"{made.copied_bytes / 1e9:.1f} GB/s written"
    for bits, seconds in ((32, made.fft32), (64, made.fft64)):
        said[f"transforms of float{bits}"] = f"{seconds * 1e9:.2f} ns a point and doubling"
    return said


def constants(sample: float = 0.004) -> dict[str, Any]:
    """Every constant but the source; samples last about so many seconds."""
    call, gemm32 = _gemm(np.dtype("f4"), sample)
    _, gemm64 = _gemm(np.dtype("f8"), sample)
    products = {"matmul_call": call, "gemm32": gemm32, "gemm64": gemm64}
    transforms = {f"fft{bits}": _fft(np.dtype(f"f{bits // 8}"), sample) for bits in (32, 64)}
    calls = {"ufunc_call": per_call(_tiny_ufunc(), sample), "thread_start": _thread_start()}
    return {**calls, **dict(_rates(sample)), **products, **transforms}


def per_call(call: Callable[[], Any], sample: float, samples: int = 5) -> float:
    """Least CPU seconds of one call, among samples of as many calls as fill the time, after one that is not counted."""
    _spent(call, 1)
    count, spent = 1, 0.0
    while True:
        spent = _spent(call, count)
        if spent >= sample / 2 or count >= 1_000_000:
            break
        count = max(2 * count, min(count * 100, math.ceil(count * sample / max(spent, 1e-9))))
    return min([spent, *(_spent(call, count) for _ in range(samples - 1))]) / count


def _spent(call: Callable[[], Any], count: int) -> float:
    begun = time.thread_time()
    for _ in range(count):
        call()
    return time.thread_time() - begun


def _tiny_ufunc() -> Callable[[], Any]:
    x = np.zeros(8, np.float32)
    return lambda: np.add(x, x, out=x)


def _rates(sample: float) -> Iterator[tuple[str, float]]:
    """Bytes a second of additions in caches and beyond them, and of copies of short runs."""
    for name, size in (("cached_bytes", _CACHED), ("shared_bytes", _SHARED), ("dram_bytes", _BEYOND)):
        x, y, out = (np.ones(size // 4, np.float32) for _ in range(3))
        yield name, 3 * size / per_call(lambda x=x, y=y, out=out: np.add(x, y, out=out), sample)  # type: ignore[misc]
    wide = np.ones((256, 4 * _RUN), np.float32)
    view, target = wide[:, 1 : 1 + _RUN], np.empty((256, _RUN), np.float32)
    yield "copied_bytes", target.nbytes / per_call(lambda: np.copyto(target, view), sample)


def _gemm(dtype: np.dtype[Any], sample: float) -> tuple[float, list[float]]:
    """Seconds of a call and operations a second at every triple of sides, in rounds: a slow moment falls on one of them."""
    shapes = [(m, k, n) for m in SIDES for k in SIDES for n in SIDES]
    calls = [_product(dtype, *shape) for shape in shapes]
    rounds = [[per_call(call, sample, 1) for call in calls] for _ in range(_ROUNDS)]
    return without_calls([2 * m * k * n for m, k, n in shapes], [min(seconds) for seconds in zip(*rounds, strict=True)])


def _product(dtype: np.dtype[Any], m: int, k: int, n: int) -> Callable[[], Any]:
    x, y, out = np.ones((m, k), dtype), np.ones((k, n), dtype), np.empty((m, n), dtype)
    return lambda: np.matmul(x, y, out=out)


def without_calls(operations: Sequence[int], seconds: Sequence[float]) -> tuple[float, list[float]]:
    """The least seconds, a call's, and operations a second besides it; none are beyond the best with its call.

    Where a product takes hardly longer than a call, what is left of its time is noise: a call is nine tenths of it at most.
    """
    call, most = min(seconds), max(count / taken for count, taken in zip(operations, seconds, strict=True))
    return call, [min(most, n / max(s - call, s / 10)) for n, s in zip(operations, seconds, strict=True)]


def _fft(dtype: np.dtype[Any], sample: float, length: int = 512) -> float:
    x, out = np.ones((64, length), dtype), np.empty((64, length // 2 + 1), np.result_type(dtype, np.complex64))
    return per_call(lambda: np.fft.rfft(x, norm="ortho", out=out), sample) / (x.size * math.log2(length))


def _thread_start() -> float:
    """What a plan of two threads takes for nothing, with BLAS held if it can be; by the clock, as what waits spends no CPU time.

    One waits until the other has begun: a task that nobody has begun is done by the caller.
    """
    limited: Callable[[], Any] = one_blas_thread
    try:
        limited()
    except ArgumentError:
        limited = nullcontext
    seconds: list[float] = []
    while len(seconds) < _TASKS and sum(seconds) < _WAITED:
        there = threading.Event()
        begun = time.perf_counter()
        with limited():
            run_together([lambda e=there: e.wait(1), there.set])  # type: ignore[misc]
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


if __name__ == "__main__":
    print(json.dumps(constants()))
