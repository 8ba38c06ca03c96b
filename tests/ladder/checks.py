"""The three rungs: each raises Refuted where a kernel is not its form."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from derive.checking import run_exactly
from derive.ir.rounding import error_bound, in_range
from tests.ladder.layouts import LAYOUTS, OUTPUTS
from tests.ladder.numbers import as_fractions, by_dense, filled, fixed, magnitude, same, shapes_of, wanted
from tests.ladder.subjects import Arrays, Sizes, Subject

__all__ = ["Refuted", "exact_scalars", "require", "rounding_errors", "small_integers", "whole_numbers"]


class Refuted(AssertionError):
    """A kernel that is not its form, or breaks a law."""


def require(holds: bool, subject: Subject, says: str, sizes: Sizes) -> None:
    """Raises Refuted with the sentence and the sizes."""
    if not holds:
        at = ", ".join(f"{s} = {v}" for s, v in sizes.items())
        raise Refuted(f"{subject.name} ({subject.backend}) {says} at {at}.")


def exact_scalars(subject: Subject, numbers: str, sizes: Sizes, seed: int = 0) -> None:
    """Rung 1: the body, unchanged, on exact numbers, against the form and against the dense layer."""
    form = subject.form
    arrays = filled(form, sizes, numbers, seed)
    got = run_exactly(subject.kernel, form, arrays, sizes)
    require(same(got, wanted(form, arrays, sizes)), subject, f"differs from its form on {numbers}", sizes)
    dense = by_dense(subject.derivation, arrays, sizes)
    require(dense is None or same(got, dense), subject, f"differs from the dense layer on {numbers}", sizes)


def whole_numbers(
    subject: Subject,
    sizes: Sizes,
    dtypes: Sequence[Any],
    batch: tuple[int, ...] = (),
    most: int = 3,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Arguments with small integer entries, of the element types that the three kinds of argument get."""
    draw = np.random.default_rng(seed)
    form = subject.form
    kinds = dict.fromkeys([p.name for p in form.weights], dtypes[1]) | {subject.data: dtypes[0]}
    arrays = {}
    for name, shape in shapes_of(form, sizes).items():
        dtype = np.dtype(kinds.get(name, dtypes[2]))
        low = 0 if dtype.kind in "bu" else -most
        values = draw.integers(
            low, 2 if dtype.kind == "b" else most + 1, (*batch, *shape) if name in subject.batched else shape
        )
        arrays[name] = values.astype(dtype)
    return arrays | fixed(form, sizes)


def small_integers(
    subject: Subject, arrays: Arrays, sizes: Sizes, layout: str = "contiguous", output: str = "fresh"
) -> None:
    """Rung 2: the public entry on small integers, in floats or not, equals the exact result where constants are dyadic."""
    assert subject.dyadic, f"floats round a constant of {subject.name}, so this rung has nothing to say"
    whole = {n: a if a.dtype == object else a.astype(np.int64).astype(object) for n, a in arrays.items()}
    exact = wanted(subject.form, whole, sizes)
    dtype = _result_type(subject, arrays)
    total = magnitude(subject.form, arrays, sizes)
    limit = 2 ** (np.finfo(dtype).nmant + 1) if dtype.kind == "f" else 2**63
    assert all(value * subject.unit < limit for value in total.ravel()), "the arguments are too large for this rung"
    with subject.machine() as xp:
        given = [LAYOUTS[layout](xp, xp.asarray(arrays[name])) for name in subject.kernel.arguments]
        out = OUTPUTS[output](xp, exact.shape, dtype)
        result = subject.kernel(*given, out=out, **subject.stated(sizes))
        require(out is None or result is out, subject, "returns something else than out", sizes)
        got = result if xp is np else result.get()
        after = [a if xp is np else a.get() for a in given]
    require(got.dtype == dtype, subject, f"gives {got.dtype} and not {dtype}", sizes)
    require(same(as_fractions(got), exact), subject, f"differs from its form in {dtype}", sizes)
    kept = all(np.array_equal(a, arrays[n]) for a, n in zip(after, subject.kernel.arguments, strict=True))
    require(kept, subject, "changes its arguments", sizes)


def _result_type(subject: Subject, arrays: Arrays) -> np.dtype[Any]:
    dtypes = [arrays[name].dtype for name in subject.kernel.arguments]
    if all(dtype.kind in "bui" for dtype in dtypes):
        return np.dtype(np.int64 if subject.unit == 1 else np.float64)
    return np.result_type(*dtypes)


def _items(subject: Subject, arrays: Arrays) -> int:
    data = arrays[subject.data]
    return int(np.prod(data.shape[: data.ndim - len(subject.form.input.axes)]))


def rounding_errors(subject: Subject, arrays: Arrays, sizes: Sizes) -> list[Fraction]:
    """Rung 3: every |error| is within the derived bound. Gives the ratios, where it is claimed."""
    counted = subject.roundings(sizes, items=_items(subject, arrays))
    dtype = _result_type(subject, arrays)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        got = subject(arrays, sizes)
    largest = (max(as_fractions(a, absolute=True).ravel(), default=Fraction(0)) for a in arrays.values())
    more = counted.amplified(largest)
    exact = wanted(subject.form, {n: as_fractions(a) for n, a in arrays.items()}, sizes)
    ratios = []
    for value, true, total in zip(
        got.ravel(), exact.ravel(), magnitude(subject.form, arrays, sizes).ravel(), strict=True
    ):
        if not in_range(counted, total, dtype, more):
            continue
        require(bool(np.isfinite(value)), subject, f"is {value} in range of {dtype}", sizes)
        error, bound = (
            abs(Fraction(*value.as_integer_ratio()) - true),
            error_bound(counted, total, dtype, amplified=more),
        )
        require(error <= bound, subject, f"errs beyond the bound in {dtype}", sizes)
        ratios.append(error / bound if bound else Fraction(0))
    return ratios
