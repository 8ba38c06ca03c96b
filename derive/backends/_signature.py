"""What a kernel object is told besides its body: gradients, constants, and facts of its sizes and batch axes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import lcm, prod
from typing import Any

from sympy import Integer, Rational

from derive.errors import EmitError
from derive.ir.nodes import Program, Table

__all__ = [
    "IMPORTED",
    "Bodies",
    "Numbers",
    "brought",
    "facts",
    "numbers",
    "quoted",
    "runtime_imports",
    "table_text",
    "tabulated",
]

_WIDE = 112

# For each argument with a gradient, the function that writes it and the arrays that this takes.
Bodies = Mapping[str, tuple[str, tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class Numbers:
    """An array of fixed rationals: nested tuples of integers over one denominator."""

    numerators: Any
    denominator: int

    @property
    def signs(self) -> bool:
        """Whether all of them are 1, -1 or 0."""
        return self.denominator == 1 and {*_entries(self.numerators)} <= {-1, 0, 1}


def _entries(nested: Any) -> Iterator[int]:
    if isinstance(nested, tuple):
        yield from (entry for part in nested for entry in _entries(part))
    else:
        yield nested


def numbers(values: Sequence[Rational], shape: Sequence[int]) -> Numbers:
    """The rationals, given row by row, over their least common denominator.

    Raises EmitError where there are more or fewer than the shape has entries.
    """
    if len(values) != prod(shape):
        raise EmitError(f"{len(values)} numbers don't fill an array of shape {tuple(shape)}.")
    fractions = [Rational(v) for v in values]
    denominator = lcm(*(int(f.q) for f in fractions))
    nested: list[Any] = [int(f.p) * (denominator // int(f.q)) for f in fractions]
    for extent in reversed(shape[1:]):
        nested = [tuple(nested[i : i + extent]) for i in range(0, len(nested), extent)]
    return Numbers(tuple(nested) if shape else nested[0], denominator)


def quoted(names: Sequence[str]) -> str:
    """A tuple of strings as Python text."""
    return f"({', '.join(f'{chr(34)}{n}{chr(34)}' for n in names)}{',' if len(names) == 1 else ''})"


_PRIMITIVES = (
    *("doubled", "folded", "halo", "held", "kronecker", "phased", "put", "stretches", "strided", "tiles", "total"),
)
_TRANSFORMS = ("real_inverse", "real_transform", "spectrum", "transform")
_CLASSES = ("Algorithm", "Constant", "Gradient", "Kernel", "Reading")
_ON_A_DEVICE = (
    *("CudaHalos", "CudaKernel", "CudaParts", "CudaStrips", "CudaTiles", "Design"),
    *("array_module", "cp", "launched", "neighbours", "strided_on", "viewed"),
)
IMPORTED = frozenset(
    {"np", "continued", *_CLASSES, *_ON_A_DEVICE, *_PRIMITIVES, *_TRANSFORMS}
)  # what a module may import, or hold


def runtime_imports(gradients: Bodies, constants: Mapping[str, Numbers], staged: Sequence[str] = ()) -> list[str]:
    """The lines that import what the kernel object is made of, and the primitives that the `staged` functions call."""
    tables = constants or any("Constant(" in line for line in staged)
    seen = any("_seen(" in line for line in staged)
    parts = {"Algorithm": staged, "Constant": tables, "Gradient": gradients, "Kernel": True, "Reading": seen}
    names = [name for name, there in parts.items() if there]
    called = [name for name in _PRIMITIVES if any(f"{name}(" in line for line in staged)]
    lines = [f"from .._runtime import {', '.join(names)}"]
    lines += ["from .._runtime.beyond import continued"] if any("continued(" in line for line in staged) else []
    lines += [f"from .._runtime.primitives import {', '.join(called)}"] if called else []
    called = [name for name in _TRANSFORMS if any(f" {name}(" in f" {line}" for line in staged)]
    return lines + ([f"from .._runtime.transforms import {', '.join(called)}"] if called else [])


def facts(program: Program) -> list[str]:
    """Keyword arguments for what is out of the ordinary: batch axes, and sizes that only the result's shape tells."""
    stored = (*program.arguments, program.result)
    batched = tuple(s.name for s in stored if s.batched)
    usual = (program.arguments[0].name, program.result.name)
    lines = [f"batched={quoted(batched)},"] if batched != usual else []
    own = {s.size for s in program.sources if s.array != program.result.name}
    told = [s for s in program.sources if s.array == program.result.name and s.size not in own]
    entries = ", ".join(f'"{s.size}": ({s.axis}, {s.factor}, {s.offset})' for s in told)
    return lines + ([f"told={{{entries}}},"] if told else [])


def brought(
    program: Program, gradients: Bodies, constants: Mapping[str, Numbers], besides: Mapping[str, Sequence[str]]
) -> list[str]:
    """Keyword arguments for gradients and constants, where there are any; `besides` are more of a gradient.

    Raises EmitError for a gradient that takes two arrays which the layer lacks: one may be the gradient by the result.
    """
    own = {s.name for s in program.arguments}
    lines = []
    if gradients:
        lines += ["gradients={"]
        for key, (body, arrays) in gradients.items():
            told = [f"    {line}" for line in besides.get(key, ())]
            parts = [f"{body}, {quoted(arrays)}{',' if told else ')'}"]
            entry = [f'"{key}": Gradient(', f"    {parts[0]}", *told, "),"] if told else []
            lines += [f"    {line}" for line in entry or [f'"{key}": Gradient({parts[0]},']]
        lines += ["},"]
    if constants:
        tables = {key: (f'"{key}": Constant(', c.numerators, f", {c.denominator}),") for key, c in constants.items()}
        lines += ["constants={", *(f"    {line}" for table in tables.values() for line in table_text(*table)), "},"]
    others = sorted({name for _, arrays in gradients.values() for name in arrays} - own)
    if len(others) > 1:
        raise EmitError(f"Gradients of '{program.name}' take {' and '.join(others)}, and one may be new to the layer.")
    return lines + ([f'cotangent="{others[0]}",'] if others and others != ["G"] else [])


def tabulated(start: str, table: Table, end: str) -> list[str]:
    """The numbers of a program's table as nested tuples, between two pieces of text, in lines of bearable length."""
    whole = numbers([Integer(v) for v in table.values], table.shape)
    return table_text(start, whole.numerators, end)


def table_text(start: str, table: Any, end: str) -> list[str]:
    """A nested tuple on one line, or its parts on lines of their own where that would be long."""
    text = f"{start}{table!r}{end}"
    if len(text) <= _WIDE or not isinstance(table, tuple):
        return [text]
    if isinstance(table[0], tuple):
        return [f"{start}(", *(f"    {line}" for part in table for line in table_text("", part, ",")), f"){end}"]
    return [f"{start}(", *(f"    {line}" for line in _filled([f"{n}," for n in table])), f"){end}"]


def _filled(words: list[str]) -> list[str]:
    """Words on as few lines as hold them."""
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) <= _WIDE - 16:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
