"""Bounds in exact integers on what a sum of products of integers can reach: whether int64 holds it.

    H[o] = Σ u[..] + Σ_r V[ω(o, r)]·X[ι(o, r)]

Let no output use one entry of V more than `repeats` times (with several arrays of weights: one choice of an entry of
each). With G the gradient by H, over all items of the batch, and a Π over the arrays of weights,

    |H|  ≤ repeats·max|X|·Π Σ|V| + Σ max|u|
    |dX| ≤ repeats·Σ|G|·Π Σ|V|              each output hands on |G[o]|·Σ_r |V[ω(o, r)]| at most, to all X together
    |dV| ≤ repeats·max|X|·Σ|G|·Π Σ|W|       over the other arrays of weights, W
    |du| ≤ Σ|G|

hold of every partial sum as well. With several arrays of weights a term may lack one; then their Σ count as 1 at least.
A bias Σ_s C[.., s]·u[s] with numbers C is Π Σ|C|·Σ|u| at most, and |du| ≤ Σ|G|·Π Σ|C|.
Nothing is assumed of how often one *input* meets one weight, which edges that reflect raise: hence Σ|G| in dX.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from .constants import Constant
from .errors import DTypeError

__all__ = ["Bound", "check_bounds", "gradient_bound", "largest", "magnitudes", "result_bound", "total"]

_LIMIT = 2**63


@dataclass(frozen=True, slots=True)
class Bound:
    """|what| ≤ repeats·Π max|m|·Π Σ|t|·Π max(1, Σ|l|) + Σ max|p| + Π Σ|c|: letters of arrays.

    For m in `most` and t in `sums`, which every term reads, l in `lacked`, which some may not read, p in `plus`, and c in
    `combined`, if any.
    """

    what: str
    most: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()
    lacked: tuple[str, ...] = ()
    plus: tuple[str, ...] = ()
    repeats: int = 1
    combined: tuple[str, ...] = ()


def result_bound(
    data: str, weights: tuple[str, ...], bias: tuple[str, ...], repeats: int, numbers: tuple[str, ...] = ()
) -> Bound:
    """The bound on |H|, where `numbers` are those arrays of the bias that the layer brings along."""
    alone, several = _read_by(weights)
    plus, combined = ((), bias) if numbers else (bias, ())
    return Bound("the result", (data,), alone, several, plus, repeats, combined)


def _read_by(weights: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The arrays of weights that every term reads for sure, and the others."""
    return (weights, ()) if len(weights) == 1 else ((), weights)


def gradient_bound(
    key: str, data: str, weights: tuple[str, ...], given: str, repeats: int, numbers: tuple[str, ...] = ()
) -> Bound:
    """The bound on the gradient by `key`, where `given` is the gradient by the result, and `numbers` as above."""
    if key == data:
        alone, several = _read_by(weights)
        return Bound(f"d{key}", (), (given, *alone), several, (), repeats)
    if key in weights:
        return Bound(f"d{key}", (data,), (given,), tuple(w for w in weights if w != key), (), repeats)
    return Bound(f"d{key}", (), (given, *numbers))


def check_bounds(name: str, bounds: tuple[Bound, ...], arrays: Mapping[str, Any], large: tuple[str, ...]) -> None:
    """Raises DTypeError for the first bound that isn't below 2**63.

    The arrays named in `large` are read only where the range of their types doesn't settle it.
    """
    exact: dict[str, int] = {}
    for bound in bounds:
        if _value(bound, arrays, large, exact) >= _LIMIT and (value := _value(bound, arrays, (), exact)) >= _LIMIT:
            raise DTypeError(
                f"{name}: {bound.what} might not fit int64, as {_formula(bound, exact)} = {value} "
                "is not below 2**63; pass smaller integers, or floats."
            )


def _value(bound: Bound, arrays: Mapping[str, Any], unread: tuple[str, ...], exact: dict[str, int]) -> int:
    def measured(text: str, key: str) -> int:
        measure, array = (largest, arrays[key]) if text.startswith("max") else (total, arrays[key])
        if key in unread and text not in exact:
            return _widest(array) * (1 if measure is largest else int(array.size))
        if text not in exact:
            exact[text] = measure(array)
        return exact[text]

    value = bound.repeats
    for key in bound.most:
        value *= measured(f"max|{key}|", key)
    for key in bound.sums:
        value *= measured(f"Σ|{key}|", key)
    for key in bound.lacked:
        value *= max(1, measured(f"Σ|{key}|", key))
    value += sum(measured(f"max|{key}|", key) for key in bound.plus)
    return value + (prod(measured(f"Σ|{key}|", key) for key in bound.combined) if bound.combined else 0)


def _formula(bound: Bound, exact: Mapping[str, int]) -> str:
    lacked = [f"Σ|{key}|" for key in bound.lacked]
    factors = [
        *([str(bound.repeats)] if bound.repeats != 1 else []),
        *(f"max|{key}|" for key in bound.most),
        *(f"Σ|{key}|" for key in bound.sums),
        *(text if exact[text] else f"max(1, {text})" for text in lacked),
    ]
    combined = ["·".join(f"Σ|{key}|" for key in bound.combined)] if bound.combined else []
    return " + ".join(["·".join(factors), *(f"max|{key}|" for key in bound.plus), *combined])


def _widest(array: Any) -> int:
    kind = array.dtype
    return 1 if kind.kind == "b" else -int(np.iinfo(kind).min) or int(np.iinfo(kind).max)


def magnitudes(array: Any) -> Any:
    """|array| as uint64, flat: exact for every integer and boolean type, the least int64 included."""
    flat = array.reshape(-1)
    return flat.astype(np.uint64) if array.dtype.kind in "bu" else abs(flat.astype(np.int64)).astype(np.uint64)


def largest(array: Any) -> int:
    """max|array| as a Python integer; 0 if it is empty."""
    if isinstance(array, Constant):
        return max(map(abs, array.entries), default=0)
    return max(int(array.max()), -int(array.min())) if array.size else 0


def total(array: Any) -> int:
    """Σ|array| as a Python integer, exact below 2**32 elements: the halves of 64 bits are summed apart."""
    if isinstance(array, Constant):
        return sum(map(abs, array.entries))
    flat = magnitudes(array)
    return (int((flat >> 32).sum()) << 32) + int((flat & 0xFFFFFFFF).sum())
