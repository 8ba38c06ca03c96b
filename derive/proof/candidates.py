"""Which maps between the terms of two coefficients may show that they are equal: proposals, of which nothing is claimed.

    Σ_{r : ι(o, r) = k} w(o, r)  and  Σ_{r : ι(o', r) = k'} w(o', r)

A letter that is read as it is follows the place: r = k', or r = k on the way back. The others are what the reads before an edge
name, ι(o', r') = k' with k for ι(o, r), or keep their values, mirrored in their ranges or exchanged where the ranges are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import permutations, product
from typing import Any

from sympy import Expr, Matrix, Symbol, expand

from derive.errors import RuleRefused
from derive.forms.expr import Where, index
from derive.forms.extension import places_beyond
from derive.forms.form import Axis, Form
from derive.remembered import replaced, text

__all__ = ["Map", "candidates"]

Map = Mapping[Symbol, Expr]
_MOST_LETTERS = 4


def candidates(form: Form, moved: Sequence[Expr], still: Sequence[Expr]) -> Iterator[tuple[Map, Map]]:
    """Maps from the terms of the pair of places `still` to those of `moved`, each with the one that undoes it."""
    rank = len(form.output.axes)
    followed = [{s: at[q] for s, q in _followed(form).items()} for at in (moved[rank:], still[rank:])]
    rest = [axis for axis in form.reduction if axis.symbol not in followed[0]]
    seen: list[Map] = []
    for own in _maps(form, rest, moved):
        if own in seen:
            continue
        seen.append(own)
        back = _inverse(own, tuple(axis.symbol for axis in rest), followed[1])
        if back is not None:
            yield {**own, **followed[0]}, {**back, **followed[1]}


def _followed(form: Form) -> dict[Symbol, int]:
    """The summed letters that are read as they are, each with the place in the input that it stands for."""
    summed = set(form.reduction_symbols)
    return {e: q for q, e in reversed(list(enumerate(form.read))) if e in summed}


def _maps(form: Form, rest: Sequence[Axis], moved: Sequence[Expr]) -> Iterator[dict[Symbol, Expr]]:
    named = _named(form, rest, moved)
    if named is not None:
        yield named
    letters = [axis.symbol for axis in rest]
    orders = permutations(rest) if len(rest) <= _MOST_LETTERS else iter([tuple(rest)])
    for order in orders:
        if all((a.lower, a.upper, a.role) == (b.lower, b.upper, b.role) for a, b in zip(order, rest, strict=True)):
            for mirrored in _signs(len(rest)):
                values = (a.lower + a.upper - a.symbol if m else a.symbol for a, m in zip(order, mirrored, strict=True))
                yield dict(zip(letters, map(expand, values), strict=True))


def _signs(count: int) -> Iterator[tuple[bool, ...]]:
    """Which letters are mirrored: any, or all or none where they are many."""
    return product((False, True), repeat=count) if count <= _MOST_LETTERS else iter([(False,) * count, (True,) * count])


def _named(form: Form, rest: Sequence[Axis], moved: Sequence[Expr]) -> dict[Symbol, Expr] | None:
    """The letters for which the moved output reads the moved place, before either is brought inside; None if not all are named."""
    rank = len(form.output.axes)
    beyond = places_beyond(form.input, form.read)
    plain = replace(form, read=form.read if beyond is None else beyond[1], shared=False)
    old = {s: index(f"{s.name}'") for s in (*form.output.symbols, *form.reduction_symbols)}
    read = dict(zip(form.input.symbols, (replaced(e, old) for e in plain.read), strict=True))
    wanted = [_unwrapped(e).xreplace(old).xreplace(read) for e in moved[rank:]]
    try:
        term = plain.solve_read(wanted)
    except RuleRefused:
        return None
    there = dict(zip(form.output.symbols, map(_unwrapped, moved[:rank]), strict=True))
    there |= {stroke: s for s, stroke in old.items()}
    return {axis.symbol: expand(replaced(term[axis.symbol], there)) for axis in rest if axis.symbol in term} or None


def _unwrapped(place: Expr) -> Expr:
    """A place that wraps around, where it doesn't."""
    while cases := sorted(place.atoms(Where), key=text):
        place = place.xreplace({cases[-1]: cases[-1].args[2]})
    return place


def _inverse(own: Map, letters: tuple[Symbol, ...], followed: Map) -> dict[Symbol, Expr] | None:
    """The map that undoes an affine one; None for one that integers don't undo."""
    if set(own) != set(letters):
        return None
    rows = [[own[s].coeff(t) for t in letters] for s in letters]
    if not letters:
        return {}
    matrix = Matrix(rows)
    if not all(e.is_Integer for e in matrix) or matrix.det() not in (1, -1):
        return None
    rest: list[Any] = [
        expand(own[s] - sum(c * t for c, t in zip(row, letters, strict=True)))
        for s, row in zip(letters, rows, strict=True)
    ]
    if any(e.free_symbols & set(letters) for e in rest):
        return None
    values = matrix.inv() * Matrix([s - e for s, e in zip(letters, rest, strict=True)])
    return {s: expand(replaced(v, dict(followed))) for s, v in zip(letters, values, strict=True)}
