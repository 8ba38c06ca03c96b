"""Conditions on indices as chains that read well, opposite bounds together and like bounds grouped.

0 <= i + a and i + a <= n - 1   ⟶   0 ≤ i + a < n        -Δ ≤ a ≤ Δ and -Δ ≤ b ≤ Δ   ⟶   |a|, |b| ≤ Δ
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sympy import Add, And, Expr, Not, Symbol, false

from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.remembered import text

if TYPE_CHECKING:
    from derive.forms.notation import Notation

__all__ = ["SIZES", "Chain", "affine_part", "chains", "write_conditions"]


SIZES = ("N", "K", "n", "m", "p", "Delta", "C", "D")
_RANKS = "ijhklgabecdstwxyz"


def _rank(symbol: Symbol) -> tuple[int, str]:
    """Places, then offsets, channels and shifts; sizes last."""
    if symbol.name in SIZES:
        return (len(_RANKS) + SIZES.index(symbol.name), symbol.name)
    return (_RANKS.find(symbol.name[0]) if symbol.name[0] in _RANKS else len(_RANKS), symbol.name)


@dataclass(frozen=True, slots=True)
class Bound:
    """An end of a range, itself included unless `strict`."""

    value: Expr
    strict: bool


@dataclass(frozen=True, slots=True)
class Chain:
    """lower ≤ each of the middles ≤ upper; `size` where both say |middle| ≤ upper."""

    middles: tuple[Expr, ...]
    lower: Bound | None
    upper: Bound | None
    size: bool = False

    def write(self, to: Notation) -> str:
        """The chain as text."""
        middle = ", ".join(to.size.format(to(m)) if self.size else to(m) for m in self.middles)
        if self.lower is not None and self.lower == self.upper and not self.lower.strict:
            return (
                _equal(self.middles[0], self.lower.value, to)
                if len(self.middles) == 1
                else f"{middle} = {to(self.lower.value)}"
            )
        if self.lower is not None and self.upper is None:
            return f"{middle}{to.more if self.lower.strict else to.at_least}{to(self.lower.value)}"
        text = middle
        if self.lower is not None and not self.size:
            text = f"{to(self.lower.value)}{to.less if self.lower.strict else to.at_most}{text}"
        if self.upper is not None:
            text += f"{to.less if self.upper.strict else to.at_most}{to(self.upper.value)}"
        return text


def _equal(middle: Expr, value: Expr, to: Notation) -> str:
    """k - i = 0 as k = i."""
    terms = [(s, middle.coeff(s)) for s in middle.free_symbols]
    if value == 0 and sorted(rate for _, rate in terms) == [-1, 1]:
        (left,), (right,) = ([s for s, rate in terms if rate == sign] for sign in (1, -1))
        return f"{to(left)} = {to(right)}"
    return f"{to(middle)} = {to(value)}"


@lru_cache(maxsize=1 << 14)
def affine_part(condition: Any) -> tuple[Polyhedron, tuple[Any, ...]]:
    """The affine conjuncts as a polyhedron, and the others."""
    affine, rest = [], []
    for part in sorted(And.make_args(condition), key=text):  # SymPy keeps them in a set
        try:
            Polyhedron.of(part)
            affine.append(part)
        except NotAffine:
            rest.append(part)
    return Polyhedron.of(*affine), tuple(rest)


def chains(body: Polyhedron, letters: Collection[Symbol]) -> tuple[Chain, ...]:
    """The inequalities between `letters`, in their order, then those on sizes alone."""
    lowers: dict[Expr, list[Bound]] = {}
    uppers: dict[Expr, list[Bound]] = {}
    for row in body.rows:
        middle, value, above = _split(body.names, row, letters)
        side = lowers if above else uppers
        side.setdefault(middle, []).append(_bound(value, above))
    found: list[Chain] = []
    for middle in sorted({*lowers, *uppers}, key=lambda e: _place(e, letters)):
        below, over = lowers.get(middle, []), uppers.get(middle, [])
        for number in range(max(len(below), len(over))):
            low = below[number] if number < len(below) else None
            high = over[number] if number < len(over) else None
            found.append(_chain(middle, low, high))
    return tuple(_grouped(found))


def _split(names: Sequence[Symbol], row: Sequence[int], letters: Collection[Symbol]) -> tuple[Expr, Expr, bool]:
    """(middle, value, True) for middle ≥ value, with False for ≤; the middle's last letter has a plus."""
    terms = [(s, v) for s, v in zip(names, row, strict=False) if v]
    inside = [t for t in terms if t[0] in letters]
    if not inside:
        inside = [max(terms, key=lambda t: (t[1] > 0, t[0].name))]
    rest = Add(*(v * s for s, v in terms if (s, v) not in inside), row[-1])
    last = max(inside, key=lambda t: _rank(t[0]))
    sign = 1 if last[1] > 0 else -1
    middle = Add(*(sign * v * s for s, v in inside))
    return middle, -sign * rest, sign > 0


def _bound(value: Expr, above: bool) -> Bound:
    """n - 1 as an upper end is n, excluded; 1 - n as a lower end is -n, excluded."""
    if value.free_symbols and value.as_coeff_Add()[0] == (1 if above else -1):
        return Bound(value + (-1 if above else 1), True)
    return Bound(value, False)


def _chain(middle: Expr, low: Bound | None, high: Bound | None) -> Chain:
    size = low is not None and high is not None and low.strict == high.strict and low.value == -high.value
    return Chain((middle,), low, high, size and bool(high and high.value.free_symbols))


def _grouped(found: Iterable[Chain]) -> list[Chain]:
    """|a| ≤ Δ and |b| ≤ Δ as one, n ≥ 1 and m ≥ 1 as one; other chains stay apart."""
    groups: list[Chain] = []
    for chain in found:
        twin = next((g for g in groups if _alike(g, chain)), None)
        if twin is None:
            groups.append(chain)
        else:
            groups[groups.index(twin)] = replace(twin, middles=(*twin.middles, *chain.middles))
    return groups


def _alike(one: Chain, other: Chain) -> bool:
    same = (one.lower, one.upper) == (other.lower, other.upper)
    return same and ((one.size and other.size) or one.upper is None)


def _place(middle: Expr, letters: Collection[Symbol]) -> tuple[Any, ...]:
    places = sorted(map(_rank, middle.free_symbols))
    return (not middle.free_symbols & set(letters), len(places) > 1, places, text(middle))


def write_conditions(condition: Any, letters: Collection[Symbol], to: Notation, known: Any = True) -> tuple[str, ...]:
    """Each chain of a condition as text; what `known` implies is left out, what isn't affine comes last."""
    body, rest = affine_part(condition)
    context, _ = affine_part(known)
    body = body.simplify(context)
    if any(not any(row[:-1]) for row in body.rows):  # of no letter: a contradiction
        return (to(false),)
    parts = [chain.write(to) for chain in chains(body, letters)]
    for part in rest:
        if isinstance(part, Not):
            inner = write_conditions(part.args[0], letters, to)
            parts.append(to.negated.format(to.both.join(inner)))
        else:
            parts.append(to(part))
    return tuple(parts)
