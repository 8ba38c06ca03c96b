"""How one writes formulas, in any notation: sums as `i + a` and `n - 1`, alternatives as members of a set."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sympy import Add, And, Eq, Integer, Or, Symbol

from derive.remembered import letters_of, text

__all__ = ["OrderedTerms", "members"]

_RANKS = "zijhklqabegfcd"


@lru_cache(maxsize=1 << 14)
def _key(term: Any) -> tuple[Any, ...]:
    names = sorted(s.name for s in letters_of(term))
    rank = min((_RANKS.find(name[0]) if name[0] in _RANKS else len(_RANKS) for name in names), default=99)
    return (rank, names, text(term))


def members(either: Or) -> tuple[dict[tuple[str, ...], list[tuple[int, ...]]], list[Any]]:
    """Alternatives that fix the same letters, as these letters with their values in order, and those left over.

    >>> from sympy import symbols
    >>> a, b, n = symbols("a b n")
    >>> members(Or(And(Eq(a, 1), Eq(b, 2)), And(Eq(a, 2), Eq(b, 1)), a < n))
    ({('a', 'b'): [(1, 2), (2, 1)]}, [a < n])
    """
    found: dict[tuple[str, ...], dict[tuple[int, ...], Any]] = {}
    for part in either.args:
        fixed = sorted((e.lhs.name, int(e.rhs)) for e in And.make_args(part) if _fixes(e))
        if len(fixed) == len(And.make_args(part)):
            found.setdefault(tuple(k for k, _ in fixed), {})[tuple(v for _, v in fixed)] = part
    several = {letters: places for letters, places in sorted(found.items()) if len(places) > 1}
    taken = {part for places in several.values() for part in places.values()}
    return {k: sorted(v) for k, v in several.items()}, [part for part in either.args if part not in taken]


def _fixes(condition: Any) -> bool:
    """Whether a condition says which number one letter is."""
    return isinstance(condition, Eq) and isinstance(condition.lhs, Symbol) and isinstance(condition.rhs, Integer)


class OrderedTerms:
    """Mixed into a SymPy printer. Positive terms come first, a leading number only where nothing else is positive."""

    def _as_ordered_terms(self, expr: Any, order: Any = None) -> list[Any]:
        terms = sorted(Add.make_args(expr), key=_key)
        numbers = [t for t in terms if t.is_Rational]
        signed = [t for t in terms if not t.is_Rational]
        first = [t for t in signed if not t.could_extract_minus_sign()]
        rest = [t for t in signed if t.could_extract_minus_sign()]
        if first:
            return first + numbers + rest
        return numbers + rest if numbers and numbers[0] > 0 else rest + numbers
