"""How much a layer learns, stores and computes: as expressions in the sizes, and exactly at given ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from sympy import And, Eq, Expr, Integer, Mul, Symbol, true

from derive.derivation import Counts
from derive.errors import DeriveError
from derive.forms.conditions import pieces
from derive.forms.count import NotCountable, count
from derive.forms.evaluate import evaluate, grid
from derive.forms.expr import Read, index
from derive.forms.form import Form, Param, Role
from derive.forms.notation import UNICODE
from derive.forms.polyhedron import NotAffine, Polyhedron

__all__ = [
    "EXAMPLE_SIZES",
    "Operations",
    "at_letters",
    "at_sizes",
    "cost",
    "cost_text",
    "counts",
    "example",
    "free_entries",
    "needed",
    "numbers",
    "operations",
]

EXAMPLE_SIZES: Mapping[str, int] = {
    "N": 1000, "K": 10**6, "n": 1000, "m": 1000, "p": 1000, "Delta": 1, "C": 3, "D": 64,
}  # fmt: skip


@lru_cache(maxsize=256)
def counts(form: Form) -> Counts:
    """The free parameters of one form."""
    return Counts.of(form)


@dataclass(frozen=True, slots=True)
class Operations:
    """How many operations one pass takes: exactly, or at most so many where the exact number has too many cases."""

    number: Expr
    exact: bool


@lru_cache(maxsize=256)
def operations(form: Form) -> Operations:
    """A multiplication and an addition for each term of the form.

    A condition that is left out admits more terms and no fewer: without those between places and taps, else without all
    but the letters' ranges, the number is an upper bound.
    """
    told = _told(form)
    letters = tuple(s for s in (*form.output.symbols, *form.reduction_symbols) if s not in told)
    terms = [part for part in And.make_args(form.terms) if not part.has(Read) and not part.free_symbols & told]
    places = set(form.output.symbols)
    apart = [p for p in terms if not p.free_symbols & places or not p.free_symbols & {*form.reduction_symbols}]
    for parts in (terms, apart):
        try:
            return Operations(2 * _points(parts, letters, form), len(parts) == len(terms))
        except (NotAffine, NotCountable):
            continue
    axes = {axis.symbol: axis for axis in (*form.output.axes, *form.reduction)}
    return Operations(2 * Mul(*(axes[s].extent for s in letters)), False)


def _points(conditions: Iterable[Any], letters: tuple[Symbol, ...], form: Form) -> Expr:
    """How many values of the letters satisfy all of the conditions."""
    given = Polyhedron.of(form.given)
    return sum((count(part, letters, given) for part in pieces(And(*conditions))), start=Integer(0))


def cost(form: Form) -> Expr:
    """The operations of one pass as an expression: see `operations`.

    >>> from derive.forms.dense import dense_form
    >>> cost(dense_form(rank=1))
    2*n**2
    """
    return operations(form).number


def _told(form: Form) -> set[Symbol]:
    """Letters that a table gives in terms of the others, such as t = T[i, k]: a term has one value of them, inside their range."""
    equations = (e for e in And.make_args(form.domain) if isinstance(e, Eq) and e.has(Read))
    return {s for e in equations for s in e.args if isinstance(s, Symbol)}


def cost_text(form: Form) -> str:
    """The operations as Unicode text, with "at most" before an upper bound.

    >>> from derive.forms.dense import dense_form
    >>> cost_text(dense_form(rank=2))
    '2·n²·m²'
    """
    found = operations(form)
    return UNICODE(found.number) if found.exact else f"at most {UNICODE(found.number)}"


def at_sizes(expression: Any, at: Mapping[str, int]) -> int:
    """The whole number that an expression in the sizes is. Raises DeriveError for a size without a value."""
    value = Integer(0) + expression
    if missing := sorted(s.name for s in value.free_symbols if s.name not in at):
        raise DeriveError(f"The size {missing[0]} has no value; state it, as in {missing[0]}=10.")
    return int(value.subs({index(name): Integer(number) for name, number in at.items()}))


def numbers(form: Form, at: Mapping[str, int]) -> dict[str, int]:
    """Free weights, biases, the weights' memory in float32, and operations, at these sizes: exactly, but for an upper bound.

    Raises DeriveError for a size of the layer that has no value, or one that the layer does not admit.
    """
    if missing := [s.name for s in form.sizes if s.name not in at]:
        raise DeriveError(f"The size {missing[0]} has no value; state it, as in {missing[0]}=10.")
    if wrong := needed(form, at):
        raise DeriveError(f"The layer needs {wrong}, which these sizes are not.")
    own = counts(form)
    weights = free_entries(form, form.weights, own.exact_weight, at)
    spent = operations(form)
    if not spent.exact:
        spent = operations(form.at({index(name): Integer(value) for name, value in at.items()}))
    return {
        "weights": weights,
        "biases": free_entries(form, form.biases, own.exact_bias, at),
        "bytes": 4 * weights,
        "operations": at_sizes(spent.number, at),
        **({} if spent.exact else {"at_most": True}),
    }


def needed(form: Form, at: Mapping[str, int]) -> str:
    """What the form needs of its sizes that these are not, such as "n ≥ 1" or "a number for m"; nothing where it admits them."""
    if missing := [UNICODE(s) for s in form.sizes if s.name not in at]:
        return f"a number for {missing[0]}"
    sizes = {s: Integer(at[s.name]) for s in form.sizes}
    parts = sorted(And.make_args(form.given), key=str)
    return next((UNICODE(part) for part in parts if not bool(part.xreplace(sizes))), "")


def free_entries(form: Form, params: tuple[Param, ...], exact: Expr | None, at: Mapping[str, int]) -> int:
    """How many free entries there are at these sizes, of weights as many as W tells: by an expression, or entry by entry."""
    sizes = {index(name): value for name, value in at.items()}
    if exact is None and form.shared and params is form.weights:
        own, numbers = counts(form), {s: Integer(value) for s, value in sizes.items()}
        exact = own.weight if own.when.xreplace(numbers) == true else counts(form.at(numbers)).exact_weight
    if exact is not None:
        return at_sizes(exact, at)
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
    """The sizes that pages show numbers at, whatever their letters; None for a form that admits no such sizes.

    >>> from derive.forms.dense import dense_form
    >>> example(dense_form(outputs="q", inputs="n"))
    {'n': 1000, 'q': 1000}
    """
    names = [s.name for s in form.sizes]
    known = {name: number for name, number in EXAMPLE_SIZES.items() if name in names}
    found = known | {s.name: _usual(form, s) for s in form.sizes if s.name not in known}
    return None if needed(form, found) else found


def _usual(form: Form, size: Symbol) -> int:
    """A number for a letter that has none by name: of places, of channels, or of anything else, such as a rank."""
    axes = (axis for array in (form.output, form.input) for axis in array.axes)
    roles = {axis.role for axis in axes if size in axis.extent.free_symbols}
    return 1000 if Role.GRID in roles else 2 if Role.CHANNEL in roles else 1


def at_letters(sizes: Mapping[str, int]) -> str:
    """Sizes in words, those of the grid apart from the others.

    >>> at_letters({"n": 1000, "m": 1000, "Delta": 1})
    'n = m = 1000, Δ = 1'
    """
    groups: dict[tuple[int, bool], list[str]] = {}
    for name, value in sizes.items():
        groups.setdefault((value, name in "nmp"), []).append(UNICODE(index(name)))
    return ", ".join(" = ".join((*names, str(value))) for (value, _), names in groups.items())
