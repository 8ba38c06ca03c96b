"""Separable: a window that is a sum of R products of windows along one axis each.

    Σ_a Σ_b V[a, b]·X[i + a, j + b]   ⟶   Σ_r Σ_a Σ_b P[r, a]·Q[r, b]·X[i + a, j + b]        where V[a, b] = Σ_r P[r, a]·Q[r, b]

for r < R. A factorisation: it keeps the windows of rank R at most, and names each by many P and Q. Of the R·(p + q)
parameters only R·(p + q - R) matter, where p and q are the window's sides and R ≤ min(p, q): P and Q may be multiplied by any
regular R × R matrix and its inverse. Of three factors R·(p + q + s - 2) matter where R ≤ min(p, q, s), of d all but R·(d - 1)
likewise: only scales go from one to another. More products of numbers are counted at one point, 4 on 3 × 3 × 3 with 26 dimensions
too, where R - 1 is no more than any side or a bound is reached; no dimension is told of masks with symbols and of more products
than a named side.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

from sympy import And, Expr, Ge, Integer, Max, Min, Or, Sum, Symbol

from derive.errors import RuleRefused
from derive.forms.arguments import is_count, is_name, said
from derive.forms.conditions import simplified, split
from derive.forms.dense import dense_form
from derive.forms.expr import Read, Where, index
from derive.forms.form import Array, Axis, Form, Param, Role
from derive.groups.translations import Translations
from derive.proof.step import ArrayMap, Kind, Step, SubStep, View
from derive.rules._maps import same_entries, same_letters
from derive.rules._rule import Case, rule
from derive.rules.equivariant import equivariant
from derive.rules.local import local
from derive.rules.reindex import reindex

__all__ = ["separable"]

_NAMES = ("P", "Q", "S", "T")


@rule(Kind.FACTORISATION)
def separable(form: Form, rank: str | int = 1) -> Step:
    """Write the window as a sum of `rank` products, one factor for each grid axis: P, Q, S. Other letters stay on every factor."""
    (param,) = form.weights if len(form.weights) == 1 else (None,)
    if param is None or not isinstance(form.weight, Read) or param.data:
        raise RuleRefused("Rule 'separable' factors one array of free weights; this form has another coefficient.")
    offsets = _offsets(form, param)
    size = _size(form, rank)
    r = Axis(_free_letter(form, size), Integer(0), size - 1, Role.CHANNEL)
    given = And(form.given, Ge(size, 1))
    factors = tuple(_factor(form, param, name, a, offsets, r, given) for name, a in zip(_NAMES, offsets, strict=False))
    product: Expr = Integer(1)
    for factor in factors:
        product = product * factor.array.entry()
    places = dict(zip(param.array.symbols, form.weight.subscripts, strict=True))
    after = replace(
        form,
        reduction=(r, *form.reduction),
        weight=product.xreplace(places),
        weights=factors,
        given=given,
        shared=True,
    )
    same, entry = same_letters(form), param.array.entry()
    total = Sum(product, (r.symbol, r.lower, r.upper))
    return Step(
        rule="",
        kind=Kind.FACTORISATION,
        statement=separable.statement,
        reason=f"The window is a sum of {rank} products of windows along one axis.",
        before=form,
        after=after,
        embeddings=(ArrayMap(param.name, param.array.symbols, total), *same_entries(form.biases)),
        sections=(),
        to_before=same,
        to_after=same,
        argument=(SubStep("The window is a sum of products", entry, total),),
        view=View.FACTORED,
    )


def _size(form: Form, rank: str | int) -> Expr:
    """How many products the factors are added up from."""
    if not is_count(rank) and not is_name(rank):
        raise RuleRefused(f"A rank is a whole number from 1 or a name; {said(rank)} is neither.")
    size: Expr = index(rank) if isinstance(rank, str) else Integer(rank)
    if size in form.sizes:
        raise RuleRefused(f"Rule 'separable' needs a rank of its own; {size} is a size of the layer.")
    return size


def _offsets(form: Form, param: Param) -> tuple[Symbol, ...]:
    """The window's letters, one for each grid axis, whose ranges don't depend on each other."""
    found = tuple(s for q in form.grid(form.input) for s in param.array.symbols if s in form.read[q].free_symbols)
    summed = tuple(s for s in found if s in form.reduction_symbols)
    if found != summed or len(summed) != len(form.grid(form.input)) or len(summed) < 2:
        raise RuleRefused("Rule 'separable' needs tied weights with one offset for each of two grid axes or more.")
    tied = dict(zip(param.array.symbols, getattr(form.weight, "subscripts", ()), strict=True))
    if any(tied[s] != s for s in summed):
        raise RuleRefused(
            "Rule 'separable' factors a window of free entries; a symmetry that ties those of this one isn't one of products."
        )
    if len(summed) > len(_NAMES):
        raise RuleRefused(f"Rule 'separable' names {len(_NAMES)} factors; the grid has {len(summed)} axes.")
    return summed


def _free_letter(form: Form, size: Expr) -> Symbol:
    taken = {size, *form.output.symbols, *form.reduction_symbols, *form.input.symbols, *form.sizes}
    taken |= {s for p in form.params for s in p.array.symbols}
    return next(index(name) for name in ("r", "s", "t", "r_") if index(name) not in taken)


def _factor(
    form: Form, param: Param, name: str, offset: Symbol, offsets: tuple[Symbol, ...], r: Axis, given: Expr
) -> Param:
    """The window along one axis, for every r and all other letters; an entry is read beside the others' entries nearest to 0."""
    gone = [s for s in offsets if s != offset]
    axes = tuple(axis for axis in param.array.axes if axis.symbol not in gone)
    array = Array(name, (r, *axes))
    body, rest = split(param.free)
    numeric = all(e.is_Integer for a in param.array.axes if a.symbol in gone for e in (a.lower, a.upper))
    if numeric and rest.free_symbols & set(gone):
        free, reader = _beside(param, gone)
    else:
        near = {a.symbol: Max(a.lower, Min(a.upper, 0)) for a in param.array.axes if a.symbol in gone}
        reader = tuple((s, e.xreplace(near)) for s, e in param.reader)
        free = And(body.project(*gone).conditions, rest.xreplace(near))
    return Param(array, simplified(free, array.holds(), given), ((r.symbol, r.symbol), *reader))


def _beside(param: Param, gone: list[Symbol]) -> tuple[Any, tuple[tuple[Symbol, Expr], ...]]:
    """Where some entry of a window of numbers is free beside that of a factor, and the first such, from the middle outwards."""
    ends = [(a.lower, a.upper) for a in param.array.axes if a.symbol in gone]
    places = product(*(range(int(low), int(high) + 1) for low, high in ends))
    options = []
    for place in sorted(places, key=lambda p: (sum(map(abs, p)), p)):
        at = dict(zip(gone, map(Integer, place), strict=True))
        options.append((param.free.xreplace(at), {s: e.xreplace(at) for s, e in param.reader}))
    found = options[-1][1]
    for free, read in reversed(options[:-1]):
        found = {s: Where(free, read[s], e) for s, e in found.items()}
    return Or(*(free for free, _ in options)), tuple(found.items())


_TIED = equivariant(Translations()).apply(reindex().apply(dense_form(rank=2)).after).after
EXAMPLE = Case(local("Delta").apply(_TIED).after, separable("R"))
COUNTEREXAMPLE = Case(reindex().apply(dense_form(rank=2)).after, separable(1), residue="needs tied weights")
