"""How a form reads along every axis by itself: e(stride·o + shift), o all places or every so many, e what an edge makes of a place.

X[(2i + 3a) mod n]   ⟶   stride 2, shift 3a, periodic
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, expand, floor

from derive.forms.extension import extended, places_beyond
from derive.forms.form import Edge, Form

__all__ = ["Way", "ways"]


@dataclass(frozen=True, slots=True)
class Way:
    """Of one axis. The edge "zero" leaves places as they are."""

    edge: str
    stride: int
    extent: Expr
    shift: Expr


def ways(form: Form) -> tuple[Way, ...]:
    """One for each axis; none where it isn't so, or outputs have other places than every stride-th of all from 0 on."""
    edge, places = ("zero", form.read) if form.edge is Edge.ZERO else places_beyond(form.input, form.read) or ("", ())
    found = []
    for p, q in zip(form.grid(form.output), form.grid(form.input), strict=True) if edge else ():
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
