"""The site, made once for all processes of a test run, and a page of the browser to look at it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cli.test_writing import ROOT

_NEEDED = ("sphinx", "myst_nb", "pydata_sphinx_theme", "latex2mathml", "skimage")
_PATIENCE = 900.0  # seconds; a machine may be busy
_STILL = (
    "document.querySelectorAll('details').forEach(e => { e.open = true; });"
    "document.head.insertAdjacentHTML('beforeend', '<style>* { transition: none !important; }</style>')"
)
_THEME = "document.documentElement.dataset.theme"
KINDS = (
    "index",
    "tutorial",
    "explorer",
    "explorer/index",
    "how-to/index",
    "how-to/choose-an-algorithm",
    "explanation/fast-algorithms",
    "explanation/what-is-proved",
    "decisions/0008-programs-in-stages",
    "performance/numpy",
    "digits",
    "derivations/offset2d",
    "reference/catalogue",
    "reference/kernels",
    "reference/command-line",
    "search",
)

(COMMAND,) = re.findall(
    r"^python (-m sphinx .*) docs/_build/html$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE
)


def once(folder: Path, make: Callable[[], str]) -> str:
    """What `make` says, called by the first process that asks; the others wait for it."""
    said = folder / "said"
    try:
        (folder / "claimed").mkdir(parents=True)
    except FileExistsError:
        until = time.monotonic() + _PATIENCE
        while not said.exists():
            assert time.monotonic() < until, "Another process never finished."
            time.sleep(0.2)
        return said.read_text(encoding="utf-8")
    unfinished = folder / "unfinished"
    unfinished.write_text(make(), encoding="utf-8")
    unfinished.replace(said)
    return said.read_text(encoding="utf-8")


def _build(folder: Path) -> str:
    """What is wrong; a proxy that is none stands for the network."""
    nowhere = {f"{name}_proxy": "http://127.0.0.1:9" for name in ("http", "https", "HTTP", "HTTPS")}
    nowhere["DERIVE_EXPLORER"] = "first"  # all of it is made, and looked at, in tests/explorer
    command = [sys.executable, *COMMAND.split(), str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | nowhere, capture_output=True, text=True, check=False)
    if done.returncode or "-W" not in COMMAND.split():
        return done.stderr or "The command doesn't make errors of warnings."
    return ""


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The site, made by the command that CONTRIBUTING.md names."""
    for needed in _NEEDED:
        if find_spec(needed) is None:
            pytest.skip(f"{needed}, of the docs extra, is not installed")
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "site"
    wrong = once(folder, lambda: _build(folder / "html"))
    assert wrong == ""
    return folder / "html"


@pytest.fixture(scope="session")
def page(browser):
    """A page of the browser, for one file after the other."""
    return browser.page()


def look(page, file, width, dark):
    """Open the page with all that it folds."""
    page.window(width, 900, dark)
    page.open(file.as_uri(), f"document.readyState === 'complete' && {_THEME}")
    page.value(_STILL)
    assert page.value(_THEME) == ("dark" if dark else "light")


def turn(page, width, dark):
    """The page that is open, in another window or theme."""
    page.window(width, 900, dark)
    page.wait(f"{_THEME} === '{'dark' if dark else 'light'}'")
