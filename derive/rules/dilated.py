"""Dilation: a window with holes, whose taps are δ places apart.

    Σ_r V[p(o, a)]·X[o + a]   ⟶   Σ_r V[p(o, δ·a)]·X[o + δ·a]        where c(o, k) = 0 unless δ divides k - o

along every grid axis, for a dilation δ that is a number. A restriction: it keeps exactly the layers that look at every δ-th place,
and names their taps by a = (k - o)/δ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sympy import And, Eq, Expr, Integer, Mod, Not, Symbol, ceiling, expand, floor

from derive.errors import RuleRefused, StatedLate
from derive.forms.arguments import as_tuples, is_count, said
from derive.forms.conditions import simplified
from derive.forms.dense import dense_form
from derive.forms.expr import Where
from derive.forms.form import Array, Axis, Form, Param
from derive.groups.translations import Translations
from derive.proof.step import ArrayMap, Clause, Kind, Step, SubStep
from derive.rules._maps import instance_at_reader, same_entries, same_letters
from derive.rules._rule import Case, rule
from derive.rules._windows import simplified_terms
from derive.rules.equivariant import equivariant
from derive.rules.reindex import reindex

__all__ = ["dilated"]


@rule(Kind.RESTRICTION)
def dilated(form: Form, dilation: int | tuple[int, ...] = 2) -> Step:
    """Keep the taps at multiples of the dilation; a tuple gives each axis its own. State locality first: local("2*Delta")."""
    steps = _steps(form, dilation)
    (param,) = form.weights
    up: dict[Symbol, Expr] = {a: floor(a / step) for a, step in steps.items()}
    down: dict[Symbol, Expr] = {a: step * a for a, step in steps.items()}
    reduction = tuple(_spread(axis, steps) for axis in form.reduction)
    weight = _param(param, form, steps, down)
    after = replace(
        form,
        reduction=reduction,
        domain=simplified_terms(form.terms.xreplace(down), form.output, reduction, form.given),
        read=tuple(expand(e.xreplace(down)) for e in form.read),
        weights=(weight,),
    )
    entry = weight.array.entry(up.get(s, s) for s in param.array.symbols)
    kept = Where(And(*_multiples(steps)), entry, 0)
    section = param.array.entry(down.get(s, s) for s in param.array.symbols)
    same, biases = same_letters(form), same_entries(form.biases)
    return Step(
        rule="",
        kind=Kind.RESTRICTION,
        statement=dilated.statement,
        reason="Taps between the multiples of the dilation have coefficient 0; the others are counted anew.",
        before=form,
        after=after,
        embeddings=(ArrayMap(param.name, param.array.symbols, kept), *biases),
        sections=(ArrayMap(weight.name, weight.array.symbols, section), *biases),
        to_before=same | down,
        to_after=same | up,
        clauses=_clauses(form, dilation),
        instances=(instance_at_reader(form, param),),
        argument=(SubStep("Between the taps a coefficient is 0", param.array.entry(), kept),),
    )


@dilated.constraint
def clauses(form: Form, dilation: int | tuple[int, ...] = 2) -> tuple[Clause, ...]:
    """The coefficients of inputs at no multiple are 0."""
    return _clauses(form, dilation)


def _numbers(form: Form, dilation: int | tuple[int, ...]) -> tuple[int, ...]:
    grid = form.grid(form.output)
    dilation = as_tuples(dilation)
    steps = dilation if isinstance(dilation, tuple) else (dilation,) * len(grid)
    if len(steps) != len(grid) or not all(map(is_count, steps)):
        raise RuleRefused(
            f"A dilation is a whole number from 1, one for each of {len(grid)} axes; {said(dilation)} is not."
        )
    return steps


def _steps(form: Form, dilation: int | tuple[int, ...]) -> dict[Symbol, int]:
    """The dilation of each offset's letter."""
    if len(form.weights) != 1 or form.weight != form.weights[0].array.entry():
        raise StatedLate("Rule 'dilated' thins out free weights by their offsets; this form's weight isn't one.")
    offsets = [
        expand(form.read[q] - form.output.symbols[p])
        for p, q in zip(form.grid(form.output), form.grid(form.input), strict=True)
    ]
    if any(not isinstance(a, Symbol) or a not in form.weights[0].array.symbols for a in offsets):
        raise RuleRefused("Rule 'dilated' needs offsets o + a; name them with 'reindex' first.")
    return dict(zip(offsets, _numbers(form, dilation), strict=True))


def _multiples(steps: Mapping[Symbol, int]) -> list[object]:
    return [Eq(Mod(a, step), 0) for a, step in steps.items() if step > 1]


def _spread(axis: Axis, steps: Mapping[Symbol, int]) -> Axis:
    """The range of a tap's number: multiples of the dilation within the offset's range."""
    step = Integer(steps.get(axis.symbol, 1))
    if step == 1:
        return axis
    return replace(axis, lower=_exact(ceiling, axis.lower, step), upper=_exact(floor, axis.upper, step))


def _exact(rounding: type, bound: Expr, step: Expr) -> Expr:
    quotient = expand(bound / step)
    whole = all(value.is_Integer for value in quotient.as_coefficients_dict().values())
    if whole:
        return quotient
    if rounding is ceiling and all(v.is_negative for v in quotient.as_coefficients_dict().values()):
        return -floor(-quotient)
    rounded: Expr = rounding(quotient)
    return rounded


def _param(param: Param, form: Form, steps: Mapping[Symbol, int], down: Mapping[Symbol, Expr]) -> Param:
    array = Array(param.name, tuple(_spread(axis, steps) for axis in param.array.axes))
    old = {s: e.xreplace(down) for s, e in param.reader}
    reader = tuple((s, floor(e / steps[s]) if s in steps else e) for s, e in old.items())
    free = simplified(param.domain.xreplace(down), array.holds(), form.given)
    return Param(array, free, tuple((s, s if s in steps and old[s] == down[s] else e) for s, e in reader))


def _clauses(form: Form, dilation: int | tuple[int, ...]) -> tuple[Clause, ...]:
    steps = _numbers(form, dilation)
    pairs = zip(form.grid(form.output), form.grid(form.input), steps, strict=True)
    kept = And(*(Eq(Mod(form.input.symbols[q] - form.output.symbols[p], s), 0) for p, q, s in pairs if s > 1))
    inside = And(form.output.holds(), form.input.holds(), Not(kept))
    places = ", ".join(s.name for s in form.output.symbols), ", ".join(s.name for s in form.input.symbols)
    coefficient = form.coefficient(form.input.symbols)
    law = f"c({places[0]}; {places[1]}) = 0 between multiples of {dilation}"
    return (Clause(law, (*form.output.symbols, *form.input.symbols), inside, coefficient, Integer(0)),)


_TIED = equivariant(Translations()).apply(reindex().apply(dense_form(rank=1)).after).after
EXAMPLE = Case(_TIED, dilated(2))
COUNTEREXAMPLE = Case(_TIED, dilated(0), residue="a whole number from 1")
