"""Programs in stages: working arrays filled tile by tile, each by one primitive, the last of which stores results.

A working array is zeros before the first tile. Each of its entries is written by one statement, in every tile or in none, so an
entry that no statement writes stays 0, and one that is read was written in the same tile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from sympy import Expr, Integer, S, Symbol

from derive.ir.given import Amplified, Cases, Constants, MatrixTable
from derive.ir.nodes import Access, Chart, Copy, Guard, Let, Loop, Range, SizeFrom, Storage
from derive.ir.spectra import Normwise, Product, Transform
from derive.remembered import replaced

if TYPE_CHECKING:
    from derive.ir.supposed import Supposed

__all__ = [
    "STAGES",
    "Amplified",
    "Beyond",
    "Cases",
    "Constants",
    "Halo",
    "Knob",
    "MatMul",
    "MatrixTable",
    "Product",
    "Room",
    "ShiftedSum",
    "Stage",
    "Staged",
    "Statement",
    "Store",
    "Tiles",
    "Transform",
    "WeightedSum",
    "at_knobs",
    "reads_of",
    "settings",
    "statements",
    "weights_of",
]


@dataclass(frozen=True, slots=True)
class Tiles:
    """The body once for each tile low ≤ place < high of 0 ≤ place < extent: at most `step` places, and together all of them.

    Tiles may overlap: what a body stores for a place depends on the place alone. Those that are `apart` don't, and only the last
    may be short of a step. `place` is in the letters of the form.
    """

    low: Symbol
    high: Symbol
    place: Expr
    extent: Expr
    step: Expr
    body: tuple[Stage, ...]
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Beyond:
    """What is read along one axis of an array beyond its ends: the entry at `value`, a function of the `letter` of all places.

    Its values are places of the axis, and inside it is the place itself.
    """

    axis: int
    letter: Symbol
    value: Expr


@dataclass(frozen=True, slots=True)
class Halo:
    """target[p] = source[at(p)] where that is inside, 0 elsewhere, for every entry of the target.

    Each subscript of the source moves with one index at most, by whole steps forwards, and each index is a subscript of the target.
    An index that moves nothing in the source copies it again; later subscripts of the target may be shifted by it.
    Unless it is `copied`, the target is a view of the source where all is inside. Along axes that go on `beyond` their ends another
    entry is in the place of 0.
    """

    target: Access
    over: tuple[Range, ...]
    source: Access
    copied: bool = False
    says: str = ""
    beyond: tuple[Beyond, ...] = ()

    @property
    def read(self) -> Access:
        """The entry that is copied where it is inside, along each axis that goes on at its place inside."""
        places = list(self.source.subscripts)
        for found in self.beyond:
            places[found.axis] = replaced(found.value, {found.letter: places[found.axis]})
        return Access(self.source.array, tuple(places))


@dataclass(frozen=True, slots=True)
class MatMul:
    """target = Σ left·right: for each point of `batch` a matrix product, of `rows` × `inner` by `inner` × `columns`.

    Where `carried`, the last subscript of `left` may pass the end of its axis: as in memory, it goes on at the next place of the
    axis before. No result has a term there that counts: `right` is 0, or nothing reads what is written.
    """

    target: Access
    left: Access
    right: Access
    batch: tuple[Range, ...]
    rows: tuple[Range, ...]
    inner: tuple[Range, ...]
    columns: tuple[Range, ...]
    says: str = ""
    carried: bool = False

    @property
    def over(self) -> tuple[Range, ...]:
        """All ranges."""
        return (*self.batch, *self.rows, *self.inner, *self.columns)

    @property
    def overlapping(self) -> bool:
        """Whether rows of the left matrix share entries: a subscript moves with its rows and columns alike."""
        rows, inner = ({r.symbol for r in ranges} for ranges in (self.rows, self.inner))
        return any(e.free_symbols & rows and e.free_symbols & inner for e in self.left.subscripts)


@dataclass(frozen=True, slots=True)
class ShiftedSum:
    """target = Σ source over the ranges that don't move the target, added as flat arrays: a shift is an offset in memory.

    Entries of the target beside those named become anything. Where the sum is `doubled`, the one letter that is summed over only
    shifts the source, and sums of two, of four and so on are added.
    """

    target: Access
    over: tuple[Range, ...]
    source: Access
    says: str = ""
    doubled: bool = False


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
    """result = Σ source + bias at every point where the condition holds, summed over the ranges that don't move the target.

    Without a bias, the source alone. What is summed ends up in the source, of which nothing is read afterwards.
    Where the source is `held` it lives in the result itself, if a tile of that is as large and has no gaps: nothing else reads it.
    One that `adds` is result += source: the result starts as zeros, and tiles that are apart add what is theirs.
    `times` is a sign in front, of copies that a device makes as stores.
    """

    target: Access
    over: tuple[Range, ...]
    source: Access
    bias: Access | None = None
    condition: Any = True
    says: str = ""
    held: bool = False
    adds: bool = False
    times: Expr = S.One

    @property
    def summed(self) -> tuple[Range, ...]:
        """The ranges that don't move the target."""
        return tuple(r for r in self.over if not any(r.symbol in e.free_symbols for e in self.target.subscripts))


Stage = Let | Copy | Loop | Guard | Tiles | Halo | MatMul | ShiftedSum | WeightedSum | Transform | Product | Store
STAGES: tuple[type, ...] = (
    *(Let, Copy, Loop, Guard, Tiles, Halo, MatMul, ShiftedSum, WeightedSum),
    *(Transform, Product, Store),
)


@dataclass(frozen=True, slots=True)
class Knob:
    """A number that changes speed, never meaning. One with `choices` takes these alone, and is proved for each of them.

    One with an `extent` is how much of it a tile has. One that is `free` is proved for all values, and its choices are those worth
    trying.
    """

    symbol: Symbol
    choices: tuple[int, ...] = ()
    extent: Expr | None = None
    free: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    """A working array. One that is `zeroed` has entries that nothing writes and something reads.

    A `spectrum` holds complex numbers, along its last axis as far as half of it: the others are their conjugates. One `within`
    another is the first entries of that along each axis: it is written when the other isn't read any more.
    """

    name: str
    shape: tuple[Expr, ...]
    zeroed: bool = False
    spectrum: bool = False
    within: str = ""


@dataclass(frozen=True, slots=True)
class Staged:
    """Fills `result` from `arguments`, in stages.

    `fixed` makes the arrays that weights alone determine (once for many inputs), `body` the result, for each `item` of the batch or
    in tiles of items. `lets` are integers by name that both use. `chart` takes the form's letters, and the item, to those of the
    stages and back. It is `strict` if its terms are rounded as those of direct sums are, and says what its error is at most if not.
    With `cases` it is for these alone, and for knobs and sizes for which the condition `fits` holds; it may have `supposed`
    something of the weights.
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
    constants: tuple[Constants, ...] = ()
    cases: Cases | None = None
    amplified: Amplified | None = None
    fits: Any = True
    normwise: Normwise | None = None
    supposed: Supposed | None = None

    def shape(self, name: str) -> tuple[Expr, ...]:
        """What the subscripts of an access to an array are counted by."""
        shapes = {array.name: array.shape for array in (*self.made, *self.rooms)}
        shapes |= {array.name: array.shape for array in self.constants}
        if name in shapes:
            return shapes[name]
        stored = next(s for s in (*self.arguments, self.result) if s.name == name)
        return (self.batch, *stored.shape) if stored.batched else stored.shape

    @property
    def valued(self) -> bool:
        """Whether it is for certain values of weights."""
        return self.supposed is not None and bool(self.supposed.by)

    @property
    def working(self) -> frozenset[str]:
        """The names of the arrays that it makes."""
        return frozenset(room.name for room in (*self.made, *self.rooms))


Statement = Copy | Halo | MatMul | ShiftedSum | WeightedSum | Transform | Product | Store


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
        case MatMul(left=left, right=right) | Product(left=left, right=right):
            return (left, right)
        case WeightedSum(source=source, weights=weights):
            return (source, weights)
        case Store(source=source, bias=bias) if bias is not None:
            return (source, bias)
        case Halo():
            return (node.read,)
    return (node.source,)


def weights_of(program: Staged) -> list[str]:
    """The arguments that make the arrays of weights, in the layer's order, in which they are passed."""
    read = {a.array for n in statements(program.fixed) for a in reads_of(n)}
    return [s.name for s in program.arguments if s.name in read]


def settings(program: Staged) -> Iterator[dict[Symbol, Expr]]:
    """Numbers for the knobs that have choices, and for the sizes that the program has cases of."""
    chosen = [k for k in program.knobs if k.choices and not k.free]
    for values in product(*(k.choices for k in chosen)):
        numbers = dict(zip((k.symbol for k in chosen), values, strict=True))
        cases = program.cases or Cases((), ((),))
        for case in (dict(zip(cases.symbols, v, strict=True)) for v in cases.values):
            if all(case.get(s, v) == v for s, v in numbers.items()):
                yield {s: Integer(v) for s, v in {**numbers, **case}.items()}


def at_knobs(program: Staged, values: Mapping[Symbol, Expr]) -> Staged:
    """The program with numbers for knobs, and for sizes."""
    if not values:
        return program
    parts = ("arguments", "result", "lets", "made", "constants", "fixed", "rooms", "body", "chart", "fits")

    def fix(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(fix, value))
        if isinstance(value, MatrixTable):
            return value
        if hasattr(value, "xreplace"):
            return replaced(value, values)
        names = getattr(value, "__dataclass_fields__", None)
        return value if names is None else replace(value, **{n: fix(getattr(value, n)) for n in names})

    return replace(
        program,
        knobs=tuple(k for k in program.knobs if k.symbol not in values),
        **{name: fix(getattr(program, name)) for name in parts},
    )
