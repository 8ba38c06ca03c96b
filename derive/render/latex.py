"""Pages as a LaTeX document that pdflatex reads with its base packages alone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

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

__all__ = ["document"]

_SIGNS = {
    "·": r"\cdot", "×": r"\times", "⟶": r"\longrightarrow", "→": r"\rightarrow", "≤": r"\le",
    "≥": r"\ge", "≠": r"\ne", "∈": r"\in", "∉": r"\notin", "∞": r"\infty", "⟨": r"\langle",
    "⟩": r"\rangle", "⌊": r"\lfloor", "⌋": r"\rfloor", "⌈": r"\lceil", "⌉": r"\rceil", "−": "-",
}  # fmt: skip
_GREEK = re.compile("GREEK (SMALL|CAPITAL) LETTER ([A-Z]+)")
_ESCAPES = str.maketrans(
    {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "_": r"\_", "^": r"\^{}", "#": r"\#", "$": r"\$"}
    | {"%": r"\%", "&": r"\&", "~": r"\~{}", "<": r"\textless{}", ">": r"\textgreater{}", "\xa0": r"\ "}
)
_HEAD = r"""\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{amsmath,amssymb,textcomp}
\usepackage[margin=25mm]{geometry}
\setlength{\parindent}{0pt}
\setlength{\parskip}{1ex}
"""


def document(blocks: Iterable[Block]) -> str:
    """The whole page as a document."""
    body = "\n\n".join(_printed(blocks))
    signs = {letter: sign for letter in sorted(set(body)) if (sign := _sign(letter))}
    declared = "".join(
        rf"\DeclareUnicodeCharacter{{{ord(letter):04X}}}{{\ensuremath{{{sign}}}}}" + "\n"
        for letter, sign in signs.items()
    )
    return f"{_HEAD}{declared}\\begin{{document}}\n\n{body}\n\n\\end{{document}}\n"


def _sign(letter: str) -> str | None:
    """The mathematics that a letter beyond ASCII stands for, where LaTeX needs to be told."""
    raised = re.fullmatch("<super> ([0-9A-F]{4})", unicodedata.decomposition(letter))
    if raised is not None:
        return f"^{{{chr(int(raised[1], 16)).replace('−', '-')}}}"
    greek = _GREEK.fullmatch(unicodedata.name(letter, ""))
    if greek is None:
        return _SIGNS.get(letter)
    name = greek[2].lower()
    return rf"\{name.capitalize() if greek[1] == 'CAPITAL' else name}"


def _printed(parts: Iterable[Block]) -> Iterator[str]:
    for block in parts:
        yield _block(block)


def _block(block: Block) -> str:
    match block:
        case Heading(1, text):
            return rf"\section*{{{_prose(text)}}}"
        case Heading(level, text):
            return rf"\{'sub' * (level - 1)}section*{{{_prose(text)}}}"
        case Sentence(text, lead):
            return (rf"\textbf{{{_prose(lead)}}} " if lead else "") + _prose(text)
        case Source(_, file):
            return rf"The rule: \texttt{{{_prose(file)}}}."
        case Formula():
            return _display(block)
        case Item(number, says, formula):
            return rf"\textbf{{{number}.}} {_prose(says)}:" + "\n\n" + _display(formula)
        case Figure(_, caption, _):
            return rf"\emph{{{_prose(caption)}}}"
        case Code(_, text):
            return f"{{\\footnotesize\n\\begin{{verbatim}}\n{text}\n\\end{{verbatim}}\n}}"
        case Table():
            return _table(block.worded)
        case Details(summary, inner):
            return rf"\textbf{{{_prose(summary)}}}" + "\n\n" + "\n\n".join(_printed(inner))


def _prose(text: str) -> str:
    """A sentence; what stands between backticks in typewriter letters."""
    parts = (part.translate(_ESCAPES) for part in text.split("`"))
    return "".join(rf"\texttt{{{part}}}" if place % 2 else part for place, part in enumerate(parts))


def _display(formula: Formula) -> str:
    lines = [latex for _, latex in formula.lines]
    if len(lines) == 1:
        return f"\\[\n{lines[0]}\n\\]"
    aligned = " \\\\\n".join(line.replace(" = ", " &= ", 1) for line in lines)
    return f"\\begin{{align*}}\n{aligned}\n\\end{{align*}}"


def _table(table: Table) -> str:
    """Columns that hold sentences may break their lines."""
    share = f"{0.84 / len(table.header):.2f}"
    columns = "".join(f"p{{{share}\\textwidth}}" for _ in table.header)
    lines = [" & ".join(map(_cell, row)) + r" \\" for row in (table.header, *table.rows)]
    lines.insert(1, r"\hline")
    text = "\n".join(lines)
    return f"{{\\footnotesize\\raggedright\n\\begin{{tabular}}{{{columns}}}\n{text}\n\\end{{tabular}}\n\n}}"


def _cell(cell: str | Formula | Figure) -> str:
    if isinstance(cell, Formula):
        return f"${cell.lines[0][1]}$"
    return _prose(cell) if isinstance(cell, str) else ""
