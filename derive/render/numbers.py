"""How much a layer learns, stores and computes: as expressions in the sizes, and exactly at given ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sympy import And, Eq, Expr, Integer, Mul, Symbol

from derive.derivation import Counts
from derive.forms.conditions import pieces
from derive.forms.count import NotCountable, count
from derive.forms.expr import Read, index
from derive.forms.form import Form, Role
from derive.forms.notation import UNICODE
from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.proof.sized import at_sizes, free_at, needed

__all__ = [
    "EXAMPLE_SIZES",
    "Operations",
    "at_letters",
    "cost",
    "cost_text",
    "counts",
    "example",
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


def numbers(form: Form, at: Mapping[str, int]) -> dict[str, int]:
    """Free weights, biases, the weights' memory in float32, and operations, at these sizes: exactly, but for an upper bound.

    Raises DeriveError for a size of the layer that has no value, or one that the layer does not admit.
    """
    weights, biases = free_at(form, counts(form), at)
    spent = operations(form)
    if not spent.exact:
        spent = operations(form.at({index(name): Integer(value) for name, value in at.items()}))
    return {
        "weights": weights,
        "biases": biases,
        "bytes": 4 * weights,
        "operations": at_sizes(spent.number, at),
        **({} if spent.exact else {"at_most": True}),
    }


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
