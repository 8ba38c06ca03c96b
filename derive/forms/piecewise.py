"""Polynomials on chambers of the sizes, written as one SymPy expression that reads well.

    2Δ + 1 where Δ < n, 2n - 1 elsewhere   ⟶   Min(2Δ + 1, 2n - 1)
    n/2 for even n, (n + 1)/2 for odd n    ⟶   ⌈n/2⌉

Every form is tried on the exact polynomials; a Piecewise stands where none fits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import lcm, prod
from operator import neg

import sympy as sp
from sympy.logic.boolalg import Boolean

from derive.forms.bounds import with_min
from derive.forms.cells import Cell, Class, PeriodicCell, original, outside, within
from derive.forms.polyhedron import Polyhedron
from derive.forms.polynomial import Polynomial, add, compose, degree_one, scale
from derive.forms.rows import Row, empty, implied

__all__ = ["Writer"]

_FEW = 8
Values = tuple[Polynomial, ...]  # one a residue class


@dataclass(frozen=True, slots=True)
class Writer:
    """Cells about `names`, of which `sizes` may occur, as one expression in the context `given`."""

    sizes: tuple[sp.Symbol, ...]
    names: tuple[sp.Symbol, ...]
    given: tuple[Row, ...]
    classes: tuple[Class, ...]

    def by_class(self, parts: Sequence[tuple[list[Cell], list[Row]]]) -> sp.Expr:
        """One expression a residue class, for classes whose chambers differ."""
        pairs = []
        for (cells, _), home in zip(parts, self.classes, strict=True):
            if cells:
                moved = [
                    PeriodicCell(tuple(outside(row, home) for row in cell.rows), (original(cell.value, home),))
                    for cell in cells
                ]
                alone = Writer(self.sizes, self.names, self.given, (home,))
                pairs.append((alone.piecewise(moved), self._class(home)))
        return sp.Piecewise(*pairs[:-1], (pairs[-1][0], True), evaluate=False)

    def piecewise(self, cells: Sequence[PeriodicCell]) -> sp.Expr:
        """The polynomial, Min or Max of them, or a Piecewise whose simplest polynomial is the last."""
        if len(cells) == 1:
            return self.periodic(cells[0].values)
        for extreme, sign in ((sp.Min, 1), (sp.Max, -1)):
            if all(self._least(cell, other, sign) for cell in cells for other in cells if cell is not other):
                parts = [self.periodic(cell.values) for cell in cells]
                if not any(part.has(sp.Piecewise) for part in parts):
                    return extreme(*parts)
        regions: dict[sp.Expr, list[PeriodicCell]] = {}
        for cell in sorted(cells, key=lambda cell: (len(cell.rows), cell.rows)):
            regions.setdefault(self._written(cell), []).append(cell)
        ordered = sorted(
            regions, key=lambda e: (e == 0, len(regions[e]), sum(len(c.rows) for c in regions[e]), -_size(e))
        )
        pairs = [(e, sp.Or(*map(self._region, regions[e]))) for e in ordered[:-1]]
        return sp.Piecewise(*pairs, (ordered[-1], True), evaluate=False)

    def _written(self, cell: PeriodicCell) -> sp.Expr:
        """By residues, or as the polynomial through the values at a few sizes, where that says it without them."""
        found, few = self.periodic(self._there(cell)), self._few(cell)
        return min((found, few), key=_size) if few is not None and found.has(sp.Piecewise) else found

    def _few(self, cell: PeriodicCell) -> sp.Expr | None:
        """Through the values at no more than so many sizes of one name; None for more names, or more sizes."""
        rows = [*self.given, *cell.rows]
        used = {
            c
            for row in (*rows, *(powers for value in cell.values for powers in value))
            for c in _columns(row, self.names)
        }
        if len(used) != 1:
            return None
        (column,) = used
        low = [-(row[-1] // row[column]) for row in rows if row[column] > 0]
        high = [row[-1] // -row[column] for row in rows if row[column] < 0]
        if not low or not high or min(high) - max(low) >= _FEW:
            return None
        values = []
        for size in range(max(low), min(high) + 1):
            for home, value in zip(self.classes, cell.values, strict=True):
                modulus, residue = home[column]
                if size % modulus == residue:
                    number = sum((c * size ** powers[column] for powers, c in value.items()), Fraction(0))
                    values.append((size, sp.Rational(number.numerator, number.denominator)))
        return sp.interpolate(values, self.names[column])

    def _there(self, cell: PeriodicCell) -> Values:
        """The cell's polynomials by what equations hold there in each class; a class without sizes takes another's."""
        rows = [*self.given, *cell.rows]
        held = [_equations(rows, home) for home in self.classes]
        values = [
            None if equations is None else self._by(equations, value)
            for value, equations in zip(cell.values, held, strict=True)
        ]
        known = next((value for value in values if value is not None), cell.values[0])
        return tuple(known if value is None else value for value in values)

    def _by(self, equations: Sequence[Row], value: Polynomial) -> Polynomial:
        """The same where the equations hold, in fewer terms where that is possible."""
        for row in equations:
            columns = [c for c, v in enumerate(row[:-1]) if v]
            put = [
                compose(value, c, [0 if k == c else Fraction(-v, row[c]) for k, v in enumerate(row)]) for c in columns
            ]
            value = min((*put, value) if len(columns) > 1 else put, key=lambda p: (len(p), sorted(p, reverse=True)))
        return value

    def _region(self, cell: PeriodicCell) -> Boolean:
        return with_min(Polyhedron.from_rows(self.names, cell.rows).conditions)

    def _least(self, cell: PeriodicCell, other: PeriodicCell, sign: int) -> bool:
        """True where sign·(other - cell) is affine and ≥ 0 on all of the cell."""
        for mine, theirs in zip(cell.values, other.values, strict=True):
            row = degree_one(scale(add(theirs, scale(mine, -1)), sign), len(self.names))
            if row is None:
                return False
            common = lcm(*(value.denominator for value in row))
            if not implied([*self.given, *cell.rows], tuple(int(value * common) for value in row)):
                return False
        return True

    def periodic(self, values: Values) -> sp.Expr:
        """One polynomial a class as: itself, a rounded one, one in ⌊n/p⌋, a Mod term, or a Piecewise."""
        first = values[0]
        if all(value == first for value in values):
            return self.readable(first)
        for column in self._moving():
            for modulus in sp.divisors(self.classes[0][column][0])[:-1]:
                if (fewer := self._coarser(column, modulus, values)) is not None:
                    return fewer
        for attempt in (self._rounded, self._in_quotient, self._rounded_factor, self._summed):
            if (written := attempt(values)) is not None:
                return written
        regions: dict[sp.Expr, list[Boolean]] = {}
        for value, home in zip(values, self.classes, strict=True):
            regions.setdefault(self.readable(value), []).append(self._class(home))
        return self._most_last(regions)

    @staticmethod
    def _most_last(regions: Mapping[sp.Expr, list[Boolean]]) -> sp.Expr:
        """Values with the classes that have them; those of the most classes come last, without a condition."""
        *ordered, last = sorted(regions, key=lambda e: len(regions[e]))
        return sp.Piecewise(*((e, sp.Or(*regions[e])) for e in ordered), (last, True), evaluate=False)

    def _coarser(self, column: int, modulus: int, values: Values) -> sp.Expr | None:
        """The same where of this column only that residue tells anything; None where more does."""
        coarse: dict[Class, Polynomial] = {}
        for home, value in zip(self.classes, values, strict=True):
            residue = (modulus, home[column][1] % modulus)
            if coarse.setdefault((*home[:column], residue, *home[column + 1 :]), value) != value:
                return None
        return Writer(self.sizes, self.names, self.given, tuple(coarse)).periodic(tuple(coarse.values()))

    def _summed(self, values: Values) -> sp.Expr | None:
        """A polynomial and, for every prime power in the modulus, what that residue adds; None where residues act together.

        (n² + 8)/6, less 1/2 for odd n, and 2/3 more for multiples of 3
        """
        if len(self._moving()) != 1:
            return None
        (column,) = self._moving()
        n, modulus = self.names[column], self.classes[0][column][0]
        at = {home[column][1]: value for home, value in zip(self.classes, values, strict=True)}
        if len(at) < modulus:
            return None
        powers = [int(p**e) for p, e in sp.factorint(modulus).items()]
        rest = [0 if q == 2 else self._usual(q, modulus, at) for q in powers]
        added = [
            [
                add(at[_residue(powers, [*rest[:k], x, *rest[k + 1 :]])], scale(at[_residue(powers, rest)], -1))
                for x in range(q)
            ]
            for k, q in enumerate(powers)
        ]
        for r, value in at.items():
            if (
                reduce(add, (part[r % q] for part, q in zip(added, powers, strict=True)), at[_residue(powers, rest)])
                != value
            ):
                return None
        found = self.readable(at[_residue(powers, rest)])
        for part, q in zip(added, powers, strict=True):
            regions: dict[sp.Expr, list[Boolean]] = {}
            for x, value in enumerate(part):
                regions.setdefault(self.readable(value), []).append(sp.Eq(sp.Mod(n, q), x))
            odd = self.readable(part[1]) * sp.Mod(n, 2)
            found += odd if q == 2 else self._most_last(regions)
        return found

    @staticmethod
    def _usual(q: int, modulus: int, at: Mapping[int, Polynomial]) -> int:
        """The residue whose values most others have too."""
        columns = [tuple(sorted(map(str, (at[r] for r in range(x, modulus, q))))) for x in range(q)]
        return max(range(q), key=lambda x: (columns.count(columns[x]), x == 0, -x))

    def _moving(self) -> list[int]:
        return [column for column, (modulus, _) in enumerate(self.classes[0]) if modulus > 1]

    def _class(self, home: Class) -> Boolean:
        return sp.And(*(sp.Eq(sp.Mod(self.names[c], home[c][0]), home[c][1]) for c in self._moving()))

    def _rounded(self, values: Values) -> sp.Expr | None:
        """⌈p⌉ or ⌊p⌋ where the polynomials, whole numbers, differ from p by constants less than 1."""
        shifts = [_constant(add(value, scale(values[0], -1))) for value in values]
        known = [shift for shift in shifts if shift is not None]
        if len(known) < len(shifts) or max(known) - min(known) >= 1:
            return None
        up, down = (self.readable(values[known.index(pick(known))]) for pick in (min, max))
        return min((sp.ceiling(up), sp.floor(down)), key=_size)

    def _in_quotient(self, values: Values) -> sp.Expr | None:
        """P(⌊(n + s)/p⌋) where each class r has P at (n - r)/p, or at one more once r + s reaches p."""
        if len(self._moving()) != 1:
            return None
        (column,) = self._moving()
        period, width = self.classes[0][column][0], len(self.names)
        for s in (0, *range(period - 1, 0, -1)):
            # residue r has q = (n - r + p·[r + s ≥ p])/p, so P(q) is the value at n = p·q + r - p·[r + s ≥ p]
            as_quotient = []
            for value, home in zip(values, self.classes, strict=True):
                r = home[column][1]
                at = [period * int(c == column) for c in range(width)] + [r - period * (r + s >= period)]
                as_quotient.append(compose(value, column, at))
            if all(value == as_quotient[0] for value in as_quotient):
                n = self.names[column]
                q = sp.ceiling(n / period) if s == period - 1 else sp.floor((n + s) / period)
                return self.readable(as_quotient[0]).xreplace({n: q})
        return None

    def _rounded_factor(self, values: Values) -> sp.Expr | None:
        """n^k·⌈q⌉ where n^k divides every polynomial and the affine rest is a whole number in its class."""
        exponents = [e for value in values for e in value]
        common = tuple(map(min, *exponents)) if len(exponents) > 1 else ()
        if not any(common):
            return None
        rest = [{tuple(a - b for a, b in zip(e, common, strict=True)): c for e, c in value.items()} for value in values]
        for value, home in zip(rest, self.classes, strict=True):
            row = degree_one(value, len(self.names))
            if row is None or any((c * modulus).denominator > 1 for c, (modulus, _) in zip(row, home, strict=False)):
                return None
            if (sum(c * r for c, (_, r) in zip(row, home, strict=False)) + row[-1]).denominator > 1:
                return None
        rounded = self._rounded(tuple(rest))
        return None if rounded is None else self.readable({common: Fraction(1)}) * rounded

    def readable(self, polynomial: Polynomial) -> sp.Expr:
        """The shortest of: factored, expanded, collected by one size with factored coefficients."""
        expanded = sp.Add(
            *(
                sp.Rational(value.numerator, value.denominator)
                * sp.Mul(*(s**e for s, e in zip(self.names, exponents, strict=True)))
                for exponents, value in polynomial.items()
            )
        )
        if len(polynomial) < 2 or all(sum(exponents) <= 1 for exponents in polynomial):
            return expanded
        factored = sp.factor(expanded)
        if factored.is_Mul or factored.is_Pow:
            return factored
        collected = [sp.collect(expanded, s, sp.factor) for s in self.sizes if expanded.has(s)]
        return min((expanded, *collected), key=lambda e: (_size(e), str(e)))


def _columns(entries: Sequence[int], names: Sequence[sp.Symbol]) -> list[int]:
    return [c for c in range(len(names)) if entries[c]]


def _residue(powers: Sequence[int], residues: Sequence[int]) -> int:
    """The number below the product of coprime numbers that has these residues."""
    return next(r for r in range(prod(powers)) if all(r % q == x for q, x in zip(powers, residues, strict=True)))


def _equations(rows: Sequence[Row], home: Class) -> list[Row] | None:
    """Those of the rows that are equations in the class; None where it has no such sizes."""
    there = [within(row, home) for row in rows]
    if empty(there):
        return None
    return [outside(row, home) for row in there if any(row[:-1]) and implied(there, tuple(map(neg, row)))]


def _size(e: sp.Expr) -> int:
    return int(sp.count_ops(e))


def _constant(polynomial: Polynomial) -> Fraction | None:
    if any(any(exponents) for exponents in polynomial):
        return None
    return next(iter(polynomial.values()), Fraction(0))
