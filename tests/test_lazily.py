"""What is made by name is made when it is asked for, and once."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.lazily import CATALOGUE, Lazily


def test_each_is_made_once_and_only_when_asked_for():
    made = []
    things = Lazily({name: lambda name=name: made.append(name) or [name] for name in "ab"})
    assert [*things] == ["a", "b"] and len(things) == 2 and "a" in things and "c" not in things and made == []
    assert things["b"] == ["b"] and things["b"] is things["b"] and made == ["b"]
    assert dict(things) == {"a": ["a"], "b": ["b"]} and made == ["b", "a"]
    with pytest.raises(KeyError):
        things["c"]


def test_the_catalogue_is_that_of_its_folder():
    from derive.catalogue.dense2d import dense2d

    assert CATALOGUE["dense2d"] is dense2d


COLLECTING = """
import sys
import pytest
from derive.derivation import Derivation

def then(self, *rules, **options):
    raise AssertionError("a layer is derived while tests are collected")

Derivation.then = then
sys.exit(pytest.main(["--collect-only", "-q", "-n", "0", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""


def collected(*paths):
    command = [sys.executable, "-c", COLLECTING, *map(str, paths)]
    return subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)


@pytest.mark.nightly
def test_collecting_the_tests_derives_nothing():
    made = collected("tests")
    assert made.returncode == 0, made.stdout[-2000:]


def test_a_module_that_derives_is_told(tmp_path):
    (tmp_path / "test_eager.py").write_text("from derive.catalogue.conv1d import conv1d\n", encoding="utf-8")
    made = collected(tmp_path)
    assert made.returncode != 0 and "a layer is derived while tests are collected" in made.stdout
