"""How the next launches run. Settings change between launches without compiling again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from derive.errors import DeriveError

from .faults import CudaFault

__all__ = ["MERSENNE_61", "SCHEDULES", "Launched", "Settings", "Watch", "current_settings", "using"]

MERSENNE_61 = (1 << 61) - 1
SCHEDULES = ("forward", "reverse", "random")


@dataclass(frozen=True, slots=True)
class Launched:
    """A launch that was asked for: of which kernel, in which source, compiled how, and how many threads and bytes a block has.

    `expression` says that the kernel's name is a name expression.
    """

    kernel: str
    code: str
    options: tuple[str, ...]
    threads: int
    shared: int
    expression: bool = False


class Watch(Protocol):
    """Is told of every launch, and of every fault in the place of whoever launched."""

    def launched(self, launch: Launched) -> None:
        """A kernel is about to run."""

    def traced(self, launch: Launched, trace: Any) -> None:
        """A kernel has run without a fault; `trace` is a Trace where the settings ask for one."""

    def found(self, fault: CudaFault, code: str) -> None:
        """A launch was faulty; `code` is the kernel's source, where the fault is in a line of it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`prime` switches exact mode on: elements of every float type are residues modulo it.

    A fault is raised where the kernel was launched; with a `watch`, it is told and the program goes on. Where kernels are
    `gathered`, none runs: their sources are kept there.
    """

    checked: bool = True
    schedule: str = "forward"
    seed: int = 0
    prime: int | None = None
    step_limit: int = 1 << 24
    trace_capacity: int = 0
    watch: Watch | None = None
    gathered: list[Any] | None = None

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise DeriveError(f"Schedule '{self.schedule}' is not one of {', '.join(SCHEDULES)}.")
        if self.prime is not None and self.prime != MERSENNE_61 and not 2 < self.prime < 1 << 32:
            raise DeriveError(f"The modulus {self.prime} is neither 2**61 - 1 nor below 2**32.")


_stack = [Settings()]


def current_settings() -> Settings:
    return _stack[-1]


@contextmanager
def using(**changes: Any) -> Iterator[Settings]:
    """Settings for the launches inside the `with` block, on top of those around it."""
    _stack.append(replace(_stack[-1], **changes))
    try:
        yield _stack[-1]
    finally:
        _stack.pop()
