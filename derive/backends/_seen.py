"""The function that gathers the window of which a program supposes something, as NumPy text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from sympy import Symbol

from derive.backends._module import indent
from derive.ir.stages import Room, Stage, Staged, reads_of, statements

__all__ = ["keywords", "seen"]

Lines = list[str]


class Writer(Protocol):
    """What prints stages."""

    def head(self, parts: Iterable[Any], known: set[Symbol]) -> tuple[Lines, Lines]:
        """The keywords that a function takes, and its integers by name."""

    def filled(self, made: Sequence[Room], stages: Sequence[Stage]) -> Lines:
        """Working arrays with what fills them."""


def keywords(keys: Sequence[str]) -> Lines:
    """What a function takes by name; it leaves the sizes that it doesn't need."""
    return ["*", *keys, "**_"] if keys else ["**_"]


def seen(writing: Callable[[Staged], Writer], program: Staged) -> Lines:
    """`_<name>_seen`; nothing for a program that supposes nothing of the values of weights."""
    supposed = program.supposed
    if supposed is None or not supposed.by:
        return []
    writer = writing(replace(program, arguments=supposed.arguments, made=supposed.rooms, fixed=supposed.seen))
    reads = list(dict.fromkeys(a.array for n in statements(supposed.seen) for a in reads_of(n)))
    keys, _ = writer.head((supposed.seen, supposed.rooms), set())
    lines = writer.filled(supposed.rooms, supposed.seen)
    takes = [*(reads or [supposed.window.array]), "new", *keywords(keys)]
    return [
        f"def _{program.name}_seen({', '.join(takes)}):",
        '    """The window, whose values a plan looks at."""',
        *indent([*lines, f"return {supposed.window.array}"]),
    ]
