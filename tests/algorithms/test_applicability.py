"""Every algorithm on every kind of form: it applies, or is refused by a named precondition, as the kept table has it.

An algorithm that is lost to a form turns this red; one that is won asks for `python -m tests.algorithms.applicability`.
"""

from __future__ import annotations

import json
import re
from zlib import crc32

import numpy as np
import pytest

from derive.algorithms._ways import WAYS
from derive.checking import exact_arrays, run_stages
from derive.forms.denote import denote
from derive.lowering import ALGORITHMS, Gradient
from derive.pipeline import compile_layer
from derive.registry import names
from tests.algorithms.applicability import FORMS, KEPT, PAGE, form, on_page, table, tried
from tests.cli.test_writing import ROOT

_KEPT = json.loads(KEPT.read_text(encoding="utf-8"))
_SHARE = 4  # by day, one form of so many


def _by_day(share):
    for name in FORMS:
        seldom = crc32(name.encode()) % share != 0
        yield pytest.param(name, marks=pytest.mark.nightly if seldom else (), id=name)


@pytest.mark.parametrize("name", list(_by_day(_SHARE)))
def test_algorithms_apply_where_they_did(name):
    assert tried(name) == _KEPT[name]


def test_the_table_is_whole_and_stands_in_the_guide():
    assert list(_KEPT) == list(FORMS)
    assert all(list(found) == list(ALGORITHMS) and all(found.values()) for found in _KEPT.values())
    page = PAGE.read_text(encoding="utf-8")
    assert on_page(page, table(_KEPT)) == page


def test_the_explanation_names_every_algorithm():
    page = (ROOT / "docs" / "explanation" / "fast-algorithms.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\|[^|]*\|(.*?)\|", page.partition("## The others")[2].partition("\n## ")[0], re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(names("derive.algorithms"))


def test_every_algorithm_applies_to_some_form():
    applied = {a for found in _KEPT.values() for a, said in found.items() if said in ("yes", *WAYS)}
    assert set(ALGORITHMS) - applied <= {"product"}  # products without windows: `fully_connected`


@pytest.mark.nightly
@pytest.mark.parametrize("name", FORMS)
def test_what_applies_is_the_form_on_exact_numbers(name):
    own, items, layer = form(name)
    kernel, by = compile_layer(layer).kernel, FORMS[name][1]
    made = kernel.gradients[by] if by else _as_gradient(kernel)
    known = {"n": 9, "m": 10, "p": 7, "C": 2, "D": 3, "F": 2, "Delta": 1}
    sizes = {s: known.get(s.name, 5) for s in own.sizes}
    arrays = exact_arrays(own, sizes)
    wanted = denote(own, arrays, sizes)
    for algorithm in made.algorithms:
        if algorithm.serves({**{s.name: v for s, v in sizes.items()}, "batch": 1}):
            got = run_stages(made, algorithm.name, Gradient(by, own, (), items, ()), arrays, sizes)
            assert np.array_equal(got, wanted), algorithm.name


def _as_gradient(kernel):
    from derive.runtime.gradients import Gradient as Made

    return Made(kernel.body, kernel.arrays, kernel.algorithms)
