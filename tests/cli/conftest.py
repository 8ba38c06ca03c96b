"""Running the command line as a user does, and in process where only its words matter."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from compileall import compile_dir
from pathlib import Path

import pytest

from derive.__main__ import main
from tests.commands import ROOT, Ran, as_process

SHORT = ("dense2d", "fully_connected", "offset2d")


@pytest.fixture
def copied_tree(regenerated: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to be changed."""
    return Path(shutil.copytree(regenerated, tmp_path / "copied"))


@pytest.fixture(scope="session")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, to be edited; compiled once for all processes that run copies of it."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "derive", root / "derive", ignore=shutil.ignore_patterns("__pycache__"))
    compile_dir(root / "derive", quiet=1)
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
