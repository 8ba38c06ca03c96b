"""Programs in stages: working arrays filled tile by tile, each by one primitive, the last of which stores results.

A working array is zeros before the first tile. Each of its entries is written by one statement, in every tile or in none, so an
entry that no statement writes stays 0, and one that is read was written in the same tile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sympy import Expr, Symbol

from derive.ir.nodes import Access, Chart, Copy, Guard, Let, Loop, Range, SizeFrom, Storage

__all__ = [
    "STAGES",
    "Halo",
    "Knob",
    "MatMul",
    "Room",
    "ShiftedSum",
    "Stage",
    "Staged",
    "Store",
    "Tiles",
    "WeightedSum",
    "at_knobs",
    "reads_of",
    "statements",
]


@dataclass(frozen=True, slots=True)
class Tiles:
    """The body once for each tile low ≤ place < high of 0 ≤ place < extent: at most `step` places, and together all of them.

    Tiles may overlap: what a body stores for a place depends on the place alone. `place` is in the letters of the form.
    """

    low: Symbol
    high: Symbol
    place: Expr
    extent: Expr
    step: Expr
    body: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class Halo:
    """target[p] = source[at(p)] where that is inside, 0 elsewhere, for every entry of the target.

    Each subscript of the source moves with one index at most, by whole steps forwards, and each index is a subscript of the target.
    Unless it is `copied`, the target is a view of the source where all is inside.
    """

    target: Access
    over: tuple[Range, ...]
    source: Access
    copied: bool = False
    says: str = ""


@dataclass(frozen=True, slots=True)
class MatMul:
    """target = Σ left·right: for each point of `batch` a matrix product, of `rows` × `inner` by `inner` × `columns`."""

    target: Access
    left: Access
    right: Access
    batch: tuple[Range, ...]
    rows: tuple[Range, ...]
    inner: tuple[Range, ...]
    columns: tuple[Range, ...]
    says: str = ""

    @property
    def over(self) -> tuple[Range, ...]:
        """All ranges."""
        return (*self.batch, *self.rows, *self.inner, *self.columns)


@dataclass(frozen=True, slots=True)
class ShiftedSum:
    """target = Σ source over the ranges that don't move the target, added as flat arrays: a shift is an offset in memory.

    Entries of the target beside those named become anything.
    """

    target: Access
    over: tuple[Range, ...]
    source: Access
    says: str = ""


@dataclass(frozen=True, slots=True)
class WeightedSum:
    """target = Σ source·weights over the ranges that don't move the target, point by point.

    The ranges of each of `axes` run through memory as one.
    """

    target: Access
    source: Access
    weights: Access
    axes: tuple[tuple[Range, ...], ...]
    says: str = ""

    @property
    def over(self) -> tuple[Range, ...]:
        """All ranges."""
        return tuple(r for axis in self.axes for r in axis)


@dataclass(frozen=True, slots=True)
class Store:
    """result = source + bias at every point where the condition holds; without a bias, the source alone.

    Where the source is `held` it lives in the result itself while a tile is whole: nothing else reads it, and its axes are the
    result's, in order.
    """

    target: Access
    over: tuple[Range, ...]
    source: Access
    bias: Access | None = None
    condition: Any = True
    says: str = ""
    held: bool = False


Stage = Let | Copy | Loop | Guard | Tiles | Halo | MatMul | ShiftedSum | WeightedSum | Store
STAGES: tuple[type, ...] = (Let, Copy, Loop, Guard, Tiles, Halo, MatMul, ShiftedSum, WeightedSum, Store)


@dataclass(frozen=True, slots=True)
class Knob:
    """A number that changes speed, never meaning. One with `choices` takes these alone, and is proved for each of them.

    One with an `extent` is how much of it a tile has.
    """

    symbol: Symbol
    choices: tuple[int, ...] = ()
    extent: Expr | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """A working array. One that is `zeroed` has entries that nothing writes and something reads."""

    name: str
    shape: tuple[Expr, ...]
    zeroed: bool = False


@dataclass(frozen=True, slots=True)
class Staged:
    """Fills `result` from `arguments`, in stages.

    `fixed` makes the arrays that weights alone determine (once for many inputs), `body` the result, for each `item` of the batch or
    in tiles of items. `lets` are integers by name that both use. `chart` takes the form's letters, and the item, to those of the
    stages and back. It is `strict` if its terms are rounded as those of direct sums are.
    """

    name: str
    says: str
    arguments: tuple[Storage, ...]
    result: Storage
    sizes: tuple[Symbol, ...]
    sources: tuple[SizeFrom, ...]
    knobs: tuple[Knob, ...]
    lets: tuple[Let, ...]
    made: tuple[Room, ...]
    fixed: tuple[Stage, ...]
    rooms: tuple[Room, ...]
    body: tuple[Stage, ...]
    batch: Symbol
    item: Symbol
    chart: Chart = field(default=Chart((), ()))
    strict: bool = True

    def shape(self, name: str) -> tuple[Expr, ...]:
        """What the subscripts of an access to an array are counted by."""
        for room in (*self.made, *self.rooms):
            if room.name == name:
                return room.shape
        stored = next(s for s in (*self.arguments, self.result) if s.name == name)
        return (self.batch, *stored.shape) if stored.batched else stored.shape

    @property
    def working(self) -> frozenset[str]:
        """The names of the arrays that it makes."""
        return frozenset(room.name for room in (*self.made, *self.rooms))


Statement = Copy | Halo | MatMul | ShiftedSum | WeightedSum | Store


def statements(body: tuple[Stage, ...]) -> Iterator[Statement]:
    """Every statement, in order."""
    for node in body:
        if isinstance(node, (Loop, Guard, Tiles)):
            yield from statements(node.body)
        elif not isinstance(node, Let):
            yield node


def reads_of(node: Statement) -> tuple[Access, ...]:
    """What a statement reads."""
    match node:
        case MatMul(left=left, right=right):
            return (left, right)
        case WeightedSum(source=source, weights=weights):
            return (source, weights)
        case Store(source=source, bias=bias) if bias is not None:
            return (source, bias)
    return (node.source,)


def at_knobs(program: Staged, values: Mapping[Symbol, Expr]) -> Staged:
    """The program with numbers for knobs."""

    def fix(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(fix, value))
        if hasattr(value, "xreplace"):
            return value.xreplace(dict(values))
        names = getattr(value, "__dataclass_fields__", None)
        return value if names is None else replace(value, **{n: fix(getattr(value, n)) for n in names})

    return replace(
        program,
        knobs=tuple(k for k in program.knobs if k.symbol not in values),
        **{name: fix(getattr(program, name)) for name in ("lets", "made", "fixed", "rooms", "body", "chart")},
    )
