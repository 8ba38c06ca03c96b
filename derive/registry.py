"""A folder is its registry: one public module, one name in its `__all__`, one entry."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from derive.errors import RegistryError, UnknownName

__all__ = ["discover", "find", "names"]


@lru_cache
def names(package: str) -> tuple[str, ...]:
    """The public modules of a package, in alphabetical order; none is imported."""
    folder = import_module(package)
    return tuple(sorted(m.name for m in iter_modules(folder.__path__) if not m.name.startswith("_")))


def find(package: str, name: str) -> Any:
    """The entry of that name. Raises UnknownName with near matches, RegistryError for a module without one export."""
    known = names(package)
    if not isinstance(name, str) or name not in known:
        small = {k.lower(): k for k in known}
        near = [small[k] for k in get_close_matches(str(name).lower(), small, n=3)]
        hint = f" did you mean {' or '.join(near)}?" if near else f" there are {', '.join(known)}."
        raise UnknownName(f"There is no '{name}' in {package.removeprefix('derive.')};{hint}")
    module = import_module(f"{package}.{name}")
    exported = getattr(module, "__all__", [])
    if len(exported) != 1:
        raise RegistryError(
            f"{package}.{name} must export exactly one name in __all__; it exports {', '.join(exported) or 'none'}."
        )
    return getattr(module, exported[0])


def discover(package: str) -> Iterator[tuple[str, Any]]:
    """Every entry with its module's name."""
    for name in names(package):
        yield name, find(package, name)
