"""Signed union-find over any points: each image of a point is a point with a sign, and what is its own negative is 0."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable

__all__ = ["by_value", "signed_classes"]

Point = Hashable
Class = frozenset[tuple[Point, int]]


def signed_classes(
    points: Iterable[Point], images: Callable[[Point], Iterable[tuple[Point, int]]]
) -> tuple[set[Class], set[Point]]:
    """The classes, each point with its sign relative to the least one, and the points that must be 0."""
    parent = {(p, s): (p, s) for p in points for s in (1, -1)}

    def root(node):
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for point, own in list(parent):
        for image, sign in images(point):
            if (image, 1) in parent:
                parent[root((image, own * sign))] = root((point, own))
    zero = {p for p, s in parent if root((p, 1)) == root((p, -1))}
    found: dict = {}
    for point, sign in parent:
        if point not in zero:
            found.setdefault(root((point, sign)), set()).add((point, sign))
    return {_normal(c) for c in found.values()}, zero


def by_value(values: dict[Point, int]) -> tuple[set[Class], set[Point]]:
    """The same of points with whole numbers: equal up to sign is one class, 0 is 0."""
    found: dict[int, set] = {}
    for point, value in values.items():
        if value:
            found.setdefault(abs(value), set()).add((point, 1 if value > 0 else -1))
    return {_normal(c) for c in found.values()}, {p for p, v in values.items() if not v}


def _normal(members) -> Class:
    least = min(members)[1]
    return frozenset((p, s * least) for p, s in members)
