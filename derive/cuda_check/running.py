"""Runs a user's file as a program, in its own package where it has one, with nothing left behind."""

import contextlib
import importlib.util
import io
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from derive.errors import DeriveError

__all__ = ["run_file"]

RUNTIME = Path(__file__).resolve().parent.parent / "runtime"
ALONE = "derive_checked"


def run_file(path: Path) -> dict[str, Any]:
    """The names that the file has after `python FILE`; what it prints is dropped, what it imports forgotten.

    An emitted module without its package finds the runtime that comes with `derive`.
    """
    name, folder = _qualified(path)
    with _restored(path, folder), contextlib.redirect_stdout(io.StringIO()):
        try:
            if folder != path.resolve().parent and "." not in path.stem:
                return runpy.run_module(name, run_name="__main__", alter_sys=True)
            if "from .._runtime" in path.read_text(encoding="utf-8"):
                return _run_alone(path)
            return runpy.run_path(str(path), run_name="__main__")
        except SystemExit as stop:
            if stop.code:
                raise DeriveError(f"'{path}' exits with {stop.code}.") from stop
            return {}


def _qualified(path: Path) -> tuple[str, Path]:
    """A file's name as a module, and the folder that its outermost package is in."""
    parts, folder = [path.stem], path.resolve().parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts), folder


@contextlib.contextmanager
def _restored(path: Path, folder: Path) -> Iterator[None]:
    """`folder` leads the search for modules inside the `with` block; modules that it brings are forgotten after it."""
    known, arguments, search = set(sys.modules), sys.argv, list(sys.path)
    sys.argv = [str(path)]
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.argv, sys.path[:] = arguments, search
        for name in set(sys.modules) - known:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if name.split(".")[0] == ALONE or Path(file).is_relative_to(folder):
                del sys.modules[name]


def _run_alone(path: Path) -> dict[str, Any]:
    for name in (ALONE, f"{ALONE}.cupy"):
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = []
    runtime = f"{ALONE}._runtime"
    spec = importlib.util.spec_from_file_location(
        runtime, RUNTIME / "__init__.py", submodule_search_locations=[str(RUNTIME)]
    )
    if spec is None or spec.loader is None:
        raise DeriveError("The runtime's files are missing from this installation.")
    sys.modules[runtime] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[runtime])
    names = {"__name__": "__main__", "__package__": f"{ALONE}.cupy", "__file__": str(path)}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)
    return names
