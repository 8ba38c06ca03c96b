"""A form as one equation: for SymPy, and for people.

H[i, j] = u + Σ_a Σ_b V[a, b]·X[i + a, j + b]        |a|, |b| ≤ Δ, X = 0 outside
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from sympy import And, Eq, Expr, IndexedBase, Max, Min, Sum, Symbol

from derive.forms.expr import Read, Where, map_reads
from derive.forms.extension import WORDS, places_beyond
from derive.forms.form import Edge, Form
from derive.forms.notation import LATEX, UNICODE, Notation
from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.forms.ranges import write_conditions

__all__ = ["equation", "formula", "latex_formula", "sides"]

_GAP = " " * 8


def equation(form: Form) -> Eq:
    """The layer as a SymPy equation: H[i, j] = u + Σ_a Σ_b V[a, b]·X[i + a, j + b] with bounds of a and b.

    Under the edge rule 'zero' the bounds are those of the window, and X is 0 outside. Without terms it is H[i, j] = u.
    """
    if form.vanishes:
        return Eq(_indexed(form.output.entry()), _indexed(form.bias), evaluate=False)
    term = _indexed(form.weight * form.input.entry(form.read))
    right = _indexed(form.bias) + (Sum(term, *reversed(_limits(form))) if form.reduction else term)
    return Eq(_indexed(form.output.entry()), right, evaluate=False)


def _indexed(expression: Any) -> Expr:
    """Reads as SymPy's own indexed objects; the only entry of a scalar as a symbol."""

    def value(read: Read) -> Expr:
        base = read.array
        return IndexedBase(base)[read.subscripts] if read.subscripts else Symbol(base)

    return map_reads(expression, value)


def _limits(form: Form) -> list[tuple[Symbol, Expr, Expr]]:
    """For each summation index its bounds, given the places and the indices outside it."""
    symbols = form.reduction_symbols
    try:
        terms = Polyhedron.of(And(form.terms, form.given))
    except NotAffine:
        return [(axis.symbol, axis.lower, axis.upper) for axis in form.reduction]
    limits = []
    for depth, symbol in enumerate(symbols):
        shadow = terms.project(*symbols[depth + 1 :])
        lower, upper = shadow.simplify(terms.project(*symbols[depth:])).bounds(symbol)
        limits.append((symbol, Max(*lower), Min(*upper)))
    return limits


def formula(form: Form) -> str:
    """The equation and its conditions on one line of Unicode text.

    >>> from derive.forms.dense import dense_form
    >>> formula(dense_form(rank=1))
    'H[i] = U[i] + Σ_k W[i, k]·X[k]'
    """
    left, right, conditions = sides(form, UNICODE)
    text = f"{left} = {right}"
    return f"{text}{_GAP}{', '.join(conditions)}" if conditions else text


def latex_formula(form: Form) -> str:
    """The equation and its conditions as LaTeX mathematics."""
    left, right, conditions = sides(form, LATEX)
    text = f"{left} = {right}"
    return rf"{text} \qquad {LATEX.both.join(conditions)}" if conditions else text


def _input(form: Form, to: Notation) -> tuple[str, tuple[Expr, ...]]:
    """What a term reads: X, or beyond its edge X⁺ at the place itself."""
    beyond = places_beyond(form.input, form.read)
    if beyond is None:
        return form.input.name, form.read
    return f"{form.input.name}{'^{+}' if to is LATEX else '⁺'}", beyond[1]


def _continued(form: Form, to: Notation) -> tuple[str, ...]:
    """That X⁺ is X, continued beyond its edge."""
    beyond = places_beyond(form.input, form.read)
    if beyond is None:
        return ()
    name, words = form.input.name, WORDS[beyond[0]]
    return (
        rf"\mathsf{{{name}^{{+}}}} = \mathsf{{{name}}} \text{{ {words}}}"
        if to is LATEX
        else f"{name}⁺ = {name} {words}",
    )


@dataclass(frozen=True, slots=True)
class _Pieces:
    """What an equation is put together from: its left side, its bias if any, its sums and factors, its conditions."""

    left: str
    bias: tuple[str, ...]
    sums: tuple[str, ...]
    factors: tuple[str, ...]
    conditions: tuple[str, ...]

    def marked(self, beside: _Pieces, mark: str) -> _Pieces:
        """The same, with a mark on each piece that the other doesn't have."""
        known = {piece for part in fields(self) if part.name != "left" for piece in getattr(beside, part.name)}

        def own(pieces: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(piece if piece in known else mark.format(piece) for piece in pieces)

        left = self.left if self.left == beside.left else mark.format(self.left)
        return _Pieces(left, own(self.bias), own(self.sums), own(self.factors), own(self.conditions))


@lru_cache(maxsize=1024)
def _pieces(form: Form, to: Notation) -> _Pieces:
    """The sum has its weight before its input, as the layer has them; one without terms is left out."""
    if form.vanishes:
        return _Pieces(to(form.output.entry()), (to(form.bias),), (), (), ())
    name, places = _input(form, to)
    factors = [
        to.group.format(to(f)) if isinstance(f, Where) else to(f) for f in (form.weight, Read(name, *places)) if f != 1
    ]
    return _Pieces(
        left=to(form.output.entry()),
        bias=(to.group.format(to(form.bias)) if isinstance(form.bias, Where) else to(form.bias),)
        if form.bias != 0
        else (),
        sums=tuple((r"\sum_{{{}}}" if to is LATEX else "Σ_{}").format(to(s)) for s in form.reduction_symbols),
        factors=tuple(factors),
        conditions=_conditions(form, to),
    )


def _conditions(form: Form, to: Notation) -> tuple[str, ...]:
    """What restricts the sum. A letter that runs through a whole axis of the input needs no condition."""
    whole = [
        axis.holds(place)
        for axis, place in zip(form.input.axes, form.read, strict=True)
        if isinstance(place, Symbol) and place in form.reduction_symbols
    ]
    known = And(form.output.holds(), form.given, *whole)
    letters = (*form.output.symbols, *form.reduction_symbols)
    conditions = write_conditions(form.terms, letters, to, known)
    if form.edge is Edge.ZERO:
        outside = r"{} = 0 \text{{ outside}}" if to is LATEX else "{} = 0 outside"
        conditions += (outside.format(to(Read(form.input.name))),)
    return conditions + _continued(form, to)


def sides(form: Form, to: Notation, beside: Form | None = None) -> tuple[str, str, tuple[str, ...]]:
    """Left side, right side, and what restricts the sum; what the form `beside` doesn't have is marked."""
    made = _pieces(form, to)
    if beside is not None:
        made = made.marked(_pieces(beside, to), to.mark)
    total = " ".join([*made.sums, to.product.join(made.factors)])
    return made.left, " + ".join([*made.bias, *([total] if total else [])]), made.conditions
