"""Sizes cut into cells with one polynomial each, as few as we find, in every residue class.

    Σ_t [rows_t ≥ 0]·value_t   ⟶   one polynomial on each of a few disjoint cells, exhaustive in the context

In each residue class `cells_in` cuts the sizes into cells on which the same terms are present and joins cells
that carry the same polynomial; `unify` then finds one partition for all classes.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product
from math import lcm, prod
from operator import neg

from derive.forms.chambers import Term, TooLong
from derive.forms.polynomial import Polynomial, add, at_point, compose, scale
from derive.forms.rows import Row, empty, implied, irredundant, normalise, opposite, tidy

__all__ = ["Cell", "Class", "PeriodicCell", "cells_in", "classes_of", "merge", "original", "outside", "unify", "within"]

Class = tuple[tuple[int, int], ...]  # for each column (modulus, residue)
Value = frozenset[tuple[tuple[int, ...], Fraction]]
Agreed = dict[tuple[Value, Value, tuple[Row, ...]], bool]
_FEW, _MOST = 32, 64  # places that are looked at one by one, and cells before any are joined


@dataclass(frozen=True, slots=True)
class Cell:
    """Sizes that satisfy `rows`, and the value there."""

    rows: tuple[Row, ...]
    value: Polynomial


@dataclass(frozen=True, slots=True)
class PeriodicCell:
    """Sizes that satisfy `rows`, and the value there in each residue class."""

    rows: tuple[Row, ...]
    values: tuple[Polynomial, ...]


def classes_of(terms: Sequence[Term], given: Sequence[Row], width: int) -> list[Class]:
    """Every residue class that matters and has sizes: for each column (modulus, residue)."""
    periods = [lcm(*(term.moduli[column] for term in terms)) for column in range(width)]
    every = (tuple(zip(periods, residues, strict=True)) for residues in product(*map(range, periods)))
    return [home for home in every if not _contradicted(given, home)]


def _contradicted(given: Sequence[Row], home: Class) -> bool:
    """Whether the context holds nowhere in the class, as m = n where m is even and n is odd."""
    rows = tidy(within(row, home) for row in given)
    return rows is None or empty(rows)


def within(row: Row, residue_class: Class) -> Row:
    """A row about x as a row about x' where x = modulus·x' + residue."""
    whole = [value * modulus for value, (modulus, _) in zip(row, residue_class, strict=False)]
    return normalise((*whole, row[-1] + sum(v * r for v, (_, r) in zip(row, residue_class, strict=False))))


def outside(row: Row, residue_class: Class) -> Row:
    """The inverse of `within`."""
    scale = lcm(*(modulus for modulus, _ in residue_class))
    whole = [value * scale // modulus for value, (modulus, _) in zip(row, residue_class, strict=False)]
    return normalise((*whole, row[-1] * scale - sum(v * r for v, (_, r) in zip(whole, residue_class, strict=True))))


def _in_common(term: Term, residue_class: Class) -> tuple[tuple[Row, ...], Polynomial] | None:
    """The term in the variables of a finer residue class; None where the class is not part of the term's."""
    factors, shifts = [], []
    for modulus, residue, (period, r) in zip(term.moduli, term.residues, residue_class, strict=True):
        if (r - residue) % modulus:
            return None
        factors.append((period // modulus, (r - residue) // modulus))
        shifts.append(period // modulus > 1 or r != residue)
    value = term.value
    for column, moved in enumerate(shifts):
        if moved:
            factor, shift = factors[column]
            value = compose(value, column, [factor * int(c == column) for c in range(len(factors))] + [shift])
    return tuple(within(row, tuple(factors)) for row in term.rows), value


def original(value: Polynomial, residue_class: Class) -> Polynomial:
    """A polynomial in x' as one in x."""
    width = len(residue_class)
    for column, (modulus, residue) in enumerate(residue_class):
        if modulus > 1:
            at = [Fraction(int(c == column), modulus) for c in range(width)] + [Fraction(-residue, modulus)]
            value = compose(value, column, at)
    return value


def cells_in(terms: Sequence[Term], given: Sequence[Row], residue_class: Class) -> tuple[list[Cell], list[Row]]:
    """One residue class in few cells, and the context, both in the variables of the class. Raises TooLong for very many."""
    context = tidy(within(row, residue_class) for row in given)
    if context is None or empty(context):
        return [], []
    parts: dict[tuple[Row, ...], Polynomial] = {}
    for term in terms:
        if (moved := _in_common(term, residue_class)) is not None:
            parts[moved[0]] = add(parts.get(moved[0], {}), moved[1])
    cells = list(islice(_cut(list(parts.items()), (), context, {}), _MOST + 1))
    if len(cells) > _MOST:
        raise TooLong
    return merge(cells, context), list(context)


def unify(
    parts: Sequence[tuple[list[Cell], list[Row]]], classes: Sequence[Class], given: Sequence[Row]
) -> list[PeriodicCell] | None:
    """One partition that serves every residue class, in the original variables; None where none is found."""
    templates = {t: home for (cells, _), home in zip(parts, classes, strict=True) for t in _templates(cells, home)}
    for template in sorted(templates, key=lambda t: (sum(abs(2 * row[-1] + 1) for rows in t for row in rows), t)):
        if not _covered(given, template):
            continue
        cells = [_periodic(rows, parts, classes) for rows in template]
        served = [cell for cell in cells if cell is not None]
        if len(served) == len(cells):
            return _plain(served, given)
    return None


def _templates(cells: list[Cell], home: Class) -> Iterator[tuple[tuple[Row, ...], ...]]:
    """The regions of one class in the original variables; boundaries lie anywhere between lattice points."""
    for slack in range(max(modulus for modulus, _ in home)):

        def moved(row: Row, slack: int = slack) -> Row:
            if row < opposite(row):
                return opposite(moved(opposite(row)))
            wide = outside(row, home)
            return (*wide[:-1], wide[-1] + slack)

        if cells:
            yield tuple(tuple(sorted(map(moved, cell.rows))) for cell in cells)


def _covered(given: Sequence[Row], regions: Sequence[Sequence[Row]]) -> bool:
    """True where every integer point of the context is in some region."""
    if empty(given):
        return True
    if not regions:
        return False
    first, *rest = regions
    return all(_covered([*given, *first[:k], opposite(row)], rest) for k, row in enumerate(first))


def _periodic(
    region: tuple[Row, ...], parts: Sequence[tuple[list[Cell], list[Row]]], classes: Sequence[Class]
) -> PeriodicCell | None:
    """The region with its value in every class; a class that it doesn't meet takes another's value."""
    values: list[Polynomial | None] = []
    for part, home in zip(parts, classes, strict=True):
        found = _value_on(region, part, home)
        if found is None:
            return None
        values.append(original(found[0], home) if found else None)
    known = next((value for value in values if value is not None), {})
    return PeriodicCell(region, tuple(known if value is None else value for value in values))


def _plain(cells: list[PeriodicCell], given: Sequence[Row]) -> list[PeriodicCell]:
    """Merged once more where the residue makes no difference."""
    if any(value != cell.values[0] for cell in cells for value in cell.values):
        return cells
    plain = tidied([Cell(cell.rows, cell.values[0]) for cell in cells], given)
    return [PeriodicCell(cell.rows, (cell.value,) * len(cells[0].values)) for cell in plain]


def _value_on(region: tuple[Row, ...], part: tuple[list[Cell], list[Row]], home: Class) -> list[Polynomial] | None:
    """The polynomial of the only cell that the region meets here; [] for none, None for several."""
    cells, given = part
    rows = [*given, *(within(row, home) for row in region)]
    if not cells or empty(rows):
        return []
    covering = [cell.value for cell in cells if all(implied(rows, row) for row in cell.rows)]
    return covering[:1] or None


def _cut(
    parts: list[tuple[tuple[Row, ...], Polynomial]],
    cell: tuple[Row, ...],
    given: tuple[Row, ...],
    value: Polynomial,
) -> Iterator[Cell]:
    """Cells on which the same terms are present, by bisection along the row that most terms need."""
    context = [*given, *cell]
    undecided: list[tuple[tuple[Row, ...], Polynomial]] = []
    for rows, part in parts:
        if empty([*context, *rows]):
            continue
        if open_rows := tuple(row for row in rows if not implied(context, row)):
            undecided.append((open_rows, part))
        else:
            value = add(value, part)
    if not undecided:
        yield Cell(irredundant(cell, given), value)
        return
    counted = Counter(max(row, opposite(row)) for rows, _ in undecided for row in rows)
    cut = min(counted, key=lambda row: (-counted[row], sum(map(bool, row[:-1])), row))
    yield from _cut(undecided, (*cell, cut), given, value)
    yield from _cut(undecided, (*cell, opposite(cut)), given, value)


def vanishes(value: Polynomial, rows: Sequence[Row]) -> bool:
    """True where the polynomial is 0: identically, at each of the few points that the rows leave, or through equations."""
    if not value:
        return True
    if (few := _few(value, rows)) is not None:
        return all(not at_point(value, place) for place in few)
    equations = [row for row in rows if implied(rows, (*map(neg, row),))]
    while equations:
        first, *equations = equations
        column = next((c for c, coefficient in enumerate(first[:-1]) if coefficient), None)
        if column is None:
            continue
        at = [0 if c == column else Fraction(-coefficient, first[column]) for c, coefficient in enumerate(first)]
        value = compose(value, column, at)
        equations = [
            tuple(first[column] * a - row[column] * b for a, b in zip(row, first, strict=True)) for row in equations
        ]
    return not value


def _few(value: Polynomial, rows: Sequence[Row]) -> list[tuple[int, ...]] | None:
    """The places that rows of one column each leave to the columns of the polynomial, 0 elsewhere; None for many."""
    spans = []
    for column in range(len(rows[0]) - 1 if rows else 0):
        own = [(row[column], row[-1]) for row in rows if row[column] and sum(map(bool, row[:-1])) == 1]
        low = max((-(d // c) for c, d in own if c > 0), default=None)
        high = min((d // -c for c, d in own if c < 0), default=None)
        if not any(exponents[column] for exponents in value):
            spans.append(range(1))
        elif low is None or high is None or high - low >= _FEW:
            return None
        else:
            spans.append(range(low, high + 1))
    return list(product(*spans)) if spans and prod(map(len, spans)) <= _FEW else None


def _hull(cells: Sequence[Cell], others: Sequence[Cell], given: Sequence[Row]) -> Cell | None:
    """One cell that is exactly the union, given by rows that all parts satisfy; None where there is none."""
    rows = sorted({row for cell in cells for row in cell.rows})
    common = [row for row in rows if all(implied([*cell.rows, *given], row) for cell in cells)]
    if any(not empty([*common, *other.rows, *given]) for other in others):
        return None
    return Cell(irredundant(common, given), cells[0].value)


def merge(cells: Sequence[Cell], given: Sequence[Row]) -> list[Cell]:
    """Fewer cells: cells join while their values agree and their union is convex.

    A cell that lies on a hyperplane takes a neighbour's polynomial where the two agree on it.
    """
    merged = sorted(cells, key=lambda cell: (-len(cell.value), cell.rows))
    agreed: Agreed = {}
    while (shorter := _joined(merged, given, agreed)) is not None:
        merged = shorter
    return merged


def tidied(cells: Sequence[Cell], given: Sequence[Row]) -> list[Cell]:
    """Merged, boundaries straightened, and merged again where that left a cell on a hyperplane."""
    return merge(straighten(merge(cells, given), given), given)


def straighten(cells: list[Cell], given: Sequence[Row]) -> list[Cell]:
    """Boundaries moved by one where the polynomials agree there and it reads better."""
    for cell in list(cells):
        if cell in cells:
            cells = _grown(cell, cells, given)
    return cells


def _joined(cells: list[Cell], given: Sequence[Row], agreed: Agreed) -> list[Cell] | None:
    """One join: all cells of one value, else two cells."""
    values = {tuple(sorted(cell.value.items())): [c for c in cells if c.value == cell.value] for cell in cells}
    groups = [group for group in values.values() if len(group) > 2]
    pairs = [[big, small] for big in cells for small in cells if big is not small]
    for group in (*groups, *pairs):
        if not _agree(group[0], group[1], given, agreed):
            continue
        others = [cell for cell in cells if cell not in group]
        if (union := _hull(group, others, given)) is not None:
            return [union, *others]
    return None


def _agree(cell: Cell, other: Cell, given: Sequence[Row], agreed: Agreed) -> bool:
    """Whether the polynomial of one says the same on the other; what was found before is remembered."""
    key = (frozenset(cell.value.items()), frozenset(other.value.items()), other.rows)
    if key not in agreed:
        agreed[key] = vanishes(add(cell.value, scale(other.value, -1)), [*other.rows, *given])
    return agreed[key]


def _grown(cell: Cell, cells: list[Cell], given: Sequence[Row]) -> list[Cell]:
    """The cell takes the layer e = -1 from its neighbour behind a facet e ≥ 0: x ≤ n - 2 becomes x < n."""
    for row in cell.rows:
        back = opposite(row)
        behind = [other for other in cells if back in other.rows]
        if row[-1] >= -1 or len(behind) != 1:
            continue
        (other,) = behind
        further = (*row[:-1], row[-1] + 1)
        rest = tuple(r for r in cell.rows if r != row)
        layer = [*other.rows, further, *given]
        taken = [*rest, back, further, *given]
        agree = vanishes(add(cell.value, scale(other.value, -1)), layer)
        whole = all(implied(layer, r) for r in rest)
        alone = all(c is cell or c is other or empty([*taken, *c.rows]) for c in cells)
        if agree and whole and alone:
            wider = Cell((*rest, further), cell.value)
            thinner = Cell((*(r for r in other.rows if r != back), (*back[:-1], back[-1] - 1)), other.value)
            kept = [c for c in cells if c is not cell and c is not other]
            return [wider, *kept] if empty([*thinner.rows, *given]) else [wider, thinner, *kept]
    return cells
