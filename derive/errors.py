"""One class per way of failing. Every message is a sentence in the user's own letters."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

__all__ = [
    "CertificateError",
    "DeriveError",
    "EmitError",
    "GroupRefused",
    "NoLowering",
    "ObligationFailed",
    "OrbitCut",
    "OutputError",
    "RegistryError",
    "RuleRefused",
    "StatedEarly",
    "StatedLate",
    "TextError",
    "UnknownName",
    "UsageRefused",
    "failure",
    "internal",
    "no_file",
    "refused",
]


class DeriveError(Exception):
    """Whatever `derive` refuses: the command line prints it as one sentence and exits with 1."""


class UnknownName(DeriveError):
    """A layer, rule, backend, filter or file that nobody has added."""


class UsageRefused(DeriveError):
    """An argument of the wrong kind, or outside what it may be."""


class RegistryError(DeriveError):
    """A file of a registry folder that does not export exactly one name."""


class TextError(DeriveError):
    """A formula that the small formula language cannot read."""


class RuleRefused(DeriveError):
    """A rule that does not apply to the form it was given."""


class OrbitCut(RuleRefused):
    """A mask that keeps some pairs of an orbit and not others. `masked` is a form with it; `shown` finds what shows the cut."""

    def __init__(self, message: str, masked: object = None, shown: Callable[[], object] | None = None) -> None:
        super().__init__(message)
        self.masked, self.shown = masked, shown

    @cached_property
    def counterexample(self) -> object:
        """A layer with the symmetry of which the mask leaves one without it; looked for when it is asked for."""
        return None if self.shown is None else self.shown()


class StatedEarly(RuleRefused):
    """A group that comes with others, on weights that these don't leave as they are yet."""


class StatedLate(RuleRefused):
    """A constraint that applies before others, such as those that leave weights in a basis, and not after them."""


class GroupRefused(DeriveError):
    """A group or representation that is none, or that does not act on what it was given."""


class ObligationFailed(DeriveError):
    """An obligation that is false. `counterexample` is what shows it, where there is that; or `shown` finds it."""

    def __init__(self, message: str, counterexample: object = None, shown: Callable[[], object] | None = None) -> None:
        super().__init__(message)
        self.known, self.shown = counterexample, shown

    @cached_property
    def counterexample(self) -> object:
        """The smallest counterexample; looked for when it is asked for."""
        return self.known if self.shown is None else self.shown()


class CertificateError(DeriveError):
    """A certificate that is not one, or that does not prove what it says."""


class NoLowering(DeriveError):
    """An algorithm whose precondition the form does not meet."""


class EmitError(DeriveError):
    """A program that a backend cannot print."""


class OutputError(DeriveError):
    """A file or folder that cannot be written."""


def no_file(path: Path) -> UnknownName:
    """The error for a path that is no file."""
    return UnknownName(f"'{path}' is a folder; name a file." if path.is_dir() else f"There is no file '{path}'.")


def failure(path: Path, cause: BaseException) -> str:
    """That a user's file failed, where and why, in one sentence."""
    line, reason = _line(path, cause), _reason(cause)
    if isinstance(cause, SyntaxError) and cause.filename is not None and _same(cause.filename, path):
        line, reason = cause.lineno, f"{type(cause).__name__}: {cause.msg}"
    return f"'{path}' failed{f' at line {line}' if line else ''} with {reason}."


def refused(path: Path, cause: DeriveError) -> DeriveError:
    """The same refusal, with the line of a user's file that led to it."""
    line = _line(path, cause)
    cause.args = (f"'{path}' is refused{f' at line {line}' if line else ''}: {cause}", *cause.args[1:])
    return cause


def internal(fault: BaseException, what: str) -> str:
    """That `derive` itself failed, in one sentence; in Python's development mode with all that led to it."""
    if sys.flags.dev_mode:
        return "".join(traceback.format_exception(fault)).rstrip()
    frame = traceback.extract_tb(fault.__traceback__)[-1]
    where = f"{Path(frame.filename).name}, line {frame.lineno}"
    hint = "please report it with what `python -X dev -m derive` shows"
    return f"A fault of derive's own while {what}, in {where}: {_reason(fault)}; {hint}."


def _line(path: Path, cause: BaseException) -> int | None:
    """Which line of the file it was that led to an exception."""
    frames = traceback.extract_tb(cause.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if _same(frame.filename, path)), None)


def _same(name: str, path: Path) -> bool:
    return Path(name).resolve() == path.resolve()


def _reason(cause: BaseException) -> str:
    """An exception on one line, without a full stop."""
    said = " ".join(str(cause).split()).removesuffix(".")
    return f"{type(cause).__name__}: {said}" if said else type(cause).__name__
