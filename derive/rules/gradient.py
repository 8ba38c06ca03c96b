"""Gradients: of a loss by the weights or by the biases, where G is its gradient by the output.

    H[o] = u[β(o)] + Σ_r V[ω(o, r)]·X[ι(o, r)]   ⟶   dV[p] = Σ_{(o, r) : ω(o, r) = p} G[o]·X[ι(o, r)]

where ⟨G, H⟩ = ⟨dV, V⟩ + ⟨du, u⟩, and du[q] = Σ_{o : β(o) = q} G[o]. A transformation: the sum ⟨G, H⟩ is linear in each of its
arrays, and the factor of V[p] in it collects the terms that read V[p]. The gradient by X is the adjoint.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import S, true

from derive.errors import RuleRefused
from derive.forms.dense import dense_form
from derive.forms.expr import Read, index
from derive.forms.form import Array, Edge, Form, Param
from derive.groups.translations import Translations
from derive.proof.step import Kind, Step, SubStep, View
from derive.rules._rule import Case, rule
from derive.rules._views import domain_of, terms_by
from derive.rules.equivariant import equivariant
from derive.rules.reindex import reindex

__all__ = ["gradient"]


@rule(Kind.TRANSFORMATION)
def gradient(form: Form, by: str = "weight") -> Step:
    """The gradient by the one array of weights, or with "bias" by the one array of biases."""
    if by not in ("weight", "bias"):
        raise RuleRefused(f"Rule 'gradient' differentiates by \"weight\" or \"bias\"; '{by}' is neither.")
    params = form.weights if by == "weight" else form.biases
    source = form.weight if by == "weight" else form.bias
    if len(params) != 1 or not isinstance(source, Read) or any(p.data for p in params):
        raise RuleRefused(f"Rule 'gradient' needs one array of {by}s, read once a term; '{source}' is something else.")
    return _by_weight(form, params[0], source) if by == "weight" else _by_bias(form, params[0], source)


def _by_weight(form: Form, param: Param, source: Read) -> Step:
    output = Array(f"d{param.name}", param.array.axes)
    given = _given(form, output)
    terms = terms_by(form, output, source.subscripts)
    down = dict(terms.down)
    places = tuple(s.xreplace(down) for s in form.output.symbols)
    reads = tuple(e.xreplace(down) for e in form.read)
    after = Form(
        output=output,
        input=given,
        reduction=terms.reduction,
        domain=domain_of(form, terms, given, places, Edge.INSIDE),
        weight=form.input.entry(reads),
        read=places,
        bias=S.Zero,
        weights=(Param(form.input, true, (), data=True),),
        biases=(),
        given=form.given,
    )
    return _step(
        form,
        after,
        terms.down,
        terms.up,
        View.WEIGHT,
        SubStep("The factor of", source, after.weight * given.entry(places)),
    )


def _given(form: Form, output: Array) -> Array:
    """G, on the layer's output; a letter that the gradient's own places use gets a stroke."""
    axes = (replace(a, symbol=index(f"{a.symbol}_")) if a.symbol in output.symbols else a for a in form.output.axes)
    return Array("G", tuple(axes))


def _by_bias(form: Form, param: Param, source: Read) -> Step:
    alone = replace(
        form,
        reduction=(),
        domain=true,
        read=(),
        weight=S.One,
        weights=(),
        input=Array("1", ()),
        edge=Edge.INSIDE,
    )
    output = Array(f"d{param.name}", param.array.axes)
    given = _given(form, output)
    terms = terms_by(alone, output, source.subscripts)
    places = tuple(s.xreplace(dict(terms.down)) for s in form.output.symbols)
    after = Form(
        output=output,
        input=given,
        reduction=terms.reduction,
        domain=domain_of(alone, terms, given, places, Edge.INSIDE),
        weight=S.One,
        read=places,
        bias=S.Zero,
        weights=(),
        biases=(),
        given=form.given,
    )
    down = dict(terms.down) | dict.fromkeys(form.reduction_symbols, S.Zero)
    return _step(form, after, down, terms.up, View.BIAS, SubStep("The factor of", source, given.entry(places)))


def _step(form: Form, after: Form, down: object, up: object, view: View, argument: SubStep) -> Step:
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
        argument=(argument,),
        view=view,
    )


_TIED = equivariant(Translations()).apply(reindex().apply(dense_form(rank=1)).after).after
EXAMPLE = Case(_TIED, gradient("weight"))
COUNTEREXAMPLE = Case(_TIED.with_weight("V[a]*V[a]"), gradient("weight"), residue="read once a term")
