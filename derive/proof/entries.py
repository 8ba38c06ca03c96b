"""How many entries of parameter arrays are free: as polynomials by residues of the sizes, or in one expression with Min."""

from __future__ import annotations

from functools import lru_cache

from sympy import Expr, S, floor

from derive.forms.boxes import count_boxes
from derive.forms.count import NotCountable, count_where
from derive.forms.form import Param
from derive.forms.polyhedron import NotAffine, Polyhedron

__all__ = ["free_number"]


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
    for way in ways[:-1]:
        try:
            return way(domain, letters, given)
        except (NotAffine, NotCountable):
            continue
    return ways[-1](domain, letters, given)
