"""Who may import whom, and what every file is like. The table is DESIGN section 5's."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from derive.registry import names

ROOT = Path(__file__).parent.parent
DERIVE = ROOT / "derive"

# A part of derive, and what it may import of derive besides itself.
_BASE = {"affine", "errors", "ordering", "remembered"}
_FORMS = _BASE | {"forms"}
_PROOF = _FORMS | {"groups", "proof"}
_DERIVATION = _PROOF | {"rules"}
_PIPELINE = _DERIVATION | {
    "derivation",
    "reference",
    "symmetry",
    "ir",
    "algorithms",
    "backends",
    "catalogue",
    "render",
    "registry",
}
_LOWERING = _PROOF | {"rules", "ir", "algorithms", "backends", "registry"}
_FILES = _PIPELINE | {"lowering", "pipeline", "checking"}

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "ordering": {"remembered"},
    "affine": set(),
    "remembered": {"affine"},
    "registry": {"errors"},
    "progress": set(),
    "forms": _BASE,
    "groups": _FORMS,
    "finite": {"groups"},
    "proof": _FORMS,
    "rules": _PROOF,
    "derivation": _DERIVATION,
    "reference": _DERIVATION | {"derivation"},
    "claims": _DERIVATION | {"derivation"},
    "combined": _DERIVATION | {"derivation"},
    "labels": _DERIVATION | {"registry"},
    "symmetry": _DERIVATION | {"derivation", "claims"},
    "certified": _DERIVATION | {"derivation", "claims", "labels", "symmetry"},
    "catalogue": _DERIVATION | {"derivation"},
    "ir": _BASE,
    "backends": _BASE | {"ir"},
    "algorithms": _FORMS | {"proof", "ir"},
    "render": _DERIVATION | {"derivation"},
    "images": {"errors"},
    "matching": {"errors", "images"},
    "runtime": set(),
    "cuda_check": {"errors"},
    "lowering": _LOWERING,
    "haloing": _LOWERING | {"lowering"},
    "products": _LOWERING | {"lowering"},
    "parting": _LOWERING | {"haloing", "lowering", "products"},
    "compiled": {"errors"},
    "pipeline": _PIPELINE | {"compiled", "haloing", "lowering", "parting", "products"},
    "own": {"backends", "derivation", "errors", "pipeline", "proof"},
    "checking": _PIPELINE | {"compiled", "lowering", "pipeline"},
    "explorer": _LOWERING | {"lowering", "derivation", "claims", "render", "artifacts", "cache", "progress", "sources"},
    "artifacts": {"errors", "registry", "render"},
    "making": _FILES | {"artifacts"},
    "sources": set(),
    "cache": {"artifacts"},
    "workers": {"artifacts", "errors", "making", "pipeline"},
    "regeneration": {"artifacts", "cache", "registry", "sources", "workers"},
    "reading": {
        "artifacts",
        "cache",
        "certified",
        "errors",
        "labels",
        "making",
        "own",
        "progress",
        "proof",
        "regeneration",
        "registry",
        "render",
    },
    "calibration": {"artifacts", "errors", "runtime"},
    "bench": {"artifacts", "calibration", "cuda_check", "errors", "ir", "progress", "registry"},
    "__init__": _FILES | {"claims", "combined", "symmetry"},
    "__main__": _FILES
    | {
        "claims",
        "labels",
        "artifacts",
        "making",
        "cache",
        "workers",
        "regeneration",
        "images",
        "matching",
        "own",
        "progress",
        "reading",
        "bench",
        "cuda_check",
        "explorer",
    },
}

# Imports against the arrows: conveniences on the object that people hold, such as `layer.compile()` and what a notebook shows.
UPWARDS = {("derivation", "pipeline"), ("derivation", "reference"), ("derivation", "render")}


def _files(folder: Path = DERIVE) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py*") if path.suffix in (".py", ".pyi"))


def _part(path: Path) -> str:
    """The part of derive that a file belongs to: its folder, or its own name."""
    return path.relative_to(DERIVE).parts[0].partition(".")[0]


def _imported(tree: ast.Module, package: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Every module that a file imports, wherever in the file, with its line; relative names made absolute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *([node.module] if node.module else [])))
            yield node.lineno, module
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def violations(path: Path, text: str) -> list[str]:
    """`path:line: 'rules' may not import 'backends'` for each import against the table."""
    part, where = _part(path), path.relative_to(ROOT)
    package = path.relative_to(ROOT).parts[:-1]
    found = []
    for line, module in _imported(ast.parse(text), package):
        first, _, rest = module.partition(".")
        other = rest.split(".")[0]
        if first == "generated":
            found.append(f"{where}:{line}: '{part}' may not import 'generated'")
        if first == "derive" and other in MAY_IMPORT and not _allowed(part, other):
            found.append(f"{where}:{line}: '{part}' may not import '{other}'")
    return sorted(set(found))


def _allowed(part: str, other: str) -> bool:
    return other == part or other in MAY_IMPORT[part] or (part, other) in UPWARDS


def test_every_part_is_in_the_table() -> None:
    parts = {_part(path) for path in _files()}
    assert parts == set(MAY_IMPORT)


def test_imports_follow_the_table() -> None:
    found = [line for path in _files() for line in violations(path, path.read_text(encoding="utf-8"))]
    assert found == []


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        (
            "rules/local.py",
            "import derive.backends.numpy",
            ["derive/rules/local.py:1: 'rules' may not import 'backends'"],
        ),
        (
            "ir/nodes.py",
            "\nfrom derive.forms.form import Form",
            ["derive/ir/nodes.py:2: 'ir' may not import 'forms'"],
        ),
        ("ir/nodes.py", "from derive import forms", ["derive/ir/nodes.py:1: 'ir' may not import 'forms'"]),
        ("ir/nodes.py", "from ..forms import form", ["derive/ir/nodes.py:1: 'ir' may not import 'forms'"]),
        (
            "ir/nodes.py",
            "def f():\n    import derive.proof",
            ["derive/ir/nodes.py:2: 'ir' may not import 'proof'"],
        ),
        (
            "runtime/kernel.py",
            "import derive.errors",
            ["derive/runtime/kernel.py:1: 'runtime' may not import 'errors'"],
        ),
        (
            "pipeline.py",
            "import generated.numpy",
            ["derive/pipeline.py:1: 'pipeline' may not import 'generated'"],
        ),
        ("ir/nodes.py", "from derive.ir.nodes import Let\nfrom .rounding import roundings\nimport numpy", []),
    ],
)
def test_an_import_against_the_table_is_found(file: str, text: str, says: list[str]) -> None:
    assert violations(DERIVE / file, text) == says


def test_the_runtime_imports_the_standard_library_and_numpy() -> None:
    allowed = {"numpy", "threadpoolctl"}
    for path in _files(DERIVE / "runtime"):
        for line, module in _imported(ast.parse(path.read_text(encoding="utf-8")), ("derive", "runtime")):
            first = module.split(".")[0]
            standard = first in __import__("sys").stdlib_module_names
            assert standard or first in allowed or module.startswith("derive.runtime"), f"{path}:{line}: {module}"


def lacks_all(tree: ast.Module) -> bool:
    """Whether a module that holds anything but a docstring states no `__all__`."""
    body = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    stated = any(
        isinstance(part, ast.Name) and part.id == "__all__"
        for node in body
        if isinstance(node, ast.Assign)
        for target in node.targets
        for part in ast.walk(target)
    )
    return bool(body) and not stated


def test_every_module_states_what_it_exports() -> None:
    assert [str(p.relative_to(ROOT)) for p in _files() if lacks_all(ast.parse(p.read_text(encoding="utf-8")))] == []
    assert (
        lacks_all(ast.parse("x = 1"))
        and lacks_all(ast.parse("x, y = f(__all__)"))
        and not lacks_all(ast.parse("x, __all__ = f()"))
        and not lacks_all(ast.parse('"""Doc."""'))
        and not lacks_all(ast.parse("__all__ = []"))
    )


def test_every_module_has_a_docstring() -> None:
    silent = [p for p in _files() if ast.get_docstring(ast.parse(p.read_text(encoding="utf-8"))) is None]
    assert silent == []


def test_no_star_imports() -> None:
    for path in [*_files(), *_files(ROOT / "tests")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            star = isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
            assert not star, f"{path}:{getattr(node, 'lineno', 0)} imports a star"


@pytest.mark.parametrize("folder", ["derive", "tests"])
def test_files_are_small(folder: str) -> None:
    lengths = {str(p.relative_to(ROOT)): len(p.read_text(encoding="utf-8").splitlines()) for p in _files(ROOT / folder)}
    assert {name: length for name, length in lengths.items() if length > 350} == {}


def test_functions_are_short() -> None:
    long = []
    for path in _files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                long += [f"{path.relative_to(ROOT)}:{node.lineno}: {node.name} has {length} lines"] * (length > 40)
    assert long == []


def layer_names_in(text: str) -> list[str]:
    """The names of catalogue entries that stand in a text as words, and 'convolution'."""
    return [name for name in (*names("derive.catalogue"), "convolution") if re.search(rf"\b{name}\b", text)]


@pytest.mark.parametrize("folder", ["ir", "backends", "algorithms", "runtime"])
def test_no_layer_is_named_where_kernels_are_made(folder: str) -> None:
    for path in _files(DERIVE / folder):
        assert layer_names_in(path.read_text(encoding="utf-8")) == [], path


def test_layer_names_are_found() -> None:
    assert layer_names_in('f"{conv2d}"') == ["conv2d"]
    assert layer_names_in("conv2d_channels, convolutional") == ["conv2d_channels"]


def test_the_package_ships_what_the_architecture_names() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    assert build["targets"]["wheel"]["packages"] == ["derive", "generated"]
