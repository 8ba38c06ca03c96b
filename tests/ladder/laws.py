"""Laws of a layer, found from its derivation and checked on its kernel; each raises Refuted where one fails.

They are about H - H(0), so that the bias does not disturb them.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from derive.forms.denote import matrix
from derive.forms.evaluate import evaluate, grid
from derive.forms.form import Array
from tests.ladder.checks import require, whole_numbers
from tests.ladder.motions import Motion
from tests.ladder.numbers import numbered
from tests.ladder.subjects import Arrays, Sizes, Subject
from tests.proof.spans import Combination

__all__ = [
    "equivariant",
    "extents",
    "linear",
    "local",
    "reentrant",
    "unread_entries",
    "unread_inputs",
    "unread_weights_are_ignored",
]

_TYPES = (np.float64,) * 3


def _items(subject: Subject, arrays: Arrays, stack: np.ndarray, sizes: Sizes) -> np.ndarray:
    """H for each of several inputs and the same other arguments: as one batch, where none of these has a batch too."""
    if subject.batched == {subject.data, subject.form.output.name}:
        return subject({**arrays, subject.data: stack}, sizes)
    results = [subject({**arrays, subject.data: item}, sizes) for item in stack]
    return np.stack(results) if results else np.empty((0, *extents(subject.form.output, sizes)))


def _response(subject: Subject, arrays: Arrays, stack: np.ndarray, sizes: Sizes) -> np.ndarray:
    """H(X) - H(0) for each of several X."""
    zero = subject({**arrays, subject.data: np.zeros_like(arrays[subject.data])}, sizes)
    return _items(subject, arrays, stack, sizes) - zero


def linear(subject: Subject, sizes: Sizes, seed: int = 0) -> None:
    """2·X - 3·Y gives 2·H(X) - 3·H(Y), in integers."""
    arrays = whole_numbers(subject, sizes, _TYPES, seed=seed)
    first = arrays[subject.data]
    second = whole_numbers(subject, sizes, _TYPES, seed=seed + 1)[subject.data]
    both, one, other = _response(subject, arrays, np.stack([2 * first - 3 * second, first, second]), sizes)
    require(np.array_equal(both, 2 * one - 3 * other), subject, "is not linear", sizes)


def equivariant(subject: Subject, motions: Sequence[Motion], sizes: Sizes, seed: int = 0) -> None:
    """H(gX)[g·o] = H(X)[o], with their signs, for every motion g, o with g·o inside, and X that is 0 wherever g·k is outside."""
    arrays = whole_numbers(subject, sizes, _TYPES, seed=seed)
    full = arrays[subject.data]
    still, moved = (np.zeros((len(motions), *full.shape)) for _ in range(2))
    for item, motion in enumerate(motions):
        source = motion.source.ravel()
        inside = source >= 0
        still[item].reshape(-1)[inside] = full.ravel()[inside]
        moved[item].reshape(-1)[source[inside]] = (full.ravel() * motion.source_signs)[inside]
    here, there = (_response(subject, arrays, stack, sizes) for stack in (still, moved))
    for item, motion in enumerate(motions):
        out = motion.out.ravel()
        inside = out >= 0
        same = np.array_equal(there[item].ravel()[out[inside]], (here[item].ravel() * motion.out_signs)[inside])
        require(same, subject, f"breaks the law of {motion.name}", sizes)


def _sevenths(subject: Subject, sizes: Sizes, seed: int) -> dict[str, np.ndarray]:
    """Arguments whose sums round."""
    return {n: a / 7 for n, a in whole_numbers(subject, sizes, _TYPES, seed=seed).items()}


def _reads(subject: Subject, sizes: Sizes) -> np.ndarray:
    """Whether a term of output o reads input k, over all o and then all k: from the form's own terms, those with a number 0 too."""
    form = subject.form
    ones = {p.name: np.full(extents(p.array, sizes), Combination({p.name: 1}), dtype=object) for p in form.params}
    read = matrix(numbered(form, lambda times: 1), ones, sizes)
    some = [bool(c.terms) if isinstance(c, Combination) else c != 0 for c in read.ravel()]
    return np.array(some, dtype=bool).reshape(read.shape)


def extents(array: Array, sizes: Sizes) -> tuple[int, ...]:
    """The shape of an array of a form, without batch axes."""
    return tuple(int(evaluate(extent, sizes)) for extent in array.shape)


def unread_inputs(subject: Subject, sizes: Sizes) -> np.ndarray:
    """Whether output o must not depend on input k, over all o and then all k."""
    return ~_reads(subject, sizes)


def local(
    subject: Subject, far: np.ndarray, sizes: Sizes, seed: int = 0, finite: bool = False, whole: bool = False
) -> None:
    """Whatever stands at k, unless it is to be `finite` NaN too, leaves every output o equal bit for bit where `far[o, k]`.

    In the same place of a batch of the same length: a library may add up in another order elsewhere. Where outputs of a tile are
    rounded together, `whole` numbers show what is read without being rounded.
    """
    arrays = whole_numbers(subject, sizes, _TYPES, seed=seed) if whole else _sevenths(subject, sizes, seed)
    data = arrays[subject.data]
    places = list(np.ndindex(*data.shape))
    others = () if finite else (np.full_like(data, np.nan), np.full_like(data, np.inf))
    for value in (data + (2 if whole else 1 / 3), *others):
        still = np.stack([data] * len(places)) if places else data[None][:0]
        before, changed = _items(subject, arrays, still, sizes), still.copy()
        for item, place in enumerate(places):
            changed[(item, *place)] = value[place]
        after = _items(subject, arrays, changed, sizes)
        for item, place in enumerate(places):
            outside = far[(slice(None),) * (before.ndim - 1) + place]
            same = after[item][outside].tobytes() == before[item][outside].tobytes()
            require(same, subject, f"lets the input at {place} reach an output outside the window", sizes)


def unread_entries(subject: Subject, sizes: Sizes) -> dict[str, np.ndarray]:
    """For each weight array, its entries that no term of the form reads."""
    found = {}
    for param in (p for p in subject.form.weights if p.values is None):
        axes = param.array.axes
        ranges = {a.symbol: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for a in axes}
        shape = tuple(high - low + 1 for low, high in ranges.values())
        read = evaluate(param.free, dict(sizes) | grid(ranges))
        found[param.name] = ~np.broadcast_to(np.asarray(read, dtype=bool), shape)
    return found


def unread_weights_are_ignored(subject: Subject, sizes: Sizes, seed: int = 0) -> None:
    """Entries that never meet the image change nothing, NaN included."""
    arrays = _sevenths(subject, sizes, seed)
    before = subject(arrays, sizes)
    for value in (np.nan, np.inf, 1e300):
        hidden = {n: np.where(mask, value, arrays[n]) for n, mask in unread_entries(subject, sizes).items()}
        same = subject({**arrays, **hidden}, sizes).tobytes() == before.tobytes()
        require(same, subject, "reads a weight that never meets the input", sizes)


def reentrant(subject: Subject, sizes: Sizes, threads: int = 8, calls: int = 32) -> None:
    """One kernel called from several threads at once gives what it gives alone."""
    cases = [whole_numbers(subject, sizes, _TYPES, seed=seed) for seed in range(calls)]
    alone = [subject(case, sizes) for case in cases]
    with ThreadPoolExecutor(threads) as pool:
        together = list(pool.map(subject, cases, [sizes] * calls))
    for left, right in zip(alone, together, strict=True):
        require(left.tobytes() == right.tobytes(), subject, "is not re-entrant", sizes)
