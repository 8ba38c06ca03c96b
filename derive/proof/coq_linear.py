"""Goals about linear combinations, for Coq: what they say at every value of letters with numeric ranges, with numbers put in.

    Σ_s B[p, q, s]·V[a, s] = V[a, p, q]   ⟶   B₀₀₀·V[a, 0] + B₀₀₁·V[a, 1] = V[a, 0, 0], ...

Laws are facts about the same entries, at every value of their own letters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from sympy import And, Eq, Integer, Rational, Sum, Symbol, expand, true

from derive.errors import TextError
from derive.forms.expr import Read, Where
from derive.forms.form import Array
from derive.proof.goal import Goal
from derive.proof.linear import Decision, Linear
from derive.proof.points import Undecided, lower, shape
from derive.remembered import built

__all__ = ["put_in"]

_MOST = 64  # equations
Values = Mapping[Symbol, Any]


def put_in(goal: Linear) -> Goal:
    """The goal without tables, numbers and sums. Raises TextError for one of too many equations, or of other parts."""
    try:
        return _PutIn(goal).goal()
    except Undecided:
        raise TextError("it is decided exactly, from the numbers in tables and in the basis") from None


class _PutIn:
    """One goal at work."""

    def __init__(self, goal: Linear) -> None:
        plain = Decision(goal)
        mixed = {s for f in goal.facts if plain.passive(f) for s in f.free_symbols & set(plain.letters)}
        self.linear, self.decision = goal, Decision(goal, frozenset(mixed)) if mixed else plain
        known = [(t.array, [Integer(int(v)) for v in t.values]) for t in goal.tables]
        known += [(p.array, [Rational(v) for v in p.values or ()]) for p in goal.numbers]
        self.arrays = {array.name: (array, values) for array, values in known}

    def goal(self) -> Goal:
        """See `put_in`."""
        decision, goal = self.decision, self.linear
        facts = [f for f in goal.facts if decision.passive(f) and not self._numbered(f)]
        for law in goal.laws:
            if (points := decision.known(law)) is not None:
                facts += [self._equation(law.left, law.right, at) for at in self._points(*points)]
        shown = [
            self._at(part, at)
            for part in And.make_args(goal.show)
            for at in (self._points(decision.at, decision.size) if part.has(Read) else ({},))
        ]
        return Goal(tuple(f for f in facts if f is not true), And(*shown))

    def _numbered(self, e: Any) -> bool:
        return any(r.array in self.arrays for r in e.atoms(Read))

    def _points(self, at: Mapping[Symbol, Any], size: int) -> Iterator[dict[Symbol, Integer]]:
        if size > _MOST:
            raise TextError(f"it is decided exactly, at {size} places; up to {_MOST} are stated")
        columns = {s: np.broadcast_to(values, (size,)) for s, values in at.items()}
        for row in range(size):
            yield {s: Integer(int(values[row])) for s, values in columns.items()}

    def _equation(self, left: Any, right: Any, at: Values) -> Any:
        return built(Eq, expand(self._at(left, at)), expand(self._at(right, at)))

    def _at(self, e: Any, at: Values) -> Any:
        """An expression with values for letters, and with numbers for what it reads of them."""
        if isinstance(e, Sum):
            (letter, low, high), *rest = e.limits[::-1]
            inner = Sum(e.function, *rest[::-1]) if rest else e.function
            ends = [int(self._at(end, at)) for end in (low, high)]
            return sum((self._at(inner, {**at, letter: Integer(v)}) for v in range(ends[0], ends[1] + 1)), Integer(0))
        if isinstance(e, Eq) and e.has(Read):
            return self._equation(e.lhs, e.rhs, at)
        if isinstance(e, Read):
            places = [self._at(s, at) for s in e.subscripts]
            return self._number(*self.arrays[e.array], places) if e.array in self.arrays else Read(e.array, *places)
        if isinstance(e, Where):
            condition = self._at(e.condition, at)
            if condition not in (True, False):
                raise Undecided
            return self._at(e.args[1] if condition == True else e.args[2], at)  # noqa: E712
        return at.get(e, e) if not e.args else built(e.func, *(self._at(a, at) for a in e.args))

    def _number(self, array: Array, values: list[Any], places: list[Any]) -> Any:
        if not all(p.is_Integer for p in places):
            raise Undecided
        at = [int(p) - int(low) for p, low in zip(places, lower(array), strict=True)]
        return values[int(np.ravel_multi_index(at, shape(array)))] if at else values[0]
