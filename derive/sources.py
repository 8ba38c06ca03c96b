"""What a layer's files depend on, as one hash: its key.

    key(layer) = hash of  the versions of Python and of the packages used
                        + every file of derive/ outside the catalogue
                        + the catalogue's files that the layer's own imports reach

So a layer keeps its key when another layer's file changes, and loses it when anything else does. Imports are read off
the source. A catalogue file that could reach others in ways that its imports do not tell, such as `importlib` or
`eval`, depends on the whole catalogue. Files that it opens are another matter: `covered` says which the key accounts for.
"""

from __future__ import annotations

import ast
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution, version
from importlib.util import cache_from_source
from pathlib import Path

__all__ = ["PACKAGE", "REACHING", "closures", "covered", "drop_doubtful_bytecode", "layer_keys"]

PACKAGE = Path(__file__).resolve().parent
_USED = ("sympy", "mpmath", "gmpy2", "python-flint", "z3-solver", "numpy", "drawsvg", "pillow", "latex2mathml")
_PLAIN = frozenset(
    ["__future__", "collections", "dataclasses", "derive", "enum", "fractions", "functools", "itertools", "math"]
) | {"numpy", "operator", "sympy", "typing"}
REACHING = frozenset(
    [
        "__main__",
        "bench",
        "checking",
        "explorer",
        "haloing",
        "labels",
        "lowering",
        "making",
        "parting",
        "pipeline",
        "products",
        "reading",
        "regeneration",
        "registry",
        "workers",
    ]
)
_EVALUATING = frozenset(["__builtins__", "__import__", "compile", "eval", "exec", "globals"])


def layer_keys(package: Path = PACKAGE) -> dict[str, str]:
    """The key of every layer of a catalogue, read from the files as they are now."""
    units = _units(package / "catalogue")
    common = _digest({**_environment(), **{f"derive/{name}": held for name, held in _outside(package, units)}})
    own = {name: _digest(unit) for name, unit in units.items()}
    return {
        name: _digest({"": common, **{other: own[other] for other in reached}})
        for name, reached in _closures(units).items()
        if not name.startswith("_")
    }


def closures(package: Path = PACKAGE) -> dict[str, frozenset[str]]:
    """For each module of a catalogue the modules of the catalogue that it is made of, itself included."""
    return _closures(_units(package / "catalogue"))


def _digest(parts: Mapping[str, bytes | str]) -> str:
    """One hash of named parts; names and lengths are part of it, so that no two tables share a text."""
    whole = sha256()
    for name in sorted(parts):
        part = parts[name]
        whole.update(sha256(name.encode()).digest())
        whole.update(sha256(part if isinstance(part, bytes) else part.encode()).digest())
    return whole.hexdigest()


def _environment() -> dict[str, str]:
    """What else decides: the interpreter, the packages, and the switches that SymPy takes from outside."""
    found = {f"package {name}": _version(name) for name in _USED}
    found |= {f"variable {name}": value for name, value in os.environ.items() if name.startswith("SYMPY_")}
    return found | {"python": f"{sys.version} {sys.flags.optimize} {sys.platform} {platform.machine()}"}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _files(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (Path(where, name) for name in files)


def _units(catalogue: Path) -> dict[str, dict[str, bytes]]:
    """The modules of a catalogue with their files: a file each, or a folder."""
    units: dict[str, dict[str, bytes]] = {}
    for path in sorted(catalogue.iterdir()):
        if path.is_dir() and (path / "__init__.py").is_file():
            units[path.name] = {p.relative_to(catalogue).as_posix(): p.read_bytes() for p in _files(path)}
        elif path.suffix == ".py" and path.stem != "__init__":
            units[path.stem] = {path.name: path.read_bytes()}
    return units


def _outside(package: Path, units: Mapping[str, Mapping[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Every file of the package that belongs to no module of the catalogue."""
    inside = {f"catalogue/{name}" for unit in units.values() for name in unit}
    for path in _files(package):
        name = path.relative_to(package).as_posix()
        if name not in inside:
            yield name, path.read_bytes()


def _closures(units: Mapping[str, Mapping[str, bytes]]) -> dict[str, frozenset[str]]:
    direct = {name: _imports(unit, frozenset(units)) for name, unit in units.items()}
    found = {}
    for name in units:
        reached, new = {name}, {name}
        while new:
            new = set().union(*(direct[n] for n in new)) - reached
            reached |= new
        found[name] = frozenset(reached)
    return found


def _imports(unit: Mapping[str, bytes], known: frozenset[str]) -> frozenset[str]:
    """The modules of the catalogue that a module imports; all of them where its text doesn't tell."""
    found: set[str] = set()
    for file, held in unit.items():
        if "/" in file:
            return known
        try:
            tree = ast.parse(held)
        except (SyntaxError, ValueError):
            return known
        for node in ast.walk(tree):
            if _reaches_further(node):
                return known
            for module in _named(node):
                first, second, third = (*module.split("."), "", "")[:3]
                if first not in _PLAIN or second in REACHING or third == "*":
                    return known
                if second == "catalogue" and third in known:
                    found.add(third)
    return frozenset(found)


def _named(node: ast.AST) -> Iterator[str]:
    """The modules that a node imports, with the names taken from them; relative names made absolute."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = ("", "derive.catalogue", "derive")[min(node.level, 2)]
        module = ".".join(part for part in (base, node.module) if part)
        yield from (f"{module}.{alias.name}" for alias in node.names)


def _reaches_further(node: ast.AST) -> bool:
    """Whether a node could fetch a module that no import statement names."""
    if isinstance(node, ast.Attribute):
        return node.attr == "catalogue" or node.attr in REACHING
    return isinstance(node, ast.Name) and (node.id == "catalogue" or node.id in _EVALUATING)


def covered(path: Path, reached: frozenset[str], package: Path = PACKAGE) -> bool:
    """Whether the key of a layer made of these modules accounts for a file: a file of derive/, or of an installed package."""
    if path.is_relative_to(package / "catalogue"):
        inside = path.relative_to(package / "catalogue").parts
        first = next((part for part in inside if part != "__pycache__"), "")
        unit = first.partition(".")[0]
        return unit in reached or unit == "__init__" or not first.endswith((".py", ".pyc"))
    return any(path.is_relative_to(root) for root in (package, *_installed()))


@lru_cache
def _installed() -> tuple[Path, ...]:
    """Where Python's library and the packages whose versions are part of a key lie."""
    found = [distribution(name).locate_file("") for name in _USED if _version(name)]
    return (Path(os.__file__).resolve().parents[1], *(Path(str(folder)).resolve() for folder in found))


def drop_doubtful_bytecode(package: Path = PACKAGE) -> None:
    """Remove compiled files that are no younger than their source.

    Python takes a compiled file by the source's size and whole second, so an edit of one letter in the second of the
    last run would be run as it was before, and remembered.
    """
    for path in _files(package):
        if path.suffix != ".py":
            continue
        compiled = Path(cache_from_source(str(path)))
        try:
            if compiled.stat().st_mtime_ns <= path.stat().st_mtime_ns:
                compiled.unlink()
        except OSError:
            continue
