"""The command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """Standard error, which must be one line."""
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        return lines[0]

    def sentence_with(self, part: str) -> str:
        """The one line of standard error that mentions something."""
        (line,) = [line for line in self.err.splitlines() if part in line]
        return line


def as_process(
    *arguments: object, cwd: Path = ROOT, program: tuple[str, ...] = ("-m", "derive"), **variables: str
) -> Ran:
    """The command line in a process of its own, with variables added to the environment."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, *program, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)
