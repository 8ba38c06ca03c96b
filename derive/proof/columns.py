"""Weights that are coordinates in a basis of numbers, Σ_t B[p, t]·V[q, t]: that its columns are independent, and one of them."""

from __future__ import annotations

from dataclasses import replace
from math import lcm

import numpy as np
from sympy import And, Eq, Expr, Sum, Symbol

from derive.forms.count import NotCountable
from derive.forms.expr import index, reads
from derive.forms.form import Form, Param, Role, equal_places
from derive.forms.products import product_of
from derive.proof.exact import PRIMES, rank, rank_modulo
from derive.proof.goal import Goal, Status
from derive.proof.solver import decide

__all__ = ["column_by_column", "independent_columns", "spans_alone"]


def independent_columns(value: Expr, params: tuple[Param, ...]) -> Symbol | None:
    """The letter t of Σ_t B[p, t]·V[q, t], p and q letters of their own, None for anything else.

    Raises NotCountable where the columns of B are not independent.
    """
    numbers = [p for p in params if p.values is not None]
    entries = product_of(value.function if isinstance(value, Sum) else value)
    if len(numbers) != 1 or len(params) != 2 or entries is None or len(entries) != 2:
        return None
    (basis,) = numbers
    (learned,) = (p for p in params if p is not basis)
    own, other = (entries[p.name].subscripts for p in (basis, learned))
    if not (own and other and own[-1] == other[-1] and isinstance(own[-1], Symbol)):
        return None
    plain = all(isinstance(s, Symbol) for s in own) and len(set(own)) == len(own)
    apart = not set(own[:-1]) & {s for e in other[:-1] for s in e.free_symbols}
    if not plain or not apart or own[-1] in {s for e in other[:-1] for s in e.free_symbols}:
        raise NotCountable(
            f"The numbers {basis.name} may be read at some of their places only, so weights may coincide."
        )
    extents = [int(e) for e in basis.array.shape]
    scale = lcm(*(int(v.q) for v in basis.values or ()))
    matrix = np.array([int(v * scale) for v in basis.values or ()], object).reshape(-1, extents[-1])
    if rank_modulo(matrix, PRIMES[0]) < extents[-1] and rank(matrix) < extents[-1]:
        raise NotCountable(f"The columns of {basis.name} are not independent.")
    return index(own[-1].name)


def column_by_column(form: Form, column: Symbol) -> Form:
    """The coordinates of the weights themselves, each column an output of its own: these show what the weights show.

    Raises NotCountable where an entry of the weights is not read for each place of the basis.
    """
    (basis,) = (p for p in form.weights if p.values is not None)
    (learned,) = (p for p in form.weights if p is not basis)
    entries = {r.array: r for r in reads(form.weight)}
    places = {*entries[basis.name].subscripts[:-1]}
    if not places <= {*form.output.symbols, *form.read} or places & form.domain.free_symbols:
        raise NotCountable(f"Terms share inputs, and not every place of {basis.name} is seen by itself.")
    axis = replace(learned.array.axes[-1], symbol=column, role=Role.CHANNEL)
    return replace(
        form,
        output=replace(form.output, axes=(*form.output.axes, axis)),
        reduction=tuple(a for a in form.reduction if a.symbol != column),
        weight=entries[learned.name],
        weights=(learned,),
    )


def spans_alone(form: Form) -> bool:
    """Whether the weights are coordinates in a basis that the form brings along, and terms share inputs along it alone."""
    column = independent_columns(form.weight, form.weights)
    if column is None:
        return False
    twin = {s: index(f"{s.name}_") for s in form.reduction_symbols}
    same = And(equal_places(form.read, (e.xreplace(twin) for e in form.read)), form.live, form.live.xreplace(twin))
    others = And(*(Eq(s, t) for s, t in twin.items() if s != column))
    return decide(Goal((form.given, same), others).smt) is Status.PROVED
