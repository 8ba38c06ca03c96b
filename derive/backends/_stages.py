"""NumPy source of programs in stages: three functions each, for what weights make once, for room to work in, and for the result.

A statement is one call of a primitive on views of arrays. Views of working arrays are named before the loops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sympy import Expr, Integer, Symbol, expand

from derive.backends._expressions import python
from derive.backends._signature import quoted
from derive.errors import EmitError
from derive.ir.cost import Work, direct_work, work
from derive.ir.nodes import Access, Copy, Guard, Let, Loop, Program, Range, Storage
from derive.ir.stages import (
    STAGES,
    Halo,
    MatMul,
    Room,
    ShiftedSum,
    Stage,
    Staged,
    Store,
    Tiles,
    reads_of,
    statements,
)

__all__ = ["STAGE_TEMPLATES", "algorithms", "direct_costs", "staged_functions"]

Lines = list[str]


def staged_functions(program: Staged) -> Lines:
    """The functions of one program: `_<name>_fixed`, `_<name>_room`, `_<name>` and `_<name>_work`."""
    writer = _Writer(program)
    parts = (writer.fixed(), writer.room(), writer.body(), writer.work())
    return [line for part in parts for line in (*part, "", "")]


def _entry(program: Staged) -> Lines:
    """The object that tells the kernel of one program."""
    used = {a.array for n in statements(program.body) for a in (n.target, *reads_of(n))}
    weights = dict.fromkeys(a.array for n in statements(program.fixed) for a in reads_of(n))
    names = [s.name for s in program.arguments]
    knobs = ", ".join(f'"{k.symbol}": {k.choices}' for k in program.knobs)
    functions = ", ".join(f"_{program.name}{part}" for part in ("_fixed", "_room", ""))
    tiled = _tiled(program)
    return [
        "Algorithm(",
        f'    "{program.name}",',
        f'    "{program.says}",',
        f"    {functions},",
        f"    weights={quoted([n for n in names if n in weights])},",
        f"    arrays={quoted([n for n in names if n in used])},",
        f"    knobs={{{knobs}}},",
        f"    work=_{program.name}_work,",
        *([f"    tiled={tiled},"] if tiled is not None else []),
        *([] if program.strict else ["    strict=False,"]),
        "),",
    ]


def algorithms(programs: Sequence[Staged]) -> Lines:
    """Keyword arguments of the kernel object that name its algorithms; none where there are none."""
    if not programs:
        return []
    entries = [line for program in programs for line in _entry(program)]
    return ["work=_direct_work,", "algorithms=(", *_indent(entries), "),"]


def direct_costs(program: Program) -> Lines:
    """The function `_direct_work`, which counts what a program of sweeps does."""
    batch = Symbol("batch", integer=True)
    works = direct_work(program, batch)
    wanted = _symbols(tuple(w.counts for w in works))
    keys = [str(s) for s in program.sizes if s in wanted]
    return [*_counting("direct", keys, [], works), "", ""]


def _counting(name: str, keys: Sequence[str], lets: Lines, works: Sequence[Work]) -> Lines:
    lines = [f'("{w.kind}", {", ".join(map(python, w.counts))}),' for w in works]
    return [
        f"def _{name}_work(*, {', '.join(['batch', *keys, '**_'])}):",
        '    """What it does, counted."""',
        *_indent([*lets, "return (", *_indent(lines), ")"]),
    ]


def _tiled(program: Staged) -> int | None:
    """The axis of the result, batch apart, whose places go tile by tile."""
    (store,) = [n for n in statements(program.body) if isinstance(n, Store)]
    rows = [n for n in _nodes(program.body) if isinstance(n, Tiles) and n.extent != program.batch]
    letters = {s for n in rows for s in (n.low, n.high)}
    return next((k - 1 for k, e in enumerate(store.target.subscripts) if e.free_symbols & letters), None)


def _nodes(body: tuple[Any, ...]) -> Iterator[Any]:
    for node in body:
        yield node
        yield from _nodes(getattr(node, "body", ()))


def _symbols(parts: Iterable[Any]) -> set[Symbol]:
    """Every symbol in nested tuples, dataclasses and expressions."""
    found: set[Symbol] = set()
    for part in parts:
        if isinstance(part, tuple):
            found |= _symbols(part)
        elif hasattr(part, "free_symbols"):
            found |= part.free_symbols
        elif fields := getattr(part, "__dataclass_fields__", None):
            found |= _symbols(getattr(part, name) for name in fields if name not in ("place", "chart"))
    return found


class _Writer:
    """Prints one program."""

    def __init__(self, program: Staged) -> None:
        self.program = program
        self.halos = {n.target.array for n in statements(program.body) if isinstance(n, Halo)}
        self.stored: Mapping[str, Storage] = {s.name: s for s in (*program.arguments, program.result)}
        self.named: Lines = []
        self.bound: set[Symbol] = set()

    def _head(self, parts: Iterable[Any], known: set[Symbol]) -> tuple[Lines, Lines]:
        """The keywords that a function takes, and its integers by name: those that its parts mention."""
        wanted, lets = _symbols(parts), []
        for let in reversed(self.program.lets):
            if let.symbol in wanted:
                lets.append(f"{let.symbol} = {python(let.value)}")
                wanted |= let.value.free_symbols
        order = [*self.program.sizes, *(k.symbol for k in self.program.knobs)]
        return [str(s) for s in order if s in wanted and s not in known], lets[::-1]

    def fixed(self) -> Lines:
        program = self.program
        read = [a.array for n in statements(program.fixed) for a in reads_of(n) if a.array in self.stored]
        names = list(dict.fromkeys(read))
        keys, lets = self._head((program.fixed, program.made), set())
        rooms = {room.name: room for room in program.made}
        lines: Lines = list(lets)
        for node in program.fixed:
            target = next(n.target.array for n in statements((node,)))
            if target in rooms:
                lines += self._new(rooms.pop(target))
            lines += self.lines((node,))
        made = "".join(f"{name}, " for name in self.handed_on()).rstrip()
        return [
            f"def _{program.name}_fixed({', '.join([*names, 'new', '*', *keys, '**_'])}):",
            f'    """What {program.says} makes of the weights, once."""',
            *_indent([*lines, f"return ({made})"]),
        ]

    def handed_on(self) -> list[str]:
        """What is made of the weights and the body uses."""
        used = {a.array for n in statements(self.program.body) for a in reads_of(n)}
        return [room.name for room in self.program.made if room.name in used]

    def _new(self, room: Room) -> Lines:
        shape = ", ".join(map(python, room.shape))
        lines = [f"{room.name} = new(({shape}{',' if len(room.shape) == 1 else ''}))"]
        return lines + ([f"{room.name}[...] = 0"] if room.zeroed else [])

    def room(self) -> Lines:
        program = self.program
        keys, lets = self._head((program.rooms,), set())
        lines = [line for room in program.rooms for line in self._new(room)]
        made = "".join(f"{room.name}, " for room in program.rooms).rstrip()
        return [
            f"def _{program.name}_room(new, *, {', '.join([*keys, '**_'])}):",
            '    """Working arrays of one thread."""',
            *_indent([*lets, *lines, f"return ({made})"]),
        ]

    def body(self) -> Lines:
        program = self.program
        used = {a.array for n in statements(program.body) for a in (n.target, *reads_of(n))}
        arrays = [s.name for s in program.arguments if s.name in used] + [program.result.name]
        made = self.handed_on()
        rooms = [f"{room.name}_" if room.name in self.halos else room.name for room in program.rooms]
        loops = self.lines(program.body)
        keys, lets = self._head((program.body, tuple(self.shapes_named)), {program.batch})
        head = [*lets, *self.named]
        return [
            f"def _{program.name}({', '.join([*arrays, *made, *rooms, 'items', 'span', '*', *keys, '**_'])}):",
            f'    """{program.says[:1].upper()}{program.says[1:]}."""',
            *_indent([*head, *([""] if head else []), *loops]),
        ]

    def work(self) -> Lines:
        """The counts of `derive.ir.cost` in numbers."""
        program = self.program
        works = work(program)
        keys, lets = self._head(tuple(w.counts for w in works), {program.batch})
        return _counting(program.name, keys, lets, works)

    @property
    def shapes_named(self) -> list[Any]:
        """What the named views mention besides the body."""
        return [room.shape for room in (*self.program.made, *self.program.rooms)] if self.named else []

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
            return [f"for {span.symbol} in range(*items):", *_indent(inside)]
        bounds = python(span.stop) if span.start == 0 else f"{python(span.start)}, {python(span.stop)}"
        return [f"for {span.symbol} in range({bounds}):", *_indent(inside)]

    def guard(self, node: Guard) -> Lines:
        return [f"if {python(node.condition)}:", *_indent(self.lines(node.body))]

    def tiles(self, node: Tiles) -> Lines:
        over = "*items" if node.extent == self.program.batch else "*span"
        inside = self._inside({node.low, node.high}, node.body)
        return [f"for {node.low}, {node.high} in tiles({over}, {python(node.step)}):", *_indent(inside)]

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
        return [f"{target if '[' in target else f'{target}[...]'} = {self.view(node.source, groups)}"]

    def halo(self, node: Halo) -> Lines:
        moving = {r.symbol: axis for axis, r in enumerate(node.over)}
        index, start, steps, axes = [], [], [], {}
        for subscript in node.source.subscripts:
            letters = [s for s in moving if s in subscript.free_symbols]
            if not letters:
                index.append(python(subscript))
                continue
            (letter,) = letters
            step = subscript.coeff(letter)
            axes[moving[letter]] = len(start)
            start.append(python(expand(subscript - step * letter)))
            steps.append(int(step))
            index.append(":")
        while index and index[-1] == ":":
            index.pop()
        source = f"{node.source.array}[{', '.join(index)}]" if index else node.source.array
        order = [axes[k] for k in range(len(node.over))]
        more = f", axes={_tuple(order)}" if order != sorted(order) else ""
        more += f", steps={_tuple(steps)}" if set(steps) != {1} else ""
        more += ", copied=True" if node.copied else ""
        name = node.target.array
        return [f"{name} = halo({source}, {_tuple(start)}, {name}_{more})"]

    def matmul(self, node: MatMul) -> Lines:
        batch = [(r,) for r in node.batch]
        left = self.view(node.left, [*batch, node.rows, node.inner], "left", missing=True)
        right = self.view(node.right, [*batch, node.inner, node.columns], "right", missing=True)
        out = self.view(node.target, [*batch, node.rows, node.columns], hoist="out")
        return [f"np.matmul({left}, {right}, out={out})"]

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
        last = python(expand(shift.xreplace({r.symbol: r.stop - 1 for r in summed})))
        place = ", ".join(python(e) for e in node.source.subscripts[:lead])
        loops = " ".join(f"for {r.symbol} in range({python(r.stop)})" for r in summed)
        name, target = f"{node.source.array}_{''.join(str(r.symbol) for r in summed)}", f"{node.target.array}_flat"
        at = f"{node.source.array}[{place}]" if place else node.source.array
        self.named += [f"{name} = [{at}.reshape(-1)[{python(shift)}:] {loops}]"]
        self.named += [f"{target} = {node.target.array}.reshape(-1)[:{node.target.array}.size - ({last})]"]
        return [f"total({name}, {target})"]

    def store(self, node: Store) -> Lines:
        groups, split = self._split(node)
        target = self.view(node.target, groups, slices=True, clip=node)
        source = self.view(node.source, [(r,) for r in node.over], hoist="out")
        bias = "" if node.bias is None else f", {self.view(node.bias, [(r,) for r in node.over], broadcast=True)}"
        return [f"put({target}, {source}{bias}{'' if split is None else f', split={split}'})"]

    def _split(self, node: Store) -> tuple[list[tuple[Range, ...]], int | None]:
        """The ranges by the axes of the target; which axis has two."""
        groups: list[tuple[Range, ...]] = []
        split = None
        for subscript in node.target.subscripts:
            here = tuple(r for r in node.over if r.symbol in subscript.free_symbols)
            if len(here) > 1:
                split = len(groups)
            groups += [here] if here else []
        if [r for group in groups for r in group] != list(node.over):
            raise EmitError(f"A store runs through the axes of {node.target.array} in their order.")
        return groups, split

    def view(
        self,
        access: Access,
        groups: list[tuple[Range, ...]],
        hoist: str = "",
        slices: bool = False,
        missing: bool = False,
        broadcast: bool = False,
        clip: Store | None = None,
    ) -> str:
        """An array as seen by groups of ranges, one axis a group."""
        moving = {r.symbol for group in groups for r in group}
        if slices or broadcast or self._sliceable(access, groups):
            return self._sliced(access, groups, clip, broadcast)
        ranges = [[r for r in g if any(r.symbol in e.free_symbols for e in access.subscripts)] for g in groups]
        ranges = [g for g in ranges if g] if missing else ranges
        if not missing and [len(g) for g in ranges] != [len(g) for g in groups]:
            raise EmitError(f"A view of {access.array} lacks an axis.")
        start = [python(expand(e.xreplace({r.symbol: r.start for g in groups for r in g}))) for e in access.subscripts]
        shape, steps = [], []
        for group in ranges:
            extent: Expr = Integer(1)
            for r in group:
                extent *= r.stop - r.start
            shape.append(python(expand(extent)))
            steps.append(self._step(access, group))
        text = f"strided({access.array}, {_tuple(start)}, {_tuple(shape)}, {_tuple(map(_tuple, steps))})"
        still = (
            not _symbols((access.subscripts, tuple(groups))) - moving & self.bound and access.array not in self.halos
        )
        if hoist and still:
            name = f"{access.array}_{hoist}"
            self.named.append(f"{name} = {text}")
            return name
        return text

    def _step(self, access: Access, group: list[Range]) -> tuple[str, str]:
        """(axis, step) of one axis of a view: those of its last letter, whose step all others are a multiple of."""
        strides = [self._strides(access, r.symbol) for r in group]
        for (one, r), (two, s) in zip(
            zip(strides, group, strict=True), list(zip(strides, group, strict=True))[1:], strict=False
        ):
            if expand(one[0] - two[0] * (s.stop - s.start)) != 0:
                raise EmitError(f"{r.symbol} and {s.symbol} are not one axis of {access.array}.")
        _, axis, step = strides[-1]
        return str(axis), python(step)

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

    def _sliceable(self, access: Access, groups: list[tuple[Range, ...]]) -> bool:
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
        self, access: Access, groups: list[tuple[Range, ...]], clip: Store | None, broadcast: bool = False
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
            return text
        if order != wanted:
            text += f".transpose({', '.join(str(order.index(s)) for s in wanted)})"
        return text

    def _slice(self, e: Expr, here: list[Range], extent: Expr, clip: Store | None) -> str:
        if not here:
            return python(e)
        if len(here) > 1:
            return self._clipped(e, here, clip)
        (r,) = here
        step = e.coeff(r.symbol)
        rest = expand(e - step * r.symbol)
        first, last = expand(step * r.start + rest), expand(step * (r.stop - 1) + rest + 1)
        if step == 1 and first == 0 and expand(last - extent) == 0:
            return ":"
        return f"{'' if first == 0 else python(first)}:{python(last)}" + (f":{step}" if step != 1 else "")

    def _clipped(self, e: Expr, here: list[Range], clip: Store | None) -> str:
        """The rows of a tile: from its first to where the condition of the store ends."""
        if clip is None or clip.condition is True or expand(clip.condition.lhs - e) != 0:
            raise EmitError(f"The subscript {e} moves with two indices at once.")
        return f"{python(e.xreplace({r.symbol: r.start for r in here}))}:{python(clip.condition.rhs)}"


def _indent(lines: Iterable[str]) -> Lines:
    return [f"    {line}" if line else "" for line in lines]


def _tuple(parts: Iterable[Any]) -> str:
    texts = [str(p) for p in parts]
    return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"


STAGE_TEMPLATES: Mapping[type, Callable[..., Lines]] = {
    Let: _Writer.let,
    Copy: _Writer.copy,
    Loop: _Writer.loop,
    Guard: _Writer.guard,
    Tiles: _Writer.tiles,
    Halo: _Writer.halo,
    MatMul: _Writer.matmul,
    ShiftedSum: _Writer.shifted_sum,
    Store: _Writer.store,
}
if missing := [node.__name__ for node in STAGES if node not in STAGE_TEMPLATES]:
    raise EmitError(f"Backend 'numpy' has no template for: {', '.join(missing)}.")
