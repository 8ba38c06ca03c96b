"""Talking to the processes that measure: one for each library and number of threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from derive.calibration import FORCED, one_thread
from derive.errors import DeriveError

__all__ = ["Died", "Worker", "environment"]

_ROOT = Path(__file__).resolve().parents[2]
# The C library gives freed memory back to nobody, so that whoever allocates results anew pays for no fresh pages.
_KEPT = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40)}


class Died(DeriveError):
    """A measuring process that ended before it answered."""


def environment(threads: int, unforced: bool) -> dict[str, str]:
    """The variables of a measuring process. `unforced`: BLAS chooses its kernels by the processor, whatever the user's say."""
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
    mine = {**os.environ, **one_thread(threads), **_KEPT, "PYTHONPATH": path}
    return {key: value for key, value in mine.items() if not (unforced and key in FORCED)}


class Worker:
    """One such process. In a session of its own: a Ctrl-C reaches this process alone, which then ends the others."""

    def __init__(self, family: str, threads: int, unforced: bool = False) -> None:
        self.family, self.threads = family, threads
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "derive.bench.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment(threads, unforced),
            start_new_session=True,
        )
        self.missing = ""
        self.told: dict[str, Any] = {}
        try:
            self.told = self.ask("start", family=family, threads=threads)
        except BaseException:
            self.close()
            raise
        if "failed" in self.told:
            self.close()
            raise Died(f"The process that measures {family} can't begin: {self.told['failed'].rstrip('.')}.")
        self.missing = self.told.get("missing", "")

    @property
    def ended(self) -> bool:
        """Whether it is there no more."""
        return self._process.poll() is not None

    def ask(self, do: str, **more: Any) -> dict[str, Any]:
        """Its answer. Raises Died where there is none."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **more}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise Died(
                f"The process that measures {self.family} ended with status {self._process.wait()}{self._last()}."
            )
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last(self) -> str:
        """The last thing it printed."""
        self._log.seek(0)
        lines = [line.strip() for line in self._log if line.strip()]
        return f": {lines[-1].rstrip('.')}" if lines else ""

    def close(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        self._log.close()
