"""Laws of a layer, found from its derivation and checked on its kernel; each raises Refuted where one fails.

They are about H - H(0), so that the bias does not disturb them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import numpy as np

from derive.forms.evaluate import evaluate, grid
from derive.forms.form import Array, Form
from derive.groups.translations import Translations
from derive.proof.step import Clause
from tests.ladder.checks import require, whole_numbers
from tests.ladder.subjects import Arrays, Sizes, Subject

__all__ = [
    "linear",
    "local",
    "reentrant",
    "shift_axes",
    "translation_equivariant",
    "unread_entries",
    "unread_weights_are_ignored",
    "windows",
]

_TYPES = (np.float64,) * 3


def _response(subject: Subject, arrays: Arrays, data: np.ndarray) -> np.ndarray:
    """H(X) - H(0)."""
    zero = subject({**arrays, subject.data: np.zeros_like(data)})
    return subject({**arrays, subject.data: data}) - zero


def linear(subject: Subject, sizes: Sizes, seed: int = 0) -> None:
    """2·X - 3·Y gives 2·H(X) - 3·H(Y), in integers."""
    arrays = whole_numbers(subject, sizes, _TYPES, seed=seed)
    first = arrays[subject.data]
    second = whole_numbers(subject, sizes, _TYPES, seed=seed + 1)[subject.data]
    both = _response(subject, arrays, 2 * first - 3 * second)
    apart = 2 * _response(subject, arrays, first) - 3 * _response(subject, arrays, second)
    require(np.array_equal(both, apart), subject, "is not linear", sizes)


def shift_axes(subject: Subject) -> tuple[int, ...] | None:
    """The grid axes along which a step of the derivation demands equivariance; None where no step does."""
    rank = len(subject.form.grid(subject.form.input))
    for application in subject.derivation.applications:
        for argument in (*application.args, *dict(application.options).values()):
            if application.rule.name == "equivariant" and isinstance(argument, Translations):
                return tuple(range(rank)) if argument.axes is None else argument.axes
    return None


def _moved(form: Form, array: Array, values: np.ndarray, shift: Mapping[int, int]) -> tuple[Any, Any]:
    """Slices that take each place with its shifted one: of the places o, and of the places o + s."""
    before, after = [slice(None)] * values.ndim, [slice(None)] * values.ndim
    axes = form.grid(array)
    for axis, step in shift.items():
        extent = values.shape[axes[axis]]
        before[axes[axis]] = slice(max(0, -step), min(extent, extent - step))
        after[axes[axis]] = slice(max(0, step), min(extent, extent + step))
    return tuple(before), tuple(after)


def translation_equivariant(subject: Subject, sizes: Sizes, axes: tuple[int, ...], seed: int = 0) -> None:
    """H(T_s X)[o+s] = H(X)[o] for every shift s, o with o+s inside, and X that is 0 where k+s is outside."""
    form = subject.form
    arrays = whole_numbers(subject, sizes, _TYPES, seed=seed)
    full = arrays[subject.data]
    extents = [full.shape[form.grid(form.input)[axis]] for axis in axes]
    for steps in product(*(range(1 - extent, extent) for extent in extents)):
        shift = dict(zip(axes, steps, strict=True))
        kept, target = _moved(form, form.input, full, shift)
        data, moved = np.zeros_like(full), np.zeros_like(full)
        data[kept] = full[kept]
        moved[target] = full[kept]
        here, there = _response(subject, arrays, data), _response(subject, arrays, moved)
        o, shifted = _moved(form, form.output, here, shift)
        require(np.array_equal(there[shifted], here[o]), subject, f"breaks the shift by {steps}", sizes)


def windows(subject: Subject) -> Iterator[Clause]:
    """The clauses by which a step of the derivation says that certain coefficients are 0."""
    for proved in subject.derivation.steps:
        yield from (c for c in proved.step.clauses if c.right == 0)


def _far(subject: Subject, clause: Clause, sizes: Sizes) -> np.ndarray:
    """Whether the coefficient c(o, k) must be 0, over all o and then all k."""
    form = subject.form
    axes = (*form.output.axes, *form.input.axes)
    ranges = {a.symbol: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for a in axes}
    shape = tuple(high - low + 1 for low, high in ranges.values())
    return np.broadcast_to(evaluate(clause.given, dict(sizes) | grid(ranges)), shape)


def local(subject: Subject, clause: Clause, sizes: Sizes, seed: int = 0) -> None:
    """Whatever stands at k, NaN too, leaves every output equal bit for bit that must not read k."""
    form = subject.form
    far = _far(subject, clause, sizes)
    arrays = {n: a / 7 for n, a in whole_numbers(subject, sizes, _TYPES, seed=seed).items()}
    data = arrays[subject.data]
    before = subject(arrays)
    for place in np.ndindex(*data.shape):
        for value in (data[place] + 1 / 3, np.nan, np.inf):
            changed = data.copy()
            changed[place] = value
            after = subject({**arrays, subject.data: changed})
            outside = far[(slice(None),) * len(form.output.axes) + place]
            same = after[outside].tobytes() == before[outside].tobytes()
            require(same, subject, f"lets the input at {place} reach an output outside the window", sizes)


def unread_entries(subject: Subject, sizes: Sizes) -> dict[str, np.ndarray]:
    """For each weight array, its entries that no term of the form reads."""
    found = {}
    for param in subject.form.weights:
        axes = param.array.axes
        ranges = {a.symbol: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for a in axes}
        shape = tuple(high - low + 1 for low, high in ranges.values())
        read = evaluate(param.free, dict(sizes) | grid(ranges))
        found[param.name] = ~np.broadcast_to(np.asarray(read, dtype=bool), shape)
    return found


def unread_weights_are_ignored(subject: Subject, sizes: Sizes, seed: int = 0) -> None:
    """Entries that never meet the image change nothing, NaN included."""
    arrays = {n: a / 7 for n, a in whole_numbers(subject, sizes, _TYPES, seed=seed).items()}
    before = subject(arrays)
    for value in (np.nan, np.inf, 1e300):
        hidden = {n: np.where(mask, value, arrays[n]) for n, mask in unread_entries(subject, sizes).items()}
        same = subject({**arrays, **hidden}).tobytes() == before.tobytes()
        require(same, subject, "reads a weight that never meets the input", sizes)


def reentrant(subject: Subject, sizes: Sizes, threads: int = 8, calls: int = 32) -> None:
    """One kernel called from several threads at once gives what it gives alone."""
    cases = [whole_numbers(subject, sizes, _TYPES, seed=seed) for seed in range(calls)]
    alone = [subject(case) for case in cases]
    with ThreadPoolExecutor(threads) as pool:
        together = list(pool.map(subject, cases))
    for left, right in zip(alone, together, strict=True):
        require(left.tobytes() == right.tobytes(), subject, "is not re-entrant", sizes)
