"""A layer in letters by which its reads step evenly: what conditions on its sizes are read off.

    X[k] = Σ_i V[|k - 2i|]·H[i], |k - 2i| ≤ Δ   ⟶   H[i] = Σ_a V[|a|]·X[2i + a], |a| ≤ Δ

An adjoint of a layer with a stride names places of both grids, and its window is a condition on them. As the layer that it is the
adjoint of, it reads X[s·i + a] with a in the window. A gradient by V is a layer seen from V, and has two arguments.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sympy import Expr, Mul, S, Sum, expand, false, true

from derive.forms.conditions import split
from derive.forms.expr import Where, index
from derive.forms.form import Array, Axis, Edge, Form, Param, Role
from derive.forms.products import Product, weighted
from derive.proof.equality import equal_layers
from derive.proof.goal import Verdict
from derive.proof.obligations import step_obligations
from derive.proof.solver import discharge_all
from derive.remembered import replaced
from derive.rules._even import grid_pairs
from derive.rules._names import Names
from derive.rules.adjoint import adjoint

__all__ = ["Learned", "layer_of_gradient", "same_sum", "stepping"]


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


@dataclass(frozen=True, slots=True)
class Learned:
    """What a gradient by weights or by biases is of: the layer, and the arrays that an element carries together with G.

    Of biases `own` is the layer that multiplies its input by them, which commutes where they are the same at places that an
    element carries to each other; `shown` has them as they are.
    """

    own: Form
    shown: Form
    name: str
    carried: tuple[str, ...]


def layer_of_gradient(form: Form) -> Learned | None:
    """The layer whose gradient by an array of weights, or by biases that places share, the form is; None for any other form.

    Of the same sum what is learned is given, and X what is read. Other factors of the weights stay as they are.
    """
    given = [p for p in form.weights if p.data and p.values is None]
    if len(given) > 1 or form.input.name != "G":
        return None
    other = adjoint().apply(form).after
    found = weighted(other.weight) if other.weight != 1 else Product(S.One, ())
    if found is None:
        return None
    V = Param(Array(form.output.name.removeprefix("d"), other.input.axes), true, ())
    rest = [f for f in found.factors if f.array not in {p.name for p in given}]
    weight = Mul(found.times, V.array.entry(other.read), *rest)
    own = replace(other, output=replace(other.output, name="H"), weight=weight)
    if given:
        read = next(f for f in found.factors if f.array == given[0].name).subscripts
        weights = (V, *(p for p in other.weights if p.name != given[0].name))
        own = replace(own, input=given[0].array, read=read, weights=weights)
        return Learned(own, own, V.name, (given[0].name,))
    summed = any(a.role is Role.GRID for a in other.reduction) or any(p.values is None for p in other.weights)
    return None if summed else _of_biases(replace(own, weights=(V, *other.weights)))


def _of_biases(own: Form) -> Learned | None:
    """Of biases that the whole of a grid shares, or places of one remainder or along some axes; None where each has its own."""
    grid = [own.output.axes[p] for p in own.grid(own.output)]
    if all(any(e.coeff(a.symbol) != 0 for e in own.read) for a in grid):
        return None
    names = Names(own)
    axes = (replace(a, symbol=index(names.fresh(f"k{number}"))) for number, a in enumerate(grid))
    X = Array(names.fresh("X"), tuple(axes))
    own = replace(own, input=X, read=tuple(a.symbol for a in grid))
    one = Where(own.domain, own.weight, S.Zero)
    bias = Sum(one, *((a.symbol, a.lower, a.upper) for a in own.reduction)) if own.reduction else one
    nothing = {"reduction": (), "domain": false, "weight": S.Zero, "weights": ()}
    return Learned(own, replace(own, **nothing, bias=bias, biases=own.weights), own.weights[0].name, ())


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
