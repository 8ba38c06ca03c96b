"""README's Python runs, and its commands are ones that the command line has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from derive.__main__ import cli

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_there_is_something_to_run():
    assert len(blocks("python")) == 4
    assert len(blocks("sh")) == 3


def test_the_python_runs_and_its_claims_hold():
    names: dict[str, object] = {}
    for text in blocks("python"):
        exec(compile(text, "README.md", "exec"), names)
    layer, H = names["layer"], names["H"]
    assert str(layer.free_parameters["weight"]) == "(2*Delta + 1)**2"  # type: ignore[attr-defined]
    assert str(layer.free_parameters["when"]) in ("Delta < Min(m, n)", "Delta < Min(n, m)")  # type: ignore[attr-defined]
    assert all(verdict.proved for verdict in layer.verdicts)  # type: ignore[attr-defined]
    assert H.shape == (480, 640)  # type: ignore[attr-defined]


@pytest.mark.parametrize("line", [line for line in blocks("sh")[2].splitlines() if line.strip()])
def test_every_command_is_one_of_the_command_line(line):
    words = line.split("#")[0].split()
    assert words[:3] == ["python", "-m", "derive"]
    if len(words) > 3:
        assert words[3] in cli.commands
        options = {option for p in cli.commands[words[3]].params for option in p.opts}
        assert all(w in options for w in words if w.startswith("--"))
