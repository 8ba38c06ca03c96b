"""Factorisations: weights written as sums of products, V[p] = Σ_r P[r, p']·Q[r, p''].

The embedding is polynomial and no bijection: it keeps the layers whose weights are such sums. What is proved is that each old
term is the sum of the new ones with its letters, so that the layer is the old one with those weights.
"""

from __future__ import annotations

import random
from dataclasses import replace
from functools import reduce
from itertools import combinations
from math import prod
from typing import Any

import numpy as np
from sympy import And, Eq, Expr, Integer, Le, Min, Sum, true

from derive.errors import ObligationFailed
from derive.forms.evaluate import evaluate, grid
from derive.forms.expr import Read
from derive.forms.form import Array, Axis, Form, Param, equal_places
from derive.forms.products import product_of, same_product
from derive.proof.exact import PRIMES, rank_modulo
from derive.proof.exact import rank as exact_rank
from derive.proof.goal import Goal, Obligation
from derive.proof.step import Step

__all__ = ["dimension", "factored", "unfactored"]

_MOST_CELLS = 1 << 20


def factored(step: Step) -> tuple[Obligation, ...]:
    """What a factorisation must satisfy. Raises ObligationFailed where it is no sum of products of its arrays."""
    old, new = step.before, step.after
    summand, (r, lower, upper) = _sum(step)
    _demand(isinstance(old.weight, Read) and old.weight.array == _factored_map(step).array)
    places = dict(zip(_factored_map(step).binders, old.weight.subscripts, strict=True))
    _demand(set(new.reduction_symbols) - set(old.reduction_symbols) == {r})
    facts = (new.given, old.given)
    same = And(equal_places(old.read, new.read), same_product(new.weight, summand.xreplace(places)))
    inside = And(Le(lower, r), Le(r, upper))
    return (
        Obligation(
            "sound",
            "An old term is the sum over r of the new ones, with the same entry of the input.",
            (
                Goal((*facts, new.live), And(old.live, inside, same)),
                Goal((*facts, old.live, inside), new.live),
                Goal((*facts, new.output.holds()), Eq(old.bias, new.bias)),
            ),
        ),
    )


def _factored_map(step: Step) -> Any:
    found = [m for m in step.embeddings if isinstance(m.value, Sum)]
    _demand(len(found) == 1 and not step.sections)
    return found[0]


def _sum(step: Step) -> tuple[Expr, tuple[Expr, Expr, Expr]]:
    """The product that is summed, and its range."""
    total = _factored_map(step).value
    _demand(len(total.limits) == 1 and product_of(total.function) is not None)
    summand, limits = total.function, tuple(total.limits[0])
    entries = product_of(summand) or {}
    _demand(set(entries) == {p.name for p in step.after.weights})
    boxes = {p.name: p.array.symbols for p in step.after.weights}
    _demand(all(tuple(read.subscripts) == boxes[name] for name, read in entries.items()))
    others = {m.array: m.value for m in step.embeddings if not isinstance(m.value, Sum)}
    _demand(others == {p.name: p.array.entry() for p in step.before.biases})
    _demand(step.before.biases == step.after.biases)
    return summand, limits


def _demand(right: bool) -> None:
    if not right:
        raise ObligationFailed(
            "The factorisation is not well formed: its weights are no sum of products of its arrays."
        )


def dimension(form: Form) -> tuple[Expr | None, Any]:
    """The dimension of the layers that V = Σ_r P[r, a, ...]·Q[r, b, ...]·... reaches on a large grid, and when it is that.

    For each value of the letters that all share. Of two factors: P and Q of full rank R reach the same V exactly if they differ by
    a regular R × R matrix, so R² of R·(p + q) parameters don't matter, where R ≤ min(p, q). Of d ≥ 3 factors each product has d - 1
    scales that don't matter, and where R ≤ p, q, ... no more is lost: with unit vectors, the r-th of each axis in the r-th product,
    the derivative spans the entries of which d - 1 letters at least are r, and these are others for each r. More products
    of numbers are counted at one point, where that reaches what bounds it above. None where neither decides.
    """
    if len(form.weights) < 2 or product_of(form.weight) is None:
        return None, true
    arrays = [p.array for p in form.weights]
    shared = [a for a in arrays[0].axes if all(a in x.axes for x in arrays)]
    if not shared or any(len(x.axes) != len(shared) + 1 for x in arrays):
        return None, true
    letters = [next(a for a in x.axes if a not in shared) for x in arrays]
    rank, copies, sides = shared[0].extent, 1, [a.extent for a in letters]
    for axis in shared[1:]:
        copies = copies * axis.extent
    when = And(*(Le(rank, side) for side in sides))
    few = when != False  # noqa: E712  SymPy's
    if len(sides) == 2 and not few:
        rank, when, few = Min(rank, *sides), true, True
    box = rank * (sum(sides) - (rank if len(sides) == 2 else len(sides) - 1))
    hole = _mask(form)
    if hole == true and few:
        return copies * box, when
    known = _reached(hole, letters, shared[0].extent, box)
    return (None if known is None else copies * known), when if few else true


def _mask(form: Form) -> Any:
    """The conditions on taps alone, which make of a box's window another."""
    letters = set(form.reduction_symbols)
    own = {s for a in form.reduction for e in (a.lower, a.upper) for s in e.free_symbols}
    axes = (*form.input.axes, *form.output.axes)
    places = {s for a in axes for s in (a.symbol, *(a.upper.free_symbols - own))}
    parts = (p for p in And.make_args(form.domain) if p.free_symbols & letters and not p.free_symbols & places)
    return And(*parts)


def _reached(mask: Any, letters: list[Axis], rank: Expr, box: Expr) -> Expr | None:
    """The dimension of R products on a mask of numbers: the rank of the derivative at a point that is as good as any.

    On a box of sides R - 1 and more there is such a point; elsewhere one is where that is the most it can be, else None: products
    on a box have `box` dimensions at most, those of matrices of rank R that the window is if its axes are taken together in two
    parts, and as many as there are taps.
    """
    ends = [e for a in letters for e in (a.lower, a.upper)]
    if not all(e.is_Integer for e in (*ends, rank)) or not mask.free_symbols <= {a.symbol for a in letters}:
        return None
    sides = {a.symbol: (int(a.lower), int(a.upper)) for a in letters}
    shape, size = tuple(high - low + 1 for low, high in sides.values()), int(rank)
    taps = np.argwhere(np.broadcast_to(evaluate(mask, grid(sides)), shape))
    parts = (prod(shape[k] for k in part) for n in range(1, len(shape)) for part in combinations(range(len(shape)), n))
    flat = [size * (p + prod(shape) // p - size) for p in parts if size <= min(p, prod(shape) // p)]
    most = min(int(box), len(taps), *flat)
    if len(taps) * size * sum(shape) > _MOST_CELLS:
        return None
    if len(taps) == prod(shape) and size <= min(shape) + 1:
        return Integer(exact_rank(_derivative(taps, [_in_general_position(size, n) for n in shape])))
    found = rank_modulo(_derivative(taps, _drawn(shape, size)), PRIMES[0], most)
    return Integer(found) if found == most else None


def _in_general_position(size: int, side: int) -> np.ndarray:
    """Vectors that some regular matrix and scales carry to almost any so many: units, then the sum of all units.

    Carrying a box's factors so, axis by axis, turns the derivative's columns by a regular map: its rank here is that at almost
    every point, which is the dimension.
    """
    return np.array([[int(r in (p, side)) for p in range(side)] for r in range(size)], object)


def _drawn(shape: tuple[int, ...], size: int) -> list[np.ndarray]:
    draw = random.Random(0)
    return [np.array([[draw.randint(1, 999) for _ in range(n)] for _ in range(size)], object) for n in shape]


def _derivative(taps: np.ndarray, factors: list[np.ndarray]) -> np.ndarray:
    """Of the taps' values by the factors' entries, at those factors."""
    shape, size, columns = [f.shape[1] for f in factors], len(factors[0]), []
    for axis, side in enumerate(shape):
        others = [factors[k][:, taps[:, k]] for k in range(len(shape)) if k != axis]
        rest = reduce(np.multiply, others)
        columns += [rest[r] * (taps[:, axis] == p) for r in range(size) for p in range(side)]
    return np.stack(columns, axis=1)


def unfactored(form: Form) -> Form | None:
    """The form with an entry of one window in the place of each sum of products; None where no letter numbers the products."""
    entries = product_of(form.weight) or {}
    params = [p for p in form.weights if p.name in entries and not p.data]
    numbered = [a for a in form.reduction if all(a in p.array.axes for p in params)]
    numbered = [a for a in numbered if not any(a.symbol in e.free_symbols for e in form.read)]
    if len(params) < 2 or len(params) != len(entries) or len(numbered) != 1:
        return None
    (number,) = numbered
    axes: dict[Any, Expr] = {}
    reader: dict[Any, Expr] = {}
    for param in params:
        own = zip(param.array.axes, entries[param.name].subscripts, strict=True)
        axes |= {axis: e for axis, e in own if axis != number}
    letters = {axis.symbol for axis in axes}
    for param in params:
        mine = set(param.array.symbols)
        reader |= {s: e for s, e in param.reader if s != number.symbol and (s not in letters or s in mine)}
    window = Array("V", tuple(axes))
    free = And(*(p.free for p in params), _mask(form))
    return replace(
        form,
        reduction=tuple(a for a in form.reduction if a != number),
        weight=window.entry(axes.values()),
        weights=(Param(window, free, tuple(reader.items())),),
    )
