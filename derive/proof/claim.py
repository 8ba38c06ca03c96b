"""Claims about a form as it stands: that its coefficients satisfy clauses, for all sizes."""

from __future__ import annotations

from sympy import Eq

from derive.errors import ObligationFailed
from derive.forms.form import Form
from derive.proof.counterexample import counterexample
from derive.proof.goal import Goal, Obligation, Status, Verdict
from derive.proof.solver import discharge
from derive.proof.step import Clause

__all__ = ["check_claim"]


def check_claim(form: Form, clauses: tuple[Clause, ...]) -> tuple[Verdict, ...]:
    """The verdicts on clauses as claims about the form.

    Raises ObligationFailed with the smallest counterexample for the first that is false.
    """
    verdicts = []
    for clause in clauses:
        goal = Goal((form.given, clause.given), Eq(clause.left, clause.right))
        verdict = discharge(Obligation("claim", clause.says, (goal,)))
        if verdict.status is Status.REFUTED:
            found = counterexample(form, goal, clause)
            raise ObligationFailed(f"{clause.says} fails at {found}.", found)
        if not verdict.proved:
            raise ObligationFailed(f"{clause.says} could not be decided.")
        verdicts.append(verdict)
    return tuple(verdicts)
