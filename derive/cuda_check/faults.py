"""What a check can find, as exceptions: one sentence each, with the line of the user's own kernel text."""

from enum import StrEnum

from derive.errors import DeriveError

__all__ = ["CompileError", "CudaFault", "FaultKind", "NoCompiler"]


class FaultKind(StrEnum):
    OUT_OF_BOUNDS = "out of bounds"
    READ_ONLY = "write through const"
    RACE = "race"
    UNINITIALISED = "uninitialised shared memory"
    MISALIGNED = "misaligned access"
    BARRIER = "divergent barrier"
    UNDEFINED = "undefined behaviour"
    ENDLESS = "endless loop"
    STACK = "stack exhausted"
    STOPPED = "stopped by itself"
    ARGUMENTS = "wrong arguments"
    LAUNCH = "launch limit"


class CudaFault(DeriveError):
    """A fault of a kernel or of its launch; `line` is None where only the launch is at fault."""

    def __init__(
        self,
        message: str,
        kind: FaultKind,
        kernel: str,
        line: int | None = None,
        earlier_line: int | None = None,
        argument: str | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.kernel = kernel
        self.line = line
        self.earlier_line = earlier_line
        self.argument = argument


class CompileError(DeriveError):
    """Source that a compiler refuses; `log` is what it said, with the user's line numbers."""

    def __init__(self, message: str, log: str) -> None:
        super().__init__(f"{message}\n{log}" if log else message)
        self.log = log


class NoCompiler(DeriveError):
    """No C++ compiler and no ziglang on this machine."""
