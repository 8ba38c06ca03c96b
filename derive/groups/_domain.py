"""Fundamental domains of finite groups of affine maps: one point of every orbit, as polyhedra and as a formula.

    F = { p : key(p) ≥ key(g·p) for all g }        name(p) = the g·p in F

A key holds the letters, compared one after the other, or their sum first, or the letters with a minus where images depend on
sizes; it tells any two points apart, so each orbit has exactly one point in F. Of two keys the one that cuts F by simpler
inequalities is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations, product
from typing import Any

import numpy as np
from sympy import Abs, Eq, Expr, Ge, Integer, Max, Min, Or, Symbol, expand, floor

from derive.forms.evaluate import evaluate
from derive.forms.expr import Where
from derive.forms.polyhedron import Polyhedron

__all__ = ["Domain", "domain"]

Point = tuple[Expr, ...]
Ranges = Mapping[Symbol, tuple[int, int]]
_SPANS = {1: (-6, 7), 2: (-4, 5), 3: (-3, 4), 4: (-2, 3)}
_SIZES = (4, 5)


@dataclass(frozen=True, slots=True)
class Domain:
    """One point of every orbit of points `letters` under maps whose images are `images`, the identity's first.

    pieces    the points, as disjoint polyhedra
    window    ranges of letters outside of which no name is asked for
    """

    letters: tuple[Symbol, ...]
    images: tuple[Point, ...]
    pieces: tuple[Polyhedron, ...]
    window: Ranges

    @property
    def name(self) -> Point:
        """The point that stands for the orbit of the point `letters`: an expression for each letter."""
        if not self.letters:
            return ()
        return tuple(
            self._sample.written([image[p] for image in self.images], _simple(p, self.letters, self.images))
            for p in range(len(self.letters))
        )

    def select(self, values: Sequence[Expr]) -> Expr:
        """Of one value for each image that of the image in the domain, as an expression in `letters`.

        Where several images are that point and their values differ, any of them.
        """
        if len(set(values)) == 1 or not self.letters:
            return values[0]
        forms = dict.fromkeys(e for image in self.images for e in image)
        halves = (
            Where(Ge(e, low), x, y) for e in forms for low in (0, 1) for x, y in permutations(dict.fromkeys(values), 2)
        )
        return self._sample.written(values, halves)

    @property
    def _sample(self) -> _Sample:
        return _Sample(self.letters, self.images, self.pieces, self.window)

    @property
    def condition(self) -> Any:
        """That the letters are such a point."""
        return Or(*(piece.conditions for piece in self.pieces))


def domain(letters: tuple[Symbol, ...], images: Sequence[Point], given: Polyhedron, window: Ranges) -> Domain:
    """The domain of a group whose elements carry the point `letters` to `images`, the identity first.

    Names may be wrong outside the window, a box which the elements carry into itself.
    """
    if not letters:
        return Domain(letters, tuple(images), (Polyhedron(),), window)
    sizes = {s for image in images for e in image for s in e.free_symbols} - set(letters)
    first = (sum(letters), *letters)
    keys = [tuple(-s for s in letters)] if sizes else [letters, first]
    cuts = [_pieces(letters, images, key, given) for key in keys]
    return Domain(letters, tuple(images), min(cuts, key=_difficulty), window)


def _difficulty(pieces: Sequence[Polyhedron]) -> int:
    return sum(abs(value) for piece in pieces for row in piece.rows for value in row[:-1])


def _pieces(letters: Point, images: Sequence[Point], key: Point, given: Polyhedron) -> tuple[Polyhedron, ...]:
    keys = [tuple(e.xreplace(dict(zip(letters, image, strict=True))) for e in key) for image in images]
    found = [Polyhedron()]
    for other in keys[1:]:
        branches = list(_at_least(keys[0], other))
        both = (piece & branch for piece in found for branch in branches)
        found = _merged([piece.simplify(given) for piece in both if not (piece & given).is_empty()])
    return tuple(found)


def _at_least(one: Point, other: Point) -> Iterator[Polyhedron]:
    """The disjoint ways in which one key can be at least the other: first larger at one of its entries, or equal."""
    equal = Polyhedron()
    for difference in (expand(x - y) for x, y in zip(one, other, strict=True)):
        yield equal & Polyhedron.of(Ge(difference, 1))
        equal = equal & Polyhedron.of(Eq(difference, 0))
    yield equal


def _merged(pieces: list[Polyhedron]) -> list[Polyhedron]:
    """Pieces joined while the union of two is a polyhedron."""
    for p, one in enumerate(pieces):
        for q, other in enumerate(pieces[:p]):
            if (union := _union(one, other)) is not None:
                rest = [piece for r, piece in enumerate(pieces) if r not in (p, q)]
                return _merged([*rest, union])
    return pieces


def _union(one: Polyhedron, other: Polyhedron) -> Polyhedron | None:
    """The union, where the rows that both satisfy describe it."""
    rows = [e for a, b in ((one, other), (other, one)) for e in a.expressions if b.implies(Ge(e, 0))]
    hull = Polyhedron.of(*(Ge(e, 0) for e in rows))
    for x, y in product(one.expressions, other.expressions):
        if not (hull & Polyhedron.of(Ge(-x, 1), Ge(-y, 1))).is_empty():
            return None
    return hull.simplify()


@dataclass(frozen=True, eq=False)
class _Sample:
    """All of it on a box of points. A box is no proof: what is built on a name is proved where it is used."""

    letters: tuple[Symbol, ...]
    images: Sequence[Point]
    pieces: Sequence[Polyhedron]
    window: Ranges

    @cached_property
    def points(self) -> dict[Symbol, np.ndarray]:
        sizes = sorted({s for image in self.images for e in image for s in e.free_symbols} - set(self.letters), key=str)
        spans = [self._span(s, sizes) for s in self.letters]
        axes = [*(np.arange(low, high + 1) for low, high in spans), *(np.array(_SIZES) for _ in sizes)]
        return dict(zip((*self.letters, *sizes), np.meshgrid(*axes, indexing="ij"), strict=True))

    def _span(self, letter: Symbol, sizes: Sequence[Symbol]) -> tuple[int, int]:
        """Some of a letter's values: all on a grid that images turn about its middle, both signs of a difference."""
        low, high = _SPANS.get(len(self.letters), (-1, 2))
        if sizes:
            at = dict.fromkeys(self.letters, Integer(0)) | dict.fromkeys(sizes, Integer(max(_SIZES)))
            high = max(1, *(int(floor(e.xreplace(at))) for image in self.images for e in image))
            mirrored = [e for image in self.images for e in image if e.coeff(letter) < 0]
            low = 0 if all(e.free_symbols & {*sizes} for e in mirrored) else -high
        first, last = self.window.get(letter, (low, high))
        return max(low, first), min(high, last)

    @cached_property
    def inside(self) -> list[list[np.ndarray]]:
        """For each image and piece where the one lies in the other."""
        at = (dict(zip(self.letters, image, strict=True)) for image in self.images)
        return [[self.of(piece.conditions.xreplace(a)) for piece in self.pieces] for a in at]

    def of(self, expression: Any) -> np.ndarray:
        """The values of an expression or a condition."""
        return np.broadcast_to(evaluate(expression, self.points), next(iter(self.points.values())).shape)

    def chosen(self, values: Sequence[Expr]) -> tuple[np.ndarray, np.ndarray]:
        """Of one value for each image that of the image in the domain, and where that is one value only."""
        found = [self.of(value) for value in values]
        inside = [np.logical_or.reduce(tests) for tests in self.inside]
        wanted = np.select(inside, found)
        clash = [test & (value != wanted) for test, value in zip(inside, found, strict=True)]
        return wanted, ~np.logical_or.reduce(clash)

    def written(self, values: Sequence[Expr], simple: Iterable[Expr] = ()) -> Expr:
        """An expression for it: the first simple one that agrees, else cases."""
        wanted, clear = self.chosen(values)
        for expression in simple:
            if (self.of(expression) == wanted)[clear].all():
                return expression
        return self._cases(values, wanted, clear)

    def _cases(self, values: Sequence[Expr], wanted: np.ndarray, clear: np.ndarray) -> Expr:
        """The value of the first image that lies in the domain; conditions that change nothing are left out."""
        options = [(k, p) for k in range(len(values)) for p in range(len(self.pieces))]
        tests = [self.inside[k][p] for k, p in options]
        found = [self.of(values[k]) for k, _ in options]

        def agree(kept: Sequence[int], other: np.ndarray) -> bool:
            chosen = np.select([tests[o] for o in kept], [found[o] for o in kept], other) if kept else other
            return bool((chosen == wanted)[clear].all())

        def needed(default: Expr) -> list[int]:
            kept = [o for o, (k, _) in enumerate(options) if values[k] != default]
            for o in reversed(kept):
                fewer = [other for other in kept if other != o]
                kept = fewer if agree(fewer, self.of(default)) else kept
            return kept

        default = min(reversed(dict.fromkeys(values)), key=lambda value: len(needed(value)))
        cases: dict[Expr, list[Any]] = {}
        for k, p in (options[o] for o in needed(default)):
            at = dict(zip(self.letters, self.images[k], strict=True))
            cases.setdefault(values[k], []).append(self.pieces[p].substitute(at).conditions)
        expression = default
        for case, conditions in reversed(cases.items()):
            expression = Where(Or(*conditions), case, expression)
        return expression


def _simple(p: int, letters: tuple[Symbol, ...], images: Sequence[Point]) -> Iterator[Expr]:
    """The letter itself; extremes of its images, or of their distances from the middle between two of them."""
    yield letters[p]
    forms = list(dict.fromkeys(image[p] for image in images))
    middles = [expand(2 * c) for c in _centres(forms)]
    distances = [list(dict.fromkeys(_side(form, middle) for form in forms)) for middle in middles]
    for some in (*distances, forms):
        yield from (Max(*some), Min(*some))
    for some, middle in zip(distances, middles, strict=True):
        yield from (middle - Min(*some), Max(*some) - Min(*some))
    for some in (*distances, forms):
        if len(some) == 3:
            yield expand(sum(some)) - Max(*some) - Min(*some)


def _centres(forms: Sequence[Expr]) -> list[Expr]:
    """What all images are symmetric about."""
    middle = expand(sum(forms) / len(forms))
    return [middle] if {expand(2 * middle - form) for form in forms} == set(forms) else []


def _side(form: Expr, twice: Expr) -> Expr:
    """The larger one of a form and its mirror image."""
    mirrored = expand(twice - form)
    if twice == 0:
        return Abs(min(form, mirrored, key=lambda e: (e.could_extract_minus_sign(), str(e))))
    return Max(form, mirrored)
