"""The same layer at some of its places: what strides and whole windows share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sympy import And, Expr, Symbol, expand

from derive.errors import RuleRefused
from derive.forms.conditions import simplified
from derive.forms.expr import Read
from derive.forms.form import Array, Axis, Form, Param, equal_places

__all__ = ["selected"]

Letters = Mapping[Symbol, Expr]


def selected(form: Form, places: Letters, first: Letters, axes: tuple[Axis, ...], given: Any) -> Form:
    """The form at `places` of an output of these axes; `first` gives the new place at or after an old one."""
    output = Array(form.output.name, axes)
    known = [output.holds(), given, *(axis.holds() for axis in form.reduction)]
    after = replace(
        form,
        output=output,
        read=tuple(expand(e.xreplace(places)) for e in form.read),
        domain=simplified(And(form.terms.xreplace(places), output.holds()), *known),
        weight=form.weight.xreplace(places),
        bias=form.bias.xreplace(places),
        given=given,
    )
    live = after.live
    weights = tuple(p if p.data else _read_by(p, after, after.weight, live, first) for p in form.weights)
    biases = tuple(_read_by(p, after, after.bias, output.holds(), first) for p in form.biases)
    return replace(after, weights=weights, biases=biases)


def _read_by(param: Param, after: Form, source: Expr, inside: Any, first: Letters) -> Param:
    """The entries that a selected place reads still, each by the first such place from the one that read it."""
    if not isinstance(source, Read):
        raise RuleRefused(f"Places are selected of a layer whose weights are free entries; '{source}' is not one.")
    term = dict(param.reader)
    reader = tuple((s, first[s].xreplace({s: e}) if s in first else e) for s, e in term.items())
    at = dict(reader)
    hit = equal_places((e.xreplace(at) for e in source.subscripts), param.array.symbols)
    live = And(param.free, inside.xreplace(at), hit)
    return replace(param, free=simplified(live, param.array.holds(), after.given), reader=reader)
