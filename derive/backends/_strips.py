"""Programs in blocks as CUDA C, in a text of its own each, and the functions that launch them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sympy import Add, Expr, Mul, Symbol, expand

from derive.backends._cuda import Writer, opening
from derive.backends._expressions import python
from derive.backends._module import accessed, check_sizes, indent, needed, sentence, size_lines
from derive.errors import EmitError
from derive.ir.blocks import Blocked
from derive.ir.nodes import Copy, Program, walk

__all__ = [
    "argument",
    "block_extents",
    "block_limits",
    "block_wide",
    "counted",
    "last_extents",
    "listed",
    "strip_function",
    "strip_kernel",
    "strip_source",
]

Lines = list[str]


def _text(blocked: Blocked) -> str:
    return blocked.program.name.upper()


def strip_source(name: str, blocked: Blocked, exact: Collection[str]) -> Lines:
    """The CUDA C of one kernel: the types, the knobs and the sizes that windows have are told when it is compiled."""
    program, integer = blocked.program, "int" if blocked.narrow else "long long"
    writer = Writer(program, blocked.narrow, rolled=True, exact=exact)
    sizes = [f"{integer} {s}" for s in _sizes(blocked)]
    return [
        f'{_text(blocked)} = r"""',
        f"struct __align__(sizeof(stored)*{blocked.width}) Lanes {{ stored entry[{blocked.width}]; }};",
        "",
        *opening(name, writer.pointers(), sizes),
        "{",
        *indent(writer.blocks(blocked.launch)),
        "}",
        '"""',
    ]


def strip_kernel(name: str, blocked: Blocked) -> Lines:
    """The object that compiles and launches it."""
    knobs = ", ".join(f'"{s}"' for s in blocked.knobs)
    narrow = "" if blocked.narrow else ", narrow=False"
    return [f'_{name} = CudaStrips(cp, {_text(blocked)}, "{name}", ({knobs}){narrow})']


def strip_function(kernel: str, blocked: Blocked) -> Lines:
    """The function that launches a kernel in blocks, and the two blank lines after it."""
    program = blocked.program
    check_sizes(program)
    names = [s.name for s in (*program.arguments, program.result)]
    knobs = [str(tile.extent) for tile in blocked.tiles]
    passed = accessed(program)
    told = {*_sizes(blocked), *blocked.constants}
    fixed = "".join(f", {s}={s}" for s in blocked.constants)
    arrays = f"{listed(passed)}, {listed(map(str, _sizes(blocked)))}, {listed(block_wide(blocked))}{fixed}"
    return [
        f"def _{program.name}({', '.join([*names, 'new', *knobs])}):",
        f'    """{sentence(program.says)}"""',
        *indent(size_lines(program, frozenset(told))),
        *indent([counted(program)]),
        f"    {kernel}({listed(knobs)}, {block_extents(blocked)}, {arrays})",
        "",
        "",
    ]


def counted(program: Program) -> str:
    """The line that counts the items of a batch, off an array that has them."""
    passed = accessed(program)
    by = next(s for s in (program.result, *program.arguments) if s.batched and s.name in passed)
    extents = "*".join(map(argument, by.shape))
    return f"batch = {by.name}.size{f' // ({extents})' if by.shape else ''}"


def block_extents(blocked: Blocked) -> str:
    """How many results there are along the last axis, the last but one and all others, as Python text."""
    *others, second, first = (expand(t.stop - t.start) for t in blocked.launch.threads)
    return f"({python(first)}, {python(second)}, {'*'.join(map(argument, others)) or '1'})"


def block_limits(blocked: Blocked) -> str:
    """What a launch in blocks is held against besides: products of a result, and sizes."""
    told = {*_sizes(blocked), *blocked.constants} - {blocked.program.batch}
    return f"{python(blocked.terms)}, {listed(map(str, sorted(told, key=str)))}"


def _sizes(blocked: Blocked) -> tuple[Symbol, ...]:
    """What a kernel is told: the batch, and the sizes that it needs and that aren't numbers in its text."""
    program = blocked.program
    if program.batch is None:
        raise EmitError("Backend 'cupy' prints programs that are one launch over a batch.")
    known = needed(program) - set(blocked.constants)
    return (program.batch, *(s for s in program.sizes if s in known))


def block_wide(blocked: Blocked) -> list[str]:
    """The arrays of which several neighbours are one access."""
    stored = [s.name for s in (*blocked.program.arguments, blocked.program.result)]
    copies = [n for n in walk(blocked.branches.body) if isinstance(n, Copy) and n.over]
    met = {a.array for n in copies for a in (n.target, n.source)}
    return [name for name in stored if name in met]


def last_extents(program: Program, names: Iterable[str]) -> str:
    """How long the rows of these arrays are, as Python text."""
    shapes = {s.name: s.shape for s in (*program.arguments, program.result)}
    return listed(python(shapes[name][-1]) for name in names)


def listed(names: Iterable[str]) -> str:
    """A tuple as Python text."""
    parts = tuple(names)
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def argument(extent: Expr) -> str:
    """An extent as a factor in Python text."""
    return python(extent) if not isinstance(extent, (Add, Mul)) else f"({python(extent)})"
