"""Unions of boxes, and of whatever else meets in its like, as sums of intersections."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from derive.forms.count import NotCountable

__all__ = ["intersections", "without_implied"]

T = TypeVar("T", bound=Hashable)
U = TypeVar("U")


def intersections(boxes: Iterable[T], meet: Callable[[T, T], T], most: int) -> dict[T, int]:
    """The boxes that add up, each so many times, to the union of these: by inclusion and exclusion, those alike together.

    Raises NotCountable for more than so many of them.
    """
    total: dict[T, int] = {}
    for new in boxes:
        met = {new: 1}
        for box, times in total.items():
            shared = meet(box, new)
            met[shared] = met.get(shared, 0) - times
        for box, times in met.items():
            total[box] = total.get(box, 0) + times
        total = {box: times for box, times in total.items() if times}
        if len(total) > most:
            raise NotCountable("Boxes that overlap in very many ways.")
    return total


def without_implied(parts: Iterable[U], implies: Callable[[U, U], bool]) -> list[U]:
    """Without those that imply another one; of those that say the same one is left."""
    kept: list[U] = []
    for part in parts:
        if not any(implies(part, other) for other in kept):
            kept = [*(other for other in kept if not implies(other, part)), part]
    return kept
