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
from derive.forms.form import Array, Form
from derive.proof.step import Kind, Step, View
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
    """What the derivation demands: each step whose rule takes a group."""
    return tuple(
        Claim(proved.before, tuple(s.step for s in derivation.steps[position:]), argument)
        for position, (application, proved) in enumerate(zip(derivation.applications, derivation.steps, strict=True))
        for argument in (*application.args, *dict(application.options).values())
        if hasattr(argument, "elements")
    )


def motions(claim: Claim, sizes: Sizes, most: int | None = None) -> tuple[Motion, ...]:
    """Every element of the group that carries some output and some input to a place; `most` drawn ones of them."""
    before = claim.form
    out, source = _seen(before.output, sizes), _seen(before.input, sizes)
    for step in claim.steps:
        out, source = _followed(step, out, source, sizes)
    swapped = out.array.name != before.output.name
    wide = max((int(evaluate(a.extent, sizes)) for a in (*before.output.axes, *before.input.axes)), default=1)
    values = [
        (element, value)
        for element in claim.group.elements(before)
        for value in product(range(1 - wide, wide), repeat=len(element.letters))
    ]
    random.Random(0).shuffle(values)
    found: list[Motion] = []
    for element, value in values:
        at = dict(sizes) | dict(zip(element.letters, value, strict=True))
        if len(found) != most and evaluate(element.given, at):
            turn = -1 if swapped else 1
            maps, signs = (element.out, element.source)[::turn], element.signs[::turn]
            moved = [_carried(seen, m, at) for seen, m in zip((out, source), maps, strict=True)]
            if all((m >= 0).any() for m in moved):
                turned = [_signs(seen, sign, at) for seen, sign in zip((out, source), signs, strict=True)]
                found.append(Motion(f"{element.notation} at {value}", *moved, *turned))
    return tuple(found)


def _signs(seen: _Seen, sign: Any, at: Mapping[Symbol, Any]) -> np.ndarray:
    """The sign with which the element moves the entry at every place now."""
    shape = np.shape(seen.places[0]) if seen.places else ()
    letters = dict(zip(seen.array.symbols, seen.places, strict=True))
    return np.broadcast_to(evaluate(sign, dict(at) | letters), shape).ravel()


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
        raise NotImplementedError(f"What becomes of a symmetry in a {step.view.value}.")
    at = dict(sizes) | dict(zip(step.after.output.symbols, _coordinates(step.after.output, sizes), strict=True))
    lower = [int(evaluate(a.lower, sizes)) for a in step.before.output.axes]
    kept = tuple(
        np.broadcast_to(evaluate(step.to_before[s], at), np.shape(at[step.after.output.symbols[0]])) - low
        for s, low in zip(step.before.output.symbols, lower, strict=True)
    )
    return replace(out, places=tuple(p[kept] for p in out.places)), source


def _carried(seen: _Seen, moves: Mapping[Symbol, Any], at: Mapping[Symbol, Any]) -> np.ndarray:
    """For every place now, the flat position of the one that the element carries it to; -1 where there is none."""
    shape = np.shape(seen.places[0]) if seen.places else ()
    letters = dict(zip(seen.array.symbols, seen.places, strict=True))
    moved = (np.broadcast_to(evaluate(moves.get(s, s), dict(at) | letters), shape).ravel() for s in seen.array.symbols)
    known = {place: number for number, place in enumerate(zip(*(p.ravel().tolist() for p in seen.places), strict=True))}
    return np.array([known.get(place, -1) for place in zip(*(m.tolist() for m in moved), strict=True)], dtype=int)


def same_rank(form: Form) -> bool:
    """Whether input and output have as many grid axes, so that a motion of the grid moves both."""
    return len(form.grid(form.input)) == len(form.grid(form.output)) > 0
