"""What takes over a second says so on a terminal's standard error, and nowhere else."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from derive.progress import bar, working
from tests.commands import ROOT

COUNT = "with bar(2, 'counting') as step:\n    step('one')\n    step('two')\n"
WAIT = "with working('deriving mine') as step:\n    step('proving mine')\n"


def seen(code: str) -> str:
    """What a terminal is shown on standard error."""
    ours, theirs = pty.openpty()
    program = f"from derive.progress import bar, working\n{code}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "80"}
    subprocess.run([sys.executable, "-c", program], stderr=theirs, stdout=subprocess.PIPE, env=environment, check=True)
    os.close(theirs)
    text = b""
    while True:
        try:
            read = os.read(ours, 65536)
        except OSError:
            break
        if not read:
            break
        text += read
    os.close(ours)
    return text.decode()


@pytest.mark.parametrize(("code", "shown"), [(COUNT, ["two", "2/2", "0:00:0"]), (WAIT, ["proving mine", "0:00:0"])])
def test_a_terminal_is_shown_what_is_under_way(code, shown):
    text = seen(code)
    assert all(part in text for part in shown)


def test_a_pipe_is_not(capsys):
    for under_way in (bar(2, "counting"), working("deriving mine")):
        with under_way as step:
            step("one")
    assert capsys.readouterr() == ("", "")
