"""A goal with less to read that is worth the same: without what is given already, and without facts that bind nothing.

    k < n -> 1 <= n -> 0 <= k -> 0 <= k /\\ 0 <= k + 1        becomes        0 <= k -> 0 <= k + 1

A letter that the goal shows nothing of, and that all facts bound from one side only, has a value that satisfies them
whatever the other letters are; so those facts say nothing of the others, and nor does what they alone have bounded.
Facts of letters that no chain of facts joins to what is shown say nothing of it either, where some values satisfy them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from sympy import Add, And, Ge, Gt, Le, Lt, Symbol, false

from derive.forms.expr import Read
from derive.proof.goal import Goal, Status
from derive.proof.smt import in_fixed_order
from derive.proof.solver import decide
from derive.remembered import built

__all__ = ["shorter"]

_BELOW, _ABOVE, _BOTH = 1, 2, 3


def shorter(goal: Goal) -> tuple[tuple[Any, ...], Any]:
    """The facts that bear on what the goal shows, and what of that is not among its facts."""
    given = frozenset(goal.facts)
    parts = And.make_args(goal.show)
    left = [part for part in parts if part not in given]
    show = goal.show if len(left) == len(parts) else built(And, *in_fixed_order(left))
    facts, shown = goal.facts, show.free_symbols
    while loose := _loose(facts, shown):
        facts = tuple(fact for fact in facts if loose.isdisjoint(_bounds(fact)))
    beside = _beside(facts, show)
    apart = frozenset(beside if _have_values(beside) else ())
    return tuple(fact for fact in facts if fact not in apart), show


def _beside(facts: tuple[Any, ...], show: Any) -> tuple[Any, ...]:
    """The facts that nothing joins to what is shown."""
    reached = _names(show)
    while near := {f for f in facts if not reached.isdisjoint(_names(f))}:
        facts = tuple(f for f in facts if f not in near)
        reached = reached.union(*map(_names, near))
    return facts


@lru_cache(maxsize=1 << 16)
def _names(e: Any) -> frozenset[Any]:
    """Letters and arrays of which an expression speaks."""
    return frozenset(e.free_symbols) | {read.array for read in e.atoms(Read)}


@lru_cache(maxsize=1 << 14)
def _have_values(facts: tuple[Any, ...]) -> bool:
    """Whether the solver finds values that satisfy them all."""
    return decide(Goal(facts, false).smt) is Status.REFUTED


def _loose(facts: Iterable[Any], shown: set[Symbol]) -> set[Symbol]:
    """The letters, not among those shown, that are bounded from one side only."""
    sides: dict[Symbol, int] = {}
    for fact in facts:
        for letter, side in _bounds(fact).items():
            sides[letter] = sides.get(letter, 0) | side
    return {letter for letter, side in sides.items() if side != _BOTH and letter not in shown}


@lru_cache(maxsize=1 << 16)
def _bounds(fact: Any) -> Mapping[Symbol, int]:
    """From which side a fact bounds each of its letters: from both, unless it is an inequality that is linear in it."""
    if not isinstance(fact, (Le, Lt, Ge, Gt)):
        return dict.fromkeys(fact.free_symbols, _BOTH)
    left, right = fact.args if isinstance(fact, (Le, Lt)) else reversed(fact.args)
    found: dict[Symbol, int] = {}
    for side, signs in ((left, (_ABOVE, _BELOW)), (right, (_BELOW, _ABOVE))):
        for term in Add.make_args(side):
            number, letter = term.as_coeff_Mul()
            sense = signs[bool(number.is_negative)] if letter.is_Symbol else _BOTH
            for s in term.free_symbols:
                found[s] = found.get(s, 0) | sense
    return found
