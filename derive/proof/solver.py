"""z3 decides goals. It is imported when the first goal needs it, since it takes a while to load."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from derive.proof.everywhere import Everywhere
from derive.proof.goal import Goal, Obligation, Status, Verdict
from derive.proof.smt import ABSTRACTED

__all__ = ["decide", "decide_with_cvc5", "discharge", "discharge_all", "settle", "solver_version"]

_QUICK, _MILLISECONDS = 1_000, 30_000  # almost every goal is easy, and preparing for a hard one takes longer
_ANSWERS = {"unsat": Status.PROVED, "sat": Status.REFUTED}


@lru_cache(maxsize=65536)
def decide(smt: str) -> Status:
    """Whether the negated goal in the text has a model."""
    import z3

    for kind, limit in ((z3.SimpleSolver, _QUICK), (z3.Solver, _MILLISECONDS)):
        solver = kind()
        solver.set("timeout", limit)
        solver.set("ctrl_c", False)  # z3 would take Ctrl-C for itself and answer "unknown"
        solver.from_string(smt)
        if (answer := str(solver.check())) != "unknown":
            return _status(answer, smt)
    return Status.UNKNOWN


def _status(answer: str, smt: str) -> Status:
    status = _ANSWERS.get(answer, Status.UNKNOWN)
    return Status.UNKNOWN if status is Status.REFUTED and smt.startswith(ABSTRACTED) else status


def decide_with_cvc5(smt: str) -> Status:
    """The same from cvc5, a second solver, where it is installed."""
    import cvc5

    solver = cvc5.Solver()
    solver.setOption("tlimit-per", str(_MILLISECONDS))
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, smt, "goal")
    symbols, answer = parser.getSymbolManager(), ""
    while not (command := parser.nextCommand()).isNull():
        answer = command.invoke(solver, symbols).strip() or answer
    return _status(answer, smt)


def discharge(obligation: Obligation) -> Verdict:
    """The verdict on one obligation: its first goal that fails, or none."""
    found = Status.PROVED
    for goal in obligation.goals:
        status = settle(goal)
        if status not in (Status.PROVED, Status.EXHAUSTIVE):
            return Verdict(obligation, status, goal)
        found = Status.EXHAUSTIVE if status is Status.EXHAUSTIVE else found
    return Verdict(obligation, found)


def settle(goal: Goal) -> Status:
    """Whether a goal holds: by the solver, or entry by entry where it reads tables."""
    return goal.decide() if isinstance(goal, Everywhere) else decide(goal.smt)


def discharge_all(obligations: Iterable[Obligation]) -> tuple[Verdict, ...]:
    """The verdicts on several obligations, in their order."""
    return tuple(discharge(obligation) for obligation in obligations)


def solver_version() -> str:
    """The solver and its version, as certificates name it."""
    import z3

    return f"z3 {z3.get_version_string()}"
