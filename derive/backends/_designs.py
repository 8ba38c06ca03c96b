"""How a kernel object is told of its programs in blocks, tiles and parts: an entry for each, and functions that count them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from math import prod

from sympy import Expr, S, Symbol

from derive.backends._algorithms import algorithm_entry
from derive.backends._expressions import python
from derive.backends._halos import halo_extents, halo_limits, halo_wide
from derive.backends._module import Header, indent
from derive.backends._parts import part_places
from derive.backends._strips import block_extents, block_limits, block_wide, last_extents, listed
from derive.backends._tiles import tile_extents, tile_sizes
from derive.ir.blocks import WIDTHS, Blocked
from derive.ir.halos import LANES, RESULTS, Haloed
from derive.ir.nodes import Program
from derive.ir.parts import Parted
from derive.ir.rounding import steps
from derive.ir.stages import Staged
from derive.ir.threads import PRODUCTS, Threads, blocked_threads, halo_threads, moved, plain_threads, tiled_threads
from derive.ir.tiles import Tiled

__all__ = ["Design", "device_facts", "device_functions", "gradient_facts"]

Lines = list[str]
Design = Blocked | Tiled | Parted | Haloed
BLOCK, STRIP = 256, 128  # threads of a block, of plain launches and of those of strips
ROWS, COLUMNS = (8, 4, 2, 1), (4,)  # results of a thread of a strip
ALONG, ACROSS, CHUNK = (
    (8, 4, 2, 1),
    (16, 8, 4, 2, 1),
    (8,),
)  # of a tile threads along places and weights, terms of a chunk
HALOS = ((RESULTS,), (8, 4, 2, 1), (LANES,))  # of a tile with a halo results of a thread, threads along both letters
PARTS = tuple(1 << k for k in (17, 15, 13, 11))  # threads that add up parts

_NONE = Threads(*[S.NaN] * 6)  # what needs no telling


def device_functions(name: str, plain: Program, terms: Expr, designs: Iterable[Design]) -> Lines:
    """The functions that count what one thread a result does, and those of the programs that may stand in for it."""
    lines = _counting(f"_{plain.name}_work", plain, (), plain_threads(plain, terms, BLOCK))
    for design in designs:
        kernel = f"_{name}_{design.program.name}"
        match design:
            case Blocked():
                lines += _of_blocks(kernel, design)
            case Tiled():
                lines += _of_tiles(kernel, design)
            case Haloed():
                lines += _of_halos(kernel, design)
            case Parted():
                lines += _of_parts(kernel, design, plain, terms)
    return lines


def _of_blocks(kernel: str, blocked: Blocked) -> Lines:
    name, own = f"_{blocked.program.name}", tuple(tile.extent for tile in blocked.tiles)
    call = f"{kernel}.lacks({listed(map(str, own))}, {block_extents(blocked)}, {block_limits(blocked)})"
    rows = last_extents(blocked.program, block_wide(blocked))
    width = f"{own[-1]} = {blocked.width} = neighbours({rows}, itemsize, {own[-1]})"
    counts = _counting(f"{name}_work", blocked.program, own, blocked_threads(blocked, STRIP), width)
    return [*_lacking(name, blocked.program, own, call), *counts]


def _of_tiles(kernel: str, tiled: Tiled) -> Lines:
    name, own = f"_{tiled.program.name}", tiled.knobs[:-1]
    call = f"{kernel}.lacks({listed(map(str, own))}, {tile_extents(tiled)}, {tile_sizes(tiled)})"
    counts = _counting(f"{name}_work", tiled.program, own, tiled_threads(tiled))
    return [*_lacking(name, tiled.program, own, call), *counts]


def _of_halos(kernel: str, haloed: Haloed) -> Lines:
    name, own = f"_{haloed.program.name}", haloed.knobs[:-1]
    call = f"{kernel}.lacks({listed(map(str, own))}, {halo_extents(haloed)}, {halo_limits(haloed)})"
    width = f"{haloed.width} = neighbours({last_extents(haloed.program, halo_wide(haloed))}, itemsize, {WIDTHS[-1]})"
    counts = _counting(f"{name}_work", haloed.program, own, halo_threads(haloed), width)
    return [*_lacking(name, haloed.program, own, call), *counts]


def _of_parts(kernel: str, parted: Parted, plain: Program, terms: Expr) -> Lines:
    name, places = f"_{parted.program.name}", part_places(parted)
    own = (Symbol("threads"),)
    results = prod(plain.result.shape, start=S.One)
    call = f"{kernel}.lacks({python(results)}, {places}, threads)"
    counts = f"{kernel}.work({python(results)}, chunks, {python(terms)}, {python(moved(plain))})"
    body = [f"chunks = {kernel}.chunks({python(results)}, {places}, threads)", f"return {counts}"]
    head = f"def {name}_work(*, {', '.join([*_letters(plain, (), [call, *body]), 'threads', '**_'])}):"
    work = [head, '    """Its launches, counted."""', *indent(body), "", ""]
    return [*_lacking(name, plain, own, call), *work]


def _lacking(name: str, program: Program, own: tuple[Symbol, ...], call: str) -> Lines:
    return [
        f"def {name}_lacks(*, {', '.join([*_letters(program, own, [call]), '**_'])}):",
        '    """Why no launch has these numbers, if so."""',
        f"    return {call}",
        "",
        "",
    ]


def _letters(program: Program, own: tuple[Symbol, ...], texts: Iterable[str]) -> list[str]:
    """The sizes, and the knobs, whose names stand in some text."""
    words = {word for text in texts for word in _words(text)}
    every = [program.batch, *program.sizes, *own]
    return [str(s) for s in every if str(s) in words]


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() or c == "_" else " " for c in text).split()


def _counting(name: str, program: Program, own: tuple[Symbol, ...], counted: Threads, width: str = "") -> Lines:
    told = {f.name: getattr(counted, f.name) for f in fields(counted)}
    shown = {key: python(e) for key, e in told.items() if e != getattr(_NONE, key) and key != "products"}
    entries = [f"{key}={text}," for key, text in shown.items()]
    products = python(counted.products)
    letters = [*_letters(program, own, [width, products, *shown.values()]), *(["itemsize"] if width else [])]
    return [
        f"def {name}(*, {', '.join([*letters, '**_'])}):",
        '    """Its launch, counted."""',
        *([f"    {width}"] if width else []),
        f"    {PRODUCTS} = {products}",
        "    return (",
        "        launched(",
        *indent([*entries, f"{PRODUCTS}={PRODUCTS},"], 3),
        "        ),",
        "    )",
        "",
        "",
    ]


def device_facts(plain: Program, designs: Iterable[Design], staged: Sequence[Staged], header: Header) -> Lines:
    """Keyword arguments of the kernel object that count its direct sums, and name its designs, and say why it has no others."""
    counted = steps(plain, {key: c.signs for key, c in header.constants.items()}, frozenset(header.biases))
    rounded = [] if counted is None else [f"steps={counted},"]
    reasons = [f'    "{name}": "{reason}",' for name, reason in header.unfit.items()]
    unfit = ["unfit={", *reasons, "},"] if reasons else []
    return [f"work=_{plain.name}_work,", "terms=_terms,", *rounded, *_entries(designs, _of(plain, staged)), *unfit]


def gradient_facts(
    plain: Mapping[str, Program], designs: Mapping[str, tuple[Design, ...]], staged: Sequence[Staged]
) -> dict[str, Lines]:
    """For each argument what its gradient is told."""
    told = {}
    for by, p in plain.items():
        own = _of(p, staged)
        counted = [f"work=_{p.name}_work,", *([f"terms=_{p.name}_terms,"] if own else [])]
        told[by] = [*counted, *_entries(designs.get(p.name, ()), own)]
    return told


def _of(plain: Program, staged: Sequence[Staged]) -> list[Staged]:
    """Those programs in stages that give the same result."""
    return [program for program in staged if program.result.name == plain.result.name]


def _entries(designs: Iterable[Design], staged: Sequence[Staged]) -> Lines:
    """The objects that tell of the programs which may stand in for a plain one."""
    entries = [line for design in designs for line in _entry(design)]
    for program in staged:
        entries += algorithm_entry(program, program.name.removesuffix(f"_{program.result.name}"))
    return ["algorithms=(", *indent(entries), "),"] if entries else []


def _entry(design: Design) -> Lines:
    name, knobs = design.program.name, _knobs(design)
    return [
        "Design(",
        f'    "{name.partition("_d")[0]}",',
        f'    "{design.program.says.rpartition(": ")[2]}",',
        f"    _{name},",
        f"    knobs={{{', '.join(f'{chr(34)}{k}{chr(34)}: {v}' for k, v in knobs.items())}}},",
        f"    work=_{name}_work,",
        f"    lacks=_{name}_lacks,",
        "),",
    ]


def _knobs(design: Design) -> dict[str, tuple[int, ...]]:
    match design:
        case Blocked(tiles=tiles):
            return {str(t.extent): choices for t, choices in zip(tiles, (ROWS, COLUMNS)[-len(tiles) :], strict=True)}
        case Tiled(knobs=knobs):
            return {str(k): choices for k, choices in zip(knobs, (ALONG, ACROSS, CHUNK), strict=False)}
        case Haloed(knobs=knobs):
            return {str(k): choices for k, choices in zip(knobs, HALOS, strict=False)}
    return {"threads": PARTS}
