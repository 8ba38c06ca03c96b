"""axe-core, the accessibility checker: fetched once by npm, kept in the user's cache folder, told apart by its digest."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from platformdirs import user_cache_dir

from tests.docs.browser import Page

__all__ = ["VERSION", "axe", "findings"]

VERSION = "4.14.1"
_DIGEST = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"  # of the package
_GRAVE = ("serious", "critical")
_SECONDS = 60
_RUN = """axe.run(document, %s).then(found => found.violations.flatMap(({id, impact, nodes}) => nodes.map(
    node => [impact, id, node.target.flat(Infinity).join(" "), (node.any[0] || node.all[0] || node.none[0]).message])))"""


def axe(folder: Path | None = None) -> str | None:
    """The script; None where neither the cache folder nor npm has it."""
    kept = (folder or Path(user_cache_dir("derive", appauthor=False))) / f"axe-core-{VERSION}.tgz"
    if not _is_it(kept) and not _fetched(kept):
        return None
    with tarfile.open(kept) as package:
        script = package.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode()


def _is_it(file: Path) -> bool:
    return file.is_file() and sha256(file.read_bytes()).hexdigest() == _DIGEST


def _fetched(kept: Path) -> bool:
    """Whether npm brought the package; one with another digest is not kept."""
    npm = shutil.which("npm")
    if npm is None:
        return False
    kept.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=kept.parent) as folder:
        try:
            command = [npm, "pack", "--ignore-scripts", "--fetch-retries=1", f"axe-core@{VERSION}"]
            subprocess.run(command, cwd=folder, capture_output=True, timeout=_SECONDS, check=True)
        except (subprocess.SubprocessError, OSError):
            return False
        got = Path(folder) / kept.name
        if not _is_it(got):
            return False
        got.replace(kept)
    return True


def findings(page: Page, script: str, rules: tuple[str, ...] = ()) -> list[str]:
    """What is serious or critical on the page that is shown, by these rules or by all of them."""
    if page.value("typeof axe") == "undefined":
        page.value(f"{script};true")
    chosen: dict[str, Any] = {"resultTypes": ["violations"]}
    chosen |= {"runOnly": list(rules)} if rules else {}
    found = page.value(_RUN % json.dumps(chosen))
    return [f"{rule}: {where}: {message}" for impact, rule, where, message in found if impact in _GRAVE]
