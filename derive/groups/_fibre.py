"""How a point group acts on channels: signed permutations of one axis for each of its elements.

trivial      no channel moves, as where nothing is said
sign         every channel changes its sign under a reflection, as the matrix's determinant does, which is another name for it
regular      the axis holds one channel an element, in the order of `PointGroup.matrices`; g carries h to g·h
vector       the axis holds one channel a grid axis; g acts by its own matrix, where that is a signed permutation
anything     a `Representation` of the group's generators, sums and products included
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from sympy import Expr, Integer, Symbol

from derive.errors import RuleRefused
from derive.forms.form import Array, Axis
from derive.groups._cases import written
from derive.groups._finite.codes import compose
from derive.groups._finite.representation import Representation, characters, monomial, trivial
from derive.groups._matrices import Matrix, closure, determinant, product
from derive.groups._signs import times

__all__ = ["Acts", "Fibre", "adds", "beside", "channels_of", "codes_of", "fibre", "representation", "sign_of"]

Acts = str | Representation
_NAMES = ("trivial", "sign", "regular", "vector", "determinant")


@dataclass(frozen=True, slots=True)
class Fibre:
    """One element's action on one channel axis: where each channel goes, and with which sign."""

    letter: Symbol
    images: tuple[int, ...]
    signs: tuple[int, ...]

    @classmethod
    def of(cls, letter: Symbol, codes: Iterable[int]) -> Fibre:
        """What these codes do to the axis with that letter."""
        found = [int(c) for c in codes]
        return cls(letter, tuple(c >> 1 for c in found), tuple(1 - 2 * (c & 1) for c in found))

    @property
    def place(self) -> Expr:
        """The letter's image; an axis on which only signs act stays."""
        if len(self.images) == 1:
            return self.letter
        return written((self.letter,), {(p,): Integer(q) for p, q in enumerate(self.images)})

    @property
    def sign(self) -> Expr:
        """The sign, in the letter."""
        return written((self.letter,), {(p,): Integer(s) for p, s in enumerate(self.signs)})


def channels_of(array: Array, fibres: tuple[Fibre, ...]) -> dict[Symbol, Expr]:
    """Where an element carries an array's channels."""
    return {f.letter: f.place for f in fibres if f.letter in array.symbols}


def sign_of(array: Array, fibres: tuple[Fibre, ...]) -> Expr:
    """The sign that an element gives an array's entries."""
    return reduce(times, (f.sign for f in fibres if f.letter in array.symbols), Integer(1))


def fibre(axis: Axis, acts: Acts, generators: tuple[Matrix, ...]) -> tuple[Fibre, ...]:
    """What each element of the closure does to the axis.

    Raises RuleRefused for a name that is none, an axis of another size, or codes that are no representation.
    """
    codes = representation(acts, generators)
    if codes.size != 1 and axis.extent != codes.size:
        raise RuleRefused(f"The axis '{axis.symbol}' has {axis.extent} channels; the group acts there on {codes.size}.")
    table = codes_of(codes, generators)
    return tuple(Fibre.of(axis.symbol, table[m]) for m in closure(generators))


def representation(acts: Acts, generators: tuple[Matrix, ...]) -> Representation:
    """What the generators do to channels. Raises RuleRefused for a name that is none, or codes of other generators."""
    if isinstance(acts, Representation):
        if acts.generators != len(generators):
            raise RuleRefused(
                f"A representation lists one signed permutation a generator; this one lists {acts.generators}, "
                f"and the group has {len(generators)}."
            )
        return acts
    if acts == "trivial":
        return trivial(len(generators))
    if acts == "regular":
        return Representation(_regular(generators))
    if acts == "vector":
        return monomial(generators)
    if acts in ("sign", "determinant"):
        return characters(determinant(m) for m in generators)
    raise RuleRefused(f"Channels carry one of {', '.join(_NAMES)}, or a Representation; '{acts}' is none of them.")


def adds(acts: Acts | None, generators: tuple[Matrix, ...]) -> bool:
    """Whether channels hold a vector and a matrix adds axes, as turns of the hexagonal lattice do, so that channels are added."""
    return acts == "vector" and any(
        sum(map(abs, part)) != 1 for m in generators for part in (*m, *zip(*m, strict=True))
    )


def _regular(generators: tuple[Matrix, ...]) -> np.ndarray:
    elements = closure(generators)
    number = {m: p for p, m in enumerate(elements)}
    return np.array([[2 * number[product(g, m)] for m in elements] for g in generators])


def beside(
    generators: tuple[Matrix, ...], codes: Sequence[Representation], most: int
) -> list[tuple[Matrix, tuple[tuple[int, ...], ...]]] | None:
    """All products of the generators, each a matrix beside what it does to some channel axes; None for more than so many."""
    steps = [(m, tuple(c.codes[k] for c in codes)) for k, m in enumerate(generators)]
    found = {(closure(generators)[0], tuple(tuple(range(0, 2 * c.size, 2)) for c in codes)): None}
    waiting = list(found)
    for element, acts in waiting:
        for m, images in steps:
            moved = (compose(image, np.array(act)) for image, act in zip(images, acts, strict=True))
            other = product(m, element), tuple(tuple(map(int, act)) for act in moved)
            if other not in found:
                found[other] = None
                waiting.append(other)
        if len(found) > most:
            return None
    return list(found)


def codes_of(codes: Representation, generators: tuple[Matrix, ...]) -> dict[Matrix, tuple[int, ...]]:
    """The codes of every element, as products of generators. Raises RuleRefused where two products of one element differ."""
    first = closure(generators)[0]
    found = {first: tuple(2 * p for p in range(codes.size))}
    waiting = [first]
    for m in waiting:
        for g, images in zip(generators, codes.codes, strict=True):
            other, own = product(g, m), tuple(int(c) for c in compose(images, np.array(found[m])))
            if other not in found:
                found[other] = own
                waiting.append(other)
            elif found[other] != own:
                raise RuleRefused("The signed permutations are no representation: two products of one element differ.")
    return found
