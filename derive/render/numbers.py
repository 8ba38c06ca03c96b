"""How much a layer learns, stores and computes: as expressions in the sizes, and exactly at given ones."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from sympy import And, Eq, Expr, Integer, Symbol

from derive.derivation import Counts, Derivation
from derive.errors import DeriveError
from derive.forms.conditions import pieces
from derive.forms.count import count
from derive.forms.evaluate import evaluate, grid
from derive.forms.expr import Read, index
from derive.forms.form import Form, Param
from derive.forms.notation import UNICODE
from derive.forms.polyhedron import NotAffine, Polyhedron

__all__ = [
    "EXAMPLE_SIZES",
    "admitted",
    "at_sizes",
    "cost",
    "cost_text",
    "counts",
    "example",
    "free_entries",
    "grouped",
    "numbers",
]

EXAMPLE_SIZES: Mapping[str, int] = {
    "N": 1000, "K": 10**6, "n": 1000, "m": 1000, "p": 1000, "Delta": 1, "C": 3, "D": 64,
}  # fmt: skip


@lru_cache(maxsize=256)
def counts(form: Form) -> Counts:
    """The free parameters of one form."""
    return Counts.of(form)


@lru_cache(maxsize=256)
def cost(form: Form) -> Expr:
    """Operations of one pass: a multiplication and an addition for each term of the form.

    >>> from derive.forms.dense import dense_form
    >>> cost(dense_form(rank=1))
    2*n**2
    """
    given = Polyhedron.of(form.given)
    told = _told(form)
    letters = tuple(s for s in (*form.output.symbols, *form.reduction_symbols) if s not in told)
    terms = And(*(part for part in And.make_args(form.terms) if not part.has(Read) and not part.free_symbols & told))
    return 2 * sum((count(part, letters, given) for part in pieces(terms)), start=Integer(0))


def _told(form: Form) -> set[Symbol]:
    """Letters that a table gives in terms of the others, such as t = T[i, k]: a term has one value of them, inside their range."""
    equations = (e for e in And.make_args(form.domain) if isinstance(e, Eq) and e.has(Read))
    return {s for e in equations for s in e.args if isinstance(s, Symbol)}


def cost_text(form: Form) -> str:
    """The operations as Unicode text.

    >>> from derive.forms.dense import dense_form
    >>> cost_text(dense_form(rank=2))
    '2·n²·m²'
    """
    return UNICODE(cost(form))


def at_sizes(expression: Any, at: Mapping[str, int]) -> int:
    """The whole number that an expression in the sizes is. Raises DeriveError for a size without a value."""
    value = Integer(0) + expression
    if missing := sorted(s.name for s in value.free_symbols if s.name not in at):
        raise DeriveError(f"The size {missing[0]} has no value; state it, as in {missing[0]}=10.")
    return int(value.subs({index(name): Integer(number) for name, number in at.items()}))


def numbers(derivation: Derivation, at: Mapping[str, int]) -> dict[str, int]:
    """Free weights, biases, the weights' memory in float32, and operations, exactly, at these sizes.

    Raises DeriveError for a size of the layer that has no value, or one that the layer does not admit.
    """
    form = derivation.form
    if missing := [s.name for s in form.sizes if s.name not in at]:
        raise DeriveError(f"The size {missing[0]} has no value; state it, as in {missing[0]}=10.")
    for condition in sorted(And.make_args(form.given), key=str):
        if condition.subs({index(name): Integer(value) for name, value in at.items()}) == False:  # noqa: E712
            raise DeriveError(f"The layer needs {UNICODE(condition)}, which these sizes are not.")
    own = counts(form)
    weights = free_entries(form, form.weights, own.exact_weight, at)
    return {
        "weights": weights,
        "biases": free_entries(form, form.biases, own.exact_bias, at),
        "bytes": 4 * weights,
        "operations": at_sizes(cost(form), at),
    }


def admitted(form: Form, at: Mapping[str, int]) -> bool:
    """Whether every size of the form has a value, and the form admits these."""
    sizes = {s: at[s.name] for s in form.sizes if s.name in at}
    return len(sizes) == len(form.sizes) and bool(evaluate(form.given, sizes))


def free_entries(form: Form, params: tuple[Param, ...], exact: Expr | None, at: Mapping[str, int]) -> int:
    """How many free entries there are at these sizes: by the expression, or entry by entry where there is none."""
    if exact is not None:
        return at_sizes(exact, at)
    sizes = {index(name): value for name, value in at.items()}
    return sum(_free_at(p, sizes) for p in params)


def _free_at(param: Param, sizes: Mapping[Symbol, int]) -> int:
    """Counted as polyhedra where the entries are some, since there may be too many of them to look at each."""
    try:
        parts = pieces(param.domain.subs({s: Integer(value) for s, value in sizes.items()}))
        return sum(int(count(part, param.array.symbols)) for part in parts)
    except NotAffine:
        return _one_by_one(param, sizes)


def _one_by_one(param: Param, sizes: Mapping[Symbol, int]) -> int:
    ends = ((axis.symbol, (evaluate(axis.lower, sizes), evaluate(axis.upper, sizes))) for axis in param.array.axes)
    box = {symbol: (int(low), int(high)) for symbol, (low, high) in ends}
    shape = tuple(high - low + 1 for low, high in box.values())
    return int(np.broadcast_to(evaluate(param.free, {**sizes, **grid(box)}), shape).sum())


def example(form: Form) -> dict[str, int] | None:
    """The sizes that pages show numbers at; None for a form with a size of the user's own."""
    names = [s.name for s in form.sizes]
    if any(name not in EXAMPLE_SIZES for name in names):
        return None
    return {name: EXAMPLE_SIZES[name] for name in EXAMPLE_SIZES if name in names}


def grouped(number: int) -> str:
    """A whole number in groups of three, kept on one line.

    >>> grouped(3996001).replace("\\xa0", " ")
    '3 996 001'
    """
    return f"{number:,}".replace(",", "\xa0")
