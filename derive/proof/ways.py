"""How a form reads along every axis by itself: e(stride·o + shift), o all places or every so many, e what an edge makes of a place.

X[(2i + 3a) mod n]   ⟶   stride 2, shift 3a, periodic
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import And, Expr, Ge, Le, Symbol, expand, floor, true

from derive.forms.extension import extended, places_beyond
from derive.forms.form import Edge, Form, Role
from derive.forms.polyhedron import NotAffine, Polyhedron

__all__ = ["Way", "chosen", "ways"]


@dataclass(frozen=True, slots=True)
class Way:
    """Of one axis. The edge "zero" leaves places as they are."""

    edge: str
    stride: int
    extent: Expr
    shift: Expr


def ways(form: Form) -> tuple[Way, ...]:
    """One for each axis; none where it isn't so, or outputs have other places than every stride-th of all from 0 on."""
    beyond = None if form.edge is Edge.ZERO else places_beyond(form.input, form.read)
    unread = iter(_unread(form))
    edge, places = beyond or ("nearest" if _is_one_place(form) else "zero", form.read)
    found = []
    outputs, inputs = form.grid(form.output), form.grid(form.input)
    if len(outputs) != len(inputs):
        return ()
    for p, q in zip(outputs, inputs, strict=True):
        out, source = form.output.axes[p], form.input.axes[q]
        if out.extent == source.extent == 1 and form.read[q] == source.lower == 0:
            shift = next(unread, None)
            if shift is None:
                return ()
            found.append(Way(edge, 1, source.extent, shift))
            continue
        place = expand(places[q])
        stride = place.coeff(out.symbol)
        whole = stride.is_Integer and stride > 0 and source.lower == 0 and out.lower == 0
        if not whole or expand(out.upper - floor((source.extent - 1) / stride)) != 0:
            return ()
        if edge != "zero" and form.read[q] != extended(edge, source, places[q]):
            return ()
        found.append(Way(edge, int(stride), source.extent, expand(place - stride * out.symbol)))
    return tuple(found)


def _is_one_place(form: Form) -> bool:
    """Whether every offset reads the grid's one place, as all edges have it that continue the input."""
    axes = [form.input.axes[q] for q in form.grid(form.input)]
    here = all(a.extent == 1 and form.read[q] == a.lower for q, a in zip(form.grid(form.input), axes, strict=True))
    return here and form.edge is not Edge.ZERO and bool(_unread(form))


def _unread(form: Form) -> list[Symbol]:
    """Offsets along axes of one place, which are no part of what is read: all read that place, and one is as good as another."""
    read = {s for e in form.read for s in e.free_symbols}
    return [a.symbol for a in form.reduction if a.role is Role.GRID and a.symbol not in read]


def chosen(form: Form) -> Any:
    """The domain without the conditions that keep reads inside, which are 0 elsewhere as behind the edge "zero".

    None where reads leave the input that neither the domain nor the edge speaks of.
    """
    if form.edge is Edge.ZERO or places_beyond(form.input, form.read) or _is_one_place(form):
        return form.domain
    parts = list(And.make_args(form.domain))
    for q in form.grid(form.input):
        axis, read = form.input.axes[q], form.read[q]
        for kept in (c for c in (Ge(read, axis.lower), Le(read, axis.upper)) if c != true):
            found = [part for part in parts if _same(part, kept)]
            if not found:
                return None
            parts = [part for part in parts if part not in found]
    return And(*parts)


def _same(part: Any, other: Any) -> bool:
    """Whether two inequalities are found to say the same."""
    try:
        return Polyhedron.of(part) == Polyhedron.of(other)
    except NotAffine:
        return False
