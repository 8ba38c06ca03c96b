"""Formulas in lines that a terminal is wide enough for: broken between conditions and before sums, in brackets where it must be."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

__all__ = ["Formulas", "Unbroken", "joined", "labelled", "printed", "wrapped"]

_HELD = "\ue000"  # of no formula
_APART = re.compile(r"(?<=[,;:]) | (?=where |when |for all |or |and |= |\+ Σ)|(?<=Σ_\w) ")
_LIST = re.compile(f"([,;]){_HELD}")  # where a bracket that no line has room for is broken


@dataclass(frozen=True, slots=True)
class Formulas:
    """Lines of formulas, each wrapped with what goes on indented further."""

    lines: Sequence[str]
    style: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As wide as the console lets it be."""
        rows = [row for line in self.lines for row in wrapped(line, options.max_width)]
        yield Text("\n".join(rows), style=self.style, no_wrap=True, overflow="fold")


@dataclass(frozen=True, slots=True)
class Unbroken:
    """A sentence that keeps together what no-break spaces do, at which a console breaks lines as well."""

    text: Text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As wide as the console lets it be, with plain spaces."""
        held = self.text.copy()
        held.plain = held.plain.replace("\xa0", _HELD)
        for segment in console.render(held, options):
            yield segment._replace(text=segment.text.replace(_HELD, " "))


def wrapped(line: str, width: int) -> list[str]:
    """
    >>> wrapped("H[i, j] = u + Σ_a Σ_b V[a, b]·X[i + a, j + b]", 36)
    ['H[i, j] = u + Σ_a Σ_b', '    V[a, b]·X[i + a, j + b]']
    """
    if len(line) <= width:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()))
    width = max(width, 20)
    parts = _breakable(line.lstrip()).split(" ")
    held = " ".join(_LIST.sub(r"\1 ", part) if len(part) > width - 8 else part for part in parts)
    beneath = f"{indent}    "
    rows = textwrap.wrap(held, width, initial_indent=indent, subsequent_indent=beneath, break_on_hyphens=False)
    return [row.replace(_HELD, " ") for row in rows]


def labelled(line: str, column: int, width: int) -> list[str]:
    """A line that has a label up to a column, with what doesn't fit beneath what stands after it.

    >>> labelled("Last form   H[i] = u + Σ_a V[a]·X[i + a]", 12, 34)
    ['Last form   H[i] = u + Σ_a', '                V[a]·X[i + a]']
    """
    parts = line[column:].split(" " * 8)  # an equation and its conditions
    head, *rows = (row for part in parts for row in wrapped(" " * column + part.strip(), width))
    return [line[:column] + head[column:], *rows]


def joined(text: str, most: int) -> str:
    """A formula whose parts of at most so many letters have no-break spaces, for what breaks lines itself.

    >>> joined("V[a, b]·X[i + a] where a < 1", 20).replace("\\xa0", "_")
    'V[a,_b]·X[i_+_a] where_a_<_1'
    """
    parts = _breakable(text).split(" ")
    return " ".join(part.replace(_HELD, " " if len(part) > most else "\xa0") for part in parts)


def _breakable(text: str) -> str:
    """The text with spaces only where a line may end."""
    places = {found.start() for found in _APART.finditer(text)}
    depth, out = 0, []
    for place, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        out.append(_HELD if letter == " " and (depth or place not in places) else letter)
    return "".join(out)


def printed(console: Console, shown: RenderableType) -> None:
    """On a terminal as it is; in a pipe without blanks at the ends of lines."""
    if console.is_terminal:
        console.print(shown)
        return
    with console.capture() as capture:
        console.print(shown)
    for line in capture.get().splitlines():
        console.file.write(f"{line.rstrip()}\n")
