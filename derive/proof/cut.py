"""A mask that cuts the orbits of a group, shown: a layer with the symmetry of which the mask leaves one without it.

The layer has ±1 at the pairs of one orbit. The mask has some of them and not others, so that an input which is 1 at one place has
H(gX)[g·o] ≠ ±H(X)[o] at some place o, by plain arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import Integer, Symbol

from derive.forms.denote import entry_reader
from derive.forms.evaluate import evaluate, grid
from derive.forms.expr import reads
from derive.forms.form import Form, Table
from derive.proof.counterexample import Box, Counterexample
from derive.proof.pasted import places, settled
from derive.proof.small import numbered, sides_at, sizes_of
from derive.proof.step import Clause

__all__ = ["cut", "inside_of"]

_LARGEST = 14  # of the sum of sizes

Sizes = Mapping[Symbol, int]


def cut(masked: Form, clauses: tuple[Clause, ...], tables: tuple[Table, ...] = ()) -> Counterexample | None:
    """Where what a mask leaves of a layer breaks the group's law, at the smallest sizes; None where no orbit is cut.

    The clauses are about `dense_like(masked)`; each says that two entries of W are equal, or up to a sign.
    """
    laws = [c for c in clauses if any(r.array == "W" for side in (c.left, c.right) for r in reads(side))]
    for sizes in sizes_of(masked, tuple(laws), _LARGEST):
        inside = inside_of(masked, sizes)
        moves = [_Moves.of(masked, law, inside.shape, sizes, tables) for law in laws]
        for move in moves:
            for point in move.cut(inside.ravel()):
                whole = _orbit(moves, move.pair(point), inside.size)
                if whole is not None:
                    return _shown(masked, move, point, whole.reshape(inside.shape) * inside, sizes, tables)
    return None


def inside_of(form: Form, sizes: Sizes) -> np.ndarray:
    """Which pairs of places the mask has: all weights 1, those are the coefficients that aren't 0."""
    learned = [p for p in form.params if p.values is None]
    shapes = {p.name: [int(evaluate(e, sizes)) for e in p.array.shape] for p in learned}
    arrays = {name: np.ones(shape, int) for name, shape in shapes.items()} | numbered(form, sizes)
    axes = (*form.output.axes, *form.input.axes)
    ends = {a.symbol: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for a in axes}
    read = entry_reader(form, arrays, sizes)
    values = evaluate(form.coefficient(form.input.symbols), dict(sizes) | grid(ends), read)
    found: np.ndarray = np.broadcast_to(values, [high - low + 1 for low, high in ends.values()]) != 0
    return found


@dataclass(frozen=True, eq=False)
class _Moves:
    """A law at every point where it speaks: the two pairs that it ties, numbered from 1, with a sign each."""

    law: Clause
    points: np.ndarray
    left: np.ndarray
    right: np.ndarray

    @classmethod
    def of(cls, form: Form, law: Clause, shape: tuple[int, ...], sizes: Sizes, tables: tuple[Table, ...]) -> _Moves:
        pairs = np.arange(1, np.prod(shape, dtype=int) + 1).reshape(shape)
        lows, given, *sides = sides_at(form, law, {"W": pairs}, sizes, tables)
        left, right = (np.broadcast_to(side, given.shape)[given] for side in sides)
        return cls(law, np.argwhere(given) + lows, left, right)

    def cut(self, inside: np.ndarray) -> Iterator[int]:
        """The points of which one pair is inside, those nearest to 0 first."""
        wrong = np.flatnonzero(inside[np.abs(self.left) - 1] != inside[np.abs(self.right) - 1])
        order = np.argsort(np.abs(self.points[wrong]).sum(1), kind="stable")
        return map(int, wrong[order])

    def pair(self, point: int) -> int:
        """The pair that a point moves."""
        return abs(int(self.right[point]))


def _orbit(moves: list[_Moves], start: int, count: int) -> np.ndarray | None:
    """The layer that is 1 at a pair and tied by the laws, ±1 on its orbit and else 0; None where signs force it to be 0."""
    left, right = (np.concatenate(part) for part in zip(*((m.left, m.right) for m in moves), strict=True))
    signs, here, there = np.sign(left) * np.sign(right), np.abs(left) - 1, np.abs(right) - 1
    found = np.zeros(count, int)
    found[start - 1] = 1
    known = 0
    while known < (known := int(np.count_nonzero(found))):
        for one, other in ((here, there), (there, here)):
            met = found[one] != 0
            found[other[met]] = found[one[met]] * signs[met]
    return found if np.array_equal(found[here], found[there] * signs) else None


def _shown(
    form: Form, move: _Moves, point: int, W: np.ndarray, sizes: Sizes, tables: tuple[Table, ...]
) -> Counterexample:
    """W and X at one point of a law, and what the law says is equal."""
    letters = dict(zip(move.law.binders, map(int, move.points[point]), strict=True))
    at = {s: Integer(v) for s, v in (*sizes.items(), *letters.items())}
    lows = [int(evaluate(a.lower, sizes)) for a in (*form.output.axes, *form.input.axes)]
    sides = [settled(side, at, tables) for side in (move.law.left, move.law.right)]
    found = [next(iter(reads(side))) for side in sides]
    signs = [side.coeff(read) for side, read in zip(sides, found, strict=True)]
    spots = [tuple(int(s) - low for s, low in zip(r.subscripts, lows, strict=True)) for r in found]
    names = ("gX" if signs == [1, 1] else "Y", "X")  # the sign may be the input's
    rank = len(form.output.axes)
    entries = [(f"W[{places(spot)}]", int(W[tuple(spot)])) for spot in np.argwhere(W).tolist()]
    entries += [(f"{name}[{places(place[rank:])}]", 1) for name, place in zip(names[::-1], spots[::-1], strict=True)]
    shape = W.shape[rank:]
    boxes = (Box("W", W.shape, (0,) * W.ndim), *(Box(name, shape, (0,) * len(shape)) for name in names[::-1]))
    parts = zip(signs, names, spots, strict=True)
    return Counterexample(
        sizes=tuple((s.name, v) for s, v in sizes.items()),
        indices=tuple((s.name, v) for s, v in letters.items()),
        residue=sum((s * int(W[p]) * o for s, p, o in zip(signs, spots, (1, -1), strict=True)), Integer(0)),
        entries=tuple(entries),
        place="",
        boxes=boxes,
        sides=tuple(f"{_sign(s)}np.tensordot(W, {x}, {len(shape)})[{places(p[:rank])}]" for s, x, p in parts),
    )


def _sign(sign: Any) -> str:
    return "" if sign == 1 else "-"
