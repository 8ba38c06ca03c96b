"""z3 decides goals. It is imported when the first goal needs it, since it takes a while to load."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from derive.proof.everywhere import Everywhere
from derive.proof.goal import Goal, Obligation, Status, Verdict
from derive.proof.smt import ABSTRACTED, is_linear, joint_script

__all__ = ["decide", "decide_with_cvc5", "discharge", "discharge_all", "settle", "solver_version"]

_QUICK = (
    3_000_000  # z3's own steps, about a second; almost every goal is easy, and preparing for a hard one takes longer
)
_MILLISECONDS = 30_000
_ANSWERS = {"unsat": Status.PROVED, "sat": Status.REFUTED}
_TOGETHER = 32  # goals that one text asks for
_MOST = 1 << 16  # proved goals that are remembered

_known: dict[Goal, None] = {}  # goals proved together with others, those known longest first


@lru_cache(maxsize=65536)
def decide(smt: str) -> Status:
    """Whether the negated goal in the text has a model."""
    import z3

    answer = _quick(smt)
    if answer == "unknown":
        solver = z3.Solver()
        solver.set("timeout", _MILLISECONDS)
        answer = _checked(solver, smt)
    return _status(answer, smt)


def _quick(smt: str) -> str:
    """What z3 answers within its first steps. They are counted and not timed: a clock would cost a thread for each goal."""
    import z3

    solver = z3.SimpleSolver()
    solver.set("rlimit", _QUICK)
    return _checked(solver, smt)


def _checked(solver: Any, smt: str) -> str:
    solver.set("ctrl_c", False)  # z3 would take Ctrl-C for itself and answer "unknown"
    solver.from_string(smt)
    return str(solver.check())


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
    _settle_together(obligation.goals)
    for goal in obligation.goals:
        status = settle(goal)
        if status not in (Status.PROVED, Status.EXHAUSTIVE):
            return Verdict(obligation, status, goal)
        found = Status.EXHAUSTIVE if status is Status.EXHAUSTIVE else found
    return Verdict(obligation, found)


def settle(goal: Goal) -> Status:
    """Whether a goal holds: by the solver, or entry by entry where it reads tables."""
    if isinstance(goal, Everywhere):
        return goal.decide()
    return Status.PROVED if goal.evident or goal in _known else decide(goal.smt)


def _settle_together(goals: Iterable[Goal]) -> None:
    """Remember those of several goals that the solver proves at once: they are given much the same, which it reads only once."""
    left = [
        g
        for g in dict.fromkeys(goals)
        if not (isinstance(g, Everywhere) or g in _known or g.evident) and is_linear((*g.facts, g.show))
    ]
    for start in range(0, len(left), _TOGETHER):
        some = left[start : start + _TOGETHER]
        text = joint_script([(g.facts, g.show) for g in some]) if len(some) > 1 else None
        if text is not None and _quick(text) == "unsat":
            _remember(some)


def _remember(goals: Sequence[Goal]) -> None:
    _known.update(dict.fromkeys(goals))
    while len(_known) > _MOST:
        del _known[next(iter(_known))]


def discharge_all(obligations: Iterable[Obligation]) -> tuple[Verdict, ...]:
    """The verdicts on several obligations, in their order."""
    stated = tuple(obligations)
    _settle_together(goal for obligation in stated for goal in obligation.goals)
    return tuple(discharge(obligation) for obligation in stated)


def solver_version() -> str:
    """The solver and its version, as certificates name it."""
    import z3

    return f"z3 {z3.get_version_string()}"
