"""Running Coq on a text, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pytest

from derive.proof.coq import Claim, CoqFile, coq_file
from derive.proof.goal import Goal, Obligation

_SECONDS = 580
COQC = shutil.which("coqc")
needs_coq = pytest.mark.skipif(COQC is None, reason="coqc is missing: it is in Debian's package coq")


def coqc(text: str, folder: Path, seconds: int = _SECONDS) -> tuple[int, str]:
    """The exit code, and all that was printed, for a file with this text, after so many seconds of processor time at most."""
    assert COQC is not None
    (folder / "layer.v").write_text(text, encoding="utf-8")
    command = [COQC, "-q", "-noglob", "layer.v"]
    ending = partial(_ending, seconds)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, preexec_fn=ending)
    return done.returncode, done.stdout + done.stderr


def _ending(seconds: int) -> None:
    """Coq is stopped once it has computed for this long; a busy machine is no reason."""
    import resource  # where there are processes to limit

    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))


def stated(goals: Iterable[Goal]) -> CoqFile:
    """A file for goals alone."""
    return coq_file("Goals of a test", [Claim("A test", "test", Obligation("goals", "These hold.", tuple(goals)))])


def without_proofs(text: str, ending: str) -> str:
    """The file with another end of each theorem, and no look at what they rest on."""
    return text.partition("(* What they rest on")[0].replace("Proof. by_witness. Qed.", ending)
