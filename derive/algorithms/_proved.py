"""What is stated of a program, proved; a program that no proof is found for is none."""

from __future__ import annotations

from collections.abc import Sequence

from derive.errors import NoLowering, ObligationFailed
from derive.proof.goal import Obligation, Status, Verdict
from derive.proof.solver import discharge_all

__all__ = ["proved"]


def proved(stated: Sequence[Obligation], what: str) -> tuple[Verdict, ...]:
    """The proofs. Raises NoLowering where none is found for an obligation, ObligationFailed where one is refuted."""
    verdicts = discharge_all(stated)
    for verdict in verdicts:
        named = f"its obligation '{verdict.obligation.name}'"
        if verdict.status is Status.UNKNOWN:
            raise NoLowering(f"No proof is found that {what} keeps {named}.")
        if not verdict.proved:
            raise ObligationFailed(f"{what[0].upper()}{what[1:]} fails {named}.")
    return verdicts
