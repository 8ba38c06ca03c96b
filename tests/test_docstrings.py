"""Examples in docstrings give what they say."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import derive

ROOT = Path(derive.__file__).parent
EXAMPLES = [path for path in sorted(ROOT.rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]


def name_of(path: Path) -> str:
    return ".".join(("derive", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


@pytest.mark.parametrize("name", list(map(name_of, EXAMPLES)))
def test_examples_run(name: str) -> None:
    found = doctest.testmod(import_module(name))
    assert found.failed == 0 < found.attempted
