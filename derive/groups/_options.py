"""The images of a point that names an orbit, and which of them may be entries that count.

A condition on an image may have quotients of sizes, as by a step of shifts: a ≤ n - 1 and b ≤ 2⌊m/2⌋ - 1. Those that the others
imply at the points asked about are left out, and an image that counts only where another one does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sympy import And, Expr, Or, Symbol

from derive.forms.conditions import split
from derive.forms.polyhedron import Polyhedron
from derive.forms.quotients import rounded
from derive.remembered import both, text

__all__ = ["Option", "largest", "some"]

Implied = Callable[[Any, Any], bool]


@dataclass(frozen=True, slots=True)
class Option:
    """One image of the points that name orbits, and the condition that it is an entry that counts.

    entries    the affine conditions; `rest` are the others
    around     a polyhedron that holds all such points
    """

    at: Mapping[Symbol, Expr]
    entries: Polyhedron
    rest: Any
    sign: int
    around: Polyhedron

    @property
    def condition(self) -> Any:
        return And(self.entries.conditions, self.rest)

    def place(self, letter: Symbol) -> Expr:
        return self.at[letter]

    def lean(self, implied: Implied) -> Option:
        """Without those conditions that the others imply, where some have quotients; these go first."""
        if not rounded(self.rest):
            return self
        parts = And.make_args(self.condition)
        for part in sorted(parts, key=lambda p: (not rounded(p), text(p))):
            others = tuple(p for p in parts if p != part)
            parts = others if implied(both(*others), part) else parts
        entries, rest = split(*parts)
        return replace(self, entries=entries, rest=rest)


def largest(options: list[Option], given: Polyhedron, implied: Implied) -> list[Option]:
    """Without those that count only where another one does."""

    def within(one: Option, other: Option) -> bool:
        if rounded(one.rest) or rounded(other.rest):
            return implied(one.condition, other.condition)
        return one.rest == other.rest and (one.entries & given).implies(other.entries)

    kept: list[Option] = []
    for option in options:
        if not any(within(option, other) for other in kept):
            kept = [*(other for other in kept if not within(other, option)), option]
    return kept


def some(options: Sequence[Option]) -> Any:
    """That one of the images counts."""
    entries: dict[Any, list[Any]] = {}
    for option in options:
        entries.setdefault(option.rest, []).append(option.entries.conditions)
    return Or(*(And(rest, Or(*places)) for rest, places in entries.items()))
