"""Transformations: another layer defined from a given one, by its own identity.

    T = Σ_o Σ_r G[o]·w(o, r)·X[ι(o, r)]          the layer's one trilinear sum, over its live terms

    selected   H'[o'] = H[φ(o')]: the same sum at some of the places, those where `selected` holds
    adjoint    T as the factor of X[k]
    gradient   T as the factor of one entry of the weights, or of the biases

In each the new terms are the old ones in other letters. The obligation is a bijection between the two sets of live terms,
given with its inverse, that matches the three things each term multiplies.
"""

from __future__ import annotations

from typing import Any

from sympy import And, Eq, Integer

from derive.errors import ObligationFailed
from derive.forms.expr import Read
from derive.forms.form import Form, equal_places
from derive.proof.goal import Goal, Obligation
from derive.proof.step import Step, View

__all__ = ["transformed"]


def transformed(step: Step) -> tuple[Obligation, ...]:
    """What a transformation must satisfy. Raises ObligationFailed for one whose arrays have other roles."""
    old, new = step.before, step.after
    down, up = dict(step.to_before), dict(step.to_after)
    facts = (new.given, old.given)
    live = old.output.holds() if step.view is View.BIAS else old.live
    letters = old.output.symbols if step.view is View.BIAS else tuple(down)
    back = And(*(Eq(s, step.to_after[s].xreplace(down)) for s in up))
    forth = And(*(Eq(s, step.to_before[s].xreplace(up)) for s in letters))
    same = _same(step.view, old, new, down)
    terms = (
        Goal((*facts, new.live), And(live.xreplace(down), same, back)),
        Goal((*facts, live, step.selected), And(new.live.xreplace(up), forth)),
    )
    says = "The new terms are the old ones in other letters, each once, with the same three entries."
    kept = [Obligation("sound", says, terms)]
    if step.view is View.SELECTED:
        bias = Eq(old.bias.xreplace(down), new.bias)
        kept.append(
            Obligation(
                "biases",
                "The biases are those of the places selected.",
                (Goal((*facts, new.output.holds()), bias),),
            )
        )
    return tuple(kept)


def _same(view: View, old: Form, new: Form, down: dict[Any, Any]) -> Any:
    """The three entries of a new term are those of its old one, each in its new role."""
    place = tuple(s.xreplace(down) for s in old.output.symbols)
    source = tuple(e.xreplace(down) for e in old.read)
    weight = old.weight.xreplace(down)
    if view is View.SELECTED:
        return And(equal_places(source, new.read), Eq(weight, new.weight))
    if view is View.ADJOINT:
        _roles(old.input.name == new.output.name and old.output.name == new.input.name)
        return And(equal_places(source, new.output.symbols), equal_places(place, new.read), Eq(weight, new.weight))
    if view is View.WEIGHT:
        _roles(isinstance(old.weight, Read) and isinstance(new.weight, Read) and new.weight.array == old.input.name)
        return And(
            equal_places(weight.subscripts, new.output.symbols),
            equal_places(place, new.read),
            equal_places(source, new.weight.subscripts),
        )
    _roles(isinstance(old.bias, Read) and new.weight == Integer(1))
    return And(equal_places(old.bias.xreplace(down).subscripts, new.output.symbols), equal_places(place, new.read))


def _roles(right: bool) -> None:
    if not right:
        raise ObligationFailed("The transformation is not well formed: its arrays have other roles than it says.")
