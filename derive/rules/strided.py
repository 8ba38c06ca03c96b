"""Strides: the same layer at every s-th place.

    H[o] = u[β(o)] + Σ_r w(o, r)·X[ι(o, r)]   ⟶   H'[o'] = u[β(s·o')] + Σ_r w(s·o', r)·X[ι(s·o', r)]        where H'[o'] = H[s·o']

along every grid axis, for a stride s that is a number. A transformation: the terms of the places that are kept. The output has
⌈n/s⌉ places.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import And, Eq, Expr, Mod, Symbol, ceiling, floor

from derive.errors import RuleRefused
from derive.forms.arguments import as_tuples, is_count, said
from derive.forms.dense import dense_form
from derive.forms.form import Form
from derive.proof.step import Kind, Step, SubStep, View
from derive.rules._rule import Case, rule
from derive.rules._selected import selected
from derive.rules.reindex import reindex

__all__ = ["strided"]


@rule(Kind.TRANSFORMATION)
def strided(form: Form, stride: int | tuple[int, ...] = 2) -> Step:
    """Keep the places that are multiples of the stride; a tuple gives each axis its own."""
    grid = form.grid(form.output)
    stride = as_tuples(stride)
    steps = stride if isinstance(stride, tuple) else (stride,) * len(grid)
    if len(steps) != len(grid) or not all(map(is_count, steps)):
        raise RuleRefused(
            f"A stride is a whole number from 1, one for each of {len(grid)} axes; {said(stride)} is not."
        )
    axes = list(form.output.axes)
    places: dict[Symbol, Expr] = {}
    back: dict[Symbol, Expr] = {}
    first: dict[Symbol, Expr] = {}
    for position, step in zip(grid, steps, strict=True):
        axis = form.output.axes[position]
        axes[position] = replace(axis, upper=floor(axis.upper / step))
        places[axis.symbol] = step * axis.symbol
        back[axis.symbol] = floor(axis.symbol / step)
        first[axis.symbol] = ceiling(axis.symbol / step)
    kept = And(*(Eq(Mod(axis, step), 0) for axis, step in zip(places, steps, strict=True) if step > 1))
    after = selected(form, places, first, tuple(axes), form.given)
    return Step(
        rule="",
        kind=Kind.TRANSFORMATION,
        statement=strided.statement,
        reason=f"Of the places, one in {' × '.join(map(str, steps))} is kept; nothing else changes.",
        before=form,
        after=after,
        embeddings=(),
        sections=(),
        to_before={s: s for s in (*form.output.symbols, *form.reduction_symbols)} | places,
        to_after={s: s for s in (*form.output.symbols, *form.reduction_symbols)} | back,
        argument=tuple(SubStep("Read the layer at the place", s, e) for s, e in places.items()),
        view=View.SELECTED,
        selected=kept,
    )


EXAMPLE = Case(reindex().apply(dense_form(rank=1)).after, strided(2))
COUNTEREXAMPLE = Case(reindex().apply(dense_form(rank=1)).after, strided(0), residue="a whole number from 1")
