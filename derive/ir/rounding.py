"""How many roundings stand between an argument and a result, read off the program.

A result that adds T products in any order, products rounded once, satisfies (Higham, Accuracy and Stability of
Numerical Algorithms, section 3.1; underflow as in section 2.4)

    |error| ≤ γ_q·(Σ|w||x| + |u|) + p·η          q = T + 1,  p = T,  γ_q = q·ε/(1 - q·ε)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sympy import Add, Expr, Integer, Max, Min, Mul, Symbol, ceiling, floor

from derive.errors import EmitError
from derive.ir.nodes import Contract, Guard, Launch, Let, Loop, MultiplyAdd, Node, Program, Range

__all__ = ["Roundings", "roundings"]

Interval = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Roundings:
    """At most `q` roundings on any path and `p` products that may underflow, for one result entry."""

    q: int
    p: int


def roundings(program: Program, sizes: Mapping[Symbol, int]) -> Roundings:
    """The worst case over all entries of the result, at numeric sizes."""
    known = {s: (int(v), int(v)) for s, v in sizes.items()}
    if program.batch is not None:
        known.setdefault(program.batch, (1, 1))
    terms = _terms(program.body, known, 1)
    return Roundings(q=terms + 1, p=terms)


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
