"""`list` tells of remembered layers what it tells of layers made anew, and makes only those that are not remembered."""

from __future__ import annotations

import json

import pytest

from derive.cache import users_cache
from derive.pipeline import layer
from derive.proof.sized import needed
from derive.registry import names
from derive.render.data import listed, row, row_at
from derive.render.numbers import numbers
from derive.sources import layer_keys
from tests.cli.conftest import SHORT

SOME = (*SHORT, "conv1d", "separable2d")  # the last is counted entry by entry
SIZES = {"n": 4, "m": 3, "N": 5, "K": 2, "Delta": 1, "R": 2}


@pytest.fixture
def listing(process, small, tmp_path):
    """`list --json` of a short catalogue with a cache of its own, and how many layers are remembered after it."""

    def call(*arguments):
        cache = tmp_path / "cache"
        ran = process("list", *arguments, cwd=small, PYTHONPATH=str(small), DERIVE_CACHE_DIR=str(cache))
        assert (ran.code, ran.err) == (0, "")
        return ran.out, len(list(cache.iterdir())) if cache.exists() else 0

    return call


@pytest.mark.parametrize("name", SOME)
def test_what_is_remembered_of_a_layer_is_what_its_derivation_says(regenerated, name):
    made = users_cache().recall(layer_keys()[name])
    fresh = layer(name)
    told = row(name, fresh.derivation, fresh.verdicts, tuple(fresh.sources))
    assert made is not None
    assert made.listed == listed(fresh.title, told, fresh.derivation.form)
    assert json.dumps(made.listed["row"]) == json.dumps(told)


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("at", [SIZES, {"n": 0}])
def test_remembered_forms_have_the_numbers_of_their_derivations(regenerated, name, at):
    form = layer(name).derivation.form
    found, sizes = row_at(users_cache().recall(layer_keys()[name]).listed, at)
    assert (found["at"], found.get("needs", "")) == (None if needed(form, at) else numbers(form, at), needed(form, at))
    assert sizes == {s.name for s in form.sizes}


def test_every_layer_is_listed_in_the_order_of_names_and_its_form_is_read_back(run, regenerated):
    rows = json.loads(run("list", "--json").out)
    assert [row["name"] for row in rows] == list(names("derive.catalogue"))
    at = json.loads(run("list", "--json", "--at", "n=1").out)
    assert [{k: v for k, v in row.items() if k not in ("at", "needs")} for row in at] == rows


def test_rows_from_the_cache_are_those_made_anew_and_only_what_changed_is_made(listing, process, small, tmp_path):
    anew, kept = listing("--json", "--no-cache", "--jobs", "2")
    assert kept == 0
    assert [listing("--json", "--jobs", "1"), listing("--json")] == [(anew, len(SHORT))] * 2
    own = {"PYTHONPATH": str(small), "DERIVE_CACHE_DIR": str(tmp_path / "cache")}
    ran = process("--to", tmp_path / "out", cwd=small, **own)
    assert f"({len(SHORT)} of them before, and remembered)" in ran.out
    page = small / "derive/catalogue/fully_connected.py"
    page.write_text(f"{page.read_text()}\n# changed\n")
    assert listing("--json") == (anew, len(SHORT) + 1)


def test_a_size_of_no_layer_is_wrong_usage(run, regenerated):
    ran = run("list", "--at", "n=3,oops=4")
    assert ran.code == 2
    assert "no layer has a size 'oops'" in ran.err
