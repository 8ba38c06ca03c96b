"""Every goal of the catalogue goes through a second, independent solver too, from its text alone."""

from __future__ import annotations

import pytest
from sympy import false

from derive.proof.certificate import verify
from derive.proof.goal import Goal, Status
from derive.proof.linear import Linear
from derive.proof.smt import ABSTRACTED
from derive.proof.solver import decide_with_cvc5
from tests.lazily import CATALOGUE as LAYERS

pytest.importorskip("cvc5", reason="the second solver, cvc5, is in the test extra")


def test_the_second_solver_can_say_no():
    assert decide_with_cvc5("(set-logic QF_LIA)(declare-const i Int)(assert (> i 0))(check-sat)") is Status.REFUTED
    assert decide_with_cvc5(Goal((), false).smt) is Status.REFUTED
    assert decide_with_cvc5("(set-logic QF_LIA)") is Status.UNKNOWN


@pytest.mark.parametrize("name", LAYERS)
def test_both_solvers_prove_every_goal(name):
    verified = verify(LAYERS[name].certificate(), also={"cvc5": decide_with_cvc5})
    assert verified.solvers[1] == "cvc5" and verified.goals >= 8


def test_texts_say_their_logic():
    for layer in LAYERS.values():
        for verdict in layer.verdicts:
            for goal in (g for g in verdict.obligation.goals if not isinstance(g, Linear)):  # which no solver takes
                text = goal.smt.removeprefix(f"{ABSTRACTED}\n")
                logic = "QF_UFNIRA" if "(* (B " in text else "QF_UFLIRA"  # numbers of a basis multiply entries
                assert text.startswith(f"(set-logic {logic})\n") and text.endswith("(check-sat)\n")
