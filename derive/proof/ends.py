"""When a whole window is free: that the entries at its ends are, of which no condition can let go.

V[a] is free where 2⌈max(0, -a)/2⌉ ≤ n - 1, a ≤ n - 1, |a| ≤ Δ   ⟶   Δ ≤ 2⌊(n - 1)/2⌋
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from sympy import Add, And, Le, Or, S, ceiling, floor, lcm

from derive.forms.form import Param, Role
from derive.forms.narrowed import narrowed
from derive.forms.polyhedron import Polyhedron
from derive.proof.goal import Goal, Status
from derive.proof.solver import decide
from derive.remembered import both, text

__all__ = ["free_at_ends"]


def free_at_ends(windows: Iterable[tuple[Param, Any]], given: Polyhedron) -> Iterator[Any]:
    """That those entries are free that lie at the ends of their arrays and, as the second of each pair says, in the window.

    Needed for all to be free; whether it is enough is for the caller to prove. Nothing where that has alternatives, as by a
    symmetry, which don't read well.
    """
    needed = (part for param, window in windows for part in _needed(param, window, given))
    left = sorted(dict.fromkeys(needed), key=lambda part: (-part.count_ops(), text(part)))
    for part in tuple(left):
        others = [other for other in left if other != part]
        if _follows(both(given.conditions, *others), part):
            left = others
    if not any(part.has(Or) for part in left):
        yield And(*left)


def _needed(param: Param, window: Any, given: Polyhedron) -> Iterator[Any]:
    axes = [axis for axis in param.array.axes if axis.role is Role.GRID]
    for place in product(*((axis.lower, S.Zero, axis.upper) for axis in axes)):
        at = {axis.symbol: end for axis, end in zip(axes, place, strict=True)}
        if _follows(both(given.conditions, param.array.holds()), both(window, param.array.holds()).xreplace(at)):
            yield from (_multiplied(narrowed(part, given)) for part in And.make_args(param.free.xreplace(at)))


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
