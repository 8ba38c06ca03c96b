"""Goals, obligations and verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property, lru_cache
from typing import Any

from sympy import And, true

from derive.proof.smt import in_fixed_order, script

__all__ = ["Goal", "Obligation", "Proved", "Status", "Verdict"]


@dataclass(frozen=True)
class Goal:
    """For all integers and arrays: the facts in `given` imply `show`."""

    given: tuple[Any, ...]
    show: Any

    @cached_property
    def facts(self) -> tuple[Any, ...]:
        """What is given, conjunctions taken apart, each fact once."""
        return tuple(fact for fact in _flat(self.given) if fact is not true)

    @cached_property
    def evident(self) -> bool:
        """Whether each part of `show` is among what is given, so that no solver needs to look."""
        known = {part for fact in self.given for part in _parts(fact)}
        return all(part is true or part in known for part in _parts(self.show))

    @cached_property
    def smt(self) -> str:
        """SMT-LIB 2 text that is unsatisfiable exactly when the goal holds."""
        return script(list(_flat(self.given)), self.show)


def _flat(facts: tuple[Any, ...]) -> tuple[Any, ...]:
    """Conjunctions taken apart, each fact once."""
    return tuple(dict.fromkeys(part for fact in facts for part in _parts(fact)))


@lru_cache(maxsize=1 << 16, typed=True)
def _parts(fact: Any) -> tuple[Any, ...]:
    """Of a conjunction, in a fixed order."""
    return tuple(in_fixed_order(And.make_args(fact)))


@dataclass(frozen=True, slots=True)
class Obligation:
    """A claim about one step, made of goals that must all hold. `witness` says what settles it."""

    name: str
    says: str
    goals: tuple[Goal, ...]
    witness: str = ""


class Status(Enum):
    """How far an obligation got."""

    PROVED = "proved for all sizes"
    REFUTED = "refuted"
    UNKNOWN = "not decided"
    EXHAUSTIVE = "checked for every entry at these sizes"

    @property
    def at_points(self) -> bool:
        """Whether it was evaluated at numeric values, instead of proved for all."""
        return self is Status.EXHAUSTIVE


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the solver said of one obligation; `goal` is the first one that is not proved."""

    obligation: Obligation
    status: Status
    goal: Goal | None = None

    @property
    def proved(self) -> bool:
        """Whether every goal holds."""
        return self.status in (Status.PROVED, Status.EXHAUSTIVE)

    def __str__(self) -> str:
        return f"{(self.obligation.says or self.obligation.name).removesuffix('.')}: {self.status.value}"


Proved = tuple[Verdict, ...]
