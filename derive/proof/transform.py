"""Transformations: another layer defined from a given one, by its own identity.

    T = Σ_o Σ_r G[o]·w(o, r)·X[ι(o, r)]          the layer's one trilinear sum, over its live terms

    selected      H'[o'] = H[φ(o')]: the same sum at some of the places, those where `selected` holds
    adjoint       T as the factor of X[k]
    gradient      T as the factor of one entry of one array of weights, or of the biases
    fixed         the weights are given numbers, the biases 0
    extended      the window is whole at every place, and reads X[e(k)] at k: e maps all places into the input's
    composition   H[o] of a layer whose input is another layer's output

In each the new terms are the old ones in other letters. The obligation is a bijection between the two sets of live terms,
given with its inverse, that matches what each term multiplies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sympy import Eq, Expr, Mul, Sum, Symbol, true

from derive.errors import ObligationFailed
from derive.forms.expr import Read, index
from derive.forms.extension import extended
from derive.forms.form import Role, equal_places
from derive.forms.products import same_product, sums, weighted
from derive.proof.composition import composed
from derive.proof.goal import Goal, Obligation
from derive.proof.step import Step, View
from derive.remembered import both, built, replaced

__all__ = ["EDGES", "transformed"]

EDGES: Mapping[View, str] = {
    View.PERIODIC: "periodic",
    View.REFLECTED: "reflect",
    View.SYMMETRIC: "symmetric",
    View.NEAREST: "nearest",
}
_SAYS = "The new terms are the old ones in other letters, each once, with the same entries."


def transformed(step: Step) -> tuple[Obligation, ...]:
    """What a transformation must satisfy. Raises ObligationFailed for one whose arrays have other roles."""
    return _OF_VIEW[step.view](step)


def _selected(step: Step) -> tuple[Obligation, ...]:
    old, new, down = step.before, step.after, dict(step.to_before)
    source = tuple(replaced(e, down) for e in old.read)
    same = both(equal_places(source, new.read), same_product(replaced(old.weight, down), new.weight))
    kept = both(replaced(step.selected, down), built(Eq, replaced(old.bias, down), new.bias))
    biases = Goal((new.given, old.given, new.output.holds()), kept)
    return (
        _bijection(step, old.live, tuple(down), same),
        Obligation("biases", "The places are some of those selected, with their biases.", (biases,)),
    )


def _adjoint(step: Step) -> tuple[Obligation, ...]:
    old, new, down = step.before, step.after, dict(step.to_before)
    names = new.output.name, new.input.name
    _roles(names in ((old.input.name, old.output.name), (f"d{old.input.name}", "G")))
    source = tuple(replaced(e, down) for e in old.read)
    same = both(
        equal_places(source, new.output.symbols),
        equal_places((replaced(s, down) for s in old.output.symbols), new.read),
        same_product(replaced(old.weight, down), new.weight),
    )
    return (_bijection(step, old.live, tuple(down), same),)


def _by_weight(step: Step) -> tuple[Obligation, ...]:
    """Of the entries that an old term multiplies, one is the gradient's own place; the others are multiplied by G."""
    old, new, down = step.before, step.after, dict(step.to_before)
    product = weighted(replaced(old.weight, down), (t.name for t in old.tables))
    target = new.output.name.removeprefix("d")
    source = Read(old.input.name, *(replaced(e, down) for e in old.read))
    weight = {f.array: f for f in product.factors} if product is not None else {}
    _roles(product is not None and target in weight and old.input.name not in weight)
    assert product is not None
    _roles(len(weight) == len(product.factors))
    rest = product.times * source
    for name, read in weight.items():
        rest = rest * read if name != target else rest
    same = both(
        equal_places(weight[target].subscripts, new.output.symbols),
        equal_places((replaced(s, down) for s in old.output.symbols), new.read),
        same_product(rest, new.weight),
    )
    return (_bijection(step, old.live, tuple(down), same),)


def _by_bias(step: Step) -> tuple[Obligation, ...]:
    old, new, down = step.before, step.after, dict(step.to_before)
    inner = old.bias.function if isinstance(old.bias, Sum) else old.bias
    product = weighted(replaced(inner, down), (t.name for t in old.tables))
    target = new.output.name.removeprefix("d")
    entries = {f.array: f for f in product.factors} if product is not None else {}
    _roles(product is not None and target in entries and len(entries) == len(product.factors))
    assert product is not None
    rest: Expr = Mul(product.times, *(read for name, read in entries.items() if name != target))
    place = tuple(replaced(s, down) for s in old.output.symbols)
    same = both(
        equal_places(entries[target].subscripts, new.output.symbols),
        equal_places(place, new.read),
        same_product(rest, new.weight),
    )
    ranges = sums(old.bias)
    live = both(old.output.holds(), *(axis.holds() for axis in ranges))
    return (_bijection(step, live, (*old.output.symbols, *(axis.symbol for axis in ranges)), same),)


def _bijection(step: Step, live: Any, letters: tuple[Symbol, ...], same: Any) -> Obligation:
    """Live new terms and live old terms, of which `letters` tell the old ones apart, correspond, and `same` holds."""
    down, up = dict(step.to_before), dict(step.to_after)
    facts = (step.after.given, step.before.given)
    back = both(*(built(Eq, s, replaced(step.to_after[s], down)) for s in up))
    forth = both(*(built(Eq, s, replaced(step.to_before[s], up)) for s in letters))
    terms = (
        Goal((*facts, step.after.live), both(replaced(live, down), same, back)),
        Goal((*facts, live, step.selected), both(replaced(step.after.live, up), forth)),
    )
    return Obligation("sound", _SAYS, terms)


def _fixed(step: Step) -> tuple[Obligation, ...]:
    """The same terms; a weight is the number at the place of those of its letters that the numbers have."""
    old, new = step.before, step.after
    _unmoved(step)
    weight, number = (weighted(form.weight, (t.name for t in form.tables)) for form in (old, new))
    _roles(weight is not None and number is not None and new.bias == 0)
    assert weight is not None and number is not None
    _roles(len(weight.factors) == len(number.factors) == 1)
    rest = iter(weight.factors[0].subscripts)
    _roles(all(s in rest for s in number.factors[0].subscripts))
    same = both(equal_places(old.read, new.read), built(Eq, weight.times, number.times))
    return (_same_terms(step, same),)


def _extended(step: Step) -> tuple[Obligation, ...]:
    old, new, edge = step.before, step.after, EDGES[step.view]
    _unmoved(step)
    facts = (new.given, old.given)
    wanted = [
        extended(edge, axis, place) if axis.role is Role.GRID else place
        for axis, place in zip(old.input.axes, old.read, strict=True)
    ]
    inside = old.input.holds(old.read)
    same = both(equal_places(new.read, wanted), built(Eq, old.weight, new.weight))
    moved = {a.symbol: index(f"{a.symbol.name}_") for a in old.output.axes if a.role is Role.GRID}
    away = {s: moved.get(s, s) for s in old.output.symbols}
    return (
        Obligation(
            "sound",
            "Terms that read inside are those of the layer; every term has its weight, and reads where the edge says.",
            (
                Goal((*facts, new.live), same),
                Goal((*facts, new.live, inside), old.live),
                Goal((*facts, old.live), new.live),
                Goal((*facts, new.output.holds()), built(Eq, old.bias, new.bias)),
            ),
        ),
        Obligation(
            "whole",
            "Every place sums over the same window.",
            (Goal((*facts, new.live, new.output.holds(away.values())), replaced(new.live, away)),),
        ),
    )


def _composed(step: Step) -> tuple[Obligation, ...]:
    """A term is one of the outer layer and one of the inner layer at the place that the outer one reads."""
    if step.inner is None:
        raise ObligationFailed("The composition is not well formed: it has no inner layer.")
    _unmoved(step)
    outer, inner, new = composed(step.before, step.inner), step.inner, step.after
    at = dict(zip(inner.output.symbols, outer.read, strict=True))
    _roles(inner.bias == 0 and not inner.biases)
    live = both(outer.live, replaced(inner.live, at))
    facts = (new.given, outer.given, inner.given)
    same = both(
        equal_places(new.read, (replaced(e, at) for e in inner.read)),
        same_product(new.weight, outer.weight * replaced(inner.weight, at)),
    )
    return (
        Obligation(
            "sound",
            "A term is a term of the outer layer and one of the inner layer, at the place that the outer one reads.",
            (
                Goal((*facts, new.live), both(live, same)),
                Goal((*facts, live), new.live),
                Goal((*facts, new.output.holds()), built(Eq, outer.bias, new.bias)),
            ),
        ),
    )


def _same_terms(step: Step, same: Any) -> Obligation:
    facts = (step.after.given, step.before.given)
    goals = (
        Goal((*facts, step.after.live), both(step.before.live, same)),
        Goal((*facts, step.before.live), step.after.live),
    )
    return Obligation("sound", "The terms are those of the layer, with the same entries of the input.", goals)


def _unmoved(step: Step) -> None:
    """Raise ObligationFailed unless the maps between the terms leave every letter as it is."""
    letters: dict[Symbol, Expr] = {s: s for s in (*step.before.output.symbols, *step.before.reduction_symbols)}
    same = dict(step.to_before) == letters == dict(step.to_after)
    _roles(same and step.selected == true)


def _roles(right: bool) -> None:
    if not right:
        raise ObligationFailed("The transformation is not well formed: its arrays have other roles than it says.")


_OF_VIEW: Mapping[View, Callable[[Step], tuple[Obligation, ...]]] = {
    View.SELECTED: _selected,
    View.ADJOINT: _adjoint,
    View.WEIGHT: _by_weight,
    View.BIAS: _by_bias,
    View.FIXED: _fixed,
    View.COMPOSED: _composed,
    **dict.fromkeys(EDGES, _extended),
}
