"""How many entries of a hexagon are told apart that turns by thirds tie, where p and q > p roots of 1 are seen along its axes.

    2Δ + 1 ≤ p + q - h     orbits of radius Δ, less those of radius Δ - p, h = gcd(p, q): half a turn counts these with a sign
    2Δ + 1 ≥ p + q         orbits of 3pq - 2h² places, of which a third of a turn keeps 3 where h is a multiple of 3, else 1, a
                           sixth 1, and half a turn 4 where p or q is even, else 1

With three angles of sum 0 between numbers z of magnitude 1 an entry is a product of powers of z. Seen are values at places (i, j),
where angle i is of a p-th root and the next one, j, of a q-th: in all pq for each i, and h² of them for all three. Let f be a sum
of entries that is 0 at all of these, P(p) the product of sin(p·angle/2) over the angles, p-lines those where it is 0, and h-lines
those of them where P(h) is. On each f is a polynomial of 2Δ + 1 entries, or of w in a hexagon that isn't even.

For w ≤ p + q - h all f are multiples of P(p), which is of radius p. On h-lines f is 0 at q roots and at p - h others, where three
p-lines meet, so everywhere: f is a multiple of P(h). |f|²/P(h) is of a degree at which its residues for P(p) and P(q)/P(h) add up
to 0, as they have no line in common. They are at places (i, j), where f is 0, and at those where j is the one before i: |f|² over
the determinant of the gradients of P(p) and P(q). In this, for angles i and j and the third one k = -i - j,

    cos(p·i/2)·sin(p·j/2)·sin(p·k/2)·cos(q·j/2)·sin(q·i/2)·sin(q·k/2) = sin²(p·j/2)·sin²(q·i/2)

has one sign, and that of i and j is their order. So f is 0 there too: on other p-lines at 2q - h places, which are p + q or more.

For w = p + q it is so if f is 0 on h-lines. On each it may be what is 0 at those p + q - h places times a polynomial of h entries,
which is one of values at the h places where h-lines meet. There the slopes of f along three of them add up to 0. So f that are no
multiples of P(p) are of dimension 2h² at most, and told apart are 3pq - 2h² or more: entries are 3pw - 3p² more than in multiples.
There are no more places, and they stay apart where more entries are.

A third of a turn keeps P(p), half of one and a sixth change its sign: so its multiples are turned as a hexagon of radius Δ - p is,
up to that. In between it isn't known, but there is nothing where h is 1. Of radius p, if that is in between, what is no multiple is
three numbers of sum 0, on h-lines of each angle one: no turn by thirds keeps any.

With reflections, what isn't seen is 0 at places (j, i) as well. It is a multiple of P(p) if 2Δ + 1 ≤ q + min(q, 2p - 2h): p-lines
that are no h-lines have 2q places where it is 0, so that it is; then h-lines have q, and p - h twice where two others of these
meet. A reflection in a step keeps P(p), and one between steps changes its sign.

Where -1 is left out of both roots, as behind symmetric edges, all of this is so of P(p), P(q) and P(h) over the product of the
cosines of half of each angle: with p - 1, q - 1 and w up to p + q - h - 1, or w = p + q - 2, and h² - 3h + 3 places of all three;
with reflections up to q - 1 + min(q - 1, 2p - 2h).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sympy import Add, And, Dummy, Expr, Ge, Le, Max, Min, Mod, Or, Piecewise, expand, false, floor, true

from derive.forms.expr import Gcd
from derive.remembered import built, replaced

__all__ = ["KEPT", "Sides", "turned_on_two"]

TURNS = frozenset({"same", "third", "half", "sixth"})
KEPT = {
    "same": 1,
    "third": 1,
    "half": -1,
    "sixth": -1,
    "along": 1,
    "between": -1,
}  # the sign that an element gives P(p)
Sides = tuple[
    Any, Expr, Expr, int
]  # where it is so, how many roots there are along both axes, and 1 where -1 is left out


def turned_on_two(
    radius: Expr,
    kinds: Mapping[str, int],
    order: int,
    sides: Iterable[Sides],
    alike: Mapping[Any, Expr],
    elsewhere: Expr,
) -> Expr:
    """So many orbits, of so many elements of each kind, less those that change signs.

    On two sizes case by case, where these are `alike` by a condition each, and what stands where no formula is known.
    """
    pairs = [(number, given) for given, number in alike.items()]
    for given, p, q, lost in sides:
        both, h, least, most = expand(p + q), Gcd(p, q), built(Min, p, q), built(Max, p, q)
        multiples = _of_multiples(radius, least - lost, kinds) / order
        if not set(kinds) <= TURNS:
            last = most - lost + built(Min, most - lost, 2 * least - 2 * h)
            pairs.append((multiples, And(given, Le(2 * radius + 1, last))))
            continue
        pairs.append((multiples, And(given, Le(2 * radius + 1, both - h - lost))))
        reached = true if h == 1 + lost else Ge(2 * radius + 1, both - lost)
        pairs.append((_of_places(p, q, h, kinds, lost) / order, And(given, reached)))
    return _written(pairs, elsewhere)


def _of_multiples(radius: Expr, least: Expr, kinds: Mapping[str, int]) -> Expr:
    """What elements keep of radius Δ, less that of Δ - p."""
    x, s = Dummy(integer=True), Dummy(integer=True)
    beyond = {"same": 3 * x**2 - 3 * x + s, "along": 2 * x - s, "between": 2 * floor((x + 1) / 2) - s}
    inside = {"same": 3 * radius**2 + 3 * radius + 1, "along": 2 * radius + 1, "between": 2 * floor(radius / 2) + 1}
    kept = (many * (inside.get(kind, 1) - KEPT[kind] * beyond.get(kind, s)) for kind, many in kinds.items())
    far = built(Max, 0, expand(radius + 1) - least)
    return replaced(expand(Add(*kept)), {x: far, s: built(Min, 1, far)})


def _of_places(p: Expr, q: Expr, h: Expr, kinds: Mapping[str, int], lost: int) -> Expr:
    """What turns keep of the places at which functions are seen."""
    shared = h**2 - lost * (3 * h - 3)
    half = 1 if lost else 4 - 3 * Mod(p, 2) * Mod(q, 2)
    places = {"same": expand(3 * (p - lost) * (q - lost)) - 2 * shared, "half": half, "third": Gcd(3, h)}
    return Add(*(many * places.get(kind, 1) for kind, many in kinds.items()))


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
