"""Conditions that are affine in part: what can be projected, what must be carried along, and disjoint pieces to count."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any

from sympy import And, Eq, Le, Lt, Max, Min, Not, Or, preorder_traversal, true

from derive.forms.expr import Where
from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.remembered import both, text

__all__ = ["follows", "pieces", "regardless", "simplified", "simplified_inside", "split"]


@lru_cache(maxsize=1 << 14)
def split(*conditions: Any) -> tuple[Polyhedron, Any]:
    """The affine conjuncts as a polyhedron, and the conjunction of the others."""
    affine: list[Any] = []
    rest: list[Any] = []
    for part in sorted(And.make_args(both(*conditions)), key=text):
        (affine if _is_affine(part) else rest).append(part)
    return Polyhedron.of(*affine), both(*rest)


def simplified(condition: Any, *known: Any) -> Any:
    """The condition without what is known already."""
    affine, rest = split(condition)
    return both(affine.simplify(split(*known)[0]).conditions, rest)


def simplified_inside(condition: Any, *known: Any) -> Any:
    """The same, and every alternative in it by itself too."""
    plain = simplified(condition, *known)
    parts = (
        Or(*(simplified_inside(option, *known) for option in part.args)) if isinstance(part, Or) else part
        for part in And.make_args(plain)
    )
    return both(*parts)


def pieces(condition: Any) -> tuple[Polyhedron, ...]:
    """Disjoint polyhedra whose union is the set that the condition describes.

    Raises NotAffine for a condition that is no combination by & | ~ of affine ones.
    """
    affine, rest = split(condition)
    found = [affine]
    for part in sorted(And.make_args(rest), key=text):
        if part is not true:
            found = [p & q for p in found for q in _disjoint(part, affine)]
            found = [p for p in found if not p.is_empty()]
    return tuple(found)


def follows(condition: Any, given: Any) -> bool:
    """Whether it is found that a comparison of values by cases holds wherever `given` does, case by case."""
    chosen = next((value for value in preorder_traversal(condition) if isinstance(value, Where)), None)
    if chosen is not None:
        needed, value, other = chosen.args
        one, rest = condition.xreplace({chosen: value}), condition.xreplace({chosen: other})
        away = Or(needed.lhs < needed.rhs, needed.rhs < needed.lhs) if isinstance(needed, Eq) else Not(needed)
        return follows(one, both(given, needed)) and follows(rest, both(given, away))
    try:
        return all(piece.implies(condition) for piece in pieces(given))
    except NotAffine:
        return False


def regardless(condition: Any, letters: Collection[Any]) -> Any:
    """The condition where every comparison that speaks of these letters holds: of a grid's sizes, on a grid as large as one likes.

    (a ≤ n - 1 and |a| ≤ r) or (b ≤ n - 1 and |b| ≤ r), without n   ⟶   |a| ≤ r or |b| ≤ r
    """
    if not condition.free_symbols & set(letters):
        return condition
    if isinstance(condition, And | Or):
        return condition.func(*(regardless(part, letters) for part in condition.args))
    inside = condition.replace(
        lambda e: isinstance(e, Where), lambda e: Where(regardless(e.condition, letters), e.args[1], e.args[2])
    )
    return true if inside.free_symbols & set(letters) else inside


def _alternatives(part: Any) -> Any:
    """x ≤ Max(y, z) as x ≤ y or x ≤ z, and Min(y, z) ≤ x likewise; anything else as it is."""
    if isinstance(part, (Le, Lt)) and (isinstance(part.rhs, Max) or isinstance(part.lhs, Min)):
        left = part.lhs.args if isinstance(part.lhs, Min) else (part.lhs,)
        right = part.rhs.args if isinstance(part.rhs, Max) else (part.rhs,)
        return Or(*(part.func(x, y) for x in left for y in right))
    return part


def _disjoint(part: Any, inside: Polyhedron) -> list[Polyhedron]:
    """Disjoint polyhedra for the alternatives; those that miss `inside` are left out."""
    part = _alternatives(part)
    if not isinstance(part, Or):
        raise NotAffine(f"'{text(part)}' isn't a combination of affine conditions.")
    found: list[Polyhedron] = []
    before: list[Polyhedron] = []
    for option in sorted(part.args, key=text):
        own = [Polyhedron.of(option)] if _is_affine(option) else list(pieces(option))
        own = alone = [p for p in own if not (p & inside).is_empty()]
        for earlier in before:
            alone = [p for one in alone for p in _without(one, earlier)]
        found += alone
        before += own
    return found


def _without(one: Polyhedron, other: Polyhedron) -> list[Polyhedron]:
    """What of one is not in the other, as disjoint pieces: all of it where the two have nothing in common."""
    if (one & other).is_empty():
        return [one]
    return [p for p in (one & q for q in _outside(other)) if not p.is_empty()]


@lru_cache(maxsize=1 << 16)
def _is_affine(condition: Any) -> bool:
    try:
        Polyhedron.of(condition)
    except NotAffine:
        return False
    return True


def _outside(rows: Polyhedron) -> list[Polyhedron]:
    """Where a conjunction of inequalities fails, as disjoint pieces: the first one fails, or it holds and the next fails."""
    found, held = [], Polyhedron()
    for expression in rows.expressions:
        found.append(held & Polyhedron.of(Not(expression >= 0)))
        held = held & Polyhedron.of(expression >= 0)
    return found
