"""Checks a file that uses CuPy: every launch it makes, under every schedule, on the CPU."""

import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import Any

import numpy as np

from derive.errors import DeriveError, failure, no_file

from .compiler import find_compiler
from .driving import drive, emitted_kernels
from .fake_cupy import standing_in_for_cupy
from .faults import CompileError, CudaFault
from .findings import Finding, Findings
from .footprint import Footprint, footprint
from .prebuilding import gathering
from .running import run_file
from .settings import SCHEDULES, Launched

__all__ = ["check_module"]


def check_module(
    file: Path | str,
    calls: Sequence[str] = (),
    schedules: Sequence[str] = SCHEDULES,
    architectures: Sequence[str] = (),
) -> Findings:
    """Every fault of the launches that a file makes, each once.

    The file runs as a program does, unchanged, with the stand-in in CuPy's place. Then each of `calls` is evaluated among
    its names, which include `cupy`; where it is an emitted module, its layers and their gradients are called on arrays of
    many sizes. All of that once a schedule, and what it gives must be the same. What was launched is also compiled for real
    `architectures`, such as sm_90: a warning is a fault, and so are registers that spill and blocks that find no room.

    Raises UnknownName for a file that isn't there, NoCompiler without a C++ compiler, and DeriveError for a file that fails, and
    for a call that is no expression.
    """
    path = Path(file)
    if not path.is_file():
        raise no_file(path)
    find_compiler()
    try:
        checks = _Checks(path, path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as cause:
        raise DeriveError(f"'{path}' is no Python file: it is not UTF-8 text.") from cause
    for call in calls:
        _check_expression(call)
    for schedule in schedules:
        checks.under(schedule, calls)
    machine = checks.compiled(architectures)
    return Findings(
        str(path),
        tuple(sorted({launch.kernel for launch in checks.kernels.values()})),
        checks.launches,
        tuple(schedules),
        tuple(checks.faults.values()),
        machine,
    )


def _check_expression(call: str) -> None:
    try:
        compile(call, "<call>", "eval")
    except (SyntaxError, ValueError) as cause:
        raise DeriveError(f"The call '{call}' is no expression: {getattr(cause, 'msg', cause)}.") from cause


@dataclass(slots=True)
class _Checks:
    """What was found so far; the watch of the settings."""

    path: Path
    text: str
    schedule: str = ""
    kernels: dict[tuple[str, str, tuple[str, ...]], Launched] = field(default_factory=dict)
    launches: int = 0
    faults: dict[tuple[object, ...], Finding] = field(default_factory=dict)
    results: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def under(self, schedule: str, calls: Iterable[str]) -> None:
        self.schedule = schedule
        with standing_in_for_cupy(schedule=schedule, seed=1, watch=self) as cupy:
            try:
                names = run_file(self.path)
                for call in calls:
                    eval(call, {"cupy": cupy, "np": np, **names})
                self.drive(names, cupy)
            except CudaFault as fault:
                self.found(fault, "")
            except CompileError as refused:
                at = self._raised_at(refused)
                self.add(Finding("compile error", "", str(refused), launched_at=at, schedule=schedule))
            except (DeriveError, KeyboardInterrupt):
                raise
            except BaseException as cause:
                if self.faults:
                    return  # a program may stumble over what a faulty kernel left
                raise DeriveError(failure(self.path, cause)) from cause

    def drive(self, names: dict[str, Any], cupy: ModuleType) -> None:
        for name, kernel in emitted_kernels(names).items():
            if not self.results:
                with suppress(Exception), gathering():  # what is wrong is told where it runs
                    list(drive(kernel, cupy))
            for case, results in drive(kernel, cupy):
                self.compare(name, case, results)

    def compare(self, name: str, case: str, results: tuple[Any, ...]) -> None:
        """Fresh memory is NaN, and whole numbers give none: what is one was never written."""
        first = self.results.setdefault(f"{name} {case}", results)
        if any(array.tobytes() != other.tobytes() for array, other in zip(results, first, strict=True)):
            message = f"{name}: at {case} the result depends on the order of threads."
            self.add(Finding("order of threads", name, message, schedule=self.schedule))
        if any(array.dtype.kind == "f" and np.isnan(array).any() for array in results):
            message = f"{name}: at {case} some entries of a result are never written."
            self.add(Finding("unwritten result", name, message, schedule=self.schedule))

    def compiled(self, architectures: Sequence[str]) -> tuple[Footprint, ...]:
        found = []
        for launch in self.kernels.values() if architectures else ():
            try:
                found.append(made := footprint(launch, architectures))
            except CompileError as refused:
                self.add(Finding("compile error", launch.kernel, str(refused)))
                continue
            for message in made.faults:
                self.add(Finding("resources", launch.kernel, message))
        return tuple(found)

    def launched(self, launch: Launched) -> None:
        known = self.kernels.setdefault((launch.kernel, launch.code, launch.options), launch)
        if (launch.threads, launch.shared) > (known.threads, known.shared):
            self.kernels[launch.kernel, launch.code, launch.options] = launch
        self.launches += 1

    def traced(self, launch: Launched, trace: Any) -> None: ...

    def found(self, fault: CudaFault, code: str) -> None:
        lines = code.split("\n")
        start = self._start(code)
        source = lines[fault.line - 1].strip() if fault.line and fault.line <= len(lines) else ""
        self.add(
            Finding(
                kind=str(fault.kind),
                kernel=fault.kernel,
                message=str(fault).removesuffix(f": `{source}`") if source else str(fault),
                line=fault.line,
                file_line=start + fault.line if fault.line and start is not None else None,
                earlier_line=fault.earlier_line,
                argument=fault.argument,
                source=source,
                launched_at=self._launched_at(),
                schedule=self.schedule,
            )
        )

    def add(self, finding: Finding) -> None:
        self.faults.setdefault(finding.same, finding)

    def _start(self, code: str) -> int | None:
        """How many lines of the file stand before the first of a kernel's source, where it stands there as it is."""
        at = self.text.find(code) if code.strip() else -1
        return self.text.count("\n", 0, at) if at >= 0 else None

    def _raised_at(self, cause: BaseException) -> int | None:
        """The line of the file that an exception came through last."""
        own = str(self.path.resolve())
        lines = [f.lineno for f in extract_tb(cause.__traceback__) if str(Path(f.filename).resolve()) == own]
        return lines[-1] if lines else None

    def _launched_at(self) -> int | None:
        """The line of the file in the innermost call that is under way."""
        frame, own = sys._getframe(), str(self.path.resolve())
        while frame is not None:
            if str(Path(frame.f_code.co_filename).resolve()) == own:
                return frame.f_lineno
            if frame.f_back is None:
                break
            frame = frame.f_back
        return None
