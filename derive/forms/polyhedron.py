"""Integer points given by affine inequalities, for all values of the sizes at once.

    { x ∈ ℤᵏ : A·x + d ≥ 0 }        A, d integer; indices and sizes are both entries of x

Inside are exact integer vectors (`rows`); SymPy stands only at the border. Elimination is Fourier-Motzkin's,
with redundant inequalities dropped; `exact` says whether the shadow is exact on the integers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from itertools import product
from math import lcm
from operator import neg
from typing import Any

import sympy as sp
from sympy.logic.boolalg import Boolean, BooleanFalse, BooleanTrue

from derive.errors import DeriveError
from derive.forms.rows import FALSE, Row, eliminate, empty, implied, irredundant, tidy
from derive.remembered import fraction, replaced, text

__all__ = ["NotAffine", "Polyhedron"]

Affine = dict[sp.Symbol, Fraction]  # the key Symbol("") holds the constant
_ONE = sp.Symbol("")


class NotAffine(DeriveError):
    """A condition that is not a conjunction of affine inequalities over the integers."""


def _sum(left: Affine, right: Affine) -> Affine:
    return {s: left.get(s, Fraction(0)) + right.get(s, Fraction(0)) for s in (*left, *right)}


def _lower_envelope(e: Any, sign: Fraction) -> list[Affine]:
    """Affine forms whose least is sign·e: sums, multiples, Min where concave, Max and Abs where convex."""
    if e.is_Rational:
        return [{_ONE: sign * Fraction(e.p, e.q)}]
    if e.is_Symbol:
        if not e.is_integer:
            raise NotAffine(f"'{text(e)}' isn't an integer symbol.")
        return [{e: sign}]
    if e.is_Add:
        forms: list[Affine] = [{}]
        for term in e.args:
            forms = [_sum(form, other) for form, other in product(forms, _lower_envelope(term, sign))]
        return forms
    if e.is_Mul and e.args[0].is_Rational:
        return _lower_envelope(sp.Mul(*e.args[1:]), sign * Fraction(e.args[0].p, e.args[0].q))
    if isinstance(e, sp.Min if sign > 0 else sp.Max):
        return [form for term in e.args for form in _lower_envelope(term, sign)]
    if isinstance(e, sp.Abs) and sign < 0:
        return _lower_envelope(e.args[0], sign) + _lower_envelope(e.args[0], -sign)
    raise NotAffine(f"'{text(e)}' isn't affine on this side of an inequality.")


def _unrounded(e: Any) -> Any:
    """The same inequality e ≥ 0 over the integers without its rounded quotient: x ≤ ⌊p/q⌋ ⟺ q·x ≤ p, and so on."""
    rounded = e.atoms(sp.floor, sp.ceiling) if e.has(sp.floor, sp.ceiling) else ()
    if not rounded:
        return e
    if len(rounded) > 1:
        raise NotAffine(f"'{text(e)}' has more than one rounded quotient.")
    (quotient,) = rounded
    sign = e.coeff(quotient)
    top, bottom = fraction(quotient.args[0])
    if sign not in (1, -1) or not bottom.is_Integer:
        raise NotAffine(f"'{text(e)}' has a rounded quotient that isn't alone.")
    exact = isinstance(quotient, sp.floor) == (sign == 1)
    slack = 0 if exact else sign * (bottom - 1)
    return e - sign * quotient + sign * (top + slack) / bottom


def _at_least(e: Any, strict: bool) -> list[Affine]:
    """Integer affine forms f with e ≥ 0 (or e > 0) ⟺ f ≥ 0 for all of them."""
    forms = []
    if strict and e.has(sp.floor, sp.ceiling):
        e, strict = e - 1, False
    for form in _lower_envelope(_unrounded(e), Fraction(1)):
        scale = lcm(*(value.denominator for value in form.values()))
        whole = {s: value * scale for s, value in form.items()}
        forms.append(_sum(whole, {_ONE: Fraction(-1)}) if strict else whole)
    return forms


@lru_cache(maxsize=1 << 14)
def _inequalities(condition: Any) -> tuple[Affine, ...]:
    """The condition as affine forms that must all be ≥ 0."""
    if condition is True or isinstance(condition, BooleanTrue):
        return ()
    if condition is False or isinstance(condition, BooleanFalse):
        return ({_ONE: Fraction(-1)},)
    if isinstance(condition, sp.And):
        return tuple(form for part in condition.args for form in _inequalities(part))
    if isinstance(condition, sp.Eq):
        difference = condition.lhs - condition.rhs
        return (*_at_least(difference, False), *_at_least(-difference, False))
    if isinstance(condition, (sp.Ge, sp.Gt)):
        return tuple(_at_least(condition.lhs - condition.rhs, isinstance(condition, sp.Gt)))
    if isinstance(condition, (sp.Le, sp.Lt)):
        return tuple(_at_least(condition.rhs - condition.lhs, isinstance(condition, sp.Lt)))
    raise NotAffine("it is neither an inequality, an equation nor a conjunction of them.")


def _linear(terms: Iterable[tuple[sp.Symbol, int]], constant: int = 0) -> sp.Expr:
    return sp.Add(*(coefficient * symbol for symbol, coefficient in terms), constant)


@dataclass(frozen=True, slots=True)
class Polyhedron:
    """A conjunction of affine inequalities e ≥ 0 in canonical order, tightened over the integers.

    >>> i, n = sp.symbols("i n", integer=True)
    >>> Polyhedron.of(0 <= i, i < n).project(i).conditions
    1 <= n
    """

    names: tuple[sp.Symbol, ...] = ()
    rows: tuple[Row, ...] = ()
    exact: bool = field(default=True, compare=False)

    @classmethod
    def of(cls, *conditions: Any) -> "Polyhedron":
        """From And, <=, <, >=, >, Eq, True; |e| <= f, Max(…) <= f and f <= Min(…) are conjunctions too."""
        forms: list[Affine] = []
        for condition in conditions:
            try:
                forms += _inequalities(condition)
            except NotAffine as reason:
                raise NotAffine(f"The condition '{text(condition)}' isn't affine over the integers: {reason}") from None
        names = {symbol: None for form in forms for symbol in form if symbol is not _ONE}
        order = (*names, _ONE)
        return cls.from_rows(tuple(names), [tuple(int(form.get(s, 0)) for s in order) for form in forms])

    @classmethod
    def from_rows(cls, names: tuple[sp.Symbol, ...], rows: Iterable[Row], exact: bool = True) -> "Polyhedron":
        """From integer rows (coefficients in the order of `names`, then the constant), made canonical."""
        columns = sorted(range(len(names)), key=lambda column: names[column].name)
        tidied = tidy(tuple(row[c] for c in (*columns, -1)) for row in rows)
        if tidied is None:
            return cls((), FALSE, exact)
        used = [c for c in range(len(names)) if any(row[c] for row in tidied)]
        return cls(
            tuple(names[columns[c]] for c in used),
            tuple(tuple(row[c] for c in (*used, -1)) for row in tidied),
            exact,
        )

    def rows_in(self, names: tuple[sp.Symbol, ...]) -> list[Row]:
        """The rows with their coefficients in the order of `names`, which must contain every symbol."""
        position = {symbol: column for column, symbol in enumerate(self.names)}
        columns = [position.get(symbol) for symbol in names]
        return [(*(0 if c is None else row[c] for c in columns), row[-1]) for row in self.rows]

    @property
    def symbols(self) -> frozenset[sp.Symbol]:
        return frozenset(self.names)

    def __and__(self, other: "Polyhedron") -> "Polyhedron":
        names = self._joint(other)
        return self.from_rows(names, self.rows_in(names) + other.rows_in(names), self.exact and other.exact)

    def _joint(self, other: "Polyhedron") -> tuple[sp.Symbol, ...]:
        return (*self.names, *(symbol for symbol in other.names if symbol not in self.symbols))

    def substitute(self, values: Mapping[sp.Symbol, Any]) -> "Polyhedron":
        """Affine expressions in place of symbols, all at once."""
        return Polyhedron.of(*(sp.Ge(replaced(e, dict(values)), 0) for e in self.expressions))

    def project(self, *symbols: sp.Symbol) -> "Polyhedron":
        """The shadow along `symbols`: Fourier-Motzkin, an equation or the fewest new inequalities first."""
        return _shadow(self, self.exact, frozenset(symbols) & self.symbols)

    def _without(self, symbols: frozenset[sp.Symbol]) -> "Polyhedron":
        shadow, left = self, [symbol for symbol in self.names if symbol in symbols]
        while left:
            symbol = min(left, key=shadow._cost)
            left.remove(symbol)
            if symbol in shadow.names:
                rows, exact = eliminate(shadow.rows, shadow.names.index(symbol))
                tidied = self.from_rows(shadow.names, rows, shadow.exact and exact)
                shadow = self.from_rows(tidied.names, irredundant(tidied.rows), tidied.exact)
        return FALSEHOOD if shadow.is_empty() else shadow

    def _cost(self, symbol: sp.Symbol) -> tuple[int, int]:
        if symbol not in self.names:
            return (0, 0)
        column, present = self.names.index(symbol), set(self.rows)
        if any(abs(row[column]) == 1 and tuple(map(neg, row)) in present for row in self.rows):
            return (0, 1)
        lower = [row[column] for row in self.rows if row[column] > 0]
        upper = [-row[column] for row in self.rows if row[column] < 0]
        coarse = bool(lower and upper) and max(lower) > 1 and max(upper) > 1
        return (2 if coarse else 1, len(lower) * len(upper) - len(lower) - len(upper))

    def is_empty(self) -> bool:
        """True where no rational point satisfies the (tightened) rows: then no integer one does."""
        return empty(self.rows)

    def implies(self, condition: Any) -> bool:
        """True where every rational point satisfies the condition: then every integer one does."""
        other = condition if isinstance(condition, Polyhedron) else Polyhedron.of(condition)
        names = self._joint(other)
        rows = self.rows_in(names)
        return all(implied(rows, row) for row in other.rows_in(names))

    def simplify(self, given: "Polyhedron | None" = None) -> "Polyhedron":
        """Without the inequalities that the others imply in the context `given`."""
        context = given if given is not None else Polyhedron()
        if (self & context).is_empty():
            return FALSEHOOD
        names = self._joint(context)
        return self.from_rows(names, irredundant(self.rows_in(names), context.rows_in(names)), self.exact)

    def bounds(self, symbol: sp.Symbol) -> tuple[tuple[sp.Expr, ...], tuple[sp.Expr, ...]]:
        """Inclusive bounds: p·x + e ≥ 0 gives ⌈-e/p⌉ ≤ x, and -q·x + f ≥ 0 gives x ≤ ⌊f/q⌋."""
        if symbol not in self.names:
            return (), ()
        column = self.names.index(symbol)
        lower: list[sp.Expr] = []
        upper: list[sp.Expr] = []
        for row in self.rows:
            p = row[column]
            terms = [(s, c) for s, c in zip(self.names, row, strict=False) if s != symbol]
            if p > 0:
                e = -_linear(terms, row[-1])
                lower.append(e if p == 1 else sp.ceiling(e / p))
            elif p < 0:
                e = _linear(terms, row[-1])
                upper.append(e if p == -1 else sp.floor(e / -p))
        return tuple(lower), tuple(upper)

    @property
    def expressions(self) -> tuple[sp.Expr, ...]:
        """The affine expressions that are ≥ 0, one a row."""
        return tuple(_linear(zip(self.names, row, strict=False), row[-1]) for row in self.rows)

    @property
    def conditions(self) -> Boolean:
        """A conjunction that reads well: -Delta <= a, a <= Delta, a + i <= n - 1; opposite rows as one Eq."""
        return _conditions(self)

    def _written(self) -> Boolean:
        present, parts = set(self.rows), []
        for row in self.rows:
            reverse = tuple(map(neg, row))
            if reverse not in present:
                parts.append(self._readable(row))
            elif row > reverse:
                parts.append(self._equation(row))
        return sp.And(*parts)

    def _terms(self, row: Row, columns: Iterable[int], sign: int) -> list[tuple[sp.Symbol, int]]:
        return [(self.names[c], sign * row[c]) for c in columns]

    def _equation(self, row: Row) -> Boolean:
        positive = [c for c in range(len(self.names)) if row[c] > 0]
        negative = [c for c in range(len(self.names)) if row[c] < 0]
        if negative and len(negative) < len(positive):
            positive, negative, row = negative, positive, tuple(map(neg, row))
        return sp.Eq(_linear(self._terms(row, positive, 1)), _linear(self._terms(row, negative, -1), -row[-1]))

    def _readable(self, row: Row) -> Boolean:
        """Negative terms move to the left; in x + e ≥ 0 it is x that moves, if x - e ≥ 0 is a row too."""
        left = [c for c in range(len(self.names)) if row[c] < 0]
        right = [c for c in range(len(self.names)) if row[c] > 0]
        if left:
            return sp.Le(_linear(self._terms(row, left, -1)), _linear(self._terms(row, right, 1), row[-1]))
        shared = min(self._mirrored(row), key=lambda kept: (len(kept), kept), default=())
        rest = [c for c in right if c not in shared]
        return sp.Le(_linear(self._terms(row, shared, -1), -row[-1]), _linear(self._terms(row, rest, 1)))

    def _mirrored(self, row: Row) -> list[tuple[int, ...]]:
        """Columns that keep their sign in a row that is otherwise the mirror image of this one."""
        columns = [c for c in range(len(self.names)) if row[c]]
        found = []
        for other in self.rows:
            kept = tuple(c for c in columns if other[c] == row[c])
            mirrored = all(abs(a) == abs(b) for a, b in zip(other[:-1], row[:-1], strict=True))
            if mirrored and len(kept) < len(columns):
                found.append(kept)
        return found

    def __str__(self) -> str:
        return str(self.conditions)


# These are asked for again and again. Equal polyhedra may differ in `exact`, which a shadow inherits.
@lru_cache(maxsize=1 << 14)
def _shadow(polyhedron: Polyhedron, exact: bool, symbols: frozenset[sp.Symbol]) -> Polyhedron:
    return polyhedron._without(symbols)


@lru_cache(maxsize=1 << 14)
def _conditions(polyhedron: Polyhedron) -> Boolean:
    return polyhedron._written()


FALSEHOOD = Polyhedron((), FALSE)
