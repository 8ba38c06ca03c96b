"""Coq accepts the theorems of every layer, each statement once over all of them; a false one is named with its layer."""

from __future__ import annotations

import re
from pathlib import Path

from sympy import Ge

from derive.forms.expr import index
from derive.making import coq_claims
from derive.pipeline import layer
from derive.proof.coq import Claim, CoqFile, coq_file, left_out
from derive.proof.goal import Goal, Obligation
from derive.registry import names
from tests.proof.coqc import coqc, needs_coq

LAYERS = names("derive.catalogue")
# A few times what all layers take, so that a proof that no longer ends is told.
SECONDS = 900
CLOSED = (0, "Closed under the global context\n")
PLANT = Obligation("planted", "Not so.", (Goal((Ge(index("n"), 1),), Ge(index("n"), 2)),))


def claims(name: str) -> list[Claim]:
    """A layer's claims, under names that begin with the layer's."""
    return [Claim(f"{name}: {c.place}", f"{name}__{c.prefix}", c.obligation) for c in coq_claims(layer(name))]


def together(layers: dict[str, list[Claim]]) -> CoqFile:
    return coq_file("The catalogue", [claim for found in layers.values() for claim in found])


def blamed(text: str, said: str) -> str:
    """The theorem in which Coq found an error, by the line that it names; empty where it found none."""
    line = re.search(r"line (\d+), characters", said)
    before = text.splitlines()[: int(line[1])] if line else []
    return next((found[1] for found in map(re.compile(r"Theorem (\w+)").match, reversed(before)) if found), "")


@needs_coq
def test_the_theorems_of_all_layers_are_accepted_without_an_axiom(tmp_path: Path) -> None:
    of = {name: claims(name) for name in LAYERS}
    made = together(of)
    assert made.left_out == () and made.obligations == sum(map(len, of.values()))
    for name, found in of.items():
        assert found and f"-------- {name}: The first form --------" in made.text
        assert not any(left_out(c.obligation) for c in found)
    code, said = coqc(made.text, tmp_path, SECONDS)
    assert (blamed(made.text, said), code, said) == ("", *CLOSED)


@needs_coq
def test_a_false_theorem_of_one_layer_is_named_with_it(tmp_path: Path) -> None:
    of = {name: claims(name) for name in ("offset2d", "locally_connected2d")}
    of["offset2d"].append(Claim("offset2d: planted", "offset2d__planted", PLANT))
    made = together(of)
    code, said = coqc(made.text, tmp_path)
    assert code != 0 and "Error" in said
    assert blamed(made.text, said) == "offset2d__planted_planted_1"
