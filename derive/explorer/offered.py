"""The settings that the page holds where no engine is at hand: the common constraints, in every order that may differ.

Shifts, a window and a point group in any order; with shifts a stride too, after all of them, or before the last, which it may
break. Windows of every shape, and channels, are those of the box.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product

from derive.explorer.settings import GRIDS, Setting

__all__ = ["FIRST", "offered"]

FIRST = Setting(2, "box", ("translations", "box"))
_PLAIN = {1: ("", "interval"), 2: ("", "box")}
_SHAPES = {1: ("causal",), 2: ("diamond", "cross", "causal")}
_GROUPS = {1: ("", "D1"), 2: ("", "C4", "D4")}


def offered() -> Iterator[Setting]:
    """Every setting that the page holds, once."""
    for axes, grid in product((1, 2), GRIDS):
        for words in _orders(axes, _PLAIN[axes]):
            yield Setting(axes, grid, words)
            if "translations" in words:
                yield Setting(axes, grid, (*words, "stride2"))
                yield Setting(axes, grid, (*words[:-1], "stride2", words[-1]))
            if grid == "box":
                yield Setting(axes, grid, ("channels", *words))
        for words in _orders(axes, _SHAPES[axes]) if grid == "box" else ():
            yield Setting(axes, grid, words)


def _orders(axes: int, windows: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for chosen in product(("", "translations"), windows, _GROUPS[axes]):
        yield from permutations(word for word in chosen if word)
