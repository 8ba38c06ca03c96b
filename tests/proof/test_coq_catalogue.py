"""Coq accepts the theorems of every layer, each statement once over all of them; a false one is named with its layer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

import derive
from derive.pipeline import layer
from derive.registry import names
from tests.proof.coqc import coqc, needs_coq
from tests.regenerating import Theorems, theorems_in, theorems_of

LAYERS = names("derive.catalogue")
# A few times what all layers take, so that a proof that no longer ends is told.
SECONDS = 900
CLOSED = (0, "Closed under the global context\n")
TACTICS = (Path(derive.__file__).parent / "proof" / "tactics.v").read_text(encoding="utf-8")
THEOREM = re.compile(r"^Theorem (\w+) :\n(.*?)\nProof\. by_witness\. Qed\.$", re.M | re.S)
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


def together(of: Mapping[str, Theorems]) -> str:
    """One file for all layers, with each statement once."""
    first: dict[str, str] = {}
    for found in of.values():
        stated = THEOREM.findall(found.text)
        assert len(stated) == found.theorems
        for name, said in stated:
            first.setdefault(said, name)
    parts = [f"Theorem {name} :\n{said}\nProof. by_witness. Qed." for said, name in first.items()]
    resting = "".join(f"  let _ := {name} in\n" for name in first.values())
    return "\n\n".join(
        (TACTICS, *parts, f"Definition theorems : True :=\n{resting}  I.\n\nPrint Assumptions theorems.\n")
    )


def blamed(text: str, said: str) -> str:
    """The theorem in which Coq found an error, by the line that it names; empty where it found none."""
    line = re.search(r"line (\d+), characters", said)
    before = text.splitlines()[: int(line[1])] if line else []
    return next((found[1] for found in map(re.compile(r"Theorem (\w+)").match, reversed(before)) if found), "")


@needs_coq
def test_the_theorems_of_all_layers_are_accepted_without_an_axiom(
    catalogue: dict[str, Theorems], tmp_path: Path
) -> None:
    for name, found in catalogue.items():
        assert found.theorems > 0 and found.obligations > 0 and found.left_out == ()
        assert f"-------- {name}: The first form --------" in found.text
    made = together(catalogue)
    code, said = coqc(made, tmp_path, SECONDS)
    assert (blamed(made, said), code, said) == ("", *CLOSED)


@needs_coq
def test_a_false_theorem_of_one_layer_is_named_with_it(tmp_path: Path) -> None:
    of = {name: theorems_of(layer(name)) for name in ("offset2d", "locally_connected2d")}
    planted = of["offset2d"]
    of["offset2d"] = replace(planted, text=planted.text + PLANT, theorems=planted.theorems + 1)
    made = together(of)
    code, said = coqc(made, tmp_path)
    assert code != 0 and "Error" in said
    assert blamed(made, said) == "offset2d__planted"
