"""The definition of a group's partial action on a box, by brute force: what counts must equal.

Two points are tied iff some element of the group carries one to the other, both inside; every element counts.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from functools import cache
from itertools import product

__all__ = ["classes", "layer_dimensions", "pairs_of_line", "shifted_pairs"]

Point = Hashable


def classes(points: Iterable[Point], images: Callable[[Point], Iterable[Point]]) -> list[set[Point]]:
    """The classes of the finest equivalence that ties each point to its images among the points."""
    parent = {point: point for point in points}

    def root(point: Point) -> Point:
        while parent[point] != point:
            parent[point] = parent[parent[point]]
            point = parent[point]
        return point

    for point in parent:
        for image in images(point):
            if image in parent:
                parent[root(image)] = root(point)
    found: dict[Point, set[Point]] = {}
    for point in parent:
        found.setdefault(root(point), set()).add(point)
    return list(found.values())


def pairs_of_line(n: int) -> list[tuple[int, int]]:
    """All pairs (o, k) of a line of n cells."""
    return list(product(range(n), repeat=2))


def shifted_pairs(shifts: Iterable[int]) -> Callable[[tuple[int, int]], list[tuple[int, int]]]:
    """Where these shifts carry a pair of a line."""
    chosen = list(shifts)
    return lambda pair: [(pair[0] + s, pair[1] + s) for s in chosen]


@cache
def _grid_classes(n: int, m: int, channels: int) -> tuple[tuple[frozenset, ...], tuple[frozenset, ...]]:
    """Tied pairs (i, j, k, l, channel) and tied places (i, j) of a box, under all translations."""
    shifts = list(product(range(1 - n, n), range(1 - m, m)))
    places = list(product(range(n), range(m)))
    pairs = [(*o, *k, c) for o in places for k in places for c in range(channels)]

    def carry_pair(pair):
        i, j, k, l, c = pair
        return [(i + s, j + t, k + s, l + t, c) for s, t in shifts]

    def carry_place(place):
        return [(place[0] + s, place[1] + t) for s, t in shifts]

    return tuple(map(frozenset, classes(pairs, carry_pair))), tuple(map(frozenset, classes(places, carry_place)))


def layer_dimensions(n: int, m: int, tied: bool, radius: int | None, pairs: int, outputs: int) -> tuple[int, int]:
    """Dimensions of weights and biases; `pairs` channel pairs, `outputs` output channels.

    Not tied: each pair is free. A class with a pair beyond the radius is zero as a whole.
    """
    places = list(product(range(n), range(m)))
    if not tied:
        each = [{(*o, *k, c)} for o in places for k in places for c in range(pairs)]
        biases = len(places) * outputs
    else:
        each, alike = _grid_classes(n, m, pairs)
        biases = len(alike) * outputs
    near = [c for c in each if radius is None or all(max(abs(p[2] - p[0]), abs(p[3] - p[1])) <= radius for p in c)]
    return len(near), biases
