"""A layer with letters and weights of its own, so that it can be spoken of beside another one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sympy import Symbol

from derive.errors import RuleRefused
from derive.forms.dense import fresh
from derive.forms.expr import rename_arrays
from derive.forms.form import Array, Form, Param

__all__ = ["renamed"]


def renamed(inner: Form, outer: Form, weights: str) -> Form:
    """The inner layer with places, summed letters and weights that the outer one doesn't use."""
    taken = {*outer.output.symbols, *outer.reduction_symbols, *outer.input.symbols, *inner.input.symbols}
    taken |= {*outer.sizes, *(s for p in outer.params for s in p.array.symbols)}
    letters: dict[Symbol, Symbol] = {}
    for s in inner.reduction_symbols:
        letters[s] = fresh(s, {*taken, *letters.values()})
    used = {p.name for p in outer.params} | {t.name for t in outer.tables}
    tables = _apart_from((t.name for t in inner.tables), {*used, weights, *(p.name for p in inner.weights)})
    names = {p.name: weights if p.name in used else p.name for p in inner.weights if p.values is None}
    names |= _apart_from({p.name for p in inner.weights if p.values is not None}, {*used, *names.values()})
    if len({*names.values(), *used}) < len(names) + len(used):
        raise RuleRefused(
            f"Both layers would have weights called {weights}; give the inner ones another name: weights=."
        )
    places = {s: fresh(s, {*outer.output.symbols, *letters.values()}) for s in inner.input.symbols}
    return replace(
        inner,
        input=Array(_apart(inner, outer), tuple(replace(a, symbol=places[a.symbol]) for a in inner.input.axes)),
        reduction=tuple(replace(a, symbol=letters[a.symbol]) for a in inner.reduction),
        domain=inner.domain.xreplace(letters),
        weight=rename_arrays(inner.weight, names | tables).xreplace(letters),
        read=tuple(e.xreplace(letters) for e in inner.read),
        weights=tuple(_param(p, names[p.name], letters, tables) for p in inner.weights),
        tables=tuple(replace(t, array=replace(t.array, name=tables[t.name])) for t in inner.tables),
    )


def _apart(inner: Form, outer: Form) -> str:
    """The input's name, another where the result has it: behind an adjoint it is X that comes out."""
    taken = {a.name for a in (outer.output, *(p.array for p in (*outer.params, *inner.params)))}
    return next(name for name in (inner.input.name, "Y", "Z", "Q", "R") if name not in taken)


def _apart_from(names: Iterable[str], taken: set[str]) -> dict[str, str]:
    """Tables, and arrays of numbers, by new names: with as many `_` behind as make each new."""
    found: dict[str, str] = {}
    for name in names:
        new = name
        while new in taken:
            new += "_"
        found[name] = new
        taken = taken | {new}
    return found


def _param(param: Param, name: str, letters: Mapping[Symbol, Symbol], tables: Mapping[str, str]) -> Param:
    reader = tuple((letters.get(s, s), rename_arrays(e, dict(tables))) for s, e in param.reader)
    return replace(param, array=Array(name, param.array.axes), reader=reader)
