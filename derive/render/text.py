"""Pages for a terminal: colour and boxes where there is one, plain text in a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import StringIO

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table as Grid
from rich.text import Text

from derive.render.document import (
    Block,
    Code,
    Details,
    Figure,
    Formula,
    Heading,
    Item,
    Sentence,
    Source,
    Table,
)
from derive.render.wrapping import Formulas, Unbroken

__all__ = ["page", "plain"]

_WIDTH = 80
_MARGIN = (0, 0, 1, 0)
_INDENT = (0, 0, 1, 4)


def page(blocks: Iterable[Block]) -> RenderableType:
    """What `show NAME` prints on a console."""
    return Group(*_printed(blocks, folded=True))


def plain(blocks: Iterable[Block], width: int = _WIDTH) -> str:
    """The same for a pipe: no colour, no trailing blanks, and code as it is."""
    console = Console(file=StringIO(), width=width, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as capture:
        console.print(Group(*_printed(blocks, folded=False)), crop=False)
    lines = capture.get().replace("\xa0", " ").splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _printed(parts: Iterable[Block], folded: bool) -> Iterator[RenderableType]:
    for block in parts:
        yield from _block(block, folded)


def _block(block: Block, folded: bool) -> Iterator[RenderableType]:
    match block:
        case Heading(level, text):
            yield Text(text, style="bold")
            line = "" if level > 2 else "=-"[level - 1] * min(len(text), _WIDTH - 1)
            yield Text(line, style="dim", no_wrap=True, overflow="crop")
            if level < 3:
                yield Text("")
        case Sentence(text, lead):
            yield Padding(Unbroken(_sentence(text, lead)), _MARGIN)
        case Source(_, file):
            yield Padding(_sentence(f"The rule: `{file}`."), _MARGIN)
        case Formula():
            yield _formula(block)
        case Item(number, says, formula):
            yield Unbroken(_sentence(f"{number}. {says}:"))
            yield _formula(formula)
        case Figure(file, caption, _):
            yield Padding(Unbroken(_sentence(f"[{file}] {caption}")), _MARGIN)
        case Code(language, text):
            yield from _code(language, text, folded)
        case Table():
            yield Padding(_table(block.worded), _MARGIN)
        case Details(summary, inner):
            yield Text(summary, style="bold")
            yield Text("")
            yield from _printed(inner, folded)


def _sentence(text: str, lead: str = "") -> Text:
    out = Text()
    if lead:
        out.append(f"{lead} " if text else lead, style="bold")
    for place, part in enumerate(text.split("`")):
        out.append(part, style="cyan" if place % 2 else None)
    return out


def _formula(formula: Formula) -> RenderableType:
    """Each equation on a line of its own, on two where it is long; its conditions beneath it."""
    lines: list[str] = []
    for text, _ in formula.lines:
        equation, *conditions = (part.strip() for part in text.split(" " * 8))
        if len(equation) > _WIDTH - 4:
            equation = equation.replace(" = ", "\n  = ", 1)
        lines += [equation, *conditions]
    return Padding(Formulas([part for line in lines for part in line.split("\n")], style="green"), _INDENT)


def _code(language: str, text: str, folded: bool) -> Iterator[RenderableType]:
    if language == "python" and folded:
        yield Syntax(text, language, theme="ansi_light", background_color="default", word_wrap=True)
    elif language == "python":
        yield Text(text, no_wrap=True, overflow="ignore")
    else:
        lines = (line.replace("   ⟶", "\n  ⟶") if len(line) > _WIDTH - 4 else line for line in text.splitlines())
        yield Padding(Text("\n".join(lines)), (0, 0, 0, 4))
    yield Text("")


def _table(table: Table) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    for column, name in enumerate(table.header):
        right, whole = column in table.right, column in table.right or column == 0
        grid.add_column(name, justify="right" if right else "left", no_wrap=whole, overflow="fold")
    for row in table.rows:
        grid.add_row(*map(_cell, row))
    return grid


def _cell(cell: str | Formula | Figure) -> Text:
    if isinstance(cell, Formula):
        return Text(cell.lines[0][0])
    return _sentence(cell) if isinstance(cell, str) else Text()
