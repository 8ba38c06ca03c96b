"""Locality: an output depends only on inputs near its place.

    Σ_r V[p(o, r)]·X[ι(o, r)]   ⟶   Σ_{r : ι(o, r) - o ∈ S} V[p(o, r)]·X[ι(o, r)]        where c(o, k) = 0 unless k - o ∈ S

for a support S: |k - o| ≤ Δ along every grid axis, or any other. A restriction: it keeps exactly the layers that look nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sympy import And, Expr, Integer, Le, Not, expand

from derive.errors import RuleRefused
from derive.forms.conditions import simplified
from derive.forms.dense import dense_form
from derive.forms.expr import Read, Where
from derive.forms.form import Array, Axis, Form, Param
from derive.forms.support import Radius, Support, support
from derive.groups.translations import Translations
from derive.proof.step import ArrayMap, Clause, Kind, Step, SubStep
from derive.rules._maps import instance_at_reader, same_entries, same_letters
from derive.rules._rule import Case, rule
from derive.rules.equivariant import equivariant
from derive.rules.reindex import reindex

__all__ = ["local"]


@rule(Kind.RESTRICTION)
def local(form: Form, radius: Radius | Support = "Delta") -> Step:
    """Drop every term that reads an input outside the support: within `radius` along every axis, or any `Support`."""
    near = support(radius)
    grid = {s for axis in (*form.output.axes, *form.input.axes) for s in axis.upper.free_symbols}
    if shared := sorted(s.name for s in near.given.free_symbols & grid):
        raise RuleRefused(f"Rule 'local' needs a radius of its own; {shared[0]} is a size of the grid.")
    if len(form.weights) != 1 or not isinstance(form.weight, Read):
        raise RuleRefused("Rule 'local' drops free weights; this form's weight is not one free entry.")
    (param,) = form.weights
    distance = _distances(form)
    at_entry = tuple(expand(d.xreplace(dict(param.reader))) for d in distance)
    given = And(form.given, near.given)
    entry = param.array.entry()
    kept = Where(_near(near, at_entry), entry, 0)
    return Step(
        rule="",
        kind=Kind.RESTRICTION,
        statement=local.statement,
        reason=f"Inputs outside {_named(radius)} have coefficient 0, so their terms fall out of the sum.",
        before=form,
        after=_restricted(form, near, distance, _param(param, near, at_entry, given), given),
        embeddings=(ArrayMap(param.name, param.array.symbols, kept), *same_entries(form.biases)),
        sections=(ArrayMap(param.name, param.array.symbols, entry), *same_entries(form.biases)),
        to_before=same_letters(form),
        to_after=same_letters(form),
        clauses=_clauses(form, near, radius),
        instances=(instance_at_reader(form, param),),
        argument=(SubStep("Outside the support a coefficient is 0", entry, kept),),
    )


@local.constraint
def clauses(form: Form, radius: Radius | Support = "Delta") -> tuple[Clause, ...]:
    """The coefficients of far inputs are 0."""
    return _clauses(form, support(radius), radius)


def _named(radius: Radius | Support) -> str:
    return f"radius {radius}" if isinstance(radius, (str, int)) else str(radius)


def _clauses(form: Form, near: Support, radius: Radius | Support) -> tuple[Clause, ...]:
    pairs = zip(form.grid(form.output), form.grid(form.input), strict=True)
    distance = tuple(form.input.symbols[q] - form.output.symbols[p] for p, q in pairs)
    inside = And(form.output.holds(), form.input.holds(), Not(_near(near, distance)), near.given)
    places = ", ".join(s.name for s in form.output.symbols), ", ".join(s.name for s in form.input.symbols)
    law = f"c({places[0]}; {places[1]}) = 0 outside {_named(radius)}"
    coefficient = form.coefficient(form.input.symbols)
    return (Clause(law, (*form.output.symbols, *form.input.symbols), inside, coefficient, Integer(0)),)


def _near(near: Support, distance: Sequence[Expr]) -> Any:
    ranges = zip(distance, near.ranges(len(distance)), strict=True)
    return And(*(And(Le(low, d), Le(d, high)) for d, (low, high) in ranges), near.condition(distance))


def _distances(form: Form) -> tuple[Expr, ...]:
    """Along each grid axis, how far the read is from the output's place."""
    pairs = zip(form.grid(form.output), form.grid(form.input), strict=True)
    return tuple(expand(form.read[q] - form.output.symbols[p]) for p, q in pairs)


def _axes(axes: Iterable[Axis], near: Support, distance: Sequence[Expr]) -> tuple[Axis, ...]:
    """An axis that is a distance itself gets the support's range."""
    ranges = dict(zip(distance, near.ranges(len(distance)), strict=True))
    return tuple(
        replace(axis, lower=ranges[axis.symbol][0], upper=ranges[axis.symbol][1]) if axis.symbol in ranges else axis
        for axis in axes
    )


def _param(param: Param, near: Support, distance: Sequence[Expr], given: Any) -> Param:
    array = Array(param.name, _axes(param.array.axes, near, distance))
    entries = And(param.domain, _near(near, distance))
    return Param(array, simplified(entries, array.holds(), given), param.reader)


def _restricted(form: Form, near: Support, distance: Sequence[Expr], weight: Param, given: Any) -> Form:
    reduction = _axes(form.reduction, near, distance)
    terms = And(form.terms, _near(near, distance))
    domain = simplified(terms, form.output.holds(), given, *(axis.holds() for axis in reduction))
    return replace(form, given=given, reduction=reduction, weights=(weight,), domain=domain)


_OFFSETS = reindex().apply(dense_form(rank=1)).after
_TIED = equivariant(Translations()).apply(_OFFSETS).after
EXAMPLE = Case(_TIED, local("Delta"))
COUNTEREXAMPLE = Case(_TIED.with_weight("V[a]*V[a]"), local("Delta"), residue="V[1]**2")
