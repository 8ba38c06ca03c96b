"""Arrays of given numbers in programs in stages, as NumPy text: tables of matrices, and their Kronecker products."""

from __future__ import annotations

from sympy import Rational

from derive.backends._expressions import python
from derive.backends._signature import numbers, table_text
from derive.ir.stages import Staged

__all__ = ["constant_lines", "table_lines"]

Lines = list[str]


def table_lines(program: Staged) -> Lines:
    """The tables of a program, each a dictionary of matrices by key."""
    lines: Lines = []
    for constants in program.constants:
        lines.append(f"_{program.name}_{constants.table.name} = {{")
        for key, matrix in constants.table.entries:
            flat = [Rational(e.numerator, e.denominator) for row in matrix for e in row]
            found = numbers(flat, (len(matrix), len(matrix[0])))
            end = ")," if found.denominator == 1 else f", {found.denominator}),"
            lines += [f"    {line}" for line in table_text(f"{key}: Constant(", found.numerators, end)]
        lines += ["}"]
    return [*lines, "", ""] if lines else []


def constant_lines(program: Staged) -> Lines:
    """What makes the arrays of their matrices."""
    lines = []
    for constants in program.constants:
        keys = [f"_{program.name}_{constants.table.name}[{', '.join(map(python, key))}]" for key in constants.keys]
        lines.append(f"{constants.name} = kronecker(({', '.join(keys)}{',' if len(keys) == 1 else ''}), new)")
    return lines
