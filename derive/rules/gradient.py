"""Gradients: of a loss by the weights or by the biases, where G is its gradient by the output.

    H[o] = u[β(o)] + Σ_r V[ω(o, r)]·X[ι(o, r)]   ⟶   dV[p] = Σ_{(o, r) : ω(o, r) = p} G[o]·X[ι(o, r)]

where ⟨G, H⟩ = ⟨dV, V⟩ + ⟨du, u⟩, and du[q] = Σ_{o : β(o) = q} G[o]. A transformation: the sum ⟨G, H⟩ is linear in each of its
arrays, and the factor of V[p] in it collects the terms that read V[p]. The gradient by X is the adjoint, of G.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import Expr, Mul, S, Sum, true

from derive.errors import RuleRefused
from derive.forms.arguments import said
from derive.forms.dense import dense_form
from derive.forms.expr import index
from derive.forms.form import Array, Edge, Form, Param
from derive.forms.products import sums, weighted
from derive.groups.translations import Translations
from derive.proof.step import Kind, Step, SubStep, View
from derive.rules._rule import Case, rule
from derive.rules._views import domain_of, seen_from, terms_by
from derive.rules.adjoint import adjoint
from derive.rules.equivariant import equivariant
from derive.rules.reindex import reindex

__all__ = ["gradient"]


@rule(Kind.TRANSFORMATION, after_tables=True)
def gradient(form: Form, by: str = "weight") -> Step:
    """The gradient by the one array of weights, with "bias" by the one array of biases, or by the array of a name, such as "X"."""
    learned = tuple(p for p in form.params if not p.data)
    chosen = [p for p in learned if by in (p.name, "weight" if p in form.weights else "bias")]
    chosen = chosen or [p for p in form.weights if p.name == by and p.values is None]
    if not chosen and by == form.input.name:
        return _by_input(form)
    if len(chosen) != 1:
        raise RuleRefused(_no_such(form, by, len(chosen)))
    if form.input.name == "G":
        raise RuleRefused(
            "Rule 'gradient' calls the gradient by the result G, and this layer's input is called so; 'adjoint' calls it otherwise."
        )
    return _by_weight(form, chosen[0]) if chosen[0] in form.weights else _by_bias(form, chosen[0])


def _no_such(form: Form, by: str, count: int) -> str:
    """Why there is no one array of that name, and which arrays there are."""
    names = [*(p.name for p in form.params), form.input.name]
    those = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    if count:
        return f"Rule 'gradient' is by one array, and {said(by)} means {count}; the layer has {those}."
    return f"Rule 'gradient' is by an array of the layer; it has {those}, and no {said(by)}."


def _by_input(form: Form) -> Step:
    """The adjoint, with the letters of a gradient."""
    step = adjoint().apply(form)
    output = replace(step.after.output, name=f"d{form.input.name}")
    after = replace(step.after, output=output, input=replace(step.after.input, name="G"))
    reason = "The same terms, collected by the input's place."
    return replace(step, after=after, statement=gradient.statement, reason=reason)


def _by_weight(form: Form, param: Param) -> Step:
    product = weighted(form.weight, (t.name for t in form.tables))
    factors = {} if product is None else {f.array: f for f in product.factors}
    if product is None or param.name not in factors or len(factors) < len(product.factors):
        raise RuleRefused(
            f"Rule 'gradient' needs '{param.name}' to be read once a term; the weight is '{form.weight}'."
        )
    source = factors[param.name]
    output = Array(f"d{param.name}", param.array.axes)
    given = _given(form, output)
    terms = terms_by(form, output, source.subscripts)
    down = dict(terms.down)
    places = tuple(s.xreplace(down) for s in form.output.symbols)
    reads = tuple(e.xreplace(down) for e in form.read)
    others = tuple(p for p in form.weights if p is not param)
    weight = product.times.xreplace(down) * form.input.entry(reads)
    for other in others:
        weight = factors[other.name].xreplace(down) * weight
    after = Form(
        output=output,
        input=given,
        reduction=terms.reduction,
        domain=domain_of(form, terms, given, places, Edge.INSIDE),
        weight=weight,
        read=places,
        bias=S.Zero,
        weights=(*(seen_from(p, terms) for p in others), Param(form.input, true, (), data=True)),
        biases=(),
        given=form.given,
        shared=True,
        tables=form.tables,
    )
    return _step(form, after, terms.down, terms.up, View.WEIGHT)


def _given(form: Form, output: Array) -> Array:
    """G, on the layer's output; a letter that the gradient's own places use gets a stroke."""
    axes = (replace(a, symbol=index(f"{a.symbol}_")) if a.symbol in output.symbols else a for a in form.output.axes)
    return Array("G", tuple(axes))


def _by_bias(form: Form, param: Param) -> Step:
    inner = form.bias.function if isinstance(form.bias, Sum) else form.bias
    product = weighted(inner, (t.name for t in form.tables))
    entries = {} if product is None else {f.array: f for f in product.factors}
    if product is None or param.name not in entries or len(entries) < len(product.factors):
        raise RuleRefused(f"Rule 'gradient' needs '{param.name}' to be read once an output; the bias is '{form.bias}'.")
    source, others = entries[param.name], tuple(p for p in form.biases if p is not param)
    weight: Expr = Mul(product.times, *(entries[p.name] for p in others))
    alone = replace(
        form,
        reduction=sums(form.bias),
        domain=true,
        read=(),
        weight=weight,
        weights=others,
        input=Array("1", ()),
        edge=Edge.INSIDE,
    )
    output = Array(f"d{param.name}", param.array.axes)
    given = _given(form, output)
    terms = terms_by(alone, output, source.subscripts)
    known = dict(terms.down)
    places = tuple(s.xreplace(known) for s in form.output.symbols)
    after = Form(
        output=output,
        input=given,
        reduction=terms.reduction,
        domain=domain_of(alone, terms, given, places, Edge.INSIDE),
        weight=weight.xreplace(known),
        read=places,
        bias=S.Zero,
        weights=tuple(seen_from(p, terms) for p in others),
        biases=(),
        given=form.given,
        shared=True,
        tables=form.tables,
    )
    down = known | dict.fromkeys(form.reduction_symbols, S.Zero)
    return _step(form, after, down, terms.up, View.BIAS)


def _step(form: Form, after: Form, down: object, up: object, view: View) -> Step:
    ranges = [(axis.symbol, axis.lower, axis.upper) for axis in after.reduction]
    term = after.weight * after.input.entry(after.read)
    collected = Sum(term, *ranges) if ranges else term
    return Step(
        rule="",
        kind=Kind.TRANSFORMATION,
        statement=gradient.statement,
        reason="The same terms, collected by the parameter that they read.",
        before=form,
        after=after,
        embeddings=(),
        sections=(),
        to_before=down,  # type: ignore[arg-type]
        to_after=up,  # type: ignore[arg-type]
        argument=(SubStep("Collect what stands beside the entry in ⟨G, H⟩", after.output.entry(), collected),),
        view=view,
    )


_TIED = equivariant(Translations()).apply(reindex().apply(dense_form(rank=1)).after).after
EXAMPLE = Case(_TIED, gradient("weight"))
COUNTEREXAMPLE = Case(_TIED.with_weight("V[a]*V[a]"), gradient("weight"), residue="read once a term")
