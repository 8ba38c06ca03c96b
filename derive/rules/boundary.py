"""The edge: what a read outside the input means, stated and visible.

    Σ_{r : ι(o, r) inside} V[p(o, r)]·X[ι(o, r)]   ⟶   Σ_r V[p(o, r)]·X⁰[ι(o, r)]        where X⁰ is X inside and 0 outside

An equivalence: the terms it adds read 0. After it every output sums over the whole window, and H keeps X's shape.
"""

from __future__ import annotations

from dataclasses import replace

from derive.errors import RuleRefused
from derive.forms.conditions import simplified
from derive.forms.dense import dense_form
from derive.forms.form import Edge, Form
from derive.groups.translations import Translations
from derive.proof.step import Kind, Step, SubStep
from derive.rules._maps import same_entries, same_letters
from derive.rules._rule import Case, rule
from derive.rules.equivariant import equivariant
from derive.rules.reindex import reindex

__all__ = ["boundary"]


@rule(Kind.EQUIVALENCE)
def boundary(form: Form, edge: str = "zero") -> Step:
    """Read 0 outside the input, so that the window is whole at every place. `edge` is 'zero'."""
    if edge != "zero":
        raise RuleRefused(f"Rule 'boundary' knows the edge 'zero'; '{edge}' is another.")
    if form.edge is not Edge.INSIDE:
        raise RuleRefused("Rule 'boundary' states an edge once, and this form has one already.")
    inside = form.input.holds(form.read)
    rest = simplified(form.domain, form.output.holds(), form.given, inside, *(axis.holds() for axis in form.reduction))
    after = replace(form, domain=rest, edge=Edge.ZERO)
    same, maps = same_letters(form), same_entries(form.params)
    return Step(
        rule="",
        kind=Kind.EQUIVALENCE,
        statement=boundary.statement,
        reason="Terms that would read outside the input are added to the sum, and read 0.",
        before=form,
        after=after,
        embeddings=maps,
        sections=maps,
        to_before=same,
        to_after=same,
        argument=(SubStep("Outside the input", form.input.entry(form.read), 0),),
    )


_OFFSETS = reindex().apply(dense_form(rank=1)).after
EXAMPLE = Case(equivariant(Translations()).apply(_OFFSETS).after, boundary("zero"))
COUNTEREXAMPLE = Case(boundary("zero").apply(EXAMPLE.form).after, boundary("zero"), residue="has one already")
