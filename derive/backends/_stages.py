"""NumPy source of programs in stages: three functions each, for what weights make once, for room to work in, and for the result.

A statement is one call of a primitive on views of arrays. Views of working arrays are made with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sympy import And, Expr, Integer, Symbol, expand

from derive.backends._doubled import doubled
from derive.backends._expressions import number, python, vectorised
from derive.backends._filled import halo
from derive.backends._module import indent
from derive.backends._seen import keywords, seen
from derive.backends._spectra import product, stored, transform
from derive.backends._tables import constant_lines, table_lines
from derive.backends._views import Named, Views, symbols_of, tuple_text
from derive.errors import EmitError
from derive.ir.nodes import Access, Copy, Guard, Let, Loop, Range, Storage
from derive.ir.stages import (
    STAGES,
    Constants,
    Halo,
    MatMul,
    Product,
    Room,
    ShiftedSum,
    Stage,
    Staged,
    Store,
    Tiles,
    Transform,
    WeightedSum,
    reads_of,
    statements,
    weights_of,
)

__all__ = ["STAGE_TEMPLATES", "StageWriter", "staged_functions"]

Lines = list[str]


def staged_functions(program: Staged) -> Lines:
    """The functions of one program: `_<name>_fixed`, `_<name>_room` and `_<name>`; `_<name>_seen` if it supposes something."""
    writer = StageWriter(stored(program))
    body = writer.body()
    parts = (seen(StageWriter, program), writer.fixed(), writer.room(), body)
    functions = [line for part in parts if part for line in (*part, "", "")]
    return [*table_lines(program), *functions]


class StageWriter(Views):
    """Prints one program."""

    def __init__(self, program: Staged) -> None:
        super().__init__(program)
        self.around: list[Tiles] = []
        self.stored: Mapping[str, Storage] = {s.name: s for s in (*program.arguments, program.result)}

    def head(self, parts: Iterable[Any], known: set[Symbol]) -> tuple[Lines, Lines]:
        """The keywords that a function takes, and its integers by name: those that its parts mention."""
        wanted, lets = symbols_of(parts), []
        for let in reversed(self.program.lets):
            if let.symbol in wanted:
                lets.append(f"{let.symbol} = {python(let.value)}")
                wanted |= let.value.free_symbols
        order = [*self.program.sizes, *(k.symbol for k in self.program.knobs)]
        return [str(s) for s in order if s in wanted and s not in known], lets[::-1]

    def body(self) -> Lines:
        """The last function; the others return what it names."""
        program = self.program
        used = {a.array for n in statements(program.body) for a in (n.target, *reads_of(n))}
        arrays = [s.name for s in program.arguments if s.name in used] + [program.result.name]
        loops = self.lines(program.body)
        made = self._handed_on((*program.constants, *program.made))
        rooms = [f"{name}_" if name in self.moved else name for name in self._handed_on(program.rooms)]
        keys, lets = self.head((program.body,), {program.batch})
        return [
            f"def _{program.name}({', '.join([*arrays, *made, *rooms, 'items', 'span', *keywords(keys)])}):",
            f'    """{program.says[:1].upper()}{program.says[1:]}."""',
            *indent([*lets, *([""] if lets else []), *self._started(), *loops]),
        ]

    def _started(self) -> Lines:
        """The zeros that a result starts as to which is added."""
        *_, store = statements(self.program.body)
        return [f"{store.target.array}[...] = 0"] if isinstance(store, Store) and store.adds else []

    def _handed_on(self, rooms: Sequence[Room | Constants]) -> Lines:
        """What the body takes of some working arrays: themselves, and views of them."""
        names = []
        for room in rooms:
            names += [room.name] if room.name in self.plain | self.moved else []
            names += [name for name, view in self.named.items() if view.array == room.name]
        return names

    def _returned(self, rooms: Sequence[Room | Constants]) -> Lines:
        names = self._handed_on(rooms)
        views = [f"{name} = {self.named[name].text}" for name in names if name in self.named]
        return [*views, f"return {tuple_text(names)}"]

    def _mentioned(self, rooms: Sequence[Room | Constants]) -> tuple[Any, ...]:
        own = {room.name for room in rooms}
        views = (tuple(view.mentioned) for view in self.named.values() if view.array in own)
        return (tuple(rooms), *views)

    def fixed(self) -> Lines:
        program = self.program
        plain = set(self.plain)
        names = weights_of(program)
        made: tuple[Room | Constants, ...] = (*program.constants, *program.made)
        keys, lets = self.head((program.fixed, *self._mentioned(made)), set())
        lines = [*lets, *constant_lines(program), *self.filled(program.made, program.fixed)]
        self.plain, self.local = plain, None
        return [
            f"def _{program.name}_fixed({', '.join([*names, 'new', *keywords(keys)])}):",
            f'    """What {program.says} makes of the weights, once."""',
            *indent([*lines, *self._returned(made)]),
        ]

    def filled(self, made: Sequence[Room], stages: Sequence[Stage]) -> Lines:
        """Working arrays with what fills them, each when it is first filled."""
        rooms = {room.name: room for room in made}
        lines: Lines = []
        for node in stages:
            target = next(n.target.array for n in statements((node,)))
            if target in rooms:
                lines += self._new(rooms.pop(target))
            self.local = []
            found = self.lines((node,))
            lines += [*self.local, *found]
        return lines

    def _new(self, room: Room) -> Lines:
        if room.within:
            return [f"{room.name} = {self.first_entries(room)}"]
        shape = tuple_text(map(python, room.shape))
        lines = [f"{room.name} = {f'spectrum(new, {shape})' if room.spectrum else f'new({shape})'}"]
        return lines + ([f"{room.name}[...] = 0"] if room.zeroed else [])

    def room(self) -> Lines:
        program = self.program
        keys, lets = self.head(self._mentioned(program.rooms), set())
        lines = [line for room in program.rooms for line in self._new(room)]
        return [
            f"def _{program.name}_room({', '.join(['new', *keywords(keys)])}):",
            '    """Working arrays of one thread, and views of them."""',
            *indent([*lets, *lines, *self._returned(program.rooms)]),
        ]

    def lines(self, nodes: tuple[Any, ...]) -> Lines:
        found: Lines = []
        for node in nodes:
            says = getattr(node, "says", "")
            found += [*([""] if says and found else []), *([f"# {says}"] if says else [])]
            found += STAGE_TEMPLATES[type(node)](self, node)
        return found

    def let(self, node: Let) -> Lines:
        return [f"{node.symbol} = {python(node.value)}"]

    def loop(self, node: Loop) -> Lines:
        span = node.range
        inside = self._inside({span.symbol}, node.body)
        if span.symbol == self.program.item:
            return [f"for {span.symbol} in range(*items):", *indent(inside)]
        bounds = python(span.stop) if span.start == 0 else f"{python(span.start)}, {python(span.stop)}"
        return [f"for {span.symbol} in range({bounds}):", *indent(inside)]

    def guard(self, node: Guard) -> Lines:
        return [f"if {python(node.condition)}:", *indent(self.lines(node.body))]

    def tiles(self, node: Tiles) -> Lines:
        nested = any(t.extent != self.program.batch for t in self.around)
        whole = nested or node.apart
        over = "*items" if node.extent == self.program.batch else f"0, {python(node.extent)}" if whole else "*span"
        name = "stretches" if node.apart else "tiles"
        self.around.append(node)
        inside = self._inside({node.low, node.high}, node.body)
        self.around.pop()
        return [f"for {node.low}, {node.high} in {name}({over}, {python(node.step)}):", *indent(inside)]

    def _inside(self, symbols: set[Symbol], body: tuple[Stage, ...]) -> Lines:
        before = self.bound
        self.bound = before | symbols
        found = self.lines(body)
        self.bound = before
        return found

    def copy(self, node: Copy) -> Lines:
        order = [r for e in node.target.subscripts for r in node.over if r.symbol in e.free_symbols]
        groups = [(r,) for r in order]
        target = self.view(node.target, groups, slices=True)
        repeated = any(not node.source.along((r,)) for r in order)
        times = number(node.times)
        if repeated:
            return [f"{target}[...] = {times}{self.view(node.source, groups, broadcast=True)}"]
        return [f"{target if '[' in target else f'{target}[...]'} = {times}{self.view(node.source, groups)}"]

    def matmul(self, node: MatMul) -> Lines:
        left, right, out = self.matrices(node)
        name = "phased" if node.overlapping else "np.matmul"
        apart = out == node.target.array and name == "np.matmul"
        return [*self._held(node.target, apart), f"{name}({left}, {right}, out={out})"]

    def shifted_sum(self, node: ShiftedSum) -> Lines:
        kept = node.target.subscripts
        summed = [r for r in node.over if not any(r.symbol in e.free_symbols for e in kept)]
        lead = len(node.source.subscripts) - len(kept)
        shape = self.program.shape(node.source.array)[lead:]
        shift: Expr = Integer(0)
        for subscript, own, extent in zip(node.source.subscripts[lead:], kept, shape, strict=True):
            shift = shift * extent + (subscript - own)
        shift = expand(shift)
        if shape != self.program.shape(node.target.array) or shift.free_symbols & {r.symbol for r in node.over} - {
            r.symbol for r in summed
        }:
            raise EmitError(f"The sum into {node.target.array} is no sum of flat arrays.")
        if node.doubled:
            return doubled(self, node, shift)
        last = python(expand(shift.xreplace({r.symbol: r.stop - 1 for r in summed})))
        place = ", ".join(python(e) for e in node.source.subscripts[:lead])
        loops = " ".join(f"for {r.symbol} in range({python(r.stop)})" for r in summed)
        name, target = f"{node.source.array}_{''.join(str(r.symbol) for r in summed)}", f"{node.target.array}_flat"
        at = f"{node.source.array}[{place}]" if place else node.source.array
        mentioned = frozenset(symbols_of((shift, *(r.stop for r in summed))) - {r.symbol for r in summed})
        parts = f"[{at}.reshape(-1)[{python(shift)}:] {loops}]"
        whole = f"{node.target.array}.reshape(-1)[:{node.target.array}.size - ({last})]"
        self.named[name] = Named(node.source.array, parts, mentioned)
        self.named[target] = Named(node.target.array, whole, mentioned)
        return [f"total({name}, {target})"]

    def weighted_sum(self, node: WeightedSum) -> Lines:
        letters = dict(zip(node.axes, "abcdefghijklmnopqrstuvwxyz", strict=False))
        parts, views = [], []
        for access, name in ((node.source, "source"), (node.weights, "weights"), (node.target, "out")):
            axes = [axis for axis in node.axes if access.along(axis)]
            parts.append("".join(letters[axis] for axis in axes))
            views.append(self.view(access, axes, name))
        source, weights, out = views
        formula = f'"{parts[0]},{parts[1]}->{parts[2]}"'
        return [*self._held(node.target), f"np.einsum({formula}, {source}, {weights}, out={out})"]

    def _held(self, target: Access, apart: bool = False) -> Lines:
        """Where a working array is that may live in the result; with gaps where its axes are `apart` to what writes it."""
        store = self.held.get(target.array)
        if store is None:
            return []
        node = self._clipped_store(store)
        place = self.view(node.target, self._split(node)[0], slices=True, clip=node)
        return [f"{target.array} = held({place}, {target.array}_{', apart=True' if apart else ''})"]

    def _clipped_store(self, node: Store) -> Store:
        """The store with ranges that end with their tile, where its condition says no more than that."""
        left, over = set(And.make_args(node.condition)), list(node.over)
        for tile in self.around:
            for k, r in enumerate(over):
                ends = tile.low + r.symbol < tile.high
                if ends in left and r.start == 0 and r.stop == tile.step:
                    left.remove(ends)
                    over[k] = replace(r, stop=tile.high - tile.low)
        return replace(node, over=tuple(over), condition=And(*left) if left else True)

    def store(self, node: Store) -> Lines:
        node = self._clipped_store(node)
        if node.adds:
            return self._added(node)
        groups, split = self._split(node)
        kept = [r for r in node.over if r not in node.summed]
        target = self.view(node.target, groups, slices=True, clip=node)
        source = self.view(node.source, [(r,) for r in (*node.summed, *kept)], hoist="" if node.summed else "out")
        source = f"folded({source})" if node.summed else source
        bias = "" if node.bias is None else f", {self.view(node.bias, [(r,) for r in kept], broadcast=True)}"
        if bias and node.condition == True and not split and not node.held:  # noqa: E712
            return [f"np.add({source}{bias}, out={target})"]
        return [f"put({target}, {source}{bias}{f', split={tuple_text(split)}' if split else ''})"]

    def _added(self, node: Store) -> Lines:
        """What a tile adds to a result."""
        kept = [r for r in node.over if r not in node.summed]
        target = self.view(node.target, [(r,) for r in kept], slices=True)
        source = self.view(node.source, [(r,) for r in (*kept, *node.summed)])
        if node.summed:
            source += f".sum({tuple_text(range(len(kept), len(node.over)))})"
        if node.condition == True:  # noqa: E712
            return [f"np.add({target}, {source}, out={target})"]
        letters = [r.symbol for r in kept]
        spans = [f"{python(r.start)}:{python(r.stop)}" if r.start != 0 else f":{python(r.stop)}" for r in kept]
        where = vectorised(node.condition, *letters)
        return [
            f"{', '.join(map(str, letters))} = np.ogrid[{', '.join(spans)}]",
            f"np.add({target}, {source}, out={target}, where={where})",
        ]

    def _split(self, node: Store) -> tuple[list[tuple[Range, ...]], Sequence[int]]:
        """The ranges by the axes of the target; which axes have two, and which as often again as they have more."""
        groups: list[tuple[Range, ...]] = []
        split: list[int] = []
        for subscript in node.target.subscripts:
            here = tuple(r for r in node.over if r.symbol in subscript.free_symbols)
            split += [len(groups)] * (len(here) - 1)
            groups += [here] if here else []
        if len(node.summed) > 1:
            raise EmitError(f"A store sums over one letter at most; {node.target.array} is summed over more.")
        if [r for group in groups for r in group] != [r for r in node.over if r not in node.summed]:
            raise EmitError(f"A store runs through the axes of {node.target.array} in their order.")
        return groups, split


STAGE_TEMPLATES: Mapping[type, Callable[..., Lines]] = {
    Let: StageWriter.let,
    Copy: StageWriter.copy,
    Loop: StageWriter.loop,
    Guard: StageWriter.guard,
    Tiles: StageWriter.tiles,
    Halo: halo,
    MatMul: StageWriter.matmul,
    ShiftedSum: StageWriter.shifted_sum,
    WeightedSum: StageWriter.weighted_sum,
    Transform: transform,
    Product: product,
    Store: StageWriter.store,
}
if missing := [node.__name__ for node in STAGES if node not in STAGE_TEMPLATES]:
    raise EmitError(f"Backend 'numpy' has no template for: {', '.join(missing)}.")
