"""Formulas in lines that a terminal is wide enough for: broken between conditions and before sums, in brackets where it must be."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

__all__ = ["Formulas", "printed", "wrapped"]

_HELD = "\ue000"  # of no formula
_APART = re.compile(r"(?<=[,;]) | (?=where |or |and |= |\+ Σ)|(?<=Σ_\w) ")
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
    held = indent + " ".join(_LIST.sub(r"\1 ", part) if len(part) > width - 8 else part for part in parts)
    rows = textwrap.wrap(held, width, subsequent_indent=f"{indent}    ", break_on_hyphens=False)
    return [row.replace(_HELD, " ") for row in rows]


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
