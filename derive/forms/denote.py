"""What a form means, entry by entry, over any exact numbers: the oracle. Small sizes only.

Computed from the definition: all pairs (o, r) of a box are enumerated, those that are live are summed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Symbol

from derive.forms.evaluate import evaluate, grid
from derive.forms.form import Array, Form

__all__ = ["denote", "entry_reader", "matrix"]


def entry_reader(form: Form, arrays: Mapping[str, np.ndarray], sizes: Mapping[Symbol, int]) -> Any:
    """A function that reads the form's parameters at mathematical subscripts; outside a box it gives 0."""
    boxes = {p.name: p.array for p in form.params} | {form.input.name: form.input}
    tables = {t.name: np.array(t.values).reshape([int(e) for e in t.array.shape]) for t in form.tables}
    boxes |= {t.name: t.array for t in form.tables}

    def read(name: str, *subscripts: Any) -> Any:
        return _gather(boxes[name], tables[name] if name in tables else arrays[name], subscripts, sizes)

    return read


def _gather(box: Array, values: np.ndarray, subscripts: tuple[Any, ...], sizes: Mapping[Symbol, int]) -> Any:
    if not subscripts:
        return values[()]
    places = [np.asarray(s) - int(evaluate(axis.lower, sizes)) for s, axis in zip(subscripts, box.axes, strict=True)]
    places = list(np.broadcast_arrays(*places))
    inside = np.ones(places[0].shape, dtype=bool)
    for place, extent in zip(places, values.shape, strict=True):
        inside &= (place >= 0) & (place < extent)
    clipped = tuple(np.clip(p, 0, extent - 1) for p, extent in zip(places, values.shape, strict=True))
    return np.where(inside, np.asarray(values[clipped], dtype=values.dtype), 0)


def denote(form: Form, arrays: Mapping[str, np.ndarray], sizes: Mapping[Symbol, int]) -> np.ndarray:
    """out[o] = bias + Σ weight·in over the live terms, in the arrays' own arithmetic (object arrays: exact)."""
    ranges = {
        axis.symbol: (int(evaluate(axis.lower, sizes)), int(evaluate(axis.upper, sizes)))
        for axis in (*form.output.axes, *form.reduction)
    }
    shape = tuple(high - low + 1 for low, high in ranges.values())
    rank = len(form.output.axes)
    places = dict(sizes) | grid(ranges)
    read = entry_reader(form, arrays, sizes)
    live = np.broadcast_to(evaluate(form.live, places, read), shape)
    terms = evaluate(form.weight, places, read) * read(form.input.name, *(evaluate(e, places, read) for e in form.read))
    terms = np.where(live, np.broadcast_to(terms, shape), 0)
    outputs = dict(sizes) | grid({axis.symbol: ranges[axis.symbol] for axis in form.output.axes})
    bias = np.broadcast_to(np.asarray(evaluate(form.bias, outputs, read)), shape[:rank])
    return np.asarray(bias + terms.sum(axis=tuple(range(rank, len(shape)))))


def matrix(form: Form, arrays: Mapping[str, np.ndarray], sizes: Mapping[Symbol, int]) -> np.ndarray:
    """The coefficients c(o, k) as an array over o and k, found by asking for the response to each unit input."""
    shape = tuple(int(evaluate(e, sizes)) for e in form.input.shape)
    without = dict(arrays) | {p.name: np.zeros_like(arrays[p.name]) for p in form.biases}
    columns = []
    for place in np.ndindex(*shape):
        unit = np.zeros(shape, dtype=object)
        unit[place] = 1
        columns.append(denote(form, without | {form.input.name: unit}, sizes))
    return np.stack(columns, axis=-1).reshape(*columns[0].shape, *shape)
