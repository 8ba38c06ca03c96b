"""How many entries of a hexagon are told apart where reads go around or are mirrored, at every size, tied or not.

    |a|, |b|, |a + b| ≤ Δ on a torus of n by m places   ⟶   A·B - x(x + 1)
    A = min(n, 2Δ + 1),   B = min(m, 2Δ + 1),   x = max(0, A + B - 3Δ - 2)

Along an axis functions are seen at p roots of 1, so that any p entries which follow each other are told apart. Behind periodic
edges, and behind others where every place is kept, these are all roots of an order, and residues mod p are seen: p = n/e with
e = gcd(d, n); p = (2n - 2)/e with e = gcd(d, 2n - 2), and 1 of one place; p = 2n/e with e = gcd(d, 2n) > 1. Where that is 1,
behind symmetric edges, they are the roots of order 2n but -1: see `halves`.

With p and q roots, untied: for 2Δ + 1 ≤ q the rows b are told apart, and of each min(p, 2Δ + 1 - |b|) entries. For 2Δ + 1 ≥ p, q
what misses p·q are sequences y(b) of functionals on rows that have q roots as a recurrence, y(b) being 0 on row b of the hexagon.
Rows of b ≥ 0 hold [-Δ, 0], others [0, Δ], and no functional is 0 on both: y is a sum of one that is 0 for b ≤ 0 and one for b ≥ 0.
Of either, from row to row one functional more is 0 there, with x, x - 1, ..., 1 sequences that are 0 on all rows before.

A group that carries roots to roots makes orbits of what is seen: by Burnside's lemma as many as the mean of its elements' traces
there. As the number above doesn't turn on where the roots are, these may move, with half a turn's inverses and alike along axes
that are exchanged, until they are all of order p. Then a trace is how many residues that are reached stay:

    half a turn             0, along either axis or both p/2, for p ≤ 2Δ even: 2 - A mod 2 along each
    a third, a sixth        0, and for a third (p/3, p/3) and its opposite, for p a multiple of 3, 2p ≤ 3Δ
    reflected in a step     (k, -k), at a distance of |k|: A
    and between two         (k, k), at a distance of 2|k| or p - |k|: min(p, 2⌊Δ/2⌋ + 1 + max(0, 2Δ + 1 - p))

Turns by thirds carry roots of order 2n, -1 left out along both axes, to all pairs of such roots but three, which are 1 or -1 each:
seen are residues mod 2n, less functions of these three, (-1)^a + (-1)^b + (-1)^(a + b). That is nowhere 0, so it is one function
if all residues are reached, 4n - 2 ≤ 3Δ, else none.

Where elements change the sign of entries, traces count with that, and the one function, which all keep, isn't there.

All are told apart if along either axis 2Δ < p, or 2Δ = p and the farthest offset is tied to its opposite, as no others of one
residue are as near; with a sign, and where none forces it to be 0, these two are what isn't. No turn or reflection but half a turn
carries residues of two sizes to each other: of those there is no number.

On two sizes p < q turns by thirds leave all told apart of a radius less than p, and of p where some element doesn't keep the first
function that isn't seen: see `thirds`. Of the next ones, of radius p + 1, some orbit's sum is kept by all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import gcd
from typing import Any

from sympy import Add, And, Dummy, Eq, Expr, Integer, Le, Lt, Max, Min, Mod, Mul, Or, expand, factor, false, floor, true

from derive.proof.halves import written
from derive.proof.hexagons import Hexagon
from derive.proof.lines import Line, by_remainder
from derive.proof.thirds import KEPT, turned_on_two
from derive.proof.ties import Matrix, turned
from derive.remembered import built, replaced

__all__ = ["seen_of_hexagon"]

_STEPS = ((1, 0), (0, 1), (-1, 1))  # up to their signs
_TURNS = {2: "same", 1: "sixth", -1: "third", -2: "half"}  # by their trace
_AROUND: Mapping[str, tuple[int, int]] = {"periodic": (1, 0), "reflect": (2, -2), "symmetric": (2, 0)}  # c·n + d


@dataclass(frozen=True, slots=True)
class _Roots:
    """Where it is so, how many roots of 1 there are along an axis, `closed` under turns if these are all of an order.

    Of turns by thirds it is told whether that is a multiple of 3, and whether one function is `lost` though all are reached.
    """

    given: Any
    many: Expr
    closed: bool = True
    by_thirds: bool = False
    lost: bool = False


def seen_of_hexagon(
    hexagon: Hexagon, lines: Sequence[Line], elsewhere: Expr | None = None
) -> tuple[Expr | None, list[Any] | None] | None:
    """How many orbits of the hexagon's entries are told apart, and conditions that all hold where all are.

    No conditions are known where a reflection in a step changes signs, but with turns by thirds on two sizes.
    None where a stride leaves out places that a mirror needs, and for groups that do not act on what is seen. With turns by thirds
    on two sizes a number is `elsewhere` where no formula is known; and where elements change signs, conditions are enough there.
    """
    if any(line.stride > 1 and line.edge != "periodic" for line in lines):
        return None
    kinds = _kinds(hexagon)
    thirds = "third" in kinds
    found = [list(_roots(line, thirds, by_thirds=thirds)) for line in lines]
    alike = replace(lines[0], stride=lines[1].stride) == lines[1]
    acts = hexagon.keeps_axes or all(roots.closed for roots in found[0])
    if thirds and not alike and len({roots.lost for some in found for roots in some}) == 1:
        clauses = [_whole_of_two(hexagon, *(_roots(line, thirds=True) for line in lines))]
        return None if elsewhere is None else _turned(hexagon, kinds, lines, elsewhere), clauses
    if not acts or not (alike or set(kinds) <= {"same", "half"}):
        return None
    pairs: list[tuple[Expr, Any]] = []
    for axes in [(roots, roots) for roots in found[0]] if alike else product(*found):
        number, given = _number(hexagon, axes), And(*(roots.given for roots in axes))
        if given == false:
            continue
        if pairs and pairs[-1][0] == number:
            given = Or(pairs.pop()[1], given)
        pairs.append((number, given))
    if any(turned(matrix, step) == step and sign < 0 for matrix, sign in hexagon.characters for step in _STEPS[:2]):
        return written(pairs), None
    steps = zip(_STEPS, lines, strict=False)
    return written(pairs), [_whole(hexagon, step, list(_roots(line, thirds))) for step, line in steps]


def _kinds(hexagon: Hexagon) -> dict[str, int]:
    """How many elements there are of each kind, less those that change the sign."""
    found: dict[str, int] = {}
    for matrix, sign in hexagon.characters:
        kind = _kind(matrix)
        found[kind] = found.get(kind, 0) + sign
    return found


def _kind(matrix: Matrix) -> str:
    """What kind of a turn or a reflection it is."""
    (a, b), (c, d) = matrix
    if a * d - b * c == 1:
        return _TURNS[a + d]
    return "along" if any(turned(matrix, step) == step for step in _STEPS) else "between"


def _roots(line: Line, thirds: bool, by_thirds: bool = False) -> Iterator[_Roots]:
    """Case by case those of a line of which every place is kept, or that goes around; multiples of 3 are told `by_thirds`."""
    times, shift = _AROUND[line.edge]

    def divisor(rest: int) -> tuple[int, bool]:
        e = gcd(line.step, times * rest + shift)
        return e, by_thirds and (times * rest + shift) // e % 3 == 0

    for given, (e, multiple) in by_remainder(line, 3 * line.step if by_thirds else 1, divisor):
        around = expand((times * line.extent + shift) / e)
        many = built(Max, 1, around) if shift else around
        if line.edge != "symmetric" or e > 1:
            yield _Roots(given, many, by_thirds=multiple)
        elif thirds:
            yield _Roots(given, many, by_thirds=multiple, lost=True)
        else:
            yield _Roots(given, many - 1, closed=False)


def _number(hexagon: Hexagon, axes: Sequence[_Roots]) -> Expr:
    """The mean over the group of how much of what is seen an element keeps, with its sign."""
    radius, kinds, order = hexagon.radius, _kinds(hexagon), len(hexagon.group)
    first, alike = axes[0], axes[0] == axes[1]
    letters = {roots: Dummy(integer=True) for roots in axes}
    side, other = (letters[roots] for roots in axes)
    values = {letter: built(Min, roots.many, 2 * radius + 1) for roots, letter in letters.items()}
    corner, odd = Dummy(integer=True), {roots: Dummy(integer=True) for roots in axes}
    values[corner] = built(Max, 0, expand(values[side] + values[other] - 3 * radius - 2))
    values |= {odd[roots]: Mod(values[letter], 2) for roots, letter in letters.items()}
    opposite = 4 - 3 * odd[first] if alike else Mul(*(2 - odd[roots] for roots in axes))
    between, reach = Dummy(integer=True), Dummy(integer=True)
    values[between] = _between(first.many, radius)
    values[reach] = _step(3 * radius - 2 * first.many + 1, *([first.many - 1] if first.many.has(Max) else []))
    third = 1 + 2 * reach if first.by_thirds else 1
    stay = {"half": opposite, "third": third, "sixth": 1, "along": side, "between": between}
    same = side * other - corner * (corner + 1)
    total = Add(same, *(many * stay[kind] for kind, many in kinds.items() if kind != "same"))
    total = total.xreplace({odd[roots]: Integer(1) for roots in axes if roots.many.is_odd})
    ways = (expand(total / order), total / order, factor(total / order))
    found = replaced(min(ways, key=lambda e: e.count_ops()), values)
    return found - _step(3 * radius - 2 * first.many + 3) if first.lost and not hexagon.signs else found


def _turned(hexagon: Hexagon, kinds: Mapping[str, int], lines: Sequence[Line], elsewhere: Expr) -> Expr:
    """With turns by thirds on two sizes, which may be equal."""
    found = [list(_roots(line, thirds=True, by_thirds=True)) for line in lines]
    one_law = replace(lines[0], extent=lines[1].extent) == lines[1]
    alike = {}
    for (j, one), (k, other) in product(*map(enumerate, found)):
        given = one.given if one_law and j == k else And(one.given, other.given)
        single = not one_law and one.many.has(Max)  # of one place there is one root, though 0 is a multiple of 3
        if (one.by_thirds == other.by_thirds or single) and And(given, Eq(one.many, other.many)) != false:
            alike[And(given, Eq(one.many, other.many))] = _number(hexagon, (one, one))
    sizes = product(*(list(_roots(line, thirds=True)) for line in lines))
    sides = [(And(one.given, other.given), one.many, other.many, int(one.lost)) for one, other in sizes]
    return turned_on_two(hexagon.radius, kinds, len(hexagon.group), sides, alike, elsewhere)


def _between(many: Expr, radius: Expr) -> Expr:
    """How many residues (k, k) are reached."""
    return built(Min, many, 2 * floor(radius / 2) + 1 + built(Max, 0, expand(2 * radius + 1 - many)))


def _step(*numbers: Expr) -> Expr:
    """1 where all are positive, else 0."""
    return built(Max, 0, built(Min, 1, *map(expand, numbers)))


def _whole(hexagon: Hexagon, step: tuple[int, ...], found: Sequence[_Roots]) -> Any:
    """That nothing is seen twice along a step but offsets that are tied, and nothing is lost."""
    opposite = tuple(-x for x in step)
    tied = any(turned(matrix, step) == opposite and sign > 0 for matrix, sign in hexagon.characters)
    options = []
    for roots in found:
        full = Le(2 * hexagon.radius + (0 if tied else 1), _even(roots.many) if tied else roots.many)
        lost = Le(3 * hexagon.radius, 2 * roots.many - 3) if roots.lost and not hexagon.signs else true
        options.append(And(roots.given, full, lost))
    return Or(*options)


def _whole_of_two(hexagon: Hexagon, one: Iterable[_Roots], other: Iterable[_Roots]) -> Any:
    """That turns by thirds leave nothing that is seen twice on two sizes: the same as of one where they are equal, else more."""
    options = []
    for p, q in product(one, other):
        along = zip(_STEPS, (p, q), strict=False)
        same = And(*(_whole(hexagon, step, [replace(roots, given=true)]) for step, roots in along))
        first = hexagon.signs or all(KEPT[_kind(matrix)] > 0 for matrix in hexagon.group)
        least = hexagon.radius + 1 if first else hexagon.radius
        longer = Or(*(And(Le(least + int(p.lost), a), Lt(a, b)) for a, b in ((p.many, q.many), (q.many, p.many))))
        options.append(And(p.given, q.given, longer if Eq(p.many, q.many) == false else Or(same, longer)))
    return Or(*options)


def _even(many: Expr) -> Expr:
    """What an even number is at most if it is at most this, which may be 1 in place of 0."""
    parts = [part for part in Max.make_args(many) if part != 1]
    return built(Max, *parts) if parts else many
