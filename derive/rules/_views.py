"""One trilinear sum seen from each of its three arrays.

    T(G, V, X) = Σ_o Σ_r G[o]·V[ω(o, r)]·X[ι(o, r)]

is the layer as the factor of G[o], its adjoint as the factor of X[k], and its gradient by V as the factor of V[p]. Each
view runs through the same terms, in other letters: what names the output is solved for, what is left is summed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sympy import And, Eq, Expr, Max, Min, Mod, Symbol, expand

from derive.forms.conditions import split
from derive.forms.expr import Read, index, reads
from derive.forms.form import Array, Axis, Edge, Form, Param
from derive.remembered import both, replaced
from derive.rules._known import implied
from derive.rules._windows import simplified_terms

__all__ = ["Letters", "Terms", "domain_of", "inlined", "seen_from", "solve", "terms_by"]

Letters = dict[Symbol, Expr]
Equation = tuple[Symbol, Expr]


@dataclass(frozen=True)
class Terms:
    """The live terms of a form, named by the entry of another array and what is left to sum over.

    down    the form's letters in terms of the new ones
    up      the new letters in terms of the form's
    """

    output: Array
    reduction: tuple[Axis, ...]
    domain: Any
    down: Mapping[Symbol, Expr]
    up: Mapping[Symbol, Expr]


def solve(equations: Iterable[tuple[Symbol, Expr]], order: tuple[Symbol, ...]) -> tuple[Letters, list[Equation]]:
    """The letters, those first in `order` first, that the equations name = expression determine by steps of one.

    With them the equations that determine none, such as k = (i + a) mod n or k = 2i: they stay conditions on terms.
    The names are marked, since an old letter may be called the same.
    """
    solved: Letters = {}
    waiting = [(name, expand(e)) for name, e in equations]
    progress = True
    while waiting and progress:
        progress = False
        for equation in waiting:
            name, expression = equation[0], expand(replaced(equation[1], solved))
            free = [s for s in order if s in expression.free_symbols and s not in solved]
            unit = [s for s in free if _steps_by_one(expression, s)]
            if unit:
                sign = expression.coeff(unit[0])
                value = expand(sign * (_mark(name) - (expression - sign * unit[0])))
                solved = {s: expand(replaced(e, {unit[0]: value})) for s, e in solved.items()} | {unit[0]: value}
                waiting.remove(equation)
                progress = True
                break
    return solved, [(name, replaced(e, solved)) for name, e in waiting]


def _steps_by_one(expression: Expr, letter: Symbol) -> bool:
    """Whether the expression is ± the letter plus something without it."""
    sign = expression.coeff(letter)
    return sign in (1, -1) and letter not in expand(expression - sign * letter).free_symbols


def _mark(name: Symbol) -> Symbol:
    """The new letter, kept apart from an old one of the same name until all is solved."""
    return Symbol(f"{name.name}'", integer=True)


def terms_by(form: Form, output: Array, subscripts: tuple[Expr, ...]) -> Terms:
    """The form's live terms by the entry of `output` that they touch, at `subscripts` in the form's letters."""
    equations = list(zip(output.symbols, subscripts, strict=True))
    axes = {axis.symbol: axis for axis in (*form.output.axes, *form.reduction)}
    order = (*form.output.symbols, *form.reduction_symbols)
    solved, conditions = solve(equations, order)
    left = [s for s in (*form.reduction_symbols, *form.output.symbols) if s not in solved]
    stroke = {s: index(f"{s.name}_") if s in output.symbols else s for s in left}
    unmarked = stroke | {_mark(name): name for name in output.symbols}
    down = {s: replaced(e, unmarked) for s, e in solved.items()} | stroke
    up = dict(equations) | {stroke[s]: s for s in left}
    held = both(*(Eq(name, replaced(value, unmarked)) for name, value in conditions))
    terms = Terms(output, tuple(replace(axes[s], symbol=stroke[s]) for s in left), held, down, up)
    return _in_order(form, _named_by_weight(form, terms))


def _in_order(form: Form, terms: Terms) -> Terms:
    """Summed letters in the order in which the weight mentions them, numbers last, so that a form has one name.

    Coordinates in a basis, which numbers and weights share and the input doesn't tell, come first.
    """
    numbers = {p.name for p in form.weights if p.values is not None}
    named = {p.name: number for number, p in enumerate(sorted(form.weights, key=lambda p: p.name in numbers))}
    found = sorted(reads(form.weight), key=lambda r: named.get(r.array, len(named)))
    places = [replaced(e, dict(terms.down)).free_symbols for r in found for e in r.subscripts]
    order = {a.symbol: next((p for p, s in enumerate(places) if a.symbol in s), len(places)) for a in terms.reduction}
    read = {s for e in form.read for s in e.free_symbols}
    told = {s for r in found if r.array in numbers for s in r.free_symbols} - read
    order |= {terms.down[s]: -1 for s in form.reduction_symbols if s in told and terms.down.get(s) in order}
    return replace(terms, reduction=tuple(sorted(terms.reduction, key=lambda a: order[a.symbol])))


def _named_by_weight(form: Form, terms: Terms) -> Terms:
    """Where a summed letter stands in the weight with step one, the weight's own letter takes its place: k - i is a."""
    if not isinstance(form.weight, Read) or not any(p.name == form.weight.array for p in form.weights):
        return terms
    param = next(p for p in form.weights if p.name == form.weight.array)
    if param.data and param.values is None:
        return terms
    outputs = set(terms.output.symbols)
    for axis, subscript in zip(param.array.axes, form.weight.subscripts, strict=True):
        place = expand(replaced(subscript, dict(terms.down)))
        summed = [a.symbol for a in terms.reduction if a.symbol in place.free_symbols]
        known = {*outputs, *(a.symbol for a in terms.reduction)}
        if place == axis.symbol or len(summed) != 1 or place.coeff(summed[0]) not in (1, -1) or axis.symbol in known:
            continue
        old, sign = summed[0], place.coeff(summed[0])
        value = {old: expand(sign * (axis.symbol - (place - sign * old)))}
        terms = replace(
            terms,
            reduction=tuple(axis if a.symbol == old else a for a in terms.reduction),
            domain=replaced(terms.domain, value),
            down={s: expand(replaced(e, value)) for s, e in terms.down.items()},
            up={axis.symbol if s == old else s: expand(subscript) if s == old else e for s, e in terms.up.items()},
        )
    return terms


def inlined(form: Form, terms: Terms) -> Terms:
    """Without the summed letters that an equation gives: the terms with k = 2a + 3i are one for each a, i, and read 2a + 3i.

    So the equations that a first view leaves, where nothing steps by one, are what a second one reads.
    """
    down = dict(terms.down)
    for axis in terms.reduction:
        equations = (e for e in And.make_args(replaced(form.live, down)) if isinstance(e, Eq))
        sides = ((e.args, e.args[::-1]) for e in equations)
        letter = axis.symbol
        told = [y for both_ in sides for x, y in both_ if x == letter and letter not in y.free_symbols]
        if told and not told[0].has(Read):
            down = {s: expand(replaced(e, {letter: told[0]})) for s, e in down.items()}
            terms = replace(
                terms,
                reduction=tuple(a for a in terms.reduction if a.symbol != letter),
                domain=replaced(terms.domain, {letter: told[0]}),
                down=down,
                up={s: e for s, e in terms.up.items() if s != letter},
            )
    return terms


def seen_from(param: Param, terms: Terms) -> Param:
    """The same entries, each with the term that reads it in the new letters."""
    term = dict(param.reader)
    return param if param.data else replace(param, reader=tuple((s, replaced(e, term)) for s, e in terms.up.items()))


def domain_of(form: Form, terms: Terms, read: Array, places: tuple[Expr, ...], edge: Edge) -> object:
    """The conditions on the new terms that the boxes of the new letters don't say."""
    inside = (read.holds(places),) if edge is Edge.ZERO else ()
    affine, rest = split(both(replaced(form.live, dict(terms.down)), terms.domain))
    live = both(affine.conditions, rest)
    parts = And.make_args(simplified_terms(live, terms.output, terms.reduction, form.given, *inside))
    known = both(terms.output.holds(), form.given, *(axis.holds() for axis in terms.reduction), *inside)
    return both(*(p for p in parts if not p.has(Mod, Min, Max) or not implied(known, p)))
