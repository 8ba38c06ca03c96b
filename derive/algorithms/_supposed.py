"""Weights that are made of fewer numbers: the form that reads these in their place, and why it is the same layer.

    Σ_a Σ_b V[a, b]·X[i + a, j + b]   ⟶   Σ_r Σ_a Σ_b P[r, a]·Q[r, b]·X[i + a, j + b]      where V[a, b] = Σ_r P[r, a]·Q[r, b]

That V has this value at every tap is found when a plan is made, from its entries. What is proved for all sizes is that every live
term reads the window's entry at its taps, and that the other form reads there the entries whose products make it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sympy import And, Eq, Expr, Ge, Integer, Le, Lt, Mul, Symbol, true

from derive.algorithms._inlined import staged_obligations
from derive.algorithms._weights import gathered
from derive.algorithms._window import Window
from derive.errors import NoLowering
from derive.forms.expr import Read
from derive.forms.form import Array, Axis, Form, Param, Role, equal_places
from derive.ir.nodes import Access, Copy, Loop, Range
from derive.ir.stages import Stage, Staged
from derive.ir.supposed import Supposed
from derive.proof.goal import Goal, Obligation
from derive.remembered import built

__all__ = ["Part", "made_of", "obligations"]

ZERO = Integer(0)
Part = tuple[str, tuple[tuple[Symbol, Expr, Expr], ...]]  # a name, and for each axis its letter, extent and subscript


def made_of(
    found: Window,
    parts: tuple[Part, ...],
    says: str,
    by: str,
    axes: tuple[int, ...] = (),
    ranks: tuple[tuple[Symbol, Symbol], ...] = (),
) -> Supposed:
    """That the window is Π parts, summed over `ranks`, each a letter and how many values it has."""
    if found.mask != true:
        raise NoLowering("it needs a window whose taps are all live")
    if not found.plain:
        raise NoLowering("it needs one array of weights, which no numbers are multiplied with")
    form, up = found.form, {s: e for s, e in found.up().items() if s not in {m.place for m in found.moving}}
    letters = (*(m.tap for m in found.taps if m.tap is not None), *(a.symbol for a in found.shared))
    extents = (*(m.taps for m in found.taps), *(a.extent for a in found.shared))
    name, rooms, seen = gathered(found, letters, extents)
    weights = tuple(_param(part) for part in parts)
    reads = (Read(part, *(place.xreplace(up) for _, _, place in places)) for part, places in parts)
    more = tuple(Axis(s, ZERO, size - 1, Role.CHANNEL) for s, size in ranks)
    sizes = tuple(size for _, size in ranks)
    given = And(form.given, *(built(Ge, s, 1) for s in sizes))
    other = replace(
        form,
        reduction=(*more, *form.reduction),
        weight=Mul(*reads),
        weights=weights,
        given=given,
        shared=bool(ranks) or form.shared,
    )
    arguments, _ = found.storage(frozenset())
    entries = tuple(Access(part, tuple(place for _, _, place in places)) for part, places in parts)
    kept = tuple((s, e) for s, e in up.items() if s in letters)
    return Supposed(says, other, Access(name, letters), entries, kept, by, axes, seen, rooms, sizes, arguments)


def _param(part: Part) -> Param:
    name, axes = part
    return Param(Array(name, tuple(Axis(s, ZERO, extent - 1) for s, extent, _ in axes)), true, ())


def obligations(program: Staged, form: Form) -> tuple[Obligation, ...]:
    """What proves a program in stages to be its form; if it has supposed something of the weights, for weights that are so.

    Raises NoLowering for a program that has supposed something of another layer.
    """
    supposed = program.supposed
    if supposed is None:
        return staged_obligations(program, form)
    _check_same(supposed, form)
    goals = (*_given(supposed, form), *_read(supposed, form), *_replaced(supposed, form))
    says = f"The form that '{program.name}' denotes is the layer where {supposed.says}."
    return (*staged_obligations(program, supposed.form), Obligation("supposed", says, goals))


def _check_same(supposed: Supposed, form: Form) -> None:
    other = supposed.form
    names = ("output", "input", "read", "domain", "bias", "biases", "edge", "tables")
    same = all(getattr(other, name) == getattr(form, name) for name in names)
    if not same or tuple(a for a in other.reduction if a in form.reduction) != form.reduction:
        raise NoLowering("A program that supposes something of the weights changes nothing but them.")
    own = {s for e in supposed.window.subscripts for s in e.free_symbols}
    letters = {s for e in supposed.parts for place in e.subscripts for s in place.free_symbols} - own - {*form.sizes}
    if letters != {a.symbol for a in other.reduction if a not in form.reduction}:
        raise NoLowering("A program that supposes something of the weights sums over the ranks of their parts.")


def _given(supposed: Supposed, form: Form) -> Iterator[Goal]:
    """Sizes are admitted as the layer admits them; those that the parts tell are natural numbers from 1."""
    more = tuple(built(Ge, s, 1) for s in supposed.sizes)
    yield Goal((form.given, *more), supposed.form.given)
    yield Goal((supposed.form.given,), form.given)


def _read(supposed: Supposed, form: Form) -> Iterator[Goal]:
    """Every live term's weight is the entry of the window at its taps."""
    if not supposed.by:
        yield from _known(form)
        return
    up, weight = dict(supposed.up), form.weight
    source, shape = _source(supposed), _extents(supposed, form)
    (array,) = [p.array for p in form.weights if p.name == weight.array]
    places = tuple(e.xreplace(up) for e in source.subscripts)
    inside = And(
        *(
            And(built(Le, 0, e.xreplace(up)), built(Lt, e.xreplace(up), n))
            for e, n in zip(supposed.window.subscripts, shape, strict=True)
        )
    )
    if source.array != array.name:
        raise NoLowering("A program that supposes something of the weights gathers another window.")
    yield Goal((form.given, form.live), And(inside, equal_places(places, array.storage(weight.subscripts))))


def _known(form: Form) -> Iterator[Goal]:
    """The numbers that a layer brings along are all the same."""
    (param,) = form.weights
    values = param.values or ()
    if not values:
        raise NoLowering("A program that finds nothing in the weights knows their numbers.")
    yield Goal((form.given,), And(*(built(Eq, v, values[0]) for v in values)))


def _source(supposed: Supposed) -> Access:
    """The entry of the weights that an entry of the window is a copy of. Raises NoLowering where some entry isn't filled."""
    if not supposed.seen:
        return supposed.window
    ((copy, over),) = _copies(supposed.seen, ())
    shape = next(room.shape for room in supposed.rooms if room.name == supposed.window.array)
    whole = tuple(Range(s, ZERO, e) for s, e in zip(supposed.window.subscripts, shape, strict=True))
    if copy.target != supposed.window or set(over) != set(whole):
        raise NoLowering("A program that supposes something of the weights gathers all of the window.")
    return copy.source


def _copies(stages: tuple[Stage, ...], around: tuple[Range, ...]) -> Iterator[tuple[Copy, tuple[Range, ...]]]:
    for node in stages:
        if isinstance(node, Loop):
            yield from _copies(node.body, (*around, node.range))
        elif isinstance(node, Copy):
            yield node, (*around, *node.over)


def _extents(supposed: Supposed, form: Form) -> tuple[Expr, ...]:
    shapes = {p.name: p.array.shape for p in form.weights} | {room.name: room.shape for room in supposed.rooms}
    return shapes[supposed.window.array]


def _replaced(supposed: Supposed, form: Form) -> Iterator[Goal]:
    """Every live term of the other form reads the parts that the same entry of the window is made of."""
    other, up = supposed.form, dict(supposed.up)
    factors = other.weight.as_ordered_factors()
    known: dict[str, Any] = {p.name: p.array for p in other.weights}
    read = {f.array: known[f.array].storage(f.subscripts) for f in factors if isinstance(f, Read)}
    if len(read) != len(factors) or sorted(read) != sorted(e.array for e in supposed.parts):
        raise NoLowering("A program that supposes something of the weights reads other parts of them.")
    same = (equal_places((e.xreplace(up) for e in part.subscripts), read[part.array]) for part in supposed.parts)
    yield Goal((other.given, other.live), And(*same))
