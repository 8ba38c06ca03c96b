"""Translations that wrap around: o ⟶ o + s, less the size where that is too far; a total action.

An orbit of places along one axis is named by the differences to the first of them, wrapped: k - i, or k - i + n where k < i.
"""

from __future__ import annotations

from sympy import And, Expr, Ge, Integer, Le, Lt, Symbol

from derive.errors import RuleRefused
from derive.forms.dense import offset_letters
from derive.forms.expr import Where
from derive.forms.form import Form
from derive.groups._group import Action, Element, Tie

__all__ = ["tie_wrapped", "wrapping"]


def wrapping(form: Form, axes: tuple[int, ...], shifts: tuple[Symbol, ...]) -> Element:
    """The shift by s of these grid axes. Raises RuleRefused where an axis has two sizes."""
    out, source, given = {}, {}, []
    for p, s in zip(axes, shifts, strict=True):
        o, k = form.output.axes[form.grid(form.output)[p]], form.input.axes[form.grid(form.input)[p]]
        if o.extent != k.extent:
            raise RuleRefused(
                f"On a torus the axes {o.symbol} and {k.symbol} have one size; they have {o.extent} and {k.extent}."
            )
        given.append(And(Le(0, s), Le(s, o.extent - 1)))
        out[o.symbol], source[k.symbol] = (_wrapped(x + s, o.extent) for x in (o.symbol, k.symbol))
    return Element(shifts, And(*given), out, source, f"T_{{{','.join(s.name for s in shifts)}}}", "a shift")


def _wrapped(place: Expr, size: Expr) -> Expr:
    return Where(Ge(place, size), place - size, place)


def _size(element: Element, s: Symbol) -> Expr:
    """The size that a shift wraps at, read off the element."""
    return next(e.args[0].rhs for e in element.out.values() if e.has(s))


def tie_wrapped(action: Action) -> Tie:
    """The wrapped differences. Raises RuleRefused for weights that are no longer called by their places."""
    (element,), (moved,) = action.elements, action.moved
    names: dict[Symbol, tuple[Symbol, Expr]] = {}
    base: dict[Symbol, Expr] = {p: p for p in action.letters}
    carry: dict[Symbol, Expr] = {}
    acting = [s for s in element.letters for p in action.letters if moved[p].has(s)]
    fresh = iter(offset_letters(max(1, len(acting) - len(set(acting)))))
    for s in element.letters:
        size = _size(element, s)
        mine = [p for p in action.letters if moved[p].has(s)]
        if any(moved[p] != _wrapped(p + s, size) for p in mine):
            raise RuleRefused(
                "A shift that wraps ties weights that are called by their places; state it of the dense layer."
            )
        if mine:
            first, *others = mine
            base[first], carry[s] = Integer(0), Where(Le(first, 0), 0, size - first)
            for p in others:
                name = next(fresh)
                names[p], base[p] = (name, Where(Lt(p, first), p - first + size, p - first)), name
    gone = {p for p in action.letters if moved[p] != p} - set(names)
    orbit = tuple(names.get(p, (p, p)) for p in action.letters if p not in gone)
    inside = action.entries.substitute(base)
    return Tie(orbit, (inside,), And(inside.conditions, action.rest.xreplace(base)), base, ((0, carry),))
