"""The dense layer behind a derivation: W and U from the embeddings alone, never by the path that emits kernels.

embeddings      the dense weights, composed from the last step back to the first
selected        the rows of the places selected        adjoint     W transposed, without U
fixed           the numbers in the place of V          extended    the layer of a larger grid, its columns added up where
composed        the product of two dense layers                    the edge says, its rows cut out
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from math import lcm
from typing import TYPE_CHECKING, Any

import numpy as np
from sympy import Expr, Mod, Symbol, expand

from derive.errors import DeriveError
from derive.forms.arguments import is_count, said
from derive.forms.denote import entry_reader
from derive.forms.evaluate import evaluate, grid
from derive.forms.expr import index
from derive.forms.extension import extended
from derive.forms.form import Array, Form, Role
from derive.forms.sizes import numeric_sizes
from derive.proof.step import Kind, Step, View
from derive.proof.transform import EDGES

if TYPE_CHECKING:
    from derive.derivation import Derivation

__all__ = ["reference", "starting"]

Sizes = dict[Symbol, int]
Dense = tuple[np.ndarray, np.ndarray]
_NO_DENSE = (View.WEIGHT, View.BIAS)
_BEYOND = index("x")


def starting(layer: Derivation) -> Form | None:
    """The dense form whose input the layer takes: behind a composition, that of the inner layer's derivation.

    None where there is no dense layer of one set of weights, as for gradients by weights, or where an inner layer was a form.
    """
    if any(s.step.view in _NO_DENSE for s in layer.steps):
        return None
    inner = [_inner(layer, at) for at in _compositions(layer)]
    if any(one is None or starting(one) is None for one in inner):
        return None
    return starting(inner[-1]) if inner and inner[-1] is not None else layer.dense


def _compositions(layer: Derivation) -> list[int]:
    """Which steps compose the layer with another one."""
    return [at for at, s in enumerate(layer.steps) if s.kind is Kind.TRANSFORMATION and s.step.view is View.COMPOSED]


def _inner(layer: Derivation, at: int) -> Derivation | None:
    """The derivation of the inner layer of a composition; None where it was given as a form."""
    by = layer.applications[at]
    inner = by.args[0] if by.args else dict(by.options)["inner"]
    return inner if hasattr(inner, "steps") else None


def reference(layer: Derivation, shape: tuple[int, ...], arrays: Mapping[str, Any]) -> Dense:
    """See `Derivation.reference`; `shape` is that of the grid where the derivation of what takes the input starts."""
    if not isinstance(shape, (tuple, list)) or not all(map(is_count, shape)):
        raise DeriveError(f"shape= is the sizes of the grid, whole numbers from 1; {said(shape)} is none.")
    composed = _compositions(layer)
    return _product(layer, composed[-1], tuple(shape), arrays) if composed else _alone(layer, tuple(shape), arrays)


def _product(layer: Derivation, at: int, shape: tuple[int, ...], arrays: Mapping[str, Any]) -> Dense:
    """The dense layer of the steps before a composition times that of the inner layer, then seen as later steps say."""
    inner, step = _inner(layer, at), layer.steps[at].step
    start = None if inner is None else starting(inner)
    if inner is None or start is None or step.inner is None:
        raise DeriveError(
            "There is no dense layer behind a composition whose inner layer is a form: give its derivation."
        )
    values, sizes = _given(layer, start, shape, arrays)
    outer = replace(layer, steps=layer.steps[:at], applications=layer.applications[:at])
    own = {
        p.name: values[q.name] for p, q in zip(inner.form.params, step.inner.params, strict=True) if q.name in values
    }
    W, _ = reference(inner, shape, own | _numeric(inner.form, sizes))
    pairs = zip(outer.form.input.axes, step.inner.output.axes, strict=True)
    fitted = sizes | {a.extent: int(evaluate(b.extent, sizes)) for a, b in pairs if isinstance(a.extent, Symbol)}
    first = starting(outer) or outer.dense
    between = tuple(int(evaluate(e, fitted)) for e in _grid_extents(first))
    theirs = {p.name: values[p.name] for p in outer.form.params if p.name in values}
    V, U = reference(outer, between, theirs | _numeric(outer.form, fitted))
    dense = np.tensordot(V, W, axes=len(step.inner.output.axes)), U
    for later in layer.steps[at + 1 :]:
        if later.step.view in EDGES:
            raise DeriveError("There is no layer of a larger grid around a composition.")
        dense = _viewed(later.step, dense, sizes, ()) if later.kind is Kind.TRANSFORMATION else dense
    return dense


def _numeric(form: Form, sizes: Sizes) -> dict[str, int]:
    """The form's sizes by their names."""
    return {s.name: sizes[s] for s in form.sizes if s in sizes}


def _given(
    layer: Derivation, start: Form, shape: tuple[int, ...], arrays: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], Sizes]:
    """The parameters that were given, and every size of the layer."""
    stated = {name: int(v) for name, v in arrays.items() if name in {s.name for s in layer.form.sizes}}
    values = {name: _entries(name, array) for name, array in arrays.items() if name not in stated}
    wanted = [p.name for p in layer.form.params if not p.data]
    if sorted(values) != sorted(wanted):
        raise DeriveError(f"The layer's parameters are {', '.join(wanted)}; given were {', '.join(values) or 'none'}.")
    given = stated | _grid_sizes(start, shape)
    return values, numeric_sizes(layer.form, {name: array.shape for name, array in values.items()}, **given)


def _alone(layer: Derivation, shape: tuple[int, ...], arrays: Mapping[str, Any]) -> Dense:
    """The dense layer of a derivation without compositions."""
    values, sizes = _given(layer, layer.dense, shape, arrays)
    views = [s.step for s in layer.steps if s.kind is Kind.TRANSFORMATION]
    for step in views:
        if step.view is View.FIXED:
            values |= _numbers(step, sizes)
    margin = next((_margin(step, sizes) for step in views if step.view in EDGES), (0,) * len(shape))
    margin = _common(_grid_extents(layer.dense), margin)
    dense = _embedded(_wider(layer, margin), values, sizes | _around(layer, margin, sizes))
    for step in views:
        dense = _viewed(step, dense, sizes, margin)
    return dense


def _common(extents: tuple[Expr, ...], margin: tuple[int, ...]) -> tuple[int, ...]:
    """As far on axes of one size as on each of them, in steps that the size comes in, such as 2n."""
    far = {s: max(m for e, m in zip(extents, margin, strict=True) if e.has(s)) for e in extents for s in e.free_symbols}
    steps = [abs(int(e.coeff(s))) for e in extents for s in e.free_symbols]
    whole = lcm(*steps)
    found = (max([m, *(far[s] for s in e.free_symbols)]) for e, m in zip(extents, margin, strict=True))
    return tuple(-(-m // whole) * whole for m in found)


def _around(layer: Derivation, margin: tuple[int, ...], sizes: Sizes) -> Sizes:
    """The sizes by name of the grid that lies around the layer's own."""
    pairs = zip(_grid_extents(layer.dense), margin, strict=True)
    return {s: sizes[s] + 2 * m // int(e.coeff(s)) for e, m in pairs for s in e.free_symbols}


def _wider(layer: Derivation, margin: tuple[int, ...]) -> Derivation:
    """The layer derived anew on a grid with a margin, where its size is a number: what is proved of one isn't of another."""
    start = layer.start
    wider: dict[Symbol, Expr] = {}
    for q, m in zip(start.grid(start.input), margin, strict=True):
        if m and start.input.axes[q].extent.is_Integer:
            axes = (start.input.axes[q], start.output.axes[q])
            wider |= {a.symbol: a.upper + 2 * m for a in axes}
    if not wider:
        return layer

    def array(a: Array) -> Array:
        return replace(a, axes=tuple(replace(x, upper=wider.get(x.symbol, x.upper)) for x in a.axes))

    params = [tuple(replace(p, array=array(p.array)) for p in part) for part in (start.weights, start.biases)]
    start = replace(
        start,
        output=array(start.output),
        input=array(start.input),
        reduction=tuple(replace(x, upper=wider.get(x.symbol, x.upper)) for x in start.reduction),
        weights=params[0],
        biases=params[1],
    )
    return reduce(type(layer).then, layer.applications, type(layer).begin(start))


def _embedded(layer: Derivation, values: Mapping[str, np.ndarray], sizes: Sizes) -> Dense:
    """W and U by the embeddings, from the layer's own parameters."""
    own = _learned(layer)
    shapes = {p.name: tuple(int(evaluate(e, sizes)) for e in p.array.shape) for p in own.params}
    known = {name: values[name] if name in values else np.zeros(shape, int) for name, shape in shapes.items()}
    known |= {
        p.name: np.array([*p.values, None], dtype=object)[:-1].reshape(shapes[p.name])
        for p in own.params
        if p.values is not None
    }
    if wrong := [name for name, shape in shapes.items() if known[name].shape != shape]:
        raise DeriveError(
            f"Weights {wrong[0]} of a larger grid have another shape, so these say nothing beyond the edge."
        )
    read = entry_reader(replace(own, tables=layer.tables), known, sizes)
    maps, out = layer.reference_maps, []
    for param in layer.dense.params:
        box = _box(param.array, sizes)
        entries = evaluate(maps[param.name], dict(sizes) | grid(box), read)
        out.append(np.array(np.broadcast_to(entries, tuple(high - low + 1 for low, high in box.values()))))
    return out[0], out[1]


def _learned(layer: Derivation) -> Form:
    """The form whose parameters the dense ones are in terms of: the last one, or that before given numbers took their place.

    With the biases that an adjoint has dropped since.
    """
    until = next((n for n, s in enumerate(layer.steps) if s.step.view is View.FIXED), len(layer.steps))
    forms = [layer.start, *(s.after for s in layer.steps)][: until + 1]
    kept = {p.name for p in forms[-1].biases}
    lost = {p.name: p for form in forms for p in form.biases if p.name not in kept}
    return replace(forms[-1], biases=(*forms[-1].biases, *lost.values()))


def _box(array: Array, sizes: Sizes) -> dict[Symbol, tuple[int, int]]:
    return {a.symbol: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for a in array.axes}


def _viewed(step: Step, dense: Dense, sizes: Sizes, margin: tuple[int, ...]) -> Dense:
    """Dense weights and biases of what a transformation makes of the layer with these."""
    W, U = dense
    rank = len(step.before.output.axes)
    if step.view is View.ADJOINT:
        turned = np.transpose(W, (*range(rank, W.ndim), *range(rank)))
        return turned, np.zeros(turned.shape[: W.ndim - rank], dtype=W.dtype)
    if step.view is View.FIXED:
        return W, U
    if step.view in EDGES:
        return _folded(step, dense, sizes, margin)
    if step.view is not View.SELECTED:
        raise DeriveError(f"There is no dense layer of one set of weights behind a {step.view.value}.")
    places = dict(sizes) | grid(_box(step.after.output, sizes))
    at = tuple(
        np.asarray(evaluate(step.to_before[a.symbol], places)) - int(evaluate(a.lower, sizes))
        for a in step.before.output.axes
    )
    return W[at], U[at]


def _numbers(step: Step, sizes: Sizes) -> dict[str, np.ndarray]:
    """The weights before, filled with the numbers, and biases of 0."""
    (old,), (new,) = step.before.weights, step.after.weights
    numbers = np.array([*(new.values or ()), None], dtype=object)[:-1]
    box = _box(old.array, sizes)
    table = numbers.reshape([high - low + 1 for low, high in _box(new.array, sizes).values()])
    at = [np.asarray(grid(box)[a.symbol]) - int(evaluate(a.lower, sizes)) for a in new.array.axes]
    zeros = {
        p.name: np.zeros([hi - lo + 1 for lo, hi in _box(p.array, sizes).values()], int) for p in step.before.biases
    }
    return {old.name: table[tuple(at)]} | zeros


def _margin(step: Step, sizes: Sizes) -> tuple[int, ...]:
    """How far beyond each edge the window reaches, by whole periods of weights that repeat: places keep their remainders."""
    form = step.before
    ends = {a.symbol: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for a in form.reduction}
    places = dict(sizes) | grid(ends)
    pairs = zip(form.grid(form.output), form.grid(form.input), strict=True)
    offsets = (expand(form.read[q] - form.output.symbols[p]) for p, q in pairs)
    reach = (int(np.abs(evaluate(offset, places)).max()) for offset in offsets)
    period = lcm(*(int(e.args[1]) for e in (form.weight + form.bias).atoms(Mod) if e.args[1].is_Integer))
    return tuple(-(-far // period) * period for far in reach)


def _folded(step: Step, dense: Dense, sizes: Sizes, margin: tuple[int, ...]) -> Dense:
    """The rows of the grid within its margin; every column beyond the edge added to the one that is read in its place."""
    W, U = dense
    form, rows = step.before, []
    for p, axis in enumerate(form.output.axes):
        m = margin[form.grid(form.output).index(p)] if axis.role is Role.GRID else 0
        rows.append(slice(m, U.shape[p] - m))
    W, U = W[tuple(rows)], U[tuple(rows)]
    for q, m in zip(form.grid(form.input), margin, strict=True):
        axis, position = form.input.axes[q], len(form.output.axes) + q
        beyond = np.arange(W.shape[position]) - m
        inside = evaluate(extended(EDGES[step.view], axis, _BEYOND), dict(sizes) | {_BEYOND: beyond})
        folded = np.zeros((int(evaluate(axis.extent, sizes)), *np.delete(W.shape, position)), dtype=W.dtype)
        np.add.at(folded, np.broadcast_to(inside, beyond.shape), np.moveaxis(W, position, 0))
        W = np.moveaxis(folded, 0, position)
    return W, U


def _entries(name: str, given: Any) -> np.ndarray:
    """What was given for a parameter, as an array. Raises DeriveError where it isn't of numbers."""
    try:
        array = np.asarray(given)
    except ValueError as cause:
        raise DeriveError(f"{name} is an array of numbers; {said(given)} is none.") from cause
    exact = array.dtype == object and all(hasattr(e, "__sub__") and hasattr(e, "__mul__") for e in array.flat)
    if array.dtype.kind not in "biufc" and not exact:
        raise DeriveError(f"{name} is an array of numbers; {said(given)} is none.")
    return array


def _grid_extents(form: Form) -> tuple[Expr, ...]:
    return tuple(form.input.axes[p].extent for p in form.grid(form.input))


def _grid_sizes(form: Form, shape: tuple[int, ...]) -> dict[str, int]:
    extents = _grid_extents(form)
    if len(extents) != len(shape):
        raise DeriveError(f"The grid has {len(extents)} axes; shape {shape} has {len(shape)}.")
    sizes: dict[str, int] = {}
    for extent, size in zip(extents, shape, strict=True):
        names = extent.free_symbols
        step = int(extent.coeff(*names)) if names else int(extent)
        if size % step or (not names and size != step):
            raise DeriveError(f"The grid has an axis of {extent} places; shape {shape} gives it {size}.")
        if any(sizes.setdefault(s.name, int(size) // step) != int(size) // step for s in names):
            raise DeriveError(f"Several axes of the grid have the size {extent}; shape {shape} gives it two values.")
    return sizes
