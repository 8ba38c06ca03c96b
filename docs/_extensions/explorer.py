"""The Explorer beside the pages: files of its own, made by the engine when the site is built, and remembered.

DERIVE_EXPLORER=first leaves all settings out but the one that it begins with and those that state less, for a quick look.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

__all__ = ["setup", "write"]


def write(folder: Path) -> None:
    """Make the page in this folder."""
    from derive.cache import users_cache
    from derive.explorer.offered import FIRST
    from derive.explorer.remembered import remembered_page

    few = [FIRST.until(count) for count in range(len(FIRST.words) + 1)]
    wanted = few if os.environ.get("DERIVE_EXPLORER") == "first" else None
    for name, data in remembered_page(users_cache(), "../index.html", wanted).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def _finished(app: Sphinx, failed: Exception | None) -> None:
    if failed is None and app.builder.format == "html":
        write(Path(app.outdir) / "explorer")


def setup(app: Sphinx) -> dict[str, Any]:
    """The page is written when the others are."""
    app.connect("build-finished", _finished)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
