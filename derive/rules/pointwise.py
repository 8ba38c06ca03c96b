"""Pointwise: an output depends on the inputs at its own place alone.

    Σ_a Σ_c V[p(o, d), a, c]·X[o + a, c]   ⟶   Σ_c V[p(o, d), c]·X[o, c]        where c(o, k) = 0 unless k = o

along every grid axis: locality with radius 0. A restriction; with channels it is one small fully connected layer for every
place, a network in the network.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import And, Eq, Integer, Not, Symbol, expand

from derive.errors import RuleRefused
from derive.forms.conditions import simplified
from derive.forms.dense import Channels, dense_form
from derive.forms.expr import Read, Where
from derive.forms.form import Array, Form, Param
from derive.proof.step import ArrayMap, Clause, Kind, Step, SubStep
from derive.rules._maps import instance_at_reader, same_entries
from derive.rules._rule import Case, rule
from derive.rules.reindex import reindex

__all__ = ["pointwise"]


@rule(Kind.RESTRICTION)
def pointwise(form: Form) -> Step:
    """Drop every term that reads another place than the output's; the offsets drop out of the weights."""
    offsets = _offsets(form)
    (param,) = form.weights
    here = dict.fromkeys(offsets, Integer(0))
    weight = _param(param, form, offsets)
    entry = weight.array.entry()
    at_place = And(*(Eq(s, 0) for s in offsets))
    left = tuple(axis for axis in form.reduction if axis.symbol not in here)
    known = (form.output.holds(), form.given, *(axis.holds() for axis in left))
    after = replace(
        form,
        reduction=left,
        domain=simplified(form.terms.xreplace(here), *known),
        weight=_read(weight, form).xreplace(here),
        read=tuple(expand(e.xreplace(here)) for e in form.read),
        weights=(weight,),
    )
    letters = {s: s for s in (*form.output.symbols, *after.reduction_symbols)}
    kept = Where(at_place, entry, 0)
    biases = same_entries(form.biases)
    return Step(
        rule="",
        kind=Kind.RESTRICTION,
        statement=pointwise.statement,
        reason="Inputs at other places have coefficient 0, so of the sum over offsets one term is left.",
        before=form,
        after=after,
        embeddings=(ArrayMap(param.name, param.array.symbols, kept), *biases),
        sections=(ArrayMap(weight.name, weight.array.symbols, param.array.entry().xreplace(here)), *biases),
        to_before=letters | here,
        to_after=letters,
        clauses=_clauses(form),
        instances=(instance_at_reader(form, param),),
        argument=(SubStep("At another place a coefficient is 0", param.array.entry(), kept),),
    )


@pointwise.constraint
def clauses(form: Form) -> tuple[Clause, ...]:
    """The coefficients of other places are 0."""
    return _clauses(form)


def _offsets(form: Form) -> list[Symbol]:
    """The letters that say how far a read is from its place, one for each grid axis."""
    if len(form.weights) != 1 or not isinstance(form.weight, Read):
        raise RuleRefused("Rule 'pointwise' drops free weights; this form's weight is not one free entry.")
    own = form.weights[0].array.symbols
    found = []
    for p, q in zip(form.grid(form.output), form.grid(form.input), strict=True):
        offset = expand(form.read[q] - form.output.symbols[p])
        if not (isinstance(offset, Symbol) and offset in own and offset in form.reduction_symbols):
            raise RuleRefused("Rule 'pointwise' needs offsets o + a; name them with 'reindex' first.")
        found.append(offset)
    return found


def _read(weight: Param, form: Form) -> Read:
    (param,) = form.weights
    assert isinstance(form.weight, Read)
    places = dict(zip(param.array.symbols, form.weight.subscripts, strict=True))
    return weight.array.entry(places[s] for s in weight.array.symbols)


def _param(param: Param, form: Form, offsets: list[Symbol]) -> Param:
    here = dict.fromkeys(offsets, Integer(0))
    array = Array(param.name, tuple(axis for axis in param.array.axes if axis.symbol not in here))
    reader = tuple((s, expand(e.xreplace(here))) for s, e in param.reader if s not in here)
    free = simplified(param.domain.xreplace(here), array.holds(), form.given)
    return Param(array, free, reader)


def _clauses(form: Form) -> tuple[Clause, ...]:
    pairs = zip(form.grid(form.output), form.grid(form.input), strict=True)
    same = And(*(Eq(form.output.symbols[p], form.input.symbols[q]) for p, q in pairs))
    inside = And(form.output.holds(), form.input.holds(), Not(same))
    places = ", ".join(s.name for s in form.output.symbols), ", ".join(s.name for s in form.input.symbols)
    coefficient = form.coefficient(form.input.symbols)
    law = f"c({places[0]}; {places[1]}) = 0 at another place"
    return (Clause(law, (*form.output.symbols, *form.input.symbols), inside, coefficient, Integer(0)),)


_OFFSETS = reindex().apply(dense_form(rank=1, channels=Channels())).after
EXAMPLE = Case(_OFFSETS, pointwise())
COUNTEREXAMPLE = Case(_OFFSETS.with_weight("V[i, a, c, d]*V[i, a, c, d]"), pointwise(), residue="**2")
