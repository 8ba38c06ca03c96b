"""Locality: an output depends only on inputs near its place.

    Σ_r V[p(o, r)]·X[ι(o, r)]   ⟶   Σ_{r : |ι(o, r) - o| ≤ Δ} V[p(o, r)]·X[ι(o, r)]        where c(o, k) = 0 unless |k - o| ≤ Δ

along every grid axis. A restriction: it keeps exactly the layers that do not look further than Δ.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import And, Expr, Ge, Integer, Le, Not, Symbol, expand, sympify

from derive.errors import RuleRefused
from derive.forms.dense import dense_form
from derive.forms.expr import Read, Where, index
from derive.forms.form import Array, Axis, Form, Param
from derive.forms.polyhedron import Polyhedron
from derive.groups.translations import Translations
from derive.proof.step import ArrayMap, Clause, Instance, Kind, Step, SubStep
from derive.rules._rule import Case, rule
from derive.rules.equivariant import equivariant
from derive.rules.reindex import reindex

__all__ = ["local"]

Radius = str | int


@rule(Kind.RESTRICTION)
def local(form: Form, radius: Radius = "Delta") -> Step:
    """Drop every term that reads an input further than `radius` from the output's place, along any grid axis."""
    reach = _reach(radius)
    if len(form.weights) != 1 or not isinstance(form.weight, Read):
        raise RuleRefused("Rule 'local' drops free weights; this form's weight is not one free entry.")
    (param,) = form.weights
    distance = _distances(form)
    at_entry = {s: expand(d.xreplace(dict(param.reader))) for s, d in distance.items()}
    near = And(*(_near(d, reach) for d in at_entry.values()))
    given = And(form.given, Ge(reach, 0))
    after_param = _param(param, at_entry, reach, given)
    reduction = tuple(_axis(axis, tuple(distance.values()), reach) for axis in form.reduction)
    after = replace(form, given=given, reduction=reduction, weights=(after_param,), domain=_domain(form, reduction, distance, reach))
    same = {s: s for s in (*form.output.symbols, *form.reduction_symbols)}
    entry = param.array.entry()
    term = dict(param.reader)
    values = {s: term[s] for s in form.output.symbols}
    values |= dict(zip(form.input.symbols, (e.xreplace(term) for e in form.read), strict=True))
    return Step(
        rule="",
        kind=Kind.RESTRICTION,
        statement=local.statement,
        reason=f"Inputs further than {reach} away have coefficient 0, so their terms fall out of the sum.",
        before=form,
        after=after,
        embeddings=(ArrayMap(param.name, param.array.symbols, Where(near, entry, 0)), *_same(form.biases)),
        sections=(ArrayMap(param.name, param.array.symbols, entry), *_same(form.biases)),
        to_before=same,
        to_after=same,
        clauses=_clauses(form, reach),
        instances=(Instance(param.name, 0, tuple(values.items())),),
        argument=(SubStep("Beyond the radius a coefficient is 0", entry, Where(near, entry, 0)),),
    )


@local.constraint
def clauses(form: Form, radius: Radius = "Delta") -> tuple[Clause, ...]:
    """The coefficients of far inputs are 0."""
    return _clauses(form, _reach(radius))


def _clauses(form: Form, reach: Expr) -> tuple[Clause, ...]:
    pairs = zip(form.grid(form.output), form.grid(form.input), strict=True)
    near = And(*(_near(form.input.symbols[q] - form.output.symbols[p], reach) for p, q in pairs))
    inside = And(form.output.holds(), form.input.holds(), Not(near), Ge(reach, 0))
    places = ", ".join(s.name for s in form.output.symbols), ", ".join(s.name for s in form.input.symbols)
    law = f"c({places[0]}; {places[1]}) = 0 beyond radius {reach}"
    coefficient = form.coefficient(form.input.symbols)
    return (Clause(law, (*form.output.symbols, *form.input.symbols), inside, coefficient, Integer(0)),)


def _reach(radius: Radius) -> Expr:
    value = index(radius) if isinstance(radius, str) else sympify(radius)
    if value.is_Integer and value < 0:
        raise RuleRefused(f"A radius is at least 0; {radius} is not.")
    return value


def _near(distance: Expr, reach: Expr) -> Expr:
    return And(Le(-reach, distance), Le(distance, reach))


def _distances(form: Form) -> dict[Symbol, Expr]:
    """Along each grid axis, how far the read is from the output's place."""
    pairs = list(zip(form.grid(form.output), form.grid(form.input), strict=True))
    return {form.output.symbols[p]: expand(form.read[q] - form.output.symbols[p]) for p, q in pairs}


def _axis(axis: Axis, distances: tuple[Expr, ...], reach: Expr) -> Axis:
    """An axis that is a distance itself gets the radius as its range."""
    return replace(axis, lower=-reach, upper=reach) if axis.symbol in distances else axis


def _param(param: Param, distance: dict[Symbol, Expr], reach: Expr, given: Expr) -> Param:
    axes = tuple(_axis(axis, tuple(distance.values()), reach) for axis in param.array.axes)
    array = Array(param.name, axes)
    near = And(*(_near(d, reach) for d in distance.values()))
    entries = Polyhedron.of(And(param.domain, near))
    return Param(array, entries.simplify(Polyhedron.of(And(array.holds(), given))).conditions, param.reader)


def _domain(form: Form, reduction: tuple[Axis, ...], distance: dict[Symbol, Expr], reach: Expr) -> Expr:
    terms = Polyhedron.of(And(form.terms, *(_near(d, reach) for d in distance.values())))
    known = And(form.output.holds(), form.given, *(axis.holds() for axis in reduction))
    return terms.simplify(Polyhedron.of(known)).conditions


def _same(params: tuple[Param, ...]) -> tuple[ArrayMap, ...]:
    return tuple(ArrayMap(p.name, p.array.symbols, p.array.entry()) for p in params)


_OFFSETS = reindex().apply(dense_form(rank=1)).after
_TIED = equivariant(Translations()).apply(_OFFSETS).after
EXAMPLE = Case(_TIED, local("Delta"))
COUNTEREXAMPLE = Case(_TIED.with_weight("V[a]*V[a]"), local("Delta"), residue="V[1]**2")
