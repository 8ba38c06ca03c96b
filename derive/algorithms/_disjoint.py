"""Goals that no two of several conditions hold together, in about as many goals as there are conditions.

Where a comparison holds in some of them and its opposite in all others, no pair across the two sides needs a goal: each condition
has one, that it implies what its side of every such comparison says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

from sympy import Ge, Lt, Not, Symbol

from derive.forms.conditions import split
from derive.forms.polyhedron import Polyhedron
from derive.proof.goal import Goal
from derive.remembered import both, built

__all__ = ["disjoint"]

_PAIRS = 3  # so many conditions have no more pairs than there are conditions
_Part = tuple[Any, Polyhedron]
_Line = tuple[tuple[Symbol, int], ...]


def disjoint(given: tuple[Any, ...], conditions: Sequence[Any]) -> Iterator[Goal]:
    """Goals that no two of the conditions hold together."""
    yield from _apart(given, [(c, split(*given, c)[0]) for c in conditions], ())


def _apart(given: tuple[Any, ...], parts: Sequence[_Part], sides: tuple[Any, ...]) -> Iterator[Goal]:
    """Those for some of the conditions, which are on these sides of the comparisons that divide them from the others."""
    found = _divided(parts) if len(parts) > _PAIRS else None
    if found is not None:
        for part, side in found:
            yield from _apart(given, part, (*sides, side))
        return
    if sides:
        yield from (Goal((*given, condition), both(*sides)) for condition, _ in parts)
    for (one, _), (other, _) in combinations(parts, 2):
        yield Goal((*given, one), Not(other))


def _divided(parts: Sequence[_Part]) -> tuple[tuple[list[_Part], Any], ...] | None:
    """The parts in which a comparison holds and those in which its opposite does, each with what holds there."""
    met: Counter[_Line] = Counter()
    for _, known in parts:
        met.update(set(_lines(known)))
    both_ways = (line for line in met if tuple((s, -c) for s, c in line) in met)
    for line in sorted(both_ways, key=lambda line: (-met[line], str(line))):
        value = sum(c * s for s, c in line)
        above, below = built(Ge, value, 0), built(Lt, value, 0)
        sides: tuple[list[_Part], list[_Part]] = ([], [])
        for part in parts:
            if part[1].implies(above):
                sides[0].append(part)
            elif part[1].implies(below):
                sides[1].append(part)
            else:
                break
        else:
            if all(sides):
                return (sides[0], above), (sides[1], below)
    return None


def _lines(known: Polyhedron) -> Iterator[_Line]:
    """The rows without their constants."""
    for row in known.rows:
        yield tuple((s, c) for s, c in zip(known.names, row, strict=False) if c)
