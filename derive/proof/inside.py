"""How many entries of a window are told apart on a grid, beyond which is 0 or its nearest place, where a group ties entries.

    V[max(|a|, |b|), min(|a|, |b|)], |a|, |b| ≤ Δ, on n by m places, n ≤ m ≤ Δ   ⟶   n(2m - n + 1)/2

Along an axis a is read at some place if -L ≤ a ≤ R, R = ⌊(n - 1)/d⌋ and L = ⌊s⌊(n - 1)/s⌋/d⌋ ≤ R for every s-th place and steps of
d. So an entry is read if one of the offsets tied to it is in the box of these ends: orbits are counted of the union of that box's
images within the window, which the group keeps.

Beyond an edge that repeats the nearest place all a ≥ R = ⌈(n - 1)/d⌉ read the last one everywhere, and all a ≤ -L the first one,
L the quotient above rounded up. Of the others no two read alike: alike they have t with s·(t - 1) + d·a' ≤ 0 and n - 1 ≤ s·t +
d·a for a < a', so that s ≥ n - 1 + d and there is one place. Entries that read some place inside are seen there alone, and of the
others sums over t > o, one by one: as many numbers are seen as there are clamped a. Let f_0 be 1 at 0, f_k 1 at k and -1 at k -
1, f_-k 1 at -k and -1 at 1 - k, k ≥ 1. Those of |k| ≤ r are a basis of the functions on |a| ≤ r, for every r; what isn't seen is
spanned by those of k > R and k < -L, as by number; and a reflection carries f_k to f_-k. So signed permutations carry products of
one f along each axis to each other as they carry offsets k, and of functions that a group leaves alone as many are seen as orbits
of k have one in the box: the same count with other ends, on boxes, their faces and diamonds.

By Burnside's lemma they are the mean over elements of how many of these offsets an element fixes: those that are the same, up to
sign, along the axes of each cycle, and 0 along a cycle that turns.

All images contain 0. So with the sign of an offset along each cycle given they are boxes of 1, ..., end, each end the least of
those of the cycle's axes. A union of such boxes is a sum of their intersections, which are such boxes again: few, as one that is
within another is left out, and those that are alike are added up. In a diamond they are products of levels, see `levels`.

All orbits are read where the window is within the union. With signs given a window is a box, and so must be in one of the boxes; or
a diamond, which then has no least offset that is outside all of them: one that exceeds the end of each along some axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, permutations, product
from typing import Any

from sympy import Add, And, Dummy, Expr, Integer, Le, Max, Min, Mul, Or, Rational, expand, factor

from derive.forms.count import NotCountable
from derive.forms.polyhedron import Polyhedron
from derive.forms.unions import without_implied
from derive.proof.diamonds import Diamond
from derive.proof.levels import Terms, summed, times
from derive.proof.lines import Line
from derive.proof.orbits import Element, cycles
from derive.proof.sides import Corner, Ends, Sides
from derive.proof.ties import Supports
from derive.remembered import built, replaced

__all__ = ["Inside", "read_inside"]

Image = Mapping[tuple[int, int], Expr]  # by axis and sign how far it reaches
# along every cycle its step and the number of its ends, or one of these instead
Solids = dict[tuple[tuple[int, int], ...], Rational]
_ZERO, _ENDLESS = -2, -1
_FEW = 12  # ends as letters that products are looked for in


@dataclass(frozen=True, slots=True)
class Inside:
    """How many orbits are read, how many there are, and the condition that holds exactly where these are as many.

    There is no first number where the boxes that are read overlap in very many ways. A `plain` window is a box of untied entries.
    """

    read: Expr | None
    orbits: Expr
    when: Any
    plain: bool


def read_inside(
    group: Mapping[Element, int], lines: Sequence[Line], supports: Supports, diamond: Diamond | None, given: Any
) -> tuple[Expr | None, Expr, tuple[Any, ...]]:
    """Of a window whose letters may be other than 0 together along the axes of each of `supports`, or within a diamond.

    The numbers of `Inside`, and conditions that all hold where its own does. The group says which sign each element gives an entry;
    one that changes the sign keeps no offset of the same letters along the axes of a support, nor is a diamond's.
    """
    every = [frozenset(range(len(lines)))]
    window = _Window(tuple(lines), Polyhedron.of(given), dict(group), tuple(every if diamond else supports), diamond)
    images = window.images()
    parts = (part for clause in window.clauses(images) for part in And.make_args(clause))
    return _read(window, images), window.number([{}]), tuple(dict.fromkeys(parts))


def _read(window: _Window, images: Sequence[Image]) -> Expr | None:
    """How many orbits are read; where that takes very many boxes, with axes by their length, if that tells it."""
    try:
        return window.number(images)
    except NotCountable:
        known = window.in_order()
    if known is None:
        return None
    ordered, lengths = known
    try:
        return replaced(ordered.number(ordered.images()), lengths)
    except NotCountable:
        return None


@dataclass(frozen=True, slots=True)
class _Window(Sides):
    group: Mapping[Element, int]
    supports: tuple[frozenset[int], ...]
    diamond: Diamond | None
    letters: dict[Ends, int] = field(default_factory=dict)

    def images(self) -> list[Image]:
        """Those of the box that is read."""
        found = []
        for places, signs in self.group:
            turned = enumerate(zip(places, signs, strict=True))
            found.append({(at, sign * turn): self.reach(k, sign) for k, (at, turn) in turned for sign in (1, -1)})
        return [image for p, image in enumerate(found) if image not in found[:p]]

    def sides(self, axis: int, sign: int) -> Ends:
        """Those of the window itself; a diamond ends by its radius."""
        line = self.lines[axis]
        return frozenset() if self.diamond else frozenset([expand(line.high if sign > 0 else -line.low)])

    def along(self, image: Image, element: Element, axes: Sequence[int], sign: int) -> Ends:
        """The ends along a cycle of axes of what an element fixes, with that sign along the first one."""
        ends: set[Expr] = set()
        for axis in axes:
            ends |= self.sides(axis, sign) | ({image[axis, sign]} if image else set())
            sign *= element[1][axis]
        return self.fewest(ends)

    def in_order(self) -> tuple[_Window, Mapping[Expr, Expr]] | None:
        """The same with axes that the group exchanges by their length, the shortest first, and the lengths.

        None where their order matters, to the group or as they are read by other steps.
        """
        lines, order = list(self.lines), self.given
        lengths: dict[Expr, Expr] = {}
        for some in {frozenset(places[k] for places, _ in self.group) for k in range(len(lines))}:
            axes = sorted(some)
            ways = (dict(zip(axes, way, strict=True)) for way in permutations(axes))
            if any(_relabelled(self.group, way) != self.group for way in ways):
                return None
            named = [Dummy(f"n{k}", integer=True) for k in axes]
            lengths |= dict(zip(named, _by_length([lines[k].extent for k in axes]), strict=True))
            for k, name in zip(axes, named, strict=True):
                lines[k] = replace(lines[k], extent=name)
            if len({replace(lines[k], extent=Integer(1)) for k in axes}) > 1:
                return None
            order = order & Polyhedron.of(*(Le(a, b) for a, b in pairwise((Integer(1), *named))))
        return replace(self, lines=tuple(lines), given=order, known={}, letters={}), lengths

    def allows(self, some: frozenset[int]) -> bool:
        return any(some <= largest for largest in self.supports)

    def number(self, images: Sequence[Image]) -> Expr:
        """How many orbits of the window there are in the union of the images; without ends that is all of them."""
        solids: Solids = {}
        for element, character in self.group.items():
            found = cycles(element)
            for signs in product(*((0, 1, -1) if turn > 0 else (0,) for _, turn in found)):
                away = [(axes, sign) for (axes, _), sign in zip(found, signs, strict=True) if sign]
                if not self.allows(frozenset(axis for axes, _ in away for axis in axes)):
                    continue
                boxes = [tuple(self.along(image, element, *cycle) for cycle in away) for image in images]
                for corner, many in self.union(boxes).items():
                    ends = iter(corner)
                    solid = (
                        (self.step(axes), self.letter(next(ends)) if sign else _ZERO)
                        for (axes, _), sign in zip(found, signs, strict=True)
                    )
                    key = tuple(sorted(solid))
                    solids[key] = solids.get(key, Integer(0)) + Rational(character * many, len(self.group))
        return self.counted(solids)

    def step(self, axes: Sequence[int]) -> int:
        """What a letter along a cycle weighs in a diamond."""
        return len(axes) * (self.diamond.weights[axes[0]] if self.diamond else 0)

    def letter(self, ends: Ends) -> int:
        return self.letters.setdefault(ends, len(self.letters)) if ends else _ENDLESS

    def counted(self, solids: Solids) -> Expr:
        """How many offsets these are."""
        named = [Dummy(integer=True) for _ in self.letters]
        if self.diamond is None:
            parts = (many * Mul(*(named[k] for _, k in solid if k != _ZERO)) for solid, many in solids.items())
            number = expand(Add(*parts))
            ways = (number, factor(number), *_parted(number)) if len(named) <= _FEW else (number,)
            number = min(ways, key=lambda e: e.count_ops())
        else:
            number = summed(_terms(solids, named), self.diamond.radius, sum(self.diamond.weights))
        return replaced(number, dict(zip(named, (built(Min, *ends) for ends in self.letters), strict=True)))

    def clauses(self, images: Sequence[Image]) -> Iterator[Any]:
        """That the window is within the images, for every choice of signs."""
        every = tuple(range(len(self.lines)))
        same = every, (1,) * len(every)
        for axes in self.supports:
            for signs in product((1, -1), repeat=len(axes)):
                ways = [((k,), sign) for k, sign in zip(sorted(axes), signs, strict=True)]
                corners = self.widest([tuple(self.along(image, same, *way) for way in ways) for image in images])
                if self.diamond is None:
                    sides = [self.sides(k, sign) for (k,), sign in ways]
                    yield self.box_within(sides, corners)
                else:
                    yield from self.diamond_within(corners, self.diamond)

    def box_within(self, sides: Sequence[Ends], corners: Sequence[Corner]) -> Any:
        """That every side of the window is no more than the ends of one of the boxes."""
        options = [
            [(side, end) for (side,), ends in zip(sides, corner, strict=True) for end in ends if end != side]
            for corner in corners
        ]

        def says(one: Sequence[tuple[Expr, Expr]], other: Sequence[tuple[Expr, Expr]]) -> bool:
            return all(any(self.least(s, t) and self.least(e, f) for t, e in one) for s, f in other)

        return Or(*(And(*(Le(side, end) for side, end in option)) for option in without_implied(options, says)))

    def diamond_within(self, corners: Sequence[Corner], diamond: Diamond) -> Iterator[Any]:
        """That the radius is less than the sum of every least offset that exceeds an end of each box."""
        for offset in self.outside(corners, len(diamond.weights)):
            least = Add(*(w * (Max(*ends) + 1) for w, ends in zip(diamond.weights, offset, strict=True) if ends))
            yield Le(diamond.radius, least - 1)


def _relabelled(group: Mapping[Element, int], way: Mapping[int, int]) -> dict[Element, int]:
    """The group where axes are called by others."""
    found = {}
    for (places, signs), character in group.items():
        moved, turned = list(range(len(places))), [1] * len(places)
        for k, (place, sign) in enumerate(zip(places, signs, strict=True)):
            moved[way.get(k, k)], turned[way.get(k, k)] = way.get(place, place), sign
        found[tuple(moved), tuple(turned)] = character
    return found


def _by_length(extents: Sequence[Expr]) -> list[Expr]:
    """Up to three extents, the least first."""
    least, most = Min(*extents), Max(*extents)
    between = [expand(Add(*extents) - least - most)] if len(extents) == 3 else []
    return [least, *between, most][: len(extents)]


def _parted(number: Expr) -> Iterator[Expr]:
    """The sum of the parts that share no letters, each as products, with the number that is left in any of them."""
    left, terms = number.as_coeff_Add()
    parts: list[Expr] = []
    for term in Add.make_args(terms):
        meeting = [part for part in parts if part.free_symbols & term.free_symbols]
        parts = [*(part for part in parts if part not in meeting), Add(term, *meeting)]
    for one in parts:
        yield Add(factor(one + left), *(factor(other) for other in parts if other is not one))


def _terms(solids: Solids, named: Sequence[Dummy]) -> Terms:
    """The solids as products of levels: 0 alone, from 1 on, or from 1 to an end."""
    terms: Terms = {}
    for solid, many in solids.items():
        series = {Integer(0): many}
        for step, k in solid:
            end = Integer(0) if k == _ZERO else None if k == _ENDLESS else named[k]
            starts = ((1, Integer(int(k != _ZERO))), *([] if end is None else [(-1, end + 1)]))
            series = times(series, step, ((1, starts),), 1)
        for start, often in series.items():
            key = (tuple(step for step, _ in solid), start)
            terms[key] = terms.get(key, Integer(0)) + often
    return terms
