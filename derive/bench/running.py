"""All rows, in processes that live as long as they are needed, and what is said of the machine beside them."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from derive.bench.limits import share_of_limit
from derive.bench.peers._family import Family
from derive.bench.process import Died, Worker
from derive.bench.rows import Row
from derive.bench.timing import OURS, measure, posed, timed
from derive.calibration import FORCED, processor
from derive.errors import UsageRefused
from derive.registry import discover

__all__ = ["FORMAT", "figures", "workers"]

FORMAT = 1
_RECENT = (0, 3, 27)  # OpenBLAS from which the kernels it chooses by itself are trusted
_NUMPY_ONLY = ("derived", "numpy")  # families whose only OpenBLAS is NumPy's
_PACKAGES = ("numpy", "opencv-python-headless", "scipy", "torch", "numba", "threadpoolctl")


def families() -> dict[str, str]:
    """The family of every participant."""
    found: dict[str, str] = {}
    for name, family in discover("derive.bench.peers"):
        assert isinstance(family, Family)
        found |= dict.fromkeys(family.adapters, name)
    return found


@contextmanager
def workers(unforced: bool = False) -> Iterator[Callable[[str, int], Worker]]:
    """A participant's process, begun when first needed; all of them end when this does."""
    home = families()
    open_ones: dict[tuple[str, int], Worker] = {}

    def worker_of(peer: str, threads: int) -> Worker:
        place = (home[peer], threads)
        if place in open_ones and open_ones[place].ended:
            open_ones.pop(place).close()
        if place not in open_ones:
            open_ones[place] = Worker(*place, unforced=unforced and home[peer] in _NUMPY_ONLY)
        return open_ones[place]

    try:
        yield worker_of
    finally:
        for worker in open_ones.values():
            worker.close()


def figures(
    rows: Sequence[Row],
    budget: float = 2.0,
    unforced: bool = False,
    threads: int = 2,
    step: Callable[[str, dict[str, Any] | None], None] = lambda name, row: None,
) -> dict[str, Any]:
    """Everything: the machine, its limits, and the rows; `step` hears of each row as it begins and ends.

    Raises UsageRefused for an OpenBLAS too old to choose its own kernels.
    """
    with workers(unforced) as worker_of:
        ours = worker_of(OURS, 1)
        _require_recent(ours, unforced)
        step("the machine's limits", None)
        limits = ours.ask("limits")
        found = []
        for row in rows:
            step(row.name, None)
            with posed(row.problem) as folder:
                one = timed(row, folder, worker_of, budget, 1)
                several = timed(row, folder, worker_of, budget / 2, threads) if threads > 1 else None
            figure = measure(row, one, several)
            for held in figure["participants"].values():
                if "cpu" in held:
                    held["limit"] = share_of_limit(row.problem, held["cpu"]["median"], limits)
            found.append(figure)
            step(row.name, figure)
        said = _machine(ours, unforced) | {"threads": threads, "budget": budget, "limits": limits}
    return {"format": FORMAT, **said, "rows": found}


def _require_recent(ours: Worker, unforced: bool) -> None:
    for blas in ours.told["blas"] if unforced else ():
        held = tuple(int(part) for part in str(blas["version"]).split(".")[:3] if part.isdecimal())
        if blas["internal_api"] == "openblas" and held < _RECENT:
            wanted = ".".join(map(str, _RECENT))
            raise UsageRefused(
                f"NumPy's OpenBLAS is {blas['version']}; --unforced needs {wanted}, or {FORCED[0]} may be there for a reason."
            )


def _machine(ours: Worker, unforced: bool) -> dict[str, Any]:
    """What the figures were taken on, and with what."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": processor(),
        "processors": affinity,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: held for name in _PACKAGES if (held := _installed(name))},
        "blas": ours.told["blas"],
        "environment": {name: None if unforced else os.environ.get(name) for name in FORCED},
        "memory": "freed memory is kept by every process (glibc), so results that are allocated anew fall on used pages",
        "constants": _constants(ours),
        **({"load": round(os.getloadavg()[0], 1)} if hasattr(os, "getloadavg") else {}),
    }


def _constants(ours: Worker) -> str:
    try:
        return str(ours.ask("calibrated")["source"])
    except Died:
        return "unknown"


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
