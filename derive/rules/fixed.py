"""Fixed weights: the layer with given numbers in place of its weights, and no bias.

    H[o] = u[β(o)] + Σ_r V[p(r)]·X[ι(o, r)]   ⟶   H[o] = Σ_r K[p(r)]·X[ι(o, r)]        where K holds the numbers given

A transformation: nothing is left to learn. Average pooling and finite differences are such layers. The numbers form a table over
the window; letters of V that the table lacks, such as channels, all get the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from sympy import Rational, S, true

from derive.errors import RuleRefused
from derive.forms.dense import dense_form
from derive.forms.evaluate import evaluate
from derive.forms.form import Array, Axis, Form, Param
from derive.forms.products import weighted
from derive.groups.translations import Translations
from derive.proof.step import Kind, Step, SubStep, View
from derive.rules._maps import same_letters
from derive.rules._rule import Case, rule
from derive.rules.equivariant import equivariant
from derive.rules.local import local
from derive.rules.reindex import reindex

__all__ = ["fixed"]

Table = Sequence[Any]


@rule(Kind.TRANSFORMATION, after_tables=True)
def fixed(form: Form, weights: Table, scale: Fraction | int | str = 1, name: str = "K") -> Step:
    """Put `scale` times these whole numbers in the place of the window's weights: a nested list over its axes.

    `scale` is a fraction, such as "1/9". Raises RuleRefused for numbers that aren't exact, a table of another shape than
    the window, or a number other than 0 where the window has no weight.
    """
    product = weighted(form.weight, (t.name for t in form.tables))
    if product is None or len(form.weights) != 1 or len(product.factors) != 1 or form.weights[0].data:
        raise RuleRefused("Rule 'fixed' replaces free weights; this form's weight is not one free entry.")
    (param,) = form.weights
    axes = tuple(axis for axis in param.array.axes if axis.extent.is_Integer)
    numbers = _numbers(weights, scale, tuple(int(a.extent) for a in axes))
    _check_holes(param, axes, numbers)
    table = Array(name, axes)
    places = dict(zip(param.array.symbols, product.factors[0].subscripts, strict=True))
    after = replace(
        form,
        weight=product.times * table.entry(places[s] for s in table.symbols),
        bias=S.Zero,
        weights=(Param(table, true, (), data=True, values=tuple(numbers.ravel())),),
        biases=(),
    )
    same = same_letters(form)
    return Step(
        rule="",
        kind=Kind.TRANSFORMATION,
        statement=fixed.statement,
        reason="The weights are numbers, so nothing is left to learn.",
        before=form,
        after=after,
        embeddings=(),
        sections=(),
        to_before=same,
        to_after=same,
        argument=(SubStep("In the place of the weights", form.weight, after.weight),),
        view=View.FIXED,
    )


def _numbers(weights: Table, scale: Fraction | int | str, shape: tuple[int, ...]) -> np.ndarray:
    """The table times the scale, exactly."""
    given = np.asarray(weights, dtype=object)
    exact = all(isinstance(v, (int, Fraction)) and not isinstance(v, bool) for v in given.ravel())
    if not exact or isinstance(scale, float):
        raise RuleRefused('Fixed weights are exact: whole numbers or fractions, with a scale such as "1/9".')
    if given.shape != shape:
        raise RuleRefused(f"The window has the shape {shape}; the numbers have {given.shape}.")
    factor = Fraction(scale)
    values = [Fraction(v) * factor for v in given.ravel()]
    return np.array([Rational(v.numerator, v.denominator) for v in values], dtype=object).reshape(shape)


def _check_holes(param: Param, axes: tuple[Axis, ...], numbers: np.ndarray) -> None:
    """Where the window has no weight on any grid, the number is 0."""
    others = param.free.free_symbols - {a.symbol for a in axes}
    for at in np.ndindex(*numbers.shape):
        places = {a.symbol: int(a.lower) + p for a, p in zip(axes, at, strict=True)}
        if numbers[at] != 0 and not evaluate(param.free, dict.fromkeys(others, 64) | places):
            spot = ", ".join(f"{s} = {v}" for s, v in places.items())
            raise RuleRefused(f"The window has no weight at {spot}, so the number there is 0, not {numbers[at]}.")


_TIED = equivariant(Translations()).apply(reindex().apply(dense_form(rank=1)).after).after
_WINDOW = local(1).apply(_TIED).after
EXAMPLE = Case(_WINDOW, fixed([1, -2, 1]))
COUNTEREXAMPLE = Case(_WINDOW, fixed([1, 1], scale="1/2"), residue="has the shape (3,)")
