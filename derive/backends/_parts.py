"""Programs in parts as CUDA C, in one text with what adds the parts, and the functions that launch them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from sympy import Symbol

from derive.backends._cuda import Writer, opening
from derive.backends._expressions import python
from derive.backends._module import accessed, indent, needed, sentence, size_lines
from derive.backends._strips import counted, listed
from derive.errors import EmitError
from derive.ir.nodes import Launch, Program
from derive.ir.parts import Parted

__all__ = ["part_function", "part_kernel", "part_places", "part_source"]

Lines = list[str]


def part_source(name: str, parted: Mapping[str, Parted], exact: Collection[str]) -> Lines:
    """The CUDA C of a layer's programs in parts. Parts have the type that computes."""
    programs = [p.program for p in parted.values()]
    lines = [line for p in programs for line in (*_kernel(f"{name}_{p.name}", p, {*exact, p.result.name}), "")]
    (fold,) = {p.fold for p in parted.values()}
    return ['PARTS = r"""', *lines, *_kernel(f"{name}_{fold.name}", fold, {fold.arguments[0].name}), '"""']


def _kernel(name: str, program: Program, exact: Collection[str]) -> Lines:
    (launch,) = program.body
    assert isinstance(launch, Launch)
    writer = Writer(program, exact=exact)
    head = opening(name, writer.pointers(), [f"long long {s}" for s in _sizes(program)])
    return [*head, "{", *indent(writer.launch(launch)), "}"]


def _sizes(program: Program) -> tuple[Symbol, ...]:
    if program.batch is None:
        raise EmitError("Backend 'cupy' prints programs that are one launch over a batch.")
    known = needed(program)
    return (program.batch, *(s for s in program.sizes if s in known))


def part_kernel(name: str, parted: Parted) -> Lines:
    """The object that compiles and launches it."""
    along = "" if parted.along is None else f", along={[c.letter for c in parted.chunks].index(parted.along)}"
    return [
        f'_{name}_{parted.program.name} = CudaParts(cp, PARTS, "{name}_{parted.program.name}", "{name}_fold"{along})'
    ]


def part_function(kernel: str, parted: Parted, plain: Program) -> Lines:
    """The function that launches it, and the two blank lines after it."""
    program = parted.program
    own = {c.count for c in parted.chunks} | {c.length for c in parted.chunks}
    told = [s for s in _sizes(program) if s not in own]
    used = {*told, *(s for c in parted.chunks for s in c.extent.free_symbols)}
    names = [s.name for s in (*plain.arguments, plain.result)]
    passed = [name for name in accessed(program) if name != program.result.name]
    return [
        f"def _{program.name}({', '.join([*names, 'new', 'threads'])}):",
        f'    """{sentence(program.says)}"""',
        *indent(size_lines(plain, frozenset(used))),
        *indent([counted(replace(plain, body=program.body))]),
        f"    chunks = {kernel}.chunks({plain.result.name}.size, {part_places(parted)}, threads)",
        f"    {kernel}(chunks, {listed(passed)}, {plain.result.name}, {listed(map(str, told))}, new)",
        "",
        "",
    ]


def part_places(parted: Parted) -> str:
    """How many places the loops have that are cut, as Python text."""
    return listed(python(c.extent) for c in parted.chunks)
