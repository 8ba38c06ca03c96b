"""Sizes at which a condition holds: that a precondition can be met is shown by an example."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any

from sympy import Eq, Integer, Symbol, false

from derive.errors import DeriveError
from derive.proof.counterexample import smallest_model
from derive.proof.goal import Goal, Status
from derive.proof.solver import decide
from derive.remembered import both, replaced

__all__ = ["admitted"]

_TRIALS = 256


def admitted(known: Any, wanted: Any, sizes: Iterable[Symbol]) -> tuple[Goal, str]:
    """`wanted` follows from `known` at some values of these sizes: the goal for the first, else for 1."""
    names = sorted(sizes, key=str)
    for values in _values(both(known, wanted), names):
        at = dict(zip(names, map(Integer, values), strict=True))
        goal = Goal((known, *(Eq(s, v) for s, v in at.items())), wanted)
        witness = ", ".join(f"{s} := {v}" for s, v in at.items())
        if replaced(wanted, at) != false and decide(goal.smt) is Status.PROVED:
            return goal, witness
    at = dict.fromkeys(names, Integer(1))
    return Goal((known, *(Eq(s, 1) for s in at)), wanted), ", ".join(f"{s} := 1" for s in at)


def _values(wanted: Any, names: Sequence[Symbol]) -> Iterator[tuple[int, ...]]:
    """What sizes may be: small numbers first, then the smallest that the solver finds."""
    yield from _small(len(names))
    try:
        found = smallest_model(Goal((wanted,), false), [s.name for s in names], ())
    except DeriveError:
        return
    yield tuple(found[s.name] for s in names)


def _small(rank: int) -> list[tuple[int, ...]]:
    """Tuples of small numbers, those near 1 first; some hundreds at most."""
    most = next((bound for bound in (64, 16, 6, 4, 3) if bound**rank <= _TRIALS), 2)
    return sorted(product(range(most), repeat=rank), key=lambda v: (sum(abs(x - 1) for x in v), v))[:_TRIALS]
