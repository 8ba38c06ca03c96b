"""Composition: two layers, one after the other, as one.

    H[o] = u + Σ_r V[p(o, r)]·F[ι(o, r)],  F[q] = Σ_s T[t(q, s)]·X[κ(q, s)]   ⟶   H[o] = u + Σ_r Σ_s V·T·X[κ(ι(o, r), s)]

A transformation: a term of the one layer is a term of the outer and a term of the inner layer, at the place that the outer one
reads. The inner layer has no bias ('unbiased'); its weights and letters get names of their own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sympy import And, Expr, Symbol, expand

from derive.errors import ObligationFailed, RuleRefused
from derive.forms.arguments import said
from derive.forms.conditions import simplified
from derive.forms.dense import dense_form
from derive.forms.form import Edge, Form, Param
from derive.groups.translations import Translations
from derive.proof.composition import composed
from derive.proof.goal import Goal, Status
from derive.proof.solver import decide
from derive.proof.step import Kind, Step, SubStep, View
from derive.rules._maps import same_letters
from derive.rules._readers import with_reader
from derive.rules._renamed import renamed
from derive.rules._rule import Case, rule
from derive.rules.boundary import boundary
from derive.rules.equivariant import equivariant
from derive.rules.local import local
from derive.rules.reindex import reindex
from derive.rules.unbiased import unbiased

__all__ = ["compose"]


@rule(Kind.TRANSFORMATION, after_tables=True)
def compose(form: Form, inner: Any, weights: str | None = None) -> Step:
    """Take the output of `inner`, a derivation or a form, as the input.

    `weights` renames the inner layer's weights: T, or Q where a table is called T.
    """
    source = getattr(inner, "form", inner)
    if not isinstance(source, Form):
        raise RuleRefused(f"Rule 'compose' takes an inner layer, a derivation or a form; {said(inner)} is neither.")
    tables = {t.name for t in form.tables + source.tables}
    first = renamed(source, form, weights or ("Q" if "T" in tables else "T"))
    after = _after(form, first)
    same = same_letters(form)
    return Step(
        rule="",
        kind=Kind.TRANSFORMATION,
        statement=compose.statement,
        reason="What the outer layer reads is a sum itself, so a term is a pair of terms.",
        before=form,
        after=after,
        embeddings=(),
        sections=(),
        to_before=same,
        to_after=same,
        argument=(SubStep("In the place of", form.input.entry(form.read), after.weight),),
        view=View.COMPOSED,
        inner=first,
    )


def _after(form: Form, first: Form) -> Form:
    """One layer whose terms are the pairs of terms. Raises RuleRefused where the two don't fit."""
    if form.vanishes or first.vanishes:
        which = "outer" if form.vanishes else "inner"
        raise RuleRefused(f"Rule 'compose' takes two layers with weights; no weight of the {which} one is left.")
    if first.bias != 0:
        raise RuleRefused("Rule 'compose' takes an inner layer without bias; drop it with 'unbiased'.")
    try:
        outer = composed(form, first)
    except ObligationFailed as cause:
        raise RuleRefused(str(cause)) from cause
    at = dict(zip(first.output.symbols, outer.read, strict=True))
    reduction = (*outer.reduction, *first.reduction)
    given = And(outer.given, first.given)
    live = And(outer.live, first.terms.xreplace(at))
    reads = tuple(expand(e.xreplace(at)) for e in first.read)
    known = (outer.output.holds(), given, *(axis.holds() for axis in reduction))
    inside = (first.input.holds(reads),) if first.edge is Edge.ZERO else ()
    after = Form(
        output=outer.output,
        input=first.input,
        reduction=reduction,
        domain=_needed(simplified(live, *known, *inside), And(*known, *inside)),
        weight=outer.weight * first.weight.xreplace(at),
        read=reads,
        bias=outer.bias,
        weights=(),
        biases=outer.biases,
        given=given,
        edge=first.edge,
        shared=True,
        tables=outer.tables + first.tables,
    )
    after = replace(after, weights=_readers(outer, first))
    return replace(after, weights=tuple(with_reader(after, param) for param in after.weights))


def _needed(condition: Any, known: Any) -> Any:
    """Without the parts that hold anyway, such as that a remainder is smaller than its divisor."""
    parts = sorted(And.make_args(condition), key=str)
    return And(*(part for part in parts if decide(Goal((known,), part).smt) is not Status.PROVED))


def _readers(outer: Form, inner: Form) -> tuple[Param, ...]:
    """Every entry is read by a pair of terms: tried first is the other layer's term whose letters are 0."""
    found = []
    rest = {s: 0 * s for s in (*outer.output.symbols, *outer.reduction_symbols, *inner.reduction_symbols)}
    for param in (*outer.weights, *inner.weights):
        mine = dict(param.reader)
        if param in inner.weights and inner.tables:
            mine |= _reaching(outer, tuple(mine[s] for s in inner.output.symbols))
        reader = tuple((s, mine.get(s, rest[s])) for s in rest)
        found.append(replace(param, reader=() if param.data else reader))
    return tuple(found)


def _reaching(outer: Form, place: tuple[Expr, ...]) -> dict[Symbol, Expr]:
    """The term of the outer layer's first output that reads a place."""
    first: dict[Symbol, Expr] = {a.symbol: a.lower for a in outer.output.axes}
    return first | {s: e.xreplace(first) for s, e in outer.solve_read(place).items()}


_TIED = unbiased().apply(equivariant(Translations()).apply(reindex().apply(dense_form(rank=1)).after).after).after
_VALID = boundary("valid").apply(local("Delta").apply(_TIED).after).after
EXAMPLE = Case(_VALID, compose(_VALID))
COUNTEREXAMPLE = Case(_VALID, compose(dense_form(rank=1)), residue="without bias")
