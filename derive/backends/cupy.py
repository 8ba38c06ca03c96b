"""CuPy source: CUDA C text, compiled when it is first called, and the function that launches it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sympy import Expr, Symbol, expand

from derive.backends._algorithms import staged_counts, terms_function
from derive.backends._cuda import Writer, opening
from derive.backends._designs import Design, device_facts, device_functions, gradient_facts
from derive.backends._expressions import table_name
from derive.backends._halos import halo_function, halo_kernel
from derive.backends._module import (
    Header,
    accessed,
    bodies_of,
    check_sizes,
    indent,
    needed,
    sentence,
    signature,
    size_lines,
)
from derive.backends._narrow import narrow
from derive.backends._parts import part_function, part_kernel, part_source
from derive.backends._products import product_functions, product_imports, product_kernels, product_source
from derive.backends._signature import tabulated
from derive.backends._strips import argument, counted, listed, strip_function, strip_kernel, strip_source
from derive.backends._tiles import tile_function, tile_kernel, tile_source
from derive.errors import EmitError
from derive.ir.blocks import Blocked
from derive.ir.halos import Haloed
from derive.ir.nodes import Launch, Program
from derive.ir.parts import Parted
from derive.ir.stages import Staged
from derive.ir.tiles import Tiled

__all__ = ["cupy"]

Lines = list[str]
InBlocks = Blocked | Tiled | Haloed
# For each kind of program in blocks its CUDA C, the object that launches that, and the function that calls it.
_PRINTERS: Mapping[type, tuple[Any, Any, Any]] = {
    Blocked: (strip_source, strip_kernel, strip_function),
    Tiled: (tile_source, tile_kernel, tile_function),
    Haloed: (tile_source, halo_kernel, halo_function),
}
_LAUNCHERS: Mapping[type, str] = {Blocked: "CudaStrips", Tiled: "CudaTiles", Parted: "CudaParts"}
_BRACES = str.maketrans("()", "{}")


def _tables(programs: Iterable[Program]) -> Lines:
    """The tables of all programs, each once, as constants of the device."""
    lines: Lines = []
    for name, table in {t.name: t for p in programs for t in p.tables}.items():
        box = "".join(f"[{side}]" for side in table.shape) or "[1]"
        start = f"__device__ const int {table_name(name)}{box} = "
        start, end = (start, ";") if table.shape else (f"{start}(", ");")
        lines += [line.translate(_BRACES) for line in tabulated(start, table, end)]
    return [*lines, *([""] if lines else [])]


class _CuPy:
    """The backend: its name, the kind of program that it prints, and the printer."""

    name = "cupy"
    target = "threads"
    language = "cuda"

    def emit(
        self,
        program: Program,
        header: Header,
        gradients: Mapping[str, Program] | None = None,
        staged: Sequence[Staged] = (),
        blocked: Mapping[str, Blocked | Tiled] | None = None,
        parted: Mapping[str, Parted] | None = None,
        haloed: Mapping[str, tuple[Haloed, ...]] | None = None,
    ) -> str:
        """The text of a module with its kernels; the products of programs in stages are the library's.

        `blocked`, `parted` and `haloed` are programs in blocks, in parts and of tiles with a halo, by the names of the plain ones
        that they may stand in for. Raises EmitError for what one thread a point can't say.
        """
        views, parts, halos = gradients or {}, parted or {}, haloed or {}
        blocks = [*(blocked or {}).values(), *(h for own in halos.values() for h in own)]
        told = (bodies_of(views), header.constants, header.repeats)
        programs = (program, *views.values())
        designs = {p.name: _designs(p.name, (blocked or {}, parts), halos) for p in programs}
        terms = {program.name: header.terms, **{p.name: header.slope_terms[by] for by, p in views.items()}}
        more = ["contiguous=True,", "halves=True,", *device_facts(program, designs[program.name], staged, header)]
        products = [line for p in staged for line in (*product_functions(header.name, p), *staged_counts(p))]
        lines = [
            *_imports(told, blocks, parts, products),
            "",
            f'__all__ = ["{header.name}"]',
            "",
            *_texts(header, programs, blocks, parts, staged),
            "",
            *_kernels(header.name, programs, blocks, parts, staged),
            "",
            "",
            *[line for p in programs for line in _functions(header.name, p, designs[p.name], terms[p.name])],
            *products,
            *_terms(program, views, staged, terms),
            *signature(program, header, f"_{program.name}", "cp", more, *told, gradient_facts(views, designs, staged)),
            "",
        ]
        return header.text() + "\n".join(narrow(lines))


def _designs(
    name: str, single: tuple[Mapping[str, Design], ...], halos: Mapping[str, tuple[Haloed, ...]]
) -> tuple[Design, ...]:
    """What may stand in for a plain program."""
    return (*(some[name] for some in single if name in some), *halos.get(name, ()))


def _imports(
    told: tuple[Any, ...], blocks: Sequence[InBlocks], parts: Mapping[str, Parted], products: Sequence[str]
) -> Lines:
    lines = [
        *product_imports(told[0], told[1], products),
        f"from .._runtime.cuda import {', '.join(['CudaKernel', *_launchers(blocks, parts)])}",
        *(["from .._runtime.designs import Design"] if blocks or parts else []),
        "from .._runtime.device import array_module",
        "from .._runtime.gpu import launched",
        *(["from .._runtime.halos import CudaHalos"] if any(isinstance(b, Haloed) for b in blocks) else []),
    ]
    views = ["strided = strided_on(cp)"] if any("strided(" in line for line in products) else []
    return [*sorted(lines, key=lambda line: line.split()[1]), "", 'cp = array_module("cupy")', *views]


def _terms(
    program: Program, views: Mapping[str, Program], staged: Sequence[Staged], terms: Mapping[str, Expr]
) -> Lines:
    """The functions that say how many products a result adds: of the layer, and of gradients that have programs in stages."""
    results = {p.result.name for p in staged}
    lines = terms_function("_terms", program, terms[program.name])
    for p in views.values():
        lines += terms_function(f"_{p.name}_terms", p, terms[p.name]) if p.result.name in results else []
    return lines


def _launchers(blocks: Sequence[InBlocks], parts: Mapping[str, Parted]) -> list[str]:
    """The classes that launch programs in blocks and in parts, and what says how wide accesses of rows are."""
    classes = sorted({_LAUNCHERS[type(p)] for p in (*blocks, *parts.values()) if type(p) in _LAUNCHERS})
    return [*classes, *(["neighbours"] if any(isinstance(b, (Blocked, Haloed)) for b in blocks) else [])]


def _texts(
    header: Header,
    programs: Sequence[Program],
    blocks: Sequence[InBlocks],
    parts: Mapping[str, Parted],
    staged: Sequence[Staged],
) -> Lines:
    """The CUDA C of all plain programs together, of each program in blocks, of all in parts, and of each in stages.

    Constants have the type that computes.
    """
    name, exact = header.name, header.constants
    texts = [_kernel(f"{name}_{p.name}", p, exact) for p in programs]
    return [
        'SRC = r"""',
        *_tables(programs),
        *[line for position, text in enumerate(texts) for line in (*([""] if position else []), *text)],
        '"""',
        *[line for b in blocks for line in ("", *_PRINTERS[type(b)][0](f"{name}_{b.program.name}", b, exact))],
        *(["", *part_source(name, parts, exact)] if parts else []),
        *[line for p in staged for line in ("", *product_source(name, p))],
    ]


def _kernels(
    name: str,
    programs: Sequence[Program],
    blocks: Sequence[InBlocks],
    parts: Mapping[str, Parted],
    staged: Sequence[Staged],
) -> Lines:
    """The objects that compile and launch them."""
    plain = [f'_{name}_{p.name} = CudaKernel(cp, SRC, "{name}_{p.name}")' for p in programs]
    inside = [line for b in blocks for line in _PRINTERS[type(b)][1](f"{name}_{b.program.name}", b)]
    shared = [line for p in parts.values() for line in part_kernel(name, p)]
    return [*plain, *inside, *shared, *(line for p in staged for line in product_kernels(name, p))]


def _functions(name: str, program: Program, designs: Sequence[Design], terms: Expr) -> Lines:
    """What launches a program and those that may stand in for it, and what counts all of them."""
    lines = _function(f"_{name}_{program.name}", program)
    for design in designs:
        kernel = f"_{name}_{design.program.name}"
        if isinstance(design, Parted):
            lines += part_function(kernel, design, program)
        else:
            lines += _PRINTERS[type(design)][2](kernel, design)
    return [*lines, *device_functions(name, program, terms, designs)]


def _launch(program: Program) -> Launch:
    (launch,) = program.body
    if not isinstance(launch, Launch) or program.batch is None:
        raise EmitError("Backend 'cupy' prints programs that are one launch over a batch.")
    return launch


def _sizes(program: Program) -> tuple[Symbol, ...]:
    """What a kernel is told: the batch, and the sizes that it needs."""
    known = needed(program)
    return (program.batch, *(s for s in program.sizes if s in known))


def _function(kernel: str, program: Program) -> Lines:
    """The function that launches a kernel, and the two blank lines after it."""
    check_sizes(program)
    told = _sizes(program)
    names = [s.name for s in (*program.arguments, program.result)]
    passed = accessed(program)
    threads = "*".join(argument(expand(t.stop - t.start)) for t in _launch(program).threads) or "1"
    return [
        f"def _{program.name}({', '.join([*names, 'new'])}):",
        f'    """{sentence(program.says)}"""',
        *indent(size_lines(program, frozenset(told))),
        *indent([counted(program)]),
        f"    {kernel}({threads}, {listed(passed)}, {listed(map(str, told))})",
        "",
        "",
    ]


def _kernel(name: str, program: Program, exact: Collection[str]) -> Lines:
    writer = Writer(program, exact=exact)
    return [
        *opening(name, writer.pointers(), [f"long long {s}" for s in _sizes(program)]),
        "{",
        *indent(writer.launch(_launch(program))),
        "}",
    ]


cupy = _CuPy()
