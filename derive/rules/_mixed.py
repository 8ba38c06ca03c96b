"""Laws of elements that move places and add channels, as a turn of the hexagonal lattice adds those that hold a vector.

    Σ_c' R[c', c]·c(g·o, d; g·k, c')   =   Σ_d' R[d, d']·c(o, d'; k, c)

Of numeric sizes the layers that satisfy them are an exact null space.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product

from sympy import Expr, Integer, Mul, Sum, Symbol

from derive.errors import RuleRefused
from derive.forms.expr import Read, index
from derive.forms.form import Array, Axis, Form, Table
from derive.groups._group import Element, Mixing
from derive.proof.step import Clause, Step
from derive.remembered import replaced
from derive.rules._entries import Entrywise
from derive.rules._names import Names
from derive.rules._narrowed import narrowed

__all__ = ["matrices_of", "mixed", "mixed_laws"]

Law = Callable[[Form, Element], Clause]
Matrix = tuple[tuple[int, ...], ...]


def matrices_of(form: Form, group: object) -> tuple[Mapping[Symbol, Matrix], ...] | None:
    """For each element the matrices by which it adds channels; None for a group that permutes them, with signs."""
    found = group.matrices_on_channels(form) if isinstance(group, Mixing) else ()
    return found if any(found) else None


def mixed(form: Form, group: object, laws: tuple[Clause, ...], tables: tuple[Table, ...], statement: str) -> Step:
    """One free weight a dimension of what the laws leave. Raises RuleRefused where sizes are symbols, or weights aren't free."""
    free = [*([form.weight] if form.weights else []), *([form.bias] if form.biases else [])]
    if not all(isinstance(e, Read) for e in free):
        raise RuleRefused(f"{group} adds channels of free entries; '{form.weight}' is no free entry.")
    if form.sizes:
        letters = ", ".join(s.name for s in form.sizes)
        raise RuleRefused(
            f"{group} adds channels to others, so what it leaves is a null space, found where all sizes are numbers; state "
            f"{letters} as such, as in derive.dense(2, (5, 5), (5, 5))."
        )
    return narrowed(form, Entrywise(form, tuple((p.name, None) for p in form.params)), laws, tables, statement)


def mixed_laws(
    form: Form, elements: tuple[Element, ...], matrices: tuple[Mapping[Symbol, Matrix], ...], laws: tuple[Law, ...]
) -> tuple[tuple[Clause, ...], tuple[Table, ...]]:
    """The laws of elements as if they left these channels, with the channels added; and the matrices as tables.

    Laws that say nothing are left out.
    """
    names = Names(form)
    letters = sorted({s for m in matrices for s in m}, key=str)
    strokes = {s: index(names.fresh(f"{s.name}_")) for s in letters}
    tables = [
        {s: _table(names.fresh(f"G{n}_{s.name}"), m) for s, m in each.items()} for n, each in enumerate(matrices, 1)
    ]
    found = []
    for law, (element, here) in product(laws, zip(elements, tables, strict=True)):
        clause = law(form, element)
        left, right = clause.left, clause.right
        for s in (s for s in letters if s in clause.binders):
            if s in form.output.symbols:
                right = _sum(right, s, strokes[s], here[s].array, (s, strokes[s]))
            else:
                left = _sum(left, s, strokes[s], here[s].array, (strokes[s], s))
        found.append(replace(clause, left=left, right=right))
    return tuple(c for c in found if c.left != c.right), tuple(t for each in tables for t in each.values())


def _table(name: str, matrix: Matrix) -> Table:
    axes = tuple(Axis(index(s), Integer(0), Integer(len(matrix) - 1)) for s in "pq")
    return Table(Array(name, axes), tuple(x for row in matrix for x in row))


def _sum(value: Expr, letter: Symbol, stroke: Symbol, numbers: Array, places: tuple[Symbol, Symbol]) -> Expr:
    """The sum over the stroke of the matrix's entry there times the value with the stroke for the letter."""
    term = Mul(numbers.entry(places), replaced(value, {letter: stroke}))
    return Sum(term, (stroke, numbers.axes[0].lower, numbers.axes[0].upper))
