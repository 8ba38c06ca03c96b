"""Pages for a terminal: colour and boxes where there is one, plain text in a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table as Grid
from rich.text import Text

from derive.render.content import blocks
from derive.render.document import Block, Code, Details, Figure, Formula, Heading, Item, Sentence, Subject, Table

__all__ = ["page"]

_MARGIN = (0, 0, 1, 0)
_INDENT = (0, 0, 1, 4)


def page(subject: Subject) -> RenderableType:
    """What `show NAME` prints on a console."""
    return Group(*_printed(blocks(subject)))


def _printed(parts: Iterable[Block]) -> Iterator[RenderableType]:
    for block in parts:
        yield from _block(block)


def _block(block: Block) -> Iterator[RenderableType]:
    match block:
        case Heading(level, text):
            yield Text(text, style="bold underline" if level == 1 else "bold")
            yield Text(("=" if level == 1 else "-") * len(text) if level < 3 else "", style="dim")
        case Sentence(text, lead):
            yield Padding(_sentence(text, lead), _MARGIN)
        case Formula():
            yield _formula(block)
        case Item(number, says, formula):
            yield _sentence(f"{number}. {says}:")
            yield _formula(formula)
        case Figure(picture, _):
            yield Padding(_sentence(f"[{picture.file}] {picture.caption}"), _MARGIN)
        case Code(language, text):
            yield _code(language, text)
        case Table():
            yield Padding(_table(block), _MARGIN)
        case Details(summary, inner):
            yield Text(summary, style="bold")
            yield from _printed(inner)


def _sentence(text: str, lead: str = "") -> Text:
    out = Text(f"{lead} " if lead and text else lead, style="bold") if lead else Text()
    for place, part in enumerate(text.split("`")):
        out.append(part, style="cyan" if place % 2 else "not bold")
    return out


def _formula(formula: Formula) -> RenderableType:
    """Each equation on a line of its own, its conditions beneath it."""
    lines = [part.strip() for text, _ in formula.lines for part in text.split(" " * 8)]
    return Padding(Text("\n".join(lines), style="green"), _INDENT)


def _code(language: str, text: str) -> RenderableType:
    if language != "python":
        return Padding(Text(text), _INDENT)
    return Padding(Syntax(text, language, theme="ansi_light", background_color="default", word_wrap=True), _MARGIN)


def _table(table: Table) -> Grid:
    rows = [table.header, *table.rows]
    kept = [c for c in range(len(table.header)) if not any(isinstance(row[c], Figure) for row in rows)]
    kept = [c for c in kept if any(row[c] for row in table.rows)]
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for column in kept:
        grid.add_column(table.header[column], justify="right" if column in table.right else "left")
    for row in table.rows:
        grid.add_row(*(_cell(row[c]) for c in kept))
    return grid


def _cell(cell: str | Formula | Figure) -> Text:
    if isinstance(cell, Formula):
        return Text(cell.lines[0][0])
    return _sentence(cell) if isinstance(cell, str) else Text()
