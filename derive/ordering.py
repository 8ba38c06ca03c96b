"""The order of terms in a printed sum: places before offsets before sizes, as in `i + a` and `n - 1`."""

from __future__ import annotations

from typing import Any

from sympy import Add

from derive.remembered import text

__all__ = ["OrderedTerms"]

_RANKS = "zijhklqabegfcd"


def _key(term: Any) -> tuple[Any, ...]:
    names = sorted(s.name for s in term.free_symbols)
    rank = min((_RANKS.find(name[0]) if name[0] in _RANKS else len(_RANKS) for name in names), default=99)
    return (rank, names, text(term))


class OrderedTerms:
    """Mixed into a SymPy printer. Positive terms come first, a leading number only where nothing else is positive."""

    def _as_ordered_terms(self, expr: Any, order: Any = None) -> list[Any]:
        terms = sorted(Add.make_args(expr), key=_key)
        numbers = [t for t in terms if not t.free_symbols]
        signed = [t for t in terms if t.free_symbols]
        first = [t for t in signed if not t.could_extract_minus_sign()]
        rest = [t for t in signed if t.could_extract_minus_sign()]
        if first:
            return first + numbers + rest
        return numbers + rest if numbers and numbers[0] > 0 else rest + numbers
