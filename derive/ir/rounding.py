"""How many roundings stand between an argument and a result, read off the program, and what they add up to.

A result that adds T products in any order, each product rounded once, satisfies (Higham, Accuracy and
Stability of Numerical Algorithms, section 3.1 with lemma 3.1; underflow as in section 2.8)

    |error| ≤ γ_q·(Σ|w||x| + |u|) + (1 + γ_q)·p·η          q = T + 1,  p = T,  γ_q = q·ε/(1 - q·ε)

ε is the unit roundoff. T additions join T products and the bias, so no path has more than T of them whatever
the tree; a contraction on BLAS that starts from 0, adds in blocks or fuses product and sum has no more.
η is half the smallest subnormal: a sum that underflows is exact, a product that does errs by η, and later
sums scale that error by their own (1 + δ). Where subnormals are flushed, η is the smallest normal, a sum
loses as much as a product, and no operand may be subnormal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from sympy import Add, Expr, Integer, Max, Min, Mul, Symbol, ceiling, floor

from derive.errors import EmitError
from derive.ir.nodes import Contract, Guard, Launch, Let, Loop, MultiplyAdd, Node, Program, Range, walk

__all__ = ["Roundings", "error_bound", "in_range", "roundings"]

Interval = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Roundings:
    """At most `q` roundings on any path and `p` products that may underflow, for one result entry."""

    q: int
    p: int


@dataclass(frozen=True, slots=True)
class _Format:
    """A float type: its unit roundoff, smallest subnormal, smallest normal and largest number."""

    unit: Fraction
    subnormal: Fraction
    normal: Fraction
    largest: Fraction

    @classmethod
    def of(cls, dtype: Any) -> _Format:
        info = np.finfo(dtype)
        unit = Fraction(1, 2 ** (info.nmant + 1))
        ends = (info.smallest_subnormal, info.smallest_normal, info.max)
        return cls(unit, *(Fraction(*value.as_integer_ratio()) for value in ends))


def error_bound(counted: Roundings, magnitude: Fraction, dtype: Any, flushed: bool = False) -> Fraction:
    """How far a result of type `dtype` can be from the exact one, where `magnitude` is Σ|w||x| + |u|.

    float16 is computed in float32 and rounded once more when it is stored. `flushed` is for targets that
    flush subnormals. It holds where `in_range` does. Raises EmitError for more roundings than γ allows.
    """
    half = np.dtype(dtype) == np.dtype(np.float16)
    format = _Format.of(np.float32 if half else dtype)
    gamma = _gamma(counted.q, format.unit)
    lost = 2 * counted.p * format.normal if flushed else counted.p * format.subnormal / 2
    error = gamma * magnitude + (1 + gamma) * lost
    if not half:
        return error
    stored = _Format.of(dtype)
    return error + stored.unit * (magnitude + error) + stored.subnormal / 2


def in_range(counted: Roundings, magnitude: Fraction, dtype: Any) -> bool:
    """Whether the program on absolute values stays below overflow, so that `error_bound` is claimed."""
    return magnitude + error_bound(counted, magnitude, dtype) <= _Format.of(dtype).largest


def _gamma(q: int, unit: Fraction) -> Fraction:
    if q * unit >= 1:
        raise EmitError(f"{q} roundings are too many for a unit roundoff of {unit}: there is no error bound.")
    return q * unit / (1 - q * unit)


def roundings(program: Program, sizes: Mapping[Symbol, int]) -> Roundings:
    """The worst case over all entries of the result, at numeric sizes.

    Raises EmitError for products of more than two entries, or of computed ones, which are not counted.
    """
    known = {s: (int(v), int(v)) for s, v in sizes.items()}
    if program.batch is not None and program.result.batched:
        known.setdefault(program.batch, (1, 1))
    _require_products_of_arguments(program)
    terms = _terms(program.body, known, 1)
    return Roundings(q=terms + 1, p=terms)


def _require_products_of_arguments(program: Program) -> None:
    arguments = {s.name for s in program.arguments}
    for node in walk(program.body):
        if not isinstance(node, (MultiplyAdd, Contract)):
            continue
        if len(node.factors) > 2:
            raise EmitError(f"Roundings are counted for products of two entries, not {len(node.factors)}.")
        for factor in node.factors:
            if factor.array not in arguments:
                raise EmitError(f"'{factor.array}' is computed first, and its own roundings are not counted.")


def _terms(body: tuple[Node, ...], known: Mapping[Symbol, Interval], times: int) -> int:
    """An upper bound on the products that are added to one entry."""
    env, total = dict(known), 0
    for node in body:
        match node:
            case Let(symbol=symbol, value=value):
                env[symbol] = _interval(value, env)
            case Loop(range=span, body=inner):
                inside = _inside(env, (span,))
                low, high = inside[span.symbol]
                total += _terms(inner, inside, times * max(0, high - low + 1))
            case Guard(body=inner):
                total += _terms(inner, env, times)
            case Launch(threads=threads, body=inner):
                total += _terms(inner, _inside(env, threads), times)
            case MultiplyAdd() | Contract():
                total += times * _contracted(node, env)
    return total


def _contracted(node: MultiplyAdd | Contract, env: Mapping[Symbol, Interval]) -> int:
    kept, inside, size = node.target.along(node.over), _inside(env, node.over), 1
    for span in node.over:
        if span.symbol not in kept:
            low, high = inside[span.symbol]
            size *= max(0, high - low + 1)
    return size


def _inside(env: Mapping[Symbol, Interval], ranges: tuple[Range, ...]) -> dict[Symbol, Interval]:
    bounds = dict(env)
    for r in ranges:
        bounds[r.symbol] = (_interval(r.start, bounds)[0], _interval(r.stop, bounds)[1] - 1)
    return bounds


def _interval(e: Expr, env: Mapping[Symbol, Interval]) -> Interval:
    if isinstance(e, Integer):
        return int(e), int(e)
    if isinstance(e, Symbol):
        return env[e]
    if isinstance(e, (floor, ceiling)):
        top, bottom = e.args[0].together().as_numer_denom()
        low, high = _interval(top, env)
        up = 0 if isinstance(e, floor) else int(bottom) - 1
        return (low + up) // int(bottom), (high + up) // int(bottom)
    parts = [_interval(a, env) for a in e.args]
    if isinstance(e, Add):
        return sum(p[0] for p in parts), sum(p[1] for p in parts)
    if isinstance(e, Mul):
        low, high = parts[0]
        for other in parts[1:]:
            ends = [x * y for x in (low, high) for y in other]
            low, high = min(ends), max(ends)
        return low, high
    if isinstance(e, (Max, Min)):
        pick = max if isinstance(e, Max) else min
        return pick(p[0] for p in parts), pick(p[1] for p in parts)
    raise EmitError(f"'{e}' has no bounds that can be read off.")
