"""The settings that the page holds where no engine is at hand: the common constraints, in every order that may differ.

Shifts, a window and a point group in any order; a stride after all of them, or before the last, which it may break.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product

from derive.explorer.settings import GRIDS, Setting

__all__ = ["FIRST", "offered"]

FIRST = Setting(2, "box", ("translations", "box"))
_WINDOWS = {1: ("", "interval", "causal"), 2: ("", "box", "diamond", "cross")}
_GROUPS = {1: ("", "D1"), 2: ("", "C4", "D4")}
_STRIDED = {"", "translations", "interval", "box", "D1", "C4", "D4"}


def offered() -> Iterator[Setting]:
    """Every setting that the page holds, once; with each, those that state less."""
    for axes, grid in product((1, 2), GRIDS):
        for words in _orders(axes):
            yield Setting(axes, grid, words)
            if _STRIDED.issuperset(words):
                yield Setting(axes, grid, (*words, "stride2"))
                if words:
                    yield Setting(axes, grid, (*words[:-1], "stride2", words[-1]))
            if grid == "box":
                yield Setting(axes, grid, ("channels", *words))


def _orders(axes: int) -> Iterator[tuple[str, ...]]:
    for chosen in product(("", "translations"), _WINDOWS[axes], _GROUPS[axes]):
        yield from permutations(word for word in chosen if word)
