"""The files that a derivation becomes, and keeping a folder equal to them.

Everything is computed before the first byte is written, and each file is written beside its place and renamed, so an
interrupted run leaves old files or new ones and no halves.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from time import time
from typing import Any

from derive.errors import OutputError
from derive.registry import names
from derive.render.index import index_page

__all__ = [
    "FORGOTTEN",
    "OWNED",
    "PAGES",
    "Files",
    "Made",
    "compare",
    "emitted_tree",
    "package_files",
    "require_folder",
    "whole",
    "write",
]

OWNED = ("generated", "docs/derivations")
PAGES = "docs/derivations"
_RUNTIME = Path(__file__).parent / "runtime"
_LOCK = "generated/versions.json"
_LOCKED = ("sympy", "z3-solver", "drawsvg")
_UNFINISHED = ".unfinished"
FORGOTTEN = 3600  # seconds after which a file that nobody renamed belongs to a process that is gone
Files = dict[str, str]


@dataclass(frozen=True, slots=True)
class Made:
    """What a layer becomes: its own files by their names; what `list` tells of it, and `show` and `prove`, as JSON values."""

    files: Files
    listed: Mapping[str, Any]
    shown: Mapping[str, Any]


def whole(made: Mapping[str, Made]) -> Files:
    """Every file of a checkout that is made and not written, given what each layer of the catalogue becomes."""
    files: Files = {}
    for name in sorted(made):
        files |= made[name].files
    files |= package_files(made)
    files[f"{PAGES}/README.md"] = index_page(made[name].listed for name in sorted(made))
    files[_LOCK] = json.dumps({name: version(name) for name in _LOCKED}, indent=2) + "\n"
    return files


def emitted_tree(name: str, backend: str, source: str, root: Path) -> Files:
    """A layer's module for one backend, in a package of its own that may hold others already."""
    present = {p.stem for b in names("derive.backends") for p in (root / b).glob("*.py") if p.stem != "__init__"}
    return package_files(present | {name}, top="") | {f"{backend}/{name}.py": source}


def package_files(layers: Iterable[str], top: str = "generated") -> Files:
    """What stands around the modules of these layers: the dispatchers, and the runtime, byte for byte."""
    prefix = f"{top}/" if top else ""
    wanted = sorted(layers)
    lines = [
        '"""Kernels that were derived, proved and emitted by `derive`: NumPy in, NumPy out; CuPy in, CuPy out."""',
        "",
        "from ._runtime import Dispatcher",
        "",
        "__all__ = [",
        *(f'    "{name}",' for name in wanted),
        "]",
        "",
        *(f'{name} = Dispatcher(__name__, "{name}")' for name in wanted),
        "",
    ]
    files = {f"{prefix}__init__.py": "\n".join(lines)}
    files |= {
        f"{prefix}{b}/__init__.py": f'"""Modules for the backend {b}, one a layer."""\n'
        for b in names("derive.backends")
    }
    for path in sorted(_RUNTIME.glob("*.py")):
        files[f"{prefix}_runtime/{path.name}"] = path.read_text(encoding="utf-8")
    return files


def compare(files: Mapping[str, str], root: Path) -> list[str]:
    """What is wrong with a folder, a sentence a file: changed, missing, or nobody's. Empty where nothing is."""
    lock = root / _LOCK
    wrong = []
    if lock.is_file() and lock.read_bytes() != files[_LOCK].encode():
        wrong += _mismatches(lock.read_bytes(), files[_LOCK])
    for name, text in sorted(files.items()):
        path = root / name
        if not path.is_file():
            wrong.append(f"{name} is missing.")
        elif path.read_bytes() != text.encode() and name != _LOCK:
            wrong.append(f"{name} differs from what the derivation gives.")
    wrong += [f"{name} belongs to no layer." for name in _extra(files, root)]
    return wrong


def _mismatches(held: bytes, wanted: str) -> list[str]:
    try:
        old = dict(json.loads(held))
    except (ValueError, TypeError):
        return [f"{_LOCK} is not readable."]
    new = json.loads(wanted)
    found = [
        f"The files were made with {name} {old.get(name, 'of no stated version')}; {new[name]} is installed."
        for name in new
        if old.get(name) != new[name]
    ]
    return found or [f"{_LOCK} differs from what the derivation gives."]


def _extra(files: Container[str], root: Path) -> list[str]:
    """Files in the folders that regeneration owns which it doesn't make, and no other run is writing."""
    there = (p for top in OWNED for p in (root / top).rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    named = ((p, p.relative_to(root).as_posix()) for p in there)
    return sorted(name for p, name in named if name not in files and not _under_way(p))


def _under_way(path: Path) -> bool:
    """Whether another run writes this file just now, to be renamed; one that was killed leaves an old one behind."""
    if not (path.name.startswith(".") and path.suffix == _UNFINISHED):
        return False
    try:
        return time() - path.stat().st_mtime < FORGOTTEN
    except FileNotFoundError:
        return True


def require_folder(root: Path) -> None:
    """Raises OutputError for a file, where files in a folder are to be written."""
    if root.exists() and not root.is_dir():
        raise OutputError(f"Cannot write to '{root}': it is a file.")


def write(files: Mapping[str, str | bytes], root: Path, prune: bool = False) -> list[str]:
    """Write what differs; with `prune`, remove what belongs to no layer. The names that changed.

    Raises OutputError for a folder that can't be written.
    """
    require_folder(root)
    changed, path = [], root
    try:
        for name, text in sorted(files.items()):
            path = root / name
            data = text if isinstance(text, bytes) else text.encode()
            if path.is_file() and path.read_bytes() == data:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, data)
            changed.append(name)
        for name in _extra(files, root) if prune else ():
            path = root / name
            path.unlink(missing_ok=True)
            changed.append(name)
    except OSError as cause:
        where = path.parent if path != root and path.parent.is_dir() else root
        raise OutputError(f"Cannot write to '{where}': {cause.strerror or cause}.") from cause
    return changed


def _replace(path: Path, data: bytes) -> None:
    """What a link names is replaced, not the link; what is no file, such as /dev/stdout, is written to."""
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    path = path.resolve()
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_UNFINISHED)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(beside).chmod(0o644)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
