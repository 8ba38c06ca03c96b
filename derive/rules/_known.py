"""What follows from what is known: by elimination where all is affine, else by the solver."""

from __future__ import annotations

from typing import Any

from sympy import And

from derive.errors import TextError
from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.proof.goal import Goal, Status
from derive.proof.solver import decide

__all__ = ["implied"]


def implied(given: Any, condition: Any) -> bool:
    """Whether it is found that the condition holds wherever `given` does, for all integers."""
    known = set(And.make_args(given))
    if all(part in known for part in And.make_args(condition)):
        return True
    try:
        if Polyhedron.of(given).implies(condition):
            return True
    except NotAffine:
        pass
    try:
        return decide(Goal((given,), condition).smt) is Status.PROVED
    except TextError:  # a table's entry within a quotient
        return False
