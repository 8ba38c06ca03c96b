"""Every command on the pages and in README is run, in a copy of the checkout; what can't be says why in the page's source."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from select import select
from textwrap import dedent

import numpy as np
import pytest
from PIL import Image

from derive.__main__ import cli
from derive.cuda_check import find_compiler
from tests.cli.test_writing import ROOT
from tests.docs.test_code import PAGES

_BLOCK = re.compile(
    r"^(?:<!-- not run: ([^\n]+) -->\n)?```sh\n(.*?)^```\n(?:\n((?:    [^\n]*\n)+))?", re.MULTILINE | re.DOTALL
)
_COPIED = ("benchmarks", "derive", "docs", "generated", "pyproject.toml", "README.md", "CONTRIBUTING.md")
QUICK = {"your-own.md": [2], "cuda-check.md": [0]}  # run by day; the others nightly
ENDLESS = {"serve": "The Explorer is at http", "bench": ""}  # begun, waited for until they say so, and stopped
ELSEWHERE = {  # lines of README that fetch packages
    "python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/python -m derive": "the next line with less",
    "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/python -m pytest -n 2": ".ci/run runs it",
}
_BEGUN = 15.0  # seconds after which a command that says nothing until its end counts as begun
_PATIENCE = 1800.0  # seconds; a machine may be busy


@dataclass(frozen=True, slots=True)
class Block:
    """Commands of a page, why they can't be run, and what the page says they print."""

    lines: tuple[str, ...]
    reason: str
    shown: str


def read(text: str) -> list[Block]:
    """The blocks of commands, in order."""
    return [
        Block(tuple(line for line in lines.splitlines() if line.strip()), reason, shown)
        for reason, lines, shown in _BLOCK.findall(text)
    ]


HELD = {page: read((ROOT / "docs" / page).read_text(encoding="utf-8")) for page in PAGES}
HELD["README.md"] = read((ROOT / "README.md").read_text(encoding="utf-8"))
CASES = [
    pytest.param(page, k, marks=[] if k in QUICK.get(page, []) else pytest.mark.nightly, id=f"{page}-{k}")
    for page, held in HELD.items()
    for k, block in enumerate(held)
    if not block.reason
]


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    """A copy to work in, with the files that a reader is told to have: a layer, a kernel of it, a photograph."""
    folder = tmp_path_factory.mktemp("checkout")
    left_out = shutil.ignore_patterns("__pycache__", "_build")
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=left_out)
        else:
            shutil.copy(source, folder)
    (folder / "bin").mkdir()
    for name in ("python", "python3"):
        (folder / "bin" / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (folder / "bin" / name).chmod(0o755)
    text = (cli.help or "").partition("in my.py:\n")[2].partition("and its NumPy")[0]
    (folder / "my.py").write_text(dedent(text), encoding="utf-8")
    shutil.copy(ROOT / "generated" / "cupy" / "pointwise2d.py", folder / "my_kernel.py")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 64), dtype=np.uint8)).save(folder / "photo.jpg")
    return folder


def surroundings(folder: Path) -> dict[str, str]:
    """The environment of a reader who works in this folder."""
    return {
        **os.environ,
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
        "DERIVE_CACHE_DIR": str(folder / "cache"),
        "COLUMNS": "80",
    }


def done(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a line printed, and its exit status."""
    command = ["bash", "-e", "-o", "pipefail", "-c", line]
    return subprocess.run(
        command, cwd=folder, env=surroundings(folder), capture_output=True, text=True, timeout=_PATIENCE, check=False
    )


def begun(line: str, folder: Path, sign: str, seconds: float = _BEGUN) -> bool:
    """Whether a long command comes to say the sign or, without one, runs on for so many seconds; it is stopped then."""
    command = ["bash", "-c", f"exec {line}"]
    with subprocess.Popen(command, cwd=folder, env=surroundings(folder), stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        ready = select([running.stdout], [], [], _PATIENCE if sign else seconds)[0]
        good = sign in running.stdout.readline().decode() if sign and ready else not (sign or ready)
        running.terminate()
    return good


def command(line: str) -> str:
    """The command of `python -m derive` in a line; empty where there is none."""
    found = re.match(r"python -m derive (\w[\w-]*)", line)
    return found[1] if found else ""


def _skipped(lines: tuple[str, ...]) -> None:
    if any("coqc" in line for line in lines) and shutil.which("coqc") is None:
        pytest.skip("no coqc is installed; `apt-get install coq` brings one")
    if any("check-cuda" in line for line in lines) and find_compiler() is None:
        pytest.skip("CUDA text is compiled for the CPU, and there is no C++ compiler")


@pytest.mark.parametrize(("page", "number"), CASES)
def test_the_commands_of_a_block_run(page, number, checkout):
    block = HELD[page][number]
    _skipped(block.lines)
    for line in block.lines:
        if line in ELSEWHERE:
            continue
        if command(line) in ENDLESS:
            assert begun(line, checkout, ENDLESS[command(line)]), line
            continue
        ran = done(line, checkout)
        assert ran.returncode == (1 if block.shown else 0), f"{line}\n{ran.stdout}\n{ran.stderr}"
        if block.shown:  # a fault that is found
            assert (ran.stdout + ran.stderr).split() == block.shown.split()


def test_what_is_not_run_says_why():
    reasons = {page: [block.reason for block in held if block.reason] for page, held in HELD.items()}
    assert {page: len(found) for page, found in reasons.items() if found} == {"index.md": 1, "cuda-check.md": 1}
    assert [line for block in HELD["README.md"] for line in block.lines if line in ELSEWHERE] == list(ELSEWHERE)


def test_every_block_of_commands_is_read():
    texts = {page: (ROOT / "docs" / page).read_text(encoding="utf-8") for page in PAGES}
    assert {page: text.count("```sh\n") for page, text in texts.items()} == {page: len(HELD[page]) for page in PAGES}
    assert len(CASES) >= 10 and all(number < len(HELD[page]) for page, held in QUICK.items() for number in held)


def test_the_helpers_read_run_and_see_what_fails(tmp_path):
    first, second = read("<!-- not run: no device -->\n```sh\na\n\nb\n```\n\nand\n\n```sh\nc\n```\n\n    said\n\nx\n")
    assert first == Block(("a", "b"), "no device", "") and second == Block(("c",), "", "    said\n")
    assert done("false && true", tmp_path).returncode == 1 and done("false | true", tmp_path).returncode == 1
    assert begun("printf 'ready\\n'", tmp_path, "ready") and not begun("printf 'no\\n'", tmp_path, "ready")
    assert begun("sleep 60", tmp_path, "", 0.2) and not begun("false", tmp_path, "", 20)
