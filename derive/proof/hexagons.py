"""How many entries of a hexagon read inside a grid, beyond which is 0, at every size, where turns and reflections tie them.

    |a|, |b|, |a + b| ≤ Δ, on n by n places, Δ ≤ 2n - 2   ⟶   3Δ² + 3Δ + 1 - 2·(2Δ + 1)·max(0, Δ - n + 1)

Between neighbours of the six steps e_0 = (1, 0), (0, 1), (-1, 1), ... offsets are u·e_k + v·e_(k+1), u and v at least 0, at a
distance of u + v. There a, b and a + b keep their signs, and each is u, v or u + v up to its sign. So of such a corner the box
that is read holds what has two of u, v and u + v up to some ends, and so do the box's images under the group; an entry is read if
it is in their union. The offsets of a hexagon are 0, the multiples of six steps and what is inside of six corners, there a union
of such sets, which is a sum of their intersections, with

    #{1 ≤ u ≤ A, 1 ≤ v ≤ B, u + v ≤ C} = P(C) - P(C - A) - P(C - B) + P(C - A - B),   P(x) = x(x - 1)/2, 0 for x < 0

By Burnside's lemma orbits are the mean over elements of how many of these offsets an element fixes: a turn fixes 0, a reflection
what lies along a step or between two of them. All are read where no least offset that exceeds an end of every set is in the
hexagon.

Beyond an edge that repeats the nearest place the same is so with the ends of `inside`: of f_k and f_l there the products with
(k, l) in a hexagon are a basis of the functions on it, as with an offset those of its quadrant nearer to both axes are in it.
Elements that keep the axes carry such products to each other; turns by 60° and 120° don't.

Where both axes are read alike, functions f that turns by 120° leave alone are the same between e_0 and e_1 as between two steps as
far on, and between the others. As f(u, v) there, for L > 0, so that R ≤ 2L, it is seen

    e_0, e_1      f where u, v < R; Σ f over v ≥ R for each u < R, over u ≥ R for each v < R, and over u, v ≥ R
    e_3, e_4      f where u, v < L or u + v < R; Σ f over other v for each u < L, over other u for each v < L, and over u, v ≥ L

as some image is nearer to the place than the ends; as one end is beside such places alone, and one corner; and as other ends and
corners show sums of these. Each is seen if it has offsets in the hexagon, and then has one in some image of the box. More elements
of the group carry these sums to each other as they do that: again as many are seen as orbits have an offset in the box.

With L = 0, of one place kept, f is seen between e_0 and e_1 for u, v > 0 as before, and of the others, with both steps, sums over u
+ v = k for each k < R and over all beyond: min(R, Δ) less than orbits in the box, if nothing carries e_0 to e_1.

Of others that add axes there is no number. All are told apart if Δ is no more than any end; and, turned by 60° without a stride, if
every orbit has an offset in the box: f is 0 from the farthest offsets on. Of ends R ≤ S it is as f(u, v) for u ≤ R, v ≤ S, as
others that read the same are farther; so for v < R, u + v ≤ S, which (-v, u + v) reads; and for v = R, where that reads others as
near with less u alone, which are such that have u ≤ R, as all are in the box.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from typing import Any

from sympy import Abs, Add, And, Dummy, Expr, Integer, Le, Max, Min, Or, Symbol, expand, factor, floor

from derive.forms.count import NotCountable
from derive.forms.polyhedron import Polyhedron
from derive.proof.goal import Goal, Status
from derive.proof.levels import in_short
from derive.proof.lines import Line
from derive.proof.sides import Corner, Ends, Sides
from derive.proof.solver import decide
from derive.proof.ties import Matrix, forced_by_turns, turned, turns
from derive.remembered import built, replaced

__all__ = ["Hexagon", "hexagon_of", "read_of_hexagon"]

_STEPS = ((1, 0), (0, 1), (-1, 1), (-1, 0), (0, -1), (1, -1))


def _matrix(first: int, way: int) -> Matrix:
    """What carries the first step to the one with that number, and the second to the next one on that way around."""
    return tuple(zip(_STEPS[first], _STEPS[(first + way) % 6], strict=True))


_TURNS: tuple[Matrix, ...] = tuple(_matrix(first, way) for way in (1, -1) for first in range(6))
_SAME = _TURNS[0]
_FEW = 12  # sides as letters that products are looked for in


def hexagon_of(
    given: Any,
    ends: Mapping[Symbol, tuple[Expr, Expr]],
    domain: Any,
    called: tuple[Sequence[Expr], Expr],
    forwards: Sequence[int],
) -> Hexagon | None:
    """The hexagon that a window is but for entries that a sign forces to be 0, and what its entries are called by, as is proved.

    None for another one.
    """
    if len(ends) != 2:
        return None
    (low, radius), *others = ends.values()
    if others != [(low, radius)] or low != expand(-radius):
        return None
    box = And(*(Le(Abs(s), radius) for s in ends))
    inside = Le(Abs(Add(*ends)), radius)
    if decide(Goal((given, box, domain), inside).smt) is not Status.PROVED:
        return None
    group = turns(given, ends, domain, called, _TURNS)
    if (
        group is None
        or decide(Goal((given, box, inside), Or(domain, forced_by_turns(ends, group))).smt) is not Status.PROVED
    ):
        return None
    signs = tuple(group.values())
    return Hexagon(radius, tuple(group), tuple(forwards), signs if min(signs) < 0 else ())


@dataclass(frozen=True, slots=True)
class Hexagon:
    """Its radius, and the turns and reflections that tie its entries, up to `signs` where some of these are -1.

    `forwards` is 1 along an axis where places are read in the order of its letter, else -1.
    """

    radius: Expr
    group: tuple[Matrix, ...]
    forwards: tuple[int, ...]
    signs: tuple[int, ...] = ()

    @property
    def characters(self) -> list[tuple[Matrix, int]]:
        """Every element with its sign."""
        return list(zip(self.group, self.signs or (1,) * len(self.group), strict=True))

    @property
    def keeps_axes(self) -> bool:
        """Whether no element adds axes: these are half a turn, and reflections in and across the diagonal."""
        return all(sum(map(bool, row)) == 1 for matrix in self.group for row in matrix)

    @property
    def has_two_kinds_of_steps(self) -> bool:
        """Whether three steps are carried to each other by turns, but not to the other three."""
        images = {turned(matrix, _STEPS[0]) for matrix in self.group}
        return images == {*_STEPS[::2]}

    def is_clamped(self, lines: Sequence[Line]) -> bool:
        """Whether it is known how many orbits are seen behind nearest edges: where axes are kept, or turned and read alike."""
        alike = lines[0] == lines[1] and (lines[0].stride == 1 or len(set(self.forwards)) == 1)
        thirds = any(sum(row[k] for k, row in enumerate(matrix)) == -1 for matrix in self.group)
        return self.keeps_axes or (alike and thirds)


def read_of_hexagon(hexagon: Hexagon, lines: Sequence[Line], given: Any) -> tuple[Expr | None, Expr, tuple[Any, ...]]:
    """How many orbits are read, or seen of nearest places, how many there are, and conditions that all hold if these are as many.

    There is no first number where the sets that are read overlap in very many ways; nor where it isn't known what is seen, and then
    the conditions are enough.
    """
    known = lines[0].edge != "nearest" or hexagon.is_clamped(lines)
    window, lengths = _Window(tuple(lines), Polyhedron.of(given), hexagon).in_order()
    try:
        read = replaced(window.number(True), lengths) if known else None
    except NotCountable:
        read = None
    left = Dummy("u", integer=True)
    whole = replace(window, hexagon=replace(hexagon, radius=left)).number(False)
    orbits = replaced(in_short(whole, left), {left: hexagon.radius})
    line = lines[0]
    if not known and not (_matrix(1, 1) in hexagon.group and all(other.stride == 1 for other in lines)):
        least = (Le(hexagon.radius, window.reach(k, sign)) for k in range(2) for sign in (1, -1))
        return read, orbits, tuple(replaced(clause, lengths) for clause in least)
    clauses = [replaced(clause, lengths) for clause in window.clauses()]
    if line.edge == "nearest" and line.stride > 1 and hexagon.has_two_kinds_of_steps:
        alone = built(Max, 0, built(Min, 1, expand(line.stride + 1 - line.extent)))
        read = None if read is None else read - alone * built(Min, hexagon.radius, window.reach(0, 1))
        clauses.append(Or(Le(hexagon.radius, 0), Le(line.stride + 1, line.extent)))
    return read, orbits, tuple(dict.fromkeys(clauses))


@dataclass(frozen=True, slots=True)
class _Window(Sides):
    hexagon: Hexagon

    def in_order(self) -> tuple[_Window, Mapping[Expr, Expr]]:
        """The same with the shorter axis first, and both lengths, where their order tells nothing; else as it is."""
        swapped = {tuple(row[::-1] for row in matrix[::-1]) for matrix in self.hexagon.group}
        first, other = (replace(line, extent=Integer(1)) for line in self.lines)
        alike = first == other and len(set(self.hexagon.forwards)) == 1 and swapped == {*self.hexagon.group}
        extents = [line.extent for line in self.lines]
        if not alike or extents[0] == extents[1]:
            return self, {}
        named = [Dummy(f"n{k}", integer=True) for k in range(2)]
        order = Polyhedron.of(*(Le(a, b) for a, b in pairwise((Integer(1), *named))))
        lines = tuple(replace(first, extent=name) for name in named)
        lengths = dict(zip(named, (Min(*extents), Max(*extents)), strict=True))
        return _Window(lines, self.given & order, self.hexagon), lengths

    def sets(self, corner: int) -> list[Corner]:
        """What is read between a step and the next one: the ends of u, v and u + v, for the box and each of its images."""
        steps = _STEPS[corner], _STEPS[(corner + 1) % 6]
        found = []
        for matrix in self.hexagon.group:
            ends: list[set[Expr]] = [set(), set(), set()]
            for axis, rates in enumerate(zip(*(turned(matrix, step) for step in steps), strict=True)):
                kind = {(1, 0): 0, (0, 1): 1, (1, 1): 2}[tuple(map(abs, rates))]
                ends[kind].add(self.reach(axis, self.hexagon.forwards[axis] * (1 if sum(rates) > 0 else -1)))
            found.append(tuple(map(frozenset, ends)))
        return self.widest(found)

    def within_radius(self, corner: int, only_read: bool) -> list[Corner]:
        """The same of the hexagon itself, or of what is read of it."""
        whole = frozenset((self.hexagon.radius,))
        sets = self.sets(corner) if only_read else [(frozenset(),) * 3]
        return [(u, v, self.fewest(both | whole)) for u, v, both in sets]

    def number(self, only_read: bool) -> Expr:
        """How many orbits there are, or are read."""
        sets = [self.within_radius(corner, only_read) for corner in range(6)]
        along = [self.longest(u | both for u, _, both in some) for some in sets]
        between = [self.longest(u | v | {floor(c / 2) for c in both} for u, v, both in some) for some in sets]
        middles = [_sum(step, _STEPS[(k + 1) % 6]) for k, step in enumerate(_STEPS)]
        mirrored = list(zip((*_STEPS, *middles), (*along, *between), strict=True))
        lines = Counter(along)
        for matrix in self.hexagon.group:
            if matrix != _SAME:
                lines.update(line for direction, line in mirrored if turned(matrix, direction) == direction)
        triangles: Counter[Expr] = Counter()
        for some in sets:
            for corner, many in self.union(some).items():
                for side, sign in self.inside(*corner):
                    triangles[side] += sign * many
        return _written(triangles, lines, len(self.hexagon.group))

    def longest(self, lines: Iterable[Ends]) -> Expr:
        """How many multiples of a step are in one of these sets, each up to the least of some ends."""
        (*ends,) = (corner[0] for corner in self.widest([(self.fewest(line),) for line in lines]))
        return built(Max, *(built(Min, *some) for some in ends))

    def inside(self, u: Ends, v: Ends, both: Ends) -> Iterator[tuple[Expr, int]]:
        """How many offsets there are that lie along no step, as triangles with these sides, each so many times."""
        for less in ((), (u,), (v,), (u, v)):
            if all(less) and not self.is_small(both, less):
                ends = (built(Min, *some) for some in less)
                yield expand(built(Min, *both) - Add(*ends)), (-1) ** len(less)

    def is_small(self, ends: Ends, less: Sequence[Ends]) -> bool:
        """Whether the least of some ends, less those of others, is found to be 1 at most."""
        return all(any(self.follows(Le(end - Add(*some), 1)) for end in ends) for some in product(*less))

    def clauses(self) -> Iterator[Any]:
        """That the radius is less than the distance of every least offset that isn't read."""
        beyond = (offset for corner in range(6) for offset in self.outside(self.sets(corner), 3))
        for u, v, both in dict.fromkeys((*sorted((u, v), key=str), both) for u, v, both in beyond):
            apart = Add(*(Max(*ends) + 1 for ends in (u, v) if ends))
            yield Le(self.hexagon.radius, Max(*(expand(end) for end in self.most((apart - 1, *both)))))


def _sum(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    return tuple(map(sum, zip(one, other, strict=True)))


def _written(triangles: Mapping[Expr, int], lines: Mapping[Expr, int], order: int) -> Expr:
    """The mean over so many elements of these and the place itself, in few words."""
    named: dict[Expr, Expr] = {}

    def letter(e: Expr) -> Expr:
        return e if e.is_Symbol else named.setdefault(e, Dummy(integer=True))

    number = Integer(order)
    for side, many in triangles.items():
        excess = letter(side if side.is_Symbol else built(Max, 0, side))
        number += many * excess * (excess - 1) / 2
    number = expand((number + Add(*(many * letter(line) for line, many in lines.items()))) / order)
    back = {name: e for e, name in named.items()}
    ways = (number, factor(number)) if len(named) <= _FEW else (number,)
    return replaced(min(ways, key=lambda e: e.count_ops()), back)
