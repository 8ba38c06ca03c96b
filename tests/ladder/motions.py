"""What a group's elements do to the places of a layer: found from the steps that demand equivariance, never listed.

An element acts on the form that its step was applied to. What later transformations make of that form's places is followed: a
selected place is an old one, an adjoint exchanges input and output. Where an element carries a place to none that is left it does
nothing there, as at the edge of a box.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from sympy import Symbol

from derive.derivation import Derivation
from derive.forms.evaluate import evaluate, grid
from derive.forms.extension import extended
from derive.forms.form import Array, Form, Role
from derive.proof.step import Kind, Step, View
from derive.proof.transform import EDGES
from derive.rules.invariant import _OnInput, invariant
from tests.ladder.subjects import Sizes

__all__ = ["Claim", "Motion", "claims", "motions", "same_rank"]


@dataclass(frozen=True)
class Motion:
    """Where one element carries every place of the output and of the input, in their flat order, -1 for nowhere, and its signs."""

    name: str
    out: np.ndarray
    source: np.ndarray
    out_signs: np.ndarray
    source_signs: np.ndarray


@dataclass(frozen=True)
class _Seen:
    """The places of an array now, as places of the array that the element acts on: one index array for each of its axes."""

    array: Array
    places: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Claim:
    """A group that moves the places of `form`, from which `steps` lead to the layer."""

    form: Form
    steps: tuple[Step, ...]
    group: Any


def claims(derivation: Derivation) -> tuple[Claim, ...]:
    """What the derivation demands and its later steps leave: each step whose rule takes a group."""
    found = (
        Claim(proved.before, tuple(s.step for s in derivation.steps[position:]), _acting(application, argument))
        for position, (application, proved) in enumerate(zip(derivation.applications, derivation.steps, strict=True))
        for argument in (*application.args, *dict(application.options).values())
        if hasattr(argument, "elements")
    )
    return tuple(claim for claim in found if _can_be_followed(claim.steps))


def _acting(application: Any, group: Any) -> Any:
    """The group as the rule lets it act: under 'invariant' the output stays."""
    return _OnInput(group) if application.rule is invariant else group


def _can_be_followed(steps: tuple[Step, ...]) -> bool:
    """Whether places after the steps are places before them: not in a gradient by weights, nor between two layers."""
    views = {step.view for step in steps if step.kind is Kind.TRANSFORMATION}
    turned = View.ADJOINT in views and views & set(EDGES)
    return views <= {View.SELECTED, View.ADJOINT, View.FIXED, *EDGES} and not turned


def motions(claim: Claim, sizes: Sizes, most: int | None = None) -> tuple[Motion, ...]:
    """Every element of the group that carries some output and some input to a place; `most` drawn ones of them."""
    before = claim.form
    out, source = _seen(before.output, sizes), _seen(before.input, sizes)
    for step in claim.steps:
        out, source = _followed(step, out, source, sizes)
    swapped = out.array.name != before.output.name
    edges = [EDGES[step.view] for step in claim.steps if step.view in EDGES]
    wide = max((int(evaluate(a.extent, sizes)) for a in (*before.output.axes, *before.input.axes)), default=1)
    values = [
        (element, value)
        for element in claim.group.elements(before)
        for value in product(range(1 - wide, wide), repeat=len(element.letters))
    ]
    random.Random(0).shuffle(values)
    found: list[Motion] = []
    read = _reader(claim)
    for element, value in values:
        at = dict(sizes) | dict(zip(element.letters, value, strict=True))
        if len(found) != most and evaluate(element.given, at):
            turn = -1 if swapped else 1
            maps, signs = (element.out, element.source)[::turn], element.signs[::turn]
            moved = [_carried(seen, m, at, read) for seen, m in zip((out, source), maps, strict=True)]
            if edges:
                moved[1] = _folded(source, edges[0], maps[1], at)
            if all((m >= 0).any() for m in moved):
                turned = [_signs(seen, sign, at, read) for seen, sign in zip((out, source), signs, strict=True)]
                found.append(Motion(f"{element.notation} at {value}", *moved, *turned))
    return tuple(found)


def _reader(claim: Claim) -> Any:
    """What the tables of a group by generators hold."""
    tables = (claim.group.tables(claim.form) or ()) if hasattr(claim.group, "tables") else ()
    held = {t.name: np.array(t.values).reshape([int(e) for e in t.array.shape]) for t in tables}
    return lambda name, *places: held[name][places]


def _signs(seen: _Seen, sign: Any, at: Mapping[Symbol, Any], read: Any) -> np.ndarray:
    """The sign with which the element moves the entry at every place now."""
    shape = np.shape(seen.places[0]) if seen.places else ()
    letters = dict(zip(seen.array.symbols, seen.places, strict=True))
    return np.broadcast_to(evaluate(sign, dict(at) | letters, read), shape).ravel()


def _seen(array: Array, sizes: Sizes) -> _Seen:
    return _Seen(array, _coordinates(array, sizes))


def _coordinates(array: Array, sizes: Sizes) -> tuple[np.ndarray, ...]:
    ranges = {a.symbol: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for a in array.axes}
    return tuple(grid(ranges).values())


def _followed(step: Step, out: _Seen, source: _Seen, sizes: Sizes) -> tuple[_Seen, _Seen]:
    """The places after a step."""
    if step.kind is not Kind.TRANSFORMATION:
        return out, source
    if step.view is View.ADJOINT:
        return source, out
    if step.view is not View.SELECTED:
        return out, source
    at = dict(sizes) | dict(zip(step.after.output.symbols, _coordinates(step.after.output, sizes), strict=True))
    lower = [int(evaluate(a.lower, sizes)) for a in step.before.output.axes]
    kept = tuple(
        np.broadcast_to(evaluate(step.to_before[s], at), np.shape(at[step.after.output.symbols[0]])) - low
        for s, low in zip(step.before.output.symbols, lower, strict=True)
    )
    return replace(out, places=tuple(p[kept] for p in out.places)), source


def _carried(seen: _Seen, moves: Mapping[Symbol, Any], at: Mapping[Symbol, Any], read: Any) -> np.ndarray:
    """For every place now, the flat position of the one that the element carries it to; -1 where there is none."""
    if not seen.places:
        return np.zeros(1, dtype=int)
    shape = np.shape(seen.places[0])
    letters = dict(zip(seen.array.symbols, seen.places, strict=True))
    moved = (
        np.broadcast_to(evaluate(moves.get(s, s), dict(at) | letters, read), shape).ravel() for s in seen.array.symbols
    )
    known = {place: number for number, place in enumerate(zip(*(p.ravel().tolist() for p in seen.places), strict=True))}
    return np.array([known.get(place, -1) for place in zip(*(m.tolist() for m in moved), strict=True)], dtype=int)


def _folded(seen: _Seen, edge: str, moves: Mapping[Symbol, Any], at: Mapping[Symbol, Any]) -> np.ndarray:
    """The same where the array goes on beyond its edge: an element moves all of that, and is left out (-1) where what it
    makes isn't the continuation of an array. Two extents on either side tell, as every continuation repeats or stands by then.
    """
    axes, reach = seen.array.axes, {}
    for axis in axes:
        low, high = int(evaluate(axis.lower, at)), int(evaluate(axis.upper, at))
        more = 2 * (high - low + 1) if axis.role is Role.GRID else 0
        reach[axis.symbol] = (low - more, high + more)
    letters = dict(at) | grid(reach)
    shape = tuple(high - low + 1 for low, high in reach.values())

    def place(subscripts: Mapping[Symbol, Any]) -> np.ndarray:
        folded = (
            extended(edge, a, subscripts[a.symbol]) if a.role is Role.GRID else subscripts[a.symbol] for a in axes
        )
        found = [
            np.broadcast_to(evaluate(e, letters), shape).ravel() - int(evaluate(a.lower, at))
            for e, a in zip(folded, axes, strict=True)
        ]
        return np.ravel_multi_index(found, tuple(int(evaluate(a.extent, at)) for a in axes))

    here, there = (
        place({a.symbol: a.symbol for a in axes}),
        place({a.symbol: moves.get(a.symbol, a.symbol) for a in axes}),
    )
    carried = np.full(here.max() + 1, -1)
    carried[here] = there
    return carried if np.array_equal(carried[here], there) else np.full_like(carried, -1)


def same_rank(form: Form) -> bool:
    """Whether input and output have as many grid axes, so that a motion of the grid moves both."""
    return len(form.grid(form.input)) == len(form.grid(form.output)) > 0
