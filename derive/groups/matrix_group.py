"""Matrix groups over the rationals by generators: on places, on channels, or on both, with a representation for each side.

H(g X) = g H(X) says R_out(g)·W = W·R_in(g) for each generator. The layers that satisfy it are a vector space, and its exact basis
takes the place that orbits have for groups of permutations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from sympy import Integer

from derive.errors import RuleRefused
from derive.forms.arguments import as_tuples, explained
from derive.forms.form import Array, Form, Role
from derive.groups._finite import Matrices
from derive.groups._group import Action, Block, Element, Motion, Tie
from derive.groups.permutations import Permutations

__all__ = ["MatrixGroup"]

_ROLES = {"places": (Role.GRID,), "channels": (Role.CHANNEL,), "entries": (Role.GRID, Role.CHANNEL)}


@explained
@dataclass(frozen=True)
class MatrixGroup:
    """The group that pairs of invertible matrices generate: `out` acts on the output and `source`, else the same, on the input.

    Each is a list of matrices of integers or fractions, one a generator, or `derive.Matrices`, or permutations, signed ones too, a
    group of them, or `Permutations`. They act on all "places" of a side, row by row, on its "channels", or with `on="entries"` on
    both together. Along `axes` = (0, 1), counted among those, each generator acts on every one of these axes at once, as on
    tensors; axes that a side lacks are left out there.
    """

    out: Any
    source: Any = None
    axes: tuple[int, ...] | None = None
    on: str = "places"

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", as_tuples(self.axes))
        if self.on not in _ROLES:
            raise RuleRefused(f'A matrix group acts on "places", "channels" or "entries"; "{self.on}" is none of them.')
        if self.axes is not None and len(set(self.axes)) < len(self.axes):
            raise RuleRefused(f"A matrix acts along an axis once; axes={self.axes} names one twice.")
        object.__setattr__(self, "out", _matrices(self.out))
        object.__setattr__(self, "source", self.out if self.source is None else _matrices(self.source))
        if len(self.out.generators) != len(self.source.generators):
            raise RuleRefused(
                f"Both sides list the same generators; out has {len(self.out.generators)} and source has "
                f"{len(self.source.generators)}."
            )

    def __str__(self) -> str:
        along = "" if self.axes is None else f", axes={self.axes}"
        on = "" if self.on == "places" else f', on="{self.on}"'
        source = "" if self.source == self.out else f", source of size {self.source.size}"
        return f"MatrixGroup({self.out}{source}{along}{on})"

    def motions(self, form: Form) -> tuple[Motion, ...] | None:
        """The generators as they act on the form's arrays. Raises RuleRefused for axes of other sizes."""
        out, source = self._side(form.output, self.out), self._side(form.input, self.source)
        if not out and not source:
            raise RuleRefused(f"{self} acts along axes that neither side of the layer has.")
        pairs = zip(self.out.generators, self.source.generators, strict=True)
        return tuple(
            Motion(f"g{number}", tuple(Block(a, one) for a in out), tuple(Block(a, other) for a in source))
            for number, (one, other) in enumerate(pairs, 1)
        )

    def _side(self, array: Array, acting: Matrices) -> list[tuple[int, ...]]:
        """For each copy of the matrices the positions of the axes that it acts along."""
        found = list(self._places(array))
        for axes in found:
            extent = prod(array.axes[p].extent for p in axes)
            if extent != Integer(acting.size):
                letters = ", ".join(array.axes[p].symbol.name for p in axes)
                raise RuleRefused(
                    f"The matrices have size {acting.size}, and {array.name} has {extent} {self.on} along {letters}; "
                    f"state sizes as numbers, such as derive.dense(outputs={acting.size}, inputs={acting.size}), "
                    f"or the axes that they act along."
                )
        return found

    def _places(self, array: Array) -> Iterator[tuple[int, ...]]:
        own = [p for p, axis in enumerate(array.axes) if axis.role in _ROLES[self.on]]
        if self.axes is None:
            yield from [tuple(own)] if own else []
            return
        yield from ((own[a],) for a in self.axes if 0 <= a < len(own))

    def elements(self, form: Form) -> tuple[Element, ...]:
        """None: its elements move no place to one place."""
        raise RuleRefused(f"{self} doesn't permute places, so only rules that take matrices take it.")

    def tie(self, action: Action) -> Tie:
        """None: it ties no two entries, it spans a space of them."""
        raise RuleRefused(f"{self} ties weights by sums, not one to another.")

    def keeps(self, elements: tuple[Element, ...]) -> str:
        """The generators by their names."""
        return ", ".join(e.notation for e in elements) or "no generator"


def _matrices(given: Any) -> Matrices:
    """A representation by matrices, from what stands for one."""
    if isinstance(given, Permutations):
        if given.axes is not None:
            raise RuleRefused(
                f"{given} says along which axes it acts; give a matrix group its permutations, and axes= itself."
            )
        given = given.action
    return Matrices(given)
