"""Permutation groups by generators, such as all turns of a Rubik's cube, on grids of numeric sizes.

Each generator is an element; its images are a table, so g·i is the read G1[i]. Signed permutations have a second table each.
On channels a group acts as it is told to, through a representation of the same generators:

    trivial    no channel moves, as where nothing is said
    sign       every channel changes its sign under an odd permutation
    vector     one channel a point, moved as the points are
    regular    one channel an element, in the order of `PermutationGroup.elements`; g carries h to g·h
    anything   a `Representation`, sums and products included

Groups and representations to state this with are in `derive.finite`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

from sympy import Expr, Integer, Mul, Symbol, floor, true

from derive.errors import RuleRefused
from derive.forms.arguments import explained, hold_tuples, said
from derive.forms.expr import Read, index
from derive.forms.form import Array, Axis, Form, Role, Table
from derive.groups._fibre import Acts
from derive.groups._finite import (
    PermutationGroup,
    Representation,
    defining,
    parity,
    regular,
    trivial,
)
from derive.groups._group import Action, Element, Group, Tie, channel_acts, chosen_axes
from derive.groups._joined import listed

__all__ = ["Permutations"]

_POINT = index("p")


@explained
@dataclass(frozen=True)
class Permutations:
    """The group that permutations, signed ones too, generate: on the places of a whole grid, or along each of its `axes`.

    A grid of several axes has its places in row-major order. Along `axes` = (0, 1), each generator moves both subscripts at once,
    as it does on tensors; axes that a side of the layer lacks are left out there. `channels` says how the group acts on channel
    axes, by their letters: {"r": "regular"}.
    """

    group: PermutationGroup | Representation
    axes: tuple[int, ...] | None = None
    channels: Mapping[str, Acts] | None = None

    def __post_init__(self) -> None:
        hold_tuples(self)
        if not isinstance(self.group, (PermutationGroup, Representation)):
            raise RuleRefused(
                f"Permutations takes a group by its generators, such as symmetric(4); {said(self.group)} is none."
            )

    def __str__(self) -> str:
        size, generators = self.action.size, self.action.generators
        along = "" if self.axes is None else f", axes={self.axes}"
        acts = f", channels={{{', '.join(map(_shown, channel_acts(self.channels).items()))}}}" if self.channels else ""
        return f"Permutations({generators} of {size} points{along}{acts})"

    @property
    def action(self) -> Representation:
        """The generators as signed permutations."""
        return defining(self.group) if isinstance(self.group, PermutationGroup) else self.group

    def tables(self, form: Form) -> tuple[Table, ...]:
        """What the elements' images and signs are read from."""
        pairs = [pair for action, mark in self._actions(form) for pair in _pairs(action, mark)]
        return tuple(table for pair in pairs for table in pair if table is not None)

    def _actions(self, form: Form) -> Iterator[tuple[Representation, str]]:
        """What moves points, then what moves each channel axis of several channels, with a mark for its tables."""
        yield self.action, ""
        for letter, acts in self._fibres(form).items():
            if acts.size > 1:
                yield acts, f"_{letter}"

    def _fibres(self, form: Form) -> dict[str, Representation]:
        """How the generators act on each channel axis that is stated. Raises RuleRefused for another axis or number of channels."""
        axes = {a.symbol.name: a for a in (*form.output.axes, *form.input.axes) if a.role is Role.CHANNEL}
        found = {}
        for letter, how in channel_acts(self.channels).items():
            if letter not in axes:
                raise RuleRefused(f"{self} acts on channels '{letter}'; there are {', '.join(axes) or 'no channels'}.")
            acts = found[letter] = self._acts(how)
            if acts.generators != self.action.generators:
                raise RuleRefused(
                    f"The representation on '{letter}' lists {acts.generators} generators; the group has {self.action.generators}."
                )
            if acts.size != 1 and axes[letter].extent != acts.size:
                raise RuleRefused(
                    f"The axis '{letter}' has {axes[letter].extent} channels; the group acts there on {acts.size}."
                )
        return found

    def _acts(self, how: Acts) -> Representation:
        if isinstance(how, Representation):
            return how
        if how in ("trivial", "vector"):
            return self.action if how == "vector" else trivial(self.action.generators)
        if how not in ("sign", "regular"):
            raise RuleRefused(f"There is no action '{how}' on channels; there are trivial, sign, vector, regular.")
        if not isinstance(self.group, PermutationGroup):
            raise RuleRefused(f"Signed permutations say nothing of '{how}' channels; give their Representation.")
        return parity(self.group) if how == "sign" else regular(self.group)

    def elements(self, form: Form) -> tuple[Element, ...]:
        """One element a generator; every other one is a product of them. Raises RuleRefused for a grid of another size."""
        sides = tuple(self._side(array, form) for array in (form.output, form.input))
        fibres = self._fibres(form)
        found = []
        for number, pair in enumerate(_pairs(self.action, ""), 1):
            moved = []
            for side, array in zip(sides, (form.output, form.input), strict=True):
                out, sign = _moved(side, pair[0].name, pair[1].name if pair[1] else None)
                for letter in (s for s in array.symbols if s.name in fibres):
                    image, own = _channel(letter, fibres[letter.name], number - 1)
                    out, sign = out | image, sign * own
                moved.append((out, sign))
            (out, plus), (source, minus) = moved
            found.append(Element((), true, out, source, f"g{number}", f"generator {number}", (plus, minus)))
        return tuple(found)

    def _side(self, array: Array, form: Form) -> list[tuple[Axis, ...]]:
        """The axes that one point stands for: each of those stated, or all of the grid's together."""
        grid = [array.axes[p] for p in form.grid(array)]
        chosen_axes(self, self.axes, max(len(form.grid(form.output)), len(form.grid(form.input))))
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

    def joined(self, other: Group, form: Form) -> Permutations | None:
        """The generators of the other, then its own, each on channels as it is told; None along other axes."""
        if not isinstance(other, Permutations) or other.axes != self.axes or other.action.size != self.action.size:
            return None
        acts = [(group, group._fibres(form)) for group in (other, self)]
        letters = dict.fromkeys(letter for _, fibres in acts for letter in fibres)
        channels: dict[str, Acts] = {}
        for letter in letters:
            channels[letter] = listed([f.get(letter, trivial(group.action.generators)) for group, f in acts])
        return Permutations(listed([other.action, self.action]), self.axes, channels or None)

    def tie(self, action: Action) -> Tie:
        """Orbits of tables are found by the engine: see `derive.rules._tabled`."""
        raise RuleRefused(f"{self} ties weights by tables alone.")

    def keeps(self, elements: tuple[Element, ...]) -> str:
        """The generators by their names."""
        return ", ".join(e.notation for e in elements) or "no generator"


def _pairs(action: Representation, mark: str) -> Iterator[tuple[Table, Table | None]]:
    """For each generator its images, and its signs where it has any."""
    box = (Axis(_POINT, Integer(0), Integer(action.size - 1)),)
    for number, codes in enumerate(action.codes.tolist(), 1):
        images = Table(Array(f"G{number}{mark}", box), tuple(c >> 1 for c in codes))
        signs = Table(Array(f"Z{number}{mark}", box), tuple(1 - 2 * (c & 1) for c in codes))
        yield images, signs if -1 in signs.values else None


def _channel(letter: Symbol, acts: Representation, number: int) -> tuple[dict[Symbol, Expr], Expr]:
    """Where a generator carries a channel, and the sign; one that acts by a sign alone does so on any number of channels."""
    if acts.size == 1:
        return {}, Integer(1 - 2 * (int(acts.codes[number, 0]) & 1))
    images, signs = list(_pairs(acts, f"_{letter}"))[number]
    return {letter: Read(images.name, letter)}, Read(signs.name, letter) if signs else Integer(1)


def _shown(item: tuple[str, Acts]) -> str:
    letter, acts = item
    return f'"{letter}": ' + (f'"{acts}"' if isinstance(acts, str) else f"{acts.size} channels")


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
