"""Reciprocity: what a place does to another one, that one does to it.

    Σ_r W[p(o, r)]·X[ι(o, r)]   ⟶   Σ_r V[τ(p(o, r))]·X[ι(o, r)]        where c(o, k) = c(k, o)

for all places o and k of one grid; c(o, k) is the factor of X[k] in H[o], so the matrix is its own transpose. No group
acting on places states that, since it swaps output with input. A restriction: it keeps exactly those layers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sympy import And, true

from derive.errors import RuleRefused
from derive.forms.dense import dense_form
from derive.forms.form import Form
from derive.groups._group import Action, Element, Tie
from derive.groups._orbits import tie_finite
from derive.proof.step import Clause, Kind, Step, SubStep
from derive.rules._maps import same_entries, same_letters
from derive.rules._rule import Case, rule
from derive.rules._tied import Tied
from derive.rules.reindex import reindex

__all__ = ["reciprocal"]


@dataclass(frozen=True, slots=True)
class _Swap:
    """The group of two elements that swaps output and input: one point of each orbit stands for it."""

    def elements(self, form: Form) -> tuple[Element, ...]:
        there, back = zip(*_pairs(form), strict=True)
        out, source = dict(zip(there, back, strict=True)), dict(zip(back, there, strict=True))
        return (Element((), true, out, source, "S", "the swap of output and input"),)

    def tie(self, action: Action) -> Tie:
        return tie_finite(action)

    def keeps(self, elements: tuple[Element, ...]) -> str:
        return "the swap" if elements else "the identity alone"


def _pairs(form: Form):
    """The letters of o and k, axis by axis. Raises RuleRefused for grids of other sizes, or channels."""
    pairs = list(zip(form.output.axes, form.input.axes, strict=False))
    same = len(form.output.axes) == len(form.input.axes)
    if not same or any((o.lower, o.upper) != (k.lower, k.upper) for o, k in pairs):
        raise RuleRefused("Rule 'reciprocal' needs an output and an input of the same sizes.")
    return [(o.symbol, k.symbol) for o, k in pairs]


@rule(Kind.RESTRICTION)
def reciprocal(form: Form) -> Step:
    """Tie the weight of every pair of places to that of the pair swapped; biases stay."""
    tied = Tied(form, form.weights[0], _Swap(), _Swap().elements(form))
    return Step(
        rule="",
        kind=Kind.RESTRICTION,
        statement=reciprocal.statement,
        reason="A pair of places and the pair swapped have one weight.",
        before=form,
        after=replace(form, weight=tied.tied(form.weight), weights=tied.params),
        embeddings=(tied.embedding, *same_entries(form.biases)),
        sections=(*tied.sections, *same_entries(form.biases)),
        to_before=same_letters(form),
        to_after=same_letters(form),
        clauses=_clauses(form),
        instances=tied.instances(0),
        argument=(
            SubStep("Swap the places", tied.param.array.entry(), tied.param.array.entry(tied.moved[0].values())),
        ),
    )


@reciprocal.constraint
def clauses(form: Form) -> tuple[Clause, ...]:
    """The coefficients of a pair and of the pair swapped are equal."""
    return _clauses(form)


def _clauses(form: Form) -> tuple[Clause, ...]:
    swap = dict(_pairs(form)) | {k: o for o, k in _pairs(form)}
    binders = (*form.output.symbols, *form.input.symbols)
    inside = And(form.output.holds(), form.input.holds())
    coefficient = form.coefficient(form.input.symbols)
    places = (", ".join(s.name for s in a.symbols) for a in (form.output, form.input))
    o, k = places
    return (Clause(f"c({o}; {k}) = c({k}; {o})", binders, inside, coefficient, coefficient.xreplace(swap)),)


EXAMPLE = Case(reindex().apply(dense_form(rank=1)).after, reciprocal())
COUNTEREXAMPLE = Case(EXAMPLE.form.with_weight("V[i, a]*V[i, a]"), reciprocal(), residue="V[0, 1] - V[1, -1]")
