"""How many entries of a hexagon are told apart that turns by thirds tie, where p and q > p roots of 1 are seen along its axes.

    2Δ + 1 ≤ p + q - h     orbits of radius Δ, less those of radius Δ - p, h = gcd(p, q): half a turn counts these with a sign
    2Δ + 1 ≥ p + q         orbits of 3pq - 2h² places, of which a third of a turn keeps 3 where h is a multiple of 3, else 1, a
                           sixth 1, and half a turn 4 where p or q is even, else 1

With three angles of sum 0 between numbers z of magnitude 1 an entry is a product of powers of z. Seen are values at places (i, j),
where angle i is of a p-th root and the next one, j, of a q-th: in all pq for each i, and h² of them for all three. Let f be a sum
of entries that is 0 at all of these, P(p) the product of sin(p·angle/2) over the angles, and p-lines those where it is 0.

Entries of one residue mod h along each axis are summed by themselves, as where roots are of orders p/h and q/h. So let h be 1, and
a line have q + e entries in f, with an e for each direction: for h = 1 all are 2Δ + 1.

For e < p all f are multiples of P(p), which is of radius p. On lines of angle 0, f is 0 at q roots and at p - 1 others, where three
p-lines meet, so everywhere: f is a multiple of P(1). |f|²/P(1) is of a degree at which its residues for P(p) and P(q)/P(1) add up
to 0, as they have no line in common. They are at places (i, j), where f is 0, and at those where j is the one before i: |f|² over
the determinant of the gradients of P(p) and P(q). In this, for angles i and j and the third one k = -i - j,

    cos(p·i/2)·sin(p·j/2)·sin(p·k/2)·cos(q·j/2)·sin(q·i/2)·sin(q·k/2) = sin²(p·j/2)·sin²(q·i/2)

has one sign, and that of i and j is their order. So f is 0 there too: on other p-lines at 2q - 1 places, which are q + e or more.

For e = p it is so if f is 0 on the lines of angle 0. There it may be a number times sin(p·t/2)·sin(q·t/2)/sin(t/2); these three
numbers add up to 0, as the slopes of f where they meet do. So f that are no multiples of P(p) are of dimension 2 at most, and told
apart are 3pq - 2 or more: entries are 3p·(p + q) - 3p² more than in multiples. There are no more places, and they stay apart
where more entries are.

A third of a turn keeps P(p), half of one and a sixth change its sign: so its multiples are turned as a hexagon of radius Δ - p is,
up to that. Where h > 1 some e are below p/h and others aren't, for Δ in between, it isn't known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sympy import And, Expr, Ge, Le, Max, Min, Mod, Or, Piecewise, expand, false, true

from derive.forms.expr import Gcd
from derive.remembered import built

__all__ = ["SIXTHS", "Sides", "turned_on_two"]

SIXTHS = {"same": 1, "third": 2, "half": 1, "sixth": 2}
Sides = tuple[Any, Expr, Expr]  # where it is so, how many roots there are along either axis


def turned_on_two(radius: Expr, half: int, sides: Iterable[Sides], alike: Mapping[Any, Expr], elsewhere: Expr) -> Expr:
    """So many orbits, by thirds, or by sixths of a turn where `half` of one keeps functions, or with -1 changes their sign.

    On two sizes case by case, where these are `alike` by a condition each, and what stands where no formula is known.
    """
    pairs = [(number, given) for given, number in alike.items()]
    for given, p, q in sides:
        both, h = expand(p + q), Gcd(p, q)
        pairs.append((_of_multiples(radius, built(Min, p, q), half), And(given, Le(2 * radius + 1, both - h))))
        pairs.append((_of_places(p, q, h, half), given if h == 1 else And(given, Ge(2 * radius + 1, both))))
    return _written(pairs, elsewhere)


def _of_multiples(radius: Expr, least: Expr, half: int) -> Expr:
    """Orbits of radius Δ, less those of Δ - p."""
    beyond = built(Max, 0, expand(radius + 1) - least)
    left = expand(radius**2 + radius) - beyond**2 + beyond
    return (left / 2 if half else left) + (1 if half > 0 else -built(Min, 1, beyond)) + (0 if half else 1)


def _of_places(p: Expr, q: Expr, h: Expr, half: int) -> Expr:
    """Orbits of places at which functions are seen."""
    places, thirds = expand(3 * p * q) - 2 * h**2, Gcd(3, h)
    return (places + half * (6 - 3 * Mod(p, 2) * Mod(q, 2)) + 2 * thirds) / (6 if half else 3)


def _written(pairs: Iterable[tuple[Expr, Any]], elsewhere: Expr) -> Expr:
    """A number for each condition, those of one number together."""
    found: dict[Expr, Any] = {}
    for number, given in pairs:
        if given != false:
            found[number] = Or(found.get(number, false), given)
    pieces: list[tuple[Expr, Any]] = []
    for number, given in found.items():
        pieces.append((number, given))
        if given == true:
            break
    else:
        pieces.append((elsewhere, True))
    return pieces[0][0] if len(pieces) == 1 else Piecewise(*pieces, evaluate=False)
