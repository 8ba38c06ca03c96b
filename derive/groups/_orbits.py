"""Orbits of entries under a finite group of affine maps, by one point of every orbit.

Two entries are tied when some element carries one to the other. An orbit is called by its point in the fundamental domain,
also where that point itself is no entry that counts, as on a grid with unequal sides; its weight is then the first image that is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import prod
from typing import Any

from sympy import And, Eq, Expr, Ge, Integer, Le, Mod, Or, Symbol, expand, floor, true

from derive.errors import RuleRefused, StatedEarly, StatedLate
from derive.forms.expr import Where
from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.groups._cases import written
from derive.groups._domain import Domain, domain
from derive.groups._group import Action, Element, Tie
from derive.groups._options import Option, largest, some
from derive.groups._signs import times
from derive.remembered import replaced

__all__ = ["depends_on_place", "tie_finite"]

Letters = Mapping[Symbol, Expr]
Values = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Map:
    """One element: what it does to the letters with few values, as a table, to the others at each of these, and with which sign."""

    table: Mapping[Values, Values]
    images: Mapping[Values, tuple[Expr, ...]]
    signs: Mapping[Values, int]


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The entries whose few letters can be carried to `home`: the element that does it for each, and what is left."""

    home: Values
    carriers: Mapping[Values, _Map]
    rest: tuple[_Map, ...]
    domain: Domain


def tie_finite(action: Action) -> Tie:
    """The orbits under elements that move entries whatever their letters are.

    Raises RuleRefused where an element's letters matter, or where entries are named by cases that it moves.
    """
    _check(action)
    try:
        return _Orbits(action).tie()
    except NotAffine as cause:
        raise StatedLate(
            f"Weights are called by cases, which {action.elements[0].says} moves; state this symmetry before the one they are of."
        ) from cause


def depends_on_place(action: Action) -> bool:
    """Whether some element carries an entry to others as its letters have it."""
    moved = zip(action.elements, action.moved, strict=True)
    return any({s for value in to.values() for s in value.free_symbols} & set(e.letters) for e, to in moved)


def _check(action: Action) -> None:
    """Raises RuleRefused where entries are called by places, or wrap around, or remainders are carried to some that sizes tell."""
    if action.wrapped:
        around = ", ".join(sorted(o.name for o, _ in action.wrapped.values()))
        raise RuleRefused(
            f"Weights are called by differences that wrap around along {around}, "
            f'and {action.elements[0].says} mixes or turns other axes with these; state Translations(grid="torus") along all axes '
            f"that it acts on, or shifts of a box along all of them."
        )
    for element, moved in zip(action.elements, action.moved, strict=True):
        if {s for value in moved.values() for s in value.free_symbols} & set(element.letters):
            places = (element.out or element.source).values()
            steps = {abs(int(e.coeff(s))) for e in places for s in element.letters} - {0}
            by = "" if steps == {1} else f"step={max(steps)}"
            shifts = f"{'equivariant' if element.out else 'invariant'}(Translations({by}))"
            raise StatedEarly(
                f"Weights depend on the place still, which {element.says} moves by a shift of its own; "
                f"state {shifts} before it."
            )
        for p, value in moved.items():
            sizes = sorted(s.name for s in value.free_symbols - set(action.letters))
            if p in action.few and isinstance(value, Mod) and sizes:
                (size, *_), by = sizes, value.args[1]
                place, image = next((s, e) for s, e in element.out.items() if size in {t.name for t in e.free_symbols})
                raise RuleRefused(
                    f"Weights repeat by {by} along the grid, and {element.says} carries {place} to {image}, whose remainder "
                    f'by {by} {size} tells: state a size that {by} divides, such as "{by}*{size}".'
                )


class _Orbits:
    """The letters that elements move, apart: those with few values, signs among them, and the others, which they move affinely."""

    def __init__(self, action: Action) -> None:
        self.action = action
        moved = [p for p in action.letters if any(m[p] != p for m in action.moved)]
        told = {s for m in action.moved for e in m.values() for s in e.free_symbols} | set(moved)
        self.few = tuple(p for p in action.few if p in told or any(sign.has(p) for sign in action.signs))
        self.many = tuple(p for p in moved if p not in self.few)
        places = list(product(*(range(low, high + 1) for low, high in (action.few[p] for p in self.few))))
        still = {p: p for p in action.letters} | dict(action.still)
        self.maps = tuple(
            self._map(moved, sign, places)
            for moved, sign in zip((still, *action.moved), (Integer(1), *action.signs), strict=True)
        )
        self.sheets = tuple(self._sheets(places))
        self.closed = action.closed()
        self.constant = [p for k, p in enumerate(self.few) if len({sheet.home[k] for sheet in self.sheets}) == 1]

    def _map(self, moved: Letters, sign: Expr, places: Sequence[Values]) -> _Map:
        at = {v: dict(zip(self.few, map(Integer, v), strict=True)) for v in places}
        return _Map(
            {v: tuple(int(moved[p].xreplace(at[v])) for p in self.few) for v in places},
            {v: tuple(moved[p].xreplace(at[v]) for p in self.many) for v in places},
            {v: int(sign.xreplace(at[v])) for v in places},
        )

    def _sheets(self, places: Sequence[Values]) -> Iterator[_Sheet]:
        seen: set[Values] = set()
        given, window = Polyhedron.of(self.action.given), self._window()
        for home in places:
            if home not in seen:
                away = {m.table[home]: m for m in reversed(self.maps)}
                seen |= set(away)
                rest = tuple(m for m in self.maps if m.table[home] == home)
                carriers = {v: self._inverse(m) for v, m in away.items()}
                yield _Sheet(home, carriers, rest, domain(self.many, [m.images[home] for m in rest], given, window))

    def _window(self) -> Mapping[Symbol, tuple[int, int]]:
        """The box of numbers that holds all of the window, where the elements carry it into itself; else nothing."""
        ends = {}
        for p in self.many:
            low, high = self.action.window.bounds(p)
            numbers = [[int(e) for e in side if e.is_Integer] for side in (low, high)]
            if all(numbers):
                ends[p] = max(numbers[0]), min(numbers[1])
        images = dict.fromkeys(at for m in self.maps for at in m.images.values())
        return ends if len(ends) == len(self.many) and all(_within(at, ends) for at in images) else {}

    def _inverse(self, m: _Map) -> _Map:
        """The element that undoes another: found among them, since they are a group."""
        for other in self.maps:
            if all(other.table[w] == v and self._undoes(other.images[w], m, v) for v, w in m.table.items()):
                return other
        raise RuleRefused("The elements are no group: one of them has no inverse there.")

    def _undoes(self, images: Sequence[Expr], m: _Map, v: Values) -> bool:
        at, still = dict(zip(self.many, m.images[v], strict=True)), self.maps[0].images[v]
        return all(expand(e.xreplace(at) - p) == 0 for e, p in zip(images, still, strict=True))

    def tie(self) -> Tie:
        """All of it."""
        options = {sheet.home: self._options(sheet) for sheet in self.sheets}
        name = self._name()
        return Tie(
            orbit=tuple((p, name.get(p, p)) for p in self.action.letters if p not in self.constant),
            orbits=tuple(self._covered(options)),
            free=self._free(options),
            representative={p: p for p in self.action.letters}
            | {p: self._first(options, partial(Option.place, letter=p)) for p in (*self.few, *self.many)},
            carries=tuple(
                (number, _carry(self.action, e, m))
                for number, (e, m) in enumerate(zip(self.action.elements, self.action.moved, strict=True))
            ),
            sign=self._sign(),
            sign_back=self._first(options, lambda o: Integer(o.sign)),
            kept=self._kept(),
        )

    def _name(self) -> Letters:
        """For each letter that moves its value at the point that stands for p's orbit."""
        tables: dict[Symbol, dict[Values, Expr]] = {p: {} for p in (*self.few, *self.many)}
        for sheet in self.sheets:
            names = sheet.domain.name
            for v, carrier in sheet.carriers.items():
                at = dict(zip(self.many, carrier.images[v], strict=True))
                for p, value in zip(self.few, sheet.home, strict=True):
                    tables[p][v] = Integer(value)
                for p, name in zip(self.many, names, strict=True):
                    tables[p][v] = name.xreplace(at)
        return {p: written(self.few, dict(sorted(table.items()))) for p, table in tables.items()}

    def _sign(self) -> Expr:
        """What the orbit's weight is multiplied by at p."""
        table: dict[Values, Expr] = {}
        for sheet in self.sheets:
            sign = sheet.domain.select([Integer(m.signs[sheet.home]) for m in sheet.rest])
            for v, carrier in sheet.carriers.items():
                at = dict(zip(self.many, carrier.images[v], strict=True))
                table[v] = times(Integer(carrier.signs[v]), sign.xreplace(at))
        return written(self.few, dict(sorted(table.items())))

    def _options(self, sheet: _Sheet) -> list[Option]:
        """The images of the home sheet's points that may count, the point itself first."""
        found: dict[Any, Option] = {}
        given, home = Polyhedron.of(self.action.given), sheet.home
        if len(sheet.domain.pieces) == 1:
            given = given & sheet.domain.pieces[0]

        def points(known: Any, shown: Any) -> bool:
            return self.action.implies(And(sheet.domain.condition, known), shown)

        plainest = sorted(
            self.maps,
            key=lambda m: (sum(e.could_extract_minus_sign() for e in m.images[home]), m.images[home] != self.many),
        )
        for m in self.maps[:1] if self.closed else plainest:
            place = (*map(Integer, m.table[home]), *m.images[home])
            at = dict(zip((*self.few, *self.many), place, strict=True))
            entries, rest = self.action.entries.substitute(at).simplify(given), self._rest(at, list(found.values()))
            lean = Option(at, entries, rest, m.signs[home], entries).lean(points)
            found.setdefault((lean.entries, lean.rest), lean)
        return largest(list(found.values()), given, points)

    def _rest(self, at: Letters, before: Sequence[Option]) -> Any:
        """The other conditions there: as they stand at an image before, where they say the same, such as of a window's shape."""
        rest = replaced(self.action.rest, at)
        known = dict.fromkeys(option.rest for option in before)
        return next((other for other in known if self._same(rest, other)), rest)

    def _same(self, one: Any, other: Any) -> bool:
        return one == other or (self.action.implies(one, other) and self.action.implies(other, one))

    def _first(self, options: Mapping[Values, list[Option]], value: Callable[[Option], Expr]) -> Expr:
        """The value at the first image that counts of a point that names an orbit; what all images must satisfy isn't asked."""
        table: dict[Values, Expr] = {}
        for home, images in options.items():
            expression, rests = value(images[-1]), {option.rest for option in images}
            for option in reversed(images[:-1]):
                condition = option.entries.conditions if len(rests) == 1 else option.condition
                expression = Where(condition, value(option), expression)
            table[self._named(home)] = expression
        return written(tuple(p for p in self.few if p not in self.constant), table)

    def _named(self, home: Values) -> Values:
        return tuple(v for p, v in zip(self.few, home, strict=True) if p not in self.constant)

    def _covered(self, options: Mapping[Values, list[Option]]) -> Iterator[Polyhedron]:
        """Polyhedra that hold the names of all orbits."""
        for sheet in self.sheets:
            here = Polyhedron.of(*(Eq(p, v) for p, v in zip(self.few, sheet.home, strict=True)))
            for piece in sheet.domain.pieces:
                for option in options[sheet.home]:
                    part = here & piece & option.around
                    if not part.is_empty():
                        yield part

    def _free(self, options: Mapping[Values, list[Option]]) -> Any:
        """Which names are those of orbits with an entry that counts and isn't forced to be 0."""
        letters = tuple(p for p in self.few if p not in self.constant)
        sheets: dict[Any, list[Values]] = {}
        for sheet in self.sheets:
            count = some(options[sheet.home])
            inside = And(sheet.domain.condition, count, self._apart(sheet.home))
            sheets.setdefault(inside, []).append(self._named(sheet.home))
        return Or(*(And(_among(letters, homes), inside) for inside, homes in sheets.items()))

    def _kept(self) -> Any:
        """Where no sign forces the entry to be 0, in p's letters."""
        places: dict[Any, list[Values]] = {}
        for v in self.maps[0].table:
            places.setdefault(self._apart(v), []).append(v)
        if set(places) == {true}:
            return true
        return Or(*(And(_among(self.few, values), apart) for apart, values in places.items()))

    def _apart(self, v: Values) -> Any:
        """Where no element that changes the sign keeps the entry: there it isn't forced to be 0."""
        changing = [m for m in self.maps if m.table[v] == v and m.signs[v] < 0]
        return And(*(_differ(self.maps[0].images[v], m.images[v]) for m in changing))


def _within(images: Sequence[Expr], ends: Mapping[Symbol, tuple[int, int]]) -> bool:
    """Whether affine images of points of a box are in it: those of its corners are."""
    corners = [dict(zip(ends, map(Integer, corner), strict=True)) for corner in product(*ends.values())]
    moved = (
        (e.xreplace(at), low, high) for at in corners for e, (low, high) in zip(images, ends.values(), strict=True)
    )
    return all(e.is_Integer and low <= e <= high for e, low, high in moved)


def _differ(one: Sequence[Expr], other: Sequence[Expr]) -> Any:
    """The condition that two places differ, by inequalities."""
    differences = [expand(x - y) for x, y in zip(one, other, strict=True)]
    return Or(*(Polyhedron.of(part).conditions for d in differences for part in (Ge(d, 1), Le(d, -1))))


def _among(letters: Sequence[Symbol], places: Sequence[Values]) -> Any:
    """The condition that the letters have one of these values: ranges where these are a box, else one by one."""
    ends = [(min(column), max(column)) for column in zip(*places, strict=True)]
    if len(places) == prod(high - low + 1 for low, high in ends):
        return And(*(And(Le(low, s), Le(s, high)) for s, (low, high) in zip(letters, ends, strict=True)))
    return Or(*(And(*(Eq(s, v) for s, v in zip(letters, place, strict=True))) for place in places))


def _carry(action: Action, element: Element, moved: Letters) -> Letters:
    """The element's letters for which it carries p's place to the one where the moved entry is read."""
    found: dict[Symbol, Expr] = {}
    for s, image in element.out.items():
        for letter in element.letters:
            step = image.coeff(letter)
            if step != 0 and letter not in found:
                target = action.places[s].xreplace(dict(moved))
                way = expand(target - (image - step * letter).xreplace(dict(action.places)))
                found[letter] = way if step == 1 else floor(way / step)
    return found
