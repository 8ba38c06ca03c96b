"""Which array plays which part in a transformation: those of the layer before, each in the role that the view gives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from derive.forms.form import Array, Form, Param
from derive.proof.composition import composed
from derive.proof.step import Step, View

__all__ = ["check_roles"]

Demand = Callable[[bool, str], None]
Roles = dict[str, object]


def check_roles(step: Step, demand: Demand) -> None:
    """Demand that output, input, weights and biases are what the view makes of those before."""
    new = step.after
    found: Roles = {
        "output": new.output,
        "input": new.input,
        "weights": _boxes(new.weights),
        "biases": _boxes(new.biases),
    }
    wanted = _WANTED.get(step.view, _kept)(step, demand)
    for role, array in found.items():
        if role in wanted:
            demand(array == wanted[role], f"its {role} has another array than its view gives it")
    demand((step.inner is not None) == (step.view is View.COMPOSED), "an inner layer belongs to a composition alone")
    if step.view in _LINEAR:
        demand(new.bias == 0 and not new.biases, "a view of the linear part has no bias")


def _boxes(params: tuple[Param, ...]) -> tuple[tuple[Array, bool, object], ...]:
    return tuple((p.array, p.data, p.values) for p in params)


def _kept(step: Step, demand: Demand) -> Roles:
    """The same arrays, all of them: an extension of the input."""
    old = step.before
    return {
        "output": old.output,
        "input": old.input,
        "weights": _boxes(old.weights),
        "biases": _boxes(old.biases),
    }


def _selected(step: Step, demand: Demand) -> Roles:
    output = Array(step.before.output.name, step.after.output.axes)
    return _kept(step, demand) | {"output": output}


def _adjoint(step: Step, demand: Demand) -> Roles:
    """Input and output change places; of a gradient by the input they are called dX and G."""
    old, new = step.before, step.after
    output, source = old.input, old.output
    if (new.output.name, new.input.name) == (f"d{old.input.name}", "G"):
        output, source = replace(output, name=new.output.name), replace(source, name="G")
    return {"output": output, "input": source, "weights": _boxes(old.weights), "biases": ()}


def _given(old: Form, new: Form) -> Array:
    """G has the output's box; its letters may differ."""
    mine, theirs = new.input.axes, old.output.axes
    same = len(mine) == len(theirs) and all(
        (a.lower, a.upper, a.role) == (b.lower, b.upper, b.role) for a, b in zip(mine, theirs, strict=True)
    )
    return new.input if same and new.input.name == "G" else old.output


def _by_weight(step: Step, demand: Demand) -> Roles:
    old, new = step.before, step.after
    target = [p for p in old.weights if f"d{p.name}" == new.output.name and p.values is None]
    demand(len(target) == 1, "its output is the gradient by none of the weights")
    others = tuple(p for p in old.weights if p is not target[0])
    source = Param(old.input, True, (), data=True)
    return {
        "output": Array(new.output.name, target[0].array.axes),
        "input": _given(old, new),
        "weights": _boxes((*others, source)),
        "biases": (),
    }


def _by_bias(step: Step, demand: Demand) -> Roles:
    old, new = step.before, step.after
    learned = tuple(p for p in old.biases if p.values is None)
    demand(len(learned) == 1, "the layer before has other than one array of biases")
    output = Array(f"d{learned[0].name}", learned[0].array.axes)
    numbers = _boxes(tuple(p for p in old.biases if p.values is not None))
    return {"output": output, "input": _given(old, new), "weights": numbers, "biases": ()}


def _fixed(step: Step, demand: Demand) -> Roles:
    old, new = step.before, step.after
    numbers = len(new.weights) == 1 and new.weights[0].data and new.weights[0].values is not None
    demand(numbers, "its weights are not one array of numbers")
    return {"output": old.output, "input": old.input, "biases": ()}


def _composed(step: Step, demand: Demand) -> Roles:
    old, inner = step.before, step.inner
    if inner is None:
        return {}
    outer = composed(old, inner)
    return {
        "output": outer.output,
        "input": inner.input,
        "weights": _boxes((*outer.weights, *inner.weights)),
        "biases": _boxes(outer.biases),
    }


_WANTED: Mapping[View, Callable[[Step, Demand], Roles]] = {
    View.SELECTED: _selected,
    View.ADJOINT: _adjoint,
    View.WEIGHT: _by_weight,
    View.BIAS: _by_bias,
    View.FIXED: _fixed,
    View.COMPOSED: _composed,
}
_LINEAR = (View.ADJOINT, View.WEIGHT, View.BIAS, View.FIXED)
