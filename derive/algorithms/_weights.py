"""The weights of a window as an array of the letters that an algorithm multiplies by, made once.

    F[a, .., c, d] = ±V[|a|, .., c, d]              read by whatever subscripts, 0 where no term reads it
    F[a, .., c, d] = Σ_r V[a, .., r]·B[c, d, r]     in a basis, of numbers B that the layer brings along

Algorithms are stated for F, so that each of them fits weights of all these kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, prod
from typing import Any

from sympy import Expr, Integer, S, Symbol, true

from derive.algorithms._bilinear import constant_roundings
from derive.algorithms._entries import entry, multiplied
from derive.algorithms._window import Window, fresh
from derive.errors import NoLowering
from derive.ir.nodes import Access, Copy, Guard, Loop, Range
from derive.ir.stages import MatMul, Room, Stage

__all__ = ["Basis", "adjacent", "basis", "gathered"]

Made = tuple[str, tuple[Room, ...], tuple[Stage, ...]]
ZERO = Integer(0)
_BITS = 24  # of float32, in which float16 is computed


@dataclass(frozen=True, slots=True)
class Basis:
    """How far weights in a basis are from exact ones: `roundings` on a path, of `products` an entry, by numbers up to `largest`."""

    roundings: int = 0
    products: int = 0
    largest: int = 1

    def losses(self, taps: int, factor: Fraction, lost: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """What underflows in a bilinear algorithm that amplifies by `factor`, with what is lost of the weights of all taps."""
        first, each, read, met = lost
        return first, each, read + ceil(factor) * taps * self.products, met * self.largest


def basis(found: Window) -> Basis:
    """Of a weight that is one entry, none."""
    if not found.based:
        return Basis()
    (values,) = (p.values for p in found.form.weights if p.values is not None)
    products = prod(int(a.extent) for a in found.ranks)
    numbers = [Fraction(int(v.p), int(v.q)) for v in values if v != 0]
    once = max((constant_roundings(n, _BITS) for n in numbers), default=0)
    return Basis(products - 1 + once, products, ceil(max((abs(n) for n in numbers), default=0)) or 1)


def gathered(
    found: Window, letters: tuple[Symbol, ...], extents: tuple[Expr, ...], factor: int = 0, called: str = "F"
) -> Made:
    """A factor of the weight as an array of these letters, 0 where no term reads it: its own array, or one made of it once."""
    over = tuple(Range(s, ZERO, e) for s, e in zip(letters, extents, strict=True))
    if found.based:
        return _summed(found, over, called)
    (name,) = fresh(called, found.form)
    return _copied(found.factors[factor], found.mask, over, name.name, found.sign)


def _copied(weight: Access, mask: Any, over: tuple[Range, ...], name: str, sign: Expr = S.One) -> Made:
    letters = tuple(r.symbol for r in over)
    if weight.subscripts == letters and mask == true and sign == 1:
        return weight.array, (), ()
    reads = weight.subscripts
    tied = mask.free_symbols | sign.free_symbols
    looped = [r for r in over if r.symbol in tied or not _swept(r.symbol, reads, set(letters))]
    says = f"{entry(Access(name, letters))} = {multiplied(sign)}{entry(weight)}"
    kept = tuple(r for r in over if r not in looped)
    body: Stage = Copy(Access(name, letters), kept, weight, "" if looped else says, sign)
    body = body if mask == true else Guard(mask, (body,))
    for r in reversed(looped):
        body = Loop(r, (body,), says if r == looped[0] else "")
    return name, (Room(name, tuple(r.stop for r in over), mask != true),), (body,)


def _swept(symbol: Symbol, subscripts: tuple[Expr, ...], letters: set[Symbol]) -> bool:
    """Whether a letter moves one subscript forwards as a slice, alone."""
    met = [e for e in subscripts if symbol in e.free_symbols]
    return len(met) == 1 and not (met[0] - symbol).free_symbols & letters


def _summed(found: Window, over: tuple[Range, ...], called: str) -> Made:
    """Σ weight·numbers, as a product of matrices for each value of the letters that both have."""
    weight, numbers = found.factors
    own, others = ({s for e in a.subscripts for s in e.free_symbols} for a in (weight, numbers))
    has = {r: (r.symbol in own, r.symbol in others) for r in over}
    batch, rows, columns = (
        _ordered([r for r in over if has[r] == h], access)
        for h, access in (((True, True), weight), ((True, False), weight), ((False, True), numbers))
    )
    inner = tuple(Range(a.symbol, ZERO, a.extent) for a in found.ranks)
    plain = (*batch, *rows, *columns)
    if found.sign != 1:
        raise NoLowering("it needs a basis whose numbers have the signs")
    if len(plain) < len(over) or not {r.symbol for r in inner} <= own & others:
        raise NoLowering("it needs letters that all say which weight or which number is read")
    name, product, one, two = (s.name for s in fresh(f"{called} {called}1 {called}2 {called}3", found.form))
    left, made, fixed = _side(weight, found.mask, batch, (rows, inner), one)
    right, more, then = _side(numbers, found.mask, batch, (inner, columns), two)
    if not any(found.mask.free_symbols <= {r.symbol for r in (*batch, *side, *inner)} for side in (rows, columns)):
        raise NoLowering("it needs conditions on the letters of weights, or of numbers, alone")
    target = Access(name if over == plain else product, tuple(r.symbol for r in plain))
    says = f"{entry(target)} = {' '.join(f'Σ_{r.symbol}' for r in inner)} {entry(left)}·{entry(right)}"
    stage = MatMul(target, left, right, batch, rows, inner, columns, says)
    room = Room(target.array, tuple(r.stop for r in plain))
    _, last, copied = _copied(target, true, over, name)
    return name, (*made, *more, room, *last), (*fixed, *then, stage, *copied)


def _ordered(ranges: list[Range], access: Access) -> tuple[Range, ...]:
    """Ranges in the order in which an array has their letters, where each is a subscript of it."""
    letters = access.subscripts
    return tuple(sorted(ranges, key=lambda r: letters.index(r.symbol) if r.symbol in letters else len(letters)))


def _side(
    access: Access, mask: Any, batch: tuple[Range, ...], groups: tuple[tuple[Range, ...], ...], name: str
) -> tuple[Access, tuple[Room, ...], tuple[Stage, ...]]:
    """One side of a product as matrices: as it is, or copied; 0 under a mask of which it has all letters."""
    over = (*batch, *(r for group in groups for r in group))
    letters = tuple(r.symbol for r in over)
    mask = mask if mask.free_symbols <= set(letters) else true
    plain = mask == true and set(access.subscripts) == set(letters) and len(access.subscripts) == len(letters)
    if plain and all(adjacent(access.subscripts, [r.symbol for r in group]) for group in groups):
        return access, (), ()
    held, rooms, stages = _copied(access, mask, over, name)
    return Access(held, letters), rooms, stages


def adjacent(subscripts: tuple[Expr, ...], letters: Sequence[Symbol]) -> bool:
    """Whether letters are subscripts next to each other, in order."""
    places = [subscripts.index(s) for s in letters]
    return all(two == one + 1 for one, two in pairwise(places))
