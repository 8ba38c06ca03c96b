"""How far windows are read along every axis, beside which others are found to be less; and boxes with such ends.

Along an axis with every s-th place and steps of d they are read from -L to R: L = ⌊s⌊(n - 1)/s⌋/d⌋ and R = ⌊(n - 1)/d⌋ inside of a
grid, both rounded up where its nearest place is beyond. Boxes go from 0 to an end along each axis, the least of some, or have none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from sympy import Expr, Le, ceiling, expand, floor

from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.forms.unions import intersections, without_implied
from derive.proof.lines import Line
from derive.remembered import text

__all__ = ["BETWEEN_ENDS", "Corner", "Ends", "Sides"]

Ends = frozenset[Expr]  # the least of these; none at all is without end
Corner = tuple[Ends, ...]
_ROUNDED: Mapping[str, Callable[[Expr], Expr]] = {"zero": floor, "nearest": ceiling}
BETWEEN_ENDS = frozenset(_ROUNDED)  # edges behind which it is told by the ends alone what is seen
_MOST = 512  # boxes of a union


@dataclass(frozen=True, slots=True)
class Sides:
    """Axes, each as it is read, and what is given of their sizes."""

    lines: tuple[Line, ...]
    given: Polyhedron
    known: dict[tuple[Expr, Expr], bool] = field(default_factory=dict, kw_only=True)

    def reach(self, axis: int, sign: int) -> Expr:
        line = self.lines[axis]
        last = line.extent - 1 if sign > 0 else line.stride * floor((line.extent - 1) / line.stride)
        return _ROUNDED[line.edge](expand(last) / line.step)

    def least(self, one: Expr, other: Expr) -> bool:
        """Whether one is found never to be more than the other."""
        if (one, other) not in self.known:
            ends = (
                (self.reach(k, sign), self.reach(j, turn))
                for k, j in product(range(len(self.lines)), repeat=2)
                if self.shorter(k, j)
                for sign, turn in ((-1, -1), (-1, 1), (1, 1))
            )
            self.known[one, other] = one == other or (one, other) in ends or self.follows(Le(one, other))
        return self.known[one, other]

    def shorter(self, axis: int, other: int) -> bool:
        """Whether an axis is found to be no longer than another one that is read by the same steps."""
        one, two = self.lines[axis], self.lines[other]
        alike = replace(one, extent=two.extent) == two
        return alike and (one == two or self.follows(Le(one.extent, two.extent)))

    def follows(self, condition: Any) -> bool:
        try:
            return self.given.implies(condition)
        except NotAffine:
            return False

    def within(self, one: Corner, other: Corner) -> bool:
        """Whether a box is found to be within another one."""
        pairs = zip(one, other, strict=True)
        return all(any(self.least(x, y) for x in mine) for mine, theirs in pairs for y in theirs)

    def widest(self, corners: Sequence[Corner]) -> list[Corner]:
        """Without boxes that are within others."""
        return without_implied(corners, self.within)

    def union(self, corners: Sequence[Corner]) -> dict[Corner, int]:
        """The boxes of which the union is a sum, each so many times. Raises NotCountable for very many of them."""

        def meet(one: Corner, other: Corner) -> Corner:
            return tuple(self.fewest(x | y) for x, y in zip(one, other, strict=True))

        return intersections(self.widest(corners), meet, _MOST)

    def fewest(self, ends: Iterable[Expr]) -> Ends:
        """Without ends that are never less than another one."""
        return frozenset(without_implied(sorted(ends, key=text), lambda e, other: self.least(other, e)))

    def most(self, ends: Iterable[Expr]) -> Ends:
        """Without ends that are never more than another one."""
        return frozenset(without_implied(sorted(ends, key=text), self.least))

    def outside(self, corners: Sequence[Corner], rank: int) -> list[Corner]:
        """The least offsets that exceed an end of each box, by the ends that they exceed along every axis.

        Without those that are found never to be nearer to 0 than others, along any axis.
        """

        def further(one: Corner, other: Corner) -> bool:
            pairs = zip(one, other, strict=True)
            return all(any(self.least(y, x) for x in mine) for mine, theirs in pairs for y in theirs)

        beyond: list[Corner] = [(frozenset(),) * rank]
        for corner in corners:
            exceeding = (
                (*offset[:k], self.most(offset[k] | {end}), *offset[k + 1 :])
                for offset in beyond
                for k, ends in enumerate(corner)
                for end in ends
            )
            beyond = without_implied(exceeding, further)
        return beyond
