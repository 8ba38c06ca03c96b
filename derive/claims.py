"""Claims about layers as they stand: that one has a structure, or that two are the same."""

from __future__ import annotations

from sympy import And, Eq

from derive.derivation import Derivation
from derive.errors import ObligationFailed, RuleRefused
from derive.forms.form import Form
from derive.proof.claim import check_claim
from derive.proof.goal import Goal, Obligation, Verdict
from derive.proof.solver import discharge
from derive.rules._rule import Application

__all__ = ["claim", "same_layer"]


def claim(layer: Derivation | Form, structure: Application) -> tuple[Verdict, ...]:
    """Prove that a layer has a structure already, for all sizes; nothing is imposed.

    Raises ObligationFailed, with the smallest counterexample in `.counterexample`, where it is false.
    """
    form = layer.form if isinstance(layer, Derivation) else layer
    return check_claim(form, structure.clauses(form))


def same_layer(one: Derivation, other: Derivation) -> Verdict:
    """Prove that two derivations end in the same layer: equal dense weights and biases for equal parameters, all sizes.

    Raises RuleRefused where their parameters have different boxes, ObligationFailed where the layers differ.
    """
    if [p.array for p in one.form.params] != [p.array for p in other.form.params] or one.dense != other.dense:
        raise RuleRefused("Two layers can be compared when their parameters have the same names and boxes.")
    left, right = one.reference_maps, other.reference_maps
    goals = tuple(
        Goal((And(one.form.given, other.form.given), p.array.holds()), Eq(left[p.name], right[p.name]))
        for p in one.dense.params
    )
    verdict = discharge(Obligation("same layer", "Both derivations end in the same layer.", goals))
    if not verdict.proved:
        raise ObligationFailed(f"The two layers differ: {verdict.status.value}.")
    return verdict
