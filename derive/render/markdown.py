"""Pages as Markdown: formulas as `$$...$$`, proofs folded, pictures beside the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

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

__all__ = ["page"]


def page(blocks: Iterable[Block]) -> str:
    """docs/derivations/NAME.md."""
    mark = "<!-- Made by `python -m derive`. Do not edit. -->"
    return "\n\n".join((mark, *_printed(blocks))) + "\n"


def _printed(parts: Iterable[Block]) -> Iterator[str]:
    for block in parts:
        yield _block(block)


def _block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {text}"
        case Sentence(text, lead):
            return f"**{lead}**{' ' + text if text else ''}" if lead else text
        case Source(name, file):
            return f"The rule: [{name}](../../{file})."
        case Formula():
            return _display(block)
        case Item(number, says, formula):
            return f"**{number}.** {says}:\n\n{_display(formula)}"
        case Figure(file, caption, _):
            return f'<p align="center">{_image(block)}<br><em>{escape(caption)}</em></p>'
        case Code(language, text):
            return f"```{language}\n{text}\n```"
        case Table():
            return _table(block.filled)
        case Details(summary, inner):
            return (
                f"<details>\n<summary>{escape(summary)}</summary>\n\n" + "\n\n".join(_printed(inner)) + "\n\n</details>"
            )


def _display(formula: Formula) -> str:
    lines = [latex for _, latex in formula.lines]
    if len(lines) == 1:
        return f"$$\n{lines[0]}\n$$"
    aligned = " \\\\\n".join(line.replace(" = ", " &= ", 1) for line in lines)
    return f"$$\n\\begin{{aligned}}\n{aligned}\n\\end{{aligned}}\n$$"


def _table(table: Table) -> str:
    rule = ["---:" if column in table.right else "---" for column in range(len(table.header))]
    rows = [[_cell(cell) for cell in row] for row in table.rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in (table.header, rule, *rows))


def _cell(cell: str | Formula | Figure) -> str:
    if isinstance(cell, Figure):
        return _image(cell)
    if isinstance(cell, Formula):
        return f"${cell.lines[0][1]}$"
    return cell.replace("|", r"\|")


def _image(figure: Figure) -> str:
    return f'<img src="{figure.file}" width="{figure.width}" alt="{escape(figure.caption)}">'
