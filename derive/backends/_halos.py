"""Programs of tiles with a halo: the functions that launch them; their text is printed as that of all programs in tiles."""

from __future__ import annotations

from typing import Any

from sympy import Expr, Integer, expand

from derive.backends._expressions import python
from derive.backends._module import accessed, check_sizes, indent, sentence, size_lines
from derive.backends._strips import argument, counted, listed
from derive.backends._tiles import sizes_told
from derive.ir.blocks import WIDTHS
from derive.ir.halos import Haloed
from derive.ir.nodes import Copy, walk
from derive.remembered import replaced

__all__ = ["halo_extents", "halo_function", "halo_kernel", "halo_limits", "halo_wide"]

Lines = list[str]


def halo_kernel(name: str, haloed: Haloed) -> Lines:
    """The object that compiles and launches it."""
    narrow = "" if haloed.narrow else ", narrow=False"
    knobs = ", ".join(f'"{s}"' for s in haloed.knobs)
    return [f'_{name} = CudaHalos(cp, {haloed.program.name.upper()}, "{name}", ({knobs}){narrow})']


def halo_function(kernel: str, haloed: Haloed) -> Lines:
    """The function that launches a kernel, and the two blank lines after it."""
    program = haloed.program
    check_sizes(program)
    names = [s.name for s in (*program.arguments, program.result)]
    knobs = [str(k) for k in haloed.knobs[:-1]]
    told = {*sizes_told(haloed), *haloed.constants}
    fixed = "".join(f", {s}={s}" for s in haloed.constants)
    arrays = f"{listed(accessed(program))}, {listed(map(str, sizes_told(haloed)))}, {listed(halo_wide(haloed))}{fixed}"
    return [
        f"def _{program.name}({', '.join([*names, 'new', *knobs])}):",
        f'    """{sentence(program.says)}"""',
        *indent(size_lines(program, frozenset(told))),
        *indent([counted(program)]),
        f"    {kernel}({listed(knobs)}, {halo_extents(haloed)}, {arrays})",
        "",
        "",
    ]


def halo_wide(haloed: Haloed) -> list[str]:
    """The arrays of which several neighbours are one access."""
    met = {n.source.array for n in walk(haloed.branches.body) if isinstance(n, Copy) and n.over}
    return [s.name for s in haloed.program.arguments if s.name in met]


def halo_extents(haloed: Haloed) -> str:
    """How many places there are along the letters of tiles, and how many along all others, as Python text."""
    ends = {r.symbol: expand(r.stop) for r in haloed.blocks.threads}
    starts = [split.start for split in haloed.splits]
    others = "*".join(argument(e) for s, e in ends.items() if s not in starts) or "1"
    return f"{listed(python(ends[s]) for s in starts)}, {others}"


def halo_limits(haloed: Haloed) -> str:
    """What a launch is held against besides: cells, at the widest access, products that are written out, and sizes."""
    told = {*sizes_told(haloed), *haloed.constants} - {haloed.program.batch}
    cells, unrolled = python(widest(haloed, haloed.cells)), python(haloed.unrolled)
    return f"{cells}, {unrolled}, {listed(map(str, sorted(told, key=str)))}"


def widest(haloed: Haloed, expression: Expr) -> Expr:
    """An expression where one access takes as many neighbours as any does: then there are most cells."""
    ends: dict[Any, Any] = dict((haloed.left, haloed.right))
    found: Expr = replaced(replaced(expression, ends), {haloed.width: Integer(WIDTHS[-1])})
    return found
