"""How many orbits of products of functions a group of signed permutations of axes leaves, and how many of them are seen.

    even × even and odd × odd, exchanged by a rotation     ⟶   e (e + 1)/2 + o (o - 1)/2

Along every axis a basis of the functions on the window is given, in kinds: even functions, odd ones, and pairs that the axis'
reflection exchanges. Some kinds are not seen. Products of one function for each axis are a basis of all functions on a box, which
the group permutes up to signs, and what isn't seen is spanned by those with a factor that isn't. So a sum over an orbit is seen
exactly if some product of it is, and sums over different orbits show different products. An orbit counts if no element of the group
makes of a product its negative: by Burnside's lemma there are as many as the mean over the group of the products that stay, less
those that turn over. Where elements are to change the sign of the functions, it is the products that stay with that sign.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

from sympy import Expr, Integer, Or, Poly, Rational, expand

__all__ = ["Element", "Kind", "cycles", "orbits"]

Element = tuple[tuple[int, ...], tuple[int, ...]]  # where each axis goes, and with which sign


@dataclass(frozen=True, slots=True)
class Kind:
    """So many functions, `many` a letter or a number, which a reflection keeps with a sign, or exchanges with the kind `other`.

    `few` says when there are at most so many; `seen` are the axes, by position, along which they are; the function at the place
    alone is `central`.
    """

    many: Expr
    few: Callable[[int], Any]
    sign: int = 1
    other: int | None = None
    seen: bool | frozenset[int] = True
    central: bool = False

    def is_seen(self, axis: int) -> bool:
        return self.seen if isinstance(self.seen, bool) else axis in self.seen


def orbits(
    group: Mapping[Element, int], axes: Sequence[Sequence[Kind]], allowed: Callable[[frozenset[int]], bool]
) -> tuple[Expr, list[Any]]:
    """How many orbits are seen, and conditions that all hold where all are.

    The group says which sign each element gives. Axes that it exchanges have the same kinds; `allowed` says along which axes
    together a product may leave the place alone.
    """
    number, clauses = Integer(0), []
    for orbit in _of_kinds(group, axes, allowed):
        many = _burnside(group, axes, orbit)
        if many == 0:
            continue
        if any(all(axes[k][kind].is_seen(k) for k, kind in enumerate(kinds)) for kinds in orbit):
            number += many
        else:
            clauses += _least(many, len(axes))
    named = {kind.many: kind for kinds in axes for kind in kinds}
    said = [Or(*(named[s].few(low - 1) for s, low in clause.items())) for clause in _without_implied(clauses)]
    return expand(number), list(dict.fromkeys(said))


def _without_implied(clauses: Sequence[dict[Expr, int]]) -> list[dict[Expr, int]]:
    """Of alternatives that some letter is less than a number, those that no others imply."""
    apart = [clause for k, clause in enumerate(clauses) if clause not in clauses[:k]]

    def implies(one: dict[Expr, int], other: dict[Expr, int]) -> bool:
        return one != other and all(s in other and low <= other[s] for s, low in one.items())

    return [clause for clause in apart if not any(implies(other, clause) for other in apart)]


def _of_kinds(group: Iterable[Element], axes: Any, allowed: Any) -> Iterator[list[tuple[int, ...]]]:
    """Kinds for every axis that the group exchanges with each other."""
    left = dict.fromkeys(product(*(range(len(kinds)) for kinds in axes)))
    while left:
        first = next(iter(left))
        orbit = list(dict.fromkeys(_moved(element, axes, first) for element in group))
        for kinds in orbit:
            del left[kinds]
        if allowed(frozenset(k for k, kind in enumerate(first) if not axes[k][kind].central)):
            yield orbit


def _moved(element: Element, axes: Any, kinds: tuple[int, ...]) -> tuple[int, ...]:
    places, signs = element
    found = [0] * len(kinds)
    for k, (place, sign) in enumerate(zip(places, signs, strict=True)):
        other = axes[k][kinds[k]].other
        found[place] = kinds[k] if sign > 0 or other is None else other
    return tuple(found)


def _burnside(group: Mapping[Element, int], axes: Any, orbit: list[tuple[int, ...]]) -> Expr:
    total = Integer(0)
    for element, character in group.items():
        for kinds in orbit:
            if _moved(element, axes, kinds) == kinds:
                term = Integer(character)
                for (first, *_), sign in cycles(element):
                    kind = axes[first][kinds[first]]
                    term *= kind.many * (kind.sign if sign < 0 else 1)
                total += term
    return expand(total * Rational(1, len(group)))


@lru_cache(maxsize=1024)
def cycles(element: Element) -> tuple[tuple[tuple[int, ...], int], ...]:
    """Every cycle of axes, with the product of its signs."""
    places, signs = element
    left, found = set(range(len(places))), []
    while left:
        at, sign = min(left), 1
        cycle = []
        while at in left:
            left.discard(at)
            cycle.append(at)
            sign *= signs[at]
            at = places[at]
        found.append((tuple(cycle), sign))
    return tuple(found)


def _least(many: Expr, most: int) -> list[dict[Expr, int]]:
    """The least numbers of each letter at which there is an orbit, as at all larger ones: of each no more than there are axes."""
    letters = sorted(many.free_symbols, key=str)
    if not letters:
        return [{}]
    poly = Poly(many, *letters)
    some = [at for at in product(range(most + 1), repeat=len(letters)) if poly(*at) != 0]
    least = [a for a in some if not any(b != a and all(x <= y for x, y in zip(b, a, strict=True)) for b in some)]
    return [{s: low for s, low in zip(letters, at, strict=True) if low} for at in least]
