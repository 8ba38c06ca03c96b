"""When a whole window is free: that the entries at its ends are, of which no condition can let go.

V[a] is free where 2⌈max(0, -a)/2⌉ ≤ n - 1, a ≤ n - 1, |a| ≤ Δ   ⟶   Δ ≤ 2⌊(n - 1)/2⌋
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import product
from typing import Any

from sympy import Add, And, Expr, Le, Max, Not, Or, S, ceiling, expand, floor, lcm

from derive.forms.boxes import Sizes
from derive.forms.count import NotCountable
from derive.forms.form import Axis, Param, Role
from derive.forms.narrowed import narrowed
from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.proof.goal import Goal, Status
from derive.proof.solver import decide
from derive.remembered import both, text

__all__ = ["free_at_ends"]

_MOST_CLAUSES, _SHORT = 64, 4
Clause = frozenset[Any]  # conditions of which one must hold


def free_at_ends(windows: Iterable[tuple[Param, Any]], given: Polyhedron) -> Iterator[Any]:
    """That those entries are free that lie at the ends of their arrays and, as the second of each pair says, in the window.

    First of the ends that are in the window at all sizes, then of all that may be. Needed for all to be free; whether it is
    enough is for the caller to prove. Alternatives, as by a symmetry that turns what leaves the grid along one side to another
    one, are ends of which the largest counts; nothing where there are many of them.
    """
    pairs = tuple(windows)
    for sure in (True, False):
        yield from _at_ends(tuple(dict.fromkeys(c for pair in pairs for c in _needed(*pair, given, sure))), given)


def _at_ends(needed: tuple[Any, ...], given: Polyhedron) -> Iterator[Any]:
    """All of these, in few words."""
    try:
        sizes = Sizes({e for part in needed for e in part.atoms(floor)}, (), given)
        found = _least({clause for part in needed for clause in _clauses(part, sizes)}, sizes)
    except (NotAffine, NotCountable):
        found = {frozenset((part,)) for part in needed}
    left = sorted(map(_written, found), key=lambda part: (-part.count_ops(), text(part)))
    for part in tuple(left):
        others = [other for other in left if other != part]
        if _follows(both(given.conditions, *others), part):
            left = others
    if not any(part.has(Or) for part in left):
        yield And(*left)


def _clauses(part: Any, sizes: Sizes) -> set[Clause]:
    """Alternatives of which one must hold, for each that all must: those of a condition that has conjunctions as alternatives.

    Raises NotCountable for very many of them.
    """
    found: set[Clause] = {frozenset()}
    for option in Or.make_args(part):
        conditions = [_solved(condition) for condition in And.make_args(option)]
        found = _least({_largest({*clause, c}, sizes) for clause in found for c in conditions}, sizes)
        if len(found) > _MOST_CLAUSES:
            raise NotCountable("Ends of very many kinds.")
    return found


def _largest(clause: Iterable[Any], sizes: Sizes) -> Clause:
    """The alternatives without those that say more than others do."""
    kept: list[Any] = []
    for part in sorted(clause, key=lambda part: (part.count_ops(), text(part))):
        if not any(_says(part, other, sizes) for other in kept):
            kept = [*(other for other in kept if not _says(other, part, sizes)), part]
    return frozenset(kept)


def _least(clauses: Collection[Clause], sizes: Sizes) -> set[Clause]:
    """Without clauses that others imply, alternative by alternative."""
    kept: list[Clause] = []
    for clause in sorted(clauses, key=lambda c: (len(c), sorted(map(text, c)))):
        if not any(all(any(_says(x, y, sizes) for y in clause) for x in other) for other in kept):
            kept.append(clause)
    return set(kept)


def _says(one: Any, other: Any, sizes: Sizes) -> bool:
    """Whether an inequality is found to imply another one, by as much as their two sides are apart."""
    if one == other or not (isinstance(one, Le) and isinstance(other, Le)):
        return bool(one == other)
    return sizes.positive((other.rhs - other.lhs) - (one.rhs - one.lhs))


def _written(clause: Clause) -> Any:
    """One of x ≤ y, x ≤ z as x ≤ Max(y, z)."""
    parts = sorted(clause, key=text)
    if len(parts) > 1 and all(isinstance(part, Le) and part.lhs == parts[0].lhs for part in parts):
        return Le(parts[0].lhs, Max(*(part.rhs for part in parts)))
    return Or(*parts)


def _solved(part: Any) -> Any:
    """Of a size that is subtracted once it is said how large it may be: 2 ≤ n - Δ is Δ ≤ n - 2."""
    if not isinstance(part, Le):
        return part
    gap = expand(part.rhs - part.lhs)
    single = [s for s in sorted(gap.free_symbols, key=text) if gap.coeff(s) == -1 and not (gap + s).has(s)]
    return Le(single[0], gap + single[0]) if len(single) == 1 else part


def _needed(param: Param, window: Any, given: Polyhedron, sure: bool) -> Iterator[Any]:
    axes = [axis for axis in param.array.axes if axis.role is Role.GRID]
    for place in product(*map(_spots, axes)):
        at = {axis.symbol: end for axis, end in zip(axes, place, strict=True)}
        known, there = both(given.conditions, param.array.holds()), both(window, param.array.holds()).xreplace(at)
        if _follows(known, there) or not (sure or _follows(known, Not(there))):
            parts = (_multiplied(narrowed(part, given)) for part in And.make_args(param.free.xreplace(at)))
            yield from (part for part in parts if part.free_symbols - window.free_symbols)


def _spots(axis: Axis) -> Iterable[Expr]:
    """All of a short axis, as of remainders; the ends and 0 of another one."""
    if axis.extent.is_Integer and axis.extent <= _SHORT:
        return (axis.lower + k for k in range(int(axis.extent)))
    return dict.fromkeys((axis.lower, S.Zero, axis.upper))


def _follows(given: Any, condition: Any) -> bool:
    return decide(Goal((given,), condition).smt) is Status.PROVED


def _multiplied(part: Any) -> Any:
    """Without rounding up beneath a whole number: ⌈x/2⌉ ≤ y is x ≤ 2y."""
    if not (isinstance(part, Le) and isinstance(part.lhs, ceiling)):
        return part
    whole = all(isinstance(term.as_coeff_Mul()[1], floor) or term.is_integer for term in Add.make_args(part.rhs))
    (inner,) = part.lhs.args
    factor = lcm([c.q for c in inner.as_coefficients_dict().values()])
    return Le(factor * inner, factor * part.rhs) if whole else part
