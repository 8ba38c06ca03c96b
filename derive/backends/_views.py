"""Views of arrays as NumPy text: slices and transposition where these say it, strides where they don't."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import And, Basic, Expr, Integer, StrictLessThan, Symbol, expand

from derive.backends._expressions import python
from derive.errors import EmitError
from derive.ir.nodes import Access, Range
from derive.ir.stages import Halo, MatMul, Room, Staged, Store, statements
from derive.remembered import letters_of

__all__ = ["Views", "symbols_of", "tuple_text"]

Lines = list[str]


def symbols_of(parts: Iterable[Any]) -> set[Symbol]:
    """Every symbol in nested tuples, dataclasses and expressions."""
    found: set[Symbol] = set()
    for part in parts:
        if isinstance(part, tuple):
            found |= symbols_of(part)
        elif isinstance(part, Basic):
            found |= letters_of(part)
        elif fields := getattr(part, "__dataclass_fields__", None):
            found |= symbols_of(getattr(part, name) for name in fields if name not in ("place", "chart"))
    return found


def tuple_text(parts: Iterable[Any]) -> str:
    texts = [str(p) for p in parts]
    return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"


@dataclass(frozen=True, slots=True)
class Named:
    """A view of a working array that is made with it: its text, and the sizes and knobs that this mentions."""

    array: str
    text: str
    mentioned: frozenset[Symbol]


def _end(e: Expr, clip: Store) -> Expr | None:
    """Where the condition of a store ends a subscript, if it does."""
    parts = (part for part in And.make_args(clip.condition) if isinstance(part, StrictLessThan))
    return next((part.rhs for part in parts if expand(part.lhs - e) == 0), None)


class Views:
    """The views of one program. Those of working arrays that no loop moves are `named`, to be made once with the arrays.

    `bound` are the letters of the loops around the statement that is printed; `plain` are arrays that it has by their own names;
    `halos` are copies of others; those that are `moved` may be views instead. Where there are `local` lines, views are named there.
    """

    def __init__(self, program: Staged) -> None:
        self.program = program
        self.halos = {n.target.array: n for n in statements(program.body) if isinstance(n, Halo)}
        self.held = {n.source.array: n for n in statements(program.body) if isinstance(n, Store) and n.held}
        self.moved = {*(name for name, n in self.halos.items() if not n.copied), *self.held}
        self.named: dict[str, Named] = {}
        self.plain: set[str] = set()
        self.local: Lines | None = None
        self.bound: set[Symbol] = set()

    def view(
        self,
        access: Access,
        groups: Sequence[tuple[Range, ...]],
        hoist: str = "",
        slices: bool = False,
        missing: bool = False,
        broadcast: bool = False,
        clip: Store | None = None,
    ) -> str:
        """An array as seen by groups of ranges, one axis a group."""
        if slices or broadcast or self._sliceable(access, groups):
            return self._named(access, groups, self._sliced(access, groups, clip, broadcast), hoist)
        ranges = [[r for r in g if any(r.symbol in e.free_symbols for e in access.subscripts)] for g in groups]
        lead = next(k for k, g in enumerate(ranges) if g) if missing else 0  # an axis that lacks in front is broadcast
        ranges = ranges[lead:]
        if not missing and [len(g) for g in ranges] != [len(g) for g in groups]:
            raise EmitError(f"A view of {access.array} lacks an axis.")
        start = [python(expand(e.xreplace({r.symbol: r.start for g in groups for r in g}))) for e in access.subscripts]
        shape, steps = [], []
        for group in ranges:
            extent: Expr = Integer(1)
            for r in group:
                extent *= r.stop - r.start
            shape.append(python(extent))
            steps.append(self._steps(access, group) if group else ("0", "0"))
        text = (
            f"strided({access.array}, {tuple_text(start)}, {tuple_text(shape)}, {tuple_text(map(tuple_text, steps))})"
        )
        return self._named(access, groups, text, hoist)

    def matrices(self, node: MatMul) -> tuple[str, str, str]:
        """Both sides of a product and what it is written to, as matrices for each point of its batch."""
        batch = [(r,) for r in node.batch]
        left = self.view(node.left, [*batch, node.rows, node.inner], "left", missing=True)
        right = self.view(node.right, [*batch, node.inner, node.columns], "right", missing=True)
        return left, right, self.view(node.target, [*batch, node.rows, node.columns], hoist="out")

    def _named(self, access: Access, groups: Sequence[tuple[Range, ...]], text: str, hoist: str) -> str:
        """The view by a name of its own where it is to be made once, and can be."""
        moving = {r.symbol for group in groups for r in group}
        if self.local is not None:
            return self._locally(f"{access.array}_{hoist}", text) if hoist and text != access.array else text
        own = {s for e in access.subscripts for s in e.free_symbols}
        ranges = tuple(r for group in groups for r in group if r.symbol in own)
        mentioned = symbols_of((access.subscripts, ranges)) - moving
        if (
            not hoist
            or mentioned & self.bound
            or access.array in self.moved
            or access.array not in {*self.program.working, *(c.name for c in self.program.constants)}
        ):
            self.plain.add(access.array)
            return text
        name = f"{access.array}_{hoist}" if text != access.array else access.array
        if name == access.array:
            self.plain.add(name)
        else:
            self.named[name] = Named(access.array, text, frozenset(mentioned))
        return name

    def first_entries(self, room: Room) -> str:
        """A working array that lives within another, as a view of that."""
        whole = self.program.shape(room.within)
        parts = [":" if expand(a - b) == 0 else f":{python(a)}" for a, b in zip(room.shape, whole, strict=True)]
        while parts and parts[-1] == ":":
            parts.pop()
        return f"{room.within}[{', '.join(parts)}]" if parts else room.within

    def _locally(self, name: str, text: str) -> str:
        assert self.local is not None
        self.local.append(f"{name} = {text}")
        return name

    def _steps(self, access: Access, group: list[Range]) -> tuple[str, ...]:
        """Axes with the step along each, for one axis of a view: more than one where a lone letter moves several subscripts."""
        (first, *others) = (r.symbol for r in group)
        met = [(axis, expand(e).coeff(first)) for axis, e in enumerate(access.subscripts) if first in e.free_symbols]
        if others or len(met) == 1:
            return self._step(access, group)
        return tuple(text for axis, step in met for text in (str(axis), python(step)))

    def _step(self, access: Access, group: list[Range]) -> tuple[str, str]:
        """(axis, step) of one axis of a view: those of its last letter, whose step all others are a multiple of."""
        strides = [self._strides(access, r.symbol) for r in group]
        for (one, r), (two, s) in zip(
            zip(strides, group, strict=True), list(zip(strides, group, strict=True))[1:], strict=False
        ):
            if expand(one[0] - two[0] * (s.stop - s.start)) != 0:
                raise EmitError(f"{r.symbol} and {s.symbol} are not one axis of {access.array}.")
            self._check_whole(access.array, one[1], two[1])
        _, axis, step = strides[-1]
        return str(axis), python(step)

    def _check_whole(self, array: str, first: int, last: int) -> None:
        """Axes of a view of another array are one axis where those behind the first are whole axes of it."""
        node = self.halos.get(array)
        if node is None or node.copied:
            return
        for letter in node.target.subscripts[first + 1 : last + 1]:
            (axis,) = [k for k, e in enumerate(node.source.subscripts) if letter in e.free_symbols]
            extent = next(r.stop for r in node.over if r.symbol == letter)
            whole = self.program.shape(node.source.array)[axis] == extent
            if node.source.subscripts[axis] != letter or not whole or axis < first:
                raise EmitError(f"{letter} isn't a whole axis of {node.source.array}, of which {array} is a view.")

    def _strides(self, access: Access, symbol: Symbol) -> tuple[Expr, int, Expr]:
        """By how many entries an index moves in memory, and as what step along which axis."""
        shape = self.program.shape(access.array)
        met = [axis for axis, e in enumerate(access.subscripts) if symbol in e.free_symbols]
        if len(met) != 1:
            raise EmitError(f"{symbol} moves several subscripts of {access.array}.")
        (axis,) = met
        step = expand(access.subscripts[axis]).coeff(symbol)
        entries = step
        for extent in shape[axis + 1 :]:
            entries *= extent
        return entries, axis, step

    def _sliceable(self, access: Access, groups: Sequence[tuple[Range, ...]]) -> bool:
        """Whether slices and transposition say it: one letter a subscript, of step one, one range a group."""
        letters = [r.symbol for g in groups for r in g]
        if any(len(g) != 1 for g in groups):
            return False
        order = []
        for e in access.subscripts:
            met = [s for s in letters if s in e.free_symbols]
            if len(met) > 1 or (met and e.coeff(met[0]) != 1):
                return False
            order += met
        return sorted(map(str, order)) == sorted(map(str, letters))

    def _sliced(
        self, access: Access, groups: Sequence[tuple[Range, ...]], clip: Store | None, broadcast: bool = False
    ) -> str:
        ranges = [r for g in groups for r in g]
        parts, order = [], []
        shape = self.program.shape(access.array)
        for e, extent in zip(access.subscripts, shape, strict=True):
            here = [r for r in ranges if r.symbol in e.free_symbols]
            parts.append(self._slice(e, here, extent, clip))
            order += [r.symbol for r in here[:1]]
        wanted = [g[0].symbol for g in groups if g[0].symbol in order]
        while parts and parts[-1] == ":":
            parts.pop()
        text = f"{access.array}[{', '.join(parts)}]" if parts else access.array
        if broadcast:
            return self._broadcast(text, order, [r.symbol for r in ranges])
        if order != wanted:
            text += f".transpose({', '.join(str(order.index(s)) for s in wanted)})"
        return text

    def _broadcast(self, text: str, order: list[Symbol], wanted: list[Symbol]) -> str:
        """A view with its axes in the order of the letters that are wanted, and axes of extent one for those that it lacks."""
        kept = [s for s in wanted if s in order]
        if order != kept:
            text += f".transpose({', '.join(str(order.index(s)) for s in kept)})"
        behind = wanted[wanted.index(kept[0]) :] if kept else []
        if len(behind) == len(kept):
            return text
        return f"{text}[{', '.join(':' if s in kept else 'None' for s in behind)}]"

    def _slice(self, e: Expr, here: list[Range], extent: Expr, clip: Store | None) -> str:
        if not here:
            return python(e)
        if len(here) > 1:
            return self._clipped(e, here, extent, clip)
        (r,) = here
        step = e.coeff(r.symbol)
        if clip is not None and step == 1 and (stop := _end(e, clip)) is not None:
            return self._until(e.xreplace({r.symbol: r.start}), stop, extent)
        rest = expand(e - step * r.symbol)
        first, last = expand(step * r.start + rest), expand(step * (r.stop - 1) + rest + 1)
        if step == 1 and first == 0 and expand(last - extent) == 0:
            return ":"
        return f"{'' if first == 0 else python(first)}:{python(last)}" + (f":{step}" if step != 1 else "")

    def _clipped(self, e: Expr, here: list[Range], extent: Expr, clip: Store | None) -> str:
        """The places of a tile: from its first to where the condition of the store ends."""
        stop = None if clip is None else _end(e, clip)
        if stop is None:
            raise EmitError(f"The subscript {e} moves with two indices at once.")
        first, step = expand(e.xreplace({r.symbol: r.start for r in here})), e.coeff(here[-1].symbol)
        return self._until(first, stop, extent) + (f":{step}" if step != 1 else "")

    def _until(self, first: Expr, stop: Expr, extent: Expr) -> str:
        whole = first == 0 and expand(stop - extent) == 0
        return ":" if whole else f"{python(first)}:{python(stop)}"
