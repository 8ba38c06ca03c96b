"""The adjoint: the linear part of the layer, transposed.

    H[o] = Σ_r V[ω(o, r)]·X[ι(o, r)]   ⟶   X[k] = Σ_{(o, r) : ι(o, r) = k} V[ω(o, r)]·H[o]        where ⟨H X, Y⟩ = ⟨X, Hᵀ Y⟩

A transformation: both sides of ⟨H X, Y⟩ = ⟨X, Hᵀ Y⟩ run through the same terms V·X·Y. The sum is renamed, no term is stored:
the adjoint of the adjoint is the layer again, less its bias. The adjoint of a strided layer is a transposed convolution.
"""

from __future__ import annotations

from sympy import Expr, S

from derive.errors import RuleRefused
from derive.forms.dense import dense_form
from derive.forms.expr import reads
from derive.forms.form import Form
from derive.proof.step import Kind, Step, SubStep, View
from derive.rules._rule import Case, rule
from derive.rules._views import domain_of, inlined, seen_from, terms_by
from derive.rules.reindex import reindex

__all__ = ["adjoint"]


@rule(Kind.TRANSFORMATION, after_tables=True)
def adjoint(form: Form) -> Step:
    """Exchange input and output, and drop the bias."""
    if form.input.name in {r.array for r in reads(form.weight)}:
        name = form.input.name
        raise RuleRefused(f"Rule 'adjoint' transposes a linear layer; the weight '{form.weight}' reads {name} itself.")
    terms = inlined(form, terms_by(form, form.input, form.read))
    down = dict(terms.down)
    places = tuple(s.xreplace(down) for s in form.output.symbols)
    weight: Expr = form.weight.xreplace(down)
    after = Form(
        output=form.input,
        input=form.output,
        reduction=terms.reduction,
        domain=domain_of(form, terms, form.output, places, form.edge),
        weight=weight,
        read=places,
        bias=S.Zero,
        weights=tuple(seen_from(p, terms) for p in form.weights),
        biases=(),
        given=form.given,
        edge=form.edge,
        shared=form.shared,
        tables=form.tables,
    )
    return Step(
        rule="",
        kind=Kind.TRANSFORMATION,
        statement=adjoint.statement,
        reason="The same terms, collected by the input's place instead of the output's.",
        before=form,
        after=after,
        embeddings=(),
        sections=(),
        to_before=terms.down,
        to_after=terms.up,
        argument=tuple(
            SubStep("Solve for the output's place", s, e) for s, e in zip(form.output.symbols, places, strict=True)
        ),
        view=View.ADJOINT,
    )


_DENSE = reindex().apply(dense_form(rank=1)).after
EXAMPLE = Case(_DENSE, adjoint())
COUNTEREXAMPLE = Case(_DENSE.with_weight("V[i, a]*X[i]"), adjoint(), residue="reads X itself")
