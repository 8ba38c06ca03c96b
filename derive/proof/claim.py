"""Claims about a form as it stands: that its coefficients satisfy clauses, for all sizes."""

from __future__ import annotations

from sympy import Eq

from derive.errors import ObligationFailed
from derive.forms.form import Form, Table
from derive.proof.counterexample import counterexample
from derive.proof.goal import Goal, Obligation, Status, Verdict
from derive.proof.linear import Linear
from derive.proof.solver import discharge
from derive.proof.step import Clause

__all__ = ["check_claim", "check_linear"]


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


def check_linear(form: Form, clauses: tuple[Clause, ...], tables: tuple[Table, ...]) -> tuple[Verdict, ...]:
    """The verdicts on clauses that add entries, with the tables that they read: decided over the rationals."""
    arrays = tuple(p.array for p in form.params if p.values is None)
    numbers = tuple(p for p in form.params if p.values is not None)
    held = tuple(dict.fromkeys((*form.tables, *tables)))
    goals = (Linear((form.given, c.given), Eq(c.left, c.right), held, arrays, (), numbers) for c in clauses)
    return tuple(discharge(Obligation("claim", c.says, (g,))) for c, g in zip(clauses, goals, strict=True))
