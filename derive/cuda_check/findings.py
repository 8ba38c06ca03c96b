"""What checking a file found, as data and as text."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .footprint import Footprint

__all__ = ["Finding", "Findings"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: `line` counts in the kernel's source, `file_line` in the file; `launched_at` is where the file launched it."""

    kind: str
    kernel: str
    message: str
    line: int | None = None
    file_line: int | None = None
    earlier_line: int | None = None
    argument: str | None = None
    source: str = ""
    launched_at: int | None = None
    schedule: str = ""

    @property
    def same(self) -> tuple[object, ...]:
        """Faults that agree in this are one fault."""
        return self.kind, self.kernel, self.line, self.argument, None if self.line else self.message


@dataclass(frozen=True, slots=True)
class Findings:
    """Every fault of a file, each once, and what ran."""

    file: str
    kernels: tuple[str, ...]
    launches: int
    schedules: tuple[str, ...]
    faults: tuple[Finding, ...]
    machine: tuple[Footprint, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether something was launched and nothing was wrong."""
        return bool(self.launches) and not self.faults

    def data(self) -> dict[str, Any]:
        """The same as JSON has it."""
        return asdict(self)

    def text(self) -> str:
        """The same for a terminal: each fault with its line, what kernels take, then how many faults there are."""
        faults = (line for fault in self.faults for line in _lines(Path(self.file).name, fault))
        return "\n".join([*faults, *(used.text() for used in self.machine), self.summary])

    @property
    def summary(self) -> str:
        """One sentence."""
        count = len(self.faults)
        found = "no fault" if not count else "1 fault" if count == 1 else f"{count} faults"
        times = "1 launch" if self.launches == 1 else f"{self.launches} launches"
        named = ", ".join(self.kernels) or "no kernel"
        return f"{self.file}: {found} in {times} of {named}; threads ran {', '.join(self.schedules)}."


def _lines(file: str, fault: Finding) -> Iterator[str]:
    line = fault.file_line or fault.launched_at
    yield f"{file}:{line}: {fault.message}" if line else f"{file}: {fault.message}"
    if fault.source:
        yield f"    {fault.source}"
    if fault.launched_at and fault.file_line:
        yield f"    launched in line {fault.launched_at}"
