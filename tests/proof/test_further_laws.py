"""Certificates of a further constraint after a group of matrices: edited ones are refused, whatever digests they have."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest

from derive.errors import CertificateError
from derive.proof.certificate import dumps, mended, verify
from derive.proof.obligations import step_obligations
from derive.proof.solver import discharge
from tests.groups.test_further_constraints import chain


@pytest.fixture(scope="module")
def certified():
    return json.loads(dumps(chain("cycle", "flip").certificate()))


def _table(step, name):
    return next(t for t in step["tables"] if t["array"]["name"].startswith(name))["values"]


EDITS = {
    "an entry of the new basis": lambda s: s["after"]["weights"][0]["values"].__setitem__(1, "5"),
    "an entry of the old one": lambda s: s["before"]["weights"][0]["values"].__setitem__(1, "5"),
    "a generator": lambda s: _table(s, "G1").__setitem__(0, 7),
    "a bias": lambda s: s["after"]["biases"][0]["values"].__setitem__(0, "2"),
    "the place of an old leading one": lambda s: _table(s, "P_k").reverse(),
    "the place of a new one": lambda s: _table(s, "R_t").reverse(),
    "a shorter sum": lambda s: s["embeddings"][0].__setitem__("value", "Sum(B_[P_i[t], P_k[t], s_]*V[s_], (s_, 0, 0))"),
    "a captured letter": lambda s: s["embeddings"][0].__setitem__("value", "Sum(B_[P_i[t], P_k[t], r]*V[r], (r, 0, 1))"),
    "a dropped law": lambda s: s["clauses"].pop(0),
    "another law": lambda s: s["clauses"][0].__setitem__("right", s["clauses"][0]["left"]),
    "another view": lambda s: s.__setitem__("view", "selected places"),
    "no longer shared": lambda s: s["after"].__setitem__("shared", False),
    "fewer inputs": lambda s: s["after"].__setitem__("domain", "i <= 1"),
    "one goal less": lambda s: s["obligations"][1]["goals"].pop(),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_edited_certificates_are_refused(name, certified):
    """With digests mended and the stated obligations made those of the edited step, where it has any."""
    data = copy.deepcopy(certified)
    EDITS[name](data["steps"][1])
    assert data != certified
    with pytest.raises(CertificateError):
        verify(mended(data))
    assert "entry by entry" in str(verify(certified))


def test_a_generator_left_out_leaves_more():
    """The step's own basis is too small for fewer laws, and too large for more: by 'complete' and 'restricted'."""
    step = chain("cycle", "flip").steps[1].step
    wrong = [o.name for o in step_obligations(replace(step, clauses=step.clauses[1:])) if not discharge(o).proved]
    assert wrong == ["complete"]
    more = chain("cycle", "rational").steps[1].step
    assert all(discharge(o).proved for o in step_obligations(more))


def test_a_basis_that_differs_where_no_coordinate_stands_is_unsound():
    """The embedding reads the new basis at leading ones of the old one alone; that the sums agree elsewhere is said by 'sound'."""
    step = chain("cycle", "flip").steps[1].step
    numbers, learned = step.after.weights
    wrong = replace(numbers, values=(*numbers.values[:-1], numbers.values[-1] + 1))
    changed = replace(step, after=replace(step.after, weights=(wrong, learned)))
    assert [o.name for o in step_obligations(changed) if not discharge(o).proved] == ["sound"]
