"""How many entries of parameter arrays are free: as polynomials by residues of the sizes, or in one expression with Min."""

from __future__ import annotations

from functools import lru_cache

from sympy import Expr, S, floor

from derive.forms.boxes import count_boxes
from derive.forms.count import NotCountable, count_where
from derive.forms.form import Param
from derive.forms.polyhedron import NotAffine, Polyhedron

__all__ = ["free_number"]

_SHORT = 24  # operations; of an expression with so few it is asked whether cases are shorter


def free_number(params: tuple[Param, ...], given: Polyhedron) -> Expr:
    """Of all arrays together, data apart. Raises NotAffine or NotCountable where there is no such expression."""
    return sum((_entries(p, given) for p in params if not p.data), start=S.Zero)


@lru_cache(maxsize=1024)
def _entries(param: Param, given: Polyhedron) -> Expr:
    """By residues of the sizes, or in one expression where there are sizes besides those that are rounded, such as a radius."""
    domain, letters = param.domain, param.array.symbols
    found = domain.atoms(floor)
    apart = {*domain.free_symbols, *given.symbols} - {*letters, *(s for e in found for s in e.free_symbols)}
    ways = (count_boxes, count_where) if found and apart else (count_where, count_boxes) if found else (count_where,)
    known: list[Expr] = []
    for way in ways:
        try:
            known.append(way(domain, letters, given))
        except (NotAffine, NotCountable):
            if way is ways[-1] and not known:
                raise
            continue
        if way is not count_boxes or known[0].count_ops() > _SHORT:
            break
    return min(known, key=lambda e: int(e.count_ops()))
