"""Running the command line as a user does, and in process where only its words matter."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from derive.__main__ import main

ROOT = Path(__file__).resolve().parents[2]


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


SEED = "4242"
SHORT = ("dense2d", "fully_connected", "offset2d")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run of the tests have in common."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def remembered(shared: Path) -> Path:
    """The cache of this run of the tests."""
    return shared / "cache"


@pytest.fixture(scope="session")
def regenerated(shared: Path, remembered: Path) -> Path:
    """A folder with the whole catalogue, made once, from nothing, under a hash seed of its own; not to be changed."""
    folder, done = shared / "whole", shared / "done"
    try:
        (shared / "begun").mkdir()
    except FileExistsError:
        while not done.exists():
            time.sleep(0.2)
    else:
        variables = {"DERIVE_CACHE_DIR": str(remembered), "PYTHONHASHSEED": SEED}
        ran = as_process("--to", folder, "--jobs", 2, **variables)
        done.write_text(ran.err)
        assert ran.code == 0, ran.err
        assert "remembered" not in ran.out
    assert not done.read_text()
    return folder


@pytest.fixture
def copied_tree(regenerated: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to be changed."""
    return Path(shutil.copytree(regenerated, tmp_path / "copied"))


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, to be edited."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "derive", root / "derive", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


@pytest.fixture
def small(copied: Path, tmp_path: Path) -> Path:
    """A copy whose catalogue is short."""
    root = tmp_path / "project"
    shutil.copytree(copied, root)
    for path in (root / "derive/catalogue").glob("[!_]*.py"):
        if path.stem not in SHORT:
            path.unlink()
    return root


def as_process(*arguments: object, cwd: Path = ROOT, **variables: str) -> Ran:
    """The command line in a process of its own, with variables added to the environment."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-m", "derive", *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(autouse=True)
def _own_cache(request: pytest.FixtureRequest, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the whole catalogue left once it was made; until then a folder beside it, since that is made from nothing."""
    if "regenerated" in request.fixturenames:
        request.getfixturevalue("regenerated")
    whole = (shared / "done").exists()
    monkeypatch.setenv("DERIVE_CACHE_DIR", str(shared / "cache" if whole else shared / "apart"))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """The command line in this process."""

    def call(*arguments: object) -> Ran:
        code = 0
        try:
            main([str(a) for a in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return call


@pytest.fixture
def process() -> Callable[..., Ran]:
    """See `as_process`."""
    return as_process
