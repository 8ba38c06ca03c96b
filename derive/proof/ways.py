"""How a form reads along every axis by itself: e(stride·o + shift), o all places or every so many, e what an edge makes of a place.

X[(2i + 3a) mod n]   ⟶   stride 2, shift 3a, periodic
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import And, Expr, Ge, Le, expand, floor

from derive.forms.extension import extended, places_beyond
from derive.forms.form import Edge, Form
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
    edge, places = beyond or ("zero", form.read)
    found = []
    outputs, inputs = form.grid(form.output), form.grid(form.input)
    if len(outputs) != len(inputs):
        return ()
    for p, q in zip(outputs, inputs, strict=True):
        out, source = form.output.axes[p], form.input.axes[q]
        place = expand(places[q])
        stride = place.coeff(out.symbol)
        whole = stride.is_Integer and stride > 0 and source.lower == 0 and out.lower == 0
        if not whole or expand(out.upper - floor((source.extent - 1) / stride)) != 0:
            return ()
        if edge != "zero" and form.read[q] != extended(edge, source, places[q]):
            return ()
        found.append(Way(edge, int(stride), source.extent, expand(place - stride * out.symbol)))
    return tuple(found)


def chosen(form: Form) -> Any:
    """The domain without the conditions that keep reads inside, which are 0 elsewhere as behind the edge "zero".

    None where reads leave the input that neither the domain nor the edge speaks of.
    """
    if form.edge is Edge.ZERO or places_beyond(form.input, form.read):
        return form.domain
    parts = list(And.make_args(form.domain))
    for q in form.grid(form.input):
        axis, read = form.input.axes[q], form.read[q]
        for kept in (Ge(read, axis.lower), Le(read, axis.upper)):
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
