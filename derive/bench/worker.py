"""A process that holds one library at a fixed number of threads, and does as it is told, a line of JSON at a time.

    {"do": "start", "family": "torch", "threads": 1}             versions, or that it isn't installed
    {"do": "prepare", "problem": {...}, "folder": "...", "peer": "torch"}     agreement with the reference, seconds a call
    {"do": "measure", "peer": "torch", "calls": 5, "group": 1}    seconds of CPU of this thread, and by the clock, call by call
    {"do": "forget"}                                            all arrays are let go
    {"do": "limits"}                                            see derive/bench/limits.py
    {"do": "calibrated"}                                        where the runtime's constants are from

Libraries of threads wait for work by spinning, and would spin against each other in one process. What libraries print goes
to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
import tracemalloc
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from derive.bench.peers._family import Family, Participant
from derive.bench.problem import Problem, arrays
from derive.bench.reference import Reference, agreement
from derive.errors import DeriveError
from derive.registry import find

__all__ = ["Holder", "main"]

_OURS = "generated"  # only of these all memory is seen
_FAST = 0.2  # seconds a call below which it is called again before it is timed


class Holder:
    """The library, and the problem that it is on."""

    def __init__(self) -> None:
        self.threads = 1
        self.family: Family | None = None
        self.ready: dict[str, Participant] = {}

    def start(self, family: str, threads: int) -> dict[str, Any]:
        """Import the library and tell it its threads."""
        held: Family = find("derive.bench.peers", family)
        self.threads = threads
        try:
            import_module(held.module)
        except ImportError as error:
            if error.name and error.name.split(".")[0] == held.module:
                return {"missing": f"{held.package} is not installed"}
            return {"missing": f"{held.package} can't be imported: {error}"}
        held.start(threads)
        self.family = held
        return {"version": _version(held.package), "blas": _blas(), "process": os.getpid()}

    def prepare(self, problem: dict[str, Any], folder: str, peer: str) -> dict[str, Any]:
        """Compute once, compare, and see how long a call takes."""
        assert self.family is not None
        posed = Problem.read(problem)
        given = arrays(posed)
        participant = self.family.adapters[peer](posed, given, self.threads)
        made, scratch = _first(participant)
        held = Reference(*(np.load(Path(folder) / f"{name}.npy", mmap_mode="r") for name in ("H", "magnitude")))
        found = agreement(posed, given, held, participant.read(made), participant.fourier, participant.multiple)
        if not found.share <= 1:
            return {"error": found.error, "share": found.share}
        self.ready[peer] = participant
        once = _timed(participant, 1, 1)["wall"][0]
        if once < _FAST:
            once = min(_timed(participant, 3, 1)["wall"])
        said = {"error": found.error, "share": found.share, "seconds": once, "note": participant.note}
        return said | ({"scratch": scratch} if self.family.module == _OURS else {})

    def measure(self, peer: str, calls: int, group: int) -> dict[str, Any]:
        """Time it."""
        return _timed(self.ready[peer], calls, group)

    def forget(self) -> dict[str, Any]:
        """Let go of all arrays."""
        self.ready.clear()
        return {}

    def limits(self) -> dict[str, Any]:
        """Measure the machine."""
        from derive.bench.limits import limits

        return limits()

    def calibrated(self) -> dict[str, Any]:
        """Where the runtime's constants are from."""
        from derive.calibration import machine

        return {"source": machine().source}


def _first(participant: Participant) -> tuple[Any, int]:
    """The first result, and the most bytes that Python and NumPy held beyond what they held before."""
    tracemalloc.start()
    try:
        made = participant.call()
        return made, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _timed(participant: Participant, calls: int, group: int) -> dict[str, Any]:
    """Seconds of each of so many calls, short ones by the group; `stray` is CPU time that other threads took, as a share."""
    call, cpu, wall = participant.call, [], []
    process, own = time.process_time_ns(), time.thread_time_ns()
    for _ in range(calls):
        clock, begun = time.perf_counter_ns(), time.thread_time_ns()
        for _ in range(group):
            call()
        cpu.append((time.thread_time_ns() - begun) / group / 1e9)
        wall.append((time.perf_counter_ns() - clock) / group / 1e9)
    spent = max(1, time.thread_time_ns() - own)
    return {"cpu": cpu, "wall": wall, "stray": (time.process_time_ns() - process) / spent - 1}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _blas() -> list[dict[str, Any]]:
    """The BLAS libraries of this process and the kernels that they chose, where threadpoolctl can tell."""
    try:
        info = import_module("threadpoolctl").threadpool_info()
    except ImportError:
        return []
    keys = ("internal_api", "version", "architecture", "num_threads")
    return [
        {"file": Path(found["filepath"]).name, **{key: found.get(key) for key in keys}}
        for found in info
        if found["user_api"] == "blas"
    ]


def main() -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    holder = Holder()
    for line in sys.stdin:
        told = json.loads(line)
        try:
            answer = getattr(holder, told.pop("do"))(**told)
        except (DeriveError, ValueError, TypeError, ArithmeticError, RuntimeError, MemoryError) as error:
            answer = {
                "failed": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}".rstrip(": ")
            }
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
