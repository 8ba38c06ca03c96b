"""Weights in a vector space: for groups of matrices, whose law is a system of linear equations, at numeric sizes.

    Σ_k W[o, k]·X[k]   ⟶   Σ_k Σ_t B[o, k, t]·V[t]·X[k]

The columns B[·, t] are an exact basis of {W: R_out(g)·W = W·R_in(g) for each generator g}. Letters that no matrix acts along stay
letters of V, so that the law may also be about the channels of a window.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, reduce
from math import lcm
from typing import Any

import numpy as np
from sympy import Expr, Integer, Mul, Rational, Sum, Symbol, false, true

from derive.errors import RuleRefused, StatedLate
from derive.forms.expr import Read, index
from derive.forms.form import Array, Axis, Form, Param, Table
from derive.forms.spans import span_of
from derive.groups._finite import Basis, intertwiners
from derive.groups._group import Block, Motion
from derive.proof.step import ArrayMap, Clause, Kind, Step, SubStep, View
from derive.rules._maps import same_letters
from derive.rules._names import Names

__all__ = ["linear_laws", "spanned"]

_LARGEST = 1 << 31
Sided = tuple[Block, ...]


def spanned(form: Form, motions: tuple[Motion, ...], statement: str) -> Step:
    """One free weight a column of the basis, for all values of the letters that stay.

    Raises RuleRefused where the law is not one on the entries of one array.
    """
    if len(form.weights) != 1 or len(form.biases) > 1:
        raise RuleRefused(
            f"Matrices combine the entries of one array of weights; the weight '{form.weight}' is not one."
        )
    names = Names(form)
    weight = _Space(form, form.weights[0], form.weight, motions, True, names)
    biases = [_Space(form, p, form.bias, motions, False, names) for p in form.biases if motions[0].out]
    after = replace(
        form,
        reduction=(*weight.summed, *form.reduction),
        domain=form.domain if weight.count else false,
        weight=weight.term,
        weights=weight.params,
        bias=biases[0].value_at(form.bias) if biases else form.bias,
        biases=biases[0].params if biases else form.biases,
        shared=bool(weight.count),
    )
    spaces = (weight, *biases)
    kept = () if biases else tuple(ArrayMap(p.name, p.array.symbols, p.array.entry()) for p in form.biases)
    return Step(
        rule="",
        kind=Kind.RESTRICTION,
        statement=statement,
        reason="The law is linear, so the layers that satisfy it are a vector space: one free weight for each vector of a basis.",
        before=form,
        after=after,
        embeddings=(*(s.embedding for s in spaces), *kept),
        sections=(*(s.section for s in spaces if s.count), *kept),
        to_before=same_letters(form),
        to_after=same_letters(form),
        clauses=tuple(clause for s in spaces for clause in s.laws),
        argument=_argument(weight),
        view=View.SPANNED if weight.count else View.SELECTED,
        tables=tuple(dict.fromkeys(t for s in spaces for t in s.tables)),
    )


def linear_laws(form: Form, motions: tuple[Motion, ...]) -> tuple[tuple[Clause, ...], tuple[Table, ...]]:
    """The law of weights, then that of biases, for each generator; and the matrices as tables that they read."""
    names = Names(form)
    spaces = [_Space(form, form.weights[0], form.weight, motions, True, names)]
    spaces += [_Space(form, p, form.bias, motions, False, names) for p in form.biases if motions[0].out]
    return tuple(c for s in spaces for c in s.laws), tuple(dict.fromkeys(t for s in spaces for t in s.matrices))


def _argument(weight: _Space) -> tuple[SubStep, ...]:
    law = weight.laws[0]
    return (
        SubStep("X = 0 but at one place leaves a linear equation", law.left, law.right),
        SubStep("Name the coordinates in the basis of its solutions", weight.entry, weight.value),
    )


@dataclass(frozen=True)
class _Space:
    """One array of parameters, and the space of its values that satisfy the law."""

    form: Form
    param: Param
    source: Expr
    motions: tuple[Motion, ...]
    is_weight: bool
    names: Names

    def __post_init__(self) -> None:
        if span_of(self.form.weight, self.form.weights) is not None:
            self.form.solve_read(self.form.input.symbols)
        if not isinstance(self.source, Read) or self.source.array != self.param.name or self.param.data:
            raise RuleRefused(f"Matrices combine free entries; '{self.source}' is not one.")
        acted = set(self.acted)
        if len(acted) < len(self.acted):
            raise RuleRefused(f"Matrices mix channels; those of {self.source} have one letter in input and output.")
        tied = self.param.free.free_symbols | (self.form.domain.free_symbols if self.is_weight else set())
        read = [s.free_symbols for s in self.source.subscripts]
        letters = {s for p, e in enumerate(self.source.subscripts) if p in acted for s in e.free_symbols}
        elsewhere = {s for p, part in enumerate(read) if p not in acted for s in part}
        if tied & (letters | {self.param.array.symbols[p] for p in acted}) or elsewhere & letters:
            raise StatedLate(
                f"Matrices combine entries of {self.param.name} along {', '.join(s.name for s in sorted(letters, key=str))}; "
                f"a condition on those letters lets only some of the entries be."
            )

    def _blocks(self, motion: Motion) -> tuple[list[tuple[tuple[int, ...], Any]], list[tuple[tuple[int, ...], Any]]]:
        """For each side the blocks with the positions, in this array, of the letters that they act along."""
        out = [(self._positions(b, self.form.output.symbols), b.matrix) for b in motion.out]
        reads = self.form.read
        source = [(self._positions(b, reads), b.matrix) for b in motion.source] if self.is_weight else []
        return out, source

    def _positions(self, block: Block, letters: Sequence[Expr]) -> tuple[int, ...]:
        assert isinstance(self.source, Read)
        found = []
        for axis in block.axes:
            here = [p for p, e in enumerate(self.source.subscripts) if e == letters[axis]]
            if not isinstance(letters[axis], Symbol) or len(here) != 1:
                raise RuleRefused(
                    f"Matrices act along letters that {self.source} names one by one; {letters[axis]} is none of them."
                )
            found.append(here[0])
        return tuple(found)

    @cached_property
    def acted(self) -> tuple[int, ...]:
        """The axes of this array that the matrices act along: the output's, then the input's."""
        out, source = self._blocks(self.motions[0])
        return tuple(p for positions, _ in (*out, *source) for p in positions)

    @cached_property
    def basis(self) -> Basis:
        """The basis, each vector with the output's coordinate first."""
        sides = [self._blocks(m) for m in self.motions]
        return intertwiners([_whole(out) for out, _ in sides], [_whole(source) for _, source in sides])

    @property
    def count(self) -> int:
        """The dimension."""
        return self.basis.count

    @cached_property
    def numbers(self) -> Array:
        """The array of the basis: the acted letters in the order of this array, then the column."""
        axes = tuple(self.param.array.axes[p] for p in sorted(self.acted))
        return Array(self.names.fresh("B" if self.is_weight else "C"), (*axes, self.column))

    @cached_property
    def column(self) -> Axis:
        """The letter that numbers the columns."""
        return Axis(index(self.names.fresh("t")), Integer(0), Integer(self.count - 1))

    @cached_property
    def bound(self) -> Symbol:
        """The same letter where a sum binds it."""
        return index(self.names.fresh("s"))

    @cached_property
    def learned(self) -> Array:
        """The array of coordinates."""
        name = self.param.name
        own = ("V" if name == "W" else name) if self.is_weight else name.lower()
        return Array(own, (*(a for p, a in enumerate(self.param.array.axes) if p not in self.acted), self.column))

    @property
    def entry(self) -> Read:
        """An entry of the array before, at its own letters."""
        return self.param.array.entry()

    def product(self, column: Symbol) -> Expr:
        """One term of the sum over the columns, at the array's own letters."""
        at = {self.column.symbol: column}
        return self.numbers.entry().xreplace(at) * self.learned.entry().xreplace(at)

    @cached_property
    def value(self) -> Expr:
        """The entry in terms of the coordinates."""
        if not self.count:
            return Integer(0)
        return Sum(self.product(self.bound), (self.bound, Integer(0), Integer(self.count - 1)))

    def value_at(self, source: Any) -> Expr:
        """The entry that is read there, in terms of the coordinates."""
        return self.value.xreplace(dict(zip(self.param.array.symbols, source.subscripts, strict=True)))

    @property
    def term(self) -> Expr:
        """The weight of one term of the new form."""
        if not self.count:
            return Integer(0)
        return self.product(self.column.symbol).xreplace(
            dict(zip(self.param.array.symbols, self.source.subscripts, strict=True))
        )

    @property
    def summed(self) -> tuple[Axis, ...]:
        """What the new form's sum runs through besides."""
        return (self.column,) if self.count else ()

    @property
    def params(self) -> tuple[Param, ...]:
        """The numbers of the basis, and the coordinates; none where the space is 0."""
        if not self.count:
            return ()
        first = {self.param.array.symbols[p]: self.param.array.axes[p].lower for p in self.acted}
        reader = tuple((s, e.xreplace(first)) for s, e in self.param.reader)
        own = self.column.symbol if self.is_weight else self.bound
        return (
            Param(self.numbers, true, (), data=True, values=self._values()),
            Param(self.learned, self.param.free, ((own, self.column.symbol), *reader)),
        )

    def _values(self) -> tuple[Rational, ...]:
        """The basis in the order of the array of numbers."""
        extents = [int(self.param.array.axes[p].extent) for p in self.acted]
        vectors = self.basis.fractions().reshape(self.count, *extents)
        order = sorted(range(len(self.acted)), key=lambda k: self.acted[k])
        arranged = np.moveaxis(vectors.transpose(0, *(1 + k for k in order)), 0, -1)
        return tuple(Rational(v.numerator, v.denominator) for v in arranged.flat)

    @property
    def embedding(self) -> ArrayMap:
        """Every entry in terms of the coordinates."""
        return ArrayMap(self.param.name, self.param.array.symbols, self.value)

    @property
    def section(self) -> ArrayMap:
        """Every coordinate is the entry at which its basis vector is 1 and the others are 0."""
        at: dict[Symbol, Expr] = {self.param.array.symbols[t[0]]: t[1].array.entry() for t in self._back.items()}
        places = [at.get(s, s) for s in self.param.array.symbols]
        return ArrayMap(self.learned.name, self.learned.symbols, self.param.array.entry(places))

    @cached_property
    def _back(self) -> Mapping[int, Table]:
        """For each acted axis of the array the place that a column's leading 1 is at."""
        axes = self.param.array.axes
        extents = [int(axes[p].extent) for p in self.acted]
        places = np.unravel_index(np.array(self.basis.free, int), extents) if extents else ()
        mark = "R" if self.is_weight else "Q"
        return {
            p: Table(
                Array(f"{mark}_{axes[p].symbol.name}", (self.column,)), tuple(int(v) + int(axes[p].lower) for v in at)
            )
            for p, at in zip(self.acted, places, strict=True)
        }

    @property
    def matrices(self) -> tuple[Table, ...]:
        """The generators."""
        return tuple(t for pairs in self._sides for side in pairs for _, t, _ in side)

    @property
    def tables(self) -> tuple[Table, ...]:
        """The matrices, and the places of the leading ones."""
        return (*self.matrices, *(self._back.values() if self.count else ()))

    @cached_property
    def _sides(self) -> tuple[tuple[list[Any], list[Any]], ...]:
        """For each generator and side the positions, the matrix as a table, and the denominator of its entries."""
        found = []
        for number, motion in enumerate(self.motions, 1):
            out, source = self._blocks(motion)
            same = {b.matrix for b in motion.out} == {b.matrix for b in motion.source}
            names = (f"G{number}", f"G{number}" if same else f"F{number}")
            found.append(
                tuple(
                    [(at, *_table(name, m)) for at, m in side] for name, side in zip(names, (out, source), strict=True)
                )
            )
        return tuple(found)  # type: ignore[arg-type]

    @cached_property
    def laws(self) -> tuple[Clause, ...]:
        """R_out(g)·W = W·R_in(g) for each generator, entry by entry; of biases R_out(g)·U = U."""
        letters = self.param.array.symbols
        strokes = {p: index(self.names.fresh(f"{letters[p].name}_")) for p in self.acted}
        return tuple(
            Clause(
                self._says(motion),
                letters,
                self.param.domain,
                self._moved(out, strokes, transposed=False),
                self._moved(inner, strokes, transposed=True),
            )
            for motion, (out, inner) in zip(self.motions, self._sides, strict=True)
        )

    def _says(self, motion: Motion) -> str:
        output, source = self.form.output.name, self.form.input.name if self.is_weight else "0"
        moved = f"{motion.notation} {source}" if motion.source and self.is_weight else source
        return f"{output}({moved}) = {f'{motion.notation} ' if motion.out else ''}{output}({source})"

    def _moved(self, side: list[Any], strokes: Mapping[int, Symbol], transposed: bool) -> Expr:
        """Σ G[i, i_]·W[i_, k], or with the matrix on the other side Σ W[i, k_]·G[k_, k]."""
        axes = self.param.array.axes
        here = {p: axes[p].symbol for positions, _, _ in side for p in positions}
        there = {axes[p].symbol: strokes[p] for p in here}
        factors: list[Expr] = [self.entry.xreplace(there)]
        for positions, table, denominator in side:
            own = _flat(positions, axes, {p: here[p] for p in positions})
            other = _flat(positions, axes, strokes)
            factors += [table.array.entry((other, own) if transposed else (own, other)), Rational(1, denominator)]
        total: Expr = Mul(*factors)
        for p in reversed(list(here)):
            total = Sum(total, (strokes[p], axes[p].lower, axes[p].upper))
        return total


def _flat(positions: Iterable[int], axes: Sequence[Axis], letters: Mapping[int, Symbol]) -> Expr:
    """The coordinate of a place, row by row."""
    point: Expr = Integer(0)
    for p in positions:
        point = point * axes[p].extent + letters[p] - axes[p].lower
    return point


def _whole(side: list[tuple[tuple[int, ...], Any]]) -> Any:
    """All blocks of a side as one matrix; that of no block has one row."""
    matrices = [np.array(m, object) for _, m in side]
    return reduce(np.kron, matrices, np.array([[Fraction(1)]], object))


def _table(name: str, matrix: tuple[tuple[Fraction, ...], ...]) -> tuple[Table, int]:
    """A matrix as whole numbers over one denominator. Raises RuleRefused for numbers that a table can't hold."""
    denominator = lcm(*(v.denominator for row in matrix for v in row))
    values = tuple(int(v * denominator) for row in matrix for v in row)
    if max(map(abs, values)) >= _LARGEST:
        raise RuleRefused("The entries of a matrix are whole numbers below 2³¹ over one denominator; these are larger.")
    axes = tuple(Axis(index(s), Integer(0), Integer(len(matrix) - 1)) for s in ("p", "q"))
    return Table(Array(name, axes), values), denominator
