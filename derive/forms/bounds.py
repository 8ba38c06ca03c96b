"""Conditions on sizes in few words: bounds on one letter together, strict where that takes less.

    Δ ≤ 2m - 1 and Δ ≤ 2n - 1 and Δ ≤ max(m, n) - 1   ⟶   Δ < 2·min(m, n) and Δ < max(m, n)

Each is an equivalence over the integers: x ≤ e is x < e + 1, and x is less than two numbers exactly if it is less than the least.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import sympy as sp
from sympy.logic.boolalg import Boolean

from derive.forms.polyhedron import NotAffine, Polyhedron

__all__ = ["with_min"]


def with_min(condition: Boolean, given: Polyhedron | None = None) -> Boolean:
    """Upper bounds on one symbol as one: Delta <= n - 1 and Delta <= m - 1 become Delta < Min(m, n).

    Redundant inequalities are dropped first, and alternatives are written one by one; what is not a conjunction of inequalities
    comes back unchanged, but for bounds beside it.

    >>> n, m, Delta = sp.symbols("n m Delta", integer=True)
    >>> with_min((Delta <= n - 1) & (Delta < m))
    Delta < Min(m, n)
    >>> with_min((Delta <= 2 * n - 1) & (Delta <= 2 * m - 1) & (Delta <= sp.Max(m, n) - 1))
    (Delta < Max(m, n)) & (Delta < 2*Min(m, n))
    """
    if isinstance(condition, sp.Or):
        return sp.Or(*(with_min(part, given) if isinstance(part, sp.And) else part for part in condition.args))
    parts = sp.And.make_args(condition)
    bent = [part for part in parts if not _is_affine(part)]
    if not bent:
        return _of_affine(parts, given)
    affine = [part for part in parts if part not in bent]
    return sp.And(_of_affine(affine, given) if affine else sp.true, *map(_strict, bent))


def _is_affine(part: Any) -> bool:
    if not part.is_Relational or isinstance(part, sp.Ne):
        return part in (sp.true, sp.false)
    try:
        Polyhedron.of(part)
    except NotAffine:
        return False
    return True


def _strict(part: Any) -> Any:
    """An upper bound on a letter as a strict one, where that takes fewer operations."""
    if not isinstance(part, sp.Le) or not part.lhs.is_Symbol or not part.lhs.is_integer or not part.rhs.is_integer:
        return part
    found = sp.Lt(part.lhs, part.rhs + 1)
    return found if found.count_ops() < part.count_ops() else part


def _least(ends: Sequence[sp.Expr]) -> sp.Expr:
    """The least of some, which a number that divides all of them multiplies."""
    common = reduce(sp.gcd, (end.as_content_primitive()[0] for end in ends)) if len(ends) > 1 else sp.S.One
    return common * sp.Min(*(sp.expand(end / common) for end in ends))


def _of_affine(parts: Sequence[Any], given: Polyhedron | None) -> Boolean:
    """Those of one letter that has the most of them together, of inequalities that are affine."""
    body = Polyhedron.of(*parts).simplify(given)
    bounded = {
        column: [row for row in body.rows if row[column] == -1 and sum(value < 0 for value in row[:-1]) == 1]
        for column in range(len(body.names))
    }
    column = max(bounded, key=lambda c: (len(bounded[c]), -c), default=None)
    if column is None or not bounded[column] or any(isinstance(part, sp.Eq) for part in parts):
        return body.conditions
    rows = bounded[column]
    rest = Polyhedron.from_rows(body.names, [row for row in body.rows if row not in rows])
    strict = all(row[-1] == -1 for row in rows) and any(sum(map(bool, row[:-1])) > 1 for row in rows)
    uppers = [
        sp.Add(
            *(v * s for c, (s, v) in enumerate(zip(body.names, row, strict=False)) if c != column),
            row[-1] + strict,
        )
        for row in rows
    ]
    bound = (sp.Lt if strict else sp.Le)(body.names[column], _least(uppers))
    return sp.And(bound, rest.conditions)
