"""Maps that several rules hand over."""

from __future__ import annotations

from collections.abc import Iterable

from sympy import Expr, Symbol

from derive.forms.form import Form, Param
from derive.proof.step import ArrayMap, Instance

__all__ = ["instance_at_reader", "same_entries", "same_letters"]


def same_entries(params: Iterable[Param]) -> tuple[ArrayMap, ...]:
    """Every entry is the entry of the same name; numbers that a form brings along are no parameters."""
    return tuple(ArrayMap(p.name, p.array.symbols, p.array.entry()) for p in params if p.values is None)


def same_letters(form: Form) -> dict[Symbol, Expr]:
    """Every place and every term is itself."""
    return {s: s for s in (*form.output.symbols, *form.reduction_symbols)}


def instance_at_reader(form: Form, param: Param, clause: int = 0) -> Instance:
    """The clause at the pair of places that reads an entry."""
    term = dict(param.reader)
    values = {s: term[s] for s in form.output.symbols}
    values |= dict(zip(form.input.symbols, (e.xreplace(term) for e in form.read), strict=True))
    return Instance(param.name, clause, tuple(values.items()))
