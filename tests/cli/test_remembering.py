"""What is remembered is never stale, never damaged, and never makes a difference."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from derive.artifacts import Made
from derive.cache import Cache
from derive.errors import DeriveError
from derive.regeneration import regeneration
from derive.registry import names
from derive.sources import PACKAGE, REACHING, closures, covered, drop_doubtful_bytecode, layer_keys
from derive.workers import Result, make_all
from tests.cli.test_writing import ROOT, tree
from tests.commands import Ran, as_process
from tests.test_architecture import MAY_IMPORT

MADE = Made({"generated/numpy/a.py": "x = 'ü'\n"}, {"title": "ä"}, {"blocks": [{"Heading": [1, "ö"]}]})
SAYS_ALL = "(3 of them before, and remembered)"


def changed_by(root: Path, file: str, text: bytes | None = None) -> set[str]:
    """The layers whose keys change with one byte of a file, which is put back."""
    before, path = layer_keys(root / "derive"), root / "derive" / file
    whole = path.read_bytes() if path.exists() else None
    path.write_bytes((whole or b"") + b"\n" if text is None else text)
    after = layer_keys(root / "derive")
    path.unlink() if whole is None else path.write_bytes(whole)
    assert layer_keys(root / "derive") == before
    return {name for name in after if after[name] != before.get(name)}


@pytest.mark.parametrize(
    "file",
    [
        "rules/local.py",
        "groups/translations.py",
        "algorithms/direct.py",
        "backends/numpy.py",
        "runtime/kernel.py",
        "render/palette.py",
        "proof/solver.py",
        "catalogue/__init__.py",
        "catalogue/weights.json",
        "rules/nobody_thought_of_this.py",
        "__init__.py",
    ],
)
def test_a_byte_anywhere_outside_the_catalogue_changes_every_key(copied, file):
    assert changed_by(copied, file) == set(names("derive.catalogue"))


@pytest.mark.parametrize(
    ("layer", "makes_new"),
    [
        ("conv2d_channels", {"conv2d_channels"}),
        ("conv2d", {"conv2d", "conv2d_channels"}),
        ("fully_connected", {"fully_connected"}),
    ],
)
def test_a_byte_of_a_layer_changes_its_own_key_and_those_of_its_heirs(copied, layer, makes_new):
    assert changed_by(copied, f"catalogue/{layer}.py") >= makes_new
    reached = closures(copied / "derive")
    assert changed_by(copied, f"catalogue/{layer}.py") == {name for name in reached if layer in reached[name]}


@pytest.mark.parametrize(
    ("text", "reaches"),
    [
        ("from derive.catalogue.conv2d import conv2d", {"conv2d"}),
        ("from derive.catalogue import conv2d as c, dense2d", {"conv2d", "dense2d"}),
        ("from . import conv2d", {"conv2d"}),
        ("from .dense2d import dense2d", {"dense2d"}),
        ("from ..catalogue.dense2d import dense2d", {"dense2d"}),
        ("def f():\n    import derive.catalogue.offset2d as o", {"offset2d"}),
        ("import derive\nx = derive.dense(rank=1)", set()),
        ("from derive import dense, local\nimport numpy as np", set()),
        ("import importlib", None),
        ("from pathlib import Path", None),
        ("import derive.catalogue\nx = derive.catalogue.conv2d", None),
        ("from derive import registry", None),
        ("import derive\nx = derive.registry.find('derive.catalogue', 'conv2d')", None),
        ("from derive.pipeline import layer", None),
        ("from derive.catalogue import *", None),
        ("x = eval('1')", None),
        ("x = __import__('derive.catalogue.conv2d')", None),
        ("x = (", None),
    ],
)
def test_imports_are_read_off_the_source_and_what_they_do_not_tell_is_everything(copied, text, reaches):
    path = copied / "derive/catalogue/mine.py"
    path.write_text(text)
    found = closures(copied / "derive")
    path.unlink()
    wanted = set(found) if reaches is None else {"mine"}.union(*(found[name] for name in reaches))
    assert found["mine"] == wanted


def test_whatever_may_reach_the_catalogue_is_known_to_reach_it():
    reaching = {part for part, may in MAY_IMPORT.items() if may & {"catalogue", "registry"}}
    light = {"__init__", "artifacts", "catalogue"}  # the first is lazy; the second lists names and imports none
    assert reaching - light <= REACHING
    assert "registry" in REACHING


def test_the_environment_is_part_of_the_key(copied, monkeypatch):
    before = layer_keys(copied / "derive")
    monkeypatch.setenv("SYMPY_USE_CACHE", "no")
    assert set(layer_keys(copied / "derive").values()).isdisjoint(before.values())
    monkeypatch.delenv("SYMPY_USE_CACHE")
    monkeypatch.setattr("derive.sources.version", lambda name: "0" if name == "mpmath" else "1")
    assert set(layer_keys(copied / "derive").values()).isdisjoint(before.values())


def test_everything_that_making_a_layer_opens_and_imports_is_covered_by_its_key():
    reached = closures()
    (result,) = make_all({"fully_connected": reached["fully_connected"]}, 1)
    assert any(name.endswith("fully_connected.py") or "fully_connected.cpython" in name for name in result.opened)
    assert [n for n in result.opened if not n.startswith(("/dev/", "/proc/", "/sys/", "/etc/"))
            and not covered(Path(n).resolve(), reached["fully_connected"])] == []  # fmt: skip
    assert not covered(ROOT / "README.md", reached["fully_connected"])
    assert not covered(PACKAGE / "catalogue/conv2d.py", reached["fully_connected"])
    assert not covered(PACKAGE / "catalogue/__pycache__/conv2d.cpython-311.pyc", reached["fully_connected"])


def test_a_layer_that_reads_a_file_of_ones_own_is_made_every_time(process, small, tmp_path):
    (tmp_path / "radius.txt").write_text("1")
    for path in (small / "derive/catalogue").glob("[!_]*.py"):
        path.unlink()
    (small / "derive/catalogue/read1d.py").write_text(
        f'"""Reads a file."""\n\nimport derive\n\n__all__ = ["read1d"]\n\nopen({str(tmp_path / "radius.txt")!r}).close()\n'
        "read1d = derive.dense(rank=1)\n"
    )
    (small / "derive/catalogue/plain1d.py").write_text(
        '"""Reads none."""\n\nimport derive\n\n__all__ = ["plain1d"]\n\nplain1d = derive.dense(rank=1)\n'
    )
    for said in ("checked; ", "checked (1 of them before, and remembered); "):
        ran = process("--to", tmp_path / "out", "--jobs", "1", cwd=small, PYTHONPATH=str(small))
        assert f"2 layers derived, proved, emitted and {said}" in ran.out, ran.err


def test_what_is_kept_is_recalled_and_damage_is_not(tmp_path):
    cache = Cache(tmp_path / "deep" / "cache")
    assert cache.recall("k") is None
    cache.keep("k", MADE)
    assert cache.recall("k") == MADE
    (path,) = cache.folder.iterdir()
    whole = path.read_bytes()
    for place in (0, 63, 64, 80, len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert cache.recall("k") is None
    for cut in (0, 10, 64, len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert cache.recall("k") is None
    path.write_bytes(whole)
    path.rename(cache._path("other"))
    assert cache.recall("other") is None


def test_a_folder_that_cannot_be_used_costs_nothing_but_time(tmp_path):
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file")
    cache.keep("k", MADE)
    assert cache.recall("k") is None


def test_the_oldest_entries_go_and_so_do_forgotten_beginnings(tmp_path):
    cache = Cache(tmp_path)
    cache.keep("0", MADE)
    size = cache._path("0").stat().st_size
    bounded = Cache(tmp_path, most=3 * size)
    begun, running = tmp_path / "new-old", tmp_path / "new-now"
    begun.write_text("")
    os.utime(begun, (0, 0))
    for number in range(1, 5):
        bounded.keep(str(number), MADE)
        os.utime(bounded._path(str(number)), (10**9 + number,) * 2)
        os.utime(bounded._path("0"), (10**9 + 100,) * 2)
    running.write_text("")
    bounded.keep("9", MADE)
    assert not begun.exists()
    assert running.exists()
    assert {key for key in "012349" if bounded.recall(key)} == {"0", "4", "9"}


def test_bytecode_that_python_would_take_for_an_edited_file_is_dropped(tmp_path):
    file = tmp_path / "derive" / "mod.py"
    file.parent.mkdir()
    code = "import sys; sys.path.insert(0, sys.argv[1]); import mod; print(mod.x)"

    def run() -> str:
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
        command = [sys.executable, "-c", code, str(file.parent)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return done.stdout.strip()

    file.write_text("x = 1\n")
    os.utime(file, (10**9, 10**9))
    assert run() == "1"
    file.write_text("x = 2\n")
    os.utime(file, (10**9, 10**9))
    (compiled,) = file.parent.rglob("*.pyc")
    assert run() == "1"  # Python's own rule: same size, same second
    os.utime(compiled, (10**9 - 1, 10**9 - 1))
    drop_doubtful_bytecode(file.parent)
    assert run() == "2"
    drop_doubtful_bytecode(file.parent)
    assert list(file.parent.rglob("*.pyc"))


def ran_of(root: Path, cache: Path, *arguments: object) -> Ran:
    done = as_process(*arguments, cwd=root, PYTHONPATH=str(root), DERIVE_CACHE_DIR=str(cache))
    assert done.code == 0, done.err
    return done


def test_an_edit_is_made_anew_and_a_damaged_entry_too(small, tmp_path):
    cache = tmp_path / "cache"

    def ran(*arguments: object) -> str:
        return ran_of(small, cache, "--to", tmp_path / "out", *arguments).out

    first = ran()
    assert "remembered" not in first
    made = tree(tmp_path / "out")
    assert SAYS_ALL in ran()
    victim = next(cache.iterdir())
    victim.write_bytes(victim.read_bytes()[:-9] + b"x" + victim.read_bytes()[-8:])
    assert "(2 of them before, and remembered); 0 of" in ran()
    page = small / "derive/catalogue/offset2d.py"
    page.write_text(page.read_text().replace("named by", "named_by"))
    said = ran()
    assert "docs/derivations/offset2d.md" in said
    assert "docs/derivations/dense2d.md" not in said
    assert "named_by" in ran_of(small, cache, "show", "offset2d").out
    page.write_text(page.read_text().replace("named_by", "named by"))
    assert "named by" in ran_of(small, cache, "show", "offset2d").out
    assert SAYS_ALL in ran()
    assert tree(tmp_path / "out") == made
    assert "remembered" not in ran("--no-cache", "--jobs", "3")
    assert tree(tmp_path / "out") == made


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        (["--to", "{tree}"], {"rich"}),
        (["list", "--json"], {"rich"}),
        (["list"], set()),
        (["show", "conv2d"], set()),
        (["prove", "conv2d"], set()),
        (["emit", "conv2d"], {"rich"}),
    ],
)
def test_a_run_in_which_nothing_changed_loads_no_algebra(copied_tree, arguments, more):
    code = "import sys; from derive.__main__ import main; main(sys.argv[1:]); print(*sys.modules)"
    command = [sys.executable, "-c", code, *(a.format(tree=copied_tree) for a in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    loaded = set(done.stdout.splitlines()[-1].split()) if done.stdout else set()
    assert "derive.regeneration" in loaded, done.stderr
    assert not loaded & ({"sympy", "z3", "numpy", "drawsvg"} | more)


def test_a_layer_that_fails_is_one_sentence_and_so_is_a_process_that_ends(small, tmp_path, process):
    with pytest.raises(DeriveError, match="There is no 'nobody' in catalogue"):
        list(make_all({"nobody": frozenset({"nobody"})}, 2))
    (small / "derive/catalogue/gone.py").write_text("import os\nos._exit(7)\n")
    ran = process("--to", tmp_path / "out", cwd=small, PYTHONPATH=str(small))
    assert ran.code == 1
    assert ran.sentence == "The process that made 'gone' ended with code 7; nothing was written."
    assert not (tmp_path / "out").exists()


def test_the_public_names_are_there(process):
    code = (
        "import derive, json; found = [n for n in derive.__all__ if getattr(derive, n) is not None];"
        "print(json.dumps([sorted(derive.__all__), found]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    known, found = json.loads(done.stdout)
    assert sorted(found) == known


@pytest.mark.parametrize(("later", "kept"), [("1", True), ("2", False)])
def test_nothing_is_kept_when_a_source_changed_while_it_was_made(tmp_path, monkeypatch, later, kept):
    keys = iter([{"a": "1"}, {"a": later}])

    def made(*_: object) -> Iterator[Result]:
        yield Result("a", MADE, frozenset())

    here = "derive.regeneration"
    monkeypatch.setattr(f"{here}.layer_keys", lambda: next(keys))
    monkeypatch.setattr(f"{here}.closures", lambda: {"a": frozenset({"a"})})
    monkeypatch.setattr(f"{here}.names", lambda package: ("a",))
    monkeypatch.setattr(f"{here}.make_all", made)
    cache = Cache(tmp_path)
    assert regeneration(1, cache).remembered == 0
    assert (cache.recall("1") == MADE) is kept
    assert cache.recall("2") is None


def test_a_layer_that_was_told_of_is_remembered_and_proved_anew_where_that_is_asked_for(small, tmp_path):
    cache = tmp_path / "cache"
    first, again, anew = (ran_of(small, cache, "prove", "offset2d", *more).out for more in ((), (), ("--no-cache",)))
    assert "Remembered" not in first
    assert again == f"{first}Remembered, as its sources are what they were; --no-cache proves it anew.\n"
    assert anew == first
    assert len(list(cache.iterdir())) == 1
