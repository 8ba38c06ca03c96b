"""What a program of sweeps does, counted as stages are: products of slices that are added to slices, and contractions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sympy import Expr, Integer, Max, Min, Sum, Symbol

from derive.ir.cost import Work
from derive.ir.nodes import (
    Access,
    Accumulate,
    Contract,
    Copy,
    Fill,
    Gather,
    Guard,
    Let,
    Loop,
    MultiplyAdd,
    Program,
    Range,
    Scatter,
)
from derive.remembered import built

__all__ = ["direct_work"]

_ONE = Integer(1)


def direct_work(program: Program, batch: Symbol) -> tuple[Work, ...]:
    """The counts of a program of sweeps: `sweep` is a product of slices that is added to slices, of so many elements, in runs of
    so many along so many axes; the last count is 1 where these aren't neighbours. `contract` is a sum of products by its rows,
    inner extent and columns; of more factors than two, those before the last are contracted first.

    A loop within others counts as at their letters' 0. A slice whose ends move with one loop is as long as it is on average, any
    other is the whole axis.
    """
    return tuple(_sweeps(program, program.body, _ONE, batch, {}))


def _sweeps(
    program: Program, body: Iterable[Any], times: Expr, batch: Symbol, around: Mapping[Symbol, Let | Range]
) -> Iterator[Work]:
    for node in body:
        match node:
            case Let():
                around = {**around, node.symbol: node}
            case Loop(range=span, body=inner):
                yield from _sweeps(program, inner, times * _count(program, span), batch, {**around, span.symbol: span})
            case Guard(body=inner):
                yield from _sweeps(program, inner, times, batch, around)
            case MultiplyAdd() | Contract():
                yield from _swept(program, node, times, batch, _means(node.over, around))
            case Copy() | Fill():
                yield Work("fill", (times, _elements(program, node.target, node.over, batch, {})))
            case Gather() | Accumulate() | Scatter():
                name = node.source if isinstance(node, Scatter) else node.target
                whole = program.storage(name)
                run = whole.shape[-1] if whole.shape else _ONE
                yield Work("copy", (times, _product(whole.shape) * (batch if whole.batched else 1), run))


def _means(over: Iterable[Range], around: Mapping[Symbol, Let | Range]) -> dict[Symbol, Expr]:
    """How long ranges are on average that move with one loop, whose own ends move with none."""
    lets = {s: n.value for s, n in around.items() if isinstance(n, Let)}
    found: dict[Symbol, Expr] = {}
    for r in over:
        length = r.stop.xreplace(lets) - r.start.xreplace(lets)
        loops = [n for s, n in around.items() if isinstance(n, Range) and s in length.free_symbols]
        if len(loops) == 1 and not (loops[0].start.free_symbols | loops[0].stop.free_symbols) & set(around):
            (span,) = loops
            total = Sum(length, (span.symbol, span.start, span.stop - 1))
            found[r.symbol] = total / built(Max, 1, span.stop - span.start)
    return found


def _swept(
    program: Program, node: MultiplyAdd | Contract, times: Expr, batch: Symbol, means: Mapping[Symbol, Expr]
) -> Iterator[Work]:
    kept = node.target.along(node.over)
    elements = _elements(program, node.target, node.over, batch, means)
    inner = _product(means.get(r.symbol, _count(program, r)) for r in node.over if r.symbol not in kept)
    weights = {s for f in node.factors[:-1] for s in f.along(node.over)}
    lone = [s for s in kept if s in weights and s not in node.factors[-1].along(node.over)]
    columns = _product(_count(program, r) for r in node.over if r.symbol in lone)
    if isinstance(node, Contract):
        if more := len(node.factors) - 2:
            yield Work("contract", (times * more, _ONE, inner, columns))
        others = [letters for f in node.factors if (letters := f.along(node.over)) != kept]
        scaled = more and len(others) < len(node.factors) and not any(s in kept for letters in others for s in letters)
        if not scaled:  # what is left is no contraction but a product, which a sweep counts
            yield Work("contract", (times, elements / columns, inner, columns))
    lengths = _lengths(program, node.target, node.over, means)
    last = next((r.symbol for s in kept[-1:] for r in node.over if r.symbol == s), None)
    ends = [a.subscripts[-1].coeff(last) for a in (node.target, *node.factors) if a.subscripts and last is not None]
    apart = Integer(any(abs(step) > 1 for step in ends))
    yield Work("sweep", (times, elements, lengths[-1] if lengths else _ONE, Integer(len(lengths)), apart))


def _count(program: Program, span: Range) -> Expr:
    """How many values, at 0 for whatever is no size."""
    length = span.stop - span.start
    still = {s: Integer(0) for s in length.free_symbols if s not in program.sizes and s != program.batch}
    return built(Max, length.xreplace(still), 0) if still or length.has(Max, Min) else length


def _elements(
    program: Program, access: Access, over: Iterable[Range], batch: Symbol, means: Mapping[Symbol, Expr]
) -> Expr:
    """How many entries of an array a statement runs through."""
    whole = program.storage(access.array)
    lead = len(access.subscripts) - len(whole.shape)
    return _product(_lengths(program, access, over, means)) * (batch if whole.batched and not lead else 1)


def _lengths(program: Program, access: Access, over: Iterable[Range], means: Mapping[Symbol, Expr]) -> list[Expr]:
    """How long a statement's slices are along the axes of an array that it runs through."""
    whole = program.storage(access.array)
    lead = len(access.subscripts) - len(whole.shape)
    moved = {r.symbol for r in over}
    along: list[Expr] = []
    for s, extent in zip(access.subscripts[lead:], whole.shape, strict=True):
        letters = s.free_symbols & moved
        along += [means.get(next(iter(letters)), extent) if len(letters) == 1 else extent] if letters else []
    return along


def _product(extents: Iterable[Expr]) -> Expr:
    total: Expr = _ONE
    for extent in extents:
        total *= extent
    return total
