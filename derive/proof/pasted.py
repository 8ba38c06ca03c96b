"""Dense layers in a counterexample: W and U with all that isn't 0, and both sides of a law about them, to be pasted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from sympy import Expr, Integer, Symbol, expand, sympify

from derive.forms.evaluate import evaluate
from derive.forms.expr import Read, map_reads
from derive.forms.form import Axis, Form, Table
from derive.proof.counterexample import Box, Entries, in_python
from derive.proof.step import Clause

__all__ = ["layers", "places", "results", "settled", "shown_by_law"]

Sizes = Mapping[Symbol, int]


def places(numbers: Iterable[Any]) -> str:
    """Subscripts as one writes them in Python."""
    return ", ".join(map(str, numbers)) or "()"


def settled(side: Any, at: Mapping[Symbol, Any], tables: Iterable[Table]) -> Expr:
    """A side of a law at these letters, tables read: an expression in entries of W and U at numbers."""
    held = {t.name: np.array(t.values).reshape([int(e) for e in t.array.shape]) for t in tables}
    lows = {t.name: [int(a.lower) for a in t.array.axes] for t in tables}

    def value(read: Read) -> Expr:
        known = held.get(read.array)
        if known is None:
            return read
        return Integer(
            int(known[tuple(int(s) - low for s, low in zip(read.subscripts, lows[read.array], strict=True))])
        )

    found: Expr = expand(map_reads(sympify(side).xreplace(dict(at)).doit(), value).doit())
    return found


def shown_by_law(
    form: Form, law: Clause, dense: Mapping[str, np.ndarray], at: Mapping[Symbol, Any], tables: Iterable[Table]
) -> tuple[tuple[Box, ...], Entries, tuple[str, ...]]:
    """W and U of a layer, and what a law about them says is equal at these letters. Nothing where weights are called so too."""
    if {p.name for p in form.params} & set(dense):
        return (), (), ()
    axes = {"W": (*form.output.axes, *form.input.axes), "U": form.output.axes}
    known = tuple(Box(name, dense[name].shape, _first(axes[name], at)) for name in dense)
    entries = tuple(entry for box in known for entry in _entries(box, dense[box.name]))
    return known, entries, tuple(in_python(settled(side, at, tables), known) for side in (law.left, law.right))


def layers(dense: Iterable[np.ndarray], taken: Iterable[str]) -> tuple[tuple[Box, ...], Entries]:
    """W of some layers, by names that nothing else has, and their entries."""
    used = {*taken}
    names = (name for name in "WZABDEF" if name not in used)
    known = [(Box(name, W.shape, (0,) * W.ndim), W) for W, name in zip(dense, names, strict=False)]
    return tuple(box for box, _ in known), tuple(entry for box, W in known for entry in _entries(box, W))


def results(
    dense: tuple[np.ndarray, np.ndarray], place: tuple[int, ...], taken: Iterable[str], given: str
) -> tuple[tuple[Box, ...], Entries, tuple[str, ...]]:
    """W of two layers, and what each makes of an input at a place; their shapes where these differ."""
    known, entries = layers(dense, taken)
    names = [box.name for box in known]
    if dense[0].shape != dense[1].shape:
        return known, entries, tuple(f"{name}.shape" for name in names)
    rank = dense[0].ndim - len(place)
    return known, entries, tuple(f"np.tensordot({name}, {given}, {rank})[{places(place)}]" for name in names)


def _first(axes: tuple[Axis, ...], at: Mapping[Symbol, Any]) -> tuple[int, ...]:
    return tuple(int(evaluate(a.lower, {s: int(v) for s, v in at.items()})) for a in axes)


def _entries(box: Box, values: np.ndarray) -> Iterator[tuple[str, Any]]:
    for spot in np.argwhere(values != 0).tolist():
        value = values[tuple(spot)]
        number = value if getattr(value, "denominator", 1) != 1 else int(value)
        yield f"{box.name}[{places(p + low for p, low in zip(spot, box.first, strict=True))}]", number
