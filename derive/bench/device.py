"""The benchmark on a device: every kernel is checked there first, then timed by the device's events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import numpy as np

from derive.bench.device_checks import disagreements, layers
from derive.bench.device_rows import ROWS, DeviceRow, participants
from derive.bench.device_timing import Clock, rotating
from derive.bench.problem import arrays
from derive.bench.reference import agreement, reference
from derive.errors import DeriveError, UnknownName

__all__ = ["FORMAT", "checked", "device_figures", "lines", "require_cupy", "selected"]

FORMAT = 1
_SIDE, _BYTES = 8192, 1 << 29
Step = Callable[[str], None]


def require_cupy() -> Any:
    """CuPy with a device behind it. Raises DeriveError with what is missing."""
    try:
        cupy = import_module("cupy")
    except ImportError as error:
        raise DeriveError("A benchmark on a device needs CuPy, and CuPy is not installed.") from error
    try:
        count = int(cupy.cuda.runtime.getDeviceCount())
    except RuntimeError as error:
        raise DeriveError(f"A benchmark on a device needs one, and CuPy finds none: {error}.") from error
    if not count:
        raise DeriveError("A benchmark on a device needs one, and CuPy finds none.")
    return cupy


def selected(names: Sequence[str]) -> tuple[DeviceRow, ...]:
    """The rows of these names; all of them for none. Raises UnknownName."""
    known = {row.name: row for row in ROWS}
    for name in names:
        if name not in known:
            raise UnknownName(f"No row of the benchmark on a device is called '{name}'; they are {', '.join(known)}.")
    return tuple(row for row in ROWS if not names or row.name in names)


def checked(cupy: Any, names: Sequence[str] | None = None, step: Step = lambda name: None) -> tuple[str, ...]:
    """The layers whose kernels and gradients agree with NumPy's. Raises DeriveError where some don't."""
    found, wrong = [], []
    for name, said in disagreements(cupy, layers() if names is None else names):
        step(f"{name} is compared")
        found.append(name)
        wrong += [f"{name}: {said}"] if said else []
    if wrong:
        raise DeriveError(f"Nothing is timed, since kernels are wrong on this device: {'; '.join(wrong)}.")
    return tuple(found)


def device_figures(
    cupy: Any, rows: Sequence[DeviceRow], clock: Any = None, step: Step = lambda name: None
) -> dict[str, Any]:
    """Everything: what was compared, the device, what it gives at most, and the rows."""
    right = checked(cupy, None, step)
    clock = clock or Clock(cupy)
    most = _limits(cupy, clock)
    found = []
    for row in rows:
        step(f"{row.name} is timed")
        found.append(_figure(row, cupy, clock, most))
    return {"format": FORMAT, **_device(cupy), "checked": list(right), "limits": most, "rows": found}


def _limits(cupy: Any, clock: Any) -> dict[str, float]:
    """Bytes a second of a copy, those read and those written, and operations a second of a product of matrices in float32."""
    source = cupy.ones(_BYTES // 4, dtype=cupy.float32)
    target = cupy.empty_like(source)
    x = cupy.ones((_SIDE, _SIDE), dtype=cupy.float32)
    out = cupy.empty_like(x)
    return {
        "copy": 2 * _BYTES / clock.seconds([lambda: cupy.copyto(target, source)]),
        "gemm": 2 * _SIDE**3 / clock.seconds([lambda: cupy.matmul(x, x, out=out)]),
    }


def _figure(row: DeviceRow, cupy: Any, clock: Any, most: Mapping[str, float]) -> dict[str, Any]:
    """Our result against the reference, then everybody's seconds."""
    problem, given = row.problem, arrays(row.problem)
    work = {"copy": problem.bytes, "gemm": problem.operations}[row.limit]
    found: dict[str, Any] = {}
    for name, calls in participants(row, cupy, given, rotating(cupy, problem.bytes)):
        if isinstance(calls, str):
            found[name] = {"refused": calls}
            continue
        if name == "derive" and not row.by:
            made = np.asarray(calls[0]().get())
            share = agreement(problem, given, reference(problem, given), made, False, None).share
            if not share <= 1:
                raise DeriveError(
                    f"{row.name}: the result is {share:.1e} times farther from the reference than rounding can be."
                )
        seconds = clock.seconds(calls)
        found[name] = {"seconds": seconds, "of limit": work / seconds / most[row.limit]}
    goals = {"limit": row.limit, "share": row.share, "peer": row.peer, "faster": row.faster}
    return {"name": row.name, "problem": asdict(problem), "by": row.by, "goals": goals, "participants": found}


def _device(cupy: Any) -> dict[str, Any]:
    """What the figures were taken on."""
    runtime = cupy.cuda.runtime
    name = runtime.getDeviceProperties(cupy.cuda.Device().id)["name"]
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "device": name.decode() if isinstance(name, bytes) else str(name),
        "driver": int(runtime.driverGetVersion()),
        "runtime": int(runtime.runtimeGetVersion()),
        "cupy": str(cupy.__version__),
    }


def lines(found: Mapping[str, Any]) -> list[str]:
    """The figures for a terminal."""
    most = found["limits"]
    said = [
        f"{found['device']}, {found['date']}: {len(found['checked'])} layers agree with NumPy's. "
        f"Copies take {most['copy'] / 1e9:.0f} GB/s, products of matrices {most['gemm'] / 1e12:.1f} TFLOP/s.",
    ]
    for row in found["rows"]:
        goals, held = row["goals"], row["participants"]
        ours = held["derive"]
        goal = "" if goals["share"] is None else f", goal {goals['share']:.0%}"
        text = f"{row['name']}: {ours['seconds'] * 1e6:.1f} µs, {ours['of limit']:.0%} of {goals['limit']}{goal}"
        for name, other in held.items():
            if name != "derive":
                text += f"; {name} " + (
                    other.get("refused") or f"{other['seconds'] / ours['seconds']:.2f} times as long"
                )
        said.append(text)
    return said
