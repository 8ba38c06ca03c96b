"""Translations that wrap around: o ⟶ o + s, less the size where that is too far; a total action.

An orbit of places along one axis is named by the differences to the first of them, wrapped: k - i, or k - i + n where k < i. By a
step that divides the size, o ⟶ o + t·s, it is named by the phase i mod t of the first one too. Where t doesn't divide n, its
multiples are those of gcd(t, n): a size has to be stated that it divides.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd

from sympy import And, Expr, Ge, Integer, Le, Lt, Mod, Symbol, expand, floor

from derive.errors import RuleRefused, StatedLate
from derive.forms.dense import offset_letters
from derive.forms.expr import Read, Where
from derive.forms.form import Form
from derive.forms.polyhedron import Polyhedron
from derive.groups._group import Action, Element, Tie

__all__ = ["around", "tie_wrapped", "wrapping", "wraps"]


def wrapping(form: Form, axes: tuple[int, ...], shifts: tuple[Symbol, ...], steps: tuple[int, ...]) -> Element:
    """The shift by s steps along each axis. Raises RuleRefused for an axis of two sizes, or one that no steps lead around."""
    out, source, given = {}, {}, []
    for p, s, step in zip(axes, shifts, steps, strict=True):
        o, k = form.output.axes[form.grid(form.output)[p]], form.input.axes[form.grid(form.input)[p]]
        if o.extent != k.extent:
            raise RuleRefused(
                f"On a torus the axes {o.symbol} and {k.symbol} have one size; they have {o.extent} and {k.extent}."
            )
        given.append(And(Le(0, s), Le(s, _turns(o.extent, step) - 1)))
        out[o.symbol], source[k.symbol] = (_wrapped(x + step * s, o.extent) for x in (o.symbol, k.symbol))
    return Element(shifts, And(*given), out, source, f"T_{{{','.join(s.name for s in shifts)}}}", "a shift")


def _turns(size: Expr, step: int) -> Expr:
    """How many steps lead around. Raises RuleRefused where the step doesn't divide the size, whatever its letters are."""
    turns = expand(size / step)
    if all(c.is_Integer for c in turns.as_coefficients_dict().values()):
        return turns
    common = f"gcd({step}, {size})" if size.free_symbols else str(gcd(step, int(size)))
    fitting = (
        f'a multiple of {step}, such as "{step}*n"' if size.free_symbols else f"a multiple of {step}, or step={common}"
    )
    raise RuleRefused(
        f"On a torus of {size} places shifts by {step} are those by {common}, and {step} needn't divide {size}: state {fitting}."
    )


def wraps(form: Form, subscript: Expr) -> tuple[Symbol, Expr] | None:
    """The output's letter and the size of a difference that gets the grid's size where it is less than 0; None for others."""
    if not isinstance(subscript, Where):
        return None
    size, difference = expand(subscript.args[1] - subscript.args[2]), subscript.args[2]
    letters = [o for o in form.output.symbols if difference.has(o)]
    return (letters[0], size) if letters and size in {axis.extent for axis in form.input.axes} else None


def around(form: Form, axes: tuple[int, ...]) -> tuple[Expr, ...] | None:
    """The sizes of the torus that weights called by differences say that these axes are; None where one of them is none."""
    if not isinstance(form.weight, Read):
        return None
    found = dict(filter(None, (wraps(form, e) for e in form.weight.subscripts)))
    places = [form.output.axes[form.grid(form.output)[p]] for p in axes]
    return tuple(o.extent for o in places) if all(found.get(o.symbol) == o.extent for o in places) else None


def _wrapped(place: Expr, size: Expr) -> Expr:
    return Where(Ge(place, size), place - size, place)


def _size(element: Element, s: Symbol) -> Expr:
    """The size that a shift wraps at, read off the element."""
    return next(e.args[0].rhs for e in element.out.values() if e.has(s))


def tie_wrapped(action: Action, steps: Mapping[Symbol, int]) -> Tie:
    """The phases and the wrapped differences. Raises RuleRefused for weights that are no longer called by their places."""
    (element,), (moved,) = action.elements, action.moved
    names: dict[Symbol, tuple[Symbol, Expr]] = {}
    base: dict[Symbol, Expr] = {p: p for p in action.letters}
    carry: dict[Symbol, Expr] = {}
    ends: dict[Symbol, Expr] = {}
    acting = [s for s in element.letters for p in action.letters if moved[p].has(s)]
    offsets = (*offset_letters(max(1, len(acting) - len(set(acting)))), *offset_letters(len(action.letters) + 3))
    fresh = iter(dict.fromkeys(s for s in offsets if s not in action.letters))
    for s, step in steps.items():
        size = _size(element, s)
        mine = [p for p in action.letters if moved[p].has(s)]
        if any(moved[p] != _wrapped(p + step * s, size) for p in mine):
            raise StatedLate(
                "A shift that wraps ties weights that are called by their places; state it of the dense layer."
            )
        if mine:
            first, *others = mine
            base[first], carry[s] = _first(first, size, step)
            if step > 1:
                names[first], ends[first] = (first, Mod(first, step)), Integer(step)
            for p in others:
                name = next(fresh)
                names[p], ends[name] = (name, Where(Lt(p, first), p - first + size, p - first)), size
                base[p] = name if step == 1 else _wrapped(first + name, size)
    gone = {p for p in action.letters if moved[p] != p} - set(names)
    orbit = tuple(names.get(p, (p, p)) for p in action.letters if p not in gone)
    inside = _whole(action, moved, ends) if max(steps.values()) > 1 else action.entries.substitute(base)
    return Tie(orbit, (inside,), And(inside.conditions, action.rest.xreplace(base)), base, ((0, carry),))


def _first(letter: Symbol, size: Expr, step: int) -> tuple[Expr, Expr]:
    """The first place of an orbit, which by a step its phase stands for, and how many steps lead to it."""
    if step == 1:
        return Integer(0), Where(Le(letter, 0), 0, size - letter)
    return letter, Where(Lt(letter, step), 0, _turns(size, step) - floor(letter / step))


def _whole(action: Action, moved: Mapping[Symbol, Expr], ends: Mapping[Symbol, Expr]) -> Polyhedron:
    """All phases and differences. Raises RuleRefused where only some of the entries count."""
    around = {p: e.args[0].rhs for p, e in moved.items() if e != p}
    box = Polyhedron.of(*(And(Le(0, p), Le(p, size - 1)) for p, size in around.items()))
    rest = action.entries.project(*around)
    if not (box & rest).implies(action.entries):
        raise RuleRefused(
            "A shift that wraps by a step ties all entries of an axis; state what drops some of them after it."
        )
    return rest & Polyhedron.of(*(And(Le(0, p), Le(p, end - 1)) for p, end in ends.items()))
