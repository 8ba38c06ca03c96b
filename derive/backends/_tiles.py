"""Programs in tiles as CUDA C, in a text of its own each, and the functions that launch them."""

from __future__ import annotations

from collections.abc import Collection

from sympy import Expr, Symbol, expand

from derive.backends._cuda import Writer, opening
from derive.backends._expressions import python
from derive.backends._module import accessed, check_sizes, indent, needed, sentence, size_lines
from derive.backends._strips import argument, counted, listed
from derive.errors import EmitError
from derive.ir.halos import Haloed
from derive.ir.nodes import Let, Range
from derive.ir.tiles import Tiled

__all__ = ["tile_extents", "tile_function", "tile_kernel", "tile_sizes", "tile_source"]

Lines = list[str]


def _text(tiled: Tiled | Haloed) -> str:
    return tiled.program.name.upper()


def tile_source(name: str, tiled: Tiled | Haloed, exact: Collection[str]) -> Lines:
    """The CUDA C of one kernel: the types and the knobs are given when it is compiled; arrays in `exact` are `real`."""
    program, integer = tiled.program, "int" if tiled.narrow else "long long"
    w = tiled.width
    cells = {array for array, of in tiled.copied.items() if of not in exact}
    writer = Writer(program, tiled.narrow, rolled=True, exact=exact, cells=cells)
    return [
        f'{_text(tiled)} = r"""',
        *([f"struct __align__(sizeof(stored)*{w}) Lanes {{ stored entry[{w}]; }};", ""] if writer.wide else []),
        *opening(name, writer.pointers(), [f"{integer} {s}" for s in sizes_told(tiled)]),
        "{",
        *indent([*_shared(tiled, writer), *_starts(tiled, writer), *_threads(tiled, writer)]),
        "}",
        '"""',
    ]


def _shared(tiled: Tiled | Haloed, writer: Writer) -> Lines:
    lets = tuple(node for node in tiled.blocks.body if isinstance(node, Let))
    kinds = ("stored" if s.array in writer.cells else "real" for s in tiled.shared)
    cells = zip(kinds, tiled.shared, strict=True)
    return [*writer.body(lets), *(f"__shared__ __align__(16) {k} {s.array}{_box(s.shape, writer)};" for k, s in cells)]


def _box(shape: tuple[Expr, ...], writer: Writer) -> str:
    return "".join(f"[{writer.c(e)}]" for e in shape)


def _starts(tiled: Tiled | Haloed, writer: Writer) -> Lines:
    """The first places of a block's tile, by its number."""
    lines = [f"{writer.integer} block = blockIdx.x;"]
    spans = tiled.blocks.threads
    for r in reversed(spans[1:]):
        count = _count(r, writer)
        lines += [writer.start(r, f"(block % {count})" if r.step != 1 else f"block % {count}"), f"block /= {count};"]
    return [*lines, *(writer.start(r, "block") for r in spans[:1])]


def _count(r: Range, writer: Writer) -> str:
    """How many values a range has."""
    whole, step = expand(r.stop - r.start), writer.bracketed(r.step)
    return writer.bracketed(whole) if r.step == 1 else f"(({writer.c(whole)} + {writer.c(r.step)} - 1) / {step})"


def _threads(tiled: Tiled | Haloed, writer: Writer) -> Lines:
    """What each thread does."""
    along, across = tiled.threads.threads
    registers = tiled.registers
    return [
        f"const int {along.symbol} = threadIdx.y;",
        f"const int {across.symbol} = threadIdx.x;",
        f"const unsigned threads = {along.stop}*{across.stop};",
        f"const unsigned thread = threadIdx.y*{across.stop} + threadIdx.x;",
        *writer.body((registers, tiled.branches)),
    ]


def tile_kernel(name: str, tiled: Tiled) -> Lines:
    """The object that compiles and launches it."""
    narrow = "" if tiled.narrow else ", narrow=False"
    knobs = ", ".join(f'"{s}"' for s in tiled.knobs)
    registers = tuple(map(int, tiled.registers.shape))
    return [f'_{name} = CudaTiles(cp, {_text(tiled)}, "{name}", ({knobs}), {registers}{narrow})']


def tile_function(kernel: str, tiled: Tiled) -> Lines:
    """The function that launches a kernel in tiles, and the two blank lines after it."""
    program = tiled.program
    check_sizes(program)
    names = [s.name for s in (*program.arguments, program.result)]
    knobs = [str(k) for k in tiled.knobs[:-1]]
    told = {*sizes_told(tiled), *tiled.end.free_symbols}
    arrays = f"{listed(accessed(program))}, {listed(map(str, sizes_told(tiled)))}, {program.result.name}"
    return [
        f"def _{program.name}({', '.join([*names, 'new', *knobs])}):",
        f'    """{sentence(program.says)}"""',
        *indent(size_lines(program, frozenset(told))),
        *indent([counted(program)]),
        f"    {kernel}({listed(knobs)}, {tile_extents(tiled)}, {arrays})",
        "",
        "",
    ]


def tile_extents(tiled: Tiled) -> str:
    """How many places there are, how many weights, and how many of all others, as Python text."""
    ends = {r.symbol: expand(r.stop) for r in tiled.blocks.threads}
    places = listed(python(ends[split.start]) for split in tiled.splits[: tiled.places])
    weights = python(ends[tiled.splits[-1].start])
    others = "*".join(argument(e) for s, e in ends.items() if s not in {split.start for split in tiled.splits}) or "1"
    return f"{places}, {weights}, {others}"


def tile_sizes(tiled: Tiled) -> str:
    """The sizes that a launch in tiles is held against."""
    told = {*sizes_told(tiled), *tiled.end.free_symbols} - {tiled.program.batch}
    return listed(map(str, sorted(told, key=str)))


def sizes_told(tiled: Tiled | Haloed) -> tuple[Symbol, ...]:
    """What a kernel is told: the batch, and the sizes that it needs."""
    program = tiled.program
    if program.batch is None:
        raise EmitError("Backend 'cupy' prints programs that are one launch over a batch.")
    known = needed(program) - set(tiled.constants)
    return (program.batch, *(s for s in program.sizes if s in known))
