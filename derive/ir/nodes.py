"""The nodes of a program. Subscripts are positions from 0; bounds are half open; every name is the formula's letter.

A statement runs over the box of its `over` ranges at once. `times` is a whole number, such as a sign, that may depend on the point.
Subscripts and numbers may be read from the program's tables. What a target does with it (slices, a contraction on
BLAS, one thread a point) is settled by which node the lowering chose, so that a printer has nothing to decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sympy import Expr, S, Symbol

__all__ = [
    "NODES",
    "Access",
    "Accumulate",
    "Barrier",
    "Chart",
    "Contract",
    "Copy",
    "Fill",
    "Gather",
    "Guard",
    "Launch",
    "Let",
    "Loop",
    "MultiplyAdd",
    "Node",
    "Program",
    "Range",
    "Scatter",
    "Scratch",
    "SizeFrom",
    "Statement",
    "Storage",
    "Table",
    "accesses_of",
    "ranges_of",
    "walk",
]


@dataclass(frozen=True, slots=True)
class Range:
    """start ≤ symbol < stop, each `step`-th value: what starts a block of so many."""

    symbol: Symbol
    start: Expr
    stop: Expr
    step: Expr = S.One


@dataclass(frozen=True, slots=True)
class Access:
    """An entry of a stored array, as a function of indices; without subscripts a scalar."""

    array: str
    subscripts: tuple[Expr, ...]

    def along(self, ranges: tuple[Range, ...]) -> tuple[Symbol, ...]:
        """The range symbols that the subscripts move with, in the order of the array's axes."""
        names = [r.symbol for r in ranges]
        return tuple(s for e in self.subscripts for s in names if s in e.free_symbols)


@dataclass(frozen=True, slots=True)
class Let:
    """An integer held by name."""

    symbol: Symbol
    value: Expr


@dataclass(frozen=True, slots=True)
class Scratch:
    """Memory that lives within the enclosing body: a working array of zeros, or a register where the shape is ()."""

    array: str
    shape: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """target = times·source at every point of the box; a source that doesn't move with an index is repeated along it."""

    target: Access
    over: tuple[Range, ...]
    source: Access
    says: str = ""
    times: Expr = S.One


@dataclass(frozen=True, slots=True)
class Fill:
    """target = 0 at every point of the box."""

    target: Access
    over: tuple[Range, ...]
    says: str = ""


@dataclass(frozen=True, slots=True)
class Gather:
    """target[.., p - start, ..] = times(p)·source[.., place(p), ..] in the place of one axis or of several: a new working array.

    p runs through a box, and the target has an axis for each of its letters; `rank` is the number of the source's axes. `places`
    are where that is read, along each of its axes that these take the place of: none where every p has a copy of all of it.
    """

    target: str
    source: str
    axis: int
    rank: int
    over: tuple[Range, ...]
    places: tuple[Expr, ...]
    says: str = ""
    times: Expr = S.One


@dataclass(frozen=True, slots=True)
class Scatter:
    """target[.., place(p), ..] += times(p)·source[.., p - start, ..] in the place of one axis, for each p of the box.

    `rank` is the number of the target's axes.
    """

    target: str
    source: str
    axis: int
    rank: int
    over: tuple[Range, ...]
    place: Expr
    says: str = ""
    times: Expr = S.One

    @property
    def places(self) -> tuple[Expr, ...]:
        """Where the target is added to, along that axis."""
        return (self.place,)


@dataclass(frozen=True, slots=True)
class Accumulate:
    """target[.., p - start, ..] = Σ source[.., place(k), ..] along one axis, over start ≤ k < p or, `onwards`, over p ≤ k < stop.

    A new working array with one place more along the axis than the range of k has; `rank` is the number of axes.
    """

    target: str
    source: str
    axis: int
    rank: int
    over: Range
    place: Expr
    onwards: bool = False
    says: str = ""


@dataclass(frozen=True, slots=True)
class MultiplyAdd:
    """target += times·Π factors at every point of the box; every range moves the target."""

    target: Access
    over: tuple[Range, ...]
    factors: tuple[Access, ...]
    says: str = ""
    times: Expr = S.One


@dataclass(frozen=True, slots=True)
class Contract:
    """target += Σ times·Π factors, summed over the ranges that do not move the target."""

    target: Access
    over: tuple[Range, ...]
    factors: tuple[Access, ...]
    says: str = ""
    times: Expr = S.One


@dataclass(frozen=True, slots=True)
class Loop:
    """The body once for each value of the range, in order; `unrolled` ones have bounds that are known when text is compiled."""

    range: Range
    body: tuple[Any, ...]
    says: str = ""
    unrolled: bool = False


@dataclass(frozen=True, slots=True)
class Guard:
    """The body where the condition holds, and the other one where it doesn't."""

    condition: Any
    body: tuple[Any, ...]
    otherwise: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Launch:
    """The body once for each point of the box, in any order or at the same time: one thread a point.

    In a launch of blocks the next one is that of a block's threads, and one inside that is dealt out to them.
    """

    threads: tuple[Range, ...]
    body: tuple[Node, ...]
    says: str = ""


@dataclass(frozen=True, slots=True)
class Barrier:
    """No thread of a block goes on before all of them are here."""


Statement = Copy | Fill | MultiplyAdd | Contract
Node = Let | Scratch | Statement | Gather | Accumulate | Scatter | Loop | Guard | Launch | Barrier
NODES: tuple[type, ...] = (
    Let,
    Scratch,
    Copy,
    Fill,
    MultiplyAdd,
    Contract,
    Gather,
    Accumulate,
    Scatter,
    Loop,
    Guard,
    Launch,
    Barrier,
)


@dataclass(frozen=True, slots=True)
class Storage:
    """An argument or the result: its name and shape. `batched` ones have any number of leading axes more."""

    name: str
    shape: tuple[Expr, ...]
    batched: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Whole numbers that a program brings along, row by row."""

    name: str
    shape: tuple[int, ...]
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SizeFrom:
    """size = (extent of the array's axis - offset) / factor."""

    size: Symbol
    array: str
    axis: int
    factor: int
    offset: int


@dataclass(frozen=True, slots=True)
class Chart:
    """In which letters a sum runs: `down` gives the form's letters in its own, `up` its own in the form's."""

    down: tuple[tuple[Symbol, Expr], ...]
    up: tuple[tuple[Symbol, Expr], ...]


@dataclass(frozen=True, slots=True)
class Program:
    """Fills `result` from `arguments`. There is a chart for each sum, in order; none where all run in the form's letters.

    Where the body counts the leading axes of `batched` arrays, `batch` is the size that stands for all of them and
    `item` the index; it is the first subscript of such an array. A result that isn't batched sums over the items.
    """

    name: str
    says: str
    arguments: tuple[Storage, ...]
    result: Storage
    sizes: tuple[Symbol, ...]
    sources: tuple[SizeFrom, ...]
    body: tuple[Node, ...]
    batch: Symbol | None = field(default=None)
    item: Symbol | None = field(default=None)
    charts: tuple[Chart, ...] = ()
    working: tuple[Storage, ...] = ()
    tables: tuple[Table, ...] = ()

    def extents(self, name: str) -> tuple[Expr, ...]:
        """What the subscripts of an access to a stored array are counted by."""
        stored = self.storage(name)
        return (self.batch, *stored.shape) if stored.batched and self.batch is not None else stored.shape

    def storage(self, name: str) -> Storage:
        """The argument, result or working array of that name."""
        return next(s for s in (*self.arguments, self.result, *self.working) if s.name == name)


def walk(body: tuple[Node, ...]) -> Iterator[Node]:
    """Every node, outer before inner."""
    for node in body:
        yield node
        if isinstance(node, (Loop, Guard, Launch)):
            yield from walk(node.body)
        if isinstance(node, Guard):
            yield from walk(node.otherwise)


def accesses_of(node: Node) -> tuple[Access, ...]:
    """What a statement writes and reads; the written one is first."""
    match node:
        case Copy(target=target, source=source):
            return (target, source)
        case Fill(target=target):
            return (target,)
        case MultiplyAdd(target=target, factors=factors) | Contract(target=target, factors=factors):
            return (target, *factors)
    return ()


def ranges_of(node: Node) -> tuple[Range, ...]:
    """The ranges that a node binds."""
    match node:
        case Loop(range=span):
            return (span,)
        case Launch(threads=threads):
            return threads
        case Copy(over=over) | Fill(over=over) | MultiplyAdd(over=over) | Contract(over=over):
            return over
    return ()
