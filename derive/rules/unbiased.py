"""No bias: the layer is linear.

    H[o] = u[β(o)] + Σ_r V[p(o, r)]·X[ι(o, r)]   ⟶   H[o] = Σ_r V[p(o, r)]·X[ι(o, r)]        where H(0) = 0

A restriction: it keeps exactly the layers that are linear and not only affine.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import Integer, S

from derive.errors import RuleRefused
from derive.forms.dense import dense_form
from derive.forms.form import Form
from derive.forms.products import weighted
from derive.forms.spans import span_of_terms
from derive.proof.step import ArrayMap, Clause, Instance, Kind, Step, SubStep
from derive.rules._maps import same_entries, same_letters
from derive.rules._rule import Case, rule

__all__ = ["unbiased"]


@rule(Kind.RESTRICTION, after_tables=True)
def unbiased(form: Form) -> Step:
    """Drop the bias."""
    bias = weighted(form.bias, (t.name for t in form.tables))
    if bias is None or len(bias.factors) != 1 or len(form.biases) != 1:
        raise RuleRefused("Rule 'unbiased' drops free biases; this form has none.")
    if form.shared and span_of_terms(form) is None:
        raise RuleRefused(
            f"Rule 'unbiased' refused: several terms may read one entry of {form.input.name}; state it before the edge, "
            f"the stride or the composition."
        )
    (param,) = form.biases
    entry = param.array.entry()
    term = dict(param.reader)
    places = tuple((s, term[s]) for s in form.output.symbols)
    same = same_letters(form)
    return Step(
        rule="",
        kind=Kind.RESTRICTION,
        statement=unbiased.statement,
        reason="H(0) = 0 says that every bias is 0.",
        before=form,
        after=replace(form, bias=S.Zero, biases=()),
        embeddings=(*same_entries(form.weights), ArrayMap(param.name, param.array.symbols, Integer(0))),
        sections=same_entries(form.weights),
        to_before=same,
        to_after=same,
        clauses=_clauses(form),
        instances=(Instance(param.name, 0, places),),
        argument=(SubStep("X = 0 leaves the biases", entry, 0),),
    )


@unbiased.constraint
def clauses(form: Form) -> tuple[Clause, ...]:
    """The biases are 0."""
    return _clauses(form)


def _clauses(form: Form) -> tuple[Clause, ...]:
    places = ", ".join(s.name for s in form.output.symbols)
    law = f"{form.output.name}(0)[{places or '()'}] = 0"
    return (Clause(law, form.output.symbols, form.output.holds(), form.bias, Integer(0)),)


EXAMPLE = Case(dense_form(rank=1), unbiased())
COUNTEREXAMPLE = Case(unbiased().apply(EXAMPLE.form).after, unbiased(), residue="this form has none")
