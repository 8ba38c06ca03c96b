"""Rounded quotients in conditions that are counted over: one more letter each, with exactly one value.

    0 ≤ i - 2⌊i/2⌋ ≤ n - 1   ⟶   0 ≤ i - 2q ≤ n - 1,  0 ≤ i - 2q ≤ 1

The set keeps its number of points, since q has one value at each of them. Where i itself only says which of p
residues is meant, as in 0 ≤ i ≤ 1 here, i = r + 2q leaves 0 ≤ r ≤ n - 1 and 0 ≤ r + 2q ≤ 1, which has one q for every r:
`one_each` finds such letters and drops them again, and the count has no residue classes.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import sympy as sp

from derive.forms.expr import index
from derive.forms.polyhedron import NotAffine
from derive.forms.rows import Row
from derive.remembered import fraction

__all__ = ["one_each", "rounded", "unfolded"]

_ROUNDED = (sp.floor, sp.ceiling, sp.Mod)
_EXTREME = (sp.Max, sp.Min)


def rounded(condition: Any) -> bool:
    """Whether a condition has rounded quotients."""
    return bool(condition.has(*_ROUNDED))


def unfolded(condition: Any, taken: Sequence[sp.Symbol] = ()) -> Iterator[tuple[Any, tuple[sp.Symbol, ...]]]:
    """Conditions without quotients, of which at most one holds, and the letters that stand for the quotients in each.

    A maximum or minimum within a quotient is one case for each of its operands.
    """
    quotient = _innermost(condition)
    if quotient is None:
        yield condition, tuple(taken)
        return
    extreme = min(quotient.atoms(*_EXTREME), key=lambda e: (sp.count_ops(e), str(e)), default=None)
    if extreme is not None:
        for value, chosen in _operands(extreme):
            yield from unfolded(sp.And(chosen, condition.xreplace({extreme: value})), taken)
        return
    letter = index(f"q{len(taken)}_")
    value, defined = _defined(quotient, letter)
    yield from unfolded(sp.And(condition.xreplace({quotient: value}), defined), (*taken, letter))


def _innermost(condition: Any) -> Any:
    """A quotient that holds no other one; None where there is none."""
    found = [e for e in condition.atoms(*_ROUNDED) if not any(arg.has(*_ROUNDED) for arg in e.args)]
    return min(found, key=str, default=None)


def _operands(extreme: Any) -> Iterator[tuple[Any, Any]]:
    """Each operand, with the condition that it is the first to be the extreme one."""
    operands = sorted(extreme.args, key=str)
    for place, value in enumerate(operands):
        more, less = (sp.Gt, sp.Ge) if isinstance(extreme, sp.Max) else (sp.Lt, sp.Le)
        others = enumerate(operands)
        yield value, sp.And(*((more if p < place else less)(value, other) for p, other in others if p != place))


def _defined(quotient: Any, letter: sp.Symbol) -> tuple[Any, Any]:
    """The quotient in terms of its letter, and what says which number that is."""
    if isinstance(quotient, sp.Mod):
        top, bottom = quotient.args
    else:
        top, bottom = fraction(quotient.args[0])
    if not (bottom.is_Integer and bottom > 0):
        raise NotAffine(f"'{quotient}' divides by something that is no positive number.")
    rest = top - bottom * letter
    if isinstance(quotient, sp.ceiling):
        return letter, sp.And(1 - bottom <= rest, rest <= 0)
    return rest if isinstance(quotient, sp.Mod) else letter, sp.And(rest >= 0, rest <= bottom - 1)


def one_each(
    rows: Sequence[Row], columns: frozenset[int], quotients: frozenset[int]
) -> tuple[list[Row], frozenset[int]]:
    """As many points in fewer columns: rows without those quotients that take one value wherever `columns` are.

    Such is q in 0 ≤ e + p·q ≤ p - 1 where nothing else speaks of q, or does after a change i = i' + t·q of a column.
    """
    kept = list(rows)
    for q in sorted(quotients):
        for i in (q, *sorted(columns)):
            for step in sorted({0} if i == q else {sign * row[q] for row in kept for sign in (1, -1)}):
                moved = [tuple(v + step * row[i] * (c == q) for c, v in enumerate(row)) for row in kept]
                if _is_one(speaking := [row for row in moved if row[q]], q):
                    return one_each([row for row in moved if row not in speaking], columns, quotients - {q})
    return kept, quotients


def _is_one(rows: Sequence[Row], q: int) -> bool:
    """Whether the rows are 0 ≤ e + p·q ≤ p - 1."""
    if len(rows) != 2:
        return False
    low, high = rows
    return all(a == -b for a, b in zip(low[:-1], high[:-1], strict=True)) and low[-1] + high[-1] == abs(low[q]) - 1
