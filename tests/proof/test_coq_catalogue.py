"""Coq accepts the theorems of every layer, each statement once over all of them; a false one is named with its layer.

By day it isn't asked again what it has accepted as it stands, but of a quarter of the layers, those with the shortest files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.proof import accepted
from tests.proof.accepted import CLOSED, LAYERS, SECONDS, digest, keep, kept, theorems, together
from tests.proof.coqc import coqc, needs_coq
from tests.regenerating import Theorems, theorems_in

PLANT = """
Theorem offset2d__planted :
  forall (n : Z), 1 <= n -> 2 <= n.
Proof. by_witness. Qed.
"""


@pytest.fixture(scope="session")
def catalogue(regenerated: Path, shared: Path) -> dict[str, Theorems]:
    """What the processes that made the whole catalogue said of it."""
    found = theorems_in(shared / "theorems")
    assert found.keys() == {*LAYERS}
    return {name: found[name] for name in LAYERS}


def asked(of: Mapping[str, Theorems]) -> dict[str, Theorems]:
    """What Coq is asked by day."""
    short = sorted(of, key=lambda name: len(of[name].text))[: len(of) // 4]
    return accepted.asked(of) | {name: of[name] for name in short}


def blamed(text: str, said: str) -> str:
    """The theorem in which Coq found an error, by the line that it names; empty where it found none."""
    line = re.search(r"line (\d+), characters", said)
    before = text.splitlines()[: int(line[1])] if line else []
    return next((found[1] for found in map(re.compile(r"Theorem (\w+)").match, reversed(before)) if found), "")


def accept(of: Mapping[str, Theorems], folder: Path) -> None:
    made = together(of)
    code, said = coqc(made, folder, SECONDS)
    assert (blamed(made, said), code, said) == ("", *CLOSED)


@needs_coq
def test_the_theorems_of_all_layers_are_accepted_without_an_axiom(
    catalogue: dict[str, Theorems], tmp_path: Path
) -> None:
    for name, found in catalogue.items():
        assert found.theorems > 0 and found.obligations > 0 and found.left_out == ()
        assert f"-------- {name}: The first form --------" in found.text
    accept(asked(catalogue), tmp_path)


@needs_coq
@pytest.mark.nightly
def test_so_are_those_that_were_accepted_before(catalogue: dict[str, Theorems], tmp_path: Path) -> None:
    """And what is kept of them is what they are today: `python -m tests.proof.accepted` keeps it."""
    accept(catalogue, tmp_path)
    assert kept() == {name: digest(found) for name, found in catalogue.items()}


@needs_coq
def test_another_statement_another_tactic_and_another_coq_are_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = {name: theorems(name) for name in ("offset2d", "locally_connected2d", "dense2d", "deepsets1d")}
    short, *_, other = sorted(of, key=lambda name: len(of[name].text))
    monkeypatch.setattr(accepted, "KEPT", tmp_path / "accepted.json")
    assert asked(of) == of
    keep(of)
    assert asked(of).keys() == {short}

    def changed(old: str, new: str) -> dict[str, Theorems]:
        before, _, behind = of[other].text.rpartition(old)
        assert before
        return of | {other: replace(of[other], text=before + new + behind)}

    assert asked(changed("\n  0 <= ", "\n  1 <= ")).keys() == {short, other}
    assert asked(changed("(* -------- ", "(* Here: ")).keys() == {short}
    with monkeypatch.context() as patch:
        patch.setattr(accepted, "TACTICS", accepted.TACTICS + "\n")
        assert asked(of) == of
    monkeypatch.setattr(accepted, "coq_version", lambda: "8.0")
    assert asked(of) == of


@needs_coq
def test_a_false_theorem_of_one_layer_is_named_with_it(tmp_path: Path) -> None:
    of = {name: theorems(name) for name in ("offset2d", "locally_connected2d")}
    planted = of["offset2d"]
    of["offset2d"] = replace(planted, text=planted.text + PLANT, theorems=planted.theorems + 1)
    made = together(of)
    code, said = coqc(made, tmp_path)
    assert code != 0 and "Error" in said
    assert blamed(made, said) == "offset2d__planted"
