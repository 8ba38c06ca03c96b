"""How many roundings stand between an argument and a result, read off the program, and what they add up to.

A result that adds T products of f entries in any order, c of them rounded when they were made, satisfies (Higham,
Accuracy and Stability of Numerical Algorithms, section 3.1 with lemma 3.1; underflow as in section 2.8)

    |error| ≤ γ_q·(Σ|w||x| + |u|) + (1 + γ_q)·p·A·η          q = T + f - 1 + c,  p = T·(f - 1 + c),  γ_q = q·ε/(1 - q·ε)

ε is the unit roundoff. T additions join T products and the bias, so no path has more than T of them whatever
the tree; a contraction on BLAS that starts from 0, adds in blocks or fuses product and sum has no more. Nor has one that
multiplies partial sums: T₁ - 1 and T₂ - 1 additions are no more than T₁·T₂ - 1, and a path has f - 1 multiplications still.
An underflow in a product of some of the entries is multiplied by the others: by A at most, the product of the `deep`
largest of max(1, max|entry|) over the arrays, where deep = f - 2 for a product and f - 1 where a constant was rounded.
η is half the smallest subnormal: a sum that underflows is exact, a product that does errs by η, and later
sums scale that error by their own (1 + δ). A number in front of a product counts as one more that was rounded; a sign, which
rounds nothing, doesn't count. Where subnormals are flushed, η is the smallest normal, a sum
loses as much as a product, and no operand may be subnormal.
Running sums add L entries before their product with a weight: T + L additions, whose losses the weight multiplies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import prod
from typing import Any

import numpy as np
from sympy import Add, Expr, Integer, Max, Min, Mul, Symbol, ceiling, floor

from derive.errors import EmitError
from derive.ir.nodes import (
    Accumulate,
    Contract,
    Gather,
    Guard,
    Launch,
    Let,
    Loop,
    MultiplyAdd,
    Node,
    Program,
    Range,
    Scatter,
    walk,
)
from derive.remembered import fraction

__all__ = ["Roundings", "error_bound", "in_range", "roundings", "steps"]

Interval = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Roundings:
    """At most `q` roundings on any path and `p` products that may underflow, for one result entry; `deep` factors follow one."""

    q: int
    p: int
    deep: int = 0

    def amplified(self, largest: Iterable[Fraction]) -> Fraction:
        """By how much later factors may multiply an underflow, given each factor array's largest magnitude."""
        return prod(sorted((max(Fraction(1), m) for m in largest), reverse=True)[: self.deep], start=Fraction(1))


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


def error_bound(
    counted: Roundings, magnitude: Fraction, dtype: Any, flushed: bool = False, amplified: Fraction = Fraction(1)
) -> Fraction:
    """How far a result of type `dtype` can be from the exact one, where `magnitude` is Σ|w||x| + |u|.

    `amplified` is what `Roundings.amplified` makes of the arguments; it is 1 for products of two entries.
    float16 is computed in float32 and rounded once more when it is stored. `flushed` is for targets that
    flush subnormals. It holds where `in_range` does. Raises EmitError for more roundings than γ allows.
    """
    half = np.dtype(dtype) == np.dtype(np.float16)
    format = _Format.of(np.float32 if half else dtype)
    gamma = _gamma(counted.q, format.unit)
    lost = amplified * counted.p * (2 * format.normal if flushed else format.subnormal / 2)
    error = gamma * magnitude + (1 + gamma) * lost
    if not half:
        return error
    stored = _Format.of(dtype)
    return error + stored.unit * (magnitude + error) + stored.subnormal / 2


def in_range(counted: Roundings, magnitude: Fraction, dtype: Any, amplified: Fraction = Fraction(1)) -> bool:
    """Whether the program on absolute values stays below overflow, so that `error_bound` is claimed.

    Where several factors follow one another, partial products must stay below it as well: `amplified` times the largest of them.
    """
    total = magnitude + error_bound(counted, magnitude, dtype, amplified=amplified)
    return max(total, amplified**2) <= _Format.of(dtype).largest


def _gamma(q: int, unit: Fraction) -> Fraction:
    if q * unit >= 1:
        raise EmitError(f"{q} roundings are too many for a unit roundoff of {unit}: there is no error bound.")
    return q * unit / (1 - q * unit)


def roundings(program: Program, sizes: Mapping[Symbol, int], constants: Mapping[str, bool] | None = None) -> Roundings:
    """The worst case over all entries of the result, at numeric sizes; of `constants` see `steps`.

    Raises EmitError for products of computed numbers, which are not counted.
    """
    known = {s: (int(v), int(v)) for s, v in sizes.items()}
    if program.batch is not None and program.result.batched:
        known.setdefault(program.batch, (1, 1))
    _require_products_of_arguments(program)
    terms = _terms(program.body, known, 1) * _met(program, known)
    run = _run(program, known)
    products, deep = _products(program, constants or {})
    return Roundings(q=terms + run + products, p=terms * max(1, run) * products, deep=max(bool(run), deep))


def _products(program: Program, constants: Mapping[str, bool]) -> tuple[int, int]:
    """How many products a term takes at most, rounded numbers counted as one, and how many factors follow an underflow."""
    sums = [n for n in walk(program.body) if isinstance(n, (MultiplyAdd, Contract))]
    if not sums:
        return 0, 0
    factors = max(sum(not constants.get(f.array, False) for f in n.factors) for n in sums)
    made = max(sum(f.array in constants and not constants[f.array] for f in n.factors) for n in sums)
    made += not all(_is_sign(n.times, program) for n in walk(program.body) if hasattr(n, "times"))
    return factors - 1 + made, factors - 1 if made else factors - 2


def steps(program: Program, constants: Mapping[str, bool], biases: frozenset[str]) -> tuple[int, int] | None:
    """s and deep of a program that on absolute values gives Σ|w||x| + |u|, where q = T + s and p = T·s for T terms.

    `constants` names arrays of numbers that the layer brings along, and says which hold signs alone: 1, -1 and 0 round nothing.
    Others are rounded once when they are made.

    None for one with numbers in front of its products, products in its bias, running sums, or results added up in other places.
    """
    nodes = list(walk(program.body))
    plain = all(n.times == 1 for n in nodes if hasattr(n, "times"))
    plain &= not any(f.array in biases for n in nodes for f in getattr(n, "factors", ()))
    if not plain or any(isinstance(n, (Accumulate, Scatter)) for n in nodes):
        return None
    return _products(program, constants)


def _is_sign(times: Any, program: Program) -> bool:
    """Whether a number is 1, -1 or 0 at every point: multiplying by it rounds nothing."""
    if hasattr(times, "condition"):
        return all(_is_sign(option, program) for option in times.args[1:])
    if hasattr(times, "subscripts"):
        return {*next(t.values for t in program.tables if t.name == times.array)} <= {-1, 0, 1}
    return all(_is_sign(f, program) for f in times.args) if isinstance(times, Mul) else times in (-1, 0, 1)


def _met(program: Program, known: Mapping[Symbol, Interval]) -> int:
    """How many entries of a working array are added to one entry of the result at most."""
    total = 1
    for node in program.body:
        if isinstance(node, Scatter):
            sizes = {s: Integer(low) for s, (low, _) in known.items()}
            spans = [range(int(r.start.xreplace(sizes)), int(r.stop.xreplace(sizes))) for r in node.over]
            letters = [r.symbol for r in node.over]
            points = ({**sizes, **dict(zip(letters, map(Integer, p), strict=True))} for p in product(*spans))
            places = [_looked_up(node.place.xreplace(at), program) for at in points]
            total *= max(Counter(places).values(), default=1)
    return total


def _run(program: Program, known: Mapping[Symbol, Interval]) -> int:
    """How many additions an entry has behind it at most in running sums, which may be of running sums."""
    lengths: dict[str, int] = {}
    for node in program.body:
        if isinstance(node, Accumulate):
            length = max(0, _interval(node.over.stop, known)[1] - _interval(node.over.start, known)[0])
            lengths[node.target] = lengths.get(node.source, 0) + length
    return max(lengths.values(), default=0)


def _looked_up(place: Any, program: Program) -> Any:
    """A place that is an entry of a table, as its number."""
    if not hasattr(place, "subscripts"):
        return place
    table = next(t for t in program.tables if t.name == place.array)
    return table.values[
        int(np.ravel_multi_index([int(e) for e in place.subscripts], table.shape)) if table.shape else 0
    ]


def _require_products_of_arguments(program: Program) -> None:
    arguments = {s.name for s in program.arguments}
    copies = {n.target for n in walk(program.body) if isinstance(n, (Gather, Accumulate))}
    for node in walk(program.body):
        for factor in node.factors if isinstance(node, (MultiplyAdd, Contract)) else ():
            if factor.array not in arguments | copies:
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
        top, bottom = fraction(e.args[0])
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
