"""Orbits of differences that wrap around, under affine maps modulo the sizes of a torus.

    d ⟶ M·d + c   modulo n

M is a whole matrix with an inverse, so each is a bijection. Between which multiples of n a row of an element lies tells cells of
differences apart. Elements permute the cells, for a row after an element is one again, and are affine on each: the number of the
cell is a letter with few values, and `derive.groups._orbits` finds one point of every orbit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sympy import And, Eq, Expr, Ge, Integer, Le, Lt, Or, Symbol, ceiling, expand, false, true
from sympy.logic.boolalg import Boolean

from derive.errors import RuleRefused
from derive.forms.expr import Where, index
from derive.forms.form import Form
from derive.forms.polyhedron import Polyhedron
from derive.groups._fibre import Fibre, channels_of, sign_of
from derive.groups._group import Action, Element, Tie
from derive.groups._matrices import Matrix, described, identity
from derive.groups._orbits import tie_finite

__all__ = ["Motion", "tie_around", "turn"]

Cell = tuple[int, ...]
Row = tuple[tuple[int, ...], int, int]
Motion = tuple[Matrix, tuple[int, ...]]


def turn(form: Form, axes: Sequence[int], motion: Motion, fibres: tuple[Fibre, ...], sizes: Sequence[Expr]) -> Element:
    """A matrix on a torus of these sizes, about its place 0, and for inputs a shift; other shifts are elements of their own.

    Raises RuleRefused where it would add places along axes of two sizes, or swap these.
    """
    m, shift = motion
    if any(x and sizes[q] != sizes[p] for p, row in enumerate(m) for q, x in enumerate(row)):
        raise RuleRefused(
            f"{described(m).capitalize()} doesn't carry a torus of sizes {', '.join(map(str, sizes))} onto itself."
        )
    still = (0,) * len(m)
    out, source = (
        dict(zip(places, map(_wrapped, m, by, [places] * len(m), sizes), strict=True)) | channels_of(array, fibres)
        for array, by, places in (
            (a, by, [a.symbols[form.grid(a)[p]] for p in axes]) for a, by in ((form.output, still), (form.input, shift))
        )
    )
    return Element(
        (), true, out, source, "M", described(m), (sign_of(form.output, fibres), sign_of(form.input, fibres))
    )


def _wrapped(row: Sequence[int], shift: int, places: Sequence[Symbol], size: Expr) -> Expr:
    """Where a row and a shift carry a place along one axis: less as many sizes as it lies beyond."""
    value = _value(row, shift, places)
    first, *others = _turns(row, shift)
    found = value - first * size
    for q in others:
        found = Where(Ge(value, q * size), value - q * size, found)
    return found


def _value(row: Sequence[int], shift: int, places: Sequence[Symbol]) -> Expr:
    return sum((x * place for x, place in zip(row, places, strict=True)), start=Integer(shift))


def _turns(row: Sequence[int], shift: int) -> range:
    """How many sizes a row of places from 0 to n - 1 can lie beyond, at any n from 1."""
    down, up = sum(x for x in row if x < 0), sum(x for x in row if x > 0)
    return range(min(down, shift), max(up - 1, shift) + 1)


def tie_around(action: Action, motions: Sequence[Motion], axes: Sequence[Symbol]) -> Tie:
    """The orbits under these motions, one for each element, on the axes of an output with these letters."""
    letter = {o: p for p, (o, _) in action.wrapped.items()}
    size = dict(action.wrapped.values())
    places, sizes, given = tuple(letter[o] for o in axes), tuple(size[o] for o in axes), Polyhedron.of(action.given)
    cells = _Cells(places, sizes, tuple(motions), given)
    later = replace(cells, first=1)
    if len(later.found) < len(cells.found) and (entries := _from_1(action, cells)) is not None:
        return _from_0(later.tie(replace(action, entries=entries)), dict(zip(places, sizes, strict=True)))
    return cells.tie(action)


def _from_1(action: Action, cells: _Cells) -> Polyhedron | None:
    """The entries where a difference of 0 is called n; None where not all differences count."""
    others = action.entries.project(*cells.places)
    whole = (others & cells.box).implies(action.entries) and not action.rest.has(*cells.places)
    return others & replace(cells, first=1).box if whole else None


def _from_0(tie: Tie, sizes: Mapping[Symbol, Expr]) -> Tie:
    """The same where a difference that was called n is called 0; orbits are still called by those from 1 to n."""
    later = {p: Where(Ge(p, 1), p, n) for p, n in sizes.items()}
    first = {p: e if p not in sizes else Where(Ge(e, sizes[p]), e - sizes[p], e) for p, e in tie.representative.items()}
    return replace(
        tie,
        orbit=tuple((p, e.xreplace(later)) for p, e in tie.orbit),
        representative=first,
        sign=tie.sign.xreplace(later),
        kept=tie.kept.xreplace(later),
    )


@dataclass(frozen=True)
class _Cells:
    """The cells of differences `places`, from `first` on, on a torus of these sizes that the rows of these motions tell apart."""

    places: tuple[Symbol, ...]
    sizes: tuple[Expr, ...]
    motions: tuple[Motion, ...]
    given: Polyhedron
    first: int = 0

    @property
    def rest(self) -> Motion:
        """The motion that moves nothing."""
        return identity(len(self.places)), (0,) * len(self.places)

    @property
    def letter(self) -> Symbol:
        """What a cell's number is called."""
        return index("_".join(("cell", *(p.name for p in self.places))))

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Every row of every motion, its shift, and the first axis with its size."""
        found = {
            (row, by, self.sizes.index(self.sizes[p]))
            for m, shift in (self.rest, *self.motions)
            for p, (row, by) in enumerate(zip(m, shift, strict=True))
        }
        return tuple(sorted(found))

    @cached_property
    def box(self) -> Polyhedron:
        """All differences."""
        sides = zip(self.places, self.sizes, strict=True)
        return self.given & Polyhedron.of(*(And(Le(self.first, p), Le(p, n - 1 + self.first)) for p, n in sides))

    def turns(self, row: Sequence[int], by: int) -> range:
        """Which multiples of the size a row can be beyond."""
        return _turns(row, by + self.first * (sum(row) - 1))

    @cached_property
    def found(self) -> dict[Cell, Polyhedron]:
        """For each cell that has differences at some sizes, named by the multiples that it is beyond, what is in it."""
        cells: dict[Cell, Polyhedron] = {(): self.box}
        for row, by, axis in self.rows:
            value = _value(row, by, self.places) - self.first
            size, within = self.sizes[axis], {}
            for q in self.turns(row, by):
                within[q] = Polyhedron.of(Ge(value - q * size, 0), Le(value - q * size, size - 1))
            cells = {
                (*cell, q): part
                for cell, inside in cells.items()
                for q, w in within.items()
                if not (part := inside & w).is_empty()
            }
        return cells

    @cached_property
    def numbers(self) -> dict[Cell, int]:
        """The cells by their numbers."""
        return {cell: number for number, cell in enumerate(self.found)}

    @cached_property
    def fixed(self) -> dict[Cell, Mapping[Symbol, Expr]]:
        """On each cell the letters that others and sizes tell there."""
        return {cell: _fixed(inside, self.places) for cell, inside in self.found.items()}

    def tie(self, action: Action) -> Tie:
        """The orbits of entries under the motions."""
        several = {self.letter: (0, len(self.found) - 1)} if len(self.found) > 1 else {}
        moved = zip(action.moved, map(self.moved, self.motions), strict=True)
        around = replace(
            action,
            moved=tuple({**everything, **places} for everything, places in moved),
            few={**action.few, **several},
            wrapped={},
            still=self.moved(self.rest),
        )
        return self.told(tie_finite(around))

    def moved(self, motion: Motion) -> dict[Symbol, Expr]:
        """Where a motion carries a difference and its cell, by cases."""
        z = self.letter
        images: dict[Symbol, list[Expr]] = {s: [] for s in (*self.places, z)}
        for cell in self.found:
            for s, value in zip((*self.places, z), self._moved(motion, cell), strict=True):
                images[s].append(value)
        return {s: _chosen(z, values) for s, values in images.items()}

    def _moved(self, motion: Motion, cell: Cell) -> Iterator[Expr]:
        """The image of the differences in a cell, then the number of the cell that it is."""
        at = dict(zip(self.rows, cell, strict=True))
        (m, shift), axes = motion, [self.sizes.index(size) for size in self.sizes]
        turns = [at[row, by, axis] for row, by, axis in zip(m, shift, axes, strict=True)]
        for row, by, q, size in zip(m, shift, turns, self.sizes, strict=True):
            yield expand((_value(row, by, self.places) - q * size).xreplace(dict(self.fixed[cell])))
        image = []
        for row, by, axis in self.rows:
            after = tuple(sum(x * m[s][q] for s, x in enumerate(row)) for q in range(len(m)))
            beyond = at[after, by + sum(x * c for x, c in zip(row, shift, strict=True)), axis]
            image.append(beyond - sum(x * q for x, q in zip(row, turns, strict=True)))
        yield Integer(self.numbers[tuple(image)])

    def told(self, tie: Tie) -> Tie:
        """The same with conditions on differences for the number of their cell."""
        z = self.letter
        return replace(
            tie,
            orbit=tuple((p, self._told(e)) for p, e in tie.orbit if p != z),
            orbits=tuple(part for piece in tie.orbits for part in self._parts(piece)),
            free=And(self.box.conditions, self._told(tie.free)),
            representative={p: self._told(e) for p, e in tie.representative.items() if p != z},
            sign=self._told(tie.sign),
            sign_back=self._told(tie.sign_back),
            kept=self._told(tie.kept),
        )

    def _parts(self, piece: Polyhedron) -> Iterator[Polyhedron]:
        """The points of a polyhedron in each cell."""
        for inside, number in zip(self.found.values(), self.numbers.values(), strict=True):
            part = piece.substitute({self.letter: Integer(number)}) & inside
            if not part.is_empty():
                yield part

    def _told(self, e: Any) -> Any:
        """Cases by the number of a cell as cases by the differences themselves."""
        if not e.has(self.letter):
            return e
        if isinstance(e, Where) and not e.args[0].has(self.letter):
            return Where(e.args[0], *map(self._told, e.args[1:]))
        cases: dict[Any, frozenset[int]] = {}
        for number in self.numbers.values():
            case = e.xreplace({self.letter: Integer(number)})
            cases[case] = cases.get(case, frozenset()) | {number}
        if isinstance(e, Boolean):
            everywhere = frozenset(self.numbers.values())
            return Or(
                *(And(self._among(numbers, everywhere), case) for case, numbers in cases.items() if case != false)
            )
        return self._written(cases)

    def _written(self, cases: Mapping[Any, frozenset[int]]) -> Any:
        """The value of each cell: first of those that one inequality tells from all that are left, the others by their own."""
        left, chosen = dict(cases), []
        while len(left) > 1:
            rest = frozenset().union(*left.values())
            plain = (value for value, numbers in left.items() if self._half(numbers, rest) is not None)
            value = next(plain, min(left, key=lambda value: len(left[value])))
            chosen.append((self._among(left.pop(value), rest), value))
        (found,) = left
        for condition, value in reversed(chosen):
            found = Where(condition, value, found)
        return found

    def _among(self, numbers: frozenset[int], rest: frozenset[int]) -> Any:
        """Of a difference in one of the cells `rest`, that it is in one of these."""
        if numbers == rest:
            return true
        if (plain := self._half(numbers, rest)) is not None:
            return plain
        inside = list(self.found.values())
        return Or(*(inside[number].simplify(self.box).conditions for number in sorted(numbers)))

    def _half(self, numbers: frozenset[int], rest: frozenset[int]) -> Any:
        """The inequality that tells them among these; None where there is none."""
        return next((condition for side, condition in self._halves.items() if side & rest == numbers), None)

    @cached_property
    def _halves(self) -> dict[frozenset[int], Any]:
        """The cells on either side of a multiple of the size, with the inequality that says so."""
        found: dict[frozenset[int], Any] = {}
        for position, (row, by, axis) in sorted(enumerate(self.rows), key=lambda row: sum(x < 0 for x in row[1][0])):
            size, value = self.sizes[axis], _value(row, by, self.places) - self.first
            for q in self.turns(row, by):
                above = frozenset(k for cell, k in self.numbers.items() if cell[position] >= q)
                below = frozenset(self.numbers.values()) - above
                for side, condition in ((above, Ge(value, q * size)), (below, Lt(value, q * size))):
                    found.setdefault(side, Polyhedron.of(condition).conditions)
        return found


def _fixed(inside: Polyhedron, letters: Sequence[Symbol]) -> dict[Symbol, Expr]:
    """The letters, and sizes, that others tell at all points of a polyhedron."""
    found: dict[Symbol, Expr] = {}
    for p in (*letters, *sorted(inside.symbols - {*letters}, key=str)):
        rest = inside.substitute(found)
        equal = [e for e in rest.bounds(p)[0] if not e.has(ceiling) and rest.implies(Eq(p, e))]
        if equal:
            found = {q: e.xreplace({p: equal[0]}) for q, e in found.items()} | {p: equal[0]}
    return found


def _chosen(number: Symbol, values: Sequence[Expr]) -> Expr:
    """The value with a number, by cases."""
    found = values[-1]
    for k in reversed(range(len(values) - 1)):
        found = values[k] if values[k] == found else Where(Eq(number, k), values[k], found)
    return found
