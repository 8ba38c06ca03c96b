"""Permutation groups by generators, such as all turns of a Rubik's cube, on grids of numeric sizes.

Each generator is an element; its images are a table, so g·i is the read G1[i]. Signed permutations have a second table each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from sympy import Expr, Integer, Mul, Symbol, floor, true

from derive.errors import RuleRefused
from derive.forms.expr import Read, index
from derive.forms.form import Array, Axis, Form, Table
from derive.groups._finite import PermutationGroup, Representation, defining
from derive.groups._group import Action, Element, Tie

__all__ = ["Permutations"]

_POINT = index("p")


@dataclass(frozen=True)
class Permutations:
    """The group that permutations, signed ones too, generate: on the places of a whole grid, or along each of its `axes`.

    A grid of several axes has its places in row-major order. Along `axes` = (0, 1), each generator moves both subscripts at once,
    as it does on tensors; axes that a side of the layer lacks are left out there.
    """

    group: PermutationGroup | Representation
    axes: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.group, (PermutationGroup, Representation)):
            raise RuleRefused(
                f"Permutations takes a group by its generators, such as symmetric(4); {self.group!r} is none."
            )

    def __str__(self) -> str:
        size, generators = self.action.size, self.action.generators
        along = "" if self.axes is None else f", axes={self.axes}"
        return f"Permutations({generators} of {size} points{along})"

    @property
    def action(self) -> Representation:
        """The generators as signed permutations."""
        return defining(self.group) if isinstance(self.group, PermutationGroup) else self.group

    def tables(self, form: Form) -> tuple[Table, ...]:
        """What the elements' images and signs are read from."""
        return tuple(table for pair in self._pairs() for table in pair if table is not None)

    def _pairs(self) -> Iterator[tuple[Table, Table | None]]:
        box = (Axis(_POINT, Integer(0), Integer(self.action.size - 1)),)
        for number, codes in enumerate(self.action.codes.tolist(), 1):
            images = Table(Array(f"G{number}", box), tuple(c >> 1 for c in codes))
            signs = Table(Array(f"Z{number}", box), tuple(1 - 2 * (c & 1) for c in codes))
            yield images, signs if -1 in signs.values else None

    def elements(self, form: Form) -> tuple[Element, ...]:
        """One element a generator; every other one is a product of them. Raises RuleRefused for a grid of another size."""
        sides = tuple(self._side(array, form) for array in (form.output, form.input))
        found = []
        for number, (images, signs) in enumerate(self._pairs(), 1):
            (out, plus), (source, minus) = (_moved(side, images.name, signs.name if signs else None) for side in sides)
            says = f"generator {number}"
            found.append(Element((), true, out, source, f"g{number}", says, (plus, minus)))
        return tuple(found)

    def _side(self, array: Array, form: Form) -> list[tuple[Axis, ...]]:
        """The axes that one point stands for: each of those stated, or all of the grid's together."""
        grid = [array.axes[p] for p in form.grid(array)]
        known = set(range(max(len(form.grid(form.output)), len(form.grid(form.input)))))
        if self.axes is not None and not set(self.axes) <= known:
            raise RuleRefused(f"{self} permutes along axes that neither side of the layer has.")
        places: list[tuple[Axis, ...]] = [(grid[a],) for a in self.axes or () if a < len(grid)]
        if self.axes is None and grid:
            places = [tuple(grid)]
        for axes in places:
            extent = prod(axis.extent for axis in axes)
            if extent != self.action.size:
                letters = ", ".join(a.symbol.name for a in axes)
                raise RuleRefused(
                    f"The group permutes {self.action.size} points, and {array.name} has {extent} places along {letters}; "
                    f"state sizes as numbers, such as derive.dense(outputs={self.action.size}, inputs={self.action.size}), "
                    f"or the axes that it acts along."
                )
        return places

    def tie(self, action: Action) -> Tie:
        """Orbits of tables are found by the engine: see `derive.rules._tabled`."""
        raise RuleRefused(f"{self} ties weights by tables alone.")

    def keeps(self, elements: tuple[Element, ...]) -> str:
        """The generators by their names."""
        return ", ".join(e.notation for e in elements) or "no generator"


def _moved(places: list[tuple[Axis, ...]], images: str, signs: str | None) -> tuple[dict[Symbol, Expr], Expr]:
    """The letters of moved places, and the sign."""
    moved: dict[Symbol, Expr] = {}
    sign: list[Expr] = []
    for axes in places:
        point: Expr = Integer(0)
        for axis in axes:
            point = point * axis.extent + axis.symbol
        image, rest = Read(images, point), Integer(1)
        for axis in reversed(axes):
            here = image if rest == 1 else floor(image / rest)
            moved[axis.symbol] = here if axis is axes[0] else here - axis.extent * floor(image / (rest * axis.extent))
            rest = rest * axis.extent
        sign += [Read(signs, point)] if signs else []
    return moved, Mul(*sign)
