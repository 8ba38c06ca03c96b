"""Copies and stores of programs in stages as launches, for a device: one thread a point, whose statements they are.

P[p] = X[at(p)], 0 outside          a halo: where a subscript is no position of its axis, the entry is filled with 0, or with
                                    what the axis has beyond its ends
E[p] = P[at(p)]                     a copy
H[p] = u + Σ R[at(p)]               a store, of the points at which its condition holds
"""

from __future__ import annotations

from sympy import And, Expr, Ge, Integer, Lt, Symbol, expand

from derive.ir.nodes import Access, Copy, Fill, Guard, Launch, Loop, MultiplyAdd, Node, Program, Range, Scratch, Storage
from derive.ir.stages import Halo, Staged, Store
from derive.remembered import built

__all__ = ["Pointwise", "as_launch", "threads_of"]

Pointwise = Copy | Halo | Store
_SUM = "acc"


def as_launch(program: Staged, node: Pointwise, name: str) -> Program:
    """The launch that does what a statement of the program does. Its sizes are all that the launch is told."""
    threads = threads_of(node)
    match node:
        case Halo():
            body = _filled(program, node)
        case Store():
            body = _stored(node)
        case Copy():
            body = (Copy(node.target, (), node.source, times=node.times),)
    accesses = (node.target, node.source, *((node.bias,) if isinstance(node, Store) and node.bias else ()))
    result, *read = (Storage(a.array, program.shape(a.array)) for a in accesses)
    launch = Launch(threads, body, node.says)
    return Program(name, node.says, tuple(read), result, _told(program, launch, (result, *read)), (), (launch,))


def threads_of(node: Pointwise) -> tuple[Range, ...]:
    """The ranges that have a thread for each of their points."""
    return tuple(r for r in node.over if not (isinstance(node, Store) and r in node.summed))


def _filled(program: Staged, node: Halo) -> tuple[Node, ...]:
    copy, beyond = Copy(node.target, (), node.read), {found.axis for found in node.beyond}
    extents = enumerate(zip(node.source.subscripts, program.shape(node.source.array), strict=True))
    inside = And(*(c for axis, (e, n) in extents if axis not in beyond for c in _position(e, n, node.over)))
    return (copy,) if inside == True else (Guard(inside, (copy,), (Fill(node.target, ()),)),)  # noqa: E712


def _position(subscript: Expr, extent: Expr, over: tuple[Range, ...]) -> tuple[object, ...]:
    """What makes a subscript a position of its axis, where it isn't one for all values of its letter."""
    whole = any(subscript == r.symbol and r.start == 0 and expand(r.stop - extent) == 0 for r in over)
    return () if whole else (built(Ge, subscript, 0), built(Lt, subscript, extent))


def _stored(node: Store) -> tuple[Node, ...]:
    if node.bias is None and not node.summed:
        body: tuple[Node, ...] = (Copy(node.target, (), node.source, times=node.times),)
    else:
        total = Access(_SUM, ())
        start: Node = Fill(total, ()) if node.bias is None else Copy(total, (), node.bias)
        added: Node = MultiplyAdd(total, (), (node.source,))
        for r in reversed(node.summed):
            added = Loop(r, (added,))
        body = (Scratch(_SUM, ()), start, added, Copy(node.target, (), total))
    return body if node.condition == True else (Guard(node.condition, body),)  # noqa: E712


def _told(program: Staged, launch: Launch, arrays: tuple[Storage, ...]) -> tuple[Symbol, ...]:
    """The sizes, knobs and letters around the statement that a launch mentions, those of its strides among them."""
    own: set[Symbol] = set()
    met: set[Symbol] = {s for a in arrays for e in a.shape[1:] for s in e.free_symbols}

    def visit(nodes: tuple[Node, ...]) -> None:
        for node in nodes:
            ranges = node.threads if isinstance(node, Launch) else (node.range,) if isinstance(node, Loop) else ()
            own.update(r.symbol for r in ranges)
            met.update(s for r in ranges for e in (r.start, r.stop) for s in e.free_symbols)
            if isinstance(node, Guard):
                met.update(node.condition.free_symbols)
            if isinstance(node, (Launch, Loop, Guard)):
                visit(node.body)
            met.update(getattr(node, "times", Integer(1)).free_symbols)
            accesses = (getattr(node, "target", None), getattr(node, "source", None), *getattr(node, "factors", ()))
            met.update(s for a in accesses if a is not None for e in a.subscripts for s in e.free_symbols)

    visit((launch,))
    lets = tuple(let.symbol for let in program.lets)
    order = [program.batch, *program.sizes, *(k.symbol for k in program.knobs), *lets]
    wanted = met - own
    return (*(s for s in order if s in wanted), *sorted(wanted - set(order), key=str))
