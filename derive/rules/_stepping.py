"""A layer in letters by which its reads step evenly: what conditions on its sizes are read off.

    X[k] = Σ_i V[|k - 2i|]·H[i], |k - 2i| ≤ Δ   ⟶   H[i] = Σ_a V[|a|]·X[2i + a], |a| ≤ Δ

An adjoint of a layer with a stride names places of both grids, and its window is a condition on them. As the layer that it is the
adjoint of, it reads X[s·i + a] with a in the window. A gradient by V is a layer seen from V, and has two arguments.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import Expr, expand, true

from derive.forms.conditions import split
from derive.forms.expr import index
from derive.forms.form import Array, Axis, Edge, Form, Param
from derive.forms.products import weighted
from derive.proof.equality import equal_layers
from derive.proof.goal import Verdict
from derive.proof.obligations import step_obligations
from derive.proof.solver import discharge_all
from derive.remembered import replaced
from derive.rules._even import grid_pairs
from derive.rules.adjoint import adjoint

__all__ = ["layer_of_gradient", "same_sum", "stepping"]


def stepping(form: Form) -> Form:
    """The linear part, or its adjoint, whose reads step along every axis of the grid; the form itself where neither's do."""
    if _steps(form):
        return form
    windowed = _in_windows(adjoint().apply(form).after)
    return windowed if _steps(windowed) else form


def same_sum(form: Form, even: Form) -> tuple[Verdict, ...]:
    """That `stepping` of a form has the terms of its adjoint. Raises ObligationFailed where that isn't proved."""
    step = adjoint().apply(form)
    letters = {s: s for s in even.reduction_symbols if s in step.after.reduction_symbols}
    for _, q in grid_pairs(even):
        new = [s for s in even.reduction_symbols if s in even.read[q].free_symbols and s not in letters]
        letters |= {s: expand(step.after.read[q] - (even.read[q] - s)) for s in new}
    says = "The layer in letters by which it steps evenly has the same terms."
    return (*discharge_all(step_obligations(step)), equal_layers(step.after, even, letters, says))


def layer_of_gradient(form: Form) -> Form | None:
    """The layer whose gradient by its weights the form is: of the same sum V is what is given, and X what is read."""
    learned = [p for p in form.weights if p.data and p.values is None]
    if len(learned) != 1 or len(form.weights) != 1 or form.input.name != "G":
        return None
    other = adjoint().apply(form).after
    found = weighted(other.weight)
    if found is None or len(found.factors) != 1:
        return None
    V = Array(form.output.name.removeprefix("d"), other.input.axes)
    return replace(
        other,
        output=replace(other.output, name="H"),
        input=learned[0].array,
        read=found.factors[0].subscripts,
        weight=found.times * V.entry(other.read),
        weights=(Param(V, true, ()),),
    )


def _steps(form: Form) -> bool:
    """Whether a place's letter stands in what it reads along every axis."""
    return all(form.output.symbols[p] in form.read[q].free_symbols for p, q in grid_pairs(form))


def _in_windows(form: Form) -> Form:
    """The same terms, with k - s·i as a letter where k is summed over and the domain bounds k - s·i."""
    taken = {*form.output.symbols, *form.reduction_symbols, *form.sizes}
    letters: dict[Expr, tuple[Expr, Expr]] = {}
    for p, q in grid_pairs(form):
        place, read = form.output.symbols[p], form.read[q]
        step = _rate(form, place, read)
        if read in form.reduction_symbols and step is not None:
            letter = index(f"a{q}")
            while letter in taken:
                letter = index(f"{letter.name}_")
            letters[read] = letter, letter + step * place
    moved = {k: e for k, (_, e) in letters.items()}
    affine, _ = split(replaced(form.domain, moved))
    named = {letter for letter, _ in letters.values()}
    reduction = []
    for axis in form.reduction:
        if axis.symbol not in letters:
            reduction.append(axis)
            continue
        letter = letters[axis.symbol][0]
        lower, upper = affine.project(*(named - {letter})).bounds(letter)
        if len(lower) != 1 or len(upper) != 1:
            return form
        reduction.append(Axis(letter, lower[0], upper[0], axis.role))
    return replace(
        form,
        reduction=tuple(reduction),
        domain=replaced(form.domain, moved),
        weight=replaced(form.weight, moved),
        read=tuple(expand(replaced(e, moved)) for e in form.read),
        edge=Edge.ZERO,
    )


def _rate(form: Form, place: Expr, read: Expr) -> Expr | None:
    """How many places of the input a condition that bounds both goes on for each of the output; None where they don't agree."""
    rates = {
        -e.coeff(place) / e.coeff(read)
        for e in split(form.domain)[0].expressions
        if e.coeff(place) != 0 and e.coeff(read) != 0
    }
    rate = rates.pop() if len(rates) == 1 else None
    return rate if rate is not None and rate.is_Integer and rate > 0 else None
