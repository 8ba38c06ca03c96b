"""How many layers a window has whose places read beyond an edge: the rank of V ↦ W, at every size.

    Σ_{|a| ≤ Δ} V[a]·X[(i + a) mod n]     ⟶   min(2Δ + 1, n)
    Σ_{|a| ≤ Δ} V[|a|]·X[(i + a) mod n]   ⟶   min(Δ, ⌊n/2⌋) + 1

Along one axis the entry a reads e(s·o + d·a) at the places o = 0, 1, ... with s·o < n. A box of such axes is a product of
them, W the tensor product of theirs, and its rank the product of the ranks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sympy import Abs, And, Expr, Ge, Le, Mul, Or, Piecewise, Symbol, expand, true

from derive.forms.conditions import simplified
from derive.forms.expr import Read
from derive.forms.form import Axis, Edge, Form
from derive.forms.polyhedron import Polyhedron
from derive.proof.lines import Case, Line, cases_of
from derive.proof.ways import Way, ways

__all__ = ["layers_beyond"]


def layers_beyond(form: Form) -> tuple[Expr, Any] | None:
    """How many numbers W determines of a window that is a box, and the exact condition that these are all.

    None for another form, a window that lacks the place itself, and where no expression is known along an axis of symbolic sides.
    """
    found = _lines(form)
    if found is None:
        return None
    lines, copies = found
    number, when = copies, true
    for line in lines:
        cases = cases_of(line)
        if cases is None:
            return None
        number *= _written(cases)
        when = And(when, Or(*(case.full for case in cases)))
    return number, when


def _written(cases: list[Case]) -> Expr:
    pairs = [(case.apart, case.given) for case in cases]
    return pairs[0][0] if len(pairs) == 1 else Piecewise(*pairs[:-1], (pairs[-1][0], True), evaluate=False)


def _lines(form: Form) -> tuple[list[Line], Expr] | None:
    """The axes of a window that is a box, each read along its own, and for how many values of the other letters there is one."""
    read = ways(form)
    (param,) = form.weights if len(form.weights) == 1 else (None,)
    if not read or param is None or param.data or not isinstance(form.weight, Read) or form.domain != true:
        return None
    mirrored = {e.args[0] for e in form.weight.subscripts if isinstance(e, Abs) and e.args[0].is_Symbol}
    letters = tuple(e.args[0] if e.args and e.args[0] in mirrored else e for e in form.weight.subscripts)
    whole = form.edge is Edge.ZERO or simplified(param.free, param.array.holds(), form.given) == true
    if not whole or len(set(letters)) < len(letters):
        return None
    lines: dict[Symbol, Line] = {}
    for way in read:
        found = _line(form, way)
        if found is None or found[0] in lines:
            return None
        lines[found[0]] = replace(found[1], mirrored=found[0] in mirrored)
    if not Polyhedron.of(form.given).implies(And(*(And(Le(x.low, 0), Ge(x.high, 0)) for x in lines.values()))):
        return None
    others = [a.extent for s, a in zip(letters, param.array.axes, strict=True) if s not in lines]
    seen = {form.output.symbols[p] for p in range(len(form.output.axes)) if p not in form.grid(form.output)}
    seen |= {e for q, e in enumerate(form.read) if q not in form.grid(form.input)}
    if not {*letters, *form.reduction_symbols} <= {*lines, *seen} or not set(lines) <= set(letters):
        return None
    unfit = not mirrored <= set(lines) or (mirrored and form.edge is Edge.ZERO)
    if unfit or not _boxed(form, dict(zip(letters, param.array.axes, strict=True)), lines):
        return None
    return list(lines.values()), Mul(*others)


def _boxed(form: Form, axes: Mapping[Symbol, Axis], lines: Mapping[Symbol, Line]) -> bool:
    """Whether the sum goes over all of the array along the window's letters, on both sides of the place where it is mirrored."""
    ends = {axis.symbol: (axis.lower, axis.upper) for axis in form.reduction}
    own = ((s, (-axes[s].upper if line.mirrored else axes[s].lower, axes[s].upper)) for s, line in lines.items())
    return all(ends.get(s) == both and not (lines[s].mirrored and axes[s].lower != 0) for s, both in own)


def _line(form: Form, way: Way) -> tuple[Symbol, Line] | None:
    """An axis along which one letter of the sum steps evenly; the line has its step forwards."""
    letters = [axis for axis in form.reduction if axis.symbol in way.shift.free_symbols]
    (axis,) = letters if len(letters) == 1 else (None,)
    if axis is None:
        return None
    step = way.shift.coeff(axis.symbol)
    if not step.is_Integer or way.shift != step * axis.symbol:
        return None
    low, high = (axis.lower, axis.upper) if step > 0 else (expand(-axis.upper), expand(-axis.lower))
    return axis.symbol, Line(way.edge, low, high, abs(int(step)), way.stride, way.extent)
