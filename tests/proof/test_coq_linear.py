"""Laws of matrices for Coq: at every value of letters with numeric ranges, with the numbers of tables and of the basis put in."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

import derive
from derive.errors import TextError
from derive.proof import coq_linear
from derive.proof.coq import Claim, coq_file, statement
from derive.proof.goal import Obligation
from derive.proof.linear import Linear
from tests.proof.coqc import coqc, needs_coq

CLOSED = (0, "Closed under the global context\n")
HALF = Fraction(1, 2)
TURN = derive.MatrixGroup([((0, -1), (1, 0))])
THIRD = derive.Matrices([[[0, -1], [1, -1]]])
SIXTH = ((HALF, Fraction(-3, 4)), (Fraction(1), HALF))
LAYERS = {
    "a turn": lambda: derive.dense(outputs=2, inputs=2).then(derive.equivariant(TURN)),
    "fewer outputs": lambda: derive.dense(outputs=3, inputs=2).then(
        derive.equivariant(derive.MatrixGroup(THIRD + derive.Matrices.trivial(1), THIRD))
    ),
    "fractions": lambda: derive.convolution(
        channels=derive.Channels((("c", 2),), (("d", 2),)),
        symmetry=derive.MatrixGroup([SIXTH], on="channels"),
        edges="reflect",
    ),
}


def claims(layer):
    obligations = (v.obligation for v in layer.verdicts)
    return [Claim("A layer", f"layer{k}", o) for k, o in enumerate(obligations)]


@needs_coq
@pytest.mark.parametrize("name", LAYERS)
def test_laws_of_matrices_are_accepted_without_an_axiom(name: str, tmp_path: Path) -> None:
    made = coq_file(name, claims(LAYERS[name]()))
    assert made.left_out == () and "Qmake" in made.text
    assert coqc(made.text, tmp_path) == CLOSED


def complete():
    verdicts = LAYERS["a turn"]().verdicts
    return next(g for v in verdicts for g in v.obligation.goals if isinstance(g, Linear) and g.laws)


@needs_coq
def test_without_a_law_it_does_not_follow(tmp_path: Path) -> None:
    goal = complete()
    for laws in (goal.laws, ()):
        made = coq_file("A turn", [Claim("A turn", "turn", Obligation("complete", "", (replace(goal, laws=laws),)))])
        assert (coqc(made.text, tmp_path) == CLOSED) == bool(laws)


def test_more_places_than_are_stated_are_said(monkeypatch) -> None:
    monkeypatch.setattr(coq_linear, "_MOST", 3)
    with pytest.raises(TextError, match="it is decided exactly, at 4 places; up to 3 are stated"):
        statement(complete())
