"""What a page shows of a layer, as JSON values: its formula and counts, its kernel, and at given sizes its numbers and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from sympy import And

from derive.derivation import Derivation
from derive.explorer.kernel import kernel
from derive.explorer.layers import Outcome
from derive.explorer.views import Views, views
from derive.forms.equation import formula, sides
from derive.forms.evaluate import evaluate
from derive.forms.expr import index
from derive.forms.form import Form
from derive.forms.notation import LATEX, UNICODE
from derive.proof.sized import free_entries
from derive.render.mathml import mathml
from derive.render.numbers import counts

__all__ = ["FEW", "MANY", "Ranges", "argument", "at_sizes", "described", "ends", "sizes_of"]

Sizes = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Ranges:
    """Which sizes are offered: of a grid of one axis, of two, of each of these with channels; radii; numbers of channels."""

    sides: tuple[range, range]
    with_channels: tuple[range, range]
    radii: tuple[range, range]
    channels: range

    def of(self, axes: int, name: str, channels: bool) -> range:
        """The values that a size takes on a grid of so many axes."""
        if name == "Delta":
            return self.radii[axes - 1]
        if name in ("C", "D"):
            return self.channels
        return (self.with_channels if channels else self.sides)[axes - 1]


FEW = Ranges((range(2, 13), range(2, 7)), (range(2, 7), range(2, 5)), (range(5), range(3)), range(1, 3))
MANY = Ranges((range(1, 25), range(1, 11)), (range(1, 13), range(1, 7)), (range(9), range(6)), range(1, 5))
_FIRST = {1: 8, 2: 5}


def sizes_of(derivation: Derivation, ranges: Ranges) -> list[dict[str, Any]]:
    """Every size of the layer, with what it is called, the values that are offered, and the one to begin with."""
    form, start = derivation.form, derivation.dense
    axes = len(start.grid(start.input))
    names = [s.name for s in form.sizes]
    found = []
    for name in names:
        values = list(ranges.of(axes, name, "C" in names))
        first = 1 if name == "Delta" else _FIRST[axes] if name in ("n", "m") else 2
        found.append({"name": name, "label": UNICODE(index(name)), "values": values, "first": min(first, values[-1])})
    return found


def described(derivation: Derivation, ranges: Ranges) -> dict[str, Any]:
    """What is true of the layer at all sizes."""
    form = derivation.form
    source, says = kernel(derivation)
    return {
        "formula": formula(form),
        "equation": _equation(form),
        "count": _counted(form),
        "source": source,
        "sourcesays": says,
        "sizes": sizes_of(derivation, ranges),
    }


def _equation(form: Form) -> str:
    """The equation, and beneath it what restricts the sum: together they may be wider than a page."""
    left, right, conditions = sides(form, LATEX)
    line = f"<div>{mathml(f'{left} = {right}', 'block')}</div>"
    last = len(conditions) - 1
    stated = [f"<span>{mathml(text)}{'' if place == last else ','}</span>" for place, text in enumerate(conditions)]
    return f"{line}<div>{' '.join(stated)}</div>" if conditions else line


def _counted(form: Form) -> str:
    """The formulas of the counts, and what they need."""
    own = counts(form)
    weight, bias = _shown(own.weight, own.exact_weight, own.when), _shown(own.bias, own.exact_bias, own.when)
    when = "" if own.when in (True, False) else f", where {mathml(LATEX(own.when))}"
    named = [
        f"{mathml(LATEX(e))} {one if e == 1 else many}"
        for e, one, many in ((weight, "weight", "weights"), (bias, "bias", "biases"))
    ]
    return f"{' and '.join(named)}{when}"


def _shown(short: Any, exact: Any, when: Any) -> Any:
    return exact if when == False and exact is not None else short  # noqa: E712  SymPy's


def argument(outcome: Outcome) -> dict[str, Any]:
    """How a setting came to its layer: the steps, a program that takes them, and what was refused."""
    steps = [_step("dense", "Every output has a weight of its own for every input.", outcome.derivation.start)]
    for proved in outcome.derivation.steps:
        reason = proved.step.reason.replace("Delta", "Δ")
        done, total = sum(v.proved for v in proved.verdicts), len(proved.verdicts)
        steps.append(_step(proved.rule, f"{reason} Proved: {done}\u00a0of\u00a0{total}.", proved.after))
    found: dict[str, Any] = {"steps": steps, "python": outcome.setting.python}
    if outcome.refusal is not None:
        found["refused"] = {"rule": outcome.refusal.rule.replace("Delta", "Δ"), "says": outcome.refusal.says}
        found["refused"]["counterexample"] = outcome.refusal.counterexample
    return found


def _step(rule: str, why: str, form: Form) -> dict[str, Any]:
    own = counts(form)
    number = _shown(own.weight, own.exact_weight, own.when)
    return {"rule": rule.replace("Delta", "Δ"), "why": why, "count": UNICODE(number)}


def ends(derivation: Derivation, sizes: Sizes) -> list[int]:
    """The number of free weights after each step, the dense layer's first."""
    parts = (replace(derivation, steps=derivation.steps[:count]) for count in range(len(derivation.steps) + 1))
    return [_weights(part, sizes) for part in parts]


_known: dict[tuple[Form, tuple[tuple[str, int], ...]], int] = {}
_MOST = 100_000


def _weights(derivation: Derivation, sizes: Sizes) -> int:
    """Free entries; where entries of W add up several weights, as many as it takes to tell W, whatever the sizes."""
    form, key = derivation.form, (derivation.form, tuple(sizes.items()))
    if key not in _known:
        if len(_known) >= _MOST:
            _known.clear()
        at = {s: sizes[s.name] for s in form.sizes}
        _known[key] = (
            views(derivation, at).free
            if form.shared
            else free_entries(form.weights, counts(form).exact_weight, dict(sizes))
        )
    return _known[key]


def at_sizes(derivation: Derivation, sizes: Sizes) -> dict[str, Any]:
    """Counts and pictures at these sizes; for sizes that the layer doesn't admit, the sentence that says so."""
    form = derivation.form
    numbers = {index(name): value for name, value in sizes.items()}
    for condition in sorted(And.make_args(form.given), key=str):
        if not evaluate(condition, numbers):
            return {"refused": f"The layer needs {UNICODE(condition)}, which these sizes are not."}
    seen = views(derivation, {s: numbers[s] for s in form.sizes})
    return {
        "weights": _weights(derivation, sizes),
        "dense": prod(int(evaluate(e, numbers)) for e in derivation.dense.weights[0].array.shape),
        "biases": free_entries(form.biases, counts(form).exact_bias, sizes),
        "W": _matrix(derivation, seen),
        "filter": _filter(form, seen),
    }


def _matrix(derivation: Derivation, seen: Views) -> dict[str, Any]:
    form = derivation.form
    noun = "different coefficient" if form.shared else "free weight"
    zeros = int((seen.matrix == 0).sum())
    height, width = seen.matrix.shape
    says = f"{height} × {width} entries, {seen.different} {noun}{'s' * (seen.different != 1)}, one colour each"
    return {
        **_cells(seen.matrix),
        "blocks": list(seen.blocks),
        "down": f"output {_letters(form.output.symbols)}",
        "across": f"input {_letters(derivation.dense.input.symbols)}",
        "names": {str(number): name for number, name in seen.names.items()},
        "colours": seen.colours,
        "says": f"{says}; {zeros} entries are 0." if zeros else f"{says}.",
    }


def _filter(form: Form, seen: Views) -> dict[str, Any]:
    letters = [axis.symbol for axis in form.reduction if axis.symbol.name not in ("c", "d")]
    taps = int((seen.filter > 0).sum())
    different = len(np.unique(seen.filter[seen.filter > 0]))
    between = ", between the first channels" if any(axis.symbol.name == "c" for axis in form.reduction) else ""
    says = f"{taps} tap{'s' * (taps != 1)} of the output in the middle{between}, {different} of them different."
    down, across = ("", str(letters[0])) if len(letters) == 1 else map(str, letters)
    low = (0, *seen.low) if len(letters) == 1 else seen.low
    return {**_cells(seen.filter), "blocks": [1, 1], "low": list(low), "down": down, "across": across, "says": says}


def _cells(matrix: np.ndarray) -> dict[str, Any]:
    rows, columns = matrix.shape
    return {"rows": rows, "columns": columns, "cells": matrix.ravel().tolist()}


def _letters(symbols: tuple[Any, ...]) -> str:
    return str(symbols[0]) if len(symbols) == 1 else f"({', '.join(map(str, symbols))})"
