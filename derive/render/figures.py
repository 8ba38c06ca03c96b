"""The dense matrix W, drawn: one colour a free parameter, nothing where W is 0.

Which parameter an entry is, is read off the composed embeddings: every parameter entry gets a number of
its own, and the dense reference of those numbers is the picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from sympy import Integer, Symbol

from derive.derivation import Derivation
from derive.errors import DeriveError
from derive.forms.denote import entry_reader
from derive.forms.evaluate import evaluate, grid
from derive.forms.form import Form, Param, Role
from derive.forms.notation import UNICODE, in_order
from derive.proof.step import Kind, View
from derive.render.drawing import drawing, strip_drawing, width_of

__all__ = ["Picture", "own_form", "pattern", "pictures", "ranked", "says", "sizes_for", "strip"]

_NO_MATRIX = (View.WEIGHT, View.BIAS, View.COMPOSED)
_SIDES = {1: 16, 2: 8, 3: 4}
_FAR = 1 << 40


@dataclass(frozen=True, eq=False)
class Picture:
    """W at one stage of a derivation; `cells` holds 0, or the number of the parameter that stands there."""

    file: str
    stage: int
    rule: str
    says: str
    cells: np.ndarray
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    blocks: tuple[int, int]
    noun: str = "free weight"
    before: str = ""  # the step that makes another layer of it

    @property
    def parameters(self) -> int:
        """How many different free weights W has."""
        return int(self.cells.max(initial=0))

    @property
    def caption(self) -> str:
        """What is seen, as a sentence."""
        height, width = self.cells.shape
        zeros = int((self.cells == 0).sum())
        rest = f"; {zeros} entries are 0" if zeros else ""
        free = f"{self.parameters} {self.noun}{'s' * (self.parameters != 1)}, one colour each"
        when = f" before {self.before}" if self.before else ""
        at = f" at {self.says}" if self.says else ""
        return f"W{when}{at}: {height} × {width} entries, {free}{rest}."

    @property
    def width(self) -> int:
        """How many pixels wide the picture is."""
        return width_of(self.svg)

    @cached_property
    def svg(self) -> str:
        """The picture as SVG."""
        return drawing(
            self.cells, self.rows, self.columns, self.blocks, f"The matrix W after {self.rule}", self.caption
        )


def pattern(derivation: Derivation, sizes: Mapping[Symbol, int]) -> np.ndarray:
    """W as a matrix at these sizes: 0 where it vanishes, else the number of its parameter, from 1."""
    form, dense = derivation.form, derivation.dense
    arrays = {p.name: _entries(p, sizes, combined=_combines(form)) for p in form.params}
    (weight,) = dense.weights
    ranges = {a.symbol: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for a in weight.array.axes}
    shape = tuple(high - low + 1 for low, high in ranges.values())
    places: dict[Symbol, Any] = dict(sizes) | grid(ranges)
    known = replace(form, tables=derivation.tables)
    entries = evaluate(derivation.reference_maps[weight.name], places, entry_reader(known, arrays, sizes))
    height = prod(shape[: len(dense.output.axes)])
    return ranked(np.broadcast_to(entries, shape).reshape(height, -1))


def _combines(form: Form) -> bool:
    """Whether weights are combinations of parameters with numbers that the form brings along."""
    return any(p.values is not None for p in form.params) and not all(p.data for p in form.weights)


def _entries(param: Param, sizes: Mapping[Symbol, int], combined: bool) -> np.ndarray:
    """Numbers that tell the entries apart, and their combinations with small coefficients if these are `combined`."""
    shape = tuple(int(evaluate(e, sizes)) for e in param.array.shape)
    if param.values is not None and combined:
        return np.array([*param.values, None], dtype=object)[:-1].reshape(shape)
    return _FAR ** _numbered(shape).astype(object) if combined else _numbered(shape)


def _numbered(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(1, prod(shape) + 1).reshape(shape)


def ranked(entries: np.ndarray) -> np.ndarray:
    """Values renamed 1, 2, 3, ... in their order, a weight and its negative alike; 0 stays."""
    entries = np.abs(entries)
    values, places = np.unique(entries, return_inverse=True)
    zero = int(np.searchsorted(values, 0)) if 0 in values else -1
    names = np.cumsum(np.arange(len(values)) != zero)
    if zero >= 0:
        names[zero] = 0
    return np.asarray(names[places].reshape(entries.shape))


def _stages(derivation: Derivation) -> Iterator[tuple[int, str, Derivation]]:
    """The derivation cut off after each step, up to the first that makes another layer of it or factors its weights."""
    last = _own(derivation)
    for stage in range(last + 1):
        part = replace(derivation, steps=derivation.steps[:stage], applications=derivation.applications[:stage])
        yield stage, derivation.steps[stage - 1].rule if stage else "dense", part


def _own(derivation: Derivation) -> int:
    """How many steps speak of the layer's own dense weights."""
    ends = (Kind.TRANSFORMATION, Kind.FACTORISATION)
    return next((p for p, step in enumerate(derivation.steps) if step.kind in ends), len(derivation.steps))


def own_form(derivation: Derivation) -> Derivation:
    """The derivation up to the last step that speaks of the layer's own dense weights."""
    *_, (_, _, part) = _stages(derivation)
    return part


def sizes_for(form: Form, side: int, channels: int, radius: int = 1) -> dict[Symbol, int]:
    """Small numbers for the form's sizes: the grid's side, the channels, and a radius."""
    values: dict[Symbol, int] = dict.fromkeys(form.sizes, radius)
    for array, factor in ((form.output, 2), (form.input, 3)):
        for axis in array.axes:
            if not axis.extent.free_symbols:
                continue
            (size,) = axis.extent.free_symbols
            values[size] = channels if axis.role is Role.CHANNEL else side
            if form.output.shape != form.input.shape and len(array.axes) == 1:
                values[size] = side * factor // 2
    return values


def says(sizes: Mapping[Symbol, int]) -> str:
    """Sizes and their values in words."""
    return ", ".join(f"{UNICODE(s)} = {sizes[s]}" for s in in_order(sizes))


def _picture(file: str, stage: int, rule: str, part: Derivation, side: int, channels: int) -> Picture:
    sizes = sizes_for(part.form, side, channels)
    dense = part.dense
    inner = [
        prod(int(e.subs({s: Integer(v) for s, v in sizes.items()})) for e in array.shape[1:])
        for array in (dense.output, dense.input)
    ]
    return Picture(
        file=file,
        stage=stage,
        rule=rule,
        says=says(sizes),
        cells=pattern(part, sizes),
        rows=tuple(map(str, dense.output.symbols)),
        columns=tuple(map(str, dense.input.symbols)),
        blocks=(inner[0], inner[1]),
        noun="different coefficient" if _combines(part.form) else "free weight",
    )


def pictures(name: str, derivation: Derivation) -> tuple[Picture, ...]:
    """W after each step that changes it, on an 8×8 grid (16 for rank 1, 4×4×4), with one channel each way.

    A layer with channels has one more, on a smaller grid with two of each; it stands after the last stage.
    """
    rank = len(derivation.form.grid(derivation.form.input))
    side = _SIDES.get(rank, 2)
    found: list[Picture] = []
    for stage, rule, part in _stages(derivation):
        seen = sum(_slug(rule) == _slug(s.rule) for s in derivation.steps[: stage - 1]) if stage else 0
        file = f"{name}-{_slug(rule)}{f'-{seen + 1}' if seen else ''}.svg"
        picture = _picture(file, stage, rule, part, side, 1)
        if not found or not np.array_equal(found[-1].cells, picture.cells):
            found.append(picture)
    if (last := _transformed(name, derivation, side)) is not None:
        found.append(last)
    if any(axis.role is Role.CHANNEL for axis in derivation.form.input.axes):
        *_, (stage, rule, part) = _stages(derivation)
        picture = _picture(f"{name}-two-channels.svg", len(derivation.steps) + 1, rule, part, max(2, side // 2), 2)
        later = "".join(_slug(step.rule) for step in derivation.steps[stage : stage + 1])
        found.append(replace(picture, before=later))
    return tuple(found)


def _transformed(name: str, derivation: Derivation, side: int) -> Picture | None:
    """The last layer's matrix, where transformations made it and it has one; its entries may be sums of weights."""
    steps, form, start = derivation.steps, derivation.form, derivation.dense
    if _own(derivation) == len(steps) or any(s.step.view in _NO_MATRIX for s in steps) or form.weight.is_Mul:
        return None
    sizes = dict.fromkeys(form.sizes, 1) | sizes_for(start, side, 1)
    shapes = {p.name: tuple(int(evaluate(e, sizes)) for e in p.array.shape) for p in form.params if not p.data}
    names = {key: 2 ** (_numbered(shape).astype(object)) for key, shape in shapes.items()}
    told = {s.name: v for s, v in sizes.items() if not shapes or s not in start.sizes}
    try:
        W, _ = derivation.reference(shape=(side,) * len(start.grid(start.input)), **names, **told)
    except DeriveError:
        return None
    height = prod(W.shape[: len(form.output.axes)])
    inner = [prod(W.shape[1 : len(form.output.axes)]), prod(W.shape[len(form.output.axes) + 1 :])]
    return Picture(
        file=f"{name}-{_slug(steps[-1].rule)}.svg",
        stage=len(steps),
        rule=steps[-1].rule,
        says=says({s: v for s, v in sizes.items() if s in form.sizes}),
        cells=ranked(W.reshape(height, -1)),
        rows=tuple(map(str, form.output.symbols)),
        columns=tuple(map(str, form.input.symbols)),
        blocks=(inner[0], inner[1]),
        noun="different coefficient",
    )


def _slug(rule: str) -> str:
    return rule.partition("(")[0]


def strip(derivation: Derivation) -> str:
    """The stages that change W side by side, as one SVG: dense, Toeplitz, banded."""
    found = [p for p in pictures("strip", derivation) if p.stage <= len(derivation.steps)]
    return strip_drawing([(p.cells, p.blocks, _slug(p.rule), p.parameters) for p in found])
