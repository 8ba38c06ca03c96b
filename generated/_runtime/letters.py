"""Shapes in letters: `"n, 2*Delta + 1"` as axes, as text, and with their numbers filled in."""

import re
from collections.abc import Mapping
from functools import lru_cache

__all__ = ["axes_of", "in_letters", "in_numbers", "parity_hint", "values_of"]

_EVERY_SECOND = re.compile(r"2\*\w+ [+-] (\d+)")


@lru_cache(maxsize=1024)
def axes_of(text: str) -> tuple[str, ...]:
    """The axes of a shape in letters: `"Min(n, m), C"` has the two axes `Min(n, m)` and `C`."""
    axes, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            axes.append(text[start:position].strip())
            start = position + 1
    return (*axes, text[start:].strip()) if text.strip() else ()


def in_letters(axes: tuple[str, ...], batched: bool = False) -> str:
    """`(n, m)`, written as Python writes a tuple; `(..., n, m)` where batch axes may lead."""
    if batched:
        return f"({', '.join(('...', *axes))})"
    return f"({axes[0]},)" if len(axes) == 1 else f"({', '.join(axes)})"


def values_of(axes: tuple[str, ...], sizes: Mapping[str, int]) -> str:
    """`n = 4, Delta = 1`: the values of the sizes that these axes mention, in the order of `sizes`."""
    mentioned = set(re.findall(r"\w+", " ".join(axes)))
    return ", ".join(f"{name} = {value}" for name, value in sizes.items() if name in mentioned)


def in_numbers(axes: tuple[str, ...], shape: tuple[int, ...], sizes: Mapping[str, int]) -> str:
    """`, which is (3, 3) for Delta = 1`; nothing where the letters are numbers already."""
    values = values_of(axes, sizes)
    return f", which is {shape} for {values}" if values else ""


def parity_hint(axes: tuple[str, ...], shape: tuple[int, ...]) -> str:
    """`: an extent 2*Delta + 1 is odd, and 4 is even` for the first extent of the wrong parity, if any."""
    for axis, extent in zip(axes, shape, strict=True):
        form = _EVERY_SECOND.fullmatch(axis)
        if form and (extent - int(form[1])) % 2:
            right, wrong = ("odd", "even") if extent % 2 == 0 else ("even", "odd")
            return f": an extent {axis} is {right}, and {extent} is {wrong}"
    return ""
